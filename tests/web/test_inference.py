"""The way of a model request, from its client to a model's server and back."""

from __future__ import annotations

import json
import logging

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from llamaswap.config.schema import Config, ModelConfig
from llamaswap.config.sections import SelectorConfig
from llamaswap.errors import UpstreamError
from llamaswap.policy.rules import Fairness
from llamaswap.relay.client import CutError
from llamaswap.web.front import Snapshot
from tests.fakes import A, FakeUpstreams
from tests.web.asgi_calls import JSON, Call, Connection, asking
from tests.web.front_house import House, Script, open_house

EVENTS = b"text/event-stream"


async def test_a_request_goes_to_its_model_as_it_came(autojump_clock: MockClock) -> None:
    headers = {
        "host": "h:1",
        "authorization": "Bearer k",
        "content-type": "application/json",
        "connection": "keep-alive, x-hop",
        "x-hop": "1",
    }
    body = b'\xef\xbb\xbf { "messages": [], "model" : "alias" }'
    script = Script((b'{"id":', b"1}"), 201, headers=((b"connection", b"close"), (b"x-up", b"1")))
    models = {"a": ModelConfig(aliases=("alias",)), "b": ModelConfig()}
    async with open_house(models, script=script) as house:
        call = await house.call("POST", "/v1/chat/completions?x=%2F&y", headers, body)
        asked = house.pool.last

    assert (asked.model, asked.method, asked.target) == (
        "a",
        "POST",
        "/v1/chat/completions?x=%2F&y",
    )
    assert asked.body == body
    assert not asked.is_chunked
    assert asked.headers == {
        "host": "h:1",
        "authorization": "Bearer k",
        "content-type": "application/json",
        "x-forwarded-for": "192.0.2.1",
    }
    assert call.status == 201
    assert call.headers == [
        ("content-type", "application/json"),
        ("x-up", "1"),
        ("server-timing", "queue;dur=0.0, load;dur=1000.0, upstream;dur=0.0"),
    ]
    assert call.pieces == [b'{"id":', b"1}"]
    assert call.is_complete


FORWARDED: dict[str, tuple[dict[str, str], object, str | None]] = {
    "the client's address": ({}, ("192.0.2.1", 1), "192.0.2.1"),
    "behind those of other proxies": (
        {"x-forwarded-for": "10.0.0.1"},
        ("192.0.2.1", 1),
        "10.0.0.1, 192.0.2.1",
    ),
    "nothing where there is no address": ({}, None, None),
    "what came where there is no address": ({"x-forwarded-for": "10.0.0.1"}, None, "10.0.0.1"),
}


@pytest.mark.parametrize(("headers", "client", "seen"), FORWARDED.values(), ids=FORWARDED)
async def test_a_model_hears_where_a_request_comes_from(
    headers: dict[str, str], client: object, seen: str | None, autojump_clock: MockClock
) -> None:
    async with open_house() as house:
        await house.call("POST", "/infill", JSON | headers, asking("a"), client=client)

        assert house.pool.last.headers.get("x-forwarded-for") == seen


async def test_a_model_may_be_told_another_name(autojump_clock: MockClock) -> None:
    models = {"a": ModelConfig(use_model_name="org/real")}
    form = {"content-type": "application/x-www-form-urlencoded"}
    async with open_house(models) as house:
        await house.call("POST", "/infill", JSON, b'{ "model" : "a", "n": 1.0 }')
        assert house.pool.last.body == b'{ "model" : "org/real", "n": 1.0 }'

        await house.call("POST", "/infill", form, b"model=a")
        assert house.pool.last.body == b"model=org%2Freal"

        await house.call("GET", "/props?model=a&x=%7e")
        assert house.pool.last.target == "/props?model=org%2Freal&x=%7e"


def any_of(strategy: str, *targets: str) -> dict[str, SelectorConfig]:
    return {"any": SelectorConfig(strategy=strategy, targets=targets)}


async def test_a_selectors_model_is_told_its_name_as_the_selector_spells_it(
    autojump_clock: MockClock,
) -> None:
    models = {"a": ModelConfig(aliases=("first",)), "b": ModelConfig(use_model_name="org/b")}
    selectors = any_of("spillover", "first", "b")
    script = Script((3, b"{}"))
    async with (
        open_house(models, script=script, swap=False, selectors=selectors) as house,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(house.call, "POST", "/infill", JSON, b'{ "model" : "any" }')
        await wait_all_tasks_blocked()
        nursery.start_soon(house.call, "GET", "/props?model=any&x=%7e")

    asked = {asked.model: asked for asked in house.pool.asked}
    assert asked["a"].body == b'{ "model" : "first" }'
    assert asked["b"].target == "/props?model=org%2Fb&x=%7e"


async def test_a_warm_selector_keeps_to_what_runs(autojump_clock: MockClock) -> None:
    async with open_house(("a", "b"), selectors=any_of("warm", "a", "b")) as house:
        await house.infer("b")
        await house.infer("any")

    assert house.upstreams.told() == ["start b", "ready b", "gone b"]
    assert [asked.model for asked in house.pool.asked] == ["b", "b"]


async def test_a_name_that_a_reload_changes_is_the_new_one_for_who_waits(
    autojump_clock: MockClock,
) -> None:
    async with open_house({"a": ModelConfig(use_model_name="old")}) as house:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(house.infer)
            await wait_all_tasks_blocked()
            config = Config(models={A: ModelConfig(use_model_name="new")})
            house.front.snapshot = Snapshot.of(config)

        assert house.pool.last.body == b'{"model": "new"}'


async def test_an_event_stream_is_passed_on_past_other_proxies(autojump_clock: MockClock) -> None:
    connection = Connection()
    async with open_house(script=Script((b"data: 1\n\n", 5, b"data: 2\n\n"), kind=EVENTS)) as house:
        call = await house.infer(connection=connection)

    assert call.header("x-accel-buffering") == "no"
    assert connection.pieces == [b"data: 1\n\n", b"data: 2\n\n"]
    assert call.is_complete
    assert not connection.is_cut


async def test_the_wait_for_a_busy_place_is_told(autojump_clock: MockClock) -> None:
    script = Script((3, b"{}"))
    async with open_house(("a", "b"), script=script) as house, trio.open_nursery() as nursery:
        nursery.start_soon(house.infer, "a")
        await wait_all_tasks_blocked()
        call = await house.infer("b")

    # A loads and serves, and is stopped; then B loads.
    assert call.header("server-timing") == "queue;dur=4500.0, load;dur=1000.0, upstream;dur=0.0"


async def test_the_wait_for_the_models_server_is_told(autojump_clock: MockClock) -> None:
    async with open_house() as house:
        house.pool.thinking = 0.25
        call = await house.infer()

    assert call.header("server-timing") == "queue;dur=0.0, load;dur=1000.0, upstream;dur=250.0"


async def test_a_model_that_does_not_answer_is_a_bad_gateway(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_house(unreachable=UpstreamError("the server of a hung up")) as house:
        call = await house.infer()
        assert await house.in_use() == 0

    assert call.status == 502
    assert call.json["error"] == {
        "message": "the server of a hung up",
        "type": "server_error",
        "param": None,
        "code": "bad_gateway",
    }
    assert call.header("server-timing") == "queue;dur=0.0, load;dur=1000.0"
    assert "a: the server of a hung up" in caplog.messages


CUT = CutError("the server of a broke off")


async def test_a_cut_event_stream_ends_with_an_error(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_house(script=Script((b"data: 1\n\n", CUT), kind=EVENTS)) as house:
        call = await house.infer()
        assert await house.in_use() == 0

    assert call.status == 200
    assert call.pieces[0] == b"data: 1\n\n"
    assert call.pieces[1].startswith(b'\n\ndata: {"src": "llama-swap", "error": {"message": "the ')
    assert call.is_complete
    assert "a: the server of a broke off" in caplog.messages


async def infer_and_unload(house: House) -> Call:
    """Ask for a completion, and have the model unloaded when two seconds of it have passed."""
    calls: list[Call] = []

    async def infer() -> None:
        calls.append(await house.infer())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(infer)
        await trio.sleep(2)
        await house.front.router.unload()
    assert await house.in_use() == 0
    return calls[0]


UNLOADED = "the model 'a' was stopped before its answer ended: unloaded"


async def test_a_server_that_we_have_stopped_is_not_blamed_for_the_cut(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    script = Script((b"data: 1\n\n", 5, CUT), kind=EVENTS)
    async with open_house(script=script) as house:
        call = await infer_and_unload(house)

    assert call.pieces[0] == b"data: 1\n\n"
    assert json.loads(call.pieces[1].removeprefix(b"\n\ndata: "))["error"] == {
        "message": UNLOADED,
        "type": "server_error",
        "param": None,
        "code": "service_unavailable",
    }
    assert f"a: {UNLOADED}" in caplog.messages
    assert "a: the server of a broke off" not in caplog.messages


async def test_nor_for_an_answer_that_had_not_begun(autojump_clock: MockClock) -> None:
    async with open_house(unreachable=UpstreamError("the server of a hung up")) as house:
        house.pool.thinking = 5
        call = await infer_and_unload(house)

    assert (call.status, call.json["error"]["message"]) == (503, UNLOADED)


SIZED = ((b"content-length", b"9"),)
PACKED = ((b"content-encoding", b"gzip"),)
CUTS = {
    "no events": Script((b"{", CUT)),
    "events of known length": Script((b"data", CUT), kind=EVENTS, headers=SIZED),
    "compressed events": Script((b"\x1f", CUT), kind=EVENTS, headers=PACKED),
}


@pytest.mark.parametrize("script", CUTS.values(), ids=CUTS)
async def test_another_cut_answer_is_cut_for_the_client_too(
    script: Script, autojump_clock: MockClock
) -> None:
    connection = Connection()
    async with open_house(script=script) as house:
        call = await house.infer(connection=connection)
        assert await house.in_use() == 0

    assert connection.is_cut
    assert not call.is_complete


async def test_on_another_server_a_cut_answer_is_not_ended(autojump_clock: MockClock) -> None:
    async with open_house(script=Script((b"{", CUT))) as house:
        call = await house.infer()

    assert call.body == b"{"
    assert not call.is_complete


async def test_more_requests_than_the_limit_are_refused(autojump_clock: MockClock) -> None:
    async with open_house(limit=1) as house, trio.open_nursery() as nursery:
        nursery.start_soon(house.infer)
        await wait_all_tasks_blocked()
        call = await house.infer()

        assert trio.current_time() == 0
        assert call.status == 429
        assert call.header("retry-after") == "1"
        assert call.json["error"]["message"] == "Too many requests"


async def test_a_model_that_does_not_start_is_told_with_its_reason(
    autojump_clock: MockClock,
) -> None:
    async with open_house(upstreams=FakeUpstreams(broken={"a"})) as house:
        call = await house.infer()

    assert call.status == 502
    assert call.json["error"]["code"] == "model_start_failed"
    assert call.json["error"]["message"] == (
        "the model 'a' could not be started: exited with status 3 before it was ready"
    )


async def test_a_model_that_is_unloaded_meanwhile_may_be_asked_again(
    autojump_clock: MockClock,
) -> None:
    async with open_house() as house, trio.open_nursery() as nursery:
        call = Call("POST", "/v1/messages", JSON, asking("a"))
        nursery.start_soon(call.run, house.app)
        await wait_all_tasks_blocked()
        await house.front.router.unload()

    assert call.status == 503
    assert call.header("retry-after") == "1"
    assert call.json["error"]["type"] == "overloaded_error"


TIMED_OUT = {
    "/v1/chat/completions": ("server_error", {"src", "error"}),
    "/v1/messages": ("overloaded_error", {"src", "type", "error"}),
}


@pytest.mark.parametrize(
    ("path", "kind", "keys"), [(path, *told) for path, told in TIMED_OUT.items()], ids=TIMED_OUT
)
async def test_who_has_waited_long_enough_hears_so_in_words_for_programs(
    path: str, kind: str, keys: set[str], autojump_clock: MockClock
) -> None:
    fairness, script = Fairness(queue_timeout=5), Script((60, b"{}"))
    async with (
        open_house(("a", "b"), script=script, fairness=fairness) as house,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(house.infer, "a")
        await trio.sleep(2)
        call = await house.call("POST", path, JSON, asking("b"))

        assert trio.current_time() == 7
        assert house.upstreams.told() == ["start a", "ready a"]
        nursery.cancel_scope.cancel()

    assert call.status == 503
    assert int(call.header("retry-after") or "") >= 1
    assert call.json.keys() == keys
    error = call.json["error"]
    assert (error["code"], error["type"]) == ("queue_timeout", kind)
    assert error["message"].startswith("the model 'b' could not be served in time: ")


# What the model's server does, and how long its client waits for it; a load takes a second.
STAGES = {
    "while the model loads": (Script(), 0.5),
    "while nothing comes": (Script((60, b"{}")), 2),
    "while the answer comes": (Script((b"data: 1\n\n", 60, b"data: 2\n\n"), kind=EVENTS), 2),
}


@pytest.mark.parametrize("ours", [True, False], ids=["ours", "foreign"])
@pytest.mark.parametrize(("script", "seconds"), STAGES.values(), ids=STAGES)
async def test_a_client_that_leaves_gives_back_what_it_held(
    script: Script,
    seconds: float,
    *,
    ours: bool,
    autojump_clock: MockClock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "llamaswap")
    async with open_house(script=script) as house:
        connection = Connection() if ours else None
        call = await leave_after(seconds, house, connection)

        assert trio.current_time() == seconds
        assert await house.in_use() == 0
        assert house.pool.open == 0
        assert not call.is_complete

    line = next(line for line in caplog.messages if line.startswith("Request "))
    shown = 499 if call.status is None else 200
    assert line.startswith(f'Request 192.0.2.1 "POST /v1/completions HTTP/1.1" {shown} ')


async def leave_after(seconds: float, house: House, connection: Connection | None) -> Call:
    call = Call("POST", "/v1/completions", JSON, asking("a"), connection=connection)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(call.run, house.app)
        await trio.sleep(seconds)
        call.hang_up()
    return call
