from __future__ import annotations

from functools import partial

import pytest
import trio
from trio.testing import MockClock

from llamaswap.upstream.readiness import (
    PROBE_WITHIN,
    HealthCheck,
    Nudge,
    Verdict,
    pause_after,
    wait_ready,
)
from llamaswap.upstream.supervision import InForce, Supervision

wait = partial(wait_ready, wait_exit=trio.sleep_forever, began=0, in_force=InForce(Supervision()))


@pytest.mark.parametrize(
    ("elapsed", "pause"),
    [(0, 0.01), (0.3, 0.01), (0.8, 0.01), (1, 0.0125), (4, 0.05), (20, 0.25), (120, 0.25)],
)
def test_the_pause_is_an_eightieth_of_the_load_within_limits(elapsed: float, pause: float) -> None:
    assert pause_after(elapsed) == pause


def healthy_from(moment: float, asked: list[float] | None = None) -> HealthCheck:
    async def is_healthy() -> bool:
        await trio.lowlevel.checkpoint()
        if asked is not None:
            asked.append(round(trio.current_time(), 6))
        return trio.current_time() >= moment

    return is_healthy


@pytest.mark.parametrize("load", [0.0, 0.001, 0.05, 0.3, 0.35, 0.6, 0.9, 1.0])
async def test_a_load_of_up_to_a_second_is_seen_13_ms_late_at_most(
    load: float, autojump_clock: MockClock
) -> None:
    assert await wait(healthy_from(load), Nudge()) is Verdict.READY
    assert 0 <= trio.current_time() - load <= max(0.01, load / 80) + 1e-9


@pytest.mark.parametrize("load", [1.5, 3.3, 9.0, 33.0, 119.0])
async def test_a_longer_load_is_seen_within_an_eightieth_or_a_quarter_of_a_second(
    load: float, autojump_clock: MockClock
) -> None:
    assert await wait(healthy_from(load), Nudge()) is Verdict.READY
    assert 0 <= trio.current_time() - load <= min(load / 80, 0.25) + 1e-9


async def test_the_first_probe_comes_at_once_and_the_next_after_10_ms(
    autojump_clock: MockClock,
) -> None:
    asked: list[float] = []

    await wait(healthy_from(0.035, asked), Nudge())

    assert asked == [0, 0.01, 0.02, 0.03, 0.04]


async def test_what_is_printed_brings_a_probe_at_once(autojump_clock: MockClock) -> None:
    asked: list[float] = []
    nudge = Nudge()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait, healthy_from(60, asked), nudge)
        await trio.sleep_until(60.001)
        nudge.give()

    assert asked[-2] < 60
    assert asked[-1] == 60.001


async def test_a_chatty_server_is_asked_every_10_ms_at_most(autojump_clock: MockClock) -> None:
    asked: list[float] = []
    nudge = Nudge()

    async def chatter() -> None:
        for _ in range(100):
            nudge.give()
            await trio.sleep(0.001)

    async with trio.open_nursery() as nursery:
        await trio.sleep(20)
        nursery.start_soon(partial(wait, began=0), healthy_from(20.095, asked), nudge)
        nursery.start_soon(chatter)

    assert [round(moment - 20, 6) for moment in asked] == [n / 100 for n in range(11)]


async def test_what_is_printed_while_a_probe_is_under_way_counts_for_the_next(
    autojump_clock: MockClock,
) -> None:
    asked: list[float] = []
    nudge = Nudge()

    async def is_healthy() -> bool:
        asked.append(trio.current_time())
        await trio.sleep(0.002)
        if len(asked) == 1:
            nudge.give()
        await trio.sleep(0.002)
        return len(asked) == 2

    async with trio.open_nursery() as nursery:
        await trio.sleep(20)
        nursery.start_soon(wait, is_healthy, nudge)

    assert asked == [20, 20.01]


async def test_a_probe_that_hangs_is_given_up_and_the_next_one_counts(
    autojump_clock: MockClock,
) -> None:
    probes: list[float] = []

    async def is_healthy() -> bool:
        probes.append(trio.current_time())
        if len(probes) == 1:
            await trio.sleep_forever()
        return True

    assert await wait(is_healthy, Nudge()) is Verdict.READY
    assert probes == [0, PROBE_WITHIN + PROBE_WITHIN / 80]


async def test_it_is_late_at_the_deadline_also_while_a_probe_hangs(
    autojump_clock: MockClock,
) -> None:
    assert await wait(hang, Nudge(), in_force=InForce(Supervision(ready_within=12))) is Verdict.LATE
    assert trio.current_time() == 12


async def hang() -> bool:
    await trio.sleep_forever()
    return True


@pytest.mark.parametrize("is_healthy", [healthy_from(900), hang])
@pytest.mark.parametrize(("within", "late"), [(20, 20), (11, 11), (5, 10)])
async def test_another_time_limit_counts_at_once(
    within: float, late: float, is_healthy: HealthCheck, autojump_clock: MockClock
) -> None:
    in_force = InForce(Supervision(ready_within=12))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(replace_at, 10, in_force, Supervision(ready_within=within))
        assert await wait(is_healthy, Nudge(), in_force=in_force) is Verdict.LATE
        assert trio.current_time() == late


async def replace_at(moment: float, in_force: InForce, supervision: Supervision) -> None:
    await trio.sleep_until(moment)
    in_force.replace(supervision)


async def test_what_hangs_on_a_health_check_is_asked_anew_when_it_may_be_another(
    autojump_clock: MockClock,
) -> None:
    in_force = InForce(Supervision())

    async def is_healthy() -> bool:
        if trio.current_time() < 3:
            await trio.sleep_forever()
        return True

    async with trio.open_nursery() as nursery:
        nursery.start_soon(replace_at, 3, in_force, Supervision())
        assert await wait(is_healthy, Nudge(), in_force=in_force) is Verdict.READY
        assert trio.current_time() == 3


async def test_the_exit_ends_it_at_once_also_while_a_probe_hangs(
    autojump_clock: MockClock,
) -> None:
    async def hang() -> bool:
        await trio.sleep_forever()
        return True

    leave = partial(trio.sleep, 0.7)
    assert await wait(hang, Nudge(), wait_exit=leave) is Verdict.EXITED
    assert trio.current_time() == 0.7


async def test_who_exits_and_is_healthy_at_one_moment_has_exited(
    autojump_clock: MockClock,
) -> None:
    async def is_healthy() -> bool:
        await trio.sleep(1)
        return True

    assert await wait(is_healthy, Nudge(), wait_exit=partial(trio.sleep, 0)) is Verdict.EXITED
