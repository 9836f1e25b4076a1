"""Reloads: one task puts them in force, one after the other.

Whoever wants one (a signal, the watcher, the web, an embedding program) holds a
`Reloader`. Wishes for what stands in the files now are one wish until somebody
begins to read: so those that come during the reading lead to exactly one more. A
new configuration does not wait until what an earlier one has replaced is gone.
A fault changes nothing but `Front.faults`, where it stays until it is mended.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from functools import partial
from typing import TypeAlias, TypeVar, cast

import trio
from attrs import define, evolve, field, frozen

from llamaswap.config.load import Attempt
from llamaswap.config.schema import Config
from llamaswap.config.soundness import misfits
from llamaswap.errors import ConfigError, Fault, SwapError
from llamaswap.fleet import fleet_of, usable
from llamaswap.planning import foresee, keep_ports, steps_to
from llamaswap.policy.messages import Ticket
from llamaswap.policy.plan import Change, Plan
from llamaswap.policy.rules import Fleet, ModelId
from llamaswap.preloads import Preloads
from llamaswap.web.front import Front, Snapshot

logger: logging.Logger = logging.getLogger(__name__)

T = TypeVar("T")

Loader: TypeAlias = Callable[[], Attempt]
"""Reads the configuration again; may block, and raises nothing."""


def _ignore(*_news: object) -> None:
    """Listen to nothing."""


@frozen
class ReloadListeners:
    """Whom reloads tell how they go; none of them may wait or raise."""

    began: Callable[[], object] = _ignore
    """Told when a configuration is about to be read, or put in force."""

    over: Callable[[Front], object] = _ignore
    """Told when it is in force, or cannot be."""


NOBODY = ReloadListeners()

_ENDED = "the router has ended"
_UNFORESEEN = "putting it in force failed in a way that llamaswap did not foresee; see its log"


@define(eq=False)
class _Wish:
    """A reload that somebody waits for."""

    config: Config | None = None
    """``None``: what stands in the files by then."""

    has_begun: bool = field(default=False, init=False)
    is_tried: trio.Event = field(factory=trio.Event, init=False)
    """Set when the configuration is in force, or cannot be."""

    _is_over: trio.Event = field(factory=trio.Event, init=False)
    _outcome: Plan | SwapError = field(init=False)

    def settle(self, outcome: Plan | SwapError) -> None:
        """Tell all who wait how it went."""
        self._outcome = outcome
        self.is_tried.set()
        self._is_over.set()

    async def outcome(self) -> Plan:
        """Wait for the end of the reload; raise what it failed with."""
        await self._is_over.wait()
        if isinstance(self._outcome, SwapError):
            raise self._outcome
        return self._outcome


@frozen(eq=False)
class _Drain:
    """What a reload has given up: it may still serve."""

    ticket: Ticket
    steps: Plan
    before: Config
    """What was in force until then."""

    settled: Callable[[], Awaitable[object]]


@define(eq=False)
class Reloader:
    """Asks for reloads: all that the rest of the house holds of their task."""

    _inbox: trio.MemorySendChannel[_Wish]
    _reloads: _Reloads
    _next: _Wish | None = field(default=None, init=False)
    """The wish for what stands in the files, until it has begun."""

    @property
    def tried(self) -> str:
        """Digest of the files that were last loaded, or could not be; see `Config.digest`."""
        return self._reloads.tried

    async def reload(self) -> Plan:
        """Read the configuration again; return when it is in force and the old one gone.

        Who asks while another one waits for the same shares its outcome.

        Raises:
          ConfigError: it cannot be used; the old one stays.
          SwapError: it is in force, but a process survived being killed; or the
            router has ended.
        """
        return await self._wish().outcome()

    async def attempt(self) -> None:
        """Read the configuration again; return when it is in force, or cannot be.

        What it replaces may still serve then. The log says how all of it went.

        Raises:
          SwapError: the router has ended.
        """
        await self._wish().is_tried.wait()

    async def put(self, config: Config) -> Plan:
        """Put ``config`` in force; for the rest see `reload`."""
        if cast("object", config) is None:
            # It would mean the files, and there may be none.
            raise ConfigError(misfits(config))
        return await self._send(_Wish(config)).outcome()

    async def foresee(self, config: Config | None = None) -> tuple[Change, ...]:
        """Say what putting ``config`` in force now would do to each model; changes nothing.

        ``None`` means what stands in the files.

        Raises:
          ConfigError: it cannot be used.
          SwapError: the router has ended.
        """
        return await self._reloads.foresee(config)

    def in_use(self) -> tuple[Config, ...]:
        """Return the configuration in force, and those of which processes may still run."""
        return self._reloads.in_use()

    def _wish(self) -> _Wish:
        if self._next is None or self._next.has_begun:
            self._next = self._send(_Wish())
        return self._next

    def _send(self, wish: _Wish) -> _Wish:
        try:
            self._inbox.send_nowait(wish)
        except trio.BrokenResourceError as exc:
            raise SwapError(_ENDED) from exc
        return wish


async def run_reloads(
    leaving: trio.Event,
    front: Front,
    drain: float,
    load: Loader | None = None,
    preloads: Preloads | None = None,
    listeners: ReloadListeners = NOBODY,
    *,
    task_status: trio.TaskStatus[Reloader] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Carry out reloads, one after the other, until ``leaving`` is set.

    Args:
      leaving: those that wait then, or are under way, are cut off.
      front: its snapshot is swapped, and its ``faults`` are kept.
      drain: seconds that replaced and removed models may go on serving.
      load: reads the configuration; ``None``: whoever opened the house gives it.
      preloads: told what has changed; ``None``: nothing is preloaded.
      listeners: whom to tell how reloads go.
    """
    # No sender may wait: a signal's cannot. One wish for the files waits at most,
    # and one for each task of an embedding program that waits for its end.
    send, wishes = trio.open_memory_channel[_Wish](math.inf)
    reloads = _Reloads(front, drain, load, preloads, listeners, front.snapshot.config.digest)
    reloader = Reloader(send, reloads)
    if load is not None:
        front.reloader = reloader

    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(reloads.carry_out, wishes, nursery)
            task_status.started(reloader)
            await leaving.wait()
            nursery.cancel_scope.cancel()
    finally:
        with suppress(trio.WouldBlock):
            while True:
                wishes.receive_nowait().settle(SwapError(_ENDED))
        wishes.close()


@define(eq=False)
class _Reloads:
    """Carries out reloads, and knows which earlier configurations may still run."""

    _front: Front
    _drain_time: float
    _load: Loader | None
    _preloads: Preloads | None
    _listeners: ReloadListeners
    tried: str
    _drains: list[_Drain] = field(factory=list[_Drain], init=False)
    """Those that are not over, oldest first."""

    async def carry_out(
        self, wishes: trio.MemoryReceiveChannel[_Wish], nursery: trio.Nursery
    ) -> None:
        """Put in force what is wished for; a task of its own waits for what that replaces."""
        async for wish in wishes:
            wish.has_begun = True
            # However this ends: nobody waits for a reload that was cut off.
            began: _Drain | SwapError = SwapError(_ENDED)
            try:
                began = await self._try_out(wish.config)
            finally:
                if isinstance(began, SwapError):
                    wish.settle(began)
            if isinstance(began, _Drain):
                wish.is_tried.set()
                nursery.start_soon(self._finish, wish, began)

    async def foresee(self, config: Config | None) -> tuple[Change, ...]:
        """Do what `Reloader.foresee` says."""
        if config is None:
            config = (await _attempt(self._load)).loaded()
        config = await do_aside(partial(usable, config))
        running = await self._front.router.specifications()
        before, drains = self._front.snapshot.config, tuple(self._drains)

        def foreseen() -> tuple[Change, ...]:
            return foresee(before, _with_ports(before, drains, config), running)

        return await do_aside(foreseen)

    def in_use(self) -> tuple[Config, ...]:
        """Do what `Reloader.in_use` says."""
        return (self._front.snapshot.config, *(drain.before for drain in self._drains))

    async def _finish(self, wish: _Wish, drain: _Drain) -> None:
        """Wait until what ``drain`` has given up is gone, and tell who waits for that."""
        outcome: Plan | SwapError = SwapError(_ENDED)
        try:
            outcome = await self._outcome_of(drain)
        finally:
            wish.settle(outcome)

    async def _outcome_of(self, drain: _Drain) -> Plan | SwapError:
        outcome: Plan | SwapError = drain.steps
        try:
            await self._see_off(drain)
        except SwapError as exc:
            # What cannot be killed is the asker's to hear, and the log's.
            logger.warning("reload: the new configuration is in force, but: %s", exc)
            outcome = exc
        # Where this is cut off, its processes still run and need their time to stop.
        self._drains.remove(drain)
        return outcome

    async def _try_out(self, config: Config | None) -> _Drain | SwapError:
        """Do what `_put_in_force` does, and tell of it."""
        self._listeners.began()
        began = await self._put_in_force(config)
        self._listeners.over(self._front)
        return began

    async def _put_in_force(self, config: Config | None) -> _Drain | SwapError:
        """Put ``config``, or what stands in the files, in force; it cannot be: say why."""
        try:
            new = await self._read() if config is None else config
            new = await do_aside(partial(usable, new, is_loaded=config is None))
            return await self._adopt(new)
        except ConfigError as exc:
            refused = exc
        except SwapError as exc:
            # The router has ended, and with it whatever could be reloaded.
            return exc
        except Exception:
            # Whatever stands in a file, it must not end what is served.
            logger.exception("reload: failed in a way that llamaswap did not foresee")
            refused = ConfigError((Fault("", _UNFORESEEN),))
        self._front.faults = refused.faults
        logger.warning("reload: the old configuration stays, because of: %s", refused)
        return refused

    async def _read(self) -> Config:
        attempt = await _attempt(self._load)
        self.tried = attempt.digest
        config = attempt.loaded()
        warn_of(config)
        return config

    async def _adopt(self, config: Config) -> _Drain:
        front, before, drains = self._front, self._front.snapshot.config, tuple(self._drains)
        running = await front.router.specifications()

        def worked_out() -> tuple[Snapshot, Plan, Fleet]:
            new = _with_ports(before, drains, config)
            return Snapshot.of(new), steps_to(before, new, running), fleet_of(new)

        snapshot, steps, fleet = await do_aside(worked_out)
        logger.info(
            "reload: %d kept, %d replaced, %d removed, %d added",
            *(len(models) for models in (steps.keep, steps.replace, steps.remove, steps.add)),
        )
        # Nothing may come between these lines: a request sees the names of the
        # configuration that the router will serve it by.
        ticket, settled = front.router.reconfigure(fleet)
        front.snapshot = snapshot
        front.faults = None
        if self._preloads is not None:
            self._preloads.follow(before, steps)
        drain = _Drain(ticket, steps, before, settled)
        self._drains.append(drain)
        return drain

    async def _see_off(self, drain: _Drain) -> None:
        with trio.move_on_after(self._drain_time):
            await drain.settled()
            return
        logger.warning("reload: cutting what is still served after %g s", self._drain_time)
        await self._front.router.end_drain(drain.ticket)


def _with_ports(before: Config, drains: Iterable[_Drain], config: Config) -> Config:
    """Return ``config`` with the ports that it gets after ``before``."""
    return keep_ports(_as_it_may_run(before, drains), config)


def _as_it_may_run(config: Config, drains: Iterable[_Drain]) -> Config:
    """Return ``config``, and beside it what earlier ones have given up, for its ports.

    What was removed stands under its name, so that it can come back as it runs;
    what has moved to another port, under a name that nobody has.
    """
    models = dict(config.models)
    for drain in drains:
        for model in (*drain.steps.replace, *drain.steps.remove):
            entry = drain.before.models.get(model)
            # Of one that an even earlier reload has given up, that one's drain tells.
            if entry is not None and models.setdefault(model, entry).port != entry.port:
                models[ModelId(f"{model}\0{entry.port}")] = entry
    return evolve(config, models=models)


async def _attempt(load: Loader | None) -> Attempt:
    assert load is not None, "only who gave a loader is given its reloader"
    return await do_aside(load)


async def do_aside(work: Callable[[], T]) -> T:
    """Do what takes a while in a thread, so that no stream waits for it."""
    return await trio.to_thread.run_sync(work, abandon_on_cancel=True)


def warn_of(config: Config) -> None:
    """Say what is odd in a configuration and keeps nobody from serving it."""
    for fault in config.warnings:
        logger.warning("configuration: %s", fault)
