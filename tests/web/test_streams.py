"""Logs as history and as they are written."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from llamaswap.observe.logs import FEED_BYTES
from tests.web.asgi_calls import Call, Connection
from tests.web.front_house import House, open_house

MODELS = ("org/a", "proxy")


@asynccontextmanager
async def open_logs() -> AsyncGenerator[House, None]:
    """Open a house in which everybody has said something."""
    async with open_house(MODELS) as house:
        house.front.book.say("ours")
        house.front.book.hear("org/a", b"a\n")
        house.front.book.hear("proxy", b"p\n")
        yield house


@asynccontextmanager
async def following(house: House, target: str, *, ours: bool = True) -> AsyncGenerator[Call, None]:
    """Follow a log until the program leaves."""
    call = Call("GET", target, connection=Connection() if ours else None)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(call.run, house.app)
        await wait_all_tasks_blocked()
        yield call
        house.front.leaving.set()


@pytest.mark.parametrize("accept", ["", "*/*", "text/plain"])
async def test_what_stdout_has_shown_is_sent(accept: str, autojump_clock: MockClock) -> None:
    async with open_logs() as house:
        call = await house.call("GET", "/logs", {"accept": accept})

    assert call.status == 200
    assert call.header("content-type") == "text/plain; charset=utf-8"
    assert call.body == b"ours\n"


async def test_a_browser_is_sent_to_the_page(autojump_clock: MockClock) -> None:
    async with open_logs() as house:
        call = await house.call("GET", "/logs", {"accept": "text/html,text/plain"})

    assert (call.status, call.header("location")) == (302, "/ui/")


SOURCES = {
    "": b"ours\n",
    "/": b"ours\n",
    "/proxy": b"ours\n",
    "/upstream": b"a\np\n",
    "/org/a": b"a\n",
    "/org%2Fa": b"a\n",
    "/org/a/more": b"a\n",
    "/proxy/": b"p\n",
}


@pytest.mark.parametrize(("name", "history"), SOURCES.items(), ids=SOURCES)
async def test_each_source_has_a_history(
    name: str, history: bytes, autojump_clock: MockClock
) -> None:
    async with open_logs() as house, following(house, f"/logs/stream{name}") as call:
        assert call.status == 200
        assert call.headers == [
            ("content-type", "text/plain; charset=utf-8"),
            ("x-content-type-options", "nosniff"),
            ("x-accel-buffering", "no"),
        ]
        assert call.body == history


async def test_an_unknown_source_is_refused(autojump_clock: MockClock) -> None:
    async with open_logs() as house:
        call = await house.call("GET", "/logs/stream/b")

    assert call.status == 400
    assert call.json["error"]["message"] == (
        "invalid logger. Use 'proxy', 'upstream' or a model's ID"
    )


@pytest.mark.parametrize("query", ["no-history", "no-history=0", "x=1&no-history="])
async def test_the_history_can_be_left_out(query: str, autojump_clock: MockClock) -> None:
    async with open_logs() as house, following(house, f"/logs/stream?{query}") as call:
        assert call.status == 200
        assert call.body == b""
        house.front.book.say("new")
        await wait_all_tasks_blocked()

        assert call.body == b"new\n"


async def test_the_head_comes_before_anything_was_said(autojump_clock: MockClock) -> None:
    async with open_house() as house, following(house, "/logs/stream") as call:
        assert call.status == 200
        assert call.body == b""


async def test_what_is_said_comes_at_once(autojump_clock: MockClock) -> None:
    async with open_logs() as house, following(house, "/logs/stream/org/a") as call:
        house.front.book.hear("org/a", b"b\n")
        house.front.book.hear("proxy", b"q\n")
        await wait_all_tasks_blocked()
        assert call.pieces == [b"a\n", b"b\n"]

    assert call.is_complete


async def test_a_slow_reader_hears_what_it_has_missed(autojump_clock: MockClock) -> None:
    async with open_house() as house, following(house, "/logs/stream") as call:
        for number in range(FEED_BYTES // 1024 + 2):
            house.front.book.say(f"{number:01023d}")
        await wait_all_tasks_blocked()

        assert call.pieces[0] == "— 2 writes missed —\n".encode()
        assert call.pieces[1].split()[0] == b"2".zfill(1023)
        assert len(call.pieces[1]) == FEED_BYTES


@pytest.mark.parametrize("ours", [True, False], ids=["ours", "foreign"])
async def test_a_reader_that_leaves_is_not_told_any_more(
    *, ours: bool, autojump_clock: MockClock
) -> None:
    async with open_logs() as house:
        call = Call("GET", "/logs/stream", connection=Connection() if ours else None)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(call.run, house.app)
            await wait_all_tasks_blocked()
            call.hang_up()
        house.front.book.say("new")

    assert call.body == b"ours\n"
    assert not call.is_complete


async def test_a_head_request_does_not_wait_for_the_end(autojump_clock: MockClock) -> None:
    async with open_logs() as house:
        call = await house.call("HEAD", "/logs/stream")

    assert call.status == 200
    assert call.body == b""
    assert call.is_complete
