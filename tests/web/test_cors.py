"""What browsers may do."""

from __future__ import annotations

import pytest

from llamaswap.web.cors import allow_cross_origin, origin_headers
from tests.web.asgi_calls import Call

WISHES = {
    "nothing": (None, "Content-Type, Authorization, Accept, X-Requested-With"),
    "some": ("x-api-key, anthropic-version", "x-api-key, anthropic-version"),
    "odd spaces": (" a ,b,, c", "a, b, c"),
    "what is no name": ("a b, c\x7f, d(e), f", "f"),
    "nothing that is a name": ("a b", ""),
}


@pytest.mark.parametrize(("wish", "granted"), WISHES.values(), ids=WISHES)
async def test_a_preflight_is_granted_what_it_asks_for(wish: str | None, granted: str) -> None:
    headers = {} if wish is None else {"access-control-request-headers": wish}
    call = Call("OPTIONS", "/whatever", headers)
    answer = call.new_answer()
    await allow_cross_origin(answer.request, answer)

    assert call.status == 204
    assert call.headers == [
        ("access-control-allow-origin", "*"),
        ("access-control-allow-methods", "GET, POST, PUT, PATCH, DELETE, OPTIONS"),
        ("access-control-allow-headers", granted),
        ("access-control-max-age", "86400"),
    ]
    assert call.body == b""
    assert call.is_complete


def test_an_origin_is_echoed() -> None:
    assert origin_headers(Call("GET", "/", {"origin": "null"}).new_request()) == [
        (b"access-control-allow-origin", b"null"),
        (b"vary", b"Origin"),
    ]
    assert origin_headers(Call().new_request()) == []
