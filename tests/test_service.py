"""The tree of tasks: layers on a mock clock, and whole routers with real processes."""

from __future__ import annotations

import json
import logging
import socket
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio
from attrs import evolve
from trio.testing import MockClock, wait_all_tasks_blocked

from llamaswap import service
from llamaswap.config.schema import Config
from llamaswap.config.sections import ProfileConfig, SelectorConfig
from llamaswap.errors import (
    ConfigError,
    ListenError,
    StartError,
    SwapError,
    UnavailableError,
    UnknownModelError,
)
from llamaswap.policy.messages import ModelState, ModelView, Target
from llamaswap.policy.plan import Plan
from llamaswap.policy.rules import ModelId
from llamaswap.relay.client import Pool
from llamaswap.router import run_router
from llamaswap.service import (
    STOP_MARGIN,
    Service,
    SwapRouter,
    longest_stop,
    open_layer,
    open_swap_router,
)
from llamaswap.web.asgi import Message
from tests.house.clients import Client, chat_body
from tests.house.houses import config_of, group, model
from tests.processes import marked, nothing_left

A, B, C = ModelId("a"), ModelId("b"), ModelId("c")


@pytest.fixture(autouse=True)
def _nothing_is_left(monkeypatch: pytest.MonkeyPatch) -> Generator[None, None, None]:
    with nothing_left(monkeypatch):
        yield


# Layers.

Story = list[tuple[float, str]]


def layer(name: str, story: Story, *, ends_after: float = 0) -> Service[str]:
    """Make a service that needs some seconds to end, and tells what happens to it."""

    async def service(
        leaving: trio.Event, *, task_status: trio.TaskStatus[str] = trio.TASK_STATUS_IGNORED
    ) -> None:
        task_status.started(name)
        try:
            await leaving.wait()
            story.append((trio.current_time(), f"{name} is told"))
            await trio.sleep(ends_after)
            story.append((trio.current_time(), f"{name} has ended"))
        except trio.Cancelled:
            story.append((trio.current_time(), f"{name} is cut"))
            raise

    return service


async def test_what_is_opened_last_leaves_first(autojump_clock: MockClock) -> None:
    story: Story = []
    async with (
        open_layer(layer("outer", story, ends_after=1), grace=10) as outer,
        open_layer(layer("inner", story, ends_after=2), grace=10) as inner,
    ):
        assert (outer, inner) == ("outer", "inner")
        await trio.sleep(5)

    assert story == [
        (5, "inner is told"),
        (7, "inner has ended"),
        (7, "outer is told"),
        (8, "outer has ended"),
    ]


async def test_a_layer_that_does_not_end_is_cut_after_its_grace(
    autojump_clock: MockClock,
) -> None:
    story: Story = []
    async with open_layer(layer("slow", story, ends_after=100), grace=3):
        pass

    assert story == [(0, "slow is told"), (3, "slow is cut")]


async def test_a_grace_may_be_asked_for_when_the_body_has_left(autojump_clock: MockClock) -> None:
    story: Story = []
    graces = [3.0]
    async with open_layer(layer("slow", story, ends_after=100), grace=lambda: graces[-1]):
        graces.append(7)

    assert story == [(0, "slow is told"), (7, "slow is cut")]


async def test_an_error_of_the_body_comes_out_by_itself(autojump_clock: MockClock) -> None:
    story: Story = []
    with pytest.raises(ZeroDivisionError):
        async with (
            open_layer(layer("outer", story, ends_after=1), grace=10),
            open_layer(layer("inner", story, ends_after=2), grace=10),
        ):
            raise ZeroDivisionError

    assert story == [
        (0, "inner is told"),
        (2, "inner has ended"),
        (2, "outer is told"),
        (3, "outer has ended"),
    ]


async def test_an_error_at_the_start_comes_out_by_itself(autojump_clock: MockClock) -> None:
    story: Story = []

    async def broken(_: trio.Event, *, task_status: trio.TaskStatus[None]) -> None:
        await trio.sleep(1)
        raise ListenError("the address is taken")

    with pytest.raises(ListenError, match=r"^the address is taken$"):
        async with open_layer(layer("outer", story), grace=10), open_layer(broken, grace=10):
            story.append((trio.current_time(), "the body begins"))

    assert story == [(1, "outer is told"), (1, "outer has ended")]


async def test_a_layer_finishes_although_everything_is_cancelled(
    autojump_clock: MockClock,
) -> None:
    story: Story = []
    with trio.move_on_after(5) as scope:
        async with (
            open_layer(layer("outer", story, ends_after=1), grace=10),
            open_layer(layer("inner", story, ends_after=2), grace=10),
        ):
            await trio.sleep_forever()

    assert scope.cancelled_caught
    assert story == [
        (5, "inner is told"),
        (7, "inner has ended"),
        (7, "outer is told"),
        (8, "outer has ended"),
    ]


async def test_a_cancelled_layer_has_its_grace_and_no_more(autojump_clock: MockClock) -> None:
    story: Story = []
    with trio.move_on_after(5):
        async with open_layer(layer("slow", story, ends_after=100), grace=3):
            await trio.sleep_forever()

    assert story == [(5, "slow is told"), (8, "slow is cut")]


async def test_a_start_can_be_cancelled(autojump_clock: MockClock) -> None:
    async def never_ready(_: trio.Event, *, task_status: trio.TaskStatus[None]) -> None:
        await trio.sleep_forever()

    with trio.move_on_after(5) as scope:
        async with open_layer(never_ready, grace=10):
            pass

    assert scope.cancelled_caught
    assert trio.current_time() == 5


async def test_a_layer_that_breaks_later_ends_the_body(autojump_clock: MockClock) -> None:
    async def breaks(_: trio.Event, *, task_status: trio.TaskStatus[None]) -> None:
        task_status.started()
        await trio.sleep(1)
        raise ZeroDivisionError

    with pytest.RaisesGroup(ZeroDivisionError):
        async with open_layer(breaks, grace=10):
            await trio.sleep_forever()

    assert trio.current_time() == 1


async def test_what_the_body_raises_when_its_layer_breaks_is_not_lost(
    autojump_clock: MockClock,
) -> None:
    async def breaks(_: trio.Event, *, task_status: trio.TaskStatus[None]) -> None:
        task_status.started()
        raise ZeroDivisionError

    with pytest.RaisesGroup(ZeroDivisionError, KeyError):
        async with open_layer(breaks, grace=10):
            try:
                await trio.sleep_forever()
            finally:
                raise KeyError


async def test_a_router_is_not_opened_with_keys_that_would_do_nothing() -> None:
    with pytest.raises(ConfigError, match="`apiKeys` is not supported yet"):
        async with open_swap_router(Config(api_keys=("k",)), listen=None):
            pass


# Whole routers.


@asynccontextmanager
async def opened(config: Config, *, drain: float = 5) -> AsyncGenerator[SwapRouter, None]:
    with trio.fail_after(20):
        async with open_swap_router(config, listen=None, drain=drain) as swap:
            yield swap


async def pid_of(swap: SwapRouter, name: str) -> int:
    """Return the process that serves a model, loading it if need be."""
    async with swap.lease(name) as target, aclosing(Pool()) as pool:
        return (await Client(target.url, pool).chat(name)).pid


async def call(app: Any, scope: dict[str, Any], *messages: Message) -> list[Message]:
    """Call an ASGI application as a server does; return what it sends."""
    sent: list[Message] = []
    rest = list(messages)

    async def receive() -> Message:
        await trio.lowlevel.checkpoint()
        if not rest:
            await trio.sleep_forever()
        return rest.pop(0)

    async def send(message: Message) -> None:
        await trio.lowlevel.checkpoint()
        sent.append(message)

    with trio.fail_after(10):
        await app(scope, receive, send)
    return sent


def http(method: str, path: str) -> dict[str, Any]:
    """Make the scope of a request."""
    headers = [(b"host", b"a"), (b"content-type", b"application/json")]
    return {
        "type": "http",
        "http_version": "1.1",
        "method": method,
        "path": path,
        "query_string": b"",
        "headers": headers,
    }


@pytest.mark.slow
async def test_a_lease_may_be_asked_for_by_every_name() -> None:
    selector = SelectorConfig("warm", ("a", "b"))
    profile = ProfileConfig(pins={"chat": "any", "a": None})
    config = evolve(
        config_of(a=model(), b=model()), selectors={"any": selector}, profiles={"p": profile}
    )
    async with opened(config) as swap:
        async with swap.lease("b"), swap.lease("any") as target:
            assert target.model == B
        with pytest.raises(UnknownModelError, match="no model is called 'chat'"):
            async with swap.lease("chat"):
                pass
        swap.app.front.choose_profile("p")
        async with swap.lease("chat") as target:
            assert target.model == B
        with pytest.raises(UnknownModelError, match="no model is called 'a'"):
            async with swap.lease("a"):
                pass


@pytest.mark.slow
async def test_load_times_are_kept_where_an_embedding_program_says(tmp_path: Path) -> None:
    state = tmp_path / "times.json"
    async with open_swap_router(config_of(a=model()), listen=None, state=state) as swap:
        await pid_of(swap, "a")

    kept = json.loads(await trio.Path(state).read_text())
    assert kept["models"]["a"]["load"] > 0


@pytest.mark.slow
async def test_the_app_answers_under_any_server() -> None:
    async with opened(config_of(a=model())) as swap:
        body = {"type": "http.request", "body": chat_body("a"), "more_body": False}
        sent = await call(swap.app, http("POST", "/v1/chat/completions"), body)

    assert swap.urls == ()
    assert [message["type"] for message in sent[:2]] == [
        "http.response.start",
        "http.response.body",
    ]
    assert sent[0]["status"] == 200
    answer = json.loads(b"".join(message["body"] for message in sent[1:]))
    assert answer["choices"][0]["message"]["content"] == "The quick brown fox jumps"
    assert not sent[-1].get("more_body", False)


@pytest.mark.slow
async def test_a_client_that_leaves_another_server_gives_its_lease_back() -> None:
    async with opened(config_of(a=model("--hold"))) as swap:
        body = {"type": "http.request", "body": chat_body("a"), "more_body": False}
        gone = {"type": "http.disconnect"}
        sent = await call(swap.app, http("POST", "/v1/chat/completions"), body, gone)

        assert sent == []
        assert [(view.serving, view.waiting) for view in await swap.running()] == [(0, 0)]


async def test_the_app_follows_a_lifespan() -> None:
    async with opened(config_of(a=model())) as swap:
        sent = await call(
            swap.app,
            {"type": "lifespan"},
            {"type": "lifespan.startup"},
            {"type": "lifespan.shutdown"},
        )

    assert sent == [
        {"type": "lifespan.startup.complete"},
        {"type": "lifespan.shutdown.complete"},
    ]


async def test_the_app_refuses_a_websocket() -> None:
    async with opened(config_of(a=model())) as swap:
        scope = http("GET", "/upstream/a/ws") | {"type": "websocket"}
        sent = await call(swap.app, scope, {"type": "websocket.connect"})

    assert "websocket.accept" not in [message["type"] for message in sent]
    assert sent


@pytest.mark.slow
async def test_a_lease_holds_a_model_ready_under_any_of_its_names() -> None:
    entry = evolve(model(), aliases=("gpt-4o",))
    async with opened(config_of(a=entry)) as swap:
        async with swap.lease("gpt-4o") as target:
            assert target == Target(A, entry.proxy)
            assert await swap.running() == (ModelView(A, ModelState.READY, 1, 0),)
        assert await swap.running() == (ModelView(A, ModelState.READY, 0, 0),)


async def test_an_unknown_model_is_said_to_be_unknown() -> None:
    async with opened(config_of(a=model())) as swap:
        with pytest.raises(UnknownModelError, match=r"^no model is called 'x'$"):
            async with swap.lease("x"):
                pass
        with pytest.raises(UnknownModelError, match=r"^no model is called 'x'$"):
            await swap.unload("x")


@pytest.mark.slow
async def test_a_model_that_cannot_start_is_one_plain_error() -> None:
    async with opened(config_of(a=model("--never-healthy", "--exit", "3"))) as swap:
        with pytest.raises(StartError, match="exited with status 3 before it was ready"):
            async with swap.lease("a"):
                pass


@pytest.mark.slow
async def test_an_address_that_leads_nowhere_is_one_models_trouble() -> None:
    bad = evolve(model(), proxy="http://localhost:65536")
    async with opened(config_of(a=bad, b=model())) as swap:
        with pytest.raises(
            StartError, match=r"'a' could not be started: .*choose a lower startPort"
        ):
            async with swap.lease("a"):
                pass
        assert await pid_of(swap, "b")


@pytest.mark.slow
async def test_unloading_returns_when_the_processes_are_gone() -> None:
    config = config_of(group("a", "b", "c", swap=False), a=model(), b=model(), c=model())
    async with opened(config) as swap:
        for name in ("a", "b", "c"):
            await pid_of(swap, name)
        assert len(marked()) == 3
        await swap.unload("b")
        assert len(marked()) == 2
        await swap.unload()
        assert marked() == []


@pytest.mark.slow
async def test_a_reload_keeps_what_is_equal_and_replaces_what_has_changed() -> None:
    everything = group("a", "b", "c", swap=False)
    old = config_of(everything, a=model(), b=model(), c=model())
    changed = evolve(old.models[B], env=("A=1",))
    renamed = evolve(old.models[A], aliases=("gpt-4o",), ttl=60)
    new = config_of(group("a", "b", "d", swap=False), a=renamed, b=changed, d=model())
    async with opened(old) as swap:
        before = [await pid_of(swap, name) for name in ("a", "b", "c")]
        async with swap.lease("a"):
            steps = await swap.reload(new)
        after = [await pid_of(swap, name) for name in ("gpt-4o", "b", "d")]

        assert steps == Plan(keep=(A,), replace=(B,), remove=(C,), add=(ModelId("d"),))
        assert after[0] == before[0]
        assert len({*before, *after}) == 5
        assert len(marked()) == 3
        with pytest.raises(UnknownModelError):
            await pid_of(swap, "c")


@pytest.mark.slow
async def test_a_reload_lets_a_replaced_model_finish_what_it_serves() -> None:
    old = config_of(a=model())
    new = config_of(a=evolve(old.models[A], env=("A=1",)))
    async with opened(old) as swap, trio.open_nursery() as nursery:
        async with swap.lease("a"):
            nursery.start_soon(swap.reload, new)
            await wait_all_tasks_blocked()
            assert await swap.running() == (ModelView(A, ModelState.READY, 1, 0),)
            assert len(marked()) == 1
        assert await pid_of(swap, "a") > 0


@pytest.mark.slow
async def test_a_reload_cuts_what_is_still_served_after_the_drain_time() -> None:
    old = config_of(group("a", "b", "c", swap=False), a=model(), b=model(), c=model())
    new = config_of(a=evolve(old.models[A], env=("A=1",)))
    async with opened(old, drain=0.2) as swap:
        async with swap.lease("a"), swap.lease("b"):
            await pid_of(swap, "c")
            steps = await swap.reload(new)

        assert steps == Plan(replace=(A,), remove=(B, C))
        assert marked() == []
        assert await pid_of(swap, "a") > 0


async def test_a_reload_with_keys_that_would_do_nothing_changes_nothing() -> None:
    config = config_of(a=model())
    async with opened(config) as swap:
        with pytest.raises(ConfigError, match="`logLevel` is not supported yet"):
            await swap.reload(Config(log_level="debug"))

        assert [view.model for view in await swap.running()] == [A]


@pytest.mark.parametrize("other", [None, "config.yaml"])
async def test_a_reload_to_what_is_no_configuration_changes_nothing(other: Any) -> None:
    async with opened(config_of(a=model())) as swap:
        with pytest.raises(ConfigError, match="expected a Config, found a "):
            await swap.reload(other)

        assert [view.model for view in await swap.running()] == [A]


async def test_a_reload_after_the_end_says_so() -> None:
    config = config_of(a=model())
    async with opened(config) as swap:
        pass
    with pytest.raises(SwapError, match=r"^the router has ended$"), trio.fail_after(5):
        await swap.reload(config)


@pytest.mark.slow
async def test_reloads_that_are_cut_off_by_the_end_say_so() -> None:
    old = config_of(a=model("--slow-sigterm", "0.3"))
    new = config_of(a=evolve(old.models[A], env=("A=1",)))
    heard: list[str] = []

    async def reload(swap: SwapRouter) -> None:
        try:
            await swap.reload(new)
        except SwapError as exc:
            heard.append(str(exc))

    with trio.fail_after(10):
        async with trio.open_nursery() as nursery, opened(old) as swap, swap.lease("a"):
            for _ in range(4):
                nursery.start_soon(reload, swap)
            await wait_all_tasks_blocked()

    assert heard == ["the router has ended"] * 4


async def test_the_router_has_the_time_to_stop_that_the_configuration_in_force_gives_its_models(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    graces: list[Callable[[], float]] = []

    def open_and_tell(layer: Any, *args: Any, grace: Any) -> Any:
        if layer is run_router:
            graces.append(grace)
        return open_layer(layer, *args, grace=grace)

    monkeypatch.setattr(service, "open_layer", open_and_tell)
    config = config_of(a=evolve(model(), unload_timeout=5), b=evolve(model(), unload_timeout=7))
    async with opened(config) as swap:
        assert graces[0]() == 7 + STOP_MARGIN
        slow = evolve(config.models[A], unload_timeout=60)
        await swap.reload(evolve(config, models={A: slow}))

    assert graces[0]() == 60 + STOP_MARGIN


def test_without_models_there_is_nobody_to_wait_for() -> None:
    assert longest_stop([Config()]) == 0


@pytest.mark.slow
async def test_leaving_by_an_exception_leaves_no_process() -> None:
    with pytest.raises(ZeroDivisionError):
        async with opened(config_of(a=model())) as swap, swap.lease("a"):
            assert len(marked()) == 1
            raise ZeroDivisionError

    assert marked() == []


@pytest.mark.slow
async def test_leaving_by_cancellation_leaves_no_process() -> None:
    with trio.CancelScope() as scope:
        async with opened(config_of(a=model())) as swap, swap.lease("a"):
            assert len(marked()) == 1
            scope.cancel()
            await trio.sleep_forever()

    assert scope.cancelled_caught
    assert marked() == []


@pytest.mark.slow
async def test_leaving_during_a_load_refuses_who_waits_and_leaves_no_process() -> None:
    async def ask(swap: SwapRouter) -> None:
        with pytest.raises(UnavailableError, match=r"^llama-swap is shutting down$"):
            await pid_of(swap, "a")

    config = config_of(a=model("--never-healthy"))
    async with trio.open_nursery() as nursery, opened(config) as swap:
        nursery.start_soon(ask, swap)
        await wait_all_tasks_blocked(0.01)
        assert [view.state for view in await swap.running()] == [ModelState.STARTING]

    assert marked() == []


async def test_a_taken_port_is_a_listen_error_and_leaves_no_process() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(ListenError, match=f"^cannot listen on 127.0.0.1:{port}: another"):
            async with open_swap_router(config_of(a=model()), listen=f"127.0.0.1:{port}"):
                pass

    assert marked() == []


async def test_several_addresses_have_a_url_each() -> None:
    async with open_swap_router(Config(), listen=["127.0.0.1:0", "127.0.0.1:0"]) as swap:
        first, second = swap.urls

    assert first != second
    assert all(url.startswith("http://127.0.0.1:") for url in swap.urls)
    assert "http://127.0.0.1:0" not in swap.urls


async def test_what_is_logged_can_be_read_while_the_router_is_open(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "llamaswap")
    async with opened(config_of(a=model())) as swap:
        logging.getLogger("llamaswap.router").warning("%s: a word", "a")

        assert swap.app.front.book.combined.history == b"[WARN] a: a word\n"
