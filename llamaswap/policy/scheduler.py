"""Decides who is served, who waits, what is swapped and what is idle.

Below the router, above nothing: no clock, no task, no log. The router feeds it
what happened and carries out what it answers. It owns the states of models:
it is told of processes and never asks them. Every event is only noted; what
follows is decided in one look at the end of the batch, so that A B C A B C
costs three loads and not six.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import assert_never

from attrs import define, field

from llamaswap.policy.books import Books, Place, Swap
from llamaswap.policy.messages import (
    Cause,
    Command,
    DrainEnded,
    Event,
    Fleet,
    Gone,
    LeaseAsked,
    LeaseReturned,
    ModelId,
    ModelRule,
    ModelState,
    ModelView,
    Ready,
    Reconfigure,
    Refuse,
    Settled,
    Shutdown,
    Stuck,
    Ticket,
    UnloadAsked,
    View,
    ViewAsked,
)
from llamaswap.policy.plan import plan


@define(eq=False)
class Scheduler:
    """The plan of one router. Give it every event, in batches; do what it says, in order."""

    fleet: Fleet
    _books: Books = field(init=False)
    _outgoing: dict[ModelId, tuple[str, Ticket]] = field(
        factory=dict[ModelId, tuple[str, Ticket]], init=False
    )
    """Models whose process a new configuration has given up, why, and the ticket of
    the first that did. They take nothing new, finish what they serve, and stop."""

    _leaving: bool = field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        self._books = Books(self.fleet)

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
        return commands

    @property
    def next_wakeup(self) -> float | None:
        """The moment of the next idle stop: give a batch then, empty or not."""
        return min((end for _, end in self._idle_ends()), default=None)

    @property
    def finished(self) -> bool:
        """Whether the program may leave: told to, and nothing runs that could be ended."""
        return self._leaving and all(
            place.state is ModelState.STOPPED or place.model in self._books.stuck
            for place in self._books.places.values()
        )

    # Taking in: what each event changes by itself.

    def _note(self, event: Event, now: float) -> Iterator[Command]:  # noqa: C901 - one branch per word
        match event:
            case LeaseAsked():
                yield from self._note_ask(event)
            case LeaseReturned(lease):
                self._books.take_back(lease, now)
            case Ready(model):
                self._note_ready(model, now)
            case Gone():
                yield from self._note_gone(event)
            case Stuck():
                yield from self._note_stuck(event)
            case UnloadAsked():
                yield from self._note_unload(event)
            case ViewAsked(ticket):
                yield self._view(ticket)
            case Reconfigure():
                yield from self._note_reconfigure(event)
            case DrainEnded():
                yield from self._note_drain_end(event)
            case Shutdown():
                yield from self._note_shutdown()
            case _:
                assert_never(event)

    def _note_ask(self, ask: LeaseAsked) -> Iterator[Command]:
        rule = self.fleet.models.get(ask.model)
        if rule is None:
            yield Refuse(ask.lease, ask.model, Cause.UNKNOWN, "nobody here serves this model")
            return
        place = self._books.places[ask.model]
        if self._leaving:
            yield Refuse(ask.lease, ask.model, Cause.LEAVING, "the program is leaving")
        elif len(place.waiting) + len(place.serving) >= rule.concurrency_limit:
            limit = f"{rule.concurrency_limit} requests wait for this model or use it already"
            yield Refuse(ask.lease, ask.model, Cause.BUSY, limit)
        else:
            self._books.queue(place, ask.lease)

    def _note_ready(self, model: ModelId, now: float) -> None:
        place = self._books.places.get(model)
        # Readiness may have been under way when the process was told to stop.
        if place is not None and place.state is ModelState.STARTING:
            place.state = ModelState.READY
            place.idle_since = now

    def _note_gone(self, event: Gone) -> Iterator[Command]:
        place = self._books.places.get(event.model)
        if place is None or place.state is ModelState.STOPPED:
            return
        if place.state is ModelState.STARTING:
            reason = event.reason or "it ended before it was ready"
            yield from self._books.refuse(place, Cause.START_FAILED, reason)
        self._outgoing.pop(event.model, None)
        yield from self._books.vacate(place)

    def _note_stuck(self, event: Stuck) -> Iterator[Command]:
        place = self._books.places.get(event.model)
        if place is None or place.state is ModelState.STOPPED:
            return
        place.state = ModelState.STOPPING
        self._books.stuck[event.model] = event.reason
        self._books.drop_swap(place)
        # The other models need not wait for what will not come. Should its
        # port be taken from now on, then the start that finds it so says so.
        self._outgoing.pop(event.model, None)
        yield from self._books.refuse(place, Cause.STUCK, event.reason)
        for swap in list(self._books.swaps.values()):
            if event.model in swap.leaving:
                self._books.drop_swap(swap.target)
                yield from self._books.refuse(swap.target, Cause.STUCK, event.reason)
        yield from self._books.release(place, event.reason)

    def _note_unload(self, ask: UnloadAsked) -> Iterator[Command]:
        known = self._books.places.keys()
        wanted = known if ask.models is None else ask.models
        for model in sorted(wanted & known):
            place = self._books.places[model]
            self._books.drop_swap(place)
            yield from self._books.refuse(place, Cause.UNLOADED, "the model was unloaded")
            yield from self._books.stop(place, "unloaded")
        unknown = ", ".join(sorted(wanted - known))
        problem = f"nobody here serves {unknown}" if unknown else None
        yield from self._books.send(ask.ticket, set(wanted & known), problem)

    def _note_shutdown(self) -> Iterator[Command]:
        self._leaving = True
        for model in sorted(self._books.places):
            place = self._books.places[model]
            self._books.drop_swap(place)
            yield from self._books.refuse(place, Cause.LEAVING, "the program is leaving")
            yield from self._books.stop(place, "the program is leaving")

    def _note_reconfigure(self, event: Reconfigure) -> Iterator[Command]:
        books, fleet = self._books, event.fleet
        # Compared with what runs, not with what was wanted last: a process
        # that an earlier reload gave up and a later one wants back is kept.
        old = {model: ModelRule(place.specification) for model, place in books.places.items()}
        changes = plan(old, fleet.models)
        self.fleet = fleet
        books.adopt(fleet)
        for swap in list(books.swaps.values()):
            # What still makes room is judged anew, by the new rules.
            if swap.target.state is not ModelState.STARTING:
                books.drop_swap(swap.target)
        for model in changes.add:
            books.places[model] = Place(model, fleet.models[model].specification)
        for model in changes.keep:
            yield from self._keep(books.places[model])
        for model in changes.replace:
            reason = "replaced by the new configuration"
            self._give_up(books.places[model], reason, event.ticket)
        for model in changes.remove:
            place = books.places[model]
            yield from books.refuse(place, Cause.UNKNOWN, "the model was removed")
            self._give_up(place, "removed from the configuration", event.ticket)
        gone_first = {model for model in changes.replace + changes.remove if model in books.places}
        yield from books.send(event.ticket, gone_first, None)

    def _note_drain_end(self, event: DrainEnded) -> Iterator[Command]:
        # Not an unload: who waits for a replaced model is served by the new process.
        outgoing = sorted(self._outgoing.items())
        due = {model: reason for model, (reason, since) in outgoing if since <= event.reload}
        for model, reason in due.items():
            yield from self._books.stop(self._books.places[model], reason)
        yield from self._books.send(event.ticket, set(due), None)

    def _keep(self, place: Place) -> Iterator[Settled]:
        given_up = self._outgoing.pop(place.model, None)
        if given_up is not None and place.state is not ModelState.STOPPING:
            yield from self._books.release(place)

    def _give_up(self, place: Place, reason: str, ticket: Ticket) -> None:
        rule = self.fleet.models.get(place.model)
        if place.state is not ModelState.STOPPED:
            if place.model not in self._books.stuck:
                _, since = self._outgoing.get(place.model, (reason, ticket))
                self._outgoing[place.model] = (reason, since)
        elif rule is None:
            del self._books.places[place.model]
        else:
            place.specification = rule.specification

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
        yield from self._see_off()
        for swap in list(self._books.swaps.values()):
            if swap.target.waiting:
                yield from self._advance(swap)
        for place in self._books.queues():
            yield from self._serve(place)
        for swap in list(self._books.swaps.values()):
            # Left over are those that nobody waits for any more. They go on
            # now that nobody has claimed their place.
            yield from self._advance(swap)
        for place in [place for place, end in self._idle_ends() if end <= now]:
            idle_after = self.fleet.models[place.model].idle_after
            yield from self._books.stop(place, f"idle for {idle_after:g} s")

    def _see_off(self) -> Iterator[Command]:
        for model, (reason, _) in sorted(self._outgoing.items()):
            place = self._books.places[model]
            if not place.serving:
                yield from self._books.stop(place, reason)

    def _advance(self, swap: Swap) -> Iterator[Command]:
        """Take the next step of a swap that has room."""
        if swap.leaving:
            return
        if swap.target.state is ModelState.STOPPED:
            yield from self._books.start(swap.target)
        elif swap.target.state is ModelState.READY:
            # Whoever has waited for a load is served, whatever has been asked
            # and started beside it in the meantime.
            self._books.drop_swap(swap.target)
            yield from self._books.grant(swap.target)

    def _serve(self, place: Place) -> Iterator[Command]:
        """Decide once for everyone who waits for ``place``."""
        if place.model in self._books.stuck:
            yield from self._books.refuse(place, Cause.STUCK, self._books.stuck[place.model])
            return
        promised = place.model in self._books.swaps
        if promised or place.model in self._outgoing or place.state is ModelState.STOPPING:
            return
        evict = self._clear_way(place)
        stuck = evict & self._books.stuck.keys()
        if stuck:
            yield from self._books.refuse(place, Cause.STUCK, self._books.stuck[min(stuck)])
        elif place.state is ModelState.READY and not evict:
            yield from self._books.grant(place)
        elif self._may_begin(place, evict):
            swap = self._books.promise(place, evict)
            for victim in sorted(evict):
                reason = f"makes room for {place.model}"
                yield from self._books.stop(self._books.places[victim], reason)
            yield from self._advance(swap)

    def _clear_way(self, place: Place) -> frozenset[ModelId]:
        """Drop swaps to make room that nobody waits for; return who is still in the way.

        A load that nobody waits for needs no more than this: it blocks nobody,
        and is stopped like an idle model.
        """
        while True:
            evict = self._books.evictions(place.model)
            idle = [
                swap.target
                for swap in self._books.swaps.values()
                if not swap.target.waiting
                and swap.target.state is not ModelState.STARTING
                and (swap.target.model in evict or place.model in swap.evict)
            ]
            if not idle:
                return evict
            for target in idle:
                self._books.drop_swap(target)

    def _may_begin(self, place: Place, evict: frozenset[ModelId]) -> bool:
        # The ports of processes that a reload gave up may belong to others
        # now. A later change narrows this to the ports concerned.
        if self._outgoing and place.state is ModelState.STOPPED:
            return False
        if not evict.isdisjoint(self._books.busy):
            return False
        return not any(
            swap.target.model in evict or place.model in swap.evict or evict & swap.evict
            for swap in self._books.swaps.values()
            if swap.target.waiting
        )

    def _idle_ends(self) -> list[tuple[Place, float]]:
        """Return the ready models that nobody uses, each with the end of its time; sorted by id."""
        ends: list[tuple[Place, float]] = []
        for place in self._books.runners():
            if place.state is not ModelState.READY or place.serving or place.waiting:
                continue
            rule = self.fleet.models.get(place.model)
            if rule is not None and rule.idle_after is not None:
                ends.append((place, place.idle_since + rule.idle_after))
        return ends
