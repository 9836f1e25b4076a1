"""Reloads: who shares one, what a fault leaves behind, and what is cut off."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from threading import Event, get_ident

import pytest
import trio
from attrs import define, evolve, field
from trio.testing import MockClock, wait_all_tasks_blocked

from llamaswap.config.load import Attempt, load_config
from llamaswap.config.schema import Config, ModelConfig
from llamaswap.errors import ConfigError, Fault, SwapError
from llamaswap.fleet import fleet_of
from llamaswap.inbox import Inbox, RouterClient
from llamaswap.observe.logs import LogBook
from llamaswap.policy.plan import Change, Plan
from llamaswap.policy.rules import ModelId
from llamaswap.relay.client import Pool
from llamaswap.reload import Loader, Reloader, run_reloads
from llamaswap.router import Listeners, run_router
from llamaswap.service import SwapRouter, open_layer
from llamaswap.web.app import App
from llamaswap.web.front import Front, Snapshot
from tests.fakes import A, B, C, FakeUpstreams
from tests.house.houses import group

ENTRY = ModelConfig(cmd="a", proxy="http://a.example", check_endpoint="none")
OLD = Config({A: ENTRY}, digest="old")
NEW = Config({A: ENTRY, B: ENTRY}, digest="new", warnings=(Fault("tll", "unknown"),))
BAD = ConfigError((Fault("models.a.ttl", "expected a number", "c.yaml", 3, 5),))


@define
class Files:
    """A loader: what it finds, attempt by attempt; the last one again and again."""

    attempts: list[Attempt]
    gate: Event = field(factory=Event)
    """Loading waits for it, as for a slow disk."""

    begun: int = field(default=0, init=False)

    def load(self) -> Attempt:
        self.begun += 1
        self.gate.wait(10)
        return self.attempts.pop(0) if len(self.attempts) > 1 else self.attempts[0]


def files(*outcomes: Config | ConfigError, is_slow: bool = False) -> Files:
    """Make files that hold what is given, one after the other."""
    attempts = [Attempt(f"digest {number}", found) for number, found in enumerate(outcomes, 1)]
    found = Files(attempts)
    if not is_slow:
        found.gate.set()
    return found


@asynccontextmanager
async def opened(
    load: Loader | None, config: Config = OLD, fake: FakeUpstreams | None = None
) -> AsyncGenerator[tuple[Front, Reloader], None]:
    """Open a router of fakes, and the task that reloads it."""
    run = (fake or FakeUpstreams()).run
    rules = fleet_of(config)
    async with open_layer(run_router, rules, Pool(), Listeners(), run, grace=60) as router:
        front = Front(Snapshot.of(config), router, Pool(), LogBook())
        async with open_layer(run_reloads, front, 30, load, grace=1) as reloader:
            yield front, reloader


async def test_what_stands_in_the_files_is_put_in_force(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "llamaswap")
    async with opened(files(NEW).load) as (front, reloader):
        assert front.reloader is reloader
        assert reloader.tried == "old"
        assert await reloader.reload() == Plan(keep=(A,), add=(B,))
        assert front.snapshot.config is NEW
        assert reloader.tried == "digest 1"

    assert caplog.messages == [
        "configuration: tll: unknown",
        "reload: 1 kept, 0 replaced, 0 removed, 1 added",
    ]


async def test_a_fault_changes_nothing_and_stays_until_it_is_mended(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with opened(files(BAD, NEW).load) as (front, reloader):
        with pytest.raises(ConfigError) as caught:
            await reloader.reload()
        assert caught.value is BAD
        assert front.snapshot.config is OLD
        assert front.faults == BAD.faults
        assert reloader.tried == "digest 1"
        await reloader.reload()
        assert front.faults is None

    assert caplog.messages[0] == (
        "reload: the old configuration stays, because of: "
        "c.yaml:3:5: models.a.ttl: expected a number"
    )


@pytest.mark.usefixtures("no_threads")
async def test_what_python_changed_of_a_loaded_model_is_in_force(
    autojump_clock: MockClock,
) -> None:
    loaded = load_config("{models: {a: {cmd: 'a ${PORT}'}, b: {cmd: 'b ${PORT}'}}}")
    a = evolve(loaded.models[A], ttl=9)
    async with opened(None, loaded, ready_at_once()) as (front, reloader):
        await reloader.put(evolve(loaded, models={A: a, B: evolve(loaded.models[B], cmd="c 5801")}))
        models = front.snapshot.config.models

    assert (models[A].ttl, models[A].cmd, models[A].port) == (9, "a 5800", 5800)
    assert (models[B].cmd, models[B].port) == ("c 5801", None)


async def test_a_configuration_is_looked_at_in_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hundreds of models take a quarter of a second, and the streams of others go on."""
    threads: list[int] = []

    def look(config: Config, **_how: bool) -> Config:
        threads.append(get_ident())
        return config

    monkeypatch.setattr("llamaswap.reload.usable", look)
    async with opened(files(NEW).load) as (_, reloader):
        await reloader.foresee(NEW)
        await reloader.put(NEW)
        await reloader.reload()

    assert len(threads) == 3
    assert get_ident() not in threads


async def test_keys_that_would_do_nothing_are_a_fault_like_any_other() -> None:
    async with opened(files(evolve(NEW, log_level="debug")).load) as (front, reloader):
        with pytest.raises(ConfigError, match="`logLevel` is not supported yet"):
            await reloader.reload()
        assert front.faults is not None


@pytest.mark.parametrize("step", ["usable", "steps_to", "fleet_of"])
async def test_what_nobody_foresaw_is_told_and_the_house_stands(
    step: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object, **_how: object) -> None:
        raise ZeroDivisionError

    async with opened(files(NEW).load) as (front, reloader):
        with monkeypatch.context() as patch:
            patch.setattr(f"llamaswap.reload.{step}", fail)
            with pytest.raises(ConfigError, match="did not foresee; see its log"):
                await reloader.reload()
        assert front.faults is not None
        assert front.snapshot.config is OLD
        assert await reloader.reload() == Plan(keep=(A,), add=(B,))
        assert front.faults is None

    assert "ZeroDivisionError" in caplog.text


async def test_those_who_ask_during_a_reload_share_exactly_one_more() -> None:
    found = files(OLD, NEW, is_slow=True)
    plans: list[Plan] = []

    async def ask(reloader: Reloader) -> None:
        plans.append(await reloader.reload())

    async with opened(found.load) as (front, reloader), trio.open_nursery() as nursery:
        with trio.fail_after(10):
            nursery.start_soon(ask, reloader)
            while not found.begun:
                await wait_all_tasks_blocked()
            for _ in range(5):
                nursery.start_soon(ask, reloader)
            await wait_all_tasks_blocked()
            assert found.begun == 1
            found.gate.set()
            while len(plans) < 6:
                await wait_all_tasks_blocked()
        assert front.snapshot.config is NEW

    assert found.begun == 2
    assert plans == [Plan(keep=(A,)), *[Plan(keep=(A,), add=(B,))] * 5]


async def test_who_no_longer_waits_for_a_reload_does_not_take_it_from_others() -> None:
    found = files(OLD, NEW, is_slow=True)
    plans: list[Plan] = []

    async def ask(reloader: Reloader) -> None:
        plans.append(await reloader.reload())

    async with opened(found.load) as (front, reloader), trio.open_nursery() as nursery:
        nursery.start_soon(ask, reloader)
        await wait_all_tasks_blocked()
        with trio.CancelScope() as scope:
            nursery.start_soon(ask, reloader)
            scope.cancel()
            await reloader.reload()
        found.gate.set()
        with trio.fail_after(10):
            while len(plans) < 2:
                await wait_all_tasks_blocked()

    assert front.snapshot.config is NEW


async def test_without_files_nobody_is_offered_to_read_them() -> None:
    async with opened(None) as (front, _):
        assert front.reloader is None


async def test_a_reload_that_waits_for_a_slow_disk_does_not_hold_up_the_end() -> None:
    found = files(NEW, is_slow=True)
    heard: list[str] = []

    async def ask(reloader: Reloader) -> None:
        with pytest.raises(SwapError) as caught:
            await reloader.reload()
        heard.append(str(caught.value))

    with trio.fail_after(5):
        async with trio.open_nursery() as nursery, opened(found.load) as (_, reloader):
            nursery.start_soon(ask, reloader)
            await wait_all_tasks_blocked()
            nursery.start_soon(ask, reloader)
            await wait_all_tasks_blocked()
        with pytest.raises(SwapError, match=r"^the router has ended$"):
            await reloader.put(NEW)
    found.gate.set()

    assert heard == ["the router has ended"] * 2


def ignore(*_: object) -> None:
    """Take what a process prints."""


@pytest.mark.usefixtures("no_threads")
async def test_a_reload_that_cannot_kill_a_model_says_so_and_harms_nobody(
    autojump_clock: MockClock,
) -> None:
    entry = ModelConfig(cmd="a", proxy="http://a.example", check_endpoint="none")
    old = Config({A: entry, B: evolve(entry, cmd="b")}, (group("a", "b", swap=False),))
    new = Config({A: entry}, (group("a", swap=False, exclusive=False),))
    fake = FakeUpstreams(stuck={"b"})

    async with opened(None, old, fake) as (front, reloader):
        swap = SwapRouter((), App(front), front, reloader)
        async with swap.lease("b"):
            pass
        with pytest.raises(SwapError, match="survived SIGKILL"):
            await swap.reload(new)
        async with swap.lease("a"):
            pass
        assert await swap.reload(new) == Plan(keep=(A,))


@pytest.mark.usefixtures("no_threads")
async def test_who_waits_for_a_replaced_model_is_served_when_the_drain_time_is_over(
    autojump_clock: MockClock,
) -> None:
    fake = FakeUpstreams()
    new = evolve(OLD, models={A: evolve(ENTRY, env=("A=1",))})

    async with opened(None, OLD, fake) as (front, reloader):

        async def hold() -> None:
            async with front.router.lease(A):
                await trio.sleep(1000)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(hold)
            await trio.sleep(2)
            nursery.start_soon(reloader.put, new)
            await trio.sleep(1)
            async with front.router.lease(A):
                # One second of the load, and thirty of the drain less the one just passed.
                assert trio.current_time() == 2 + 30 + 0.5 + 1
            nursery.cancel_scope.cancel()

    assert fake.told() == ["start a", "ready a", "gone a", "start a", "ready a", "gone a"]


async def test_a_reload_with_an_address_that_is_none_changes_nothing() -> None:
    bad = ModelConfig(cmd="x", proxy="127.0.0.1:9")
    async with opened(None) as (front, reloader):
        with pytest.raises(ConfigError) as caught:
            await reloader.put(Config({A: bad, B: evolve(bad, proxy="http://h:x")}))

        assert [fault.path for fault in caught.value.faults] == ["models.a.proxy", "models.b.proxy"]
        assert front.snapshot.config is OLD


async def test_a_reload_with_an_address_that_leads_nowhere_is_put_in_force() -> None:
    bad = ModelConfig(cmd="x", proxy="http://127.0.0.1:99999")
    async with opened(None) as (front, reloader):
        await reloader.put(Config({A: ENTRY, B: bad, C: ModelConfig(cmd="x")}))

        assert list(front.snapshot.config.models) == [A, B, C]


@pytest.mark.usefixtures("no_threads")
async def test_a_second_reload_is_in_force_at_once_and_each_has_its_drain_time(
    autojump_clock: MockClock,
) -> None:
    fake = FakeUpstreams()
    old = Config({A: ENTRY, B: evolve(ENTRY, cmd="b")}, (group("a", "b", swap=False),))
    second = evolve(old, models={A: evolve(ENTRY, env=("A=1",)), B: old.models[B]})
    third = evolve(second, models={A: second.models[A], B: evolve(old.models[B], env=("B=1",))})
    story: list[tuple[float, object]] = []

    async with opened(None, old, fake) as (front, reloader):

        async def hold(model: ModelId) -> None:
            async with front.router.lease(model):
                await trio.sleep(1000)

        async def put(config: Config) -> None:
            steps = await reloader.put(config)
            story.append((trio.current_time(), steps))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(hold, A)
            nursery.start_soon(hold, B)
            await trio.sleep(2)
            nursery.start_soon(put, second)
            await trio.sleep(20)
            nursery.start_soon(put, third)
            await trio.sleep(1)
            assert front.snapshot.config == third
            assert reloader.in_use() == (third, old, second)
            await trio.sleep(100)
            assert reloader.in_use() == (third,)
            nursery.cancel_scope.cancel()

    stop = fake.stop
    assert story == [
        (2 + 30 + stop, Plan(keep=(B,), replace=(A,))),
        # A still ran as the first configuration said when the third came.
        (22 + 30 + stop, Plan(replace=(A, B))),
    ]
    gone = [(moment, model) for moment, what, model in fake.story if what == "gone"]
    assert gone[:2] == [(32 + stop, "a"), (52 + stop, "b")]


@pytest.mark.usefixtures("no_threads")
async def test_who_still_drains_and_is_wanted_back_is_kept_and_that_is_foreseen(
    autojump_clock: MockClock,
) -> None:
    entries = {A: ENTRY, B: evolve(ENTRY, cmd="b")}
    old = Config(entries, (group("a", "b", swap=False),))
    other = evolve(old, models={A: evolve(ENTRY, env=("A=1",))}, groups=())
    fake = FakeUpstreams()

    async with (
        opened(None, old, fake) as (front, reloader),
        trio.open_nursery() as nursery,
        front.router.lease(A),
        front.router.lease(B),
    ):
        nursery.start_soon(reloader.put, other)
        await trio.sleep(5)
        assert await reloader.foresee(other) == (Change(A, "replace", ("environment",)),)
        foreseen = await reloader.foresee(old)
        assert await reloader.put(old) == Plan(keep=(A, B))
        # Nobody had to wait for the end of the drain.
        assert trio.current_time() == 2 * fake.load + 5

    assert foreseen == (Change(A, "keep"), Change(B, "keep"))
    assert fake.told().count("start a") == 1


async def test_what_stands_in_the_files_is_foreseen_and_stays_there(
    caplog: pytest.LogCaptureFixture,
) -> None:
    unusable = evolve(NEW, log_level="debug")
    async with opened(files(NEW, BAD, unusable).load) as (front, reloader):
        assert await reloader.foresee() == (Change(A, "keep"), Change(B, "add"))
        for _ in range(2):
            with pytest.raises(ConfigError):
                await reloader.foresee()
        assert (front.snapshot.config, front.faults, reloader.tried) == (OLD, None, "old")

    assert caplog.messages == []


@pytest.mark.usefixtures("no_threads")
async def test_what_still_drains_when_the_program_leaves_has_its_time_to_stop(
    autojump_clock: MockClock,
) -> None:
    new = evolve(OLD, models={A: evolve(ENTRY, env=("A=1",))})
    heard: list[str] = []

    async def put(reloader: Reloader) -> None:
        with pytest.raises(SwapError) as caught:
            await reloader.put(new)
        heard.append(str(caught.value))

    async with (
        trio.open_nursery() as nursery,
        opened(None) as (front, reloader),
        front.router.lease(A),
    ):
        nursery.start_soon(put, reloader)
        await wait_all_tasks_blocked()

    assert heard == ["the router has ended"]
    assert reloader.in_use() == (new, OLD)


@pytest.mark.usefixtures("no_threads")
async def test_a_number_of_a_process_that_drains_goes_to_nobody_else(
    autojump_clock: MockClock,
) -> None:
    def written(**models: str) -> Config:
        entries = [f"  {name}: {{cmd: '{cmd} ${{PORT}}'}}\n" for name, cmd in models.items()]
        return load_config("models:\n" + "".join(entries) + "  z: {cmd: z, proxy: 'http://z'}")

    def ports() -> dict[str, int | None]:
        return {m: e.port for m, e in front.snapshot.config.models.items() if m != "z"}

    async with opened(None, written(a="a", b="b"), ready_at_once()) as (front, reloader):
        with trio.move_on_after(20):
            async with front.router.lease(B), trio.open_nursery() as nursery:
                nursery.start_soon(reloader.put, written(c="c"))
                await wait_all_tasks_blocked()
                assert ports() == {"c": 5802}
                nursery.start_soon(reloader.put, written(c="c", d="d", e="e"))
                await wait_all_tasks_blocked()
                # A was not running, but nobody here knows: its number waits as well.
                assert ports() == {"c": 5802, "d": 5803, "e": 5804}
                nursery.start_soon(reloader.put, written(b="b", c="c"))
                await wait_all_tasks_blocked()
                assert ports() == {"b": 5801, "c": 5802}
                nursery.start_soon(reloader.put, written(b="other", c="c", d="d"))
                await wait_all_tasks_blocked()
                # B came back, so nothing drained any more. Now it has moved, and drains.
                assert ports() == {"b": 5800, "c": 5802, "d": 5803}
                nursery.start_soon(reloader.put, written(b="other", c="c", d="d", e="e"))
                await wait_all_tasks_blocked()
                assert ports() == {"b": 5800, "c": 5802, "d": 5803, "e": 5804}
                await trio.sleep_forever()
        await trio.sleep(60)
        await reloader.put(written(b="other", c="c", d="d", f="f"))
        assert ports() == {"b": 5800, "c": 5802, "d": 5803, "f": 5801}


def ready_at_once() -> FakeUpstreams:
    """Make model servers that are ready when they start, and gone when they stop."""
    return FakeUpstreams(load=0, stop=0)


async def test_who_waits_for_the_attempt_only_does_not_wait_for_the_drain() -> None:
    new = evolve(OLD, models={A: evolve(ENTRY, env=("A=1",))})
    attempts = iter([Attempt("1", new), Attempt("2", BAD)])

    async with (
        opened(lambda: next(attempts), OLD, ready_at_once()) as (front, reloader),
        front.router.lease(A),
    ):
        await reloader.attempt()
        assert front.snapshot.config == new
        await reloader.attempt()
        assert front.faults == BAD.faults
        assert reloader.in_use() == (new, OLD)
    with pytest.raises(SwapError, match=r"^the router has ended$"):
        await reloader.attempt()


async def test_a_router_that_has_ended_is_told_to_who_asks() -> None:
    inbox = Inbox()
    inbox.close()
    front = Front(Snapshot.of(OLD), RouterClient(inbox), Pool(), LogBook())
    async with open_layer(run_reloads, front, 30, grace=1) as reloader:
        for _ in range(2):
            with pytest.raises(SwapError, match=r"^the router has ended$"):
                await reloader.put(NEW)

    assert front.snapshot.config is OLD
