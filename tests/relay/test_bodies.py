"""Which of the four endings an answer has."""

from __future__ import annotations

import pytest

from llamaswap.relay.bodies import Body, ChunkedBody, CountedBody, EndlessBody, body_of

CHUNKED = [(b"transfer-encoding", b"chunked")]
COUNTED = [(b"content-length", b"5")]

ENDINGS: dict[str, tuple[bytes, int, list[tuple[bytes, bytes]], Body]] = {
    "a length": (b"GET", 200, COUNTED, CountedBody(5)),
    "chunks": (b"GET", 200, CHUNKED, ChunkedBody()),
    "chunks overrule a length": (b"GET", 200, COUNTED + CHUNKED, ChunkedBody()),
    "neither": (b"GET", 200, [], EndlessBody()),
    "an answer to HEAD": (b"HEAD", 200, COUNTED, CountedBody(0)),
    "no content": (b"POST", 204, [], CountedBody(0)),
    "not modified": (b"GET", 304, CHUNKED, CountedBody(0)),
}


@pytest.mark.parametrize(("method", "status", "headers", "body"), ENDINGS.values(), ids=ENDINGS)
def test_head_tells_how_the_body_ends(
    method: bytes, status: int, headers: list[tuple[bytes, bytes]], body: Body
) -> None:
    assert body_of(method, status, headers) == body


def test_counted_body_ends_with_its_last_byte() -> None:
    body = CountedBody(5)

    assert body.feed(b"abc") == b"abc"
    assert not body.done
    assert not body.end()
    assert body.feed(b"defgh") == b"de"
    assert body.done
    assert body.rest == b"fgh"


def test_chunked_body_joins_what_came_together() -> None:
    body = ChunkedBody()

    assert body.feed(b"1\r\na\r\n1\r\nb\r\n") == b"ab"
    assert not body.end()
    assert body.feed(b"1\r\nc\r\n") == b"c"
    assert body.feed(b"0\r\n\r\nmore") == b""
    assert body.done
    assert body.rest == b"more"


def test_endless_body_ends_with_the_connection() -> None:
    body = EndlessBody()

    assert body.feed(b"abc") == b"abc"
    assert not body.done
    assert body.end()
    assert body.done
