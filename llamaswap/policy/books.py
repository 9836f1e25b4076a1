"""What the scheduler writes down: places, queues, swaps and errands.

Keeps the facts consistent and decides nothing. A lease is in exactly one of a
place's ``waiting`` and ``serving``, or nowhere; `Books.running` names every
model that runs or has been promised a place.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

from attrs import define, field, frozen

from llamaswap.policy.messages import (
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
from llamaswap.policy.reasons import Reason, Why
from llamaswap.policy.rules import Fleet, ModelId, ModelRule


@define(eq=False)
class Place:
    """One model: its process, its queue and its guests."""

    model: ModelId
    rule: ModelRule
    """In force; of a removed model the last one."""

    specification: object
    """Of the process that runs; of the next one where none does."""

    port: int | None
    """Of the same process."""

    pace: Pace
    state: ModelState = ModelState.STOPPED
    waiting: dict[LeaseId, tuple[float, int]] = field(factory=dict[LeaseId, tuple[float, int]])
    """The queue, oldest first: for each the moment it came, and the number of its arrival."""

    serving: dict[LeaseId, float] = field(factory=dict[LeaseId, float])
    """The guests, and the moment of each one's grant."""

    waited_since: float = 0.0
    """The sum of the moments at which those that wait have come."""

    changed: float = 0.0
    """The moment of the last change of ``state``."""

    idle_since: float | None = None
    """The moment of readiness or of the last return, whichever is later; ``None``: neither yet."""

    served: bool = False
    """Whether anybody has used the process that runs."""

    chosen: int = 0
    """The number of the last arrival, to tell who has waited longest for one."""

    @property
    def head(self) -> tuple[float, int]:
        """The moment and the number of the longest wait; only where somebody waits."""
        return next(iter(self.waiting.values()))

    @property
    def is_full(self) -> bool:
        """Whether it takes no more requests."""
        return len(self.waiting) + len(self.serving) >= self.rule.concurrency_limit

    @property
    def fullness(self) -> str:
        """Say why it takes no more requests."""
        limit = self.rule.concurrency_limit
        return f"{limit} requests wait for this model or use it already"

    @property
    def is_idle(self) -> bool:
        """Whether it is ready and nobody uses or wants it."""
        return self.state is ModelState.READY and not self.serving and not self.waiting


@define(eq=False)
class Swap:
    """A place that has been promised to a model for those who wait, until it serves them."""

    target: Place
    evict: frozenset[ModelId]
    """Who had to leave for it."""

    leaving: set[ModelId]
    """Those of them whose process is not gone yet; while there are any, the swap makes room."""


@frozen
class WayOut:
    """Why a new configuration has given up a process, and which."""

    reason: Reason
    reload: Ticket
    """Of the first `Reconfigure` that did."""


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
        if not place.waiting:
            place.waited_since = 0.0
            self.queued.pop(place.model, None)

    # Places

    def open_place(self, model: ModelId) -> None:
        """Make a place for a model of the fleet that has none."""
        rule = self.fleet.models[model]
        pace = self._paces.setdefault(model, Pace())
        self.places[model] = Place(model, rule, rule.specification, rule.port, pace)

    def evictions(self, model: ModelId) -> frozenset[ModelId]:
        """Return who must be gone before ``model`` may serve, as things are now."""
        evict = self._judged.get(model)
        if evict is None:
            evict = self.fleet.evictions(model, self.running, self.leaving)
            self._judged[model] = evict
        return evict

    def evictions_beside(self, model: ModelId, other: ModelId) -> frozenset[ModelId]:
        """Return who would have to be gone for ``model`` if ``other`` ran too."""
        return self.fleet.evictions(model, self.running | {other}, self.leaving)

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

    def is_loaded_for(self, place: Place) -> bool:
        """Say whether a swap has reached its end, so that those who wait can be served."""
        swap = self.swaps.get(place.model)
        return swap is not None and not swap.leaving and place.state is ModelState.READY

    def start(self, place: Place, now: float) -> Iterator[Start]:
        """Run the process; the place has been promised already."""
        place.state = ModelState.STARTING
        place.changed = now
        place.served = False
        yield Start(place.model, place.specification, Reason(Why.WANTED, (), len(place.waiting)))

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
        self._judged.clear()
        for model, place in self.places.items():
            place.rule = fleet.models.get(model, place.rule)

    def _renew(self, place: Place) -> None:
        place.specification, place.port = place.rule.specification, place.rule.port

    def _recount(self, place: Place) -> None:
        if place.state is ModelState.STOPPED and place.model not in self.swaps:
            self.running.discard(place.model)
        else:
            self.running.add(place.model)
        if place.state is ModelState.STOPPING:
            self.leaving.add(place.model)
        else:
            self.leaving.discard(place.model)
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
