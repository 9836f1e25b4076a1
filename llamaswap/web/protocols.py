"""HTTP on one connection: bytes in, requests and bytes out, by Hypercorn's protocols.

The only file that knows Hypercorn. Its protocols do no I/O of their own: they ask
a task group, a worker context and a `send` for everything, which is what stands
here. Its minor version is pinned, and this seam is tested: what is replaced or
called by an underscore is said where it is.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from time import time
from typing import Any, Protocol, TypeAlias, cast

import trio
from h2.errors import ErrorCodes
from h2.exceptions import ProtocolError
from hypercorn.config import Config
from hypercorn.events import Closed, Event, RawData, Updated
from hypercorn.protocol.events import Body, Data, EndBody, EndData, Request, Response
from hypercorn.protocol.h2 import H2Protocol
from hypercorn.protocol.h11 import STREAM_ID, H11Protocol
from hypercorn.protocol.http_stream import HTTPStream

from llamaswap.web.asgi import Message, Scope
from llamaswap.web.circumstances import Circumstances, Turn
from llamaswap.web.wire import HURRIED_STALL_LIMIT, STALL_LIMIT

Address: TypeAlias = tuple[str, int]
Tell: TypeAlias = Callable[[Message | None], Awaitable[None]]
"""Takes the app's messages, and ``None`` when the app has ended."""

LARGEST_HEAD = 2**20 + 4096
"""Bytes of request line and headers: the reference's limit."""

MOST_STREAMS = 250
"""Requests at a time on one HTTP/2 connection: what the reference's library allows."""

STREAM_BUFFER = 65536
"""Bytes of an answer that wait for a client of HTTP/2: a window of usual size."""


class Host(Protocol):
    """What a protocol needs from the connection it works on."""

    def open_request(
        self, scope: Scope, tell: Tell, stream_id: int
    ) -> Callable[[Message], Awaitable[None]]:
        """Start the app; return what takes the request's messages."""
        ...

    def spawn(self, task: Callable[..., Awaitable[object]], *args: object) -> None:
        """Start a task that ends with the connection."""
        ...

    async def on_bytes(self, data: bytes) -> None:
        """Take bytes for the client."""
        ...

    async def on_idle(self, *, is_idle: bool) -> None:
        """Hear that a request begins, or that the last one is over."""
        ...

    async def on_end(self) -> None:
        """Hear that the last word has been said."""
        ...

    async def read_ahead(self) -> None:
        """Look out for a hang-up until cancelled."""
        ...


class RefusedError(Exception):
    """The request has been answered by the protocol, and the connection is over."""


class HttpProtocol:
    """Speaks HTTP/1 or HTTP/2 on one connection; Hypercorn's task group."""

    def __init__(
        self,
        host: Host,
        circumstances: Circumstances,
        *,
        alpn: str | None,
        is_tls: bool,
        client: Address | None,
        server: Address | None,
    ) -> None:
        self._host = host
        # In Hypercorn's order. The app is started by the host, which knows it.
        args: Any = (
            None, _SETTINGS, circumstances, self, {}, is_tls, client, server, self._on_event,
        )  # fmt: skip
        self._http1 = None if alpn == "h2" else _Http1(*args)
        self._http2 = _Http2(*args) if alpn == "h2" else None
        if self._http1 is not None:
            self._http1.can_read = cast("Any", Turn(host))
        self._protocol: H11Protocol | H2Protocol = cast("Any", self._http1 or self._http2)
        self.is_http2: bool = self._http2 is not None

    async def start(self) -> None:
        """Say what comes before any request."""
        await self._protocol.initiate()

    async def feed(self, data: bytes) -> None:
        """Take bytes of the client; wait while the app has enough to read.

        Raises:
          RefusedError: there will be no more.
          Exception: any; the bytes were not what the protocol expects.
        """
        await self._protocol.handle(RawData(data))

    async def hang_up(self) -> None:
        """Tell every open request that its client is gone."""
        await self._protocol.handle(Closed())
        if self._http2 is not None:
            self._http2.wake()

    async def say_goodbye(self) -> None:
        """Tell a client of HTTP/2 that nothing more will be answered."""
        if self._http2 is not None:
            await self._http2.say_goodbye()

    def hurry(self) -> None:
        """Have less patience with a client that takes nothing."""
        if self._http2 is not None:
            self._http2.hurry()

    async def reset(self, stream_id: int) -> None:
        """Tell a client of HTTP/2 that one answer is broken."""
        if self._http2 is not None:
            await self._http2.reset(stream_id)

    def has_part_of_head(self) -> bool:
        """Whether a request of HTTP/1 has begun to arrive and is not complete."""
        return self._http1 is not None and bool(self._http1.connection.trailing_data[0])

    async def spawn_app(self, _app: None, _config: Config, scope: Any, send: Any) -> Any:
        """Start the app for one request; called by Hypercorn."""
        # The send is a method of the stream, which alone knows its number.
        return self._host.open_request(scope, send, send.__self__.stream_id)

    def spawn(self, task: Callable[..., Awaitable[object]], *args: object) -> None:
        """Start a task of the protocol; called by Hypercorn."""
        self._host.spawn(task, *args)

    async def _on_event(self, event: Event) -> None:
        # Not isinstance(): Hypercorn's events are an abstract class, which makes it slow.
        kind = type(event)
        if kind is RawData:
            await self._host.on_bytes(cast("RawData", event).data)
        elif kind is Updated:
            await self._host.on_idle(is_idle=cast("Updated", event).idle)
        else:
            await self._host.on_end()


class _Http1(H11Protocol):
    """HTTP/1, without a way from cleartext into HTTP/2, and with words in its refusals."""

    async def stream_send(self, event: Any) -> None:
        """Send; an answer with a date."""
        if type(event) is Response:
            _date_head(event)
        await super().stream_send(event)

    async def _create_stream(self, request: Any) -> None:
        # Hypercorn looks for an upgrade in two rounds through h11's headers, whose
        # iterator is slow, and decodes each on the way.
        headers = [(name.lower(), value) for name, value in request.headers.raw_items()]
        if any(name == b"upgrade" for name, _ in headers):
            await super()._create_stream(request)
            return
        stream = self.stream = HTTPStream(
            self.app, self.config, self.context, self.task_group, self.ssl,
            self.client, self.server, self.stream_send, STREAM_ID,
        )  # fmt: skip
        version, method = request.http_version.decode(), request.method.decode().upper()
        await stream.handle(
            Request(STREAM_ID, headers, version, method, request.target, self.connection_state)
        )

    async def _check_protocol(self, event: Any) -> None:
        if event.http_version[:1] != b"1":
            is_preface = event.method == b"PRI"
            await self._send_error_response(400 if is_preface else 505)
            raise RefusedError

    async def _send_error_response(self, status_code: int) -> None:
        status = HTTPStatus(status_code)
        text = f"{status.value} {status.phrase}".encode()
        headers = [
            (b"content-type", b"text/plain; charset=utf-8"),
            (b"content-length", b"%d" % len(text)),
            (b"connection", b"close"),
        ]
        await self.stream_send(Response(STREAM_ID, headers, status_code))
        await self.stream_send(Body(STREAM_ID, text))
        await self.stream_send(EndBody(STREAM_ID))


class _Http2(H2Protocol):
    """HTTP/2, with patience for late bytes and none for a client that takes nothing."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.streams = _Streams()
        self._stall_limit = STALL_LIMIT
        self._waits: dict[int, trio.CancelScope] = {}
        self._progress = trio.Event()

    async def stream_send(self, event: Any) -> None:
        """Send; give the stream up when its client opens no window for too long."""
        stream_id = event.stream_id
        with trio.CancelScope(deadline=trio.current_time() + self._stall_limit) as wait:
            self._waits[stream_id] = wait
            if type(event) is Response:
                _date_head(event)
            await super().stream_send(event)
            if isinstance(event, (EndBody, EndData)):
                await self._wait_for_end(stream_id)
            elif isinstance(event, (Body, Data)):
                await self._wait_for_room(stream_id)
        self._waits.pop(stream_id, None)
        if wait.cancelled_caught:
            await self.reset(stream_id)

    async def _wait_for_end(self, stream_id: int) -> None:
        # To Hypercorn a stream is over when the last byte has left its buffer. The
        # end is written after that, and must be before the connection's goodbye.
        while stream_id in self.stream_buffers and not self.closed:
            await self._progress.wait()

    async def _wait_for_room(self, stream_id: int) -> None:
        # Hypercorn's own waiting ends at every look, also at a client without a window.
        while (buffer := self.stream_buffers.get(stream_id)) and not self.closed:
            if len(buffer.buffer) <= STREAM_BUFFER:
                return
            await self._progress.wait()

    async def _send_data(self, stream_id: int) -> None:
        buffer, wait = self.stream_buffers[stream_id].buffer, self._waits.get(stream_id)
        before = len(buffer)
        await super()._send_data(stream_id)
        if wait is not None and len(buffer) < before:
            wait.deadline = trio.current_time() + self._stall_limit
        self.wake()

    def wake(self) -> None:
        """Let those look again who wait for a stream's end."""
        self._progress.set()
        self._progress = trio.Event()

    async def _close_stream(self, stream_id: int) -> None:
        await super()._close_stream(stream_id)
        buffer = self.stream_buffers.get(stream_id)
        if buffer is not None:
            # Reset by either side. Left alone, it would stay as long as the connection.
            await buffer.close()
            await self._window_updated(stream_id)

    def hurry(self) -> None:
        """Have less patience with clients that take nothing."""
        self._stall_limit = HURRIED_STALL_LIMIT
        soon = trio.current_time() + HURRIED_STALL_LIMIT
        for wait in self._waits.values():
            wait.deadline = min(wait.deadline, soon)

    async def say_goodbye(self) -> None:
        """Tell the client that nothing more will be answered."""
        with suppress(ProtocolError):
            self.connection.close_connection()
        await self._flush()

    async def reset(self, stream_id: int) -> None:
        """Tell the client that one answer is broken."""
        with suppress(ProtocolError):
            self.connection.reset_stream(stream_id, ErrorCodes.INTERNAL_ERROR)
        await self._flush()
        await self._close_stream(stream_id)

    async def _create_stream(self, request: Any) -> None:
        # Hypercorn stumbles over what follows, and the whole connection would fall.
        path: bytes | None = dict(request.headers).get(b":path")
        if path is None or not path.isascii():
            self.connection.reset_stream(request.stream_id, ErrorCodes.PROTOCOL_ERROR)
        else:
            await super()._create_stream(request)


class _Streams(dict[int, Any]):
    """The table of HTTP/2 streams, which has something for every number.

    Without this, the rest of an upload that was refused early would be a
    `KeyError`, and end the connection with all its streams.
    """

    def __missing__(self, key: int) -> _Sink:
        return _Sink()


class _Sink:
    """Takes what still arrives for a stream that has been answered."""

    idle = True

    async def handle(self, event: object) -> None:
        """Drop it."""


def _date_head(head: Response) -> None:
    """Give the head of an answer a date, unless it has its own."""
    for name, _ in head.headers:
        if name == b"date":
            return
    # The list was made for this head alone, by Hypercorn or here.
    head.headers.append((b"date", _date(int(time()))))


@lru_cache(maxsize=1)
def _date(second: int) -> bytes:
    """Write a Unix time as HTTP does: once for all answers of this second."""
    return formatdate(second, usegmt=True).encode()


class _Silence:
    """Takes Hypercorn's log lines: the app writes the access log, the connection errors."""

    async def access(self, *_: object) -> None:
        """Say nothing."""


class _Settings(Config):
    """Hypercorn's settings, as far as its protocols read them."""

    include_server_header = False
    h11_max_incomplete_size = LARGEST_HEAD
    h2_max_header_list_size = LARGEST_HEAD
    h2_max_concurrent_streams = MOST_STREAMS
    keep_alive_max_requests = sys.maxsize

    # An upstream's answer has one, which is passed on; see `_date_head`.
    include_date_header = False

    def __init__(self) -> None:
        self._log = cast("Any", _Silence())


_SETTINGS = _Settings()
