"""Listening and leaving, over real sockets and over listeners made of memory."""

from __future__ import annotations

import errno
import logging
import os
import socket

import pytest
import trio
from trio.testing import (
    MockClock,
)

from llamaswap.errors import ListenError
from llamaswap.web import server
from llamaswap.web.asgi import Receive, Scope, Send
from llamaswap.web.connection import Connection
from llamaswap.web.server import open_listeners, serve, urls_of
from tests.web.clients import GET, Client, Memory, name_path, on_loopback, reply, running


async def test_server_leaves_in_order(autojump_clock: MockClock) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await trio.sleep(10)
        await reply(send, b"ok")

    listener, leaving = Memory(), trio.Event()
    async with trio.open_nursery() as nursery:
        await nursery.start(serve, app, [listener], leaving)
        idle, busy = await listener.connect(), await listener.connect()
        await busy.send(GET)
        await trio.sleep(1)
        leaving.set()
        assert await idle.read_all() == b""
        assert trio.current_time() == 1
        with pytest.raises(trio.BrokenResourceError):
            await listener.connect()
        answer = await busy.answer()
        assert await busy.read_all() == b""

    assert answer.headers["connection"] == "close"
    assert trio.current_time() == 10


async def test_cancelled_server_ends_at_once(autojump_clock: MockClock) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await trio.sleep_forever()

    listener = Memory()
    async with trio.open_nursery() as nursery:
        await nursery.start(serve, app, [listener], trio.Event())
        client = await listener.connect()
        await client.send(GET)
        await trio.sleep(5)
        nursery.cancel_scope.cancel()

    assert trio.current_time() == 5
    assert await client.read_all() == b""


async def test_connection_that_breaks_down_disturbs_nobody(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    listener = Memory()
    async with running(name_path, [listener]):
        with monkeypatch.context() as patch:
            patch.setattr(Connection, "run", None)
            broken = await listener.connect()
            assert await broken.read_all() == b""
        client = await listener.connect()
        assert (await client.get("/a")).body == b"/a"

    assert [record.getMessage() for record in caplog.records] == ["a connection broke down"]


async def test_client_that_is_gone_before_it_is_met_is_no_error(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: object) -> None:
        raise OSError(errno.ENOTCONN, "gone")

    async with on_loopback(name_path) as door:
        monkeypatch.setattr(server, "_address", gone)
        assert await (await door.client()).read_all() == b""

    assert caplog.records == []


async def test_app_is_told_both_addresses() -> None:
    seen: list[object] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.extend((scope["client"], scope["server"], scope["scheme"]))
        await reply(send, b"")

    async with on_loopback(app) as door:
        stream = await door.connect()
        await Client(stream).get()
        expected = [stream.socket.getsockname(), stream.socket.getpeername(), "http"]

    assert seen == expected


async def test_addresses_become_listeners() -> None:
    listeners = await open_listeners(["127.0.0.1:0", ":0"])
    try:
        ports = [listener.socket.getsockname()[1] for listener in listeners]
        urls = urls_of(listeners)
    finally:
        for listener in listeners:
            await listener.aclose()

    assert urls == (f"http://127.0.0.1:{ports[0]}", f"http://localhost:{ports[1]}")
    assert set(ports[1:]) == {ports[1]}


@pytest.mark.skipif(not socket.has_ipv6, reason="needs IPv6")
async def test_ipv6_is_written_in_brackets() -> None:
    [listener] = await open_listeners(["[::1]:0"])
    async with listener:
        port = listener.socket.getsockname()[1]

        assert urls_of([listener]) == (f"http://[::1]:{port}",)


def test_listeners_without_address_have_no_url() -> None:
    assert urls_of([]) == ()


async def test_listener_of_memory_has_no_url() -> None:
    assert urls_of([Memory()]) == ()


@pytest.mark.parametrize("address", ["8080", "localhost:http", "::1:8080", "a:70000", ":", ""])
async def test_what_is_no_address_is_said(address: str) -> None:
    with pytest.raises(ListenError) as caught:
        await open_listeners([address])

    assert str(caught.value) == (
        f"cannot listen on {address!r}: expected host:port, "
        "like 127.0.0.1:8080, [::1]:8080, or :8080 for all interfaces"
    )


async def test_taken_port_is_said_and_the_others_are_closed() -> None:
    [taken] = await open_listeners(["127.0.0.1:0"])
    [freed] = await open_listeners(["127.0.0.1:0"])
    port, other = (listener.socket.getsockname()[1] for listener in (taken, freed))
    await freed.aclose()
    async with taken:
        with pytest.raises(ListenError) as caught:
            await open_listeners([f"127.0.0.1:{other}", f"127.0.0.1:{port}"])
        again = await open_listeners([f"127.0.0.1:{other}"])
        await again[0].aclose()
        with pytest.raises(ListenError, match="another program uses"):
            await open_listeners([f":{port}"])

    assert str(caught.value) == (
        f"cannot listen on 127.0.0.1:{port}: another program uses port {port}; "
        "stop it, or listen on another port"
    )


async def test_address_of_somebody_else_is_said() -> None:
    with pytest.raises(ListenError) as caught:
        await open_listeners(["192.0.2.1:8080"])

    assert str(caught.value) == (
        "cannot listen on 192.0.2.1:8080: 192.0.2.1 is not an address of this machine; "
        "try 127.0.0.1:8080, or :8080 for all interfaces"
    )


FAILURES = {
    "name": (
        socket.gaierror(socket.EAI_NONAME, "unknown"),
        "the name elsewhere is not known here; try 127.0.0.1:80, or :80 for all interfaces",
    ),
    "rights": (
        PermissionError(errno.EACCES, "no"),
        "port 80 needs special rights; try one above 1023",
    ),
    "memory": (OSError(errno.ENOMEM, "no"), os.strerror(errno.ENOMEM)),
    "unknown": (OSError("strange"), "strange"),
}


@pytest.mark.parametrize(("failure", "advice"), FAILURES.values(), ids=FAILURES)
async def test_other_failures_are_said(
    failure: OSError, advice: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(port: int, *, host: str) -> list[trio.SocketListener]:
        raise failure

    monkeypatch.setattr(trio, "open_tcp_listeners", fail)
    with pytest.raises(ListenError) as caught:
        await open_listeners(["elsewhere:80"])

    assert str(caught.value) == f"cannot listen on elsewhere:80: {advice}"


class Families:
    """Stands for `trio.open_tcp_listeners` on a system whose IPv6 fails."""

    def __init__(self, *failures: BaseException) -> None:
        self.failures = list(failures)
        self.opened: list[trio.SocketListener] = []
        self._real = trio.open_tcp_listeners

    async def __call__(self, port: int, *, host: str) -> list[trio.SocketListener]:
        if host == "::" and self.failures:
            raise self.failures.pop(0)
        opened = await self._real(port, host=host)
        self.opened += opened
        return list(opened)


async def test_system_without_ipv6_listens_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    families = Families(OSError(errno.EAFNOSUPPORT, "no"))
    monkeypatch.setattr(trio, "open_tcp_listeners", families)
    [listener] = await open_listeners([":0"])
    async with listener:
        assert listener.socket.family == socket.AF_INET


async def test_port_that_is_free_in_one_family_only_is_replaced(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    families = Families(*[OSError(errno.EADDRINUSE, "taken")] * 9)
    monkeypatch.setattr(trio, "open_tcp_listeners", families)
    listeners = await open_listeners([":0"])
    for listener in listeners:
        await listener.aclose()

    assert {listener.socket.fileno() for listener in families.opened} == {-1}


async def test_interrupted_opening_leaves_nothing_open(monkeypatch: pytest.MonkeyPatch) -> None:
    families = Families(KeyboardInterrupt())
    monkeypatch.setattr(trio, "open_tcp_listeners", families)
    with pytest.raises(KeyboardInterrupt):
        await open_listeners([":0"])

    assert {listener.socket.fileno() for listener in families.opened} == {-1}


async def test_connections_that_end_as_they_begin_are_not_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    async with on_loopback(name_path) as door:
        for _ in range(3):
            stream = await door.connect()
            await stream.aclose()

    assert caplog.records == []
