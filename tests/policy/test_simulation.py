"""Simulated traffic: stories that were computed by hand, and what holds for any."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llamaswap.policy import simulation
from llamaswap.policy.messages import Cause, Command, Event
from llamaswap.policy.pace import Pace
from llamaswap.policy.rules import Fairness, Fleet, ModelId, Selection, Strategy
from llamaswap.policy.simulation import Request, Times, play, simulate
from llamaswap.policy.simulation_report import Waits
from tests.policy.words import NOBODY, ONE_AT_A_TIME, TIGHT, TOGETHER, A, B, C, D, fleet

TIMES = Times(load=2, stop=1, service=3)


def test_a_swap_takes_service_stop_and_load() -> None:
    report = simulate(ONE_AT_A_TIME, [Request(10, A), Request(11, B)], TIMES)

    # A: loads 10-12, served 12-15, stops 15-16. B: loads 16-18, served 18-21.
    assert (report.begin, report.end, report.makespan) == (10, 21, 11)
    assert (report.loads, report.swaps, report.evictions, report.busy) == (2, 1, 1, 6)
    assert report.models[A].waits == Waits(2, 2, 2, 2)
    assert report.models[B].waits == Waits(7, 7, 7, 7)
    assert report.waits == Waits(mean=4.5, p50=2, p95=7, longest=7)
    assert [report.models[model].loaded for model in (A, B, C)] == [3, 3, 0]
    assert [report.models[model].serving for model in (A, B, C)] == [3, 3, 0]
    assert list(report.timeline()) == [
        (10, A, "starts (requests waiting: 1)"),
        (15, A, "stops (makes room for b)"),
        (16, B, "starts (requests waiting: 1)"),
    ]


def test_each_model_and_request_takes_its_own_time() -> None:
    times = Times(1, 1, 1, loads={A: 5}, stops={A: 4}, services={A: 3})
    report = simulate(ONE_AT_A_TIME, [Request(0, A), Request(0, A, 2), Request(1, B)], times)

    # A: loads 0-5, serves 5-8, stops 8-12. B: loads 12-13, serves 13-14.
    assert report.models[B].waits.longest == 12
    assert report.end == 14


def test_those_that_run_together_disturb_nobody() -> None:
    report = simulate(TOGETHER, [Request(0, A), Request(0, B), Request(4, A)], TIMES)

    assert (report.loads, report.swaps, report.waits.longest) == (2, 0, 2)
    assert report.models[A].serving == 5  # 2-7, in parts by two at once
    assert report.busy == 5


def test_what_is_refused_is_told_by_cause() -> None:
    requests = [Request(0, A), Request(0, A), Request(0, A), Request(9, NOBODY)]
    report = simulate(TIGHT, requests, TIMES)

    assert report.models[A].refused == {Cause.BUSY: 1}
    assert report.models[NOBODY].refused == {Cause.UNKNOWN: 1}
    assert report.refused == {Cause.BUSY: 1, Cause.UNKNOWN: 1}
    assert (report.requests, report.served, report.models[A].requests) == (4, 2, 3)
    assert report.end == 9


def test_an_idle_model_is_stopped_while_others_are_served() -> None:
    with_ttl = fleet([A, B], idle_after=5)
    report = simulate(with_ttl, [Request(0, A), Request(20, A)], TIMES)

    # Served 2-5, idle until 10, gone at 11; loads again 20-22.
    assert (report.loads, report.evictions, report.swaps) == (2, 0, 0)
    assert report.models[A].loaded == 8 + 3
    assert (10, A, "stops (idle for 5 s)") in report.timeline()


def test_a_load_that_is_cancelled_ends_nothing_later() -> None:
    impatient = fleet([A, B], fairness=Fairness(queue_timeout=1))
    times = Times(load=2, stop=0.05, service=0.05, loads={B: 0.2})
    requests = [Request(0, A), Request(1.5, B), Request(1.82, A), Request(5, B)]
    report = simulate(impatient, requests, times)

    # A's first load would have ended at 2, when its second one, from 1.87 to
    # 3.87, was just under way.
    assert report.models[A].refused == {Cause.TIMED_OUT: 2}
    assert report.models[B].served == 2
    assert report.models[A].loaded == pytest.approx(5 - 3.87)


def test_a_time_limit_that_floats_cannot_express_ends_all_the_same() -> None:
    # 0.1 + 0.7 - 0.7 is less than 0.1.
    impatient = fleet([A, B], fairness=Fairness(queue_timeout=0.7))
    report = simulate(impatient, [Request(0, A), Request(0.1, B)], TIMES)

    assert report.models[B].refused == {Cause.TIMED_OUT: 1}
    assert report.end == pytest.approx(0.8)


def test_a_request_for_one_of_several_counts_for_the_one_that_serves() -> None:
    either = Selection("either", Strategy.WARM, (A, B))
    report = simulate(ONE_AT_A_TIME, [Request(0, B), Request(1, either)], TIMES)

    assert (report.models[A].served, report.models[B].served) == (0, 2)


def test_what_was_learned_earlier_is_heeded() -> None:
    requests = [Request(0, A, 50), Request(0, B), Request(20, A, 50)]
    slow, quick = ({A: Pace(load=load), B: Pace(load=load)} for load in (100.0, 1.0))

    # With quick loads B has waited too long at 3, and A takes nobody new.
    assert simulate(ONE_AT_A_TIME, requests, TIMES, slow).models[A].waits.longest == 2
    assert simulate(ONE_AT_A_TIME, requests, TIMES, quick).models[A].waits.longest > 30


def test_nothing_comes_of_nothing() -> None:
    report = simulate(ONE_AT_A_TIME, [])

    assert (report.makespan, report.requests, report.waits) == (0, 0, Waits())


def test_a_long_timeline_is_cut_and_counts_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulation, "MOST_SPANS", 2)
    requests = [Request(20 * number, (A, B)[number % 2]) for number in range(6)]
    report = simulate(ONE_AT_A_TIME, requests, TIMES)

    assert (report.loads, len(report.spans), report.omitted) == (6, 2, 4)
    # Ready 2-20, then 23-40 and so on, the last one 103-106.
    assert sum(model.loaded for model in report.models.values()) == 18 + 4 * 17 + 3


class Forgetful:
    """A planner that never answers."""

    next_wakeup = None

    def handle(self, events: Iterable[Event], now: float) -> list[Command]:
        del events, now
        return []


def test_a_planner_that_forgets_somebody_is_found_out() -> None:
    with pytest.raises(AssertionError, match="what will never come"):
        play(Forgetful(), [A], [Request(0, A)])


# What holds for any traffic.

SECONDS = st.floats(0, 30)
MODELS = st.sampled_from([A, B, C])
TRAFFIC = st.lists(
    st.builds(Request, SECONDS, MODELS, st.floats(0, 5)), min_size=1, max_size=30
).map(sorted)
FLEETS = st.sampled_from(
    [
        ONE_AT_A_TIME,
        TOGETHER,
        TIGHT,
        fleet([A, B, C], idle_after=3.0, priorities={A: 1}),
        fleet([A, B, C], fairness=Fairness(max_wait=4, linger=2, min_residency=3)),
        fleet([A, B, C], fairness=Fairness(max_wait=0, linger=0, queue_timeout=5.0)),
    ]
)
ANY_TIMES = st.builds(Times, st.floats(0, 5), st.floats(0, 1))


@given(FLEETS, TRAFFIC, ANY_TIMES)
def test_every_request_is_served_or_refused_once(
    any_fleet: Fleet, requests: list[Request], times: Times
) -> None:
    report = simulate(any_fleet, requests, times)

    asked = Counter(request.model for request in requests)
    assert {m: entry.requests for m, entry in report.models.items() if entry.requests} == asked
    assert report.swaps <= report.loads
    assert report.busy <= report.makespan + 1e-9
    for entry in report.models.values():
        assert 0 <= entry.waits.p50 <= entry.waits.p95 <= entry.waits.longest
        assert entry.serving <= entry.loaded + 1e-9
        assert bool(entry.loads) >= bool(entry.served)
    assert simulate(any_fleet, requests, times) == report


@given(TRAFFIC)
def test_one_at_a_time_the_seconds_served_add_up(requests: list[Request]) -> None:
    single = fleet([A, B, C], limit=1)
    report = simulate(single, [request._replace(service=2.0) for request in requests], TIMES)

    for entry in report.models.values():
        assert entry.serving == pytest.approx(2.0 * entry.served)


@given(st.lists(MODELS, min_size=1, max_size=30), ANY_TIMES)
def test_a_batch_takes_one_load_for_each_model(models: list[ModelId], times: Times) -> None:
    report = simulate(fleet([A, B, C], limit=99), [Request(0, model) for model in models], times)

    assert report.loads == len(set(models))
    assert report.swaps == len(set(models)) - 1
    assert report.served == len(models)


@given(st.floats(0.1, 2), st.floats(0.1, 4), st.floats(0.1, 4), st.floats(1, 10), st.floats(0, 20))
def test_a_single_rival_of_a_busy_model_waits_no_longer_than_promised(
    gap: float, service: float, load: float, limit: float, moment: float
) -> None:
    steady = [Request(number * gap, A, service) for number in range(int(60 / gap))]
    # Whoever comes while A loads has that load to wait for as well.
    requests = sorted([*steady, Request(load + moment, B, 1.0)])
    contended = fleet([A, B], limit=1000, fairness=Fairness(max_wait=limit))
    report = simulate(contended, requests, Times(load=load, stop=0.5))

    assert report.models[B].served == 1
    assert report.models[B].waits.longest <= 2 * limit + (service + 0.5 + load) + 1e-6


MANY = st.lists(
    st.builds(Request, st.floats(0, 20), st.sampled_from([A, B, C, D]), st.floats(0, 3)),
    min_size=1,
    max_size=60,
).map(sorted)


@given(
    MANY,
    st.builds(Times, st.floats(0, 4), st.floats(0, 1)),
    st.floats(0.5, 8),
    st.dictionaries(st.sampled_from([A, B, C, D]), st.integers(-2, 2)),
    st.sampled_from([None, 0.0, 2.0, 50.0]),
    st.sampled_from([0.0, 5.0, 50.0]),
)
def test_nobody_waits_longer_than_the_bound(
    requests: list[Request],
    times: Times,
    limit: float,
    priorities: dict[ModelId, int],
    linger: float | None,
    residency: float,
) -> None:
    fairness = Fairness(max_wait=limit, linger=linger, min_residency=residency)
    rivals = fleet([A, B, C, D], limit=1000, priorities=priorities, fairness=fairness)
    report = simulate(rivals, requests, times)

    longest_service = max(request.service or 0.0 for request in requests)
    models = len({request.model for request in requests})
    bound = 2 * limit + models * (longest_service + times.load + times.stop)
    assert report.waits.longest <= bound + 1e-6
