"""The router's inbox: how the rest of the house asks for models.

An ask is an event and a place for its answer, which does less than a second memory
channel would: each request comes through here twice. Nobody shares anything else with
the router task.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, suppress
from itertools import count
from math import inf
from types import TracebackType
from typing import cast

import trio
from attrs import define, field, frozen

from llamaswap.errors import SwapError
from llamaswap.policy.messages import (
    DrainEnded,
    Event,
    ExplainAsked,
    Explanation,
    LeaseAsked,
    LeaseId,
    LeaseReturned,
    ModelView,
    QueueAsked,
    Reconfigure,
    Target,
    Ticket,
    UnloadAsked,
    ViewAsked,
    Waiting,
)
from llamaswap.policy.reasons import Reason
from llamaswap.policy.rules import Fleet, ModelId, Selection


def _not_stopped() -> None:
    """Know of no reason."""


@frozen
class Lease:
    """The right to use a ready model, and what it took to get it."""

    target: Target
    queued: float
    """Seconds that passed before the model was started, or was free to serve."""

    loading: float
    """Seconds of these that the model took from its start to readiness."""

    why_stopped: Callable[[], Reason | None] = field(default=_not_stopped, eq=False)
    """Says why we have told the model's process to end; ``None``: we have not, so that
    an answer that breaks off is the fault of its server."""


@frozen
class Specifications:
    """What runs: the specification that each process was started with."""

    by_model: Mapping[ModelId, object]


@frozen
class SpecificationsAsked:
    """Somebody wants to know what runs; the router itself knows, and answers `Specifications`."""


Answer = (
    Lease
    | SwapError
    | tuple[ModelView, ...]
    | tuple[Waiting, ...]
    | Explanation
    | Specifications
    | None
)


@define(eq=False)
class Reply:
    """The place for one answer, and whoever waits for it."""

    _answer: Answer = field(default=None, init=False)
    _given: trio.Event = field(factory=trio.Event, init=False)

    def give(self, answer: Answer) -> None:
        """Answer, whether anybody still waits for it or not."""
        self._answer = answer
        self._given.set()

    async def receive(self) -> Answer:
        """Wait for the answer.

        Raises:
          SwapError: it is one.
        """
        await self._given.wait()
        if isinstance(self._answer, SwapError):
            raise self._answer
        return self._answer


@frozen
class Envelope:
    """An event, and where its answer goes if it wants one."""

    event: Event | SpecificationsAsked
    ask: int = 0
    """The number that the answer will carry."""

    reply: Reply | None = None
    asked_at: float = 0.0


@define(eq=False)
class Inbox:
    """What the router has not yet read: a memory channel that is read in batches.

    Unbounded, because a lease must be able to go back without waiting; there are
    at most two envelopes per open request and three per process.
    """

    _outbox: trio.MemorySendChannel[Envelope] = field(init=False)
    _inbox: trio.MemoryReceiveChannel[Envelope] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._outbox, self._inbox = trio.open_memory_channel[Envelope](inf)

    def put(self, envelope: Envelope) -> None:
        """Put ``envelope`` in, behind the others. Never waits, so it cannot be cancelled.

        Raises:
          SwapError: nobody reads any more.
        """
        try:
            self._outbox.send_nowait(envelope)
        except trio.BrokenResourceError as exc:
            raise _ended() from exc

    async def take(self) -> list[Envelope]:
        """Wait until there is something, then take all of it, the oldest first."""
        return [await self._inbox.receive(), *self.take_nowait()]

    def take_nowait(self) -> list[Envelope]:
        """Take all there is, which may be nothing."""
        batch: list[Envelope] = []
        with suppress(trio.WouldBlock):
            while True:
                batch.append(self._inbox.receive_nowait())
        return batch

    def close(self) -> list[Envelope]:
        """Let nothing in any more, and return what nobody has read.

        What of it wants an answer, the caller answers with `refuse_all`.
        """
        unread = self.take_nowait()
        self._inbox.close()
        return unread


def refuse_all(envelopes: Iterable[Envelope]) -> None:
    """Tell all who wait for an answer that there will be none."""
    for envelope in envelopes:
        if envelope.reply is not None:
            envelope.reply.give(_ended())


def _ended() -> SwapError:
    return SwapError("the router has ended")


@define
class RouterClient:
    """All that the rest of the house holds of the router: its inbox."""

    _inbox: Inbox
    _numbers: Iterator[int] = field(factory=count, init=False)

    def lease(self, model: ModelId | Selection) -> AbstractAsyncContextManager[Lease]:
        """Hold ``model``, or one of several, ready until the block is left.

        Raises:
          StartError: it did not become ready.
          BusyError: it has as many requests as it may have.
          UnavailableError: it was unloaded meanwhile, the request has waited as
            long as it may, or the router leaves.
          UnknownModelError: it is not, or no longer, configured.
        """
        return _Hold(self, LeaseId(next(self._numbers)), model)

    def give_back(self, lease: LeaseId) -> None:
        """Say that ``lease`` is over, also one that was never granted. `lease` does it."""
        # What never waits cannot be cancelled: the router hears of the end of
        # every lease, those of hung-up clients included.
        with suppress(SwapError):
            self._inbox.put(Envelope(LeaseReturned(lease)))

    async def unload(self, models: frozenset[ModelId] | None = None) -> None:
        """Stop ``models``, or all, and wait until they are gone.

        Raises:
          SwapError: one of them survived being killed.
        """
        ticket = Ticket(next(self._numbers))
        await self._ask(UnloadAsked(ticket, models), ticket)

    async def view(self) -> tuple[ModelView, ...]:
        """Return all models with their states, sorted by id."""
        ticket = Ticket(next(self._numbers))
        return cast("tuple[ModelView, ...]", await self._ask(ViewAsked(ticket), ticket))

    async def queue(self) -> tuple[Waiting, ...]:
        """Return all requests that wait, those first that will be served first."""
        ticket = Ticket(next(self._numbers))
        return cast("tuple[Waiting, ...]", await self._ask(QueueAsked(ticket), ticket))

    async def explain(self, model: ModelId | Selection) -> Explanation:
        """Say what a request for ``model`` would do now."""
        ticket = Ticket(next(self._numbers))
        answer = await self._ask(ExplainAsked(ticket, model), ticket)
        assert isinstance(answer, Explanation)
        return answer

    async def specifications(self) -> Mapping[ModelId, object]:
        """Return, for each model with a process, what that was started with.

        After a reload that may be something else than is in force, until it is gone.
        """
        answer = await self._ask(SpecificationsAsked(), next(self._numbers))
        assert isinstance(answer, Specifications)
        return answer.by_model

    def reconfigure(self, fleet: Fleet) -> tuple[Ticket, Callable[[], Awaitable[object]]]:
        """Put ``fleet`` in force for everything that is asked from now on.

        Does not wait, so that nothing can come between this and what the
        caller changes beside it.

        Returns:
          The number for `end_drain`, and a function that waits until replaced and
          removed models are gone.
        """
        ticket = Ticket(next(self._numbers))
        return ticket, self.send(Reconfigure(ticket, fleet), ticket).receive

    async def end_drain(self, reload: Ticket) -> None:
        """Stop what a reload, or one before it, gave up and that still serves.

        Returns when it is gone.

        Raises:
          SwapError: one of them survived being killed.
        """
        ticket = Ticket(next(self._numbers))
        await self._ask(DrainEnded(ticket, reload), ticket)

    async def _ask(self, event: Event | SpecificationsAsked, number: int) -> Answer:
        return await self.send(event, number).receive()

    def send(self, event: Event | SpecificationsAsked, number: int) -> Reply:
        """Send an event that wants an answer."""
        reply = Reply()
        self._inbox.put(Envelope(event, number, reply, trio.current_time()))
        return reply


@frozen(eq=False)
class _Hold(AbstractAsyncContextManager[Lease]):
    """A lease, from the ask to the return.

    A class and no generator, which would be resumed through two functions of
    `contextlib`: this is part of every request.
    """

    _client: RouterClient
    _lease: LeaseId
    _model: ModelId | Selection

    async def __aenter__(self) -> Lease:
        try:
            answer = await self._client.send(
                LeaseAsked(self._lease, self._model), self._lease
            ).receive()
        except BaseException:
            self._client.give_back(self._lease)
            raise
        assert isinstance(answer, Lease)
        return answer

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._client.give_back(self._lease)
