"""Clients of the web's tests: strict about framing, and told what they should see."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager
from functools import partial
from typing import Any

import h11
import trio
from attrs import define, field, frozen
from trio.testing import memory_stream_pair, open_stream_to_socket_listener

from llamaswap.web.asgi import Message, Receive, Scope, Send
from llamaswap.web.circumstances import Circumstances
from llamaswap.web.connection import ASGIApp, Connection
from llamaswap.web.server import AnyListener, open_listeners, serve

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


@frozen
class Answer:
    """A complete answer."""

    status: int
    headers: dict[str, str]
    body: bytes


class Client:
    """Speaks HTTP/1.1 over a stream, in raw bytes out and checked answers in."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self.stream = stream
        self._h11 = h11.Connection(h11.CLIENT)

    async def send(self, data: bytes) -> None:
        await self.stream.send_all(data)

    async def answer(self, method: bytes = b"GET", target: bytes = b"/") -> Answer:
        """Read one answer; anything incomplete is a `h11.RemoteProtocolError`."""
        self._h11.send(h11.Request(method=method, target=target, headers=[("Host", "a")]))
        self._h11.send(h11.EndOfMessage())
        head: h11.Response | None = None
        body: list[bytes] = []
        while True:
            event = await self._next()
            if isinstance(event, h11.Response):
                head = event
            elif isinstance(event, h11.Data):
                body.append(bytes(event.data))
            elif isinstance(event, h11.EndOfMessage):
                break
        assert head is not None
        if self._h11.our_state is h11.DONE:
            self._h11.start_next_cycle()
        headers = {name.decode(): value.decode() for name, value in head.headers}
        return Answer(head.status_code, headers, b"".join(body))

    async def _next(self) -> Any:
        while True:
            event = self._h11.next_event()
            if event is not h11.NEED_DATA:
                return event
            self._h11.receive_data(bytes(await self.stream.receive_some()))

    async def get(self, target: str = "/", *extra: str) -> Answer:
        lines = (f"GET {target} HTTP/1.1", "Host: a", *extra, "", "")
        await self.send("\r\n".join(lines).encode())
        return await self.answer()

    async def read_until(self, end: bytes) -> bytes:
        data = b""
        while not data.endswith(end):
            piece = await self.stream.receive_some()
            assert piece, data
            data += piece
        return data

    async def read_all(self) -> bytes:
        """Read until the server closes."""
        data = b""
        while piece := await self.stream.receive_some():
            data += piece
        return data


@frozen
class Served:
    """One connection over memory."""

    client: Client
    connection: Connection
    circumstances: Circumstances
    ended: trio.Event

    def leave(self) -> None:
        self.circumstances.leave()
        self.connection.leave()


@asynccontextmanager
async def serving(
    app: ASGIApp,
    *,
    alpn: str | None = None,
    pair: tuple[trio.abc.Stream, trio.abc.Stream] | None = None,
) -> AsyncGenerator[Served, None]:
    """Serve ``app`` to one client; the connection is cancelled when the block is left."""
    ours, theirs = memory_stream_pair() if pair is None else pair
    circumstances = Circumstances()
    connection = Connection(app, circumstances, alpn=alpn)
    ended = trio.Event()

    async def run() -> None:
        try:
            await connection.run(theirs)
        finally:
            await trio.aclose_forcefully(theirs)
            ended.set()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(run)
        await trio.testing.wait_all_tasks_blocked()
        yield Served(Client(ours), connection, circumstances, ended)
        nursery.cancel_scope.cancel()


async def read_body(receive: Receive) -> bytes:
    """Read a request's body, as an app does."""
    parts: list[bytes] = []
    more = True
    while more:
        message = await receive()
        assert message["type"] == "http.request", message
        parts.append(message["body"])
        more = message["more_body"]
    return b"".join(parts)


def head(status: int = 200, **headers: str) -> Message:
    """Make the message that begins an answer."""
    pairs = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return {"type": "http.response.start", "status": status, "headers": pairs}


def piece(data: bytes) -> Message:
    return {"type": "http.response.body", "body": data, "more_body": True}


def last(data: bytes = b"") -> Message:
    return {"type": "http.response.body", "body": data}


async def reply(send: Send, body: bytes, status: int = 200) -> None:
    """Answer at once."""
    await send(head(status, content_length=str(len(body))))
    await send(last(body))


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with what was sent."""
    del scope
    await reply(send, await read_body(receive))


async def name_path(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with the path that was asked for."""
    await read_body(receive)
    await reply(send, scope["path"].encode())


@asynccontextmanager
async def running(
    app: ASGIApp, listeners: list[AnyListener], leaving: trio.Event | None = None
) -> AsyncGenerator[None, None]:
    """Serve while the block runs; with ``leaving``, wait for the server to end by itself."""
    with trio.fail_after(10):
        async with trio.open_nursery() as nursery:
            ends = trio.Event() if leaving is None else leaving
            await nursery.start(partial(serve, app, listeners, ends))
            yield
            if leaving is None:
                nursery.cancel_scope.cancel()


@define
class Door:
    """Where to connect to; closes what came through."""

    _listener: trio.SocketListener
    _streams: list[trio.SocketStream] = field(factory=list[trio.SocketStream], init=False)

    async def connect(self) -> trio.SocketStream:
        stream = await open_stream_to_socket_listener(self._listener)
        self._streams.append(stream)
        return stream

    async def client(self) -> Client:
        return Client(await self.connect())

    async def aclose(self) -> None:
        for stream in self._streams:
            await trio.aclose_forcefully(stream)


@asynccontextmanager
async def on_loopback(
    app: ASGIApp, leaving: trio.Event | None = None
) -> AsyncGenerator[Door, None]:
    [listener] = await open_listeners(["127.0.0.1:0"])
    async with aclosing(Door(listener)) as door, running(app, [listener], leaving):
        yield door


class Memory(trio.abc.Listener[trio.abc.Stream]):
    """A listener without sockets."""

    def __init__(self) -> None:
        self._send, self._receive = trio.open_memory_channel[trio.abc.Stream](1)

    async def connect(self) -> Client:
        ours, theirs = memory_stream_pair()
        await self._send.send(theirs)
        return Client(ours)

    async def accept(self) -> trio.abc.Stream:
        return await self._receive.receive()

    async def aclose(self) -> None:
        await self._receive.aclose()


async def stream_two(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with two pieces, whatever the framing."""
    is_sized = scope["path"] == "/sized"
    await send(head(content_length="6") if is_sized else head(content_type="text/plain"))
    for data in (b"one", b"two"):
        await scope["extensions"]["llamaswap"].send_piece(data)
    await send(last())


async def cut(scope: Scope, receive: Receive, send: Send) -> None:
    """Break off in the middle of an answer."""
    client = scope["extensions"]["llamaswap"]
    with trio.CancelScope() as hangup:
        client.cancel_at_hangup(hangup)
        await send(head(content_type="text/plain"))
        await client.send_piece(b"half")
        client.abort()
        client.abort()
        await client.send_piece(b"lost")
        await send(last())
    assert not hangup.cancel_called


async def crash_late(scope: Scope, receive: Receive, send: Send) -> None:
    """Crash in the middle of an answer."""
    await send(head())
    await send(piece(b"half"))
    raise ExceptionGroup("late", [ValueError("late")])


class Wait:
    """An app that waits until its client hangs up."""

    def __init__(self) -> None:
        self.began = trio.Event()
        self.saw_hangup = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        del send
        with trio.CancelScope() as hangup:
            scope["extensions"]["llamaswap"].cancel_at_hangup(hangup)
            self.began.set()
            await trio.sleep_forever()
        self.saw_hangup = hangup.cancelled_caught
        late = trio.CancelScope()
        scope["extensions"]["llamaswap"].cancel_at_hangup(late)
        assert late.cancel_called
        assert (await receive())["type"] == "http.request"
        for _ in range(2):
            assert (await receive())["type"] == "http.disconnect"
