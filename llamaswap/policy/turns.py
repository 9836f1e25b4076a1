"""Whose turn it is, and who has a claim because he has waited too long.

Pure: judges and changes nothing. The rules, in the order in which they count:

- Whoever has waited longer than twice ``maxWait`` goes first. Then come the
  highest priority and, in it, the model whose requests have together waited
  longest; of those that came together the one with most requests, then the one
  that loads fastest, then the one that was first.
- Whoever has waited longer than ``maxWait`` for a running model closes its gate: it
  takes nothing new, finishes what it serves and makes room. Nor does anything start
  out of turn that would be one more in the way. A model of higher priority is safe
  from this for twice as long.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import inf

from attrs import define, field, frozen

from llamaswap.policy.books import Books
from llamaswap.policy.patience import Patience
from llamaswap.policy.places import Place
from llamaswap.policy.rules import ModelId


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
class Turns:
    """The order of the queues at one moment, and the claims."""

    _books: Books
    _now: float
    _patience: Patience
    _most_effort: float = inf
    """Of `Books.effort`: beyond it nobody asks the eviction policy for an order that
    it does not know yet. Those that have waited longest are asked for first."""

    order: list[Place] = field(init=False)
    """The places that somebody waits for, whoever goes first in front."""

    claims: list[Claim] = field(init=False)
    """The strongest first."""

    _gates: dict[ModelId, list[Claim]] = field(factory=dict[ModelId, list[Claim]], init=False)
    """By model: the claims that close its gate."""

    _rivals: dict[frozenset[ModelId], Claim] = field(init=False)
    """By the models that must be gone."""

    _standing: list[Claim] | None = field(default=None, init=False)
    """The claims about which nothing has been done yet; ``None``: to be found out."""

    def __attrs_post_init__(self) -> None:
        self.order = self._ranked()
        self.claims = list(self._claimed())
        self._rivals = {claim.evict: claim for claim in self.claims}
        for claim in self.claims:
            for model in claim.evict:
                self._gates.setdefault(model, []).append(claim)

    def note_act(self) -> None:
        """Take note that somebody is served, begins or is sent away."""
        self._standing = None

    def closed_gate(self, place: Place) -> Claim | None:
        """Return who has closed the gate of a running model."""
        for claim in self._gates.get(place.model, ()):
            if claim.binds(place) and claim.place.model not in self._books.swaps:
                return claim
        return None

    def claim_before(self, place: Place, evict: frozenset[ModelId], turn: int) -> Claim | None:
        """Return in whose way a start of ``place`` would be, whose turn comes before ``turn``.

        Args:
          place: of whom ``evict`` must be gone first.
        """
        if self._standing is None:
            begun = self._books.swaps
            self._standing = [one for one in self.claims if one.place.model not in begun]
        # Whoever needs the same models gone is likely to be the one.
        rival = self._rivals.get(evict)
        if rival is not None and self._bars(rival, place, turn):
            return rival
        return next((one for one in self._standing if self._bars(one, place, turn)), None)

    def _bars(self, claim: Claim, place: Place, turn: int) -> bool:
        """Say whether ``claim`` comes first, and a start of ``place`` would be in its way."""
        claimant = claim.place.model
        if claim.turn >= turn or claimant in self._books.swaps or not claim.binds(place):
            return False
        return self._books.would_evict(claimant, place.model)

    def may_judge(self, place: Place) -> bool:
        """Say whether it is known who must leave for ``place``, or may be asked."""
        return self._books.effort < self._most_effort or self._books.is_judged(place.model)

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
        if self._now < came + 2 * self._patience.least:
            return False
        swap = self._books.swaps.get(place.model)
        if swap is not None:
            evict = frozenset(swap.leaving)
        elif self.may_judge(place):
            evict = self._books.evictions(place.model)
        else:
            return False
        return self._now >= came + 2 * self._patience.of(place, evict)

    def _claimed(self) -> Iterator[Claim]:
        """Return the claims, one for all who need the same models gone: the first is strongest."""
        told: set[frozenset[ModelId]] = set()
        stuck = self._books.stuck.keys()
        for turn, place in enumerate(self.order):
            came, _ = place.head
            if self._now < came + self._patience.least or place.model in self._books.swaps:
                continue
            if not self.may_judge(place):
                return
            evict = self._books.evictions(place.model)
            if stuck and not stuck.isdisjoint({place.model, *evict}):
                # It is refused in this look, and nobody need wait for it.
                continue
            patience = self._patience.of(place, evict)
            if evict and evict not in told and self._now >= came + patience:
                told.add(evict)
                yield Claim(place, evict, self._now >= came + 2 * patience, turn)
