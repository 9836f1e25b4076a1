"""Writes: ordered, bounded, and harmless after a break."""

from __future__ import annotations

import socket

import trio
from trio.testing import MockClock, lockstep_stream_pair, wait_all_tasks_blocked

from llamaswap.web.wire import Wire


async def test_writes_of_several_tasks_keep_their_order() -> None:
    ours, theirs = lockstep_stream_pair()
    async with trio.open_nursery() as nursery:
        wire = Wire(theirs, nursery, nursery.cancel_scope.cancel)
        for word in (b"one", b"two", b"three"):
            nursery.start_soon(wire.write, word)
            await wait_all_tasks_blocked()
        seen = b""
        while len(seen) < 11:
            seen += await ours.receive_some(2)

    assert seen == b"onetwothree"


async def test_client_without_progress_is_given_up(autojump_clock: MockClock) -> None:
    ours, theirs = lockstep_stream_pair()
    broke = trio.Event()
    async with trio.open_nursery() as nursery:
        wire = Wire(theirs, nursery, broke.set)
        nursery.start_soon(wire.write, bytes(40_000))
        for _ in range(2):
            await trio.sleep(50)
            await ours.receive_some(16384)
        await broke.wait()
        await wire.write(b"nothing")

    assert wire.is_broken
    assert trio.current_time() == 100 + 60


async def test_hurry_shortens_the_patience(autojump_clock: MockClock) -> None:
    _, theirs = lockstep_stream_pair()
    broke = trio.Event()
    async with trio.open_nursery() as nursery:
        wire = Wire(theirs, nursery, broke.set)
        nursery.start_soon(wire.write, b"a")
        await trio.sleep(7)
        wire.hurry()
        await broke.wait()

    assert trio.current_time() == 12


async def test_broken_connection_reads_as_ended() -> None:
    ours, theirs = lockstep_stream_pair()
    async with trio.open_nursery() as nursery:
        broke = trio.Event()
        wire = Wire(theirs, nursery, broke.set)
        await theirs.aclose()
        assert await wire.receive() == b""
        wire.reset()
        wire.send_eof()
        await wire.finish()

    assert broke.is_set()
    await ours.aclose()


async def test_peer_that_closes_ends_a_write() -> None:
    ours, theirs = lockstep_stream_pair()
    async with trio.open_nursery() as nursery:
        wire = Wire(theirs, nursery, lambda: None)
        nursery.start_soon(wire.write, b"a")
        await wait_all_tasks_blocked()
        await ours.aclose()
        nursery.start_soon(wire.finish)

    assert wire.is_broken


async def test_finish_waits_for_what_is_queued() -> None:
    ours, theirs = lockstep_stream_pair()
    async with trio.open_nursery() as nursery:
        wire = Wire(theirs, nursery, lambda: None)
        with trio.CancelScope() as writer:
            writer.cancel()
            await wire.write(b"late")
        nursery.start_soon(wire.finish)
        await wait_all_tasks_blocked()
        assert await ours.receive_some() == b"late"
        assert await ours.receive_some() == b""


async def test_socket_whose_peer_is_gone_is_broken() -> None:
    ours, theirs = socket.socketpair()
    broke = trio.Event()
    async with trio.open_nursery() as nursery:
        stream = trio.SocketStream(trio.socket.from_stdlib_socket(theirs))
        wire = Wire(stream, nursery, broke.set)
        ours.close()
        await wire.write(b"a")
        assert broke.is_set()
        for _ in range(100):
            await wire.write(b"nothing")
        wire.send_eof()
        wire.reset()
        wire.close()


async def test_full_socket_is_waited_for() -> None:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)  # noqa: FBT003 - the standard library's signature
    async with trio.open_nursery() as nursery:
        wire = Wire(trio.SocketStream(trio.socket.from_stdlib_socket(theirs)), nursery, print)

        async def write() -> None:
            for _ in range(3000):
                await wire.write(bytes(1000))

        nursery.start_soon(write)
        await wait_all_tasks_blocked()
        reader = trio.socket.from_stdlib_socket(ours)
        size = 0
        while size < 3_000_000:
            size += len(await reader.recv(1_000_000))
        reader.close()
        await wire.finish()

    assert size == 3_000_000
