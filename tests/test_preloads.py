"""Preloads: in which order, what a failure does, and what a reload brings."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
import trio
from attrs import evolve
from trio.testing import MockClock

from llamaswap.config.schema import Config, ModelConfig
from llamaswap.config.sections import HooksConfig, OnStartupConfig
from llamaswap.fleet import fleet_of
from llamaswap.observe.logs import LogBook
from llamaswap.policy.rules import ModelId
from llamaswap.preloads import Preloads, run_preloads, wanted
from llamaswap.relay.client import Pool
from llamaswap.reload import Reloader, run_reloads
from llamaswap.router import Listeners, run_router
from llamaswap.service import open_layer
from llamaswap.web.front import Front, Snapshot
from tests.fakes import A, B, C, FakeUpstreams
from tests.house.houses import group

pytestmark = pytest.mark.usefixtures("no_threads")

PRELOADS = "llamaswap.preloads"


def listing(*names: str) -> HooksConfig:
    """Name what is preloaded."""
    return HooksConfig(OnStartupConfig(tuple(map(ModelId, names))))


def entry(name: str) -> ModelConfig:
    return ModelConfig(cmd=name, proxy=f"http://{name}.example", check_endpoint="none")


TOGETHER = Config(
    {A: evolve(entry("a"), aliases=("al",)), B: entry("b"), C: entry("c")},
    (group("a", "b", "c", swap=False),),
)


@asynccontextmanager
async def opened(
    config: Config, fake: FakeUpstreams
) -> AsyncGenerator[tuple[Front, Reloader], None]:
    """Open a router of fakes, what reloads it, and what preloads its models."""
    rules = fleet_of(config)
    async with open_layer(run_router, rules, Pool(), Listeners(), fake.run, grace=60) as router:
        front = Front(Snapshot.of(config), router, Pool(), LogBook())
        preloads = Preloads(front)
        async with (
            open_layer(run_reloads, front, 30, None, preloads, grace=1) as reloader,
            open_layer(run_preloads, preloads, grace=1),
        ):
            yield front, reloader


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, PRELOADS)
    return caplog


def lines(said: pytest.LogCaptureFixture) -> list[str]:
    """Return what was logged about preloads."""
    return [record.getMessage() for record in said.records if record.name == PRELOADS]


async def test_models_are_loaded_one_after_the_other_in_the_order_of_the_list(
    autojump_clock: MockClock, said: pytest.LogCaptureFixture
) -> None:
    fake = FakeUpstreams()
    async with opened(evolve(TOGETHER, hooks=listing("c", " al ", "a")), fake):
        await trio.sleep(10)
        assert fake.story == [
            (0, "start", "c"),
            (1, "ready", "c"),
            (1, "start", "a"),
            (2, "ready", "a"),
        ]

    assert lines(said) == ["c: preloaded after 1.00 s", "a: preloaded after 1.00 s"]


async def test_a_name_of_nobody_is_told_and_the_others_are_loaded(
    autojump_clock: MockClock, said: pytest.LogCaptureFixture
) -> None:
    async with opened(evolve(TOGETHER, hooks=listing("x", "b")), FakeUpstreams()):
        await trio.sleep(10)

    assert lines(said) == ["preload: no model is called 'x'", "b: preloaded after 1.00 s"]


async def test_a_model_that_fails_does_not_stop_the_list(
    autojump_clock: MockClock, said: pytest.LogCaptureFixture
) -> None:
    async with opened(evolve(TOGETHER, hooks=listing("a", "b")), FakeUpstreams(broken={"a"})):
        await trio.sleep(10)

    assert lines(said) == [
        (
            "a: not preloaded, the next request for it tries again: "
            "the model 'a' could not be started: exited with status 3 before it was ready"
        ),
        "b: preloaded after 1.00 s",
    ]


async def test_a_model_that_others_load_already_needs_no_preload(
    autojump_clock: MockClock, said: pytest.LogCaptureFixture
) -> None:
    tight = evolve(TOGETHER.models[A], concurrency_limit=1)
    config = evolve(TOGETHER, models={**TOGETHER.models, A: tight}, hooks=listing("c", "a"))
    async with opened(config, FakeUpstreams()) as (front, _), front.router.lease(A):
        await trio.sleep(10)

    assert lines(said)[1:] == ["a: not preloaded, as its clients load it: Too many requests"]


async def test_members_that_cannot_run_together_are_loaded_all_the_same_and_told_once(
    autojump_clock: MockClock, said: pytest.LogCaptureFixture
) -> None:
    fake = FakeUpstreams()
    config = Config({A: entry("a"), B: entry("b"), C: entry("c")}, hooks=listing("a", "b", "c"))
    async with opened(config, fake):
        await trio.sleep(10)
        assert fake.alive == {"c"}

    assert lines(said) == [
        (
            "preload: b stops a, c stops b: they cannot run together, so only the last stays; "
            "list one of them, or put them into a group with swap: false"
        ),
        "a: preloaded after 1.00 s",
        "b: preloaded after 1.50 s",
        "c: preloaded after 1.50 s",
    ]


async def test_a_preload_is_no_faster_than_a_client_that_came_before(
    autojump_clock: MockClock,
) -> None:
    fake = FakeUpstreams()
    old = Config({A: entry("a"), B: entry("b"), C: entry("c")})
    order: list[str] = []

    async with opened(old, fake) as (front, reloader):

        async def use(model: ModelId, seconds: float) -> None:
            async with front.router.lease(model):
                order.append(model)
                await trio.sleep(seconds)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(use, A, 5)
            await trio.sleep(2)
            nursery.start_soon(use, B, 1)
            await trio.sleep(1)
            await reloader.put(evolve(old, hooks=listing("c")))
        await trio.sleep(10)

    assert order == ["a", "b"]
    assert [model for _, what, model in fake.story if what == "ready"] == ["a", "b", "c"]


async def test_a_reload_loads_what_is_new_and_what_was_replaced_and_nothing_else(
    autojump_clock: MockClock, said: pytest.LogCaptureFixture
) -> None:
    fake = FakeUpstreams()
    old = evolve(TOGETHER, hooks=listing("a", "b"))
    changed = evolve(old.models[B], env=("A=1",))
    new = evolve(old, models={**old.models, B: changed}, hooks=listing("a", "b", "c"))
    async with opened(old, fake) as (front, reloader):
        await trio.sleep(10)
        await front.router.unload(frozenset({A}))
        said.clear()
        await reloader.put(new)
        await reloader.put(new)
        await trio.sleep(10)
        assert fake.alive == {"b", "c"}

    assert lines(said) == ["b: preloaded after 1.50 s", "c: preloaded after 1.00 s"]


async def test_what_a_reload_takes_from_the_list_is_not_loaded_any_more(
    autojump_clock: MockClock, said: pytest.LogCaptureFixture
) -> None:
    old = evolve(TOGETHER, hooks=listing("a", "b", "c"))
    async with opened(old, FakeUpstreams()) as (_, reloader):
        await trio.sleep(0.5)
        await reloader.put(evolve(old, hooks=listing("a", "c")))
        await trio.sleep(10)

    assert lines(said) == ["a: preloaded after 1.00 s", "c: preloaded after 1.00 s"]


async def test_a_model_that_is_removed_while_it_waits_for_its_place_is_told(
    autojump_clock: MockClock, said: pytest.LogCaptureFixture
) -> None:
    old = Config({A: entry("a"), B: entry("b")})
    async with opened(old, FakeUpstreams()) as (front, reloader), front.router.lease(A):
        await reloader.put(evolve(old, hooks=listing("b")))
        await trio.sleep(1)
        await reloader.put(Config({A: entry("a")}))
        await trio.sleep(1)

    assert lines(said) == ["b: not preloaded: the model 'b' is not configured any more"]


async def test_leaving_cuts_a_preload_and_begins_no_other(
    autojump_clock: MockClock, said: pytest.LogCaptureFixture
) -> None:
    fake = FakeUpstreams(load=100)
    async with opened(evolve(TOGETHER, hooks=listing("a", "b")), fake):
        await trio.sleep(10)

    assert fake.told() == ["start a", "gone a"]
    assert lines(said) == []
    assert trio.current_time() == 10.5


def test_each_model_is_wanted_once() -> None:
    snapshot = Snapshot.of(evolve(TOGETHER, hooks=listing("b", "al", " a", "x", "b")))

    assert wanted(snapshot) == (B, A)
