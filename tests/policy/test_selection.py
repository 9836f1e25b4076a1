"""Which target takes a request, as a table."""

from __future__ import annotations

import pytest

from llamaswap.policy.books import Books
from llamaswap.policy.messages import LeaseId, ModelState
from llamaswap.policy.pace import Pace
from llamaswap.policy.places import Place
from llamaswap.policy.rules import ModelId, ModelRule, Selection, Strategy
from llamaswap.policy.selection import choose, model_meant
from tests.policy.words import fleet

A, B, C = (ModelId(name) for name in "abc")
STOPPED, STARTING = ModelState.STOPPED, ModelState.STARTING
READY, STOPPING = ModelState.READY, ModelState.STOPPING


def place(model: ModelId, state: ModelState, load: int = 0, chosen: int = 0) -> Place:
    rule = ModelRule(model)
    made = Place(model, rule, rule, Pace(), state)
    made.serving = {LeaseId(number): 0.0 for number in range(load)}
    made.chosen = chosen
    return made


@pytest.mark.parametrize(
    ("strategy", "states", "expected"),
    [
        (Strategy.PIN, (STOPPED, READY, READY), A),
        (Strategy.WARM, (STOPPED, STARTING, READY), C),
        (Strategy.WARM, (STOPPED, STARTING, STOPPED), B),
        (Strategy.WARM, (STOPPING, STOPPED, STOPPED), A),
        (Strategy.SPILLOVER, (STOPPED, STOPPED, STOPPED), A),
        (Strategy.SPILLOVER, (STOPPED, READY, STOPPED), B),
        (Strategy.SPILLOVER, (STOPPING, STOPPED, STOPPED), B),
        (Strategy.SPILLOVER, (STOPPING, STOPPING, STOPPING), A),
    ],
)
def test_states_decide(
    strategy: Strategy, states: tuple[ModelState, ...], expected: ModelId
) -> None:
    places = {model: place(model, state) for model, state in zip((A, B, C), states, strict=True)}

    assert choose(Selection("s", strategy, (A, B, C)), places) == expected


@pytest.mark.parametrize(
    ("loads", "limit", "expected"),
    [
        ((0, 0, None), 1, A),
        ((1, 0, None), 1, B),
        ((1, 1, None), 1, C),
        ((1, 1, None), 2, A),
        ((2, 1, 0), 2, C),
        ((2, 2, 3), 1, A),
        ((3, 2, 2), 1, B),
    ],
)
def test_active_targets_are_filled_before_the_next_is_opened(
    loads: tuple[int | None, ...], limit: int, expected: ModelId
) -> None:
    places = {
        model: place(model, STOPPED if load is None else READY, load or 0)
        for model, load in zip((A, B, C), loads, strict=True)
    }

    assert choose(Selection("s", Strategy.SPILLOVER, (A, B, C), limit), places) == expected


def test_equals_take_turns() -> None:
    places = {A: place(A, READY, chosen=7), B: place(B, READY, chosen=3)}

    assert choose(Selection("s", Strategy.SPILLOVER, (A, B)), places) == B


def test_a_stopped_target_that_is_waited_for_is_active() -> None:
    cold = place(A, STOPPED)
    cold.waiting[LeaseId(1)] = (0.0, 1)
    places = {A: cold, B: place(B, STOPPED)}

    assert choose(Selection("s", Strategy.SPILLOVER, (B, A), 2), places) == A


def test_targets_that_are_not_there_are_passed_over() -> None:
    assert choose(Selection("s", Strategy.PIN, (A, B)), {B: place(B, STOPPED)}) == B
    assert choose(Selection("s", Strategy.WARM, (A, B)), {}) == A


def test_a_removed_model_that_still_serves_is_passed_over() -> None:
    books = Books(fleet([A, B]))
    books.places[A].state = READY
    books.adopt(fleet([B]))

    assert model_meant(Selection("s", Strategy.WARM, (A, B)), books) == B
    assert model_meant(A, books) == A
