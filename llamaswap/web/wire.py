"""The bytes of one connection: written in order, each write bounded.

Below `connection`; knows nothing of HTTP. A write tries the socket first. What
it does not take is queued for a task of the connection, and the writer waits
for that: so a cancelled writer never leaves half a piece on the wire, and a
client that never reads is given up by one deadline instead of one per write.
"""

from __future__ import annotations

import socket
import struct
from collections import deque
from collections.abc import Callable
from contextlib import suppress

import trio

from llamaswap.relay.sockets import RECEIVE_BYTES, TURNS_IN_A_ROW, LeanStream

STALL_LIMIT = 60.0
"""Seconds without progress after which a client is given up: longer than a laptop
needs to change its network, short enough to free what waits for it."""

HURRIED_STALL_LIMIT = 5.0
"""The same while the server is leaving: a fraction of the usual grace of 30 s."""

SEND_SIZE = 16384
"""Bytes per step of a write that has to wait. One step within the limit is progress,
so that a client is given up only below 270 bytes/s."""

_GONE = (OSError, trio.BrokenResourceError, trio.ClosedResourceError)


class Wire:
    """Both directions of one connection.

    It owns the stream: a socket is taken out of it, and `close` closes it.
    After the connection has broken, writing does nothing.
    """

    def __init__(
        self, stream: trio.abc.Stream, nursery: trio.Nursery, on_broken: Callable[[], None]
    ) -> None:
        self._lean = LeanStream(stream) if isinstance(stream, trio.SocketStream) else None
        self._stream = self._lean or stream
        self._nursery = nursery
        self._on_broken = on_broken
        self._queue: deque[memoryview] = deque()
        self._drained: trio.Event | None = None
        """Set when the queue is empty; exists while the task works at it."""
        self._stall = trio.CancelScope()
        self._stall_limit = STALL_LIMIT
        self._turns = 0
        self.is_broken: bool = False

    async def receive(self) -> bytes:
        """Wait for bytes; empty when no more will come, for whatever reason."""
        try:
            return bytes(await self._stream.receive_some(RECEIVE_BYTES))
        except _GONE:
            self.break_off()
            return b""

    async def write(self, data: bytes) -> None:
        """Write all of ``data``, after what was written before.

        Returns when the system has taken it, or at once when the connection is broken.

        Cancellation:
          What was given is written all the same.
        """
        if self._drained is None and not self.is_broken:
            sent = self._try(data)
            if sent < len(data) and not self.is_broken:
                self._queue.append(memoryview(data)[sent:])
                drained = self._drained = trio.Event()
                self._nursery.start_soon(self._drain, drained)
                await drained.wait()
                return
        elif not self.is_broken and self._drained is not None:
            self._queue.append(memoryview(data))
            await self._drained.wait()
            return
        # Whoever writes in a loop must not keep the others from running.
        self._turns += 1
        if self._turns >= TURNS_IN_A_ROW:
            self._turns = 0
            await trio.lowlevel.checkpoint()

    def _try(self, data: bytes) -> int:
        """Send what can be sent without waiting; return how many bytes that was."""
        if self._lean is None:
            return 0
        try:
            return self._lean.socket.send(data)
        except BlockingIOError:
            pass
        except OSError:
            self.break_off()
        return 0

    async def _drain(self, drained: trio.Event) -> None:
        try:
            with trio.CancelScope() as self._stall:
                while self._queue:
                    await self._send(self._queue.popleft())
            if self._stall.cancelled_caught:
                self.break_off()
        except _GONE:
            self.break_off()
        finally:
            self._drained = None
            drained.set()

    async def _send(self, rest: memoryview) -> None:
        while rest:
            self._stall.deadline = trio.current_time() + self._stall_limit
            await self._stream.send_all(rest[:SEND_SIZE])
            rest = rest[SEND_SIZE:]

    def hurry(self) -> None:
        """Have less patience with a client that does not read."""
        self._stall_limit = HURRIED_STALL_LIMIT
        soon = trio.current_time() + HURRIED_STALL_LIMIT
        self._stall.deadline = min(self._stall.deadline, soon)

    def break_off(self) -> None:
        """Write nothing more; what is queued is lost."""
        if not self.is_broken:
            self.is_broken = True
            self._queue.clear()
            self._stall.cancel()
            self._on_broken()

    def send_eof(self) -> None:
        """Tell the client that nothing more will come, where that can be told apart."""
        if self._lean is not None:
            with suppress(OSError):
                self._lean.socket.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """Break off so that the client sees it, where that can be done."""
        if self._lean is not None and not self.is_broken:
            # No lingering: what is unsent is dropped, and closing sends a reset.
            self._lean.socket.setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
            )
        self.break_off()

    async def finish(self) -> None:
        """Wait until what was written has been taken, then close."""
        if self._drained is not None:
            await self._drained.wait()
        if not self.is_broken and self._lean is None:
            # TLS says goodbye in bytes, for which there must be room.
            with trio.move_on_after(HURRIED_STALL_LIMIT):
                await self._stream.aclose()
        self.close()

    def close(self) -> None:
        """Close a socket at once; other streams are closed by whoever accepted them."""
        self.is_broken = True
        if self._lean is not None:
            self._lean.close()
