"""Serving over real sockets and TLS: each test is bounded by its server's ten seconds."""

from __future__ import annotations

import socket
import ssl
import struct
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import h11
import psutil
import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from llamaswap.web.asgi import Receive, Scope, Send
from llamaswap.web.connection import ASGIApp
from llamaswap.web.server import open_listeners, serve, urls_of
from tests.web.clients import (
    GET,
    Client,
    Door,
    Memory,
    cut,
    echo,
    head,
    last,
    name_path,
    on_loopback,
    piece,
    reply,
    running,
)

CLOSE_BY_RESET = struct.pack("ii", 1, 0)

# Made for these tests, for localhost.
CERTIFICATE = """\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg9IQ6SgHVXYG58eg1
CMMzdABBs19hkFkpASK8W45ZRwuhRANCAASR4Li8Ivx1DAdNFFu4ZCXIjCD+nx3E
2R+W0bwgDuAX3pIybQ/oqP1ZUZeYJCMuACnVxI+PyoLjgNk5Z4dsZIBU
-----END PRIVATE KEY-----
-----BEGIN CERTIFICATE-----
MIIBmzCCAUGgAwIBAgIUQRYTY4EdsEgr3wy3y8czZQ7jWxEwCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyNDE0MTAxMVoYDzIxMjYxMDMx
MTQxMDExWjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAASR4Li8Ivx1DAdNFFu4ZCXIjCD+nx3E2R+W0bwgDuAX3pIybQ/oqP1Z
UZeYJCMuACnVxI+PyoLjgNk5Z4dsZIBUo28wbTAdBgNVHQ4EFgQUeLpWEK3r1o+q
oan7K3MGd5LBIlUwHwYDVR0jBBgwFoAUeLpWEK3r1o+qoan7K3MGd5LBIlUwDwYD
VR0TAQH/BAUwAwEB/zAaBgNVHREEEzARgglsb2NhbGhvc3SHBH8AAAEwCgYIKoZI
zj0EAwIDSAAwRQIgW11ZXSv7z6l1oSdfHGPq3noYCyaRVBHdB8rHHDHg2fkCIQD5
YtOHm150HMik6CFS1TlM7uGmXrnce8yHjfyJ3WNh9g==
-----END CERTIFICATE-----
"""


async def test_connections_are_kept_over_sockets() -> None:
    async with on_loopback(name_path) as door:
        client = await door.client()
        for path in ("/a", "/b"):
            assert (await client.get(path)).body == path.encode()


async def test_pieces_arrive_at_once_over_sockets() -> None:
    go_on = trio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(head())
        await scope["extensions"]["llamaswap"].send_piece(b"one")
        await go_on.wait()
        await send(last(b"two"))

    async with on_loopback(app) as door:
        client = await door.client()
        await client.send(GET)
        await client.read_until(b"3\r\none\r\n")
        go_on.set()
        assert await client.read_until(b"0\r\n\r\n") == b"3\r\ntwo\r\n0\r\n\r\n"


@pytest.mark.slow
async def test_large_upload_is_not_held_in_memory() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        size, more = 0, True
        while more:
            message = await receive()
            size, more = size + len(message["body"]), message["more_body"]
        await reply(send, b"%d" % size)

    total = 200 * 2**20
    before = psutil.Process().memory_info().rss
    async with on_loopback(app) as door:
        client = await door.client()
        await client.send(f"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {total}\r\n\r\n".encode())
        block = bytes(2**20)
        for _ in range(200):
            await client.send(block)
        answer = await client.answer(b"POST")
        grown = psutil.Process().memory_info().rss - before

    assert answer.body == b"%d" % total
    assert grown < 32 * 2**20


async def test_refused_upload_hears_the_refusal() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await reply(send, b"too much", 413)

    async with on_loopback(app) as door, trio.open_nursery() as nursery:
        client = await door.client()
        await client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 900000000\r\n\r\n")

        async def upload() -> None:
            with pytest.raises(trio.BrokenResourceError):
                while True:
                    await client.send(bytes(1_000_000))

        nursery.start_soon(upload)
        answer = await client.answer(b"POST")
        nursery.cancel_scope.cancel()

    assert answer.status == 413
    assert answer.headers["connection"] == "close"


async def test_client_that_never_reads_does_not_hold_up_the_others() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/a":
            await reply(send, b"ok")
            return
        await send(head())
        while True:
            await send(piece(bytes(100_000)))

    async with on_loopback(app) as door:
        await (await door.client()).send(GET)
        await wait_all_tasks_blocked(0.05)
        assert (await (await door.client()).get("/a")).body == b"ok"


async def test_client_that_reads_late_gets_all() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await reply(send, bytes(20_000_000))

    async with on_loopback(app) as door:
        client = await door.client()
        await client.send(GET)
        await wait_all_tasks_blocked(0.05)
        assert (await client.answer()).body == bytes(20_000_000)


async def test_app_that_writes_to_nobody_lets_others_run() -> None:
    wrote = trio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/a":
            await reply(send, b"ok")
            return
        await send(head())
        wrote.set()
        while True:
            await send(piece(b"a"))

    async with on_loopback(app) as door:
        stream = await door.connect()
        await Client(stream).send(GET)
        await wrote.wait()
        stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, CLOSE_BY_RESET)
        await stream.aclose()
        assert (await (await door.client()).get("/a")).body == b"ok"


async def test_cut_is_visible_over_sockets() -> None:
    async with on_loopback(cut) as door:
        client = await door.client()
        await client.send(GET)
        with pytest.raises(h11.RemoteProtocolError, match="incomplete chunked read"):
            await client.answer()


async def test_cut_of_a_body_without_length_is_a_reset() -> None:
    async with on_loopback(cut) as door:
        client = await door.client()
        await client.send(b"GET / HTTP/1.0\r\n\r\n")
        with pytest.raises(trio.BrokenResourceError):
            await client.read_all()


async def test_hangup_is_seen_over_sockets() -> None:
    hung_up = trio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        with trio.CancelScope() as hangup:
            scope["extensions"]["llamaswap"].cancel_at_hangup(hangup)
            await stream.aclose()
            await trio.sleep_forever()
        hung_up.set()

    async with on_loopback(app) as door:
        stream = await door.connect()
        await stream.send_all(GET)
        await hung_up.wait()


async def test_leaving_over_sockets_ends_the_server() -> None:
    leaving = trio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        leaving.set()
        await wait_all_tasks_blocked()
        await reply(send, b"ok")

    async with on_loopback(app, leaving) as door:
        idle, busy = await door.client(), await door.client()
        await busy.send(GET)
        assert (await busy.answer()).headers["connection"] == "close"
        assert await idle.read_all() == await busy.read_all() == b""


@pytest.fixture
def contexts(tmp_path: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Make the server's and the client's side of TLS."""
    file = tmp_path / "localhost.pem"
    file.write_text(CERTIFICATE)
    ours = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    ours.load_cert_chain(file)
    ours.set_alpn_protocols(["h2", "http/1.1"])
    theirs = ssl.create_default_context()
    theirs.check_hostname = False
    theirs.verify_mode = ssl.CERT_NONE
    return ours, theirs


@asynccontextmanager
async def over_tls(
    app: ASGIApp, contexts: tuple[ssl.SSLContext, ssl.SSLContext], leaving: trio.Event | None = None
) -> AsyncGenerator[Door, None]:
    [inner] = await open_listeners(["127.0.0.1:0"])
    listener = trio.SSLListener(inner, contexts[0], https_compatible=True)
    assert urls_of([listener]) == (f"https://127.0.0.1:{inner.socket.getsockname()[1]}",)
    async with aclosing(Door(inner)) as door, running(app, [listener], leaving):
        yield door


def tls(stream: trio.abc.Stream, context: ssl.SSLContext) -> trio.SSLStream[trio.abc.Stream]:
    return trio.SSLStream(stream, context, server_hostname="localhost", https_compatible=True)


async def test_tls_is_served(contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    async with over_tls(echo, contexts) as door:
        client = Client(tls(await door.connect(), contexts[1]))
        await client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nok")
        assert (await client.answer()).body == b"ok"
        await client.stream.aclose()


async def test_tls_says_goodbye(contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    leaving = trio.Event()
    async with over_tls(name_path, contexts, leaving) as door:
        client = Client(tls(await door.connect(), contexts[1]))
        await client.get()
        leaving.set()
        assert await client.stream.receive_some() == b""


async def test_http2_is_agreed_on(contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    contexts[1].set_alpn_protocols(["h2"])
    async with over_tls(name_path, contexts) as door:
        stream = tls(await door.connect(), contexts[1])
        first = await stream.receive_some()

        assert stream.selected_alpn_protocol() == "h2"
    # The server's settings: a frame of type 4 on stream 0.
    assert first[3:9] == b"\4\0\0\0\0\0"


async def test_plain_http_on_the_tls_port_is_told_so(
    contexts: tuple[ssl.SSLContext, ssl.SSLContext],
) -> None:
    async with over_tls(name_path, contexts) as door:
        client = await door.client()
        await client.send(GET)
        answer = await client.read_until(b"address.\n")

    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")


async def test_client_that_leaves_before_the_handshake_is_no_error(
    contexts: tuple[ssl.SSLContext, ssl.SSLContext], caplog: pytest.LogCaptureFixture
) -> None:
    inner = Memory()
    listener = trio.SSLListener(inner, contexts[0], https_compatible=True)
    async with running(name_path, [listener]):
        client = await inner.connect()
        await client.send(GET)
        await client.stream.aclose()
        await wait_all_tasks_blocked()

    assert caplog.records == []


async def test_other_bytes_on_the_tls_port_are_closed(
    contexts: tuple[ssl.SSLContext, ssl.SSLContext],
) -> None:
    async with over_tls(name_path, contexts) as door:
        client = await door.client()
        await client.send(b"\0" * 100)
        with pytest.raises(trio.BrokenResourceError):
            while await client.stream.receive_some():
                pass
            raise trio.BrokenResourceError


async def test_leaving_waits_for_no_handshake(
    contexts: tuple[ssl.SSLContext, ssl.SSLContext], autojump_clock: MockClock
) -> None:
    inner, leaving = Memory(), trio.Event()
    listener = trio.SSLListener(inner, contexts[0], https_compatible=True)
    async with running(name_path, [listener], leaving):
        client = await inner.connect()
        await wait_all_tasks_blocked()
        leaving.set()
        assert await client.read_all() == b""

    assert trio.current_time() == 0


async def test_slow_handshake_is_given_up(
    contexts: tuple[ssl.SSLContext, ssl.SSLContext], autojump_clock: MockClock
) -> None:
    inner = Memory()
    listener = trio.SSLListener(inner, contexts[0], https_compatible=True)
    async with trio.open_nursery() as nursery:
        await nursery.start(serve, name_path, [listener], trio.Event())
        client = await inner.connect()
        assert await client.read_all() == b""
        nursery.cancel_scope.cancel()

    assert trio.current_time() == 10
