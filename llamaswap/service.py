"""The nursery tree; turns `Config` into what each room needs; reload.

The one place where the program can be seen whole. What is opened last leaves
first: the front end finishes its requests, then the router stops the models,
then the log is let go.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from typing import Protocol, TypeVar, TypeVarTuple
from urllib.parse import urlsplit

import trio
from attrs import define, frozen

from llamaswap.config.schema import Config
from llamaswap.config.text import split_command
from llamaswap.config.urls import url_problem
from llamaswap.errors import ConfigError, Fault, SwapError, UnknownModelError
from llamaswap.observe.logs import LogBook, run_log_keeping
from llamaswap.policy.eviction import Groups
from llamaswap.policy.messages import Fleet, ModelId, ModelRule, ModelView, Target
from llamaswap.policy.plan import Plan, plan
from llamaswap.relay.client import Pool
from llamaswap.router import ModelSpec, run_router
from llamaswap.upstream.process import UpstreamSpec
from llamaswap.web.app import App
from llamaswap.web.front import Front, Snapshot
from llamaswap.web.server import open_listeners, serve, urls_of
from llamaswap.web.tls import TlsFiles, secured, tls_context

logger: logging.Logger = logging.getLogger(__name__)

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
    service: Service[*Args, T], *args: *Args, grace: float
) -> AsyncGenerator[T, None]:
    """Run ``service`` beneath the body, and end it only after the body has left.

    Args:
      service: started at once with an event that is set when the body has
        left, and ``args``; the body begins when it reports ready.
      grace: seconds the service may then take to finish by itself. After
        that it is cancelled.

    Yields:
      What the service passed to ``task_status.started()``.

    Raises:
      What the body or the start of the service raised, by itself. A service
      that breaks later cancels the body and comes as a group.
    """
    leaving = trio.Event()
    scope = trio.CancelScope()
    failure: Exception | None = None

    async def guarded(*, task_status: trio.TaskStatus[T]) -> None:
        with scope:
            await service(leaving, *args, task_status=task_status)

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
            scope.deadline = trio.current_time() + grace
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
    _reloads: trio.MemorySendChannel[_Reload]

    @asynccontextmanager
    async def lease(self, model: str) -> AsyncGenerator[Target, None]:
        """Hold ``model`` (an id or an alias) ready until the block is left.

        Raises:
          UnknownModelError: nobody is called that.
          StartError: it did not become ready.
          BusyError: it has as many requests as it may have.
          UnavailableError: it was unloaded meanwhile.
        """
        async with self._front.router.lease(self._resolve(model)) as lease:
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
          ConfigError: it has keys without behaviour yet, or an address that is none;
        nothing has changed.
          SwapError: it is in force, but a process survived being killed; or the
            router has ended.
        """
        refuse_unusable(config)
        answer, wait = trio.open_memory_channel[Plan | SwapError](1)  # the one answer
        try:
            await self._reloads.send(_Reload(config, answer))
            outcome = await wait.receive()
        except (trio.BrokenResourceError, trio.EndOfChannel) as exc:
            raise SwapError("the router has ended") from exc
        if isinstance(outcome, SwapError):
            raise outcome
        return outcome

    def _resolve(self, name: str) -> ModelId:
        model = self._front.snapshot.names.resolve(name)
        if model is None:
            raise UnknownModelError(f"no model is called {name!r}")
        return model


@frozen
class _Reload:
    """A wish to change the configuration."""

    config: Config
    answer: trio.MemorySendChannel[Plan | SwapError]


@asynccontextmanager
async def open_swap_router(
    config: Config,
    *,
    listen: str | Sequence[str] | None = "127.0.0.1:8080",
    tls: TlsFiles | None = None,
    drain: float = 30,
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

    Raises:
      ListenError: an address is taken or not ours, or the certificate is bad.
      ConfigError: the configuration has keys without behaviour yet, or an address
        that is none.

    Leaving the block:
      New requests are refused, open ones get ``drain`` seconds, then model
      servers are stopped and waited for. Nothing is left running, also when
      the block is left by an exception or a cancellation.
    """
    refuse_unusable(config)
    book = LogBook()
    stop_limit = max(map(config.stop_within, config.models), default=0.0) + STOP_MARGIN
    addresses = (listen,) if isinstance(listen, str) else tuple(listen or ())
    async with (
        open_layer(run_log_keeping, book.say, grace=2),
        aclosing(Pool()) as pool,
        open_layer(run_router, fleet_of(config), pool, book.hear, grace=stop_limit) as router,
    ):
        front = Front(Snapshot.of(config), router, pool, book)
        app = App(front)
        async with (
            open_layer(run_reloads, front, drain, grace=1) as reloads,
            open_layer(run_web, app, addresses, tls, grace=drain) as urls,
        ):
            yield SwapRouter(urls, app, front, reloads)


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


async def run_reloads(
    leaving: trio.Event,
    front: Front,
    drain: float,
    *,
    task_status: trio.TaskStatus[trio.MemorySendChannel[_Reload]] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Carry out reloads, one after the other, until ``leaving`` is set."""
    # One may wait while one is carried out; who sends a third waits for its turn.
    send, wishes = trio.open_memory_channel[_Reload](1)

    async def carry_out() -> None:
        async for wish in wishes:
            # Closed however this ends: nobody waits for a reload that was cut off.
            with wish.answer:
                wish.answer.send_nowait(await _outcome_of(front, wish.config, drain))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(carry_out)
        task_status.started(send)
        await leaving.wait()
        nursery.cancel_scope.cancel()
    with suppress(trio.WouldBlock):
        while True:
            wishes.receive_nowait().answer.close()
    wishes.close()


async def _outcome_of(front: Front, config: Config, drain: float) -> Plan | SwapError:
    try:
        return await _reload(front, config, drain)
    except SwapError as exc:
        # What cannot be killed is the asker's to hear, and nobody else's.
        return exc


async def _reload(front: Front, config: Config, drain: float) -> Plan:
    new = fleet_of(config)
    steps = plan(fleet_of(front.snapshot.config).models, new.models)
    logger.info(
        "reload: %d kept, %d replaced, %d removed, %d added",
        *(len(models) for models in (steps.keep, steps.replace, steps.remove, steps.add)),
    )
    # Nothing may come between these two lines: a request sees the names of the
    # configuration that the router will serve it by.
    settled = front.router.reconfigure(new)
    front.snapshot = Snapshot.of(config)
    with trio.move_on_after(drain):
        await settled()
        return steps
    logger.warning("reload: cutting what is still served after %g s", drain)
    await front.router.end_drain()
    return steps


def refuse_unusable(config: Config) -> None:
    """Refuse a configuration that has keys without behaviour, or addresses that are none.

    The latter come from Python only: `load_config` has looked at those of a file.

    Raises:
      ConfigError: it names every such key.
    """
    file = str(config.sources[0]) if config.sources else ""
    faults = [
        Fault(key, f"`{key}` is not supported yet; remove it to serve", file)
        for key in config.unsupported
    ]
    for model, entry in config.models.items():
        if problem := url_problem(entry.proxy):
            faults.append(Fault(f"models.{model}.proxy", problem, file))
    if faults:
        raise ConfigError(tuple(faults))


def fleet_of(config: Config) -> Fleet:
    """Tell the router what it needs to know of the configuration, and no more."""
    rules = {
        model: ModelRule(
            _specification(config, model),
            concurrency_limit=config.concurrency_limit(model),
            idle_after=config.idle_after(model),
        )
        for model in config.models
    }
    return Fleet(rules, Groups.of(config.groups, config.models))


def _specification(config: Config, model: ModelId) -> ModelSpec:
    entry = config.models[model]
    check = entry.check_endpoint.strip()
    upstream = UpstreamSpec(
        argv=split_command(entry.cmd),
        env=entry.env,
        stop_argv=split_command(entry.cmd_stop),
        address=_loopback_address(entry.proxy),
        ready_within=float(config.health_check_timeout),
        stop_within=float(config.stop_within(model)),
    )
    return ModelSpec(upstream, Target(model, entry.proxy), None if check == "none" else check)


def _loopback_address(url: str) -> tuple[str, int] | None:
    """Return where the server will listen, if that is on this machine."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if host != "localhost" and not host.startswith("127.") and host != "::1":
        return None
    return host, parts.port or (443 if parts.scheme == "https" else 80)
