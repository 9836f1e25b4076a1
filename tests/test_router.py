"""The router task on a mock clock, with model servers that exist in mock time only."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
import trio
from attrs import evolve
from trio.testing import MockClock, wait_all_tasks_blocked

from llamaswap.errors import (
    BusyError,
    StartError,
    SwapError,
    UnavailableError,
    UnknownModelError,
)
from llamaswap.inbox import RouterClient
from llamaswap.policy.messages import ModelState, ModelView, Outcome, Target
from llamaswap.policy.rules import Fleet, ModelId, ModelRule
from llamaswap.relay.client import Pool
from llamaswap.router import Listeners, ModelSpec, run_router
from llamaswap.service import open_layer
from llamaswap.upstream.supervision import Supervision
from tests.fakes import A, B, C, FakeUpstreams, fleet, spec_of


@asynccontextmanager
async def opened(models: Fleet, fake: FakeUpstreams) -> AsyncGenerator[RouterClient, None]:
    async with open_layer(run_router, models, Pool(), Listeners(), fake.run, grace=60) as router:
        yield router


async def use(router: RouterClient, model: ModelId, seconds: float = 0) -> None:
    async with router.lease(model):
        await trio.sleep(seconds)


async def test_a_model_is_started_for_the_first_lease_and_kept(autojump_clock: MockClock) -> None:
    fake = FakeUpstreams()
    async with opened(fleet(A), fake) as router:
        async with router.lease(A) as lease:
            assert lease.target.url == "http://a.example"
            assert (lease.queued, lease.loading) == (0, 1)
        async with router.lease(A) as lease:
            assert (lease.queued, lease.loading) == (0, 0)

    assert fake.told() == ["start a", "ready a", "gone a"]


async def test_fifty_leases_of_a_cold_model_start_one_process(autojump_clock: MockClock) -> None:
    fake = FakeUpstreams()
    async with opened(fleet(A, limit=50), fake) as router, trio.open_nursery() as nursery:
        for _ in range(50):
            nursery.start_soon(use, router, A)

    assert fake.told() == ["start a", "ready a", "gone a"]


async def test_interleaved_requests_are_served_model_by_model(autojump_clock: MockClock) -> None:
    fake = FakeUpstreams()
    served: list[ModelId] = []

    async def ask(model: ModelId) -> None:
        async with router.lease(model):
            served.append(model)
            await trio.sleep(1)

    async with opened(fleet(A, B, C), fake) as router, trio.open_nursery() as nursery:
        for model in (A, B, C, A, B, C):
            nursery.start_soon(ask, model)
            await wait_all_tasks_blocked()

    assert served == [A, A, B, B, C, C]
    assert [line for line in fake.told() if line.startswith("start")] == [
        "start a",
        "start b",
        "start c",
    ]


async def test_the_evicted_model_is_gone_before_the_next_one_starts(
    autojump_clock: MockClock,
) -> None:
    fake = FakeUpstreams()
    async with opened(fleet(A, B), fake) as router:
        await use(router, A)
        async with router.lease(B) as lease:
            assert (lease.queued, lease.loading) == (0.5, 1)

    assert fake.told() == ["start a", "ready a", "gone a", "start b", "ready b", "gone b"]


async def test_a_client_that_leaves_while_it_queues_loads_nothing(
    autojump_clock: MockClock,
) -> None:
    fake = FakeUpstreams()
    async with opened(fleet(A, B), fake) as router, router.lease(A):
        with trio.move_on_after(3):
            await use(router, B)
        await wait_all_tasks_blocked()

    assert fake.told() == ["start a", "ready a", "gone a"]


async def test_a_failed_start_reaches_everybody_who_waited(autojump_clock: MockClock) -> None:
    fake = FakeUpstreams(broken={"a"})
    heard: list[str] = []

    async def ask() -> None:
        try:
            await use(router, A)
        except StartError as exc:
            heard.append(str(exc))

    async with opened(fleet(A, B), fake) as router:
        async with trio.open_nursery() as nursery:
            for _ in range(3):
                nursery.start_soon(ask)
        await use(router, B)

    why = "the model 'a' could not be started: exited with status 3 before it was ready"
    assert heard == [why] * 3
    assert fake.told() == ["start a", "gone a", "start b", "ready b", "gone b"]


async def test_a_fault_of_ours_in_one_upstream_does_not_reach_another(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    fake = FakeUpstreams(bug={"a"})
    async with opened(fleet(A, B, swap=False), fake) as router, router.lease(B):
        with pytest.raises(StartError, match="did not foresee"):
            await use(router, A)

    assert "ZeroDivisionError" in caplog.text


async def test_more_requests_than_the_limit_are_refused_at_once(autojump_clock: MockClock) -> None:
    async with opened(fleet(A, limit=1), FakeUpstreams()) as router, router.lease(A):
        began = trio.current_time()
        with pytest.raises(BusyError, match=r"^Too many requests$"):
            await use(router, A)

        assert trio.current_time() == began


async def test_an_idle_model_is_stopped_and_started_again_when_asked(
    autojump_clock: MockClock,
) -> None:
    fake = FakeUpstreams()
    async with opened(fleet(A, idle_after=10), fake) as router:
        await use(router, A, seconds=100)
        await trio.sleep(9)
        await use(router, A)
        await trio.sleep(11)
        await use(router, A)

    assert fake.story == [
        (0, "start", "a"),
        (1, "ready", "a"),
        (120.5, "gone", "a"),
        (121, "start", "a"),
        (122, "ready", "a"),
        (122.5, "gone", "a"),
    ]


async def test_who_asks_while_an_idle_model_stops_is_served_by_a_new_process(
    autojump_clock: MockClock,
) -> None:
    fake = FakeUpstreams()
    async with opened(fleet(A, idle_after=10), fake) as router:
        await use(router, A)
        await trio.sleep(10.2)
        (view,) = await router.view()
        assert view.state is ModelState.STOPPING
        async with router.lease(A) as lease, trio.open_nursery() as nursery:
            assert (round(lease.queued, 3), lease.loading) == (0.3, 1)
            for _ in range(5):
                nursery.start_soon(use, router, A)

    assert fake.told() == ["start a", "ready a", "gone a"] * 2


async def test_a_model_in_use_stays_and_rivals_are_never_both_alive(
    autojump_clock: MockClock,
) -> None:
    fake = FakeUpstreams(load=0.1, stop=0.05)
    served: list[ModelId] = []

    async def hammer(model: ModelId, times: int, pause: float) -> None:
        for _ in range(times):
            async with router.lease(model):
                assert fake.alive == {model}
                await trio.sleep(0.3)
                assert fake.alive == {model}
            served.append(model)
            await trio.sleep(pause)

    async with opened(fleet(A, B), fake) as router, trio.open_nursery() as nursery:
        for pause in (0, 0.07, 0.11, 0.13):
            nursery.start_soon(hammer, A, 40, pause)
        nursery.start_soon(hammer, B, 10, 0.4)

    assert (served.count(A), served.count(B)) == (160, 10)


async def test_clients_that_vanish_at_the_moment_of_readiness_pin_nothing(
    autojump_clock: MockClock,
) -> None:
    fake = FakeUpstreams()
    async with opened(fleet(A, B), fake) as router:
        with trio.move_on_after(1):
            await use(router, A, seconds=60)
        for model in (B, A) * 50:
            # The other one ends within half a second, and a load takes one.
            with trio.move_on_after(1.5):
                await use(router, model, seconds=60)
            assert fake.alive == {model}

        assert all(view.serving == view.waiting == 0 for view in await router.view())


async def test_a_crash_is_seen_and_the_next_request_starts_the_model_afresh(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    fake = FakeUpstreams(lifetime=5)
    async with opened(fleet(A), fake) as router:
        await use(router, A)
        await trio.sleep(10)
        await use(router, A)

    assert fake.told() == ["start a", "ready a", "gone a"] * 2
    assert "a: exited with status 9" in caplog.messages


async def test_unloading_refuses_who_waits_and_returns_when_the_model_is_gone(
    autojump_clock: MockClock,
) -> None:
    fake = FakeUpstreams(load=20)
    async with opened(fleet(A), fake) as router, trio.open_nursery() as nursery:

        async def ask() -> None:
            with pytest.raises(UnavailableError, match="was unloaded"):
                await use(router, A)

        nursery.start_soon(ask)
        await trio.sleep(1)
        await router.unload(frozenset({A}))

        assert trio.current_time() == 1.5
        assert fake.told() == ["start a", "gone a"]


async def test_a_process_that_cannot_be_killed_is_reported_and_holds_up_nobody_else(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    fake = FakeUpstreams(stuck={"a"})
    async with opened(fleet(A, B, swap=False), fake) as router:
        await use(router, A)
        with pytest.raises(SwapError, match="survived SIGKILL"):
            await router.unload()
        with pytest.raises(UnavailableError, match="cannot be served now: survived SIGKILL"):
            await use(router, A)
        await use(router, B)
        await trio.sleep(2)
        await use(router, A)

    assert "a: survived SIGKILL; its place stays occupied" in caplog.messages


async def test_every_change_of_a_state_is_told_and_nothing_else(
    autojump_clock: MockClock,
) -> None:
    fake = FakeUpstreams(stuck={"a"})
    told: list[float] = []

    def tell() -> None:
        told.append(trio.current_time())

    listeners = Listeners(changed=tell)
    async with open_layer(run_router, fleet(A), Pool(), listeners, fake.run, grace=60) as router:
        await trio.sleep(10)
        await use(router, A, seconds=10)
        await router.view()
        await use(router, A)
        await trio.sleep(10)
        with pytest.raises(SwapError, match="survived SIGKILL"):
            await router.unload()
        await trio.sleep(10)
        _, settled = router.reconfigure(fleet(A, B))
        await settled()

    assert told == [10, 11, 31, 31.5, 32.5, 41.5]


async def test_the_view_shows_states_and_counts(autojump_clock: MockClock) -> None:
    async with (
        opened(fleet(A, B), FakeUpstreams()) as router,
        trio.open_nursery() as nursery,
        router.lease(A),
    ):
        nursery.start_soon(use, router, B)
        await wait_all_tasks_blocked()

        assert await router.view() == (
            ModelView(A, ModelState.READY, serving=1, waiting=0),
            ModelView(B, ModelState.STOPPED, serving=0, waiting=1),
        )


async def test_a_reload_keeps_what_is_equal_and_replaces_what_has_changed(
    autojump_clock: MockClock,
) -> None:
    fake = FakeUpstreams()
    old = fleet(A, B, swap=False)
    new = evolve(old, models={A: old.models[A], B: ModelRule(spec_of(B, "x"))})
    async with opened(old, fake) as router:
        await use(router, A)
        await use(router, B)
        _, settled = router.reconfigure(new)
        await settled()
        await use(router, A)
        await use(router, B)
        assert fake.told() == [
            "start a",
            "ready a",
            "start b",
            "ready b",
            "gone b",
            "start b",
            "ready b",
        ]


async def test_what_runs_is_told_with_what_it_was_started_with(autojump_clock: MockClock) -> None:
    old = fleet(A, B, swap=False)
    rules = {A: ModelRule(spec_of(A, "--new")), B: old.models[B]}
    async with opened(old, FakeUpstreams()) as router:
        assert await router.specifications() == {}
        async with router.lease(A):
            router.reconfigure(evolve(old, models=rules))
            assert await router.specifications() == {A: spec_of(A)}
        await use(router, A)
        assert await router.specifications() == {A: spec_of(A, "--new")}


def looked_after(check_path: str | None, stop: str) -> Fleet:
    """Make a fleet whose one process is the same whatever the arguments are."""
    spec = evolve(spec_of(A), check_path=check_path, supervision=Supervision((stop,)))
    return evolve(fleet(A), models={A: ModelRule(spec, process=spec.process)})


@pytest.mark.parametrize("path", ["/new", None])
async def test_other_settings_count_for_a_process_that_runs(
    path: str | None, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked: list[str] = []
    fake = FakeUpstreams(asks_health=True)

    async def answer(_pool: Pool, _target: Target, path: str) -> bool:
        await trio.lowlevel.checkpoint()
        checked.append(path)
        return path == "/new"

    monkeypatch.setattr("llamaswap.router.probe", answer)
    async with opened(looked_after("/old", "old"), fake) as router:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(use, router, A)
            await trio.sleep(3.5)
            _, settled = router.reconfigure(looked_after(path, "new"))
            await settled()
        router.reconfigure(looked_after(path, "newest"))
        await wait_all_tasks_blocked()

    assert (checked[:3], checked[3:]) == (["/old"] * 3, [path] if path else [])
    assert fake.endings == [Supervision(("newest",))]


async def test_settings_for_a_process_that_has_just_ended_are_those_of_the_next(
    autojump_clock: MockClock,
) -> None:
    fake = FakeUpstreams(lifetime=1)
    async with opened(looked_after(None, "old"), fake) as router:
        await use(router, A)
        await trio.sleep(1)
        router.reconfigure(looked_after(None, "new"))
        await use(router, A)
        (spec,) = (await router.specifications()).values()
        assert isinstance(spec, ModelSpec)
        assert spec.supervision.stop_argv == ("new",)

    assert fake.told() == ["start a", "ready a", "gone a"] * 2


async def test_a_removed_model_is_unknown_from_then_on(autojump_clock: MockClock) -> None:
    async with opened(fleet(A, B), FakeUpstreams()) as router:
        _, settled = router.reconfigure(fleet(A))
        await settled()
        with pytest.raises(UnknownModelError, match="'b' is not configured any more"):
            await use(router, B)


async def test_leaving_refuses_who_waits_and_stops_all_models_side_by_side(
    autojump_clock: MockClock,
) -> None:
    fake = FakeUpstreams(stop=5)
    async with trio.open_nursery() as nursery, opened(fleet(A, B, C, swap=False), fake) as router:
        for model in (A, B):
            await use(router, model)

        async def ask() -> None:
            with pytest.raises(UnavailableError, match="shutting down"):
                await use(router, C)

        nursery.start_soon(ask)
        await wait_all_tasks_blocked()
        left = trio.current_time()

    assert trio.current_time() == left + 5
    assert not fake.alive


async def test_an_idle_router_leaves_at_once(autojump_clock: MockClock) -> None:
    async with opened(fleet(A), FakeUpstreams()):
        pass

    assert trio.current_time() == 0


async def test_who_asks_a_router_that_has_ended_hears_so(autojump_clock: MockClock) -> None:
    async with opened(fleet(A), FakeUpstreams()) as router:
        pass

    with pytest.raises(SwapError, match=r"^the router has ended$"):
        await router.view()


async def test_who_waits_when_the_router_breaks_hears_so(autojump_clock: MockClock) -> None:
    fake = FakeUpstreams(load=20)
    async with trio.open_nursery() as nursery:
        router: RouterClient = await nursery.start(
            run_router, trio.Event(), fleet(A), Pool(), Listeners(), fake.run
        )

        async def ask() -> None:
            with trio.CancelScope(shield=True), pytest.raises(SwapError, match="has ended"):
                await use(router, A)

        nursery.start_soon(ask)
        await trio.sleep(1)
        nursery.cancel_scope.cancel()

    assert not fake.alive


@pytest.fixture(autouse=True)
def _hear_info(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "llamaswap")


async def test_an_unload_and_a_crash_at_one_moment_hurt_nobody(autojump_clock: MockClock) -> None:
    # Which of the two is told first is a matter of chance.
    for _ in range(20):
        fake = FakeUpstreams(load=1.0, lifetime=10.0)
        async with opened(fleet(A, B), fake) as router:
            began = trio.current_time()
            await use(router, A)
            await trio.sleep_until(began + 11.0)
            await router.unload()

            await use(router, B)
        assert fake.alive == set()


async def test_the_queue_and_what_a_request_would_do_are_told(autojump_clock: MockClock) -> None:
    async with (
        opened(fleet(A, B), FakeUpstreams()) as router,
        trio.open_nursery() as nursery,
        router.lease(A),
    ):
        nursery.start_soon(use, router, B)
        await trio.sleep(2)

        (waiting,) = await router.queue()
        assert (waiting.model, waiting.waited) == (B, 2)
        explanation = await router.explain(B)
        assert (explanation.model, explanation.outcome) == (B, Outcome.WAIT)


async def test_usual_times_are_told_when_they_have_changed(autojump_clock: MockClock) -> None:
    told: list[tuple[ModelId, float | None, float | None]] = []

    def note(model: ModelId, load: float | None, stop: float | None) -> None:
        told.append((model, load, stop))

    listeners = Listeners(learned=note)
    fake = FakeUpstreams(load=1.0, stop=0.5)
    async with open_layer(run_router, fleet(A), Pool(), listeners, fake.run, grace=60) as router:
        await use(router, A)
        await router.unload()

    assert told == [(A, 1.0, None), (A, 1.0, 0.5)]
