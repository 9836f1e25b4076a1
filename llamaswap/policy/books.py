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
    Cause,
    Fleet,
    Grant,
    LeaseId,
    ModelId,
    ModelState,
    Refuse,
    Settled,
    Start,
    Stop,
    Ticket,
)


@define(eq=False)
class Place:
    """One model: its process, its queue and its guests."""

    model: ModelId
    specification: object
    """Of the process that runs; of the next one where none does."""

    state: ModelState = ModelState.STOPPED
    waiting: dict[LeaseId, int] = field(factory=dict[LeaseId, int])
    """The queue, oldest first; the values are numbers of arrival."""

    serving: set[LeaseId] = field(factory=set[LeaseId])
    idle_since: float = 0.0
    """The moment of readiness or of the last return, whichever is later."""


@define(eq=False)
class Swap:
    """A place that has been promised to a model, until the model serves there."""

    target: Place
    evict: frozenset[ModelId]
    """Who had to leave for it."""

    leaving: set[ModelId]
    """Those of them whose process is not gone yet; while there are any, the swap makes room."""


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
    places: dict[ModelId, Place] = field(init=False)
    """Every model of the fleet, and removed ones whose process is not gone yet."""

    swaps: dict[ModelId, Swap] = field(factory=dict[ModelId, Swap], init=False)
    """By target, in the order in which they began."""

    running: frozenset[ModelId] = field(default=frozenset[ModelId](), init=False)
    busy: set[ModelId] = field(factory=set[ModelId], init=False)
    """The models that serve somebody."""

    stuck: dict[ModelId, str] = field(factory=dict[ModelId, str], init=False)
    """The models whose process cannot be ended, and why."""

    _errands: list[Errand] = field(factory=list[Errand], init=False)
    _leases: dict[LeaseId, Place] = field(factory=dict[LeaseId, Place], init=False)
    _queued: dict[ModelId, Place] = field(factory=dict[ModelId, Place], init=False)
    """At least every place that somebody waits for: there are few of them among
    many models, and they are looked for after every event."""

    _arrivals: Iterator[int] = field(factory=count, init=False)
    _judged: dict[ModelId, frozenset[ModelId]] = field(
        factory=dict[ModelId, frozenset[ModelId]], init=False
    )
    """What the eviction policy said, as long as ``running`` is the same. With many
    queues and one busy model most steps would ask it the same questions again."""

    def __attrs_post_init__(self) -> None:
        models = self.fleet.models
        self.places = {model: Place(model, rule.specification) for model, rule in models.items()}

    # Leases

    def queue(self, place: Place, lease: LeaseId) -> None:
        """Let ``lease`` wait at the end of the queue."""
        place.waiting[lease] = next(self._arrivals)
        self._queued[place.model] = place
        self._leases[lease] = place

    def take_back(self, lease: LeaseId, now: float) -> None:
        """Forget ``lease``, whether it waits, serves or is over already."""
        place = self._leases.pop(lease, None)
        if place is not None:
            place.waiting.pop(lease, None)
            place.serving.discard(lease)
            place.idle_since = now
            if not place.serving:
                self.busy.discard(place.model)

    def grant(self, place: Place) -> Iterator[Grant]:
        """Let everyone in who waits for ``place``."""
        place.serving.update(place.waiting)
        if place.serving:
            self.busy.add(place.model)
        for lease in place.waiting:
            yield Grant(lease, place.model)
        place.waiting.clear()

    def refuse(self, place: Place, cause: Cause, detail: str) -> Iterator[Refuse]:
        """Send everyone away who waits for ``place``."""
        for lease in place.waiting:
            del self._leases[lease]
            yield Refuse(lease, place.model, cause, detail)
        place.waiting.clear()

    def queues(self) -> list[Place]:
        """Return the places that somebody waits for, the longest wait first."""
        waited = [place for place in self._queued.values() if place.waiting]
        self._queued = {place.model: place for place in waited}
        return sorted(waited, key=lambda place: next(iter(place.waiting.values())))

    # Places

    def runners(self) -> Iterator[Place]:
        """Return every place that is occupied or promised, sorted by id."""
        return (self.places[model] for model in sorted(self.running))

    def evictions(self, model: ModelId) -> frozenset[ModelId]:
        """Return who must be gone before ``model`` may serve, as things are now."""
        evict = self._judged.get(model)
        if evict is None:
            evict = self.fleet.evictions(model, self.running)
            self._judged[model] = evict
        return evict

    def promise(self, place: Place, evict: frozenset[ModelId]) -> Swap:
        """Begin a swap."""
        swap = Swap(place, evict, set(evict))
        self.swaps[place.model] = swap
        self._recount(place)
        return swap

    def drop_swap(self, place: Place) -> None:
        """End the swap to ``place``, if there is one."""
        if self.swaps.pop(place.model, None) is not None:
            self._recount(place)

    def start(self, place: Place) -> Iterator[Start]:
        """Run the process; the place has been promised already."""
        place.state = ModelState.STARTING
        reason = f"requests waiting: {len(place.waiting)}"
        yield Start(place.model, place.specification, reason)

    def stop(self, place: Place, reason: str) -> Iterator[Stop]:
        """End the process, unless it is ending or there is none."""
        if place.state in {ModelState.STARTING, ModelState.READY}:
            place.state = ModelState.STOPPING
            self.drop_swap(place)
            yield Stop(place.model, reason)

    def vacate(self, place: Place) -> Iterator[Settled]:
        """Note that the process is gone, and with it whatever it served."""
        place.state = ModelState.STOPPED
        self.stuck.pop(place.model, None)
        self.busy.discard(place.model)
        for lease in place.serving:
            del self._leases[lease]
        place.serving.clear()
        self.drop_swap(place)
        self._recount(place)
        for swap in self.swaps.values():
            swap.leaving.discard(place.model)
        rule = self.fleet.models.get(place.model)
        if rule is None:
            del self.places[place.model]
        else:
            place.specification = rule.specification
        yield from self.release(place)

    def _recount(self, place: Place) -> None:
        if place.state is ModelState.STOPPED and place.model not in self.swaps:
            self.running -= {place.model}
        else:
            self.running |= {place.model}
        self._judged.clear()

    def adopt(self, fleet: Fleet) -> None:
        """Put a new fleet in force; the caller brings places and swaps in line with it."""
        self.fleet = fleet
        self._judged.clear()

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
