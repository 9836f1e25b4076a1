"""Whose turn it is, and what keeps the others waiting.

Pure: judges and changes nothing, so that what is told of a queue is what will
be done. The rules, in the order in which they count:

- A model that is ready and in nobody's way serves at once.
- Whoever has waited longer than ``maxWait`` for a running model closes its gate: it
  takes nothing new, finishes what it serves and makes room. Nor does anything start
  out of turn that would be one more in the way. A model of higher priority is safe
  from this for twice as long.
- An idle model keeps its place for a while (``linger``, ``minResidency``), but
  not beyond that ``maxWait``, and not against a higher priority.
- Whoever has waited longer than twice ``maxWait`` goes first. Then come the
  highest priority and, in it, the model whose requests have together waited
  longest; of those that came together the one with most requests, then the one
  that loads fastest, then the one that was first.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import inf
from typing import TypeAlias

from attrs import define, field, frozen

from llamaswap.policy.books import Books, Place, Swap
from llamaswap.policy.messages import Cause, ModelState
from llamaswap.policy.reasons import ENDING, LOADING, NEXT, Reason, Why
from llamaswap.policy.rules import ModelId

LOADS_PER_WAIT = 3.0
"""With ``maxWait: auto``, the usual load times that a request waits; the tables of
``tests/bench/scheduling.py`` show what other waits would do."""

SHORTEST_WAIT, LONGEST_WAIT = 3.0, 120.0
"""Seconds; the bounds of ``maxWait: auto``."""

UNKNOWN_LOAD = 10.0
"""Seconds that a model is taken to load where none of those concerned has ever been."""


@frozen
class Serve:
    """It is ready, and nothing is in the way."""


@frozen
class Begin:
    """It can have a place, once ``evict`` are gone."""

    evict: frozenset[ModelId]


@frozen
class Wait:
    """Something is in the way."""

    reason: Reason
    evict: frozenset[ModelId] | None = None
    """Who must be gone; ``None``: its turn has come already."""

    until: float = inf
    """The moment at which the obstacle is none any more by itself."""


@frozen
class Deny:
    """It cannot be served at all."""

    cause: Cause
    detail: str


Verdict: TypeAlias = Serve | Begin | Wait | Deny


@frozen
class Claim:
    """Somebody who has waited too long: nothing new may be put in the way."""

    place: Place
    evict: frozenset[ModelId]
    is_urgent: bool
    turn: int
    """The claimant's place in the order of turns."""

    def binds(self, place: Place) -> bool:
        """Say whether ``place`` must respect it, by priority."""
        return self.is_urgent or self.place.rule.priority >= place.rule.priority


@define(eq=False)
class Look:
    """One look at the queues, in the order of turns."""

    _books: Books
    _now: float
    order: list[Place] = field(init=False)
    """The places that somebody waits for, in the order of turns."""

    claims: list[Claim] = field(init=False)
    wakeup: float = field(default=inf, init=False)
    """The next moment at which time alone changes a verdict."""

    was_overtaken: bool = field(default=False, init=False)
    """Whether something has been done after somebody was told to wait, so that
    another look may find a way for it."""

    _has_held_up: bool = field(default=False, init=False)
    _gates: dict[ModelId, list[Claim]] = field(factory=dict[ModelId, list[Claim]], init=False)
    """By model: the claims that close its gate."""

    _patience: dict[tuple[ModelId, frozenset[ModelId]], float] = field(
        factory=dict[tuple[ModelId, frozenset[ModelId]], float], init=False
    )

    def __attrs_post_init__(self) -> None:
        self.order = self._ranked()
        self.claims = list(self._claimed())
        for claim in self.claims:
            for model in claim.evict:
                self._gates.setdefault(model, []).append(claim)

    # Whose turn

    def _ranked(self) -> list[Place]:
        queued = self._books.queued
        if len(queued) < 2:  # noqa: PLR2004 - nothing to sort
            return list(queued.values())
        return sorted(queued.values(), key=self._rank)

    def _rank(self, place: Place) -> tuple[float, ...]:
        came, arrival = place.head
        if self._is_urgent(place, came):
            return (0, came, arrival)
        count = len(place.waiting)
        # In whole milliseconds: a sum of floats knows no exact ties.
        waited = round(place.waited_since - count * self._now, 3)
        load = place.pace.load
        return (1, -place.rule.priority, waited, -count, 0.0 if load is None else load, arrival)

    def _is_urgent(self, place: Place, came: float) -> bool:
        limit = self._books.fleet.fairness.max_wait
        shortest = SHORTEST_WAIT if limit is None else limit
        if not shortest or self._now < came + 2 * shortest:
            return False
        return self._now >= came + 2 * self.patience(place, self._in_the_way(place))

    def _in_the_way(self, place: Place) -> frozenset[ModelId]:
        swap = self._books.swaps.get(place.model)
        return frozenset(swap.leaving) if swap is not None else self._books.evictions(place.model)

    def _claimed(self) -> Iterator[Claim]:
        """Return the claims, one for all who need the same models gone: the first is strongest."""
        told: set[frozenset[ModelId]] = set()
        limit = self._books.fleet.fairness.max_wait
        shortest = (limit or inf) if limit is not None else SHORTEST_WAIT
        stuck = self._books.stuck.keys()
        for turn, place in enumerate(self.order):
            came, _ = place.head
            if self._now < came + shortest or place.model in self._books.swaps:
                continue
            evict = self._books.evictions(place.model)
            if not stuck.isdisjoint({place.model, *evict}):
                # It is refused in this look, and nobody need wait for it.
                continue
            patience = self.patience(place, evict)
            if evict and evict not in told and self._now >= came + patience:
                told.add(evict)
                yield Claim(place, evict, self._now >= came + 2 * patience, turn)

    # What is in the way

    def judge(self, place: Place, came: float, turn: int) -> Verdict:
        """Say what becomes of those that wait for ``place``.

        Args:
          place: not necessarily one that somebody waits for.
          came: the moment of the longest wait.
          turn: its place in the order of turns.
        """
        books, model = self._books, place.model
        if model in books.stuck:
            return Deny(Cause.STUCK, books.stuck[model])
        swap = books.swaps.get(model)
        if swap is not None:
            return Wait(_progress(swap))
        if model in books.outgoing or place.state is ModelState.STOPPING:
            return Wait(ENDING)
        if place.state is ModelState.STARTING:
            # A load that nobody waited for any more, until now.
            return Begin(frozenset())
        evict = books.evictions(model)
        if place.state is ModelState.READY and not evict:
            claim = self._closed_gate(place)
            return Serve() if claim is None else _turn_of(claim, evict)
        return self._swap_verdict(place, evict, came, turn)

    def _swap_verdict(
        self, place: Place, evict: frozenset[ModelId], came: float, turn: int
    ) -> Verdict:
        books = self._books
        stuck = evict & books.stuck.keys()
        if stuck:
            return Deny(Cause.STUCK, books.stuck[min(stuck)])
        if place.state is ModelState.STOPPED and (holder := self._port_holder(place)):
            return Wait(Reason(Why.PORT, (holder,)), evict)
        serving = evict & books.busy
        if serving:
            return Wait(Reason(Why.SERVING, tuple(sorted(serving))), evict)
        for swap in books.swaps.values():
            target = swap.target.model
            if target in evict or place.model in swap.evict:
                return Wait(Reason(Why.SWAPPING, (target,)), evict)
        claim = self._claim_before(place, turn)
        if claim is not None:
            return _turn_of(claim, evict)
        return self._kept_place(place, evict, came) or Begin(evict)

    def _port_holder(self, place: Place) -> ModelId | None:
        books = self._books
        if place.port is None or not books.outgoing:
            return None
        holders = (model for model in books.outgoing if books.places[model].port == place.port)
        return min(holders, default=None)

    def _closed_gate(self, place: Place) -> Claim | None:
        """Return who has closed the gate of a running model."""
        gates = self._gates.get(place.model, ())
        return next((claim for claim in gates if self._stands(claim, place)), None)

    def _claim_before(self, place: Place, turn: int) -> Claim | None:
        """Return whose way a start of ``place`` would be in, and whose turn is earlier."""
        for claim in self.claims:
            if claim.turn >= turn:
                break
            claimant = claim.place.model
            if self._stands(claim, place) and place.model in self._books.evictions_beside(
                claimant, place.model
            ):
                return claim
        return None

    def _stands(self, claim: Claim, place: Place) -> bool:
        """Say whether ``claim`` binds ``place``, and nothing has been done about it yet."""
        return claim.place.model not in self._books.swaps and claim.binds(place)

    def _kept_place(self, place: Place, evict: frozenset[ModelId], came: float) -> Wait | None:
        """Say whether one of ``evict`` keeps its place a little longer, though idle."""
        books, now = self._books, self._now
        limit = self.patience(place, evict)
        if not evict or now >= came + limit:
            return None
        for victim in sorted(evict):
            other = books.places[victim]
            if other.state is not ModelState.READY or other.rule.priority < place.rule.priority:
                continue
            if other.waiting and not books.evictions(victim):
                # It has been asked in this very moment and will serve.
                return Wait(Reason(Why.SERVING, (victim,)), evict)
            for why, end in self._keeps(other):
                until = min(end, came + limit)
                if until > now:
                    return Wait(Reason(why, (victim,), seconds=until - now), evict, until)
        return None

    def _keeps(self, place: Place) -> list[tuple[Why, float]]:
        """Return until when an idle model keeps its place, by each of the rules."""
        fairness, pace = self._books.fleet.fairness, place.pace
        assert place.idle_since is not None, "a model that is ready has been idle"
        keeps: list[tuple[Why, float]] = []
        if fairness.min_residency and place.served:
            keeps.append((Why.RESIDENCY, place.changed + fairness.min_residency))
        if fairness.linger is not None:
            keeps.append((Why.LINGER, place.idle_since + fairness.linger))
        elif pace.gap is not None:
            way_back = (pace.stop or 0.0) + (pace.load or 0.0)
            if pace.gap < way_back:
                # Whoever waits for it longer than the way back takes has lost: so the
                # price of a wrong guess is at most that of no guess.
                keeps.append((Why.LINGER, place.idle_since + way_back))
        return keeps

    # How long one waits

    def heed(self, place: Place, verdict: Wait, came: float) -> None:
        """Take note of the moments at which to look again at who must wait."""
        self._has_held_up = True
        ends = [verdict.until]
        if verdict.evict is not None:
            patience = self.patience(place, verdict.evict)
            ends += [came + patience, came + 2 * patience]
        for end in ends:
            if self._now < end < self.wakeup:
                self.wakeup = end

    def note_act(self, *, frees_nobody: bool = False) -> None:
        """Take note that somebody is served, begins or is sent away."""
        if self._has_held_up and not frees_nobody:
            self.was_overtaken = True

    def patience(self, place: Place, evict: frozenset[ModelId]) -> float:
        """Return how many seconds a request for ``place`` waits before ``evict`` must let it in."""
        limit = self._books.fleet.fairness.max_wait
        if limit is not None:
            return limit or inf
        known = self._patience.get((place.model, evict))
        if known is None:
            known = self._patience[place.model, evict] = self._three_loads(place, evict)
        return known

    def _three_loads(self, place: Place, evict: frozenset[ModelId]) -> float:
        places = self._books.places
        loads = [load for model in evict if (load := places[model].pace.load) is not None]
        theirs = max(loads, default=None)
        known = [load for load in (place.pace.load, theirs) if load is not None]
        mean = sum(known) / len(known) if known else UNKNOWN_LOAD
        return min(max(LOADS_PER_WAIT * mean, SHORTEST_WAIT), LONGEST_WAIT)


def _turn_of(claim: Claim, evict: frozenset[ModelId]) -> Wait:
    return Wait(Reason(Why.TURN, (claim.place.model,)), evict)


def _progress(swap: Swap) -> Reason:
    """Say how far a swap is."""
    if swap.leaving:
        return Reason(Why.VACATING, tuple(sorted(swap.leaving)))
    return NEXT if swap.target.state is ModelState.STOPPED else LOADING
