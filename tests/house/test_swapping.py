"""Stories over real HTTP: who is served, who waits, who must go, and what breaks."""

from __future__ import annotations

import shlex
import sys

import pytest
import trio
from attrs import evolve

from llamaswap.config.schema import ModelConfig
from llamaswap.config.sections import MatrixConfig
from llamaswap.relay.client import CutError
from tests.house.clients import JSON, Reply, chat_body
from tests.house.houses import House, config_of, group, model, opened, until_left_alone
from tests.processes import FAKE_MODEL, marked
from tests.upstream.runs import free_port

pytestmark = pytest.mark.slow

STOPPED = ("stopped", 0, 0)
READY = ("ready", 0, 0)


async def test_streams_from_two_models_cost_one_swap() -> None:
    async with opened(config_of(a=model(), b=model())) as house:
        for name in ("a", "b"):
            async with house.client.streaming(name) as stream:
                words = [await stream.word() for _ in range(6)]
                rest = await stream.rest()
            assert words == ["", "The", " quick", " brown", " fox", " jumps"]
            assert rest.endswith(b"data: [DONE]\n\n")

        assert [line for line in house.log if "Request" not in line and "ready" not in line] == [
            "[INFO] a: starting (requests waiting: 1)",
            "[INFO] a: stopping (makes room for b)",
            "[INFO] a: stopped (makes room for b)",
            "[INFO] b: starting (requests waiting: 1)",
        ]


async def test_interleaved_requests_for_three_models_cost_three_loads() -> None:
    served: list[str] = []
    models = {name: model("--load", "0.2") for name in ("a", "b", "c")}

    async def ask(name: str) -> None:
        assert (await house.client.chat(name)).status == 200
        served.append(name)
        assert len(marked()) <= 1

    async with opened(config_of(**models)) as house, trio.open_nursery() as nursery:
        for name in ("a", "b", "c", "a", "b", "c"):
            nursery.start_soon(ask, name)

    assert sorted(served) == ["a", "a", "b", "b", "c", "c"]
    assert served[0] == served[1]
    assert served[2] == served[3]
    assert house.logged(": starting (") == 3


async def test_a_model_that_serves_is_not_evicted() -> None:
    order: list[str] = []

    async def ask_b() -> None:
        assert (await house.client.chat("b")).status == 200
        order.append("b is answered")

    async with (
        opened(config_of(a=model("--step", "--tokens", "1"), b=model())) as house,
        trio.open_nursery() as nursery,
        house.client.streaming("a") as stream,
    ):
        await stream.event()
        nursery.start_soon(ask_b)
        await house.until("b", "stopped", waiting=1)
        await house.server("a").release()
        assert await stream.word() == "The"
        assert await house.views() == {"a": ("ready", 1, 0), "b": ("stopped", 0, 1)}
        await house.server("a").release()
        assert b"[DONE]" in await stream.rest()
        order.append("a has ended")

    assert order == ["a has ended", "b is answered"]


async def test_requests_join_a_load_in_progress() -> None:
    pids: set[int] = set()

    async def ask() -> None:
        pids.add((await house.client.chat("a")).pid)

    async with opened(config_of(a=model("--load", "0.4"))) as house:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask)
            await house.until("a", "starting", waiting=1)
            for _ in range(5):
                nursery.start_soon(ask)
            await house.until("a", "starting", waiting=6)

        assert len(pids) == 1
        assert house.logged("a: starting (") == 1


async def test_a_request_beyond_the_limit_is_told_to_come_again() -> None:
    entry = evolve(model("--hold"), concurrency_limit=1)
    async with opened(config_of(a=entry)) as house, trio.open_nursery() as nursery:
        nursery.start_soon(house.client.chat, "a")
        await house.until("a", "ready", serving=1)
        reply = await house.client.chat("a")
        await house.server("a").release()

    assert reply.status == 429
    assert reply.headers["retry-after"] == "1"
    assert reply.headers["content-type"] == "application/json"
    assert reply.document == {
        "src": "llama-swap",
        "error": {
            "message": "Too many requests",
            "type": "rate_limit_error",
            "param": None,
            "code": "concurrency_limit",
        },
    }


async def test_nothing_is_loaded_for_a_client_that_left_the_queue() -> None:
    config = config_of(a=model("--step", "--tokens", "0"), b=model())
    async with opened(config) as house:
        async with house.client.streaming("a") as stream:
            await stream.event()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(house.client.chat, "b")
                await house.until("b", "stopped", waiting=1)
                nursery.cancel_scope.cancel()
            await house.until("b", "stopped")
            await house.server("a").release()
            await stream.rest()
        await house.until("a", "ready")

    assert house.logged("b: starting (") == 0
    assert house.logged('"POST /v1/chat/completions HTTP/1.1" 499 0') == 1


async def test_a_client_that_leaves_during_the_load_counts_no_more() -> None:
    async with opened(config_of(a=model("--never-healthy"), b=model())) as house:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(house.client.chat, "a")
            await house.until("a", "starting", waiting=1)
            nursery.cancel_scope.cancel()
        await house.until("a", "starting")

        assert (await house.client.chat("b")).status == 200
        assert await house.views() == {"a": STOPPED, "b": READY}


async def test_a_client_that_leaves_at_the_moment_of_readiness_counts_no_more() -> None:
    async with opened(config_of(a=model(), b=model())) as house:
        for name in ("a", "b") * 5:
            seen = house.logged(f"{name}: ready after")
            async with trio.open_nursery() as nursery:
                nursery.start_soon(house.client.chat, name)
                await house.until_logged(f"{name}: ready after", times=seen + 1)
                nursery.cancel_scope.cancel()
            await house.until(name, "ready")


async def test_a_client_that_hangs_up_ends_the_work_for_it() -> None:
    async with opened(config_of(a=model("--gap", "0.01", "--tokens", "100000"))) as house:
        async with house.client.streaming("a") as stream:
            await stream.event()
            await house.until("a", "ready", serving=1)
            pid = stream.pid
        await house.until("a", "ready")
        await until_left_alone(pid)

        assert house.logged("a: stop") == 0


async def test_a_client_that_hangs_up_before_the_answer_ends_the_work_for_it() -> None:
    async with opened(config_of(a=model("--hold"))) as house:
        pid = (await house.client.get("/upstream/a/held")).pid
        async with trio.open_nursery() as nursery:
            nursery.start_soon(house.client.chat, "a")
            await house.until("a", "ready", serving=1)
            nursery.cancel_scope.cancel()
        await house.until("a", "ready")
        await until_left_alone(pid)


async def test_members_of_a_group_without_swapping_run_side_by_side() -> None:
    config = config_of(group("a", "b", swap=False), a=model(), b=model())
    async with opened(config) as house:
        first = await house.client.chat("a")
        await house.client.chat("b")
        again = await house.client.chat("a")

        assert first.pid == again.pid
        assert await house.views() == {"a": READY, "b": READY}


async def test_an_exclusive_group_stops_what_runs_elsewhere_and_others_do_not() -> None:
    config = config_of(
        group("x", swap=True, exclusive=True),
        group("n", swap=True, exclusive=False),
        x=model(),
        n=model(),
    )
    async with opened(config) as house:
        await house.client.chat("x")
        await house.client.chat("n")
        assert await house.views() == {"x": READY, "n": READY}
        await house.client.chat("x")
        assert await house.views() == {"x": READY, "n": STOPPED}
        assert house.logged("x: starting (") == 1


async def test_a_persistent_group_stays_beside_an_exclusive_one() -> None:
    config = config_of(group("p", swap=True, persistent=True), p=model(), a=model())
    async with opened(config) as house:
        await house.client.chat("p")
        await house.client.chat("a")

        assert await house.views() == {"a": READY, "p": READY}


async def test_a_matrix_says_who_runs_together() -> None:
    seen: list[set[str]] = []
    sets = {"s": "a & b", "t": "b & c"}
    config = config_of(**{name: model("--load", "0.2") for name in ("a", "b", "c", "lonely")})

    async def ask(name: str) -> None:
        assert (await house.client.chat(name)).status == 200
        views = await house.views()
        seen.append({one for one, (state, _, _) in views.items() if state != "stopped"})
        assert len(marked()) <= 2

    async with opened(evolve(config, matrix=MatrixConfig(sets=sets))) as house:
        async with trio.open_nursery() as nursery:
            for name in ("a", "c", "b"):
                nursery.start_soon(ask, name)
        await ask("lonely")

    assert all(alive <= {"a", "b"} or alive <= {"b", "c"} for alive in seen[:-1])
    assert seen[-1] == {"lonely"}


async def test_an_idle_model_is_unloaded_and_comes_back_when_it_is_asked() -> None:
    async with opened(config_of(a=evolve(model(), ttl=1))) as house:
        first = await house.client.chat("a")
        await house.until_logged("a: stopped (idle for 1 s)")
        second = await house.client.chat("a")

        assert second.status == 200
        assert second.pid != first.pid


async def test_who_asks_while_an_idle_model_stops_is_served_by_a_new_process() -> None:
    replies: list[Reply] = []

    async def ask() -> None:
        replies.append(await house.client.chat("a"))

    async with opened(config_of(a=evolve(model("--slow-sigterm", "0.5"), ttl=1))) as house:
        first = await house.client.chat("a")
        await house.until("a", "stopping")
        async with trio.open_nursery() as nursery:
            for _ in range(3):
                nursery.start_soon(ask)

        assert [reply.status for reply in replies] == [200] * 3
        assert len({first.pid, *(reply.pid for reply in replies)}) == 2
        assert house.logged("a: starting (") == 2


async def test_unloading_during_a_load_tells_who_waits_and_ends_the_process() -> None:
    replies: list[Reply] = []

    async def ask() -> None:
        replies.append(await house.client.chat("a"))

    async with opened(config_of(a=model("--never-healthy"))) as house:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask)
            await house.until("a", "starting", waiting=1)
            unloaded = await house.client.send("POST", "/api/models/unload/a")
        assert await house.views() == {"a": STOPPED}

    assert (unloaded.status, unloaded.body) == (200, b"OK")
    (reply,) = replies
    assert reply.status == 503
    assert reply.headers["retry-after"] == "1"
    assert reply.error["message"] == "the model 'a' was unloaded; ask again to load it"


async def test_who_asks_again_during_an_unloading_is_served_by_a_new_process() -> None:
    statuses: list[int] = []

    async def ask() -> None:
        statuses.append((await house.client.chat("a")).status)

    async with opened(config_of(a=model("--load", "0.1"))) as house:
        for _ in range(5):
            async with trio.open_nursery() as nursery:
                unloaded = house.logged("a: stopping (unloaded)")
                nursery.start_soon(ask)
                await house.until("a", "starting", waiting=1)
                nursery.start_soon(house.client.get, "/unload")
                await house.until_logged("a: stopping (unloaded)", times=unloaded + 1)
                nursery.start_soon(ask)
            await house.client.get("/unload")

    assert sorted(statuses) == [200] * 5 + [503] * 5


async def test_unloading_cuts_what_the_model_serves() -> None:
    async with opened(config_of(a=model("--hold"))) as house:
        replies: list[Reply] = []

        async def ask() -> None:
            replies.append(await house.client.chat("a"))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask)
            await house.until("a", "ready", serving=1)
            assert (await house.client.get("/unload")).body == b"OK"

        told = "the model 'a' was stopped before its answer ended: unloaded"
        assert replies[0].status == 503
        assert replies[0].error["message"] == told
        assert f"[WARN] a: {told}" in house.log
        assert not any("the server of a" in line for line in house.log)
        assert await house.views() == {"a": STOPPED}


async def test_a_crash_in_an_event_stream_is_told_in_the_stream() -> None:
    entry = model("--die-mid-stream", "2", "--die-by", "exit")
    async with opened(config_of(a=entry)) as house:
        async with house.client.streaming("a") as stream:
            first = stream.pid
            assert await stream.word() == ""
            assert await stream.word() == "The"
            told = await stream.event()
            assert await stream.event() == ""
        await house.until_logged("a: exited with status 13")
        second = await house.client.chat("a")

    assert told.startswith('data: {"src": "llama-swap", "error": {"message": "')
    assert '"code": "bad_gateway"' in told
    assert second.status == 200
    assert second.pid != first


CUT_ANSWER = """
import os, socket, sys
port, kind = int(sys.argv[1]), sys.argv[2]
OK = b"HTTP/1.1 200 OK\\r\\n"
with socket.create_server(("127.0.0.1", port)) as listener:
    while True:
        client, _ = listener.accept()
        asked = client.recv(65536)
        if asked.startswith(b"GET"):
            client.sendall(OK + b"Content-Length: 0\\r\\nConnection: close\\r\\n\\r\\n")
            client.close()
            continue
        if kind == "chunked":
            client.sendall(OK + b"Transfer-Encoding: chunked\\r\\n\\r\\n4\\r\\nhalf\\r\\n")
        elif kind == "sized":
            client.sendall(OK + b"Content-Length: 8\\r\\n\\r\\nhalf")
        os._exit(13)
"""
"""A server that is healthy, and dies in the middle of its first answer."""


def dies(kind: str) -> ModelConfig:
    """Describe a model that crashes in an answer of that kind, or before it."""
    port = free_port()
    argv = (sys.executable, "-S", "-c", CUT_ANSWER, str(port), kind)
    return ModelConfig(cmd=shlex.join(argv), proxy=f"http://127.0.0.1:{port}")


@pytest.mark.parametrize("kind", ["chunked", "sized"])
async def test_a_crash_in_another_answer_cuts_the_connection(kind: str) -> None:
    async with opened(config_of(a=dies(kind))) as house:
        async with house.client.open("POST", "/v1/completions", chat_body("a"), JSON) as stream:
            data = await stream.until(b"half")
            with pytest.raises(CutError):
                await stream.rest()
        await house.until_logged("a: exited with status 13")

    assert (stream.status, data) == (200, b"half")


async def test_a_crash_before_the_first_byte_is_a_bad_gateway() -> None:
    async with opened(config_of(a=dies("none"))) as house:
        reply = await house.client.chat("a")
        await house.until_logged("a: exited with status 13")

    assert reply.status == 502
    assert reply.headers["content-type"] == "application/json"
    assert reply.document["src"] == "llama-swap"
    assert reply.error["type"] == "server_error"
    assert reply.error["code"] == "bad_gateway"
    assert "closed the connection before it answered" in reply.error["message"]


async def test_a_model_that_is_never_healthy_is_given_up_with_its_last_words() -> None:
    config = config_of(a=model("--never-healthy", "--say", "no memory left"))
    async with opened(evolve(config, health_check_timeout=1)) as house:
        reply = await house.client.chat("a")

        assert await house.views() == {"a": STOPPED}
    assert reply.status == 502
    assert reply.error == {
        "message": "the model 'a' could not be started: was still not healthy after 1 s; "
        "its last output:\nno memory left",
        "type": "server_error",
        "param": None,
        "code": "model_start_failed",
    }


async def test_a_model_that_exits_during_its_load_says_why() -> None:
    entry = model("--never-healthy", "--say", "no such file", "--exit", "3", "--after", "0.1")
    async with opened(config_of(a=entry)) as house:
        reply = await house.client.chat("a")

    assert reply.status == 502
    assert reply.error["message"] == (
        "the model 'a' could not be started: exited with status 3 before it was ready; "
        "its last output:\nno such file"
    )


async def test_a_command_that_does_not_exist_is_named() -> None:
    entry = ModelConfig(cmd="/nowhere/llama-server --port 1", proxy="http://127.0.0.1:1")
    async with opened(config_of(a=entry)) as house:
        reply = await house.client.chat("a")

    assert reply.status == 502
    assert reply.error["message"] == (
        "the model 'a' could not be started: cannot run /nowhere/llama-server: "
        "No such file or directory"
    )


async def test_a_foreign_server_on_the_port_is_named_and_not_taken_for_the_model() -> None:
    port = free_port()
    with trio.fail_after(10):
        stranger = await trio.lowlevel.open_process([*FAKE_MODEL, "--port", str(port)])
        try:
            while True:
                try:
                    await (await trio.open_tcp_stream("127.0.0.1", port)).aclose()
                    break
                except OSError:
                    await trio.lowlevel.checkpoint()
            async with opened(config_of(a=model(port=port))) as house:
                reply = await house.client.chat("a")
        finally:
            stranger.kill()
            with trio.CancelScope(shield=True, deadline=trio.current_time() + 5):
                await stranger.wait()

    assert reply.status == 502
    assert f"port {port} on 127.0.0.1 is taken by " in reply.error["message"]
    assert f"(pid {stranger.pid})" in reply.error["message"]


async def test_a_flood_of_output_slows_nobody() -> None:
    config = config_of(group("a", "b", swap=False), a=model("--flood"), b=model())
    async with opened(config) as house:
        assert (await house.client.chat("a")).status == 200
        for _ in range(20):
            assert (await house.client.chat("b")).status == 200


async def test_a_victim_that_ignores_sigterm_is_killed_after_its_grace() -> None:
    entry = evolve(model("--ignore-sigterm"), unload_timeout=1)
    async with opened(config_of(a=entry, b=model())) as house:
        await house.client.chat("a")
        began = trio.current_time()
        reply = await house.client.chat("b")

        assert reply.status == 200
        assert 1 <= trio.current_time() - began < 4


async def test_a_victim_that_needs_a_while_to_end_is_waited_for() -> None:
    config = config_of(a=model("--slow-sigterm", "0.3"), b=model())
    async with opened(config) as house:
        await house.client.chat("a")
        assert (await house.client.chat("b")).status == 200

        assert "ending\nended\n" in await house.until_printed("a", "ended")


async def test_a_grandchild_that_holds_the_output_delays_nothing() -> None:
    async with opened(config_of(a=model("--grandchild"), b=model())) as house:
        await house.client.chat("a")
        await house.until_printed("a", "grandchild ")
        began = trio.current_time()
        await house.client.chat("b")

        assert trio.current_time() - began < 2


async def test_a_dead_leader_is_noticed_though_its_grandchild_holds_the_output() -> None:
    entry = model("--grandchild", "--die-mid-stream", "1", "--die-by", "exit")
    async with opened(config_of(a=entry)) as house:
        async with house.client.streaming("a") as stream:
            await stream.rest()
        await house.until_logged("a: exited with status 13")


async def test_many_clients_and_models_leave_every_counter_at_zero() -> None:
    models = {name: model("--gap", "0.005") for name in ("a", "b", "c")}

    async def ask(house: House, name: str, events: int) -> None:
        async with house.client.streaming(name) as stream:
            for _ in range(events):
                await stream.event()

    async with opened(config_of(**models)) as house:
        async with trio.open_nursery() as nursery:
            for number in range(24):
                nursery.start_soon(ask, house, "abc"[number % 3], number % 4)
        await house.client.get("/unload")
        assert await house.views() == {"a": STOPPED, "b": STOPPED, "c": STOPPED}
