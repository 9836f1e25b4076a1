"""Which of a selector's targets takes a request.

Pure. Decided when the request is taken in, by the states and queues of that
moment; everything that is in flight on a target counts, whatever name it came by.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import assert_never

from llamaswap.policy.books import Books
from llamaswap.policy.messages import ModelState
from llamaswap.policy.places import Place
from llamaswap.policy.rules import ModelId, Selection, Strategy


def model_meant(wanted: ModelId | Selection, books: Books) -> ModelId:
    """Return the model that one more request for ``wanted`` is for.

    A removed model takes nothing new, though its process may still serve.
    """
    if not isinstance(wanted, Selection):
        return wanted
    there = [model for model in wanted.targets if model in books.fleet.models]
    return choose(wanted, {model: books.places[model] for model in there})


def choose(selection: Selection, places: Mapping[ModelId, Place]) -> ModelId:
    """Return the target of ``selection`` for one more request; the first if none is known."""
    targets = [places[model] for model in selection.targets if model in places]
    if not targets:
        return selection.targets[0]
    match selection.strategy:
        case Strategy.PIN:
            return targets[0].model
        case Strategy.WARM:
            return _warmest(targets).model
        case Strategy.SPILLOVER:
            return _spilled(targets, selection.spillover).model
        case _:
            assert_never(selection.strategy)


def _warmest(targets: Sequence[Place]) -> Place:
    for state in (ModelState.READY, ModelState.STARTING):
        for place in targets:
            if place.state is state:
                return place
    return targets[0]


def _spilled(targets: Sequence[Place], limit: int) -> Place:
    """Fill the active targets up to ``limit``, then open the next one."""
    steady = [place for place in targets if place.state is not ModelState.STOPPING]
    active = [place for place in steady if place.state is not ModelState.STOPPED or _load(place)]
    cold = [place for place in steady if place not in active]
    least = min(active, key=_turn, default=None)
    if least is not None and (_load(least) < limit or not cold):
        return least
    # Where all are on their way out, the least wanted one comes back.
    return cold[0] if cold else min(targets, key=_turn)


def _load(place: Place) -> int:
    return len(place.waiting) + len(place.serving)


def _turn(place: Place) -> tuple[int, int]:
    """Order by load; among equals, whoever has waited longest for a request."""
    return _load(place), place.chosen
