"""Alarms of idle models: one each, never late, and none for what is used."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from llamaswap.policy.idling import IdleTimes, idle_end
from llamaswap.policy.messages import LeaseId, ModelState
from llamaswap.policy.pace import Pace
from llamaswap.policy.places import Place
from llamaswap.policy.rules import ModelId, ModelRule

A, B = ModelId("a"), ModelId("b")
LEASE = LeaseId(1)


def idle(model: ModelId, since: float | None, after: float | None = 60.0) -> Place:
    rule = ModelRule(model, idle_after=after)
    place = Place(model, rule, rule, Pace(), ModelState.READY)
    place.idle_since = since
    return place


def test_the_one_that_is_idle_longest_is_next() -> None:
    places = {A: idle(A, 5.0), B: idle(B, 3.0)}
    times = IdleTimes(places)
    for place in places.values():
        times.watch(place)

    assert times.next_end == 63.0
    assert times.due(62.9) == []
    assert times.due(65.0) == [places[A], places[B]]
    assert times.next_end is None


def test_one_that_has_been_used_meanwhile_has_its_time_again() -> None:
    place = idle(A, 0.0)
    times = IdleTimes({A: place})
    times.watch(place)
    place.idle_since = 30.0
    times.watch(place)

    assert times.due(60.0) == []
    assert times.next_end == 90.0


def test_one_that_is_used_or_gone_has_no_alarm() -> None:
    used, gone = idle(A, 0.0), idle(B, 0.0)
    places = {A: used, B: gone}
    times = IdleTimes(places)
    times.watch(used)
    times.watch(gone)
    used.serving[LEASE] = 1.0
    del places[B]

    assert times.next_end is None
    assert times.due(1000.0) == []


def test_one_that_may_stay_is_not_watched() -> None:
    place = idle(A, 0.0, after=None)
    times = IdleTimes({A: place})
    times.watch(place)

    assert times.next_end is None


def test_new_times_count_at_once() -> None:
    place = idle(A, 0.0)
    times = IdleTimes({A: place})
    times.watch(place)
    place.rule = ModelRule(A, idle_after=5.0)
    times.watch_anew([place])

    assert times.next_end == 5.0


@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.floats(0, 20), st.booleans()), max_size=30),
    st.floats(0, 9),
)
def test_nobody_is_late_and_nobody_early(uses: list[tuple[str, float, bool]], step: float) -> None:
    places = {A: idle(A, None, 10.0), B: idle(B, None, 10.0)}
    times, now = IdleTimes(places), 0.0
    for name, pause, ends in uses:
        now += min(pause, step)
        place = places[ModelId(name)]
        if ends:
            place.serving.clear()
            place.idle_since = now
            times.watch(place)
        else:
            place.serving[LEASE] = now
        over = {model for model, one in places.items() if (end := idle_end(one)) and end <= now}
        due = times.due(now)
        assert {one.model for one in due} == over
        for one in due:
            one.state = ModelState.STOPPING
