"""Looks at the configuration every two seconds, and asks for a reload when it has changed.

What a change is decides `llamaswap.config.watch`.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress

import trio

from llamaswap.config.watch import Watch
from llamaswap.errors import SwapError
from llamaswap.reload import Reloader

logger: logging.Logger = logging.getLogger("llamaswap.cli")


async def run_watch(
    _leaving: trio.Event,
    look: Callable[[], Awaitable[str | None]],
    reloader: Reloader,
    *,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Reload whenever the configuration has changed, until cancelled.

    Nobody looks while the configuration is read: what changes then is seen afterwards.

    Args:
      look: returns the digest of what is there, ``None`` if something is missing.
    """
    watch = Watch()
    task_status.started()
    while True:
        await trio.sleep(watch.pause)
        if watch.look(await look(), reloader.tried):
            logger.info("the configuration has changed: reloading")
            # The task that reloads says what goes wrong.
            with suppress(SwapError):
                await reloader.attempt()
