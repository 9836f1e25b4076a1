"""A request out, an answer streamed back; health checks."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import trio
import trio.testing

from llamaswap.errors import UpstreamError
from llamaswap.policy.messages import Target
from llamaswap.policy.rules import ModelId
from llamaswap.relay.client import CutError, Pool, RequestHead
from llamaswap.relay.dialing import Dialer
from llamaswap.relay.exchange import PROBE_BODY_WITHIN, Outcome, probe, relay
from llamaswap.relay.sockets import LeanStream
from tests.relay.wires import TARGET, Wires

POST = RequestHead(b"POST", b"/v1/chat")
EVENTS = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


class Listener:
    """A client that notes what it is told, and when."""

    def __init__(self) -> None:
        self.heard: list[tuple[float, object]] = []

    async def start(self, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        await self.note((status, headers))

    async def piece(self, data: bytes) -> None:
        await self.note(data)

    async def end(self, data: bytes) -> None:
        await self.note(("end", data))

    async def note(self, what: object) -> None:
        await trio.lowlevel.checkpoint()
        self.heard.append((trio.current_time(), what))


def only_type(headers: Sequence[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    return [field for field in headers if field[0] == b"content-type"]


async def test_each_piece_is_passed_on_when_it_arrives(
    wires: Wires, autojump_clock: trio.testing.MockClock
) -> None:
    listener = Listener()

    async def serve() -> None:
        await trio.sleep(1)
        for piece in (EVENTS, b"3\r\none\r\n", b"3\r\ntwo\r\n", b"0\r\n\r\n"):
            await wires.far[0].send_all(piece)
            await trio.sleep(10)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve)
        outcome = await relay(wires.pool(), TARGET, POST, b"{}", only_type, listener)

    assert listener.heard == [
        (1, (200, [(b"content-type", b"text/event-stream")])),
        (11, b"one"),
        (21, b"two"),
        (31, ("end", b"")),
    ]
    assert outcome == Outcome(status=200, sent_bytes=6, first_byte_at=1)


async def test_connection_is_free_when_the_client_hears_the_end(wires: Wires) -> None:
    wires.answers = [b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"]
    pool = wires.pool()

    class Curious(Listener):
        async def end(self, data: bytes) -> None:
            await self.note((data, sum(map(len, pool._kept.values()))))

    listener = Curious()
    await relay(pool, TARGET, POST, b"", list, listener)

    assert [what for _, what in listener.heard] == [(200, [(b"content-length", b"2")]), (b"hi", 1)]


async def test_break_off_after_the_head_is_a_cut(wires: Wires) -> None:
    wires.answers = [EVENTS + b"3\r\none\r\n"]
    listener = Listener()

    async def die() -> None:
        await trio.testing.wait_all_tasks_blocked()
        wires.far[0].close()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(die)
        with pytest.raises(CutError) as caught:
            await relay(wires.pool(), TARGET, POST, b"", only_type, listener)

    assert caught.value.began
    assert [what for _, what in listener.heard][1:] == [b"one"]


async def test_client_hears_nothing_of_an_upstream_that_does_not_answer(wires: Wires) -> None:
    wires.answers = [None]
    listener = Listener()

    with pytest.raises(UpstreamError) as caught:
        await relay(wires.pool(), TARGET, POST, b"", only_type, listener)

    assert not isinstance(caught.value, CutError)
    assert listener.heard == []


class Sleeper(Listener):
    """A client that does not come back from one of its calls."""

    def __init__(self, where: object) -> None:
        super().__init__()
        self.where = where

    async def note(self, what: object) -> None:
        if what == self.where or (isinstance(what, tuple) and self.where == "start"):
            await trio.sleep_forever()


@pytest.mark.parametrize(("where", "kept"), [("start", False), (b"hi", True), ("end", True)])
async def test_hang_up_ends_the_exchange(wires: Wires, where: object, *, kept: bool) -> None:
    wires.answers = [b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"]

    async with trio.open_nursery() as nursery:
        nursery.start_soon(relay, wires.pool(), TARGET, POST, b"", only_type, Sleeper(where))
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()

    # Only a complete answer leaves a usable connection behind.
    assert wires.open == [kept]


def answer(status: bytes, rest: bytes = b"Content-Length: 2\r\n\r\nok") -> bytes:
    return b"HTTP/1.1 " + status + b"\r\n" + rest


PROBES = {
    "200": (answer(b"200 OK"), True, True),
    "loading": (answer(b"503 Loading"), False, True),
    "another success": (answer(b"201 Created"), False, True),
    "a redirect": (answer(b"302 Found"), False, True),
    "no HTTP": (b"hello", False, False),
    "a large page": (answer(b"200 OK", b"\r\n" + b"x" * 100_000), True, False),
    "hung up": (None, False, False),
}


@pytest.mark.parametrize(("sent", "healthy", "kept"), PROBES.values(), ids=PROBES)
async def test_probe_wants_200(
    wires: Wires, sent: bytes | None, *, healthy: bool, kept: bool
) -> None:
    wires.answers = [sent]

    assert await probe(wires.pool(), TARGET, "/health") is healthy
    assert wires.open == [kept]


async def test_probe_does_not_take_a_cut_answer(wires: Wires) -> None:
    wires.answers = [answer(b"200 OK", b"Content-Length: 5\r\n\r\nhel")]

    async with trio.open_nursery() as nursery:

        async def die() -> None:
            await trio.testing.wait_all_tasks_blocked()
            wires.far[0].close()

        nursery.start_soon(die)
        assert not await probe(wires.pool(), TARGET, "/health")


async def test_probe_does_not_wait_for_a_long_body(
    wires: Wires, autojump_clock: trio.testing.MockClock
) -> None:
    wires.answers = [answer(b"200 OK", b"\r\nhello")]

    assert await probe(wires.pool(), TARGET, "/health")
    assert trio.current_time() == PROBE_BODY_WITHIN
    assert wires.open == [False]


PATHS = {
    "/health": b"/base/health",
    "health": b"/base/health",
    "": b"/base/",
    "/health?deep=1&b": b"/base/health?deep=1&b",
    "http://elsewhere:1/v1/models?x=y": b"/base/v1/models?x=y",
    "/a b/ü%20": b"/base/a%20b/%C3%BC%20",
}


@pytest.mark.parametrize(("path", "asked"), PATHS.items())
async def test_probe_asks_for_the_path_below_the_base(
    wires: Wires, path: str, asked: bytes
) -> None:
    wires.answers = [answer(b"200 OK")]

    assert await probe(wires.pool(), Target(ModelId("m"), "http://h:1/base"), path)
    assert wires.received() == b"GET " + asked + b" HTTP/1.1\r\nhost: h:1\r\naccept: */*\r\n\r\n"


async def test_probe_is_false_where_nobody_can_be_asked() -> None:
    async def dial(host: str, port: int) -> LeanStream:
        await trio.lowlevel.checkpoint()
        raise ConnectionRefusedError

    assert not await probe(Pool(Dialer(dial)), TARGET, "/health")
    assert not await probe(Pool(), Target(ModelId("m"), "ftp://h"), "/health")
    assert not await probe(Pool(), TARGET, "http://[bad/health")


async def test_probe_can_be_cancelled(wires: Wires) -> None:
    with trio.move_on_after(0.01) as scope:
        await probe(wires.pool(), TARGET, "/health")

    assert scope.cancelled_caught
    assert wires.open == [False]
