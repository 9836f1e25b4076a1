"""The upstream of the benchmark: answers at once, or streams at a steady pace.

A process of its own, so that its time is nobody else's. One timer paces all
streams: in step, as the batches of one model server do, or spread, as those of
many are. Answers tell when the model became ready, on the clock that all
processes of a machine share.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import sys
import time
from itertools import cycle

EVENTS_PER_SECOND = 80
"""Of each stream: a small model on a good graphics card."""

PHASES = 12
"""Beats in the time between two events of a stream: about one each millisecond."""

LIFETIME = 600.0
"""Seconds after which it ends by itself, should nobody end it."""

_LENGTH = re.compile(rb"\r\ncontent-length: *([0-9]+)", re.IGNORECASE)
_STREAMS = re.compile(rb'"stream": *true')
_SPREAD = re.compile(rb'"user": *"spread"')

_HEAD = b"HTTP/1.1 %d %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
_STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
)
_EVENT = (
    b'data: {"choices":[{"finish_reason":null,"index":0,"delta":{"content":" word"}}],'
    b'"created":1700000000,"id":"chatcmpl-bench","model":"stub","object":"chat.completion.chunk"}'
    b"\n\n"
)
_PIECE = b"%x\r\n%b\r\n" % (len(_EVENT), _EVENT)


def answer_of(ready_at: float) -> bytes:
    """Return the answer to a question, of some 300 bytes."""
    message = {"role": "assistant", "content": "The quick brown fox jumps over the lazy dog. " * 2}
    return json.dumps(
        {
            "id": "chatcmpl-bench",
            "object": "chat.completion",
            "model": "stub",
            "ready_at": ready_at,
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 20, "completion_tokens": 20, "total_tokens": 40},
        }
    ).encode()


class Model:
    """What all connections share."""

    def __init__(self, load: float) -> None:
        self.ready_at = time.monotonic() + load
        body = answer_of(self.ready_at)
        self.answer = _HEAD % (200, b"OK", len(body)) + body
        self.loading = _HEAD % (503, b"Service Unavailable", 2) + b"{}"
        self._phases: list[set[asyncio.WriteTransport]] = [set() for _ in range(PHASES)]
        self._wanted = asyncio.Event()

    def add_stream(self, stream: asyncio.WriteTransport, *, spread: bool) -> None:
        """Send events from now on, beside the other streams or between them."""
        phase = min(self._phases, key=len) if spread else self._phases[0]
        phase.add(stream)
        self._wanted.set()

    def drop_stream(self, stream: asyncio.WriteTransport) -> None:
        """Send it nothing more."""
        for phase in self._phases:
            phase.discard(stream)
        if not any(self._phases):
            self._wanted.clear()

    async def run(self) -> None:
        """Send one event to the streams of one phase at each beat."""
        beat, pause = time.monotonic(), 1 / EVENTS_PER_SECOND / PHASES
        for phase in cycle(self._phases):
            await self._wanted.wait()
            # A beat that came late is made up for, but not a rest.
            beat = max(beat + pause, time.monotonic() - pause * PHASES)
            await asyncio.sleep(beat - time.monotonic())
            for stream in phase:
                stream.write(_PIECE)


class Connection(asyncio.Protocol):
    """Answers one request after the other."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._held = b""
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's
        self._model.drop_stream(self._transport)

    def data_received(self, data: bytes) -> None:
        data = self._held + data
        while (head_end := data.find(b"\r\n\r\n")) >= 0:
            length = _LENGTH.search(data, 0, head_end)
            end = head_end + 4 + (int(length[1]) if length else 0)
            if len(data) < end:
                break
            self._answer(data[:end])
            data = data[end:]
        self._held = data

    def _answer(self, request: bytes) -> None:
        model = self._model
        if _STREAMS.search(request):
            self._transport.write(_STREAM_HEAD)
            model.add_stream(self._transport, spread=bool(_SPREAD.search(request)))
        else:
            is_ready = time.monotonic() >= model.ready_at
            self._transport.write(model.answer if is_ready else model.loading)


async def main() -> None:
    """Serve until ended."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--load", type=float, default=0.0, help="seconds until it is ready")
    options = parser.parse_args()
    model = Model(options.load)
    loop = asyncio.get_running_loop()
    loop.call_later(LIFETIME, sys.exit)
    await loop.create_server(lambda: Connection(model), "127.0.0.1", options.port, backlog=1024)
    await model.run()


if __name__ == "__main__":
    asyncio.run(main())
