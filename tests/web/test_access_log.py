"""The access log."""

from __future__ import annotations

import logging

import pytest

from llamaswap.web.access_log import log_access, printable
from tests.web.asgi_calls import Call


@pytest.fixture(autouse=True)
def _hear_info(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "llamaswap")


async def test_a_request_is_one_line(caplog: pytest.LogCaptureFixture) -> None:
    call = Call("POST", "/v1/a%20b?secret=1", {"user-agent": "curl/8"})
    answer = call.new_answer()
    await answer.text("hello")
    log_access(answer.request, answer, 0.0123)

    assert caplog.messages == [
        'Request 192.0.2.1 "POST /v1/a b HTTP/1.1" 200 5 "curl/8" 12.3ms',
    ]


async def test_a_long_request_is_told_in_seconds(caplog: pytest.LogCaptureFixture) -> None:
    call = Call("GET", "/x")
    log_access(call.new_request(), call.new_answer(), 61.5)

    assert caplog.messages == ['Request 192.0.2.1 "GET /x HTTP/1.1" 0 0 "" 61.500s']


@pytest.mark.parametrize("path", ["/wol-health", "/metrics", "/api/performance?after=1"])
def test_what_machines_ask_all_the_time_is_not_logged(
    path: str, caplog: pytest.LogCaptureFixture
) -> None:
    call = Call("GET", path)
    log_access(call.new_request(), call.new_answer(), 0)

    assert caplog.messages == []


async def test_nobody_forges_a_line(caplog: pytest.LogCaptureFixture) -> None:
    headers = {"user-agent": 'x" 200 \x1b[1m', "x-forwarded-for": "1.1.1.1\x85\x7f"}
    call = Call("GET", "/a%0a[INFO]%20b%22", headers)
    log_access(call.new_request(), call.new_answer(), 0)

    assert caplog.messages == [
        r'Request 1.1.1.1\xc2\x85\x7f "GET /a\n[INFO] b\" HTTP/1.1" 0 0 "x\" 200 \x1b[1m" 0.0ms',
    ]


async def test_what_a_client_chose_takes_no_more_room_than_it_is_worth(
    caplog: pytest.LogCaptureFixture,
) -> None:
    headers = {"user-agent": "u" * 5000, "x-forwarded-for": "\x85" * 5000}
    call = Call("M" * 5000, f"/{'p' * 5000}", headers)
    log_access(call.new_request(), call.new_answer(), 0)

    address = r"\xc2\x85" * 512
    method, path, agent = "M" * 1024, "/" + "p" * 1023, "u" * 1024
    assert caplog.messages == [
        f'Request {address}... "{method}... {path}... HTTP/1.1" 0 0 "{agent}..." 0.0ms',
    ]


async def test_nobody_forges_a_line_by_a_method_of_http2(
    caplog: pytest.LogCaptureFixture,
) -> None:
    call = Call("GET\n[INFO]", "/")
    log_access(call.new_request(), call.new_answer(), 0)

    assert caplog.messages[0].startswith(r'Request 192.0.2.1 "GET\n[INFO] / ')


ADDRESSES: dict[str, tuple[dict[str, str], str]] = {
    "the socket's": ({}, "192.0.2.1"),
    "the first one forwarded": ({"x-forwarded-for": "10.0.0.1 , 10.0.0.2"}, "10.0.0.1"),
    "the real one": ({"x-real-ip": "10.0.0.3"}, "10.0.0.3"),
    "forwarded before real": ({"x-forwarded-for": "::1", "x-real-ip": "10.0.0.3"}, "::1"),
    "an empty one does not count": ({"x-forwarded-for": ""}, "192.0.2.1"),
}


@pytest.mark.parametrize(("headers", "address"), ADDRESSES.values(), ids=ADDRESSES)
def test_the_client_is_who_proxies_say(
    headers: dict[str, str], address: str, caplog: pytest.LogCaptureFixture
) -> None:
    call = Call("GET", "/", headers)
    log_access(call.new_request(), call.new_answer(), 0)

    assert caplog.messages[0].split(" ", 2)[1] == address


def test_an_unknown_client_is_a_dash(caplog: pytest.LogCaptureFixture) -> None:
    call = Call("GET", "/", client=None)
    log_access(call.new_request(), call.new_answer(), 0)

    assert caplog.messages[0].startswith('Request - "GET / ')


PRINTABLE = {
    "a ü": "a ü",
    "": "",
    'say "x"': r"say \"x\"",
    "a\r\nb": r"a\r\nb",
    "a\u2028b": r"a\u2028b",
}


@pytest.mark.parametrize(("text", "shown"), PRINTABLE.items(), ids=map(ascii, PRINTABLE))
def test_only_what_could_forge_is_escaped(text: str, shown: str) -> None:
    assert printable(text) == shown
