"""One connection: its reader, its requests, its one deadline, and its end.

Between `server`, which accepts it, and `protocols`, which understands it. The
reader runs as long as the connection, so that a hang-up is seen at once; each
request is a task of its own. The deadline runs only while no request is open.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from math import inf
from typing import TypeAlias

import trio

from llamaswap.web.access_log import printable
from llamaswap.web.asgi import Message, Receive, Scope, Send
from llamaswap.web.caller import Caller
from llamaswap.web.circumstances import Circumstances
from llamaswap.web.protocols import Address, HttpProtocol, RefusedError, Tell
from llamaswap.web.wire import Wire

logger: logging.Logger = logging.getLogger("llamaswap.web")

ASGIApp: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

IDLE_LIMIT = 75.0
"""Seconds a connection may rest between requests: nginx's figure, longer than the
minute after which most clients' pools let go."""

HEAD_LIMIT = 30.0
"""Seconds from the first byte of a head to its last: patient with a bad network,
not with somebody who sends a byte now and then to hold the connection."""

LINGER_LIMIT = 1.0
"""Seconds in which an unread body is thrown away after the answer. Closed with
bytes unread, the system sends a reset, which can overtake the answer."""

READ_AHEAD = 65536
"""Bytes that are read behind an unanswered request, to see whether its client
hangs up: a read of usual size, some hundred pipelined requests."""


class Connection:
    """Serves one client until it leaves, rests too long, or the server leaves.

    It is the `Host` of its protocol and the `Line` of its callers.
    """

    def __init__(
        self,
        app: ASGIApp,
        circumstances: Circumstances,
        *,
        alpn: str | None = None,
        is_tls: bool = False,
        client: Address | None = None,
        server: Address | None = None,
    ) -> None:
        self._app = app
        self._circumstances = circumstances
        self._protocol = HttpProtocol(
            self, circumstances, alpn=alpn, is_tls=is_tls, client=client, server=server
        )
        self._gathers = not self._protocol.is_http2
        self._gathered: list[bytes] = []
        self._ahead: list[bytes] = []
        self._reading = trio.CancelScope()
        self._is_idle = True
        self._head_has_begun = False
        self._is_ending = False
        """Whether nothing more will be said, so that the connection can be closed."""
        self._is_discarding = False
        self._is_read_out = False
        self._last_caller: Caller | None = None
        self._open_requests = 0
        self._nursery: trio.Nursery
        self._wire: Wire

    @property
    def is_leaving(self) -> bool:
        """Whether the answers under way are the last ones."""
        return self._circumstances.is_leaving

    async def run(self, stream: trio.abc.Stream) -> None:
        """Serve ``stream``, which is over when this returns, however it returns."""
        async with trio.open_nursery() as writing:
            self._wire = Wire(stream, writing, self._reading.cancel)
            try:
                async with trio.open_nursery() as self._nursery:
                    with self._reading:
                        self._reading.deadline = trio.current_time() + IDLE_LIMIT
                        await self._protocol.start()
                        await self._read()
                    self._is_read_out = True
                    await self._protocol.hang_up()
                    if self._is_ending:
                        await self.flush()
                        await self._wire.finish()
                # A client that shut down its sending side can still be answered.
                await self._wire.finish()
            finally:
                self._wire.close()

    def leave(self) -> None:
        """Close at once if no request is open, else after the answer."""
        self._wire.hurry()
        self._protocol.hurry()
        if self._is_idle and not self._is_read_out:
            self._nursery.start_soon(self._say_goodbye)

    async def _say_goodbye(self) -> None:
        await self._protocol.say_goodbye()
        self._is_ending = True
        self._reading.cancel()

    # The reader.

    async def _read(self) -> None:
        while data := await self._next():
            if self._is_discarding:
                continue
            try:
                await self._protocol.feed(data)
            except RefusedError:
                await self.on_end()
            except Exception:
                # Whatever a client sends, it must not end the server.
                logger.debug("a connection ends over what its client sent", exc_info=True)
                self._is_ending = True
                return
            await self.flush()
            if self._is_idle and not self._head_has_begun and self._protocol.has_part_of_head():
                self._head_has_begun = True
                self._reading.deadline = trio.current_time() + HEAD_LIMIT

    async def _next(self) -> bytes:
        return self._ahead.pop(0) if self._ahead else await self._wire.receive()

    async def read_ahead(self) -> None:
        """Read what comes behind an unanswered request, until cancelled."""
        while sum(map(len, self._ahead)) < READ_AHEAD:
            data = await self._wire.receive()
            if not data:
                self._reading.cancel()
                break
            self._ahead.append(data)
        await trio.sleep_forever()

    # What the protocol calls.

    async def on_bytes(self, data: bytes) -> None:
        """Take bytes for the client. HTTP/1 gives them in small parts, for `flush`."""
        if self._gathers:
            self._gathered.append(data)
        else:
            await self._wire.write(data)

    async def on_idle(self, *, is_idle: bool) -> None:
        """Begin or end to wait for a request. For HTTP/2 the requests are counted here."""
        if self._gathers:
            self._note_idle(is_idle=is_idle)
            await self.flush()

    def _note_idle(self, *, is_idle: bool) -> None:
        if is_idle != self._is_idle:
            self._is_idle = is_idle
            self._head_has_begun = False
            self._reading.deadline = trio.current_time() + IDLE_LIMIT if is_idle else inf

    async def on_end(self) -> None:
        """Close when all has been written, and the client has sent all it wants to."""
        self._is_ending = True
        caller = self._last_caller
        if not self._gathers or (caller is not None and caller.has_whole_request):
            self._reading.cancel()
            await self.flush()
            return
        self._is_discarding = True
        await self.flush()
        self._wire.send_eof()
        self._reading.deadline = trio.current_time() + LINGER_LIMIT

    def open_request(
        self, scope: Scope, tell: Tell, stream_id: int
    ) -> Callable[[Message], Awaitable[None]]:
        """Start the app for one request; return what takes the request's messages."""
        caller = self._last_caller = Caller(self, scope, tell, stream_id)
        scope["extensions"]["llamaswap"] = caller
        self._open_requests += 1
        if not self._gathers:
            self._note_idle(is_idle=False)
        self._nursery.start_soon(self._run_app, caller, scope, tell)
        return caller.put

    def spawn(self, task: Callable[..., Awaitable[object]], *args: object) -> None:
        """Start a task of the protocol."""
        self._nursery.start_soon(task, *args)

    # The requests.

    async def _run_app(self, caller: Caller, scope: Scope, tell: Tell) -> None:
        try:
            await self._app(scope, caller.receive, caller.send)
        except Exception:
            logger.exception("%s: the request broke down", printable(scope["path"]))
        except BaseExceptionGroup as group:
            # The server is being cancelled, and something broke on the way out.
            cancelled, crash = group.split(trio.Cancelled)
            if cancelled is None or not isinstance(crash, Exception):
                raise
            logger.error("%s: the request broke down", printable(scope["path"]), exc_info=crash)  # noqa: TRY400 - the rest of a group
            raise cancelled from None
        await self._settle(caller, tell)

    async def _settle(self, caller: Caller, tell: Tell) -> None:
        """Bring the answer to an end: a 500, a cut, or what is right already."""
        if caller.has_begun and not caller.is_answered and not caller.is_gone:
            caller.abort()
        if not caller.is_cut:
            await tell(None)
            await self.flush()
        caller.release()
        self._open_requests -= 1
        if not self._gathers and not self._open_requests:
            # Hypercorn says so too, but not after a stream was reset.
            self._note_idle(is_idle=True)
            if self.is_leaving:
                await self._say_goodbye()

    # What a caller calls.

    async def flush(self) -> None:
        """Write what has been gathered."""
        if self._gathered:
            data = b"".join(self._gathered)
            self._gathered.clear()
            await self._wire.write(data)

    async def write(self, data: bytes) -> None:
        """Write past the protocol."""
        await self._wire.write(data)

    def cut(self, caller: Caller) -> None:
        """End an answer so that its client cannot take it for complete."""
        if not self._gathers:
            self._nursery.start_soon(self._protocol.reset, caller.stream_id)
            return
        self._is_ending = True
        if not caller.is_delimited:
            # Its body ends with the connection: only a reset tells.
            self._wire.reset()
        self._reading.cancel()
