"""HTTP/2 and WebSocket through the seam, spoken by the libraries for clients."""

from __future__ import annotations

from typing import Any

import h2.config
import h2.connection
import h2.errors
import h2.events
import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, CloseConnection, Message, Ping, Pong, Request

from llamaswap.web.asgi import Receive, Scope, Send
from tests.web.clients import (
    GET,
    Served,
    Wait,
    crash_late,
    cut,
    echo,
    head,
    last,
    name_path,
    piece,
    reply,
    serving,
    stream_two,
)


class Http2:
    """A client of HTTP/2."""

    def __init__(self, served: Served) -> None:
        self.stream = served.client.stream
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
        self.h2.initiate_connection()

    async def flush(self) -> None:
        await self.stream.send_all(self.h2.data_to_send())

    async def ask(self, path: str = "/", *, method: str = "GET", ends: bool = True) -> int:
        number = self.h2.get_next_available_stream_id()
        pairs = [(":method", method), (":path", path), (":scheme", "https"), (":authority", "a")]
        self.h2.send_headers(number, pairs, end_stream=ends)
        await self.flush()
        return number

    async def events(self) -> list[h2.events.Event]:
        """Wait for the next events; none when the server has closed."""
        events: list[h2.events.Event] = []
        while not events and (data := await self.stream.receive_some()):
            events = self.h2.receive_data(bytes(data))
            for event in events:
                if isinstance(event, h2.events.DataReceived):
                    self.h2.acknowledge_received_data(
                        event.flow_controlled_length or 0, event.stream_id
                    )
            await self.flush()
        return events

    async def until(self, kind: type[h2.events.Event]) -> list[h2.events.Event]:
        seen: list[h2.events.Event] = []
        while not any(isinstance(event, kind) for event in seen):
            new = await self.events()
            assert new, seen
            seen += new
        return seen

    async def answer(self) -> tuple[str, bytes]:
        status, body = "", b""
        for event in await self.until(h2.events.StreamEnded):
            if isinstance(event, h2.events.ResponseReceived):
                status = {str(name): str(value) for name, value in event.headers or []}[":status"]
            elif isinstance(event, h2.events.DataReceived):
                body += event.data or b""
        return status, body


async def test_http2_serves_requests_side_by_side() -> None:
    async with serving(name_path, alpn="h2") as served:
        client = Http2(served)
        answers: list[tuple[str, bytes]] = []
        for path in ("/a", "/b"):
            await client.ask(path)
            answers.append(await client.answer())

    assert answers == [("200", b"/a"), ("200", b"/b")]


@pytest.mark.parametrize("said", ["", "Sun, 06 Nov 1994 08:49:37 GMT"])
async def test_an_answer_has_one_date_and_an_upstreams_counts(said: str) -> None:
    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        dated = head(content_length="0", date=said) if said else head(content_length="0")
        await send(dated)
        await send(last())

    async with serving(app) as served:
        await served.client.send(GET)
        http1 = await served.client.read_until(b"\r\n\r\n")
    async with serving(app, alpn="h2") as served:
        client = Http2(served)
        await client.ask()
        [answer] = [
            event
            for event in await client.until(h2.events.ResponseReceived)
            if isinstance(event, h2.events.ResponseReceived)
        ]
    http2 = [str(value) for name, value in answer.headers or [] if str(name) == "date"]

    assert (http1.count(b"date: "), len(http2)) == (1, 1)
    assert said in http1.decode()
    assert said in http2[0]


async def test_http2_upload_and_pieces() -> None:
    async with serving(echo, alpn="h2") as served:
        client = Http2(served)
        number = await client.ask(method="POST", ends=False)
        client.h2.send_data(number, b"abc", end_stream=True)
        await client.flush()
        uploaded = await client.answer()
    async with serving(stream_two, alpn="h2") as served:
        client = Http2(served)
        await client.ask()
        streamed = await client.answer()

    assert uploaded == ("200", b"abc")
    assert streamed == ("200", b"onetwo")


async def test_http2_reset_is_a_hangup_and_does_not_disturb_others() -> None:
    app = Wait()

    async def both(scope: Scope, receive: Receive, send: Send) -> None:
        await (app if scope["path"] == "/wait" else name_path)(scope, receive, send)

    async with serving(both, alpn="h2") as served:
        client = Http2(served)
        number = await client.ask("/wait")
        await app.began.wait()
        client.h2.reset_stream(number)
        await client.flush()
        await wait_all_tasks_blocked()
        await client.ask("/a")

        assert await client.answer() == ("200", b"/a")
        assert app.saw_hangup
        assert served.connection._protocol._http2 is not None
        assert served.connection._protocol._http2.stream_buffers == {}
        served.leave()
        with trio.fail_after(1):
            await served.ended.wait()


@pytest.mark.parametrize("app", [cut, crash_late])
async def test_http2_broken_answer_is_reset(app: Any, caplog: pytest.LogCaptureFixture) -> None:
    async with serving(app, alpn="h2") as served:
        client = Http2(served)
        number = await client.ask()
        seen = await client.until(h2.events.StreamReset)
        [reset] = [event for event in seen if isinstance(event, h2.events.StreamReset)]
        await client.ask()
        await client.until(h2.events.StreamReset)

    assert reset.stream_id == number
    assert reset.error_code == h2.errors.ErrorCodes.INTERNAL_ERROR


async def test_http2_rest_of_a_refused_upload_is_dropped() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await reply(send, b"too much", 413)

    async with serving(app, alpn="h2") as served:
        client = Http2(served)
        number = await client.ask(method="POST", ends=False)
        refused = await client.answer()
        client.h2.send_data(number, b"more")
        client.h2.send_data(number, b"last", end_stream=True)
        await client.ask()
        again = await client.answer()

    assert refused == again == ("413", b"too much")


async def test_http2_leaving_says_goodbye() -> None:
    goes_on = trio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await goes_on.wait()
        await send(head())
        await send(piece(b"do"))
        await send(last(b"ne"))

    async with serving(app, alpn="h2") as served:
        client = Http2(served)
        await client.ask()
        await wait_all_tasks_blocked()
        served.leave()
        await wait_all_tasks_blocked()
        assert not served.ended.is_set()
        refused = await client.ask()
        goes_on.set()
        seen = await client.until(h2.events.ConnectionTerminated)

    kinds = [type(event).__name__ for event in seen]
    assert "StreamEnded" in kinds
    [reset] = [event for event in seen if isinstance(event, h2.events.StreamReset)]
    assert reset.stream_id == refused


async def test_http2_rests_and_is_sent_away(autojump_clock: MockClock) -> None:
    async with serving(name_path, alpn="h2") as served:
        client = Http2(served)
        await trio.sleep(70)
        await client.ask("/a")
        assert await client.answer() == ("200", b"/a")
        await served.ended.wait()

    assert trio.current_time() == 70 + 75


async def test_http2_client_may_end_the_connection() -> None:
    async with serving(name_path, alpn="h2") as served:
        client = Http2(served)
        client.h2.close_connection()
        await client.flush()
        with trio.fail_after(1):
            await served.ended.wait()


async def test_http2_path_that_is_no_path_is_reset() -> None:
    async with serving(name_path, alpn="h2") as served:
        client = Http2(served)
        await client.ask("/\u00e9")
        [reset] = [
            event
            for event in await client.until(h2.events.StreamReset)
            if isinstance(event, h2.events.StreamReset)
        ]
        await client.ask("/a")
        assert await client.answer() == ("200", b"/a")

    assert reset.error_code == h2.errors.ErrorCodes.PROTOCOL_ERROR


@pytest.mark.parametrize("leaves", [False, True])
async def test_http2_client_that_takes_nothing_is_given_up(
    leaves: bool,  # noqa: FBT001 - a parameter of the test
    autojump_clock: MockClock,
) -> None:
    taken = 0

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal taken
        scope["extensions"]["llamaswap"].cancel_at_hangup(hangup)
        with hangup:
            await send(head())
            while True:
                await send(piece(bytes(10_000)))
                taken += 10_000

    hangup = trio.CancelScope()
    async with serving(app, alpn="h2") as served:
        await Http2(served).ask()
        await trio.sleep(30)
        if leaves:
            served.leave()
        await trio.sleep(300 if not leaves else 4)
        assert hangup.cancel_called is not leaves
        await trio.sleep(2)

    assert hangup.cancelled_caught
    # The client's window and our buffer, which is a window too.
    assert 2 * 65535 < taken + 10_000 <= 2 * 65535 + 20_000


async def test_http2_slow_client_is_waited_for(autojump_clock: MockClock) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await reply(send, bytes(500_000))

    async with serving(app, alpn="h2") as served:
        client = Http2(served)
        await client.ask()
        body = b""
        while len(body) < 500_000:
            await trio.sleep(50)
            for event in await client.events():
                if isinstance(event, h2.events.DataReceived):
                    body += event.data or b""

    assert trio.current_time() > 300


async def websocket_echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Echo one message; crash on the next."""
    assert (await receive())["type"] == "websocket.connect"
    if scope["path"] == "/no":
        await send({"type": "websocket.close"})
        return
    await send({"type": "websocket.accept"})
    with trio.CancelScope() as hangup:
        scope["extensions"]["llamaswap"].cancel_at_hangup(hangup)
        message = await receive()
        await send({"type": "websocket.send", "text": message["text"]})
        if (await receive())["type"] == "websocket.receive":
            raise ValueError("enough")
    assert hangup.cancel_called


async def _open(served: Served, target: str = "/") -> WSConnection:
    socket = WSConnection(ConnectionType.CLIENT)
    await served.client.send(socket.send(Request(host="a", target=target)))
    return socket


async def _event(served: Served, socket: WSConnection) -> Any:
    while True:
        for event in socket.events():
            return event
        socket.receive_data(bytes(await served.client.stream.receive_some()))


async def test_websocket_carries_messages(caplog: pytest.LogCaptureFixture) -> None:
    async with serving(websocket_echo) as served:
        socket = await _open(served)
        assert isinstance(await _event(served, socket), AcceptConnection)
        await served.client.send(socket.send(Ping()))
        assert isinstance(await _event(served, socket), Pong)
        await served.client.send(socket.send(Message(data="hello")))
        assert (await _event(served, socket)).data == "hello"
        await served.client.send(socket.send(Message(data="again")))
        closed = await _event(served, socket)
        assert isinstance(closed, CloseConnection)
        await served.client.stream.aclose()
        await served.ended.wait()

    assert closed.code == 1011
    assert [record.getMessage() for record in caplog.records] == ["/: the request broke down"]


async def test_websocket_hangup_cancels_a_scope() -> None:
    async with serving(websocket_echo) as served:
        socket = await _open(served)
        await _event(served, socket)
        await served.client.stream.aclose()
        with trio.fail_after(1):
            await served.ended.wait()


async def test_bytes_that_are_no_frames_end_only_their_connection(
    autojump_clock: MockClock,
) -> None:
    async with serving(websocket_echo) as served:
        socket = await _open(served)
        await _event(served, socket)
        await served.client.send(b"\xff" * 100)
        await served.ended.wait()

    assert trio.current_time() <= 1


async def test_websocket_can_be_refused() -> None:
    async with serving(websocket_echo) as served:
        await _open(served, "/no")
        answer = await served.client.read_until(b"\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 403 ")


async def test_part_of_a_head_is_told_from_rest() -> None:
    async with serving(echo) as served:
        await served.client.send(GET[:10])
        await wait_all_tasks_blocked()

        assert served.connection._protocol.has_part_of_head()
