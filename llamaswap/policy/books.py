"""What the scheduler writes down: places, queues, swaps and errands.

Keeps the facts consistent and decides nothing. A lease is in exactly one of a
place's ``waiting`` and ``serving``, or nowhere; `Books.running` names every
model that runs or has been promised a place.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

from attrs import define, field

from llamaswap.policy.messages import (
    Adopt,
    Cause,
    Grant,
    LeaseId,
    ModelState,
    Refuse,
    Settled,
    Start,
    Stop,
    Ticket,
)
from llamaswap.policy.pace import Pace
from llamaswap.policy.places import Place, Swap, WayOut
from llamaswap.policy.reasons import Reason, Why
from llamaswap.policy.rules import Choice, Fleet, ModelId, Situation

QUESTIONS_PER_BEGIN = 25
"""What beginning a swap counts in `Books.effort`: it raises all questions anew."""


@define(eq=False)
class Errand:
    """A ticket that waits until the processes of some models are gone."""

    ticket: Ticket
    models: set[ModelId]
    problem: str | None = None


@define(eq=False)
class Books:
    """All of it, and the small acts that must change several pages at once."""

    fleet: Fleet
    _paces: dict[ModelId, Pace] = field(factory=dict[ModelId, Pace])
    """What is known of each model's times, of removed ones too: they may come back."""

    places: dict[ModelId, Place] = field(factory=dict[ModelId, Place], init=False)
    """Every model of the fleet, and removed ones whose process is not gone yet."""

    swaps: dict[ModelId, Swap] = field(factory=dict[ModelId, Swap], init=False)
    """By target, in the order in which they began."""

    ousted: dict[ModelId, dict[ModelId, Swap]] = field(
        factory=dict[ModelId, dict[ModelId, Swap]], init=False
    )
    """By model that has to leave or has left: the swaps that it made room for, by target."""

    running: set[ModelId] = field(factory=set[ModelId], init=False)
    leaving: set[ModelId] = field(factory=set[ModelId], init=False)
    """Those of them that have been told to stop."""

    busy: set[ModelId] = field(factory=set[ModelId], init=False)
    """The models that serve somebody."""

    outgoing: dict[ModelId, WayOut] = field(factory=dict[ModelId, WayOut], init=False)
    """Models whose process a new configuration has given up. They take nothing new,
    finish what they serve, and stop."""

    stuck: dict[ModelId, str] = field(factory=dict[ModelId, str], init=False)
    """The models whose process cannot be ended, and why."""

    queued: dict[ModelId, Place] = field(factory=dict[ModelId, Place], init=False)
    """The places that somebody waits for."""

    _errands: list[Errand] = field(factory=list[Errand], init=False)
    _leases: dict[LeaseId, Place] = field(factory=dict[LeaseId, Place], init=False)
    _arrivals: Iterator[int] = field(factory=lambda: count(1), init=False)
    _judged: dict[ModelId, frozenset[ModelId]] = field(
        factory=dict[ModelId, frozenset[ModelId]], init=False
    )
    """What the eviction policy said, as long as ``running`` is the same. With many
    queues and one busy model most steps would ask it the same questions again."""

    _barred: dict[tuple[ModelId, ModelId], bool] = field(
        factory=dict[tuple[ModelId, ModelId], bool], init=False
    )
    effort: int = field(default=0, init=False)
    """What has been worked out, in questions of the cheapest sort to the eviction policy."""

    _situation: Situation | None = field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        for model in self.fleet.models:
            self.open_place(model)

    # Leases

    def queue(self, place: Place, lease: LeaseId, now: float) -> None:
        """Let ``lease`` wait at the end of the queue."""
        if place.idle_since is not None and not place.waiting and not place.serving:
            place.pace.note_gap(now - place.idle_since)
        place.chosen = next(self._arrivals)
        place.waiting[lease] = (now, place.chosen)
        if len(place.waiting) == 1:
            place.head = (now, place.chosen)
        place.waited_since += now
        self.queued[place.model] = place
        self._leases[lease] = place

    def take_back(self, lease: LeaseId, now: float) -> Place | None:
        """Forget ``lease`` and return its place; ``None``: it was over already."""
        place = self._leases.pop(lease, None)
        if place is None:
            return None
        granted = place.serving.pop(lease, None)
        if granted is None:
            self._unqueue(place, lease)
            return place
        place.pace.note_service(now - granted)
        if not place.serving:
            self.busy.discard(place.model)
            place.idle_since = now
        return place

    def grant(self, place: Place, reason: Reason, now: float) -> Iterator[Grant]:
        """Let everyone in who waits for ``place``."""
        if place.waiting:
            self.busy.add(place.model)
            place.served = True
        for lease in place.waiting:
            place.serving[lease] = now
            yield Grant(lease, place.model, reason)
        place.waiting.clear()
        self._recount_queue(place)

    def refuse(self, place: Place, cause: Cause, detail: str) -> Iterator[Refuse]:
        """Send everyone away who waits for ``place``."""
        for lease in place.waiting:
            del self._leases[lease]
            yield Refuse(lease, place.model, cause, detail)
        place.waiting.clear()
        self._recount_queue(place)

    def time_out(
        self, place: Place, limit: float, now: float, detail: str, retry_after: float | None
    ) -> Iterator[Refuse]:
        """Send those away who have waited for ``place`` for ``limit`` seconds."""
        while place.waiting and place.head[0] + limit <= now:
            lease = next(iter(place.waiting))
            del self._leases[lease]
            self._unqueue(place, lease)
            yield Refuse(lease, place.model, Cause.TIMED_OUT, detail, retry_after)

    def _unqueue(self, place: Place, lease: LeaseId) -> None:
        came, _ = place.waiting.pop(lease)
        place.waited_since -= came
        self._recount_queue(place)

    def _recount_queue(self, place: Place) -> None:
        if place.waiting:
            place.head = next(iter(place.waiting.values()))
        else:
            place.waited_since = 0.0
            self.queued.pop(place.model, None)

    # Places

    def open_place(self, model: ModelId) -> None:
        """Make a place for a model of the fleet that has none."""
        rule = self.fleet.models[model]
        pace = self._paces.setdefault(model, Pace())
        self.places[model] = Place(model, rule, rule, pace)

    def choices(self, wanted: ModelId) -> tuple[Choice, ...]:
        """Explain who must be gone before ``wanted`` may serve."""
        return self._asked().choices(wanted)

    def evictions(self, model: ModelId) -> frozenset[ModelId]:
        """Return who must be gone before ``model`` may serve, as things are now."""
        evict = self._judged.get(model)
        if evict is None:
            evict = self._judged[model] = self._asked()(model)
        return evict

    def would_evict(self, wanted: ModelId, newcomer: ModelId) -> bool:
        """Say whether ``newcomer``, had it come first, would have to be gone for ``wanted``."""
        would = self._barred.get((wanted, newcomer))
        if would is None:
            would = self._asked().would_evict(wanted, newcomer)
            self._barred[wanted, newcomer] = would
        return would

    def is_judged(self, model: ModelId) -> bool:
        """Say whether `evictions` knows the answer without a question."""
        return model in self._judged

    def promise(self, place: Place, evict: frozenset[ModelId]) -> Swap:
        """Begin a swap."""
        self.effort += QUESTIONS_PER_BEGIN * self.fleet.evictions.effort
        swap = Swap(place, evict, set(self.obstructing(place, evict)))
        self.swaps[place.model] = swap
        for victim in evict:
            self.ousted.setdefault(victim, {})[place.model] = swap
        self._recount(place)
        return swap

    def obstructing(self, place: Place, evict: frozenset[ModelId]) -> frozenset[ModelId]:
        """Return those of ``evict`` that must be gone before ``place`` may start.

        One that leaves anyway, for somebody else, may take its time if both may run
        together, and with all others that run: so swaps that have nothing to do with
        each other do not wait for each other.
        """
        others = evict & self.leaving
        promised = {model for model in self.swaps if not self.places[model].is_process}
        beside = self.running - evict - promised - {place.model}
        if others and self._asked().tolerates(place.model, beside | others):
            return evict - others
        return evict

    def drop_swap(self, place: Place) -> None:
        """End the swap to ``place``, if there is one."""
        swap = self.swaps.pop(place.model, None)
        if swap is None:
            return
        for victim in swap.evict:
            del self.ousted[victim][place.model]
            if not self.ousted[victim]:
                del self.ousted[victim]
        self._recount(place)

    def is_loaded_for(self, place: Place) -> bool:
        """Say whether a swap has reached its end, so that those who wait can be served."""
        swap = self.swaps.get(place.model)
        return swap is not None and not swap.leaving and place.state is ModelState.READY

    def start(self, place: Place, now: float) -> Iterator[Start]:
        """Run the process; the place has been promised already."""
        place.state = ModelState.STARTING
        place.changed = now
        place.served = False
        reason = Reason(Why.WANTED, (), len(place.waiting))
        yield Start(place.model, place.runs.specification, reason)

    def note_ready(self, place: Place, now: float) -> None:
        """Note that the process can serve."""
        place.pace.note_load(now - place.changed)
        place.state = ModelState.READY
        place.changed = place.idle_since = now

    def stop(self, place: Place, reason: Reason, now: float) -> Iterator[Stop]:
        """End the process, unless it is ending or there is none."""
        if place.state in {ModelState.STARTING, ModelState.READY}:
            place.state = ModelState.STOPPING
            place.changed = now
            self.drop_swap(place)
            self._recount(place)
            yield Stop(place.model, reason)

    def vacate(self, place: Place, now: float) -> Iterator[Settled]:
        """Note that the process is gone, and with it whatever it served."""
        if place.state is ModelState.STOPPING and place.model not in self.stuck:
            place.pace.note_stop(now - place.changed)
        place.state = ModelState.STOPPED
        place.changed = now
        self.stuck.pop(place.model, None)
        self.outgoing.pop(place.model, None)
        self.busy.discard(place.model)
        for lease in place.serving:
            del self._leases[lease]
            place.idle_since = now
        place.serving.clear()
        self.drop_swap(place)
        self._recount(place)
        for swap in self.swaps.values():
            swap.leaving.discard(place.model)
        if place.model in self.fleet.models:
            self._renew(place)
        else:
            del self.places[place.model]
        yield from self.release(place)

    def keep(self, place: Place) -> Iterator[Adopt | Settled]:
        """Let the process stay: the fleet has the same, perhaps to be looked after otherwise."""
        before = place.runs.specification
        self._renew(place)
        if place.is_process and place.runs.specification != before:
            yield Adopt(place.model, place.runs.specification)
        given_up = self.outgoing.pop(place.model, None)
        if given_up is not None and place.state is not ModelState.STOPPING:
            yield from self.release(place)

    def give_up(self, place: Place, reason: Reason, reload: Ticket) -> None:
        """Let no new request in: the fleet has another process for it, or none."""
        if place.state is not ModelState.STOPPED:
            if place.model not in self.stuck:
                earlier = self.outgoing.get(place.model)
                since = reload if earlier is None else earlier.reload
                self.outgoing[place.model] = WayOut(reason, since)
        elif place.model in self.fleet.models:
            self._renew(place)
        else:
            del self.places[place.model]

    def note_stuck(self, place: Place, reason: str) -> None:
        """Note that the process cannot be ended."""
        place.state = ModelState.STOPPING
        self.stuck[place.model] = reason
        self.outgoing.pop(place.model, None)
        self.drop_swap(place)
        self._recount(place)

    def adopt(self, fleet: Fleet) -> None:
        """Put a new fleet in force; the caller brings places and swaps in line with it."""
        self.fleet = fleet
        self._forget_answers()
        for model, place in self.places.items():
            place.rule = fleet.models.get(model, place.rule)

    def _renew(self, place: Place) -> None:
        place.runs = place.rule

    def _recount(self, place: Place) -> None:
        if place.state is ModelState.STOPPED and place.model not in self.swaps:
            self.running.discard(place.model)
        else:
            self.running.add(place.model)
        if place.state is ModelState.STOPPING:
            self.leaving.add(place.model)
        else:
            self.leaving.discard(place.model)
        self._forget_answers()

    def _asked(self) -> Situation:
        if self._situation is None:
            self._situation = self.fleet.evictions.at(self.running, self.leaving)
        self.effort += self.fleet.evictions.effort
        return self._situation

    def _forget_answers(self) -> None:
        self._situation = None
        self._judged.clear()
        self._barred.clear()

    # Errands

    def send(self, ticket: Ticket, models: set[ModelId], problem: str | None) -> Iterator[Settled]:
        """Settle ``ticket`` when none of ``models`` runs; it does not wait for stuck ones."""
        errand = Errand(ticket, set(), problem)
        for place in (self.places[model] for model in sorted(models)):
            if place.model in self.stuck:
                errand.problem = self.stuck[place.model]
            elif place.state is not ModelState.STOPPED:
                errand.models.add(place.model)
        self._errands.append(errand)
        yield from self._settle()

    def release(self, place: Place, problem: str | None = None) -> Iterator[Settled]:
        """Let no errand wait for ``place`` any longer."""
        for errand in self._errands:
            if place.model in errand.models:
                errand.models.discard(place.model)
                errand.problem = problem or errand.problem
        yield from self._settle()

    def _settle(self) -> Iterator[Settled]:
        for errand in [errand for errand in self._errands if not errand.models]:
            self._errands.remove(errand)
            yield Settled(errand.ticket, errand.problem)
