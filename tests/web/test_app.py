"""Every request, whatever it asks for."""

from __future__ import annotations

import logging
from typing import Any

import h11
import pytest
import trio
from trio.testing import MockClock

from llamaswap.relay.client import CutError
from llamaswap.web import asgi
from llamaswap.web.app import cleaned
from llamaswap.web.asgi import Message
from tests.web.asgi_calls import JSON, Call, Connection, asking
from tests.web.clients import serving
from tests.web.front_house import House, Script, open_house


async def test_a_finished_request_is_logged(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "llamaswap.web")
    async with open_house() as house:
        await house.call("GET", "/health", {"user-agent": "curl/8"})
        await house.infer()
        await house.call("GET", "/nothing")

    assert caplog.messages == [
        'Request 192.0.2.1 "GET /health HTTP/1.1" 200 2 "curl/8" 0.0ms',
        'Request 192.0.2.1 "POST /v1/completions HTTP/1.1" 200 2 "" 1.000s',
        'Request 192.0.2.1 "GET /nothing HTTP/1.1" 404 168 "" 0.0ms',
    ]


async def test_an_unknown_path_is_told_in_json(autojump_clock: MockClock) -> None:
    async with open_house() as house:
        call = await house.call("GET", "/nothing")

    assert call.status == 404
    assert call.header("content-type") == "application/json"
    assert call.json["error"]["code"] == "not_found"


async def test_a_wrong_method_is_told_the_right_ones(autojump_clock: MockClock) -> None:
    async with open_house() as house:
        call = await house.call("PUT", "/unload", {"accept": "text/plain"})

    assert call.status == 405
    assert call.header("allow") == "GET, HEAD, POST"
    assert call.body == b"llama-swap: Method Not Allowed: /unload answers GET, HEAD, POST"


@pytest.mark.parametrize("path", ["/v1/completions", "/nothing", "/upstream/a/x//y", "*"])
async def test_a_preflight_is_answered_for_every_path(path: str, autojump_clock: MockClock) -> None:
    async with open_house() as house:
        call = await house.call("OPTIONS", path)

        assert call.status == 204
        assert call.header("access-control-allow-origin") == "*"
        assert house.pool.asked == []


CLEANED = {
    b"//": b"/",
    b"//a": b"/a",
    b"/a//b": b"/a/b",
    b"/a/./b": b"/a/b",
    b"/a/../b": b"/b",
    b"/../../a": b"/a",
    b"/a/..": b"/",
    b"/a/b/.": b"/a/b",
    b"/a/b//": b"/a/b/",
    b"/a/b/../": b"/a/",
    b"/upstream/a//x": b"/upstream/a/x",
    b"/": None,
    b"/a/b/": None,
    b"/a%2F%2Fb/%2E%2E/c": None,
    b"/.well-known/x": None,
    b"/a/...": None,
    b"*": None,
}


@pytest.mark.parametrize(("path", "clean"), CLEANED.items(), ids=map(str, CLEANED))
def test_a_path_is_cleaned(path: bytes, clean: bytes | None) -> None:
    assert cleaned(path) == clean


async def test_an_unclean_path_is_sent_to_the_clean_one(autojump_clock: MockClock) -> None:
    async with open_house() as house:
        call = await house.call("POST", "//v1/./completions?x=//", JSON, asking("a"))

    assert call.status == 307
    assert call.header("location") == "/v1/completions?x=//"


async def test_who_comes_while_we_leave_is_sent_away(autojump_clock: MockClock) -> None:
    async with open_house() as house:
        house.front.leaving.set()
        call = await house.infer()

    assert call.status == 503
    assert call.header("retry-after") == "1"
    assert call.json["error"]["message"] == "llama-swap is shutting down"


async def test_a_body_that_is_too_large_is_refused(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asgi, "LARGEST_BODY", 10)
    async with open_house() as house:
        call = await house.infer()
        assert house.pool.asked == []

    assert call.status == 413
    assert call.json["error"]["code"] == "request_too_large"


async def test_a_client_that_leaves_before_it_has_asked_is_logged(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "llamaswap.web")
    call = Call("POST", "/v1/completions", JSON, body=[])
    call.hang_up()
    async with open_house() as house:
        await call.run(house.app)

    assert call.messages == []
    assert caplog.messages == [
        'Request 192.0.2.1 "POST /v1/completions HTTP/1.1" 499 0 "" 0.0ms',
    ]


async def break_down(house: House, target: str, monkeypatch: pytest.MonkeyPatch) -> Call:
    """Ask a house whose router is gone in a way that nobody foresaw."""
    monkeypatch.setattr(house.front, "router", None)
    call = Call("GET", target, connection=Connection())
    await call.run(house.app)
    return call


async def test_a_fault_of_ours_is_an_error_and_is_logged(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_house() as house:
        call = await break_down(house, "/upstream/a/%0a", monkeypatch)

    assert call.status == 500
    assert call.json["error"]["message"] == "llama-swap made a mistake; see its log"
    assert caplog.messages == [r"GET /upstream/a/\n: a fault of llamaswap"]
    assert "AttributeError" in caplog.text


async def test_a_fault_after_the_head_cuts_the_answer(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_house() as house:
        monkeypatch.setattr(house.front, "leaving", None)
        monkeypatch.setattr("llamaswap.web.app._dispatch", _half_an_answer)
        connection = Connection()
        call = await house.call("GET", "/health", connection=connection)

    assert call.body == b"half"
    assert connection.is_cut
    assert not call.is_complete


async def _half_an_answer(front: object, request: object, answer: asgi.Answer) -> None:
    await answer.start(200, [])
    await answer.piece(b"half")
    raise ZeroDivisionError


WEBSOCKET: dict[str, Any] = {"type": "websocket", "extensions": {"websocket.http.response": {}}}


async def test_a_websocket_hears_that_it_is_not_supported(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "llamaswap.web")
    async with open_house() as house:
        call = await house.call("GET", "/v1/realtime", **WEBSOCKET)

    assert [message["type"] for message in call.messages] == [
        "websocket.http.response.start",
        "websocket.http.response.body",
    ]
    assert call.status == 501
    assert call.json["error"]["code"] == "not_implemented"
    assert call.json["error"]["message"] == "WebSocket connections are not supported yet"
    assert len(caplog.messages) == 1
    assert caplog.messages[0].startswith('Request 192.0.2.1 "GET /v1/realtime HTTP/1.1" 501 ')


async def test_a_websocket_is_closed_where_nothing_can_be_said(autojump_clock: MockClock) -> None:
    async with open_house() as house:
        call = await house.call("GET", "/", type="websocket")

    assert call.messages == [
        {"type": "websocket.close", "code": 1011, "reason": "not supported yet"}
    ]


GET_HEALTH = b"GET /health HTTP/1.1\r\nHost: h\r\n\r\n"
HANDSHAKE = (
    b"GET /upstream/a/ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


async def test_our_server_says_so_to_a_websocket(autojump_clock: MockClock) -> None:
    async with open_house() as house, serving(house.app) as served:
        await served.client.send(HANDSHAKE)
        said = await served.client.read_until(b"}}")

    assert said.startswith(b"HTTP/1.1 501 ")
    assert b"WebSocket connections are not supported yet" in said


async def test_our_server_sends_a_head_alone(autojump_clock: MockClock) -> None:
    async with open_house() as house, serving(house.app) as served:
        await served.client.send(b"HEAD /health HTTP/1.1\r\nHost: h\r\n\r\n" + GET_HEALTH)
        head = await served.client.answer(b"HEAD")
        whole = await served.client.answer()

    assert (head.status, head.headers["content-length"], head.body) == (200, "2", b"")
    assert (whole.status, whole.headers["content-length"], whole.body) == (200, "2", b"OK")


async def test_our_server_ends_a_cut_event_stream_with_an_error(autojump_clock: MockClock) -> None:
    script = Script((b"data: 1\n\n", CutError("cut")), kind=b"text/event-stream")
    async with open_house(script=script) as house, serving(house.app) as served:
        answer = await served.client.get("/upstream/a/events")

    assert answer.body.startswith(b'data: 1\n\n\n\ndata: {"src": "llama-swap", ')


async def test_our_server_cuts_another_answer(autojump_clock: MockClock) -> None:
    script = Script((b"half", CutError("cut")))
    async with open_house(script=script) as house, serving(house.app) as served:
        with pytest.raises(h11.RemoteProtocolError, match="without sending complete message body"):
            await served.client.get("/upstream/a/x")


async def test_a_foreign_servers_lifespan_is_followed() -> None:
    said: list[Message] = []
    to_come = ["lifespan.startup", "lifespan.shutdown"]

    async def receive() -> Message:
        await trio.lowlevel.checkpoint()
        return {"type": to_come.pop(0)}

    async def send(message: Message) -> None:
        await trio.lowlevel.checkpoint()
        said.append(message)

    async with open_house() as house:
        await house.app({"type": "lifespan"}, receive, send)

    assert said == [{"type": "lifespan.startup.complete"}, {"type": "lifespan.shutdown.complete"}]


async def test_another_kind_of_connection_is_ignored(autojump_clock: MockClock) -> None:
    async with open_house() as house:
        call = await house.call(type="webtransport")

    assert call.messages == []
