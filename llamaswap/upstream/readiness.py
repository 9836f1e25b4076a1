"""Decides when a model server is asked whether it is ready, and asks.

Beside `process`, which owns the child. Knows neither HTTP nor processes: it is
given a health check and something to wait for. Whatever happens first ends it,
a probe that hangs included; the verdict is read from facts afterwards.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from enum import Enum
from typing import TypeAlias

import trio
from attrs import define, field

from llamaswap.upstream.supervision import InForce

HealthCheck: TypeAlias = Callable[[], Awaitable[bool]]
"""Ask the server once; true when it is ready. What cannot be reached is not ready
and is no exception. It owns no time limit: the caller has one."""

LATENESS = 80
"""An eightieth of the time since the start lies between two probes. A load of a second
is so found ready 12.5 ms late at the most; with a fortieth, which is as good for long
loads, 50 equal starts of 0.9 s were all found 18 ms late (decision 7)."""

LEAST_PAUSE = 0.01
"""Seconds; a probe costs us 0.5 ms of processor time, so this is 5 % of a core."""

LONGEST_PAUSE = 0.25
"""Seconds; reached after a load of 20 s. Longer ones would be seen too late by eye."""

PROBE_WITHIN = 5.0
"""Seconds for one probe. Some servers need 1.5 s to answer while they load; one that
took a connection and forgot it must not hold up the next."""


class Verdict(Enum):
    """How the wait for a server has ended."""

    READY = "ready"
    EXITED = "exited"
    LATE = "late"


def pause_after(elapsed: float) -> float:
    """Return the seconds between two probes, ``elapsed`` seconds after the start."""
    return min(max(elapsed / LATENESS, LEAST_PAUSE), LONGEST_PAUSE)


@define(eq=False)
class Nudge:
    """Says that the server has printed something, which it does when it is ready."""

    _given: trio.Event = field(factory=trio.Event, init=False)

    def give(self) -> None:
        """Wake who waits, or whoever will."""
        self._given.set()

    def forget(self) -> None:
        """Count only what is printed from now on."""
        if self._given.is_set():
            self._given = trio.Event()

    async def wait(self) -> None:
        """Return once something has been printed since `forget`."""
        await self._given.wait()


async def wait_ready(
    is_healthy: HealthCheck,
    nudge: Nudge,
    wait_exit: Callable[[], Awaitable[object]],
    began: float,
    in_force: InForce,
) -> Verdict:
    """Return at the first good health check, at the exit, or when the time is over.

    Args:
      is_healthy: the health check.
      nudge: given when the server prints something.
      wait_exit: returns when the server has exited.
      began: when it was started, on trio's clock.
      in_force: how long it may take; another one counts at once, and what hangs on a
        health check is given up then, because it may be another health check.
    """
    exited = ready = False

    async with trio.open_nursery() as nursery:

        async def watch_exit() -> None:
            nonlocal exited
            await wait_exit()
            exited = True
            nursery.cancel_scope.cancel()

        nursery.start_soon(watch_exit)
        while not ready and trio.current_time() < (late := _late_at(began, in_force)):
            with in_force.until_replaced() as looking:
                looking.deadline = late
                await _probe_until_good(is_healthy, nudge, began)
                ready = True
        nursery.cancel_scope.cancel()

    if exited:
        return Verdict.EXITED
    return Verdict.READY if ready else Verdict.LATE


def _late_at(began: float, in_force: InForce) -> float:
    return began + in_force.supervision.ready_within


async def _probe_until_good(is_healthy: HealthCheck, nudge: Nudge, began: float) -> None:
    while True:
        # What is printed while a probe is under way may be news that came too
        # late for it, so it counts for the next one.
        nudge.forget()
        asked_at = trio.current_time()
        if await _probe(is_healthy):
            return
        with trio.move_on_after(pause_after(trio.current_time() - began)):
            await nudge.wait()
            await trio.sleep_until(asked_at + LEAST_PAUSE)


async def _probe(is_healthy: HealthCheck) -> bool:
    with trio.move_on_after(PROBE_WITHIN):
        return await is_healthy()
    return False
