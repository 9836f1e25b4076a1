"""What a place says of itself: is it full, is it idle?"""

from __future__ import annotations

import pytest

from llamaswap.policy.messages import LeaseId, ModelState
from llamaswap.policy.pace import Pace
from llamaswap.policy.places import Place
from llamaswap.policy.rules import ModelRule
from tests.policy.words import A


def place(state: ModelState, waiting: int, serving: int) -> Place:
    """Return a place that takes three requests, with so many that wait and are served."""
    rule = ModelRule("run a", concurrency_limit=3)
    found = Place(A, rule, rule, Pace(), state)
    found.waiting = {LeaseId(number): (0.0, number) for number in range(waiting)}
    found.serving = {LeaseId(number): 0.0 for number in range(waiting, waiting + serving)}
    return found


@pytest.mark.parametrize(
    ("waiting", "serving", "is_full"),
    [(0, 0, False), (2, 0, False), (0, 2, False), (3, 0, True), (0, 3, True), (2, 1, True)],
)
def test_whoever_waits_and_whoever_is_served_takes_room(
    waiting: int, serving: int, *, is_full: bool
) -> None:
    found = place(ModelState.READY, waiting, serving)

    assert found.is_full == is_full


def test_a_place_says_why_it_takes_no_more() -> None:
    found = place(ModelState.READY, 2, 1)

    assert found.fullness == "3 requests wait for this model or use it already"


def test_a_limit_that_a_reload_has_lowered_counts_at_once() -> None:
    found = place(ModelState.READY, 1, 1)
    found.rule = ModelRule("run a", concurrency_limit=1)

    assert found.is_full


@pytest.mark.parametrize(
    ("state", "waiting", "serving", "is_idle"),
    [
        (ModelState.READY, 0, 0, True),
        (ModelState.READY, 1, 0, False),
        (ModelState.READY, 0, 1, False),
        (ModelState.STARTING, 0, 0, False),
        (ModelState.STOPPING, 0, 0, False),
        (ModelState.STOPPED, 0, 0, False),
    ],
)
def test_what_is_ready_and_of_use_to_nobody_idles(
    state: ModelState, waiting: int, serving: int, *, is_idle: bool
) -> None:
    assert place(state, waiting, serving).is_idle == is_idle
