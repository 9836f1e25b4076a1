"""Connections for tests: one end for the code, the far end for the test."""

from __future__ import annotations

import socket
from collections.abc import Generator
from contextlib import contextmanager

import trio

from llamaswap.policy.messages import Target
from llamaswap.policy.rules import ModelId
from llamaswap.relay.client import Exchange, Pool, RequestHead
from llamaswap.relay.dialing import Dialer
from llamaswap.relay.sockets import LeanStream

TARGET = Target(ModelId("llama"), "http://127.0.0.1:9000")


def pair() -> tuple[LeanStream, LeanStream]:
    """Make two ends of one connection."""
    near, far = socket.socketpair()
    return LeanStream(near), LeanStream(far)


class Wires:
    """Hands connections to a pool and keeps both ends of each."""

    def __init__(self) -> None:
        self.near: list[LeanStream] = []
        self.far: list[LeanStream] = []
        self.answers: list[bytes | None] = []
        """What the far ends of the next connections have sent already; ``None``
        for one that is closed."""

    async def dial(self, host: str, port: int) -> LeanStream:
        assert host
        assert port
        await trio.lowlevel.checkpoint()
        near, far = pair()
        self.near.append(near)
        self.far.append(far)
        answer = self.answers.pop(0) if self.answers else b""
        if answer is None:
            far.close()
        else:
            far.socket.sendall(answer)
        return near

    def pool(self) -> Pool:
        """Make a pool that gets its connections here."""
        return Pool(Dialer(self.dial))

    @property
    def open(self) -> list[bool]:
        """Say which of the near ends are open."""
        return [near.socket.fileno() >= 0 for near in self.near]

    def received(self, index: int = -1) -> bytes:
        """Take what has arrived at a far end."""
        return self.far[index].socket.recv(1 << 20)


@contextmanager
def wires() -> Generator[Wires, None, None]:
    """Close every end after the test."""
    made = Wires()
    try:
        yield made
    finally:
        for stream in made.near + made.far:
            stream.close()


GET = RequestHead(b"GET", b"/v1/models")
POST = RequestHead(b"POST", b"/v1/chat", [(b"content-type", b"application/json")])
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"


async def read_all(exchange: Exchange) -> bytes:
    pieces: list[bytes] = []
    while piece := await exchange.next_chunk():
        pieces.append(piece)
    return b"".join(pieces)


async def ask(pool: Pool, head: RequestHead = GET, body: bytes = b"") -> bytes:
    async with pool.exchange(TARGET, head, body) as exchange:
        return await read_all(exchange)
