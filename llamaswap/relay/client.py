"""HTTP/1.1 over a Trio stream; kept connections.

Heads are read and bodies counted without h11's connection object, which costs
33 µs an exchange and this way 14 (and a streamed event 5 µs against 1). One task at a
time uses a connection, and whatever is not a complete exchange closes it at
once: that is how an upstream learns that nobody listens any more.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterable
from contextlib import AbstractAsyncContextManager, suppress
from types import TracebackType
from typing import TypeAlias

import trio
from attrs import define, field, frozen

from llamaswap.errors import UpstreamError
from llamaswap.policy.messages import Target
from llamaswap.relay.answers import AnswerHead, HeadError, read_head
from llamaswap.relay.bodies import Body, body_of
from llamaswap.relay.chunks import ChunkError
from llamaswap.relay.dialing import Connection, Dialer, sentence
from llamaswap.relay.heads import Headers, Route, request_bytes, route_of, wants_close
from llamaswap.relay.sockets import RECEIVE_BYTES

IDLE_AT_MOST = 90.0
"""Seconds an unused connection is kept (the reference's default)."""

IDLE_PER_HOST = 32
"""Unused connections kept per upstream: what servers of models serve at a time
is less, and a burst of more pays 60 µs for each connection it opens anew."""

LONGEST_HEAD = 65536
"""Bytes of an answer's head: four times h11's limit, for upstreams that send
large cookies and policies; also bounds what a dripping peer can make us copy."""

SMALL_BODY = 65536
"""Bytes of a request body that is sent in one go with the head, before anybody
listens for the answer. Less than the buffers of a fresh connection on every
system, so that it cannot block on an upstream that answers without reading."""

_HEAD_END = re.compile(rb"\n\r?\n")
_BEGINNING = b"HTTP/1."

RequestBody: TypeAlias = bytes | AsyncIterable[bytes]
"""What a request carries: known, or produced while it is sent."""


@frozen
class RequestHead:
    """The head of a request, hop-by-hop headers already removed."""

    method: bytes
    target: bytes
    """Path and query, percent-encoded, as the client sent them."""

    headers: Headers = ()
    """Without lengths: ``Content-Length`` and ``Transfer-Encoding`` are dropped
    and written anew. ``Host`` is kept, and made up if missing."""


class CutError(UpstreamError):
    """An answer that had begun broke off: what was passed on is incomplete.

    Nobody may end the client's answer as if it were whole.
    """

    began = True
    """The client may have heard the head of the answer."""


class _StaleError(UpstreamError):
    """A kept connection was dead before a byte of the answer came."""


@define(eq=False)
class Exchange:
    """One request and the answer to it; made by `Pool.exchange`."""

    _target: Target
    connection: Connection
    _sent: bool = field(default=False, init=False)
    _heard: bool = field(default=False, init=False)
    """A byte of the answer has come."""

    _last: bool = field(default=False, init=False)
    """The connection ends after this exchange."""

    _buffer: bytes = field(default=b"", init=False)
    _passed: int = field(default=0, init=False)
    _body: Body = field(init=False)
    head: AnswerHead = field(init=False)

    async def next_chunk(self) -> bytes:
        """Return payload as it arrives, ``b""`` when the body is complete.

        Cancellation:
          Nothing is lost: a later call goes on.

        Raises:
          CutError: the upstream broke off.
        """
        body = self._body
        try:
            while not body.done:
                # Awaited here and not in a function: each one between a task and
                # its wait costs every event.
                data = self._buffer or await self.connection.stream.receive_some(RECEIVE_BYTES)
                self._buffer = b""
                if not data:
                    self._last = True
                    if not body.end():
                        raise self._cut()
                elif piece := body.feed(bytes(data)):
                    self._passed += len(piece)
                    return piece
        except trio.BrokenResourceError as exc:
            raise self._cut() from exc
        except ChunkError as exc:
            said = f"sent a malformed answer after {self._passed} bytes: {exc}"
            raise CutError(self._says(said)) from exc
        return b""

    def _cut(self) -> CutError:
        return CutError(self._says(f"broke off its answer after {self._passed} bytes"))

    async def begin(self, request: bytes, head: RequestHead, body: RequestBody) -> None:
        """Send the request and wait for the final head of the answer."""
        if isinstance(body, bytes) and len(body) <= SMALL_BODY:
            await self._send(request + body)
            answer = await self._hear()
        else:
            answer = await self._hear_while_sending(request, body)
        self.head = answer
        self._body = body_of(head.method, answer.status, answer.headers)
        self._last = self._last or not self._sent or wants_close(head.headers)

    @property
    def is_complete(self) -> bool:
        """Say whether the whole body has been returned."""
        return self._body.done

    @property
    def is_reusable(self) -> bool:
        """Say whether the connection is ready for another exchange."""
        return not self._last and self._body.done and not self._body.rest and not self._buffer

    async def _send(self, data: bytes) -> None:
        """Send all that is left of the request."""
        try:
            await self.connection.stream.send_all(data)
        except trio.BrokenResourceError:
            # It may have answered before it hung up: whoever listens will tell.
            return
        self._sent = True

    async def _hear_while_sending(self, request: bytes, body: RequestBody) -> AnswerHead:
        """Send a large body; an answer that comes before its end stops it."""
        answer: AnswerHead | None = None
        fault: Exception = UpstreamError(self._says("did not answer"))

        async def send() -> None:
            nonlocal fault
            try:
                await self._send_parts(request, body)
            except Exception as exc:  # noqa: BLE001 - raised below, outside the nursery's group
                fault = exc
                nursery.cancel_scope.cancel()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(send)
            try:
                answer = await self._hear()
            except UpstreamError as exc:
                fault = exc
            nursery.cancel_scope.cancel()
        if answer is not None:
            return answer
        raise fault

    async def _send_parts(self, request: bytes, body: RequestBody) -> None:
        stream = self.connection.stream
        try:
            await stream.send_all(request)
            if not isinstance(body, bytes):
                async for piece in body:
                    if piece:
                        await stream.send_all(b"%x\r\n%b\r\n" % (len(piece), piece))
                body = b"0\r\n\r\n"
        except trio.BrokenResourceError:
            return
        await self._send(body)

    async def _hear(self) -> AnswerHead:
        """Wait for the final head; what comes behind it stays in the buffer."""
        while True:
            raw = await self._receive_head()
            try:
                status, answer = read_head(raw)
            except HeadError as exc:
                raise self._no_http(str(exc)) from exc
            if answer is not None:
                self._last = answer.is_last
                return answer
            if status == 101:  # noqa: PLR2004 - Switching Protocols
                raise UpstreamError(self._says("switched to a protocol that nobody speaks here"))

    async def _receive_head(self) -> bytes:
        buffer = self._buffer
        searched = 0
        while (end := _HEAD_END.search(buffer, searched)) is None:
            if not buffer.startswith(_BEGINNING[: len(buffer)]):
                raise self._no_http(f"it begins with {buffer[:40]!r}")
            if len(buffer) > LONGEST_HEAD:
                raise self._no_http(f"its head is longer than {LONGEST_HEAD} bytes")
            # The end is at most three bytes, the first two of which may be here.
            searched = max(0, len(buffer) - 2)
            buffer += await self._receive_early()
        self._buffer = buffer[end.end() :]
        return buffer[: end.start()]

    async def _receive_early(self) -> bytes:
        try:
            data = bytes(await self.connection.stream.receive_some(RECEIVE_BYTES))
        except trio.BrokenResourceError:
            data = b""
        if not data:
            is_stale = self.connection.reused and not self._heard
            kind = _StaleError if is_stale else UpstreamError
            raise kind(self._says("closed the connection before it answered"))
        self._heard = True
        return data

    def _no_http(self, what: str) -> UpstreamError:
        return UpstreamError(self._says(f"answered what is no HTTP: {what}"))

    def _says(self, what: str) -> str:
        return sentence(self._target, what)


@define(eq=False)
class Pool:
    """The connections to all upstreams and peers, one object per program.

    Unused connections are kept for the next exchange with the same server. Use
    it in ``contextlib.aclosing(Pool())``.
    """

    _dialer: Dialer = field(factory=Dialer)
    _kept: dict[str, list[Connection]] = field(factory=dict[str, list[Connection]], init=False)
    """By `Route.origin`; the one used last is at the end, and goes first."""

    _closed: bool = field(default=False, init=False)

    def exchange(
        self, target: Target, head: RequestHead, body: RequestBody = b""
    ) -> AbstractAsyncContextManager[Exchange]:
        """Send a request; the block begins when the head of the answer is there.

        A kept connection that turns out dead before a byte of the answer is
        replaced once by a fresh one. A body that is produced on the way could not
        be sent twice: it gets a fresh one at once. It is sent in chunks; an answer
        that comes earlier than its end stops it. Nothing is bounded in time but
        connecting.

        Leaving the block:
          After a complete answer the connection is kept; otherwise, whatever
          the reason, it is closed without waiting.

        Raises:
          UpstreamError: the server cannot be reached or did not answer.
          RequestError: the head holds what cannot be sent.
        """
        return _Held(self, target, head, body)

    async def begin(self, target: Target, head: RequestHead, body: RequestBody) -> Exchange:
        """Send a request and wait for the head of the answer; `end` must follow."""
        route = route_of(target)
        length = len(body) if isinstance(body, bytes) else None
        request = request_bytes(head.method, head.target, head.headers, route, length)
        kept = self._take(route) if isinstance(body, bytes) else None
        if kept is not None:
            with suppress(_StaleError):
                return await _attempt(target, kept, request, head, body)
        fresh = await self._open(target, route)
        return await _attempt(target, fresh, request, head, body)

    def end(self, target: Target, exchange: Exchange) -> None:
        """Keep the connection of a complete exchange; close any other, without waiting."""
        connection = exchange.connection
        if self._closed or not exchange.is_reusable:
            connection.close()
            return
        connection.reused = True
        connection.idle_since = trio.current_time()
        kept = self._kept.setdefault(route_of(target).origin, [])
        kept.append(connection)
        if len(kept) > IDLE_PER_HOST:
            kept.pop(0).close()

    def _take(self, route: Route) -> Connection | None:
        kept = self._kept.get(route.origin)
        while kept:
            connection = kept.pop()
            is_young = connection.idle_since > trio.current_time() - IDLE_AT_MOST
            # News on an idle connection is its end, or bytes nobody asked for.
            if is_young and not connection.wire.has_news():
                return connection
            connection.close()
        return None

    async def _open(self, target: Target, route: Route) -> Connection:
        self._drop_old()
        return await self._dialer.connect(target, route)

    def _drop_old(self) -> None:
        """Close what was kept for too long; asked whenever a connection is opened."""
        oldest = trio.current_time() - IDLE_AT_MOST
        for kept in self._kept.values():
            while kept and kept[0].idle_since <= oldest:
                kept.pop(0).close()

    def forget(self, target: Target) -> None:
        """Close the unused connections to a server that is gone. Never raises."""
        with suppress(UpstreamError):  # without a usable address there are none
            for connection in self._kept.pop(route_of(target).origin, []):
                connection.close()

    async def aclose(self) -> None:
        """Close all unused connections, and each of the others when its exchange ends."""
        self._closed = True
        for kept in self._kept.values():
            for connection in kept:
                connection.close()
        self._kept.clear()
        await trio.lowlevel.checkpoint()


@define(eq=False)
class _Held(AbstractAsyncContextManager[Exchange]):
    """An exchange, from the request to the end; a class for the reason of the inbox's leases."""

    _pool: Pool
    _target: Target
    _head: RequestHead
    _body: RequestBody
    _exchange: Exchange = field(init=False)

    async def __aenter__(self) -> Exchange:
        self._exchange = await self._pool.begin(self._target, self._head, self._body)
        return self._exchange

    async def __aexit__(
        self, kind: type[BaseException] | None, _error: object, _trace: TracebackType | None
    ) -> None:
        self._pool.end(self._target, self._exchange)


async def _attempt(
    target: Target, connection: Connection, request: bytes, head: RequestHead, body: RequestBody
) -> Exchange:
    exchange = Exchange(target, connection)
    try:
        await exchange.begin(request, head, body)
    except BaseException:
        connection.close()
        raise
    return exchange
