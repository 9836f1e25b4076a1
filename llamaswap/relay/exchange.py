"""One request: out, answer streamed back, hang-ups noticed.

Moves values between an upstream and a `Client`; knows neither ASGI nor
processes. A client that hangs up cancels the task, and leaving the block then
closes the upstream's connection.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol
from urllib.parse import quote, urlsplit

import trio
from attrs import frozen

from llamaswap.errors import RequestError, UpstreamError
from llamaswap.policy.messages import Target
from llamaswap.relay.client import Pool, RequestBody, RequestHead
from llamaswap.relay.heads import Headers

PROBE_BODY_WITHIN = 1.0
"""Seconds to read what comes with a health check's status. A connection that is
closed with bytes unread is reset, which some servers put into their logs."""

PROBE_BODY_BYTES = 65536
"""Bytes of it to read at most: a front page used as health check is smaller."""


class Client(Protocol):
    """Who asked. Each call may wait, and so slows this one exchange down."""

    async def start(self, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        """Pass on the head of the answer."""
        ...

    async def piece(self, data: bytes) -> None:
        """Pass on a part of the body, which is not empty and not the last."""
        ...

    async def end(self, data: bytes) -> None:
        """Pass on the rest of the body, which may be empty."""
        ...


@frozen
class Outcome:
    """An answer that has been passed on completely."""

    status: int
    sent_bytes: int
    """Payload of the answer."""

    first_byte_at: float
    """When the head of the answer was there, in Trio's time."""


async def relay(
    pool: Pool,
    target: Target,
    head: RequestHead,
    body: RequestBody,
    answer_headers: Callable[[Headers], list[tuple[bytes, bytes]]],
    client: Client,
) -> Outcome:
    """Send a request to ``target`` and pass the answer to ``client`` as it arrives.

    Each piece is passed on before the next one is read. The connection is free
    again before `Client.end` is called. What completes the body is passed on with
    its end: most answers are one piece, and so one message less (5 µs).

    Args:
      pool: the connections to use.
      target: where the request goes.
      head: the head of the request, already as the upstream shall see it.
      body: the body, or what produces it.
      answer_headers: makes the client's headers of the upstream's.
      client: who gets the answer.

    Cancellation:
      The upstream's connection is closed.

    Raises:
      CutError: the upstream broke off after `Client.start`; `Client.end` was
        not called, and the client must not take the answer for complete.
      UpstreamError: there was no answer; ``client`` has heard nothing.
      RequestError: the head holds what cannot be sent.
    """
    sent = 0
    async with pool.exchange(target, head, body) as exchange:
        first_byte_at = trio.current_time()
        status = exchange.head.status
        await client.start(status, answer_headers(exchange.head.headers))
        data = await exchange.next_chunk()
        while not exchange.is_complete:
            await client.piece(data)
            sent += len(data)
            data = await exchange.next_chunk()
    await client.end(data)
    return Outcome(status, sent + len(data), first_byte_at)


async def probe(pool: Pool, target: Target, path: str) -> bool:
    """Say whether a GET of ``path`` is answered with status 200.

    Never raises for what an upstream does or does not do. The caller bounds the
    wait for the answer.

    Args:
      pool: the connections to use; the one of a good probe is kept and
        carries the first request.
      target: whom to ask.
      path: path and query; of a whole address only these two count.
    """
    try:
        head = RequestHead(b"GET", _asked(path), ((b"accept", b"*/*"),))
        async with pool.exchange(target, head) as exchange:
            read = 0
            with trio.move_on_after(PROBE_BODY_WITHIN):
                while read < PROBE_BODY_BYTES and (data := await exchange.next_chunk()):
                    read += len(data)
            return exchange.head.status == 200  # noqa: PLR2004 - OK
    # ValueError: the path is no address at all.
    except (UpstreamError, RequestError, OSError, ValueError):
        return False


def _asked(path: str) -> bytes:
    """Return path and query of what a configuration calls a path."""
    parts = urlsplit(path)
    asked = parts.path + (f"?{parts.query}" if parts.query else "")
    # Percent signs stay: what is encoded already is not encoded twice.
    return quote(asked, safe="/%?&=+:;,@!$'()*~").encode("ascii")
