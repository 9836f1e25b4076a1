"""Preloads: models that are loaded though nobody has asked for them yet.

One task asks for them, one after the other, as any client would: limits, queues
and swaps hold for it too. It begins when the house listens, and after a reload it
loads only what that has brought: a model that was unloaded stays so.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Iterator, Sequence

import trio
from attrs import define, field

from llamaswap.config.schema import Config
from llamaswap.errors import BusyError, SwapError, UnknownModelError
from llamaswap.fleet import fleet_of
from llamaswap.policy.plan import Plan
from llamaswap.policy.rules import EvictionPolicy, ModelId
from llamaswap.web.front import Front, Snapshot

logger: logging.Logger = logging.getLogger(__name__)


@define(eq=False)
class Preloads:
    """The lists of models to load, and the task that loads them."""

    _front: Front
    _send: trio.MemorySendChannel[tuple[ModelId, ...]] = field(init=False)
    _lists: trio.MemoryReceiveChannel[tuple[ModelId, ...]] = field(init=False)

    def __attrs_post_init__(self) -> None:
        # A reload must not wait; it sends one list.
        self._send, self._lists = trio.open_memory_channel[tuple[ModelId, ...]](math.inf)

    def follow(self, before: Config, steps: Plan) -> None:
        """Load what a reload has brought, now that it is in force."""
        had = wanted(Snapshot.of(before))
        fresh = {*steps.replace, *steps.add}
        self._ask(
            model for model in wanted(self._front.snapshot) if model in fresh or model not in had
        )

    def _ask(self, models: Iterable[ModelId]) -> None:
        if listed := tuple(models):
            self._send.send_nowait(listed)

    async def run(self) -> None:
        """Load what the configuration names, then what is sent, until cancelled."""
        for name in self._front.snapshot.config.hooks.on_startup.preload:
            if self._front.snapshot.names.resolve(name.strip()) is None:
                logger.warning("preload: no model is called %r", name)
        self._ask(wanted(self._front.snapshot))
        async for models in self._lists:
            self._warn_of_clashes()
            for model in models:
                # A reload may have taken it from the list in the meantime.
                if model in wanted(self._front.snapshot):
                    await self._load(model)

    def _warn_of_clashes(self) -> None:
        snapshot = self._front.snapshot
        evictions = fleet_of(snapshot.config).evictions
        found = clashes(wanted(snapshot), evictions)
        if pairs := [f"{late} stops {early}" for late, early in found]:
            logger.warning(
                "preload: %s: they cannot run together, so only the last stays; "
                "list one of them, or put them into a group with swap: false",
                ", ".join(pairs),
            )

    async def _load(self, model: ModelId) -> None:
        began = trio.current_time()
        try:
            async with self._front.router.lease(model):
                logger.info("%s: preloaded after %.2f s", model, trio.current_time() - began)
        except SwapError as exc:
            logger.warning("%s: not preloaded%s: %s", model, _advice(exc), exc)


def wanted(snapshot: Snapshot) -> tuple[ModelId, ...]:
    """Return what is to be preloaded, in its order, each once; names of nobody are left out."""
    names = snapshot.config.hooks.on_startup.preload
    found = (snapshot.names.resolve(name.strip()) for name in names)
    return tuple(dict.fromkeys(model for model in found if model is not None))


def clashes(
    models: Sequence[ModelId], evictions: EvictionPolicy
) -> Iterator[tuple[ModelId, ModelId]]:
    """Name who would be stopped, and for whom, if ``models`` were loaded in their order."""
    running = frozenset[ModelId]()
    for model in models:
        gone = evictions.at(running)(model)
        yield from ((model, victim) for victim in sorted(gone))
        running = running - gone | {model}


def _advice(exc: SwapError) -> str:
    match exc:
        case UnknownModelError():
            return ""
        case BusyError():
            return ", as its clients load it"
        case _:
            return ", the next request for it tries again"


async def run_preloads(
    leaving: trio.Event,
    preloads: Preloads,
    *,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Preload until ``leaving`` is set; who waits for a model then is cut off."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(preloads.run)
        task_status.started()
        await leaving.wait()
        nursery.cancel_scope.cancel()
