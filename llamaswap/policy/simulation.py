"""A whole machine in miniature: the very same scheduler, on a clock that nobody waits for.

Pure. Plays the router and the model servers: every start takes the model's load
time, every stop its stop time, every grant the request's service time, however
many are served beside it. Everything of one moment is one batch, as in the router.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from heapq import heappop, heappush
from math import inf, nextafter
from typing import NamedTuple, Protocol, TypeAlias, assert_never

from attrs import define, field, frozen

from llamaswap.policy.messages import (
    Command,
    Event,
    Gone,
    Grant,
    LeaseAsked,
    LeaseId,
    LeaseReturned,
    Ready,
    Refuse,
    Start,
    Stop,
)
from llamaswap.policy.pace import Pace
from llamaswap.policy.reasons import Why
from llamaswap.policy.rules import Fleet, ModelId, Selection
from llamaswap.policy.scheduler import Scheduler
from llamaswap.policy.simulation_report import Report, Span, Tally, Waits, merged

MOST_SPANS = 50_000
"""Processes that a report tells one by one: enough for a picture, and some ten megabytes."""


_Coming: TypeAlias = LeaseReturned | Ready | Gone


class Request(NamedTuple):
    """One request of a trace."""

    moment: float
    """When it comes, in seconds; those of a trace come in this order."""

    model: ModelId | Selection
    service: float | None = None
    """Seconds from grant to end; ``None``: as long as the model usually takes."""


class Planner(Protocol):
    """What decides; `Scheduler`, or another one to compare it with."""

    def handle(self, events: Iterable[Event], now: float) -> list[Command]:
        """Take in a batch, and say what to do."""
        ...

    @property
    def next_wakeup(self) -> float | None:
        """The next moment at which time alone changes something."""
        ...


@frozen
class Times:
    """How long things take, in seconds, by model; the others take the default."""

    load: float = 10.0
    stop: float = 0.0
    service: float = 1.0
    loads: Mapping[ModelId, float] = field(factory=dict[ModelId, float])
    stops: Mapping[ModelId, float] = field(factory=dict[ModelId, float])
    services: Mapping[ModelId, float] = field(factory=dict[ModelId, float])


def simulate(
    fleet: Fleet,
    requests: Iterable[Request],
    times: Times | None = None,
    known: Mapping[ModelId, Pace] | None = None,
) -> Report:
    """Serve ``requests`` with ``fleet``; return what has become of them.

    Args:
      fleet: as the router would be told of it.
      requests: sorted by moment.
      times: how long things take.
      known: the usual times that the scheduler has been told of an earlier run.
    """
    return play(Scheduler(fleet, known or {}), fleet.models, requests, times)


def play(
    planner: Planner,
    models: Iterable[ModelId],
    requests: Iterable[Request],
    times: Times | None = None,
) -> Report:
    """Let ``planner`` serve ``requests``; return what has become of them."""
    machine = _Machine(planner, iter(requests), times or Times())
    for model in models:
        machine.tallies[model] = Tally()
    machine.run()
    return machine.report()


@define(eq=False)
class _Machine:
    """The clock, the processes, and what is to come."""

    _planner: Planner
    _requests: Iterator[Request]
    _times: Times
    tallies: dict[ModelId, Tally] = field(factory=dict[ModelId, Tally], init=False)
    _begin: float = field(default=0.0, init=False)
    _now: float = field(default=0.0, init=False)
    _last: float = field(default=0.0, init=False)
    """The moment at which the last request was over."""

    _upcoming: Request | None = field(default=None, init=False)
    _events: list[tuple[float, int, _Coming]] = field(
        factory=list[tuple[float, int, _Coming]], init=False
    )
    """A heap of what will happen; of those of one moment the first one noted comes first."""

    _serial: int = field(default=0, init=False)
    _leases: int = field(default=0, init=False)
    _open: dict[LeaseId, Request] = field(factory=dict[LeaseId, Request], init=False)
    """Those that wait."""

    _granted: dict[LeaseId, Tally] = field(factory=dict[LeaseId, Tally], init=False)
    _loading: dict[ModelId, int] = field(factory=dict[ModelId, int], init=False)
    """The serial of each load's end."""

    _cancelled: set[int] = field(factory=set[int], init=False)
    """Ends of loads that will not come, because the process was stopped first."""

    _spans: list[Span] = field(factory=list[Span], init=False)
    _omitted: int = field(default=0, init=False)
    _running: dict[ModelId, Span] = field(factory=dict[ModelId, Span], init=False)
    _swaps: int = field(default=0, init=False)
    _makes_room: set[ModelId] = field(factory=set[ModelId], init=False)
    """Those for whom somebody has been evicted and who have not been started yet."""

    _busy: float = field(default=0.0, init=False)
    _busy_since: float = field(default=0.0, init=False)

    def run(self) -> None:
        """Go on until every request is over."""
        self._upcoming = next(self._requests, None)
        if self._upcoming is not None:
            self._begin = self._now = self._last = self._upcoming.moment
        while self._upcoming is not None or self._open or self._granted:
            self._now = self._next_moment()
            for command in self._planner.handle(self._batch(), self._now):
                self._carry_out(command)

    def report(self) -> Report:
        """Say what has happened until now."""
        now = self._last
        for model, span in self._running.items():
            self._keep_span(model, span)
        models = {model: tally.report() for model, tally in self.tallies.items()}
        waits = merged(tally.waits for tally in self.tallies.values())
        return Report(
            models,
            Waits.of(waits),
            begin=self._begin,
            end=now,
            swaps=self._swaps,
            busy=self._busy,
            spans=tuple(sorted(self._spans, key=_by_start)),
            omitted=self._omitted,
        )

    # The clock

    def _next_moment(self) -> float:
        """Return when something happens next, or the planner wants to look again."""
        happens = self._events[0][0] if self._events else inf
        if self._upcoming is not None and self._upcoming.moment < happens:
            happens = self._upcoming.moment
        wakeup = self._planner.next_wakeup
        if wakeup is not None and wakeup < happens:
            # A wish for this very moment has just been heard: time must go on.
            return max(wakeup, nextafter(self._now, inf))
        assert happens != inf, "somebody waits for what will never come"
        return max(happens, self._now)

    def _batch(self) -> list[Event]:
        """Take everything that has happened by now, and then everyone who has come."""
        now, events = self._now, self._events
        batch: list[Event] = []
        while events and events[0][0] <= now:
            _, serial, event = heappop(events)
            if serial in self._cancelled:
                self._cancelled.discard(serial)
            else:
                self._see(event)
                batch.append(event)
        request = self._upcoming
        while request is not None and request.moment <= now:
            self._leases += 1
            lease = LeaseId(self._leases)
            self._open[lease] = request
            batch.append(LeaseAsked(lease, request.model))
            request = self._upcoming = next(self._requests, None)
        return batch

    def _note(self, seconds: float, event: _Coming) -> int:
        """Let ``event`` happen in ``seconds``."""
        self._serial += 1
        heappush(self._events, (self._now + seconds, self._serial, event))
        return self._serial

    # What happens

    def _see(self, event: _Coming) -> None:
        match event:
            case LeaseReturned(lease):
                self._last = self._now
                self._granted.pop(lease).leave(self._now)
                self._busy += 0.0 if self._granted else self._now - self._busy_since
            case Ready(model):
                del self._loading[model]
                self._running[model].ready = self._now
            case Gone(model):
                span = self._running.pop(model)
                span.gone = self._now
                self._keep_span(model, span)
            case _:
                assert_never(event)

    def _carry_out(self, command: Command) -> None:
        match command:
            case Grant(lease, model):
                self._grant(lease, model)
            case Refuse(lease, model, cause):
                del self._open[lease]
                self._last = self._now
                self._tally(model).refused[cause] += 1
            case Start(model, _, reason):
                self._running[model] = Span(model, self._now, reason)
                self._tally(model).loads += 1
                seconds = self._times.loads.get(model, self._times.load)
                self._loading[model] = self._note(seconds, Ready(model))
                self._swaps += model in self._makes_room
                self._makes_room.discard(model)
            case Stop():
                self._stop(command)
            case _:
                pass

    def _grant(self, lease: LeaseId, model: ModelId) -> None:
        moment, _, service = self._open.pop(lease)
        if not self._granted:
            self._busy_since = self._now
        tally = self._granted[lease] = self._tally(model)
        tally.enter(moment, self._now)
        if service is None:
            service = self._times.services.get(model, self._times.service)
        self._note(service, LeaseReturned(lease))

    def _stop(self, stop: Stop) -> None:
        model, reason = stop.model, stop.reason
        loading = self._loading.pop(model, None)
        if loading is not None:
            self._cancelled.add(loading)
        span = self._running[model]
        span.stopped, span.cause = self._now, reason
        tally = self._tally(model)
        if reason.why is Why.ROOM:
            tally.evictions += 1
            self._makes_room.update(map(ModelId, reason.models))
        self._note(self._times.stops.get(model, self._times.stop), Gone(model))

    def _keep_span(self, model: ModelId, span: Span) -> None:
        self._tally(model).note_span(span, self._last)
        if len(self._spans) < MOST_SPANS:
            self._spans.append(span)
        else:
            self._omitted += 1

    def _tally(self, model: ModelId) -> Tally:
        """Return the tally of ``model``, which nobody here may serve."""
        tally = self.tallies.get(model)
        if tally is None:
            tally = self.tallies[model] = Tally()
        return tally


def _by_start(span: Span) -> tuple[float, ModelId]:
    return span.started, span.model
