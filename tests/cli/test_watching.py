"""The watcher, on a clock of its own: when it looks, and when it asks."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import cast

import trio
from attrs import define, field
from trio.testing import MockClock

from llamaswap.cli.watching import run_watch
from llamaswap.config.watch import INTERVAL, SETTLING
from llamaswap.errors import SwapError
from llamaswap.reload import Reloader


@define(eq=False)
class Disk:
    """Files that change at certain seconds, and a reloader that reads them."""

    versions: dict[float, str | None]
    takes: float = 0
    """Seconds of a reload, after the files were read."""

    fails: bool = False
    tried: str = "old"
    reloads: list[tuple[float, str]] = field(factory=list[tuple[float, str]], init=False)

    async def look(self) -> str | None:
        await trio.lowlevel.checkpoint()
        now = trio.current_time()
        return [version for since, version in self.versions.items() if since <= now][-1]

    async def attempt(self) -> None:
        self.tried = await self.look() or ""
        self.reloads.append((trio.current_time(), self.tried))
        await trio.sleep(self.takes)
        if self.fails:
            raise SwapError("bad")


@asynccontextmanager
async def watched(disk: Disk) -> AsyncGenerator[None, None]:
    async with trio.open_nursery() as nursery:
        await nursery.start(run_watch, trio.Event(), disk.look, cast("Reloader", disk))
        yield
        nursery.cancel_scope.cancel()


async def test_a_change_is_loaded_once_it_has_settled(autojump_clock: MockClock) -> None:
    disk = Disk({0: "old", 3: "new"})
    async with watched(disk):
        await trio.sleep(100)

    assert disk.reloads == [(2 * INTERVAL + SETTLING, "new")]


async def test_a_change_during_a_reload_is_seen_afterwards(autojump_clock: MockClock) -> None:
    disk = Disk({0: "old", 3: "new", 10: "newer"}, takes=30)
    async with watched(disk):
        await trio.sleep(100)

    assert [version for _, version in disk.reloads] == ["new", "newer"]
    assert disk.reloads[1][0] == disk.reloads[0][0] + 30 + INTERVAL + SETTLING


async def test_a_reload_that_fails_does_not_end_the_watch(autojump_clock: MockClock) -> None:
    disk = Disk({0: "old", 3: "bad", 20: None, 30: "bad", 40: "good"}, fails=True)
    async with watched(disk):
        await trio.sleep(100)

    assert [version for _, version in disk.reloads] == ["bad", "good"]
