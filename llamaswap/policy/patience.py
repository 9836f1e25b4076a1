"""How long a request waits before others must let its model in.

Pure. With ``maxWait: auto`` that depends on what loading costs; the tables of
``tests/bench/scheduling.py`` show what other waits would do.
"""

from __future__ import annotations

from math import inf

from attrs import define, field

from llamaswap.policy.books import Books
from llamaswap.policy.places import Place
from llamaswap.policy.rules import ModelId

LOADS_PER_WAIT = 3.0
"""The usual load times that a request waits."""

SHORTEST_WAIT, LONGEST_WAIT = 3.0, 120.0
"""Seconds; the bounds of ``maxWait: auto``."""

UNKNOWN_LOAD = 10.0
"""Seconds that a model is taken to load where none of those concerned has ever been."""


@define(eq=False)
class Patience:
    """Answers for one look at the queues."""

    _books: Books
    least: float = field(init=False)
    """How many seconds everybody waits, whoever is in the way."""

    _same_for_all: bool = field(init=False)
    _known: dict[ModelId, tuple[frozenset[ModelId], float]] = field(
        factory=dict[ModelId, tuple[frozenset[ModelId], float]], init=False
    )
    """By model: for whom it waits, and how long."""

    _usual_loads: dict[frozenset[ModelId], float | None] = field(
        factory=dict[frozenset[ModelId], float | None], init=False
    )
    """By models: the longest of their usual load times."""

    def __attrs_post_init__(self) -> None:
        limit = self._books.fleet.fairness.max_wait
        self._same_for_all = limit is not None
        self.least = SHORTEST_WAIT if limit is None else limit or inf

    def of(self, place: Place, evict: frozenset[ModelId]) -> float:
        """Return how many seconds a request for ``place`` waits before ``evict`` must let it in."""
        if self._same_for_all:
            return self.least
        known = self._known.get(place.model)
        if known is None or known[0] is not evict:
            known = self._known[place.model] = (evict, self._some_loads(place, evict))
        return known[1]

    def _some_loads(self, place: Place, evict: frozenset[ModelId]) -> float:
        mine, theirs = place.pace.load, self._usual_load(evict)
        if mine is None or theirs is None:
            known = theirs if mine is None else mine
            mean = UNKNOWN_LOAD if known is None else known
        else:
            mean = (mine + theirs) / 2
        return min(max(LOADS_PER_WAIT * mean, SHORTEST_WAIT), LONGEST_WAIT)

    def _usual_load(self, models: frozenset[ModelId]) -> float | None:
        if models not in self._usual_loads:
            places = self._books.places
            loads = [load for model in models if (load := places[model].pace.load) is not None]
            self._usual_loads[models] = max(loads, default=None)
        return self._usual_loads[models]
