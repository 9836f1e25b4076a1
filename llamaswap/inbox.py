"""The router's inbox: how the rest of the house asks for models.

An ask is an event and a place for its answer. Nobody shares anything else with
the router task.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from functools import partial
from itertools import count
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


@frozen
class Envelope:
    """An event, and where its answer goes if it wants one."""

    event: Event | SpecificationsAsked
    ask: int = 0
    """The number that the answer will carry."""

    reply: trio.MemorySendChannel[Answer] | None = None
    asked_at: float = 0.0


@define
class RouterClient:
    """All that the rest of the house holds of the router: its inbox."""

    _inbox: trio.MemorySendChannel[Envelope]
    _numbers: Iterator[int] = field(factory=count, init=False)

    @asynccontextmanager
    async def lease(self, model: ModelId | Selection) -> AsyncGenerator[Lease, None]:
        """Hold ``model``, or one of several, ready until the block is left.

        Raises:
          StartError: it did not become ready.
          BusyError: it has as many requests as it may have.
          UnavailableError: it was unloaded meanwhile, the request has waited as
            long as it may, or the router leaves.
          UnknownModelError: it is not, or no longer, configured.
        """
        lease = LeaseId(next(self._numbers))
        try:
            answer = await self._ask(LeaseAsked(lease, model), lease)
            assert isinstance(answer, Lease)
            yield answer
        finally:
            # A send that never waits cannot be cancelled: the router hears of
            # the end of every lease, those of hung-up clients included.
            with suppress(trio.BrokenResourceError):
                self._inbox.send_nowait(Envelope(LeaseReturned(lease)))

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
        return ticket, partial(_receive, self._send(Reconfigure(ticket, fleet), ticket))

    async def end_drain(self, reload: Ticket) -> None:
        """Stop what a reload, or one before it, gave up and that still serves.

        Returns when it is gone.

        Raises:
          SwapError: one of them survived being killed.
        """
        ticket = Ticket(next(self._numbers))
        await self._ask(DrainEnded(ticket, reload), ticket)

    async def _ask(self, event: Event | SpecificationsAsked, number: int) -> Answer:
        return await _receive(self._send(event, number))

    def _send(
        self, event: Event | SpecificationsAsked, number: int
    ) -> trio.MemoryReceiveChannel[Answer]:
        # Room for the one answer there can be.
        reply, answer = trio.open_memory_channel[Answer](1)
        try:
            self._inbox.send_nowait(Envelope(event, number, reply, trio.current_time()))
        except trio.BrokenResourceError as exc:
            raise SwapError("the router has ended") from exc
        return answer


async def _receive(channel: trio.MemoryReceiveChannel[Answer]) -> Answer:
    try:
        answer = await channel.receive()
    except trio.EndOfChannel as exc:
        raise SwapError("the router has ended") from exc
    if isinstance(answer, SwapError):
        raise answer
    return answer
