"""What signals ask for.

SIGHUP reloads; SIGINT or SIGTERM leaves in order (requests, models, log); the
second one kills every process that we started and leaves at once.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
from contextlib import suppress

import psutil
import trio
from attrs import define, field

from llamaswap.cli.console import Console
from llamaswap.errors import SwapError
from llamaswap.reload import Reloader
from llamaswap.upstream.spawn import kill_all

logger: logging.Logger = logging.getLogger("llamaswap.cli")

_LEAVE = {signal.SIGINT, signal.SIGTERM}
if sys.platform == "win32":
    _RELOAD = set[signal.Signals]()
else:
    _RELOAD = {signal.SIGHUP}


@define(eq=False)
class Orders:
    """What signals ask for."""

    leave: trio.Event = field(factory=trio.Event, init=False)
    _reload: trio.Event = field(factory=trio.Event, init=False)

    def reload(self) -> None:
        """Ask for a reload; those asked for during one lead to exactly one more."""
        self._reload.set()

    async def next_reload(self) -> None:
        """Wait until a reload is wanted."""
        await self._reload.wait()
        self._reload = trio.Event()


async def run_signals(
    _leaving: trio.Event,
    console: Console,
    *,
    task_status: trio.TaskStatus[Orders] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Turn signals into orders until cancelled; the second one to leave never returns."""
    orders = Orders()
    with trio.open_signal_receiver(*_LEAVE, *_RELOAD) as signals:
        task_status.started(orders)
        async for number in signals:
            if number in _RELOAD:
                orders.reload()
            elif not orders.leave.is_set():
                orders.leave.set()
            else:
                # Not through the tree, whose shields would hold us up.
                logger.warning("second signal: killing every model and leaving at once")
                kill_all()
                console.flush()
                kill_newborn()
                os._exit(1)


async def run_reload_orders(
    _leaving: trio.Event,
    orders: Orders,
    reloader: Reloader,
    *,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Pass the orders to reload on, until cancelled."""
    task_status.started()
    while True:
        await orders.next_reload()
        # The task that reloads says what goes wrong, and has ended when we do.
        with suppress(SwapError):
            await reloader.attempt()


def kill_newborn() -> None:
    """Kill the children that a worker thread has created beside `kill_all`.

    Their tasks, which would have put them into its table, do not run any more.
    The second look is for one that was created during the first.
    """
    for _ in range(2):
        for child in psutil.Process().children():
            with suppress(psutil.Error):
                child.kill()
