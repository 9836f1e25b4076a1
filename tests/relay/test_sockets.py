"""The lean stream: what Trio promises of streams, and fairness."""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import trio
import trio.testing

from llamaswap.relay import sockets
from llamaswap.relay.sockets import (
    ADDRESS_KEPT_FOR,
    TURNS_IN_A_ROW,
    AddressBook,
    LeanStream,
    open_lean_stream,
)
from tests.relay.wires import pair


def clog(stream: LeanStream) -> None:
    """Fill the buffers between a stream and its peer."""
    try:
        while True:
            stream.socket.send(b"x" * 65536)
    except BlockingIOError:
        pass


async def make_pair() -> tuple[LeanStream, LeanStream]:
    return pair()


async def make_clogged_pair() -> tuple[LeanStream, LeanStream]:
    near, far = pair()
    clog(near)
    clog(far)
    return near, far


async def test_stream_keeps_trios_promises(monkeypatch: pytest.MonkeyPatch) -> None:
    # The one promise that it breaks on purpose is a checkpoint at each send.
    monkeypatch.setattr(sockets, "TURNS_IN_A_ROW", 0)

    await trio.testing.check_half_closeable_stream(make_pair, make_clogged_pair)


async def test_wrapped_stream_is_emptied() -> None:
    listener = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listener[0].socket.getsockname()[1]
    async with listener[0]:
        near = await trio.open_tcp_stream("127.0.0.1", port)
        accepted = await listener[0].accept()
    lean, far = LeanStream(near), LeanStream(accepted.socket)
    await near.aclose()
    await accepted.aclose()

    await lean.send_all(b"still here")

    async with lean, far:
        assert await far.receive_some() == b"still here"
        assert lean.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


async def test_sends_in_a_row_let_others_run() -> None:
    near, far = pair()
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            await trio.lowlevel.checkpoint()
            turns += 1

    async with near, far, trio.open_nursery() as nursery:
        nursery.start_soon(count)
        for _ in range(TURNS_IN_A_ROW):
            await near.send_all(b"x")
        assert turns == 0
        for _ in range(4 * TURNS_IN_A_ROW):
            await near.send_all(b"x")
        # Trio shuffles: of four turns the first starts the task, one may come later.
        assert turns >= 2
        nursery.cancel_scope.cancel()


async def test_full_reads_in_a_row_let_others_run() -> None:
    near, far = pair()
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            await trio.lowlevel.checkpoint()
            turns += 1

    async with near, far, trio.open_nursery() as nursery:
        nursery.start_soon(count)
        await near.send_all(b"x" * 12 * TURNS_IN_A_ROW)
        assert await far.receive_some(1) == b"x"
        before = turns
        for _ in range(TURNS_IN_A_ROW):
            assert await far.receive_some(1) == b"x"
        assert turns == before
        for _ in range(10 * TURNS_IN_A_ROW):
            await far.receive_some(1)
        assert turns >= before + 8
        nursery.cancel_scope.cancel()


async def test_full_read_of_all_there_is_is_followed_by_a_wait() -> None:
    near, far = pair()
    async with near, far, trio.open_nursery() as nursery:
        await near.send_all(b"abc")
        assert await far.receive_some(3) == b"abc"
        nursery.start_soon(near.send_all, b"def")
        assert await far.receive_some(3) == b"def"


async def test_large_data_waits_for_a_slow_reader() -> None:
    near, far = pair()
    data = bytes(range(256)) * 8192
    received = bytearray()
    async with near, far, trio.open_nursery() as nursery:
        nursery.start_soon(near.send_all, data)
        await trio.testing.wait_all_tasks_blocked()
        while len(received) < len(data):
            received += await far.receive_some(50_000)

    assert received == data


async def send_something(stream: LeanStream) -> None:
    await stream.send_all(b"x")


async def receive_something(stream: LeanStream) -> None:
    await stream.receive_some()


OPERATIONS = [send_something, receive_something]


@pytest.mark.parametrize("operation", OPERATIONS)
async def test_cancelled_task_does_nothing(
    operation: Callable[[LeanStream], Awaitable[None]],
) -> None:
    near, far = pair()
    async with near, far:
        await far.send_all(b"kept")
        with trio.CancelScope() as scope:
            scope.cancel()
            await operation(near)

        assert scope.cancelled_caught
        assert not far.has_news()
        assert await near.receive_some() == b"kept"


async def test_cancelled_full_read_does_nothing() -> None:
    near, far = pair()
    async with near, far:
        await far.send_all(b"ab")
        assert await near.receive_some(1) == b"a"
        with trio.CancelScope() as scope:
            scope.cancel()
            await near.receive_some(1)

        assert scope.cancelled_caught
        assert await near.receive_some(1) == b"b"


async def test_send_can_be_cancelled_while_it_waits() -> None:
    near, far = pair()
    async with near, far:
        clog(near)
        with trio.move_on_after(0.01) as scope:
            await near.send_all(b"x")
        assert scope.cancelled_caught
        far.socket.recv(1 << 24)

        await near.send_all(b"x")


async def test_one_task_sends_at_a_time() -> None:
    near, far = pair()
    async with near, far, trio.open_nursery() as nursery:
        clog(near)
        nursery.start_soon(near.send_all, b"x")
        await trio.testing.wait_all_tasks_blocked()

        for operation in (near.send_eof, near.wait_send_all_might_not_block):
            with pytest.raises(trio.BusyResourceError):
                await operation()
        with pytest.raises(trio.BusyResourceError):
            await near.send_all(b"y")
        nursery.cancel_scope.cancel()


async def test_broken_connection_is_told() -> None:
    near, far = pair()
    async with near:
        await near.send_all(b"unread")
        far.close()
        with pytest.raises(trio.BrokenResourceError):
            await near.send_all(b"x")
        with pytest.raises(trio.BrokenResourceError):
            await near.receive_some()


async def test_peer_that_leaves_breaks_a_waiting_send() -> None:
    near, far = pair()
    async with near, trio.open_nursery() as nursery:
        clog(near)

        async def send() -> None:
            with pytest.raises(trio.BrokenResourceError):
                await near.send_all(b"x")

        nursery.start_soon(send)
        await trio.testing.wait_all_tasks_blocked()
        far.close()


async def test_end_that_cannot_be_told_is_an_error() -> None:
    stream = LeanStream(socket.socket())
    async with stream:
        with pytest.raises(trio.BrokenResourceError):
            await stream.send_eof()


async def test_reading_nothing_is_refused() -> None:
    near, far = pair()
    async with near, far:
        with pytest.raises(ValueError, match="max_bytes must be at least 1"):
            await near.receive_some(0)


async def test_news_are_data_the_end_and_errors() -> None:
    near, far = pair()
    assert not near.has_news()
    await far.send_all(b"x")
    assert near.has_news()
    assert await near.receive_some() == b"x"
    far.close()
    assert near.has_news()
    near.close()
    near.close()
    assert near.has_news()


async def listen(host: str) -> trio.SocketListener:
    try:
        (listener,) = await trio.open_tcp_listeners(0, host=host)
    except OSError:
        pytest.skip(f"no {host} on this machine")
    return listener


def port_of(listener: trio.SocketListener) -> int:
    port: int = listener.socket.getsockname()[1]
    return port


@pytest.mark.parametrize(
    ("listened", "host"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("127.0.0.1", "localhost"),
        ("::1", "::1"),
        ("::1", "localhost"),
    ],
)
async def test_connects_to_numbers_and_localhost(listened: str, host: str) -> None:
    with trio.fail_after(5):
        listener = await listen(listened)
        async with listener, await open_lean_stream(host, port_of(listener)) as stream:
            assert stream.socket.getpeername()[0] == listened


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
async def test_refusal_is_an_os_error(host: str) -> None:
    with trio.fail_after(5):
        async with await listen("127.0.0.1") as listener:
            port = port_of(listener)
        with pytest.raises(OSError):
            await open_lean_stream(host, port)


class Resolver(trio.abc.HostnameResolver):
    """Finds every name at 127.0.0.1; counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    # Trio's types of addresses are longer than what is said here.
    async def getaddrinfo(self, host: object, port: object, *rest: object, **more: object) -> Any:
        assert host
        assert rest or more
        await trio.lowlevel.checkpoint()
        self.asked += 1
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    async def getnameinfo(self, *rest: object, **more: object) -> tuple[str, str]:
        raise NotImplementedError(rest, more)


async def test_name_is_resolved_once_while_it_works(mock_clock: trio.testing.MockClock) -> None:
    resolver, book = Resolver(), AddressBook()
    trio.socket.set_custom_hostname_resolver(resolver)
    async with await listen("127.0.0.1") as listener:
        port = port_of(listener)
        for _ in range(2):
            async with await open_lean_stream("box.lan", port, book):
                assert resolver.asked == 1
        mock_clock.jump(ADDRESS_KEPT_FOR)
        async with await open_lean_stream("box.lan", port, book):
            assert resolver.asked == 2


async def test_address_that_fails_is_asked_for_again() -> None:
    resolver, book = Resolver(), AddressBook()
    trio.socket.set_custom_hostname_resolver(resolver)
    async with await listen("127.0.0.1") as listener:
        port = port_of(listener)
        # Nobody listens on this port of another loopback address.
        book.note("box.lan", port, "127.0.0.2")
        async with await open_lean_stream("box.lan", port, book) as stream:
            assert resolver.asked == 1
            assert stream.socket.getpeername()[0] == "127.0.0.1"


async def test_address_with_a_scope_is_left_to_the_resolver() -> None:
    resolver = Resolver()
    trio.socket.set_custom_hostname_resolver(resolver)
    listener = await listen("127.0.0.1")
    async with listener, await open_lean_stream("fe80::1%eth9", port_of(listener)):
        assert resolver.asked == 1
