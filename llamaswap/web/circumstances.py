"""What HTTP's protocols wait for: the server's leaving, and each other.

In the shape that Hypercorn asks for, whose events can be taken back and are set
by an awaited call; but it is not imported here.
"""

from __future__ import annotations

from typing import Protocol

import trio


class Reader(Protocol):
    """The connection, as far as a waiting request needs it."""

    async def read_ahead(self) -> None:
        """Look out for a hang-up until cancelled."""
        ...


class Circumstances:
    """What all connections of a server share; Hypercorn's worker context."""

    def __init__(self) -> None:
        self.event_class: type[Flag] = Flag
        self.terminated: Flag = Flag()

    @property
    def is_leaving(self) -> bool:
        """Whether the answers under way are the last ones."""
        return self.terminated.is_set()

    def leave(self) -> None:
        """Let every answer from now on be its connection's last."""
        self.terminated.event.set()

    async def mark_request(self) -> None:
        """Count nothing: this process is not replaced after so many requests."""


class Flag:
    """An event as Hypercorn wants it: it can be taken back, and setting it is awaited."""

    def __init__(self) -> None:
        self.event: trio.Event = trio.Event()

    async def clear(self) -> None:
        """Take it back."""
        self.event = trio.Event()

    async def set(self) -> None:
        """Let all go on who wait."""
        self.event.set()

    async def wait(self) -> None:
        """Wait until it is set."""
        await self.event.wait()

    def is_set(self) -> bool:
        """Whether waiting would end at once."""
        return self.event.is_set()


class Turn(Flag):
    """Lets the next pipelined request wait for its turn, and looks out for a hang-up."""

    def __init__(self, reader: Reader) -> None:
        super().__init__()
        self._reader = reader
        self._scope: trio.CancelScope | None = None

    async def clear(self) -> None:
        """Begin a wait."""
        self._scope = trio.CancelScope()

    async def set(self) -> None:
        """End the wait, if there is one."""
        if self._scope is not None:
            self._scope.cancel()

    async def wait(self) -> None:
        """Read ahead until the answer under way is complete."""
        assert self._scope is not None
        with self._scope:
            await self._reader.read_ahead()
        self._scope = None
