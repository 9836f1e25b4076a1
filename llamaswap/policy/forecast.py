"""What will become of those that wait, and what a request would do now.

Pure. The verdicts are those of the next look at the queues; the seconds are an
estimate from the usual times of the models concerned, which assumes that nobody
else comes and that everything takes as long as it usually does.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import assert_never

from attrs import define, evolve, field

from llamaswap.policy.books import Books
from llamaswap.policy.messages import (
    Explanation,
    ModelState,
    Outcome,
    Queue,
    Ticket,
    Waiting,
)
from llamaswap.policy.places import Place
from llamaswap.policy.reasons import LOADING, NEXT, READY, Reason, Why
from llamaswap.policy.rules import Choice, ModelId, Selection
from llamaswap.policy.selection import model_meant
from llamaswap.policy.verdicts import Begin, Deny, Look, Resume, Serve, Verdict, Wait


def queue_view(books: Books, ticket: Ticket, now: float) -> Queue:
    """Return all that wait when all has been decided, in the order of turns."""
    waiting: list[Waiting] = []
    for place, verdict, estimate in Forecast(books, now).fates:
        # All has been decided, so whoever is still there waits for something.
        reason = verdict.reason if isinstance(verdict, Wait) else NEXT
        for lease, (moment, _) in place.waiting.items():
            position = len(waiting) + 1
            entry = Waiting(lease, place.model, position, now - moment, reason, estimate)
            waiting.append(entry)
    return Queue(ticket, tuple(waiting))


def explain(books: Books, ticket: Ticket, wanted: ModelId | Selection, now: float) -> Explanation:
    """Say what a request for ``wanted`` would do if it came now."""
    model = model_meant(wanted, books)
    place = books.places.get(model)
    if place is None or model not in books.fleet.models:
        sentence = "nobody here serves this model"
        return Explanation(ticket, model, Outcome.REFUSE, sentence, None)
    if place.is_full:
        return Explanation(ticket, model, Outcome.REFUSE, place.fullness, None)
    forecast = Forecast(books, now)
    verdict, estimate = forecast.of_another(place)
    outcome, reason = _outcome(verdict)
    return Explanation(ticket, model, outcome, reason, estimate, _choices(books, place, verdict))


def _choices(books: Books, place: Place, verdict: Verdict) -> tuple[Choice, ...]:
    # Whoever had to leave for one that is being loaded has left.
    if place.model in books.swaps or isinstance(verdict, Deny | Resume):
        return ()
    choices = books.choices(place.model)
    if not choices or not isinstance(verdict, Begin):
        return choices
    # Whoever leaves anyway, and may take the time for it, need not be gone.
    made, *rejected = choices
    evict = books.obstructing(place, frozenset(made.evict))
    return evolve(made, evict=tuple(sorted(evict))), *rejected


def _outcome(verdict: Verdict) -> tuple[Outcome, Reason | str]:
    match verdict:
        case Serve():
            return Outcome.SERVE, READY
        case Begin():
            return Outcome.START, Reason(Why.WANTED, (), 1)
        case Resume():
            return Outcome.WAIT, LOADING
        case Wait(reason):
            return Outcome.WAIT, reason
        case Deny(_, detail):
            return Outcome.REFUSE, detail
        case _:
            assert_never(verdict)


@define(eq=False)
class Forecast:
    """Estimates for one moment; ask in the order of turns."""

    _books: Books
    _now: float
    fates: list[tuple[Place, Verdict, float | None]] = field(init=False)
    """Each queue in the order of turns: what becomes of it, and in how many seconds."""

    _look: Look = field(init=False)
    _ends: dict[frozenset[ModelId], float] = field(
        factory=dict[frozenset[ModelId], float], init=False
    )
    """When the last one that waits for the same models to make room will have been
    served: the next one waits for it as well."""

    def __attrs_post_init__(self) -> None:
        self._look = Look(self._books, self._now)
        self.fates = []
        for turn, place in enumerate(self._look.order):
            came, _ = place.head
            verdict = self._look.judge(place, came, turn)
            self.fates.append((place, verdict, self._estimate(place, verdict)))
        # Those whose turn has come are served first, whoever has waited longer by now.
        self.fates.sort(key=lambda fate: fate[0].model not in self._books.swaps)

    def of_another(self, place: Place) -> tuple[Verdict, float | None]:
        """Return what one more request for ``place`` would wait for, and how long."""
        for other, verdict, estimate in self.fates:
            if other is place:
                return verdict, estimate
        verdict = self._look.judge(place, self._now, len(self._look.order))
        return verdict, self._estimate(place, verdict)

    def _estimate(self, place: Place, verdict: Verdict) -> float | None:
        """Return in how many seconds ``place`` will serve; ``None``: that cannot be told."""
        match verdict:
            case Serve():
                return 0.0
            case Resume():
                return self._left(place, place.pace.load)
            case Begin(evict):
                return self._after(place, evict, self._stopping(evict), self._load(place))
            case Wait():
                return self._waiting(place, verdict)
            case Deny():
                return None
            case _:
                assert_never(verdict)

    def _waiting(self, place: Place, wait: Wait) -> float | None:
        places = self._books.places
        why, models = wait.reason.why, frozenset(map(ModelId, wait.reason.models))
        if why in {Why.LOADING, Why.NEXT}:
            return place.pace.load if why is Why.NEXT else self._left(place, place.pace.load)
        if why is Why.VACATING:
            return _plus(self._stopping(models), self._load(place))
        if why is Why.ENDING:
            return self._again(place)
        if why in {Why.LINGER, Why.RESIDENCY}:
            left = wait.reason.seconds + self._stopping(models)
            return self._after(place, wait.evict, left, self._load(place))
        if why is Why.SERVING:
            left = self._drained(models) + self._stopping(models)
            return self._after(place, wait.evict, left, self._load(place))
        first = places[min(models)]
        # A model whose gate is closed is loaded again when its turn comes.
        load = place.pace.load if why is Why.TURN else self._load(place)
        return self._after(place, wait.evict or models, self._over(first), load)

    def _again(self, place: Place) -> float | None:
        """Return when a model that is ending will serve anew: after whom it makes room for."""
        for swap in self._books.ousted.get(place.model, {}).values():
            key = frozenset({swap.target.model})
            return self._after(place, key, self._over(swap.target), place.pace.load)
        return _plus(self._stop_of(place), place.pace.load)

    def _over(self, first: Place) -> float | None:
        """Return when ``first`` has got its place, loaded, served and left."""
        swap = self._books.swaps.get(first.model)
        room, load = 0.0, first.pace.load
        if swap is not None:
            room = self._stopping(swap.leaving)
        elif first.state is ModelState.STOPPED:
            evict = self._books.evictions(first.model)
            room = self._drained(evict) + self._stopping(evict)
        if first.state is ModelState.STARTING:
            load = self._left(first, load)
        elif first.state is not ModelState.STOPPED:
            load = 0.0
        return _plus(load, room + (first.pace.service or 0.0) + (first.pace.stop or 0.0))

    def _after(
        self,
        place: Place,
        evict: frozenset[ModelId] | None,
        vacated: float | None,
        load: float | None,
    ) -> float | None:
        """Return when it will serve if ``evict`` are gone in ``vacated`` seconds."""
        evict = evict or frozenset()
        start = vacated if evict not in self._ends else max(vacated or 0.0, self._ends[evict])
        end = _plus(start, load)
        if end is not None and evict:
            self._ends[evict] = end + (place.pace.service or 0.0) + (place.pace.stop or 0.0)
        return end

    def _load(self, place: Place) -> float | None:
        return 0.0 if place.state is ModelState.READY else place.pace.load

    def _left(self, place: Place, usual: float | None) -> float | None:
        return None if usual is None else max(usual - (self._now - place.changed), 0.0)

    def _stopping(self, models: Iterable[ModelId]) -> float:
        """Return when the last of ``models`` is gone; what is not known takes no time."""
        places = [self._books.places[model] for model in models]
        return max((self._stop_of(place) for place in places), default=0.0)

    def _stop_of(self, place: Place) -> float:
        usual = place.pace.stop or 0.0
        return usual if place.state is not ModelState.STOPPING else self._left(place, usual) or 0.0

    def _drained(self, models: Iterable[ModelId]) -> float:
        """Return when ``models`` have finished what they serve."""
        places = [self._books.places[model] for model in models]
        return max((self._end_of_service(place) for place in places), default=0.0)

    def _end_of_service(self, place: Place) -> float:
        if not place.serving:
            return 0.0
        served = self._now - max(place.serving.values())
        usual = place.pace.service
        # Of an answer that takes longer than usual no more is known than that it may
        # take as long again.
        return served if usual is None or usual < served else usual - served


def _plus(first: float | None, second: float | None) -> float | None:
    return None if first is None or second is None else first + second
