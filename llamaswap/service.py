"""The nursery tree, and the router that an embedding program holds.

The one place where the program can be seen whole. What is opened last leaves
first: the front end finishes its requests, then the router stops the models,
then the log is let go.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from contextlib import aclosing, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Protocol, TypeVar, TypeVarTuple

import trio
from attrs import define

from llamaswap.broadcast import Broadcast
from llamaswap.config.schema import Config
from llamaswap.errors import UnknownModelError
from llamaswap.fleet import fleet_of, usable
from llamaswap.observe.logs import LogBook, run_log_keeping
from llamaswap.observe.times import Times, run_time_keeping
from llamaswap.policy.messages import ModelView, Target
from llamaswap.policy.plan import Plan
from llamaswap.policy.rules import ModelId
from llamaswap.preloads import Preloads, run_preloads
from llamaswap.relay.client import Pool
from llamaswap.reload import NOBODY, Loader, Reloader, ReloadListeners, run_reloads
from llamaswap.router import Listeners, run_router
from llamaswap.upstream.process import run_upstream
from llamaswap.web.app import App
from llamaswap.web.front import Front, Snapshot
from llamaswap.web.server import open_listeners, serve, urls_of
from llamaswap.web.tls import TlsFiles, secured, tls_context

T_co = TypeVar("T_co", covariant=True)
T = TypeVar("T")
Args = TypeVarTuple("Args")

STOP_MARGIN = 15.0
"""Seconds beyond the longest stop that the router may take before it is
cancelled: SIGKILL, its bounded waits and the sweep all fit in."""


class Service(Protocol[*Args, T_co]):
    """A layer of the program: runs until ``leaving`` is set and its work is done."""

    async def __call__(
        self, leaving: trio.Event, /, *args: *Args, task_status: trio.TaskStatus[T_co]
    ) -> object:
        """Report ready once; return when everything it holds is given back."""
        ...


@asynccontextmanager
async def open_layer(
    service: Service[*Args, T], *args: *Args, grace: float | Callable[[], float]
) -> AsyncGenerator[T, None]:
    """Run ``service`` beneath the body, and end it only after the body has left.

    Args:
      service: started at once with an event that is set when the body has
        left, and ``args``; the body begins when it reports ready.
      grace: seconds the service may then take to finish by itself. After
        that it is cancelled. A function is asked when the body has left.

    Yields:
      What the service passed to ``task_status.started()``.

    Raises:
      What the body or the start of the service raised, by itself. A service
      that breaks later cancels the body and comes as a group, together with
      what the body raised then.
    """
    leaving = trio.Event()
    scope = trio.CancelScope()
    failure: Exception | None = None

    async def guarded(*, task_status: trio.TaskStatus[T]) -> None:
        with scope:
            await service(leaving, *args, task_status=task_status)

    try:
        async with trio.open_nursery() as nursery:
            try:
                value = await nursery.start(guarded)
                # Trio cancels a whole tree at once. The body still needs this
                # layer while it cleans up, so from here on only we may cancel it.
                scope.shield = True
                yield value
            except Exception as exc:  # noqa: BLE001 - raised below, without a group around it
                failure = exc
            finally:
                leaving.set()
                seconds = grace() if callable(grace) else grace
                scope.deadline = trio.current_time() + seconds
    except ExceptionGroup as group:
        if failure is None:
            raise
        # The service broke, and so did the body while it was cancelled for that.
        raise group.derive((*group.exceptions, failure)) from None
    if failure is not None:
        raise failure


@define(eq=False)
class SwapRouter:
    """An open router; made by `open_swap_router`."""

    urls: tuple[str, ...]
    """Where it listens; empty if no socket was asked for."""

    app: App
    """The same as an ASGI application, for any server that runs on Trio."""

    _front: Front
    _reloads: Reloader

    @asynccontextmanager
    async def lease(self, model: str) -> AsyncGenerator[Target, None]:
        """Hold ``model`` ready until the block is left.

        Args:
          model: an id, an alias or a selector, or what the active profile pins.

        Raises:
          UnknownModelError: nobody is called that.
          StartError: it did not become ready.
          BusyError: it has as many requests as it may have.
          UnavailableError: it was unloaded meanwhile.
        """
        meaning = self._front.names.meaning(model)
        if meaning is None:
            raise _unknown(model)
        async with self._front.router.lease(meaning.wanted) as lease:
            yield lease.target

    async def running(self) -> tuple[ModelView, ...]:
        """Return all models with their states, sorted by id."""
        return await self._front.router.view()

    async def unload(self, model: str | None = None) -> None:
        """Stop ``model``, or all, and wait until they are gone."""
        models = None if model is None else frozenset({self._resolve(model)})
        await self._front.router.unload(models)

    async def reload(self, config: Config) -> Plan:
        """Put ``config`` in force; return when replaced and removed models are gone.

        Models whose process would be the same keep it; the others finish what
        they serve, but no longer than the drain time.

        Raises:
          ConfigError: it has keys without behaviour yet; nothing has changed.
          SwapError: it is in force, but a process survived being killed; or the
            router has ended.

        Cancellation:
          Nobody waits for it any more; it is carried out all the same.
        """
        return await self._reloads.put(config)

    def _resolve(self, name: str) -> ModelId:
        model = self._front.snapshot.names.resolve(name)
        if model is None:
            raise _unknown(name)
        return model


def _unknown(name: str) -> UnknownModelError:
    return UnknownModelError(f"no model is called {name!r}")


@asynccontextmanager
async def open_swap_router(
    config: Config,
    *,
    listen: str | Sequence[str] | None = "127.0.0.1:8080",
    tls: TlsFiles | None = None,
    drain: float = 30,
    state: Path | None = None,
) -> AsyncGenerator[SwapRouter, None]:
    """Serve the models of ``config`` until the block is left.

    Args:
      config: made by `llamaswap.load_config` or in Python.
      listen: ``host:port``, or several; port 0 picks a free one, see
        `SwapRouter.urls`. ``None`` opens no socket; use `SwapRouter.app` as an
        ASGI application.
      tls: certificate and key; ``None``: plain HTTP.
      drain: seconds that open requests have to finish, when the block is left
        and when a reload replaces a model.
      state: file in which the models' usual load times are kept across restarts;
        ``None``: nothing is written.

    Raises:
      ListenError: an address is taken or not ours, or the certificate is bad.
      ConfigError: the configuration has keys without behaviour yet.

    Leaving the block:
      New requests are refused, open ones get ``drain`` seconds, then model
      servers are stopped and waited for. Nothing is left running, also when
      the block is left by an exception or a cancellation.
    """
    house = open_house(config, listen=listen, tls=tls, drain=drain, state=state)
    async with house as (swap, _):
        yield swap


@asynccontextmanager
async def open_house(
    config: Config,
    load: Loader | None = None,
    reloading: ReloadListeners = NOBODY,
    *,
    listen: str | Sequence[str] | None,
    tls: TlsFiles | None,
    drain: float = 30,
    state: Path | None = None,
) -> AsyncGenerator[tuple[SwapRouter, Reloader], None]:
    """Do what `open_swap_router` does, for a program that can read its configuration again.

    Args:
      load: reads it; runs in a thread. ``None``: ``POST /api/reload`` is refused.
      reloading: whom to tell how reloads go.

    Yields:
      The router, and whom to ask for a reload.
    """
    config = usable(config)
    book = LogBook()
    changes = Broadcast[None]()
    reloads: Reloader | None = None

    def stop_limit() -> float:
        return longest_stop((config,) if reloads is None else reloads.in_use()) + STOP_MARGIN

    addresses = (listen,) if isinstance(listen, str) else tuple(listen or ())
    times = Times(state)
    listeners = Listeners(book.hear, times.learn, partial(changes.tell, None))
    async with (
        open_layer(run_log_keeping, book.say, grace=2),
        open_layer(run_time_keeping, times, grace=2) as known,
        aclosing(Pool()) as pool,
        open_layer(
            run_router,
            fleet_of(config),
            pool,
            listeners,
            run_upstream,
            known,
            grace=stop_limit,
        ) as router,
    ):
        front = Front(Snapshot.of(config), router, pool, book, changes=changes)
        app, preloads = App(front), Preloads(front)
        async with (
            open_layer(run_reloads, front, drain, load, preloads, reloading, grace=1) as reloads,
            open_layer(run_web, app, addresses, tls, grace=drain) as urls,
            open_layer(run_preloads, preloads, grace=1),
        ):
            yield SwapRouter(urls, app, front, reloads), reloads


def longest_stop(configs: Iterable[Config]) -> float:
    """Return the seconds that the slowest model may take to stop."""
    limits = (config.stop_within(model) for config in configs for model in config.models)
    return max(limits, default=0.0)


async def run_web(
    leaving: trio.Event,
    app: App,
    addresses: Sequence[str],
    tls: TlsFiles | None,
    *,
    task_status: trio.TaskStatus[tuple[str, ...]] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve ``app`` on ``addresses`` until ``leaving`` is set and the last request is done."""
    app.front.leaving = leaving
    context = None if tls is None else tls_context(tls)
    plain = await open_listeners(addresses)
    listeners = plain if context is None else secured(plain, context)
    task_status.started(urls_of(listeners))
    if listeners:
        await serve(app, listeners, leaving)
    else:
        # Who serves the app on a server of its own ends it before us.
        await leaving.wait()
