"""The router's inbox: how the rest of the house asks for models.

An ask is an event and a place for its answer. Nobody shares anything else with
the router task. Both ways do less than a memory channel, whose ends can be cloned
and closed one by one: each request comes through here twice.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import AbstractAsyncContextManager, suppress
from itertools import count
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
from llamaswap.policy.rules import Fleet, ModelId, Selection


@frozen
class Lease:
    """The right to use a ready model, and what it took to get it."""

    target: Target
    queued: float
    """Seconds that passed before the model was started, or was free to serve."""

    loading: float
    """Seconds of these that the model took from its start to readiness."""


Answer = Lease | SwapError | tuple[ModelView, ...] | tuple[Waiting, ...] | Explanation | None


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

    event: Event
    ask: int = 0
    """The number that the answer will carry."""

    reply: Reply | None = None
    asked_at: float = 0.0


@define(eq=False)
class Inbox:
    """What the router has not yet read.

    Unbounded, because a lease must be able to go back without waiting; there are
    at most two envelopes per open request and three per process.
    """

    _envelopes: list[Envelope] = field(factory=list[Envelope], init=False)
    _news: trio.Event | None = field(default=None, init=False)
    """Exists while the router waits."""

    _is_closed: bool = field(default=False, init=False)

    def put(self, envelope: Envelope) -> None:
        """Put ``envelope`` in, behind the others. Never waits, so it cannot be cancelled.

        Raises:
          SwapError: nobody reads any more.
        """
        if self._is_closed:
            raise _ended()
        self._envelopes.append(envelope)
        if self._news is not None:
            self._news.set()

    async def take(self) -> list[Envelope]:
        """Wait until there is something, then take all of it, the oldest first."""
        if self._envelopes:
            # Whoever writes and reads in turn must let the others run.
            await trio.lowlevel.checkpoint()
        else:
            self._news = trio.Event()
            try:
                await self._news.wait()
            finally:
                self._news = None
        return self.take_nowait()

    def take_nowait(self) -> list[Envelope]:
        """Take all there is, which may be nothing."""
        envelopes, self._envelopes = self._envelopes, []
        return envelopes

    def close(self) -> list[Envelope]:
        """Let nothing in any more, and return what nobody has read.

        What of it wants an answer, the caller answers with `refuse_all`.
        """
        self._is_closed = True
        return self.take_nowait()


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

    async def _ask(self, event: Event, number: int) -> Answer:
        return await self.send(event, number).receive()

    def send(self, event: Event, number: int) -> Reply:
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
