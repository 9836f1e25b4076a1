from __future__ import annotations

import errno
import os
import socket
from collections.abc import Generator
from contextlib import contextmanager
from typing import NoReturn

import psutil
import pytest
import trio

from llamaswap.errors import StartError
from llamaswap.upstream.ports import addresses_of, ensure_free, find_listener
from tests.upstream.runs import free_port

V4, V6 = socket.AF_INET, socket.AF_INET6


@contextmanager
def listener(host: str, *, dual: bool = False) -> Generator[int, None, None]:
    family = V6 if ":" in host else V4
    with socket.create_server((host, 0), family=family, dualstack_ipv6=dual) as sock:
        yield sock.getsockname()[1]


@pytest.mark.parametrize(
    ("host", "platform", "places"),
    [
        ("127.0.0.1", "linux", ((V4, "127.0.0.1"),)),
        ("127.9.9.9", "linux", ((V4, "127.9.9.9"),)),
        ("::1", "linux", ((V6, "::1"),)),
        ("[::1]", "win32", ((V6, "::1"),)),
        ("LocalHost", "linux", ((V4, "127.0.0.1"), (V6, "::1"))),
        ("127.0.0.1", "darwin", ((V4, "127.0.0.1"), (V4, "0.0.0.0"))),
        ("::1", "darwin", ((V6, "::1"), (V6, "::"))),
        ("10.0.0.7", "linux", ()),
        ("0.0.0.0", "linux", ()),
        ("gpu-box", "linux", ()),
    ],
)
def test_only_loopback_is_looked_at(
    host: str, platform: str, places: tuple[tuple[socket.AddressFamily, str], ...]
) -> None:
    assert addresses_of(host, platform) == places


@pytest.mark.parametrize(
    ("ours", "theirs", "dual"),
    [
        ("127.0.0.1", "127.0.0.1", False),
        ("127.0.0.1", "0.0.0.0", False),
        ("127.0.0.1", "::", True),
        ("::1", "::", False),
        ("localhost", "::1", False),
        ("localhost", "127.0.0.1", False),
        ("localhost", "0.0.0.0", False),
    ],
)
async def test_a_listener_is_named_with_its_pid(ours: str, theirs: str, dual: bool) -> None:  # noqa: FBT001 - a column of the table
    with (
        listener(theirs, dual=dual) as port,
        trio.fail_after(5),
        pytest.raises(StartError) as caught,
    ):
        await ensure_free((ours, port))

    me = f"{psutil.Process().name()} (pid {os.getpid()})"
    assert str(caught.value) == f"port {port} on {ours} is taken by {me}"


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [("127.0.0.1", "127.0.0.2"), ("127.0.0.1", "::1"), ("::1", "127.0.0.1"), ("a", "0.0.0.0")],
)
async def test_who_listens_elsewhere_is_in_nobodys_way(ours: str, theirs: str) -> None:
    with listener(theirs) as port, trio.fail_after(5):
        await ensure_free((ours, port))


async def test_a_free_port_is_free() -> None:
    with trio.fail_after(5):
        await ensure_free(("localhost", free_port()))


async def test_connections_that_rest_in_time_wait_do_not_count() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        client = socket.create_connection(("127.0.0.1", port))
        accepted, _ = server.accept()
        accepted.close()  # who closes first rests
        assert client.recv(1) == b""
        client.close()
    with socket.socket() as strict, pytest.raises(OSError, match="in use"):
        strict.bind(("127.0.0.1", port))

    with trio.fail_after(5):
        await ensure_free(("127.0.0.1", port))


async def test_a_port_that_is_held_without_listening_is_taken_by_somebody() -> None:
    with socket.socket() as holder, trio.fail_after(5):
        holder.bind(("127.0.0.1", 0))
        port = holder.getsockname()[1]
        with pytest.raises(StartError) as caught:
            await ensure_free(("127.0.0.1", port))

    assert str(caught.value) == f"port {port} on 127.0.0.1 is taken by another program"


async def test_an_address_we_do_not_have_is_for_the_server_to_meet(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object) -> NoReturn:
        raise OSError(errno.EAFNOSUPPORT, "Address family not supported by protocol")

    with monkeypatch.context() as patch, trio.fail_after(5):
        patch.setattr(socket, "socket", refuse)
        await ensure_free(("::1", 5800))


def test_where_the_system_tells_nothing_nobody_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: object) -> NoReturn:
        raise psutil.AccessDenied

    monkeypatch.setattr(psutil, "net_connections", refuse)
    assert find_listener(5800) is None
