"""Decides who is served, who waits, what is swapped and what is idle.

Below the router, above nothing: no clock, no task, no log. The router feeds it
what happened and carries out what it answers. It owns the states of models:
it is told of processes and never asks them. Every event is only noted; what
follows is decided in one look at the end of the batch, so that A B C A B C
costs three loads and not six.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from math import inf
from typing import assert_never

from attrs import define, field

from llamaswap.policy.books import Books
from llamaswap.policy.forecast import Forecast, explain, queue_view
from llamaswap.policy.idling import IdleTimes
from llamaswap.policy.messages import (
    Cause,
    Command,
    DrainEnded,
    Event,
    ExplainAsked,
    Explanation,
    Gone,
    Learned,
    LeaseAsked,
    LeaseId,
    LeaseReturned,
    ModelState,
    ModelView,
    Outcome,
    QueueAsked,
    Ready,
    Reconfigure,
    Refuse,
    Shutdown,
    Stuck,
    Ticket,
    UnloadAsked,
    View,
    ViewAsked,
)
from llamaswap.policy.pace import Pace
from llamaswap.policy.patience import UNKNOWN_LOAD
from llamaswap.policy.places import Place, Swap
from llamaswap.policy.plan import plan
from llamaswap.policy.reasons import (
    LEAVING,
    LOADED,
    NEXT,
    READY,
    REMOVED,
    REPLACED,
    UNLOADED,
    Reason,
    Why,
)
from llamaswap.policy.rules import Fleet, ModelId
from llamaswap.policy.selection import model_meant
from llamaswap.policy.verdicts import Begin, Deny, Look, Resume, Serve, Wait

MOST_EFFORT = 1000
"""Of `Books.effort` in one step, which then takes a few milliseconds. Few fleets ever
need more than one step for what happens at one moment."""


@define(eq=False)
class Scheduler:
    """The plan of one router. Give it every event, in batches; do what it says, in order."""

    fleet: Fleet
    _known: Mapping[ModelId, Pace] = field(factory=dict[ModelId, Pace])
    """The usual times of an earlier run."""

    _most_effort: int = field(default=MOST_EFFORT, alias="most_effort")
    """Of `Books.effort` in one step."""

    _books: Books = field(init=False)
    _idle: IdleTimes = field(init=False)
    _questions: list[QueueAsked | ExplainAsked] = field(
        factory=list[QueueAsked | ExplainAsked], init=False
    )
    _leaving: bool = field(default=False, init=False)
    _wakeup: float = field(default=inf, init=False)
    """The next moment at which the wait of somebody changes."""

    _is_unfinished: bool = field(default=False, init=False)
    """Whether the last step was not all, so that the next one should follow at once."""

    def __attrs_post_init__(self) -> None:
        self._books = Books(self.fleet, dict(self._known))
        self._idle = IdleTimes(self._books.places)

    def handle(self, events: Iterable[Event], now: float) -> list[Command]:
        """Take in a batch, then look at the queues once.

        Args:
          events: everything that has arrived, oldest first. An empty batch is
            how time passes.
          now: the moment, in seconds of any clock that never goes back.

        Returns:
          What to do, in this order.
        """
        commands: list[Command] = []
        for event in events:
            commands.extend(self._note(event, now))
        commands.extend(self._decide(now))
        if not self._is_unfinished:
            # What is told is how things are when all has been done that can be.
            commands.extend(self._answer(question, now) for question in self._questions)
            self._questions.clear()
        return commands

    @property
    def next_wakeup(self) -> float | None:
        """The next moment at which time alone changes something: give a batch then, or before."""
        idle = self._idle.next_end
        end = self._wakeup if idle is None else min(self._wakeup, idle)
        return None if end == inf else end

    @property
    def finished(self) -> bool:
        """Whether the program may leave: told to, and nothing runs that could be ended."""
        return self._leaving and all(
            place.state is ModelState.STOPPED or place.model in self._books.stuck
            for place in self._books.places.values()
        )

    # Taking in: what each event changes by itself.

    # One branch per word.
    def _note(self, event: Event, now: float) -> Iterator[Command]:  # noqa: C901
        match event:
            case LeaseAsked():
                yield from self._note_ask(event, now)
            case LeaseReturned(lease):
                self._note_return(lease, now)
            case Ready(model):
                yield from self._note_ready(model, now)
            case Gone():
                yield from self._note_gone(event, now)
            case Stuck():
                yield from self._note_stuck(event)
            case UnloadAsked():
                yield from self._note_unload(event, now)
            case ViewAsked(ticket):
                yield self._view(ticket)
            case QueueAsked() | ExplainAsked():
                self._questions.append(event)
            case Reconfigure():
                yield from self._note_reconfigure(event)
            case DrainEnded():
                yield from self._note_drain_end(event, now)
            case Shutdown():
                yield from self._note_shutdown(now)
            case _:
                assert_never(event)

    def _note_ask(self, ask: LeaseAsked, now: float) -> Iterator[Command]:
        model = model_meant(ask.model, self._books)
        if model not in self.fleet.models:
            yield Refuse(ask.lease, model, Cause.UNKNOWN, "nobody here serves this model")
            return
        place = self._books.places[model]
        if self._leaving:
            yield Refuse(ask.lease, model, Cause.LEAVING, str(LEAVING))
        elif place.is_full:
            yield Refuse(ask.lease, model, Cause.BUSY, place.fullness)
        else:
            self._books.queue(place, ask.lease, now)

    def _note_return(self, lease: LeaseId, now: float) -> None:
        place = self._books.take_back(lease, now)
        if place is not None:
            self._idle.watch(place)

    def _note_ready(self, model: ModelId, now: float) -> Iterator[Command]:
        place = self._books.places.get(model)
        # Readiness may have been under way when the process was told to stop.
        if place is not None and place.state is ModelState.STARTING:
            self._books.note_ready(place, now)
            self._idle.watch(place)
            yield Learned(model, place.pace.load, place.pace.stop)

    def _note_gone(self, event: Gone, now: float) -> Iterator[Command]:
        place = self._books.places.get(event.model)
        if place is None or place.state is ModelState.STOPPED:
            return
        if place.state is ModelState.STARTING:
            reason = event.reason or "it ended before it was ready"
            yield from self._books.refuse(place, Cause.START_FAILED, reason)
        was_told_to = place.state is ModelState.STOPPING
        yield from self._books.vacate(place, now)
        if was_told_to:
            yield Learned(place.model, place.pace.load, place.pace.stop)

    def _note_stuck(self, event: Stuck) -> Iterator[Command]:
        place = self._books.places.get(event.model)
        if place is None or place.state is ModelState.STOPPED:
            return
        # The other models need not wait for what will not come. Should its
        # port be taken from now on, then the start that finds it so says so.
        self._books.note_stuck(place, event.reason)
        yield from self._books.refuse(place, Cause.STUCK, event.reason)
        for swap in list(self._books.swaps.values()):
            if event.model in swap.leaving:
                self._books.drop_swap(swap.target)
                yield from self._books.refuse(swap.target, Cause.STUCK, event.reason)
        yield from self._books.release(place, event.reason)

    def _note_unload(self, ask: UnloadAsked, now: float) -> Iterator[Command]:
        known = self._books.places.keys()
        wanted = known if ask.models is None else ask.models
        for model in sorted(wanted & known):
            place = self._books.places[model]
            self._books.drop_swap(place)
            yield from self._books.refuse(place, Cause.UNLOADED, "the model was unloaded")
            yield from self._books.stop(place, UNLOADED, now)
        unknown = ", ".join(sorted(wanted - known))
        problem = f"nobody here serves {unknown}" if unknown else None
        yield from self._books.send(ask.ticket, set(wanted & known), problem)

    def _note_shutdown(self, now: float) -> Iterator[Command]:
        self._leaving = True
        for model in sorted(self._books.places):
            place = self._books.places[model]
            self._books.drop_swap(place)
            yield from self._books.refuse(place, Cause.LEAVING, str(LEAVING))
            yield from self._books.stop(place, LEAVING, now)

    def _note_reconfigure(self, event: Reconfigure) -> Iterator[Command]:
        books, fleet = self._books, event.fleet
        # Compared with what runs, not with what was wanted last: a process
        # that an earlier reload gave up and a later one wants back is kept.
        old = {model: place.runs for model, place in books.places.items()}
        changes = plan(old, fleet.models)
        before, self.fleet = self.fleet, fleet
        for swap in list(books.swaps.values()):
            # What still makes room is judged anew, if the rules are new.
            target = swap.target
            is_same = fleet.evictions == before.evictions and target.rule == fleet.models.get(
                target.model
            )
            if target.state is not ModelState.STARTING and not is_same:
                books.drop_swap(target)
        books.adopt(fleet)
        for model in changes.add:
            books.open_place(model)
        for model in changes.keep:
            yield from books.keep(books.places[model])
        for model in changes.replace:
            books.give_up(books.places[model], REPLACED, event.ticket)
        for model in changes.remove:
            place = books.places[model]
            yield from books.refuse(place, Cause.UNKNOWN, "the model was removed")
            books.give_up(place, REMOVED, event.ticket)
        self._idle.watch_anew(books.places.values())
        gone_first = {model for model in changes.replace + changes.remove if model in books.places}
        yield from books.send(event.ticket, gone_first, None)

    def _note_drain_end(self, event: DrainEnded, now: float) -> Iterator[Command]:
        # Not an unload: who waits for a replaced model is served by the new process.
        outgoing = self._books.outgoing
        due = sorted(model for model, way in outgoing.items() if way.reload <= event.reload)
        for model in due:
            yield from self._books.stop(self._books.places[model], outgoing[model].reason, now)
        yield from self._books.send(event.ticket, set(due), None)

    def _answer(self, question: QueueAsked | ExplainAsked, now: float) -> Command:
        if isinstance(question, QueueAsked):
            return queue_view(self._books, question.ticket, now)
        told = explain(self._books, question.ticket, question.model, now)
        if self._leaving and told.model in self.fleet.models:
            return Explanation(told.ticket, told.model, Outcome.REFUSE, str(LEAVING), None)
        return told

    def _view(self, ticket: Ticket) -> View:
        places = sorted(self._books.places.items())
        return View(
            ticket,
            tuple(
                ModelView(model, place.state, len(place.serving), len(place.waiting))
                for model, place in places
            ),
        )

    # Deciding: once per batch, when everything is noted.

    def _decide(self, now: float) -> Iterator[Command]:
        self._wakeup = inf
        yield from self._see_off(now)
        yield from self._time_out(now)
        for swap in list(self._books.swaps.values()):
            yield from self._advance(swap, now)
        for place in self._idle.due(now):
            reason = Reason(Why.IDLE, seconds=place.rule.idle_after or 0.0)
            yield from self._books.stop(place, reason, now)
        yield from self._serve_queues(now)

    def _see_off(self, now: float) -> Iterator[Command]:
        for model in sorted(self._books.outgoing):
            place = self._books.places[model]
            if not place.serving:
                yield from self._books.stop(place, self._books.outgoing[model].reason, now)

    def _time_out(self, now: float) -> Iterator[Command]:
        limit = self.fleet.fairness.queue_timeout
        if limit is None:
            return
        if any(place.head[0] + limit <= now for place in self._books.queued.values()):
            for place, verdict, estimate in Forecast(self._books, now).fates:
                # Whoever can be served at the last moment is.
                if not isinstance(verdict, Serve) and not self._books.is_loaded_for(place):
                    why = verdict.reason if isinstance(verdict, Wait) else NEXT
                    allowed = f"it has waited for {limit:g} s, as long as queueTimeout allows"
                    again = UNKNOWN_LOAD if estimate is None else estimate
                    yield from self._books.time_out(place, limit, now, f"{allowed}: {why}", again)
        ends = (place.head[0] + limit for place in self._books.queued.values())
        # Whoever is late and still there is served in this step.
        self._wakeup = min((end for end in ends if end > now), default=inf)

    def _advance(self, swap: Swap, now: float) -> Iterator[Command]:
        """Take the next step of a swap; one that nobody waits for any more is none."""
        target = swap.target
        if not target.waiting:
            self._books.drop_swap(target)
        elif swap.leaving:
            return
        elif target.state is ModelState.STOPPED:
            yield from self._books.start(target, now)
        elif target.state is ModelState.READY:
            # Whoever has waited for a load is served, whatever has been asked
            # and started beside it in the meantime.
            self._books.drop_swap(target)
            yield from self._books.grant(target, LOADED, now)

    def _serve_queues(self, now: float) -> Iterator[Command]:
        """Look until nothing more can be done: what is done for one may free another's way.

        Thousands of queues are too much for one step. Then the rest is for the next one.
        """
        self._books.effort = 0
        self._is_unfinished = bool(self._books.queued)
        while self._is_unfinished:
            look = Look(self._books, now, self._most_effort)
            yield from self._take_turns(look, now)
            self._is_unfinished = look.was_cut or look.was_overtaken
            self._wakeup = min(self._wakeup, look.wakeup)
            self._books.effort += len(look.order)
            if look.was_cut or self._books.effort >= self._most_effort:
                break
        if self._is_unfinished:
            self._wakeup = now

    def _take_turns(self, look: Look, now: float) -> Iterator[Command]:
        """Decide once per model for everyone who waits for it."""
        for turn, place in enumerate(look.order):
            if look.is_weary(place):
                return
            came, _ = place.head
            verdict = look.judge(place, came, turn)
            match verdict:
                case Serve():
                    look.note_act(frees_nobody=bool(place.serving))
                    yield from self._books.grant(place, READY, now)
                case Begin(evict):
                    look.note_act()
                    yield from self._begin(place, evict, now)
                case Resume():
                    look.note_act()
                    self._books.promise(place, frozenset())
                case Wait():
                    look.heed(place, verdict, came)
                case Deny(cause, detail):
                    look.note_act()
                    yield from self._books.refuse(place, cause, detail)
                case _:
                    assert_never(verdict)

    def _begin(self, place: Place, evict: frozenset[ModelId], now: float) -> Iterator[Command]:
        swap = self._books.promise(place, evict)
        for victim in sorted(evict):
            reason = Reason(Why.ROOM, (place.model,), len(place.waiting))
            yield from self._books.stop(self._books.places[victim], reason, now)
        yield from self._advance(swap, now)
