"""What will become of those that wait, and what a request would do now.

Pure. The verdicts are those of the next look at the queues; the seconds are an
estimate from the usual times of the models concerned, which assumes that nobody
else comes and that everything takes as long as it usually does.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import assert_never

from attrs import define, field

from llamaswap.policy.books import Books, Place
from llamaswap.policy.messages import (
    Explanation,
    ModelState,
    Outcome,
    Queue,
    Ticket,
    Waiting,
)
from llamaswap.policy.reasons import READY, Reason, Why
from llamaswap.policy.rules import Choice, ModelId, Selection
from llamaswap.policy.selection import model_meant
from llamaswap.policy.turns import Begin, Deny, Look, Serve, Verdict, Wait


def queue_view(books: Books, ticket: Ticket, now: float) -> Queue:
    """Return all that wait, in the order of turns, each queue from its head."""
    waiting: list[Waiting] = []
    for place, verdict, estimate in Forecast(books, now).fates:
        reason = verdict.reason if isinstance(verdict, Wait) else READY
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
    choices: tuple[Choice, ...] = ()
    if model not in books.swaps and not isinstance(verdict, Deny):
        choices = books.fleet.evictions.choices(model, books.running, books.leaving)
    return Explanation(ticket, model, outcome, reason, estimate, choices)


def _outcome(verdict: Verdict) -> tuple[Outcome, Reason | str]:
    match verdict:
        case Serve():
            return Outcome.SERVE, READY
        case Begin():
            return Outcome.START, Reason(Why.WANTED, (), 1)
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
            case Begin(evict):
                return self._after(place, evict, self._stopping(evict))
            case Wait():
                return self._waiting(place, verdict)
            case Deny():
                return None
            case _:
                assert_never(verdict)

    def _waiting(self, place: Place, wait: Wait) -> float | None:
        places = self._books.places
        why, models = wait.reason.why, frozenset(map(ModelId, wait.reason.models))
        if why is Why.LOADING:
            return self._left(place, place.pace.load)
        if why in {Why.VACATING, Why.ENDING}:
            return _plus(self._stopping(models or {place.model}), self._load(place))
        if why in {Why.LINGER, Why.RESIDENCY}:
            return self._after(
                place, wait.evict, _plus(wait.reason.seconds, self._stopping(models))
            )
        if why is Why.SERVING:
            ends = [self._end_of_service(places[model]) for model in models]
            return self._after(place, wait.evict, max(ends) + self._stopping(models))
        return self._behind(place, places[min(models)])

    def _behind(self, place: Place, first: Place) -> float | None:
        """Return when it will serve if it comes after ``first`` has loaded and served."""
        load = first.pace.load
        if first.state is ModelState.STARTING:
            load = self._left(first, load)
        elif first.state is not ModelState.STOPPED:
            load = 0.0
        service = (first.pace.service or 0.0) + (first.pace.stop or 0.0)
        return _plus(_plus(load, service), self._load(place))

    def _after(
        self, place: Place, evict: frozenset[ModelId] | None, vacated: float | None
    ) -> float | None:
        """Return when it will serve if ``evict`` are gone in ``vacated`` seconds."""
        evict = evict or frozenset()
        start = vacated if evict not in self._ends else max(vacated or 0.0, self._ends[evict])
        end = _plus(start, self._load(place))
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

    def _end_of_service(self, place: Place) -> float:
        last = max(place.serving.values(), default=self._now)
        return max((place.pace.service or 0.0) - (self._now - last), 0.0)


def _plus(first: float | None, second: float | None) -> float | None:
    return None if first is None or second is None else first + second
