"""The router task: events in, commands carried out.

The only task that talks to the scheduler. It takes whatever has arrived as one
batch, asks the scheduler, and carries out the commands; it never waits for a
process, a client or a disk. Everybody else holds a `RouterClient`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from functools import partial
from itertools import chain
from math import inf
from typing import Protocol, assert_never

import trio
from attrs import define, field, frozen

from llamaswap.errors import (
    BusyError,
    QueueTimeoutError,
    StartError,
    SwapError,
    UnavailableError,
    UnknownModelError,
)
from llamaswap.inbox import (
    Answer,
    Envelope,
    Inbox,
    Lease,
    RouterClient,
    Specifications,
    SpecificationsAsked,
    refuse_all,
)
from llamaswap.policy.messages import (
    Adopt,
    Cause,
    Command,
    Event,
    Explanation,
    Gone,
    Grant,
    Learned,
    LeaseAsked,
    LeaseId,
    LeaseReturned,
    Queue,
    Ready,
    Reconfigure,
    Refuse,
    Settled,
    Shutdown,
    Start,
    Stop,
    Stuck,
    Target,
    View,
)
from llamaswap.policy.pace import Pace
from llamaswap.policy.reasons import Reason
from llamaswap.policy.rules import Fleet, ModelId
from llamaswap.policy.scheduler import Scheduler
from llamaswap.relay.client import Pool
from llamaswap.relay.exchange import probe
from llamaswap.upstream.process import UpstreamSpec, WaitGone, run_upstream
from llamaswap.upstream.readiness import HealthCheck
from llamaswap.upstream.supervision import InForce, Supervision

logger: logging.Logger = logging.getLogger(__name__)

_CHANGING = frozenset({Ready, Gone, Stuck, Reconfigure, Start, Stop})
"""The events and commands after which the states of models are not what they were."""


def _ignore(*_news: object) -> None:
    """Listen to nothing."""


@frozen
class Listeners:
    """Whom the router tells what happens; none of them may wait or raise."""

    output: Callable[[ModelId, bytes], object] = _ignore
    """Told what each process prints, raw."""

    learned: Callable[[ModelId, float | None, float | None], object] = _ignore
    """Told a model's usual load and stop in seconds, when they have changed."""

    changed: Callable[[], object] = _ignore
    """Told once after each batch in which a state or the fleet has changed;
    `RouterClient.view` says what it is now."""


class RunUpstream(Protocol):
    """The signature of `run_upstream`; tests bring model servers of their own."""

    async def __call__(
        self,
        spec: UpstreamSpec,
        in_force: InForce,
        is_healthy: HealthCheck | None,
        on_output: Callable[[bytes], object],
        *,
        on_ready: Callable[[int], object],
        on_stuck: Callable[[str, WaitGone], object],
    ) -> str:
        """Run one process; see `run_upstream`."""
        ...


@frozen
class ModelSpec:
    """What it takes to run one model and to know that it is ready."""

    upstream: UpstreamSpec
    target: Target
    supervision: Supervision = field(factory=Supervision)
    check_path: str | None = None
    """Path whose answer 200 means ready; ``None``: ready as soon as it runs."""

    @property
    def process(self) -> object:
        """The part that cannot change while the process runs."""
        return self.upstream, self.target


@define(eq=False)
class _Upstream:
    """One process that was started and is not yet gone."""

    spec: ModelSpec
    in_force: InForce
    scope: trio.CancelScope = field(factory=trio.CancelScope, init=False)
    began: float = field(factory=trio.current_time, init=False)
    ready: float = field(default=inf, init=False)
    stopping: Reason | None = field(default=None, init=False)
    wait_gone: WaitGone | None = field(default=None, init=False)
    """Of one that survived being killed."""


@define(eq=False)
class Router:
    """Carries out what the scheduler decides.

    Everything here runs in one task, but for `_run`, which is one task per process:
    it writes to the inbox, and notes how to wait for a process that is stuck.
    """

    _scheduler: Scheduler
    _pool: Pool
    _listeners: Listeners
    _run_upstream: RunUpstream
    _nursery: trio.Nursery
    _inbox: Inbox
    _asks: dict[int, Envelope] = field(factory=dict[int, Envelope], init=False)
    """Those that wait for an answer."""

    _upstreams: dict[ModelId, _Upstream] = field(factory=dict[ModelId, _Upstream], init=False)

    async def route(self) -> None:
        """Serve events until `Shutdown` has come and every process is gone."""
        while not self._scheduler.finished:
            batch = await self._receive_batch()
            for envelope in batch:
                self._book(envelope)
            events = [e.event for e in batch if not isinstance(e.event, SpecificationsAsked)]
            now = trio.current_time()
            commands = self._scheduler.handle(events, now)
            for command in commands:
                self._carry_out(command, now)
            self._tell_what_runs(batch)
            if not _CHANGING.isdisjoint(map(type, chain(events, commands))):
                self._listeners.changed()

    def note(self, event: Event) -> None:
        """Write ``event``, which wants no answer, to our own inbox."""
        with suppress(SwapError):
            self._inbox.put(Envelope(event))

    def close(self) -> None:
        """End every wait for an answer: who still asks hears that the router has ended."""
        for envelope in self._inbox.close():
            self._book(envelope)
        refuse_all(self._asks.values())

    async def _receive_batch(self) -> list[Envelope]:
        """Wait for an event or the scheduler's next wish; take all that has arrived."""
        wakeup = self._scheduler.next_wakeup
        if wakeup is None:
            return await self._inbox.take()
        with trio.move_on_at(wakeup):
            return await self._inbox.take()
        return self._inbox.take_nowait()

    def _book(self, envelope: Envelope) -> None:
        """Remember who wants an answer; forget who has left; log what came unasked."""
        if envelope.reply is not None:
            self._asks[envelope.ask] = envelope
        match envelope.event:
            case LeaseAsked():
                pass  # most events are these two
            case LeaseReturned(lease):
                self._asks.pop(lease, None)
            case Ready(model):
                upstream = self._upstreams[model]
                upstream.ready = trio.current_time()
                logger.info("%s: ready after %.2f s", model, upstream.ready - upstream.began)
            case Gone(model, reason):
                self._forget(model, reason)
            case Stuck(model, reason):
                logger.error("%s: %s; its place stays occupied", model, reason)
            case _:
                pass

    def _forget(self, model: ModelId, reason: str | None) -> None:
        upstream = self._upstreams.pop(model)
        self._pool.forget(upstream.spec.target)
        if upstream.stopping is not None:
            logger.info("%s: stopped (%s)", model, upstream.stopping)
        else:
            logger.warning("%s: %s", model, reason)

    def _carry_out(self, command: Command, now: float) -> None:
        match command:
            case Grant(lease, model):
                self._grant(lease, self._upstreams[model], now)
            case Refuse(lease):
                self._answer(lease, _refusal(command))
            case Start(model, specification, reason):
                assert isinstance(specification, ModelSpec)
                logger.info("%s: starting (%s)", model, reason)
                upstream = _Upstream(specification, InForce(specification.supervision))
                self._upstreams[model] = upstream
                self._nursery.start_soon(self._run, model, upstream)
            case Stop(model, reason):
                self._stop(model, reason)
            case Adopt(model, specification):
                self._adopt(model, specification)
            case Settled(ticket, problem):
                self._answer(ticket, None if problem is None else SwapError(problem))
            case View(ticket, told) | Queue(ticket, told):
                self._answer(ticket, told)
            case Explanation(ticket):
                self._answer(ticket, command)
            case Learned(model, load, stop):
                self._listeners.learned(model, load, stop)
            case _:
                assert_never(command)

    def _tell_what_runs(self, batch: Iterable[Envelope]) -> None:
        for envelope in batch:
            if isinstance(envelope.event, SpecificationsAsked):
                specifications = {model: u.spec for model, u in self._upstreams.items()}
                self._answer(envelope.ask, Specifications(specifications))

    # The process that a command is about may have ended in the batch that it answers.

    def _adopt(self, model: ModelId, specification: object) -> None:
        assert isinstance(specification, ModelSpec)
        upstream = self._upstreams.get(model)
        if upstream is not None:
            upstream.spec = specification
            upstream.in_force.replace(specification.supervision)

    def _stop(self, model: ModelId, reason: Reason) -> None:
        upstream = self._upstreams.get(model)
        if upstream is not None:
            logger.info("%s: stopping (%s)", model, reason)
            upstream.stopping = reason
            upstream.scope.cancel()

    # Answers.

    def _grant(self, lease: LeaseId, upstream: _Upstream, now: float) -> None:
        asked = self._asks[lease].asked_at
        loading = max(upstream.ready - max(upstream.began, asked), 0.0)
        target, queued = upstream.spec.target, now - asked - loading
        self._answer(lease, Lease(target, queued, loading, lambda: upstream.stopping))

    def _answer(self, ask: int, answer: Answer) -> None:
        envelope = self._asks.pop(ask, None)
        if envelope is not None and envelope.reply is not None:
            envelope.reply.give(answer)

    async def _run(self, model: ModelId, upstream: _Upstream) -> None:
        """Run one process; whatever becomes of it, report it as one `Gone`."""
        spec = upstream.spec
        reason: str | None = None

        async def is_healthy() -> bool:
            path = upstream.spec.check_path
            return path is None or await probe(self._pool, spec.target, path)

        def note_stuck(why: str, wait_gone: WaitGone) -> None:
            upstream.wait_gone = wait_gone
            self.note(Stuck(model, why))

        try:
            with upstream.scope:
                reason = await self._run_upstream(
                    spec.upstream,
                    upstream.in_force,
                    None if spec.check_path is None else is_healthy,
                    partial(self._listeners.output, model),
                    on_ready=lambda _: self.note(Ready(model)),
                    on_stuck=note_stuck,
                )
            # What survived being killed keeps its place until it is gone.
            if upstream.wait_gone is not None:
                await upstream.wait_gone()
        except StartError as exc:
            reason = str(exc)
        except Exception:
            # No fault of one upstream, ours included, may reach another.
            logger.exception("%s: failed in a way that llamaswap did not foresee", model)
            reason = "failed in a way that llamaswap did not foresee; see its log"
        self.note(Gone(model, reason))


def _refusal(command: Refuse) -> SwapError:
    """Say to the client what the scheduler decided."""
    model, detail = command.model, command.detail
    match command.cause:
        case Cause.BUSY:
            return BusyError("Too many requests")
        case Cause.UNKNOWN:
            return UnknownModelError(f"the model {model!r} is not configured any more")
        case Cause.START_FAILED:
            return StartError(f"the model {model!r} could not be started: {detail}")
        case cause:
            kind = QueueTimeoutError if cause is Cause.TIMED_OUT else UnavailableError
            error = kind(_UNAVAILABLE[cause].format(model=model, detail=detail))
            error.retry_after = command.retry_after
            return error


_UNAVAILABLE = {
    Cause.UNLOADED: "the model {model!r} was unloaded; ask again to load it",
    Cause.LEAVING: "llama-swap is shutting down",
    Cause.STUCK: "the model {model!r} cannot be served now: {detail}",
    Cause.TIMED_OUT: "the model {model!r} could not be served in time: {detail}",
}


async def run_router(
    leaving: trio.Event,
    fleet: Fleet,
    pool: Pool,
    listeners: Listeners,
    run: RunUpstream = run_upstream,
    known: Mapping[ModelId, Pace] | None = None,
    *,
    task_status: trio.TaskStatus[RouterClient] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Route until ``leaving`` is set; then stop every model and return.

    Args:
      fleet: what may run, and together with what.
      pool: connections for the health checks.
      listeners: whom to tell what happens.
      run: how a process is run.
      known: the usual times of the models, from an earlier run.
    """
    inbox = Inbox()
    async with trio.open_nursery() as nursery:
        scheduler = Scheduler(fleet, known or {})
        router = Router(scheduler, pool, listeners, run, nursery, inbox)

        async def tell_leaving() -> None:
            await leaving.wait()
            router.note(Shutdown())

        nursery.start_soon(tell_leaving)
        task_status.started(RouterClient(inbox))
        try:
            await router.route()
        finally:
            router.close()
        nursery.cancel_scope.cancel()
