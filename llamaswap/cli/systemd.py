"""Tells systemd how it goes: ready, reloading, leaving, and one line of status.

Speaks the protocol of sd_notify(3): datagrams of ``NAME=value`` lines to the socket
that ``$NOTIFY_SOCKET`` names. Without it nothing happens. Nobody waits for systemd:
a task sends what is told, and what cannot be sent is dropped.
"""

from __future__ import annotations

import logging
import os
import socket
import sys
import time
from collections.abc import MutableMapping
from datetime import datetime

import trio
from attrs import define, field

from llamaswap.config.schema import Config
from llamaswap.errors import Fault
from llamaswap.web.front import Front

logger: logging.Logger = logging.getLogger("llamaswap.cli")

VARIABLE = "NOTIFY_SOCKET"

WAITING = 100
"""Messages that may wait; there are two for each reload."""

SEND_WITHIN = 5.0
"""Seconds for one message. systemd takes it at once, unless it hangs itself."""

LAST_WITHIN = 1.0
"""Seconds that are left for what waits when we leave."""

STATUS_LENGTH = 500
"""Characters of a status: more than a terminal shows in its one line."""


def take_address(environ: MutableMapping[str, str]) -> str | None:
    """Take the address of systemd's socket out of ``environ``; ``None``: nobody listens.

    Taken out, so that no model server is given it and speaks in our name.
    """
    name = environ.pop(VARIABLE, "")
    if sys.platform == "win32" or name[:1] not in {"/", "@"}:
        return None
    # An abstract socket begins with NUL, which no variable can hold.
    return "\0" + name[1:] if name.startswith("@") else name


@define(eq=False)
class Systemd:
    """Whoever tells systemd something."""

    _address: str | None
    _outbox: trio.MemorySendChannel[str] = field(init=False)
    _inbox: trio.MemoryReceiveChannel[str] = field(init=False)
    _has_failed: bool = field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        self._outbox, self._inbox = trio.open_memory_channel[str](WAITING)

    def ready(self, front: Front) -> None:
        """Tell that we serve, also after a reload, and which configuration."""
        snapshot = front.snapshot
        self._tell("READY=1", status_of(snapshot.config, front.faults, snapshot.loaded_at))

    def reloading(self) -> None:
        """Tell that a reload has begun; `ready` tells that it is over."""
        # The clock that systemd compares with: was this reload asked for before?
        self._tell("RELOADING=1", "reloading", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        """Tell that we leave."""
        self._tell("STOPPING=1", "finishing open requests")

    async def run(
        self,
        leaving: trio.Event,
        *,
        task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Send what is told until ``leaving`` is set, then what still waits."""
        task_status.started()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._send_all)
            await leaving.wait()
            self._outbox.close()
            nursery.cancel_scope.deadline = trio.current_time() + LAST_WITHIN

    def _tell(self, state: str, status: str, *more: str) -> None:
        # A line break would begin another assignment.
        line = " ".join(status.split())[:STATUS_LENGTH]
        if self._address is not None:
            try:
                self._outbox.send_nowait("\n".join((state, *more, f"STATUS={line}")))
            except trio.WouldBlock:
                self._note_failure("it takes nothing any more")

    async def _send_all(self) -> None:
        async for message in self._inbox:
            try:
                with trio.fail_after(SEND_WITHIN):
                    await self._send(message)
            except OSError as exc:
                self._note_failure(exc)
            except trio.TooSlowError:
                self._note_failure(f"it took nothing for {SEND_WITHIN:g} s")

    async def _send(self, message: str) -> None:
        """Send one datagram; each over a socket of its own, for systemd may be replaced."""
        assert self._address is not None, "nothing is told to nobody"
        if sys.platform != "win32":
            with trio.socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
                # Connected: only then its being writable tells of the other end.
                await sock.connect(self._address)
                await sock.send(message.encode(errors="replace"))

    def _note_failure(self, reason: Exception | str) -> None:
        if not self._has_failed:
            self._has_failed = True
            logger.debug("systemd cannot be told how it goes: %s", reason)


def status_of(config: Config, faults: tuple[Fault, ...] | None, loaded_at: float) -> str:
    """Say in a line which configuration is served, and why not the newest one."""
    if faults:
        since = datetime.fromtimestamp(loaded_at).astimezone().strftime("%Y-%m-%d %H:%M:%S")
        return f"the last reload failed: {faults[0]}; still serving the configuration of {since}"
    models, files = len(config.models), config.sources
    where = os.fspath(files[0]) if len(files) == 1 else f"{len(files)} files"
    return f"serving {models} {'model' if models == 1 else 'models'} of {where}"
