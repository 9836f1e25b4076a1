"""How long a request waits: as it is set, or by what loading costs."""

from __future__ import annotations

from math import inf

import pytest

from llamaswap.policy.books import Books
from llamaswap.policy.messages import Ready
from llamaswap.policy.pace import Pace
from llamaswap.policy.patience import Patience
from llamaswap.policy.rules import Fairness, ModelId
from llamaswap.policy.scheduler import Scheduler
from tests.policy.words import A, B, C, ask, fleet


def books(max_wait: float | None = None, **loads: float | None) -> Books:
    """Return books in which the models are known to load in ``loads``."""
    known = {ModelId(model): Pace(load=load) for model, load in loads.items()}
    return Books(fleet([A, B, C], fairness=Fairness(max_wait=max_wait)), known)


@pytest.mark.parametrize(("max_wait", "wait"), [(7.0, 7.0), (0.5, 0.5), (500.0, 500.0), (0.0, inf)])
def test_a_time_that_is_given_holds_for_all(max_wait: float, wait: float) -> None:
    known = books(max_wait, a=40.0, b=1.0)
    patience = Patience(known)

    assert patience.least == wait
    assert patience.of(known.places[A], frozenset({B})) == wait
    assert patience.of(known.places[C], frozenset()) == wait


AUTO: dict[str, tuple[dict[str, float | None], set[ModelId], float]] = {
    # The requests are for A; who is in the way comes second.
    "three times the mean of both": ({"a": 4.0, "b": 8.0}, {B}, 18.0),
    "of several in the way the slowest counts": ({"a": 4.0, "b": 8.0, "c": 2.0}, {B, C}, 18.0),
    "one in the way that is not known counts for nothing": ({"a": 4.0, "c": 2.0}, {B, C}, 9.0),
    "only the own load is known": ({"a": 4.0}, {B}, 12.0),
    "only the load of the one in the way is known": ({"b": 8.0}, {B}, 24.0),
    "nobody is in the way": ({"a": 4.0, "b": 8.0}, set(), 12.0),
    "nobody is in the way and nothing is known": ({}, set(), 30.0),
    "nothing is known": ({"c": 1.0}, {B}, 30.0),
    "loads that take no time are known": ({"a": 0.0, "b": 6.0}, {B}, 9.0),
    "never shorter than three seconds": ({"a": 0.1, "b": 0.3}, {B}, 3.0),
    "never longer than two minutes": ({"a": 30.0, "b": 300.0}, {B}, 120.0),
    "the bounds hold for one known load, too": ({"b": 41.0}, {B}, 120.0),
}


@pytest.mark.parametrize(("loads", "evict", "wait"), AUTO.values(), ids=AUTO)
def test_by_itself_one_waits_three_loads(
    loads: dict[str, float | None], evict: set[ModelId], wait: float
) -> None:
    known = books(None, **loads)
    patience = Patience(known)

    assert patience.of(known.places[A], frozenset(evict)) == pytest.approx(wait)
    assert patience.least == 3.0


def test_an_answer_is_remembered_as_long_as_the_same_are_in_the_way() -> None:
    known = books(None, a=4.0, b=8.0, c=2.0)
    patience = Patience(known)
    first, other = frozenset({B}), frozenset({C})
    assert patience.of(known.places[A], first) == 18.0

    # One look is one moment: what would be learned meanwhile counts in the next one.
    known.places[A].pace.load = known.places[B].pace.load = 20.0
    assert patience.of(known.places[A], first) == 18.0
    assert Patience(known).of(known.places[A], first) == 60.0
    # Of C nothing has been said yet; what B takes is remembered by itself.
    assert patience.of(known.places[A], other) == 33.0
    assert patience.of(known.places[A], first) == 42.0


def test_times_of_an_earlier_run_count() -> None:
    scheduler = Scheduler(fleet([A, B]), {A: Pace(load=30.0), B: Pace(load=10.0)})
    scheduler.handle([ask(1, A)], 0)
    scheduler.handle([Ready(A)], 30)
    scheduler.handle([ask(2, B)], 40)

    assert scheduler.next_wakeup == 100


@pytest.mark.parametrize(("load", "wait"), [(0.1, 3), (2, 6), (300, 120)])
def test_what_a_load_has_taken_counts_at_once(load: float, wait: float) -> None:
    scheduler = Scheduler(fleet([A, B]))
    scheduler.handle([ask(1, A)], 0)
    scheduler.handle([Ready(A)], load)
    scheduler.handle([ask(2, B)], 1000)

    assert scheduler.next_wakeup == 1000 + wait
