"""States and logs as events: how they stand, then as they change."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
from attrs import evolve
from trio.testing import MockClock, wait_all_tasks_blocked

from llamaswap.config.schema import ModelConfig
from llamaswap.config.sections import ActivityConfig, UiConfig
from llamaswap.observe.logs import FEED_BYTES, RING_BYTES
from llamaswap.policy.rules import ModelId
from llamaswap.web.events import HEARTBEAT, event_of
from llamaswap.web.front import Snapshot
from tests.fakes import FakeUpstreams, fleet
from tests.web.asgi_calls import Call, Connection, events_in
from tests.web.front_house import House, open_house

BEGINNING = 5
"""Events that tell how things stand."""

LONGEST_LINE = 2 * 1024 * 1024
"""What the reference's wake-on-LAN front end reads."""


class Gate(Connection):
    """A connection whose client may stop reading."""

    def __init__(self) -> None:
        super().__init__()
        self.opened = trio.Event()
        self.opened.set()

    def stall(self) -> None:
        self.opened = trio.Event()

    async def send_piece(self, data: bytes) -> None:
        await self.opened.wait()
        await super().send_piece(data)


@asynccontextmanager
async def listening(
    house: House, connection: Connection | None = None
) -> AsyncGenerator[Call, None]:
    """Listen to the events until the program leaves."""
    call = Call("GET", "/api/events", connection=connection)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(call.run, house.app)
        await wait_all_tasks_blocked()
        yield call
        house.front.leaving.set()


def told(call: Call, kind: str) -> list[Any]:
    """Return all data of one type, but for the beginning."""
    return [data for type_, data in events_in(call.body)[BEGINNING:] if type_ == kind]


def states(call: Call) -> list[dict[str, str]]:
    """Return each list of states after the first, as id and state."""
    return [{each["id"]: each["state"] for each in data} for data in told(call, "modelStatus")]


def text(call: Call, source: str) -> str:
    """Return what was told of a log after its history."""
    logs = told(call, "logData")
    return "".join(each["data"] for each in logs if each["source"] == source)


def put(house: House, *models: str, **changed: Any) -> None:
    """Put another configuration in force, as a reload does."""
    entries = {ModelId(model): ModelConfig() for model in models}
    house.front.router.reconfigure(fleet(*entries))
    config = evolve(house.front.snapshot.config, models=entries, **changed)
    house.front.snapshot = Snapshot.of(config)


async def test_the_beginning_is_complete_and_in_order(autojump_clock: MockClock) -> None:
    models = {
        "b": ModelConfig(name=" The second ", description="a text", aliases=("x", "y")),
        "a": ModelConfig(unlisted=True),
    }
    async with open_house(models) as house:
        house.front.book.say("ours")
        house.front.book.hear("b", b"theirs\n")
        async with listening(house) as call:
            events = events_in(call.body)

    plain = {"name": "", "description": "", "state": "stopped", "peerID": ""}
    named = {"name": "The second", "description": "a text", "aliases": ["x", "y"]}
    assert events == [
        ("logData", {"source": "proxy", "data": "ours\n"}),
        ("logData", {"source": "upstream", "data": "theirs\n"}),
        (
            "modelStatus",
            [plain | {"id": "a", "unlisted": True}, plain | named | {"id": "b", "unlisted": False}],
        ),
        ("uiConfig", {"activity": {"session_id": ["X-Session-ID", "X-Litellm-Session-Id"]}}),
        ("profileChanged", {"active": None}),
    ]
    assert call.is_complete


async def test_a_history_without_lines_is_told_too(autojump_clock: MockClock) -> None:
    async with open_house() as house, listening(house) as call:
        assert events_in(call.body)[:2] == [
            ("logData", {"source": "proxy", "data": ""}),
            ("logData", {"source": "upstream", "data": ""}),
        ]


async def test_a_stream_has_the_headers_of_the_reference(autojump_clock: MockClock) -> None:
    async with open_house() as house:
        call = await house.call("HEAD", "/api/events")
        old = await house.call("HEAD", "/api/events", http_version="1.0")
        posted = await house.call("POST", "/api/events")

    plain = [
        ("content-type", "text/event-stream"),
        ("cache-control", "no-cache"),
        ("x-content-type-options", "nosniff"),
        ("x-accel-buffering", "no"),
    ]
    assert call.status == 200
    assert call.headers == [*plain, ("connection", "keep-alive")]
    assert (call.body, call.is_complete) == (b"", True)
    assert old.headers == plain
    assert posted.status == 405


def test_data_is_json_in_a_text_on_one_line() -> None:
    event = event_of("logData", {"source": "proxy", "data": 'a\n"ü"\u2028'})

    head, data, *rest = event.split(b"\n")
    assert (head, rest) == (b"event:message", [b"", b""])
    assert data.isascii()
    assert data.startswith(b'data:{"type":"logData","data":"{')
    inner = '{"source":"proxy","data":"a\\n\\"ü\\"\u2028"}'
    assert json.loads(data.removeprefix(b"data:")) == {"type": "logData", "data": inner}


async def test_each_step_of_a_model_is_told_when_it_happens(autojump_clock: MockClock) -> None:
    async with open_house(("a", "b")) as house, listening(house) as call:
        await trio.sleep(10)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(house.infer, "a")
            await wait_all_tasks_blocked()
            assert states(call)[-1] == {"a": "starting", "b": "stopped"}
        assert trio.current_time() == 11
        await wait_all_tasks_blocked()
        assert states(call)[-1] == {"a": "ready", "b": "stopped"}
        await house.infer("a")
        await trio.sleep(10)
        await house.front.router.unload()
        await wait_all_tasks_blocked()

    assert [each["a"] for each in states(call)] == ["starting", "ready", "stopping", "stopped"]


async def test_many_changes_at_once_are_few_lists_and_the_last_one_is_true(
    autojump_clock: MockClock,
) -> None:
    quick = FakeUpstreams(load=0.001, stop=0.001)
    async with open_house(("a", "b"), upstreams=quick) as house, listening(house) as call:
        for _ in range(20):
            await house.infer("a")
            await house.infer("b")
        elapsed = trio.current_time()
        await trio.sleep(1)

    assert len(quick.story) > 100
    assert elapsed / 0.05 < len(states(call)) <= elapsed / 0.05 + 2
    assert states(call)[-1] == {"a": "stopped", "b": "ready"}


async def test_nothing_is_told_while_nothing_changes(autojump_clock: MockClock) -> None:
    async with open_house() as house:
        await house.infer()
        async with listening(house) as call:
            await house.infer()
            await wait_all_tasks_blocked()
            before = len(call.pieces)
            await trio.sleep(4 * HEARTBEAT + 1)
            beats = call.pieces[before:]

    assert states(call) == []
    assert beats == [b":\n\n"] * 4


async def test_a_stream_goes_on_through_a_reload(autojump_clock: MockClock) -> None:
    async with open_house() as house, listening(house) as call:
        put(house, "a", "b")
        await wait_all_tasks_blocked()
        assert states(call) == [{"a": "stopped", "b": "stopped"}]
        await trio.sleep(1)
        put(house, "b", ui=UiConfig(ActivityConfig(("X-Chat",))))
        await wait_all_tasks_blocked()

    assert states(call)[1:] == [{"b": "stopped"}]
    assert told(call, "uiConfig") == [{"activity": {"session_id": ["X-Chat"]}}]
    assert told(call, "profileChanged") == []


async def test_logs_are_told_as_they_are_written(autojump_clock: MockClock) -> None:
    async with open_house() as house, listening(house) as call:
        house.front.book.say("ours")
        house.front.book.hear("a", b"theirs\n")
        await wait_all_tasks_blocked()

        assert text(call, "proxy") == "ours\n"
        assert text(call, "upstream") == "theirs\n"


async def test_a_character_that_is_cut_is_told_whole(autojump_clock: MockClock) -> None:
    async with open_house() as house:
        house.front.book.hear("a", b"\xc3")
        async with listening(house) as call:
            house.front.book.hear("a", b"\xbc\xe2\x82")
            await wait_all_tasks_blocked()
            house.front.book.hear("a", b"\xac\xff\n")
            await wait_all_tasks_blocked()

            assert text(call, "upstream") == "ü€\ufffd\n"


async def test_who_does_not_read_holds_up_nobody_and_hears_what_it_missed(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "llamaswap")
    lines, gate = 40 * 1024, Gate()
    async with open_house(("a", "b")) as house, listening(house, gate) as call:
        gate.stall()
        house.front.book.say("ours")
        for number in range(lines):
            house.front.book.hear("a", b"%01023d\n" % number)
            if number % 512 == 0:
                await wait_all_tasks_blocked()
        assert caplog.messages == []
        assert (await house.infer("b")).status == 200
        assert states(call) == []
        gate.opened.set()
        await wait_all_tasks_blocked()

    assert states(call) == [{"a": "stopped", "b": "ready"}]
    assert text(call, "proxy") == "ours\n"
    heard = text(call, "upstream").splitlines()
    (missed,) = (line for line in heard if line.startswith("—"))
    assert len(heard) < 2 * FEED_BYTES / 1024 + 4
    assert int(missed.removeprefix("— ").removesuffix(" writes missed —")) + len(heard) == lines + 2
    assert heard[-2:] == [f"{lines - 1:01023d}", "b loads"]


async def test_no_line_is_longer_than_others_can_read(autojump_clock: MockClock) -> None:
    gate = Gate()
    async with open_house() as house, listening(house, gate) as call:
        gate.stall()
        for _ in range(2 * FEED_BYTES // RING_BYTES):
            house.front.book.hear("a", bytes(RING_BYTES))
        await wait_all_tasks_blocked()
        gate.opened.set()
        await wait_all_tasks_blocked()

        assert len(text(call, "upstream")) > FEED_BYTES - RING_BYTES
        assert max(map(len, call.pieces)) < LONGEST_LINE


@pytest.mark.parametrize("connection", [Connection, lambda: None], ids=["ours", "foreign"])
async def test_who_leaves_is_not_told_any_more(
    connection: Callable[[], Connection | None], autojump_clock: MockClock
) -> None:
    async with open_house() as house:
        call = Call("GET", "/api/events", connection=connection())
        async with trio.open_nursery() as nursery:
            nursery.start_soon(call.run, house.app)
            await wait_all_tasks_blocked()
            call.hang_up()
        house.front.book.say("new")
        await house.infer()

    assert len(events_in(call.body)) == BEGINNING
    assert not call.is_complete


async def test_a_reader_that_is_stuck_does_not_keep_the_program(autojump_clock: MockClock) -> None:
    gate = Gate()
    async with open_house() as house, listening(house, gate):
        gate.stall()
        house.front.book.say("new")
        await wait_all_tasks_blocked()

    assert trio.current_time() == 0


async def test_the_stream_ends_when_the_router_does(autojump_clock: MockClock) -> None:
    call = Call("GET", "/api/events")
    async with trio.open_nursery() as nursery:
        async with open_house() as house:
            nursery.start_soon(call.run, house.app)
            await wait_all_tasks_blocked()
        house.front.changes.tell(None)
    assert call.is_complete
