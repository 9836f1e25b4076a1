"""What is sent, which connections are kept, and what leaving early does."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable

import pytest
import trio
import trio.testing

from llamaswap.errors import UpstreamError
from llamaswap.policy.messages import Target
from llamaswap.policy.rules import ModelId
from llamaswap.relay.client import (
    IDLE_AT_MOST,
    IDLE_PER_HOST,
    SMALL_BODY,
    Pool,
    RequestHead,
)
from llamaswap.relay.dialing import Dialer
from llamaswap.relay.sockets import LeanStream
from tests.relay.wires import GET, OK, POST, TARGET, Wires, ask, read_all

# Large and produced bodies


async def produced() -> AsyncGenerator[bytes, None]:
    yield b"abc"
    await trio.lowlevel.checkpoint()
    yield b""
    yield b"d" * 16


async def collect(far: LeanStream, end: bytes) -> bytes:
    received = b""
    while not received.endswith(end):
        received += await far.receive_some()
    return received


async def test_produced_body_is_sent_in_chunks(wires: Wires) -> None:
    pool = wires.pool()
    received = b""

    async def serve() -> None:
        nonlocal received
        await trio.testing.wait_all_tasks_blocked()
        received = await collect(wires.far[0], b"0\r\n\r\n")
        await wires.far[0].send_all(OK)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve)
        async with pool.exchange(TARGET, POST, produced()) as exchange:
            assert await read_all(exchange) == b"hi"

    assert received.partition(b"\r\n\r\n")[2] == (
        b"3\r\nabc\r\n10\r\ndddddddddddddddd\r\n0\r\n\r\n"
    )
    assert b"transfer-encoding: chunked" in received
    assert wires.open == [True]


async def test_large_body_is_sent_while_somebody_listens(wires: Wires) -> None:
    pool = wires.pool()
    body = b"x" * 3_000_000 + b"end"

    async def serve() -> None:
        await trio.testing.wait_all_tasks_blocked()
        assert (await collect(wires.far[0], b"xend")).endswith(body)
        await wires.far[0].send_all(OK)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve)
        assert await ask(pool, POST, body) == b"hi"

    assert wires.open == [True]


async def endless() -> AsyncGenerator[bytes, None]:
    yield b"abc"
    await trio.sleep_forever()


EARLY = b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno"


@pytest.mark.parametrize("body", [endless(), b"x" * 3_000_000], ids=["produced", "large"])
async def test_early_answer_stops_the_body(
    wires: Wires, body: bytes | AsyncIterable[bytes]
) -> None:
    wires.answers = [EARLY]

    async with wires.pool().exchange(TARGET, POST, body) as exchange:
        assert exchange.head.status == 413
        assert await read_all(exchange) == b"no"

    assert wires.open == [False]


@pytest.mark.parametrize("size", [1, SMALL_BODY + 1])
async def test_answer_of_a_server_that_hung_up_is_read(wires: Wires, size: int) -> None:
    wires.answers = [EARLY]
    pool = wires.pool()

    async def dial(host: str, port: int) -> LeanStream:
        near = await wires.dial(host, port)
        wires.far[-1].close()
        return near

    pool = Pool(Dialer(dial))
    async with pool.exchange(TARGET, POST, b"x" * size) as exchange:
        assert exchange.head.status == 413
        assert await read_all(exchange) == b"no"

    assert wires.open == [False]


async def test_server_that_hangs_up_in_a_large_body_is_named(wires: Wires) -> None:
    wires.answers = [None]

    with pytest.raises(UpstreamError, match="closed the connection before it answered"):
        await ask(wires.pool(), POST, b"x" * (SMALL_BODY + 1))

    assert wires.open == [False]


async def test_error_of_the_producer_comes_out_plainly(wires: Wires) -> None:
    async def failing() -> AsyncGenerator[bytes, None]:
        await trio.lowlevel.checkpoint()
        yield b"abc"
        raise KeyError("gone")

    with pytest.raises(KeyError):
        async with wires.pool().exchange(TARGET, POST, failing()):
            pytest.fail("there was no answer")

    assert wires.open == [False]


# Kept connections


async def serve(far: LeanStream, *answers: bytes) -> None:
    for answer in answers:
        await far.receive_some()
        await far.send_all(answer)


async def test_connection_is_used_again(wires: Wires) -> None:
    wires.answers = [OK]
    pool = wires.pool()
    assert await ask(pool) == b"hi"
    wires.received()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve, wires.far[0], OK, OK)
        assert await ask(pool) == b"hi"
        assert await ask(pool) == b"hi"

    assert wires.open == [True]


@pytest.mark.parametrize("body", [b"", b"x" * (SMALL_BODY + 1)], ids=["small", "large"])
async def test_kept_connection_that_dies_is_replaced_once(wires: Wires, body: bytes) -> None:
    wires.answers = [OK, OK]
    pool = wires.pool()
    await ask(pool)

    async def die() -> None:
        await trio.testing.wait_all_tasks_blocked()
        wires.far[0].close()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(die)
        assert await ask(pool, POST, body) == b"hi"

    assert len(wires.open) == 2
    assert not wires.open[0]


async def test_fresh_connection_that_dies_is_not_replaced(wires: Wires) -> None:
    wires.answers = [OK, None]
    pool = wires.pool()
    await ask(pool)

    async def die() -> None:
        await trio.testing.wait_all_tasks_blocked()
        wires.far[0].close()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(die)
        with pytest.raises(UpstreamError, match="closed the connection before it answered"):
            await ask(pool, POST)

    assert wires.open == [False, False]


async def test_produced_body_is_not_risked_on_a_kept_connection(wires: Wires) -> None:
    wires.answers = [OK, OK]
    pool = wires.pool()
    await ask(pool)

    async with pool.exchange(TARGET, POST, produced()) as exchange:
        assert exchange.connection.wire is wires.near[1]
        assert wires.open == [True, True]


async def test_request_is_not_repeated_once_an_answer_has_begun(wires: Wires) -> None:
    wires.answers = [OK]
    pool = wires.pool()
    await ask(pool)

    async def die() -> None:
        await trio.testing.wait_all_tasks_blocked()
        await wires.far[0].send_all(b"HTTP/1.1 100 Continue\r\n\r\n")
        wires.far[0].close()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(die)
        with pytest.raises(UpstreamError, match="closed the connection before it answered"):
            await ask(pool, POST)

    assert wires.open == [False]


@pytest.mark.parametrize("news", [b"", b"HTTP/1.1 408 Timeout\r\n\r\n"])
async def test_idle_connection_with_news_is_not_used(wires: Wires, news: bytes) -> None:
    wires.answers = [OK, OK]
    pool = wires.pool()
    await ask(pool)
    if news:
        await wires.far[0].send_all(news)
    else:
        await wires.far[0].send_eof()

    assert await ask(pool) == b"hi"

    assert wires.open == [False, True]


async def test_connection_idle_for_long_is_not_used(
    wires: Wires, mock_clock: trio.testing.MockClock
) -> None:
    wires.answers = [OK, OK]
    pool = wires.pool()
    await ask(pool)
    mock_clock.jump(IDLE_AT_MOST)

    assert await ask(pool) == b"hi"

    assert wires.open == [False, True]


async def test_connections_of_others_are_dropped_in_passing(
    wires: Wires, mock_clock: trio.testing.MockClock
) -> None:
    wires.answers = [OK, OK]
    pool = wires.pool()
    await ask(pool)
    mock_clock.jump(IDLE_AT_MOST)

    async with pool.exchange(Target(ModelId("other"), "http://h"), GET) as exchange:
        assert wires.open == [False, True]
        await read_all(exchange)


async def test_request_that_wants_to_close_is_obeyed(wires: Wires) -> None:
    wires.answers = [OK]

    await ask(wires.pool(), RequestHead(b"GET", b"/", [(b"Connection", b"close")]))

    assert wires.open == [False]


async def test_not_more_than_32_unused_connections_are_kept(wires: Wires) -> None:
    wires.answers = [OK] * (IDLE_PER_HOST + 1)
    pool = wires.pool()
    together = trio.Event()

    async def one() -> None:
        async with pool.exchange(TARGET, GET) as exchange:
            await read_all(exchange)
            await together.wait()

    async with trio.open_nursery() as nursery:
        for _ in range(IDLE_PER_HOST + 1):
            nursery.start_soon(one)
        await trio.testing.wait_all_tasks_blocked()
        together.set()

    assert sum(wires.open) == IDLE_PER_HOST


async def test_forgotten_upstream_keeps_no_connection(wires: Wires) -> None:
    wires.answers = [OK]
    pool = wires.pool()
    await ask(pool)

    pool.forget(Target(ModelId("other"), "http://127.0.0.1:9001"))
    pool.forget(Target(ModelId("nowhere"), "http://h\N{LATIN SMALL LETTER O WITH DIAERESIS}st"))
    assert wires.open == [True]
    pool.forget(TARGET)
    assert wires.open == [False]


async def test_closed_pool_keeps_nothing(wires: Wires) -> None:
    wires.answers = [OK, OK]
    pool = wires.pool()

    async with pool.exchange(TARGET, GET) as exchange:
        await ask(pool)
        assert wires.open == [True, True]
        await pool.aclose()
        assert wires.open == [True, False]
        await read_all(exchange)

    assert wires.open == [False, False]


# Leaving early


async def test_block_that_is_left_early_closes_the_connection(wires: Wires) -> None:
    wires.answers = [OK]

    async with wires.pool().exchange(TARGET, GET) as exchange:
        assert exchange.head.status == 200

    assert wires.open == [False]


async def test_error_after_a_complete_answer_keeps_the_connection(wires: Wires) -> None:
    wires.answers = [OK]

    with pytest.raises(KeyError):
        async with wires.pool().exchange(TARGET, GET) as exchange:
            await read_all(exchange)
            raise KeyError

    assert wires.open == [True]


STALLS = {
    "while it connects": (None, b"", 0),
    "while it sends": (b"", b"x" * 3_000_000, 1),
    "while it waits for the head": (b"HTTP/1.1 200", b"", 1),
    "while it waits for the body": (b"HTTP/1.1 200 OK\r\n\r\nhel", b"", 1),
}


@pytest.mark.parametrize(("sent", "body", "opened"), STALLS.values(), ids=STALLS)
async def test_cancelled_exchange_leaves_nothing(
    wires: Wires, sent: bytes | None, body: bytes, opened: int
) -> None:
    async def dial(host: str, port: int) -> LeanStream:
        if sent is None:
            await trio.sleep_forever()
        return await wires.dial(host, port)

    wires.answers = [sent]
    pool = Pool(Dialer(dial))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask, pool, POST, body)
        await trio.testing.wait_all_tasks_blocked()
        assert wires.open == [True] * opened
        nursery.cancel_scope.cancel()

    assert wires.open == [False] * opened
    assert not any(pool._kept.values())


async def test_slow_reader_holds_up_the_upstream_only(wires: Wires) -> None:
    size = 5_000_000
    sent = False

    async def serve() -> None:
        nonlocal sent
        await trio.testing.wait_all_tasks_blocked()
        await wires.far[0].send_all(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        await wires.far[0].send_all(b"x" * size)
        sent = True

    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve)
        async with wires.pool().exchange(TARGET, GET) as exchange:
            await trio.testing.wait_all_tasks_blocked()
            assert not sent
            assert len(await read_all(exchange)) == size
