"""News for many: nobody waits for a slow listener, and it learns what it missed."""

from __future__ import annotations

import trio
from trio.testing import MockClock

from llamaswap.broadcast import Broadcast, Heard, Listener


async def test_everybody_who_listens_hears(autojump_clock: MockClock) -> None:
    news = Broadcast[str]()
    with news.listen(10) as first, news.listen(10) as second:
        news.tell("a")
        news.tell("b")

        assert await first.receive() == Heard(("a", "b"), 0)
        assert await second.receive() == Heard(("a", "b"), 0)


async def test_a_listener_waits_for_news(autojump_clock: MockClock) -> None:
    news = Broadcast[str]()
    heard: list[tuple[str, ...]] = []
    with news.listen(10) as listener:

        async def listen() -> None:
            heard.extend([(await listener.receive()).items for _ in range(2)])

        async with trio.open_nursery() as nursery:
            nursery.start_soon(listen)
            await trio.sleep(1)
            news.tell("a")
            await trio.sleep(1)
            news.tell("b")

    assert heard == [("a",), ("b",)]


async def test_a_slow_listener_loses_the_oldest_and_is_told() -> None:
    news = Broadcast[int]()
    with news.listen(2) as slow, news.listen(10) as quick:
        for item in range(5):
            news.tell(item)

        assert await slow.receive() == Heard((3, 4), 3)
        assert await quick.receive() == Heard((0, 1, 2, 3, 4), 0)


def test_room_may_be_counted_in_bytes() -> None:
    buffer = Listener[bytes](10, len)
    for item in (b"1234", b"5678", b"90", b"abc"):
        buffer.put(item)
    assert buffer.receive_nowait() == Heard((b"5678", b"90", b"abc"), 1)

    buffer.put(b"more than there is room for")
    assert buffer.receive_nowait() == Heard((b"more than there is room for",), 0)


async def test_who_has_left_the_block_is_told_nothing() -> None:
    news = Broadcast[int]()
    with news.listen(2) as listener:
        pass
    news.tell(1)

    assert listener.receive_nowait() == Heard((), 0)


def test_a_listener_alone_is_a_bounded_buffer() -> None:
    buffer = Listener[int](1)
    buffer.put(1)
    buffer.put(2)

    assert buffer.receive_nowait() == Heard((2,), 1)
    assert buffer.receive_nowait() == Heard((), 0)
