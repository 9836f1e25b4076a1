"""Connections opened in time, with TLS, or a sentence that says why not."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
import trio
import trio.testing

from llamaswap.errors import UpstreamError
from llamaswap.policy.messages import Target
from llamaswap.policy.rules import ModelId
from llamaswap.relay.client import Pool, RequestHead
from llamaswap.relay.dialing import CONNECT_WITHIN, Dialer
from llamaswap.relay.heads import route_of
from llamaswap.relay.sockets import LeanStream
from tests.relay.wires import TARGET, Wires

CERTIFICATE = Path(__file__).with_name("localhost.pem")
"""A certificate for localhost that signs itself, with its key."""


def failing(error: Exception) -> Dialer:
    async def dial(host: str, port: int) -> LeanStream:
        await trio.lowlevel.checkpoint()
        raise error

    return Dialer(dial)


FAILURES = {
    "refused": (
        ConnectionRefusedError(),
        "the server of llama at http://127.0.0.1:9000 refused the connection",
    ),
    "no route": (
        OSError(113, "No route to host"),
        (
            "the server of llama at http://127.0.0.1:9000 cannot be reached: "
            "[Errno 113] No route to host"
        ),
    ),
}


@pytest.mark.parametrize(("error", "message"), FAILURES.values(), ids=FAILURES)
async def test_failure_names_model_and_address(error: Exception, message: str) -> None:
    with pytest.raises(UpstreamError) as caught:
        await failing(error).connect(TARGET, route_of(TARGET))

    assert str(caught.value) == message


async def test_connecting_takes_30_seconds_at_most(autojump_clock: trio.testing.MockClock) -> None:
    async def dial(host: str, port: int) -> LeanStream:
        await trio.sleep_forever()
        raise AssertionError

    with pytest.raises(UpstreamError) as caught:
        await Dialer(dial).connect(TARGET, route_of(TARGET))

    assert trio.current_time() == CONNECT_WITHIN == 30
    assert str(caught.value) == (
        "the server of llama at http://127.0.0.1:9000 took no connection within 30 s"
    )


async def test_real_server_is_reached_and_refusal_is_told() -> None:
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    url = f"http://127.0.0.1:{listener.socket.getsockname()[1]}"
    target = Target(ModelId("llama"), url)
    with trio.fail_after(5):
        async with listener:
            connection = await Dialer().connect(target, route_of(target))
            connection.close()
        with pytest.raises(UpstreamError) as caught:
            await Dialer().connect(target, route_of(target))

    assert str(caught.value) == f"the server of llama at {url} refused the connection"


SECURE = Target(ModelId("peer"), "https://localhost:9443")


async def serve_tls(stream: trio.SocketStream) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(CERTIFICATE)
    secured = trio.SSLStream(stream, context, server_side=True, https_compatible=True)
    try:
        while b"\r\n\r\n" in await secured.receive_some():
            await secured.send_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
    except trio.BrokenResourceError:
        return


async def start_server(nursery: trio.Nursery) -> Target:
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    nursery.start_soon(trio.serve_listeners, serve_tls, [listener])
    return Target(ModelId("peer"), f"https://localhost:{listener.socket.getsockname()[1]}")


async def test_https_is_spoken_and_the_connection_kept() -> None:
    dialer = Dialer()
    # Instead of the system's certificates, which know nothing of this one.
    dialer._tls = ssl.create_default_context(cafile=str(CERTIFICATE))
    pool = Pool(dialer)
    with trio.fail_after(5):
        async with trio.open_nursery() as nursery:
            target = await start_server(nursery)
            for _ in range(2):
                async with pool.exchange(target, RequestHead(b"GET", b"/")) as exchange:
                    assert await exchange.next_chunk() == b"hi"
            assert [len(kept) for kept in pool._kept.values()] == [1]
            await pool.aclose()
            nursery.cancel_scope.cancel()


async def test_unknown_certificate_is_refused() -> None:
    with trio.fail_after(5):
        async with trio.open_nursery() as nursery:
            target = await start_server(nursery)
            with pytest.raises(UpstreamError, match=r"peer at https://.* cannot be reached"):
                await Dialer().connect(target, route_of(target))
            nursery.cancel_scope.cancel()


async def test_cancelled_handshake_leaves_nothing_open(wires: Wires) -> None:
    with trio.move_on_after(0.01) as scope:
        await Dialer(wires.dial).connect(SECURE, route_of(SECURE))

    assert scope.cancelled_caught
    assert wires.open == [False]


async def test_no_tls_is_told(wires: Wires) -> None:
    wires.answers = [b"HTTP/1.1 400 Bad Request\r\n\r\n"]

    with pytest.raises(UpstreamError, match="peer at https://localhost:9443 cannot be reached: "):
        await Dialer(wires.dial).connect(SECURE, route_of(SECURE))

    assert wires.open == [False]
