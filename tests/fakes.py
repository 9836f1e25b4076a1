"""Doubles that could be shipped: model servers that exist in mock time only."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import trio
from attrs import define, field

from llamaswap.errors import StartError
from llamaswap.policy.eviction import GroupRule, Groups
from llamaswap.policy.messages import Target
from llamaswap.policy.rules import Fleet, ModelId, ModelRule
from llamaswap.router import ModelSpec
from llamaswap.upstream.process import UpstreamSpec, WaitGone
from llamaswap.upstream.readiness import HealthCheck
from llamaswap.upstream.supervision import InForce, Supervision

A, B, C = ModelId("a"), ModelId("b"), ModelId("c")


@define
class FakeUpstreams:
    """Stands in for `run_upstream`; a program's name says what becomes of it.

    ``argv[0]`` is the model. What happened, and when, is in ``story``.
    """

    load: float = 1.0
    """Seconds from start to readiness."""

    asks_health: bool = False
    """Whether it waits for a good health check then."""

    stop: float = 0.5
    """Seconds from being asked to end to being gone."""

    broken: set[str] = field(factory=set[str])
    """Models whose start fails when the load time is over."""

    lifetime: float = 1e9
    """Seconds after readiness at which a model crashes."""

    stuck: set[str] = field(factory=set[str])
    """Models that say they cannot be killed, a second before they are gone."""

    bug: set[str] = field(factory=set[str])
    """Models whose runner fails in a way that nobody foresaw."""

    story: list[tuple[float, str, str]] = field(factory=list[tuple[float, str, str]])
    alive: set[str] = field(factory=set[str])
    endings: list[Supervision] = field(factory=list[Supervision])
    """How each process was looked after in the end."""

    def told(self) -> list[str]:
        """Return the story without times."""
        return [f"{what} {model}" for _, what, model in self.story]

    async def run(
        self,
        spec: UpstreamSpec,
        in_force: InForce,
        is_healthy: HealthCheck | None,
        on_output: Callable[[bytes], object],
        *,
        on_ready: Callable[[int], object],
        on_stuck: Callable[[str, WaitGone], object],
    ) -> str:
        """Follow the script of one model."""
        model = spec.argv[0]
        self._tell("start", model)
        self.alive.add(model)
        on_output(f"{model} loads\n".encode())
        try:
            await trio.sleep(self.load)
            if self.asks_health:
                await _until_healthy(is_healthy)
            if model in self.bug:
                raise ZeroDivisionError
            if model in self.broken:
                raise StartError("exited with status 3 before it was ready")
            self._tell("ready", model)
            on_ready(4711)
            await trio.sleep(self.lifetime)
        except trio.Cancelled:
            with trio.CancelScope(shield=True, deadline=trio.current_time() + 60):
                await trio.sleep(self.stop)
                if model in self.stuck:
                    on_stuck("survived SIGKILL", partial(trio.sleep, 1))
            raise
        finally:
            self.alive.discard(model)
            self.endings.append(in_force.supervision)
            self._tell("gone", model)
        return "exited with status 9"

    def _tell(self, what: str, model: str) -> None:
        self.story.append((trio.current_time(), what, model))


async def _until_healthy(is_healthy: HealthCheck | None) -> None:
    assert is_healthy is not None
    while not await is_healthy():  # noqa: ASYNC110 - mock time
        await trio.sleep(1)


def spec_of(model: ModelId, *extra: str) -> ModelSpec:
    """Describe a model that `FakeUpstreams` runs."""
    return ModelSpec(UpstreamSpec(argv=(model, *extra)), Target(model, f"http://{model}.example"))


def fleet(
    *models: ModelId, swap: bool = True, limit: int = 10, idle_after: float | None = None
) -> Fleet:
    """Make a fleet of one group."""
    rules = {
        model: ModelRule(spec_of(model), concurrency_limit=limit, idle_after=idle_after)
        for model in models
    }
    return Fleet(rules, Groups.of([GroupRule("g", models, swap=swap)], models))
