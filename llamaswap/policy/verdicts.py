"""What becomes of those that wait: whether they are served, and what is in their way.

Pure: judges and changes nothing, so that what is told of a queue is what will
be done. The rules, beside those of `turns`:

- A model that is ready and in nobody's way serves at once, unless its gate is closed.
- Nobody must leave who serves, or has been promised a place.
- An idle model keeps its place for a while (``linger``, ``minResidency``), but
  not beyond the ``maxWait`` of others, and not against a higher priority.
"""

from __future__ import annotations

from math import inf
from typing import TypeAlias

from attrs import define, field, frozen

from llamaswap.policy.books import Books
from llamaswap.policy.messages import Cause, ModelState
from llamaswap.policy.patience import Patience
from llamaswap.policy.places import Place, Swap
from llamaswap.policy.reasons import ENDING, LOADING, NEXT, Reason, Why
from llamaswap.policy.rules import ModelId
from llamaswap.policy.turns import Claim, Turns


@frozen
class Serve:
    """It is ready, and nothing is in the way."""


@frozen
class Begin:
    """It can have a place, once ``evict`` are gone."""

    evict: frozenset[ModelId]


@frozen
class Resume:
    """Its process is being loaded, and nobody waited for that any more."""


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


Verdict: TypeAlias = Serve | Begin | Resume | Wait | Deny


@define(eq=False)
class Look:
    """One look at the queues, in the order of turns."""

    _books: Books
    _now: float
    _most_effort: float = inf
    """Of `Books.effort`; beyond it nothing is judged that must be asked first."""

    wakeup: float = field(default=inf, init=False)
    """The next moment at which time alone changes a verdict."""

    was_overtaken: bool = field(default=False, init=False)
    """Whether something has been done after somebody was told to wait, so that
    another look may find a way for it."""

    was_cut: bool = field(default=False, init=False)
    """Whether it has ended before the last one."""

    _patience: Patience = field(init=False)
    _turns: Turns = field(init=False)
    _has_held_up: bool = field(default=False, init=False)
    _obstacles: dict[frozenset[ModelId], Reason | None] = field(
        factory=dict[frozenset[ModelId], Reason | None], init=False
    )
    """By those that must be gone; until somebody is served, begins or is sent away."""

    def __attrs_post_init__(self) -> None:
        self._patience = Patience(self._books)
        self._turns = Turns(self._books, self._now, self._patience, self._most_effort)

    @property
    def order(self) -> list[Place]:
        """The places that somebody waits for, whoever goes first in front."""
        return self._turns.order

    def is_weary(self, place: Place) -> bool:
        """Say whether ``place`` is too much for this step, and with it all that come after."""
        self.was_cut = not self._turns.may_judge(place)
        return self.was_cut

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
            return Resume()
        evict = books.evictions(model)
        if place.state is ModelState.READY and not evict:
            claim = self._turns.closed_gate(place)
            return Serve() if claim is None else _turn_of(claim, evict)
        return self._swap_verdict(place, evict, came, turn)

    def _swap_verdict(
        self, place: Place, evict: frozenset[ModelId], came: float, turn: int
    ) -> Verdict:
        books = self._books
        if books.stuck and (stuck := evict & books.stuck.keys()):
            return Deny(Cause.STUCK, books.stuck[min(stuck)])
        if place.state is ModelState.STOPPED and (holder := self._port_holder(place)):
            return Wait(Reason(Why.PORT, (holder,)), evict)
        obstacle = self._obstacle(evict) or self._successor(place)
        if obstacle is not None:
            return Wait(obstacle, evict)
        kept = self._kept_place(place, evict, came)
        if kept is not None:
            return kept
        claim = self._turns.claim_before(place, evict, turn)
        return Begin(evict) if claim is None else _turn_of(claim, evict)

    def _obstacle(self, evict: frozenset[ModelId]) -> Reason | None:
        """Say which of ``evict`` cannot leave now; many queues have the same in their way."""
        if evict not in self._obstacles:
            self._obstacles[evict] = self._found_obstacle(evict)
        return self._obstacles[evict]

    def _found_obstacle(self, evict: frozenset[ModelId]) -> Reason | None:
        books = self._books
        serving = evict & books.busy
        if serving:
            return Reason(Why.SERVING, tuple(sorted(serving)))
        coming = evict & books.swaps.keys()
        first = next((model for model in books.swaps if model in coming), None) if coming else None
        return None if first is None else Reason(Why.SWAPPING, (first,))

    def _successor(self, place: Place) -> Reason | None:
        """Say who has been promised the place that ``place`` had to leave."""
        swaps = self._books.ousted.get(place.model)
        return None if swaps is None else Reason(Why.SWAPPING, (next(iter(swaps)),))

    def _port_holder(self, place: Place) -> ModelId | None:
        books = self._books
        if place.runs.port is None or not books.outgoing:
            return None
        holders = (
            model for model in books.outgoing if books.places[model].runs.port == place.runs.port
        )
        return min(holders, default=None)

    def _kept_place(self, place: Place, evict: frozenset[ModelId], came: float) -> Wait | None:
        """Say whether one of ``evict`` keeps its place a little longer, though idle."""
        books, now = self._books, self._now
        limit = self._patience.of(place, evict)
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
        self._wake_at(verdict.until)
        if verdict.evict is not None and came + self._patience.least < self.wakeup:
            patience = self._patience.of(place, verdict.evict)
            self._wake_at(came + patience)
            self._wake_at(came + 2 * patience)

    def _wake_at(self, end: float) -> None:
        if self._now < end < self.wakeup:
            self.wakeup = end

    def note_act(self, *, frees_nobody: bool = False) -> None:
        """Take note that somebody is served, begins or is sent away."""
        self._obstacles.clear()
        self._turns.note_act()
        if self._has_held_up and not frees_nobody:
            self.was_overtaken = True


def _turn_of(claim: Claim, evict: frozenset[ModelId]) -> Wait:
    return Wait(Reason(Why.TURN, (claim.place.model,)), evict)


def _progress(swap: Swap) -> Reason:
    """Say how far a swap is."""
    if swap.leaving:
        return Reason(Why.VACATING, tuple(sorted(swap.leaving)))
    return NEXT if swap.target.state is ModelState.STOPPED else LOADING
