"""The clients of the benchmark: each asks again as soon as it is answered.

A process of its own, which prints one `Sample` as JSON. It reads the processor
time of the program in between at the same two moments as its own counts.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import sys
import time

import psutil

from tests.bench.measure import Sample
from tests.bench.programs import READY

WARM_UP = 0.3
"""Seconds before anything counts: connections are opened, pools filled."""

_LENGTH = re.compile(rb"\r\ncontent-length: *([0-9]+)", re.IGNORECASE)
_QUESTION = (
    b"POST /v1/chat/completions HTTP/1.1\r\nHost: bench\r\nUser-Agent: bench/1.0\r\n"
    b"Accept: application/json\r\nAuthorization: Bearer none\r\n"
    b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
)


def question(model: str, *, stream: bool = False, user: str = "bench") -> bytes:
    """Return a request with a body of some 400 bytes; ``user`` is a word to the stub."""
    body = json.dumps(
        {
            "model": model,
            "stream": stream,
            "user": user,
            "temperature": 0.7,
            "max_tokens": 256,
            "messages": [
                {"role": "system", "content": "You are a helpful assistant. Answer briefly."},
                {"role": "user", "content": "What does the quick brown fox jump over? " * 5},
            ],
        }
    ).encode()
    return _QUESTION % (len(body), body)


class Tally:
    """What all clients have seen since the last `clear`."""

    def __init__(self) -> None:
        self.latencies: list[float] = []
        self.events = 0
        self.fault: str | None = None

    def clear(self) -> None:
        """Begin to count."""
        self.latencies.clear()
        self.events = 0


class Asker(asyncio.Protocol):
    """Asks on one kept connection, again and again."""

    def __init__(self, request: bytes, tally: Tally) -> None:
        self._request = request
        self._tally = tally
        self._held = b""
        self._asked_at = 0.0
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._ask()

    def _ask(self) -> None:
        self._asked_at = time.perf_counter()
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        data = self._held + data
        head_end = data.find(b"\r\n\r\n")
        length = _LENGTH.search(data, 0, head_end) if head_end >= 0 else None
        if length is None or len(data) < head_end + 4 + int(length[1]):
            self._held = data
            return
        self._held = b""
        self._tally.latencies.append(time.perf_counter() - self._asked_at)
        if not data.startswith(b"HTTP/1.1 200 "):
            self._tally.fault = repr(data[:400])
        self._ask()


class Reader(asyncio.Protocol):
    """Reads one stream and counts its events."""

    def __init__(self, request: bytes, tally: Tally) -> None:
        self._request = request
        self._tally = tally

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        # One event of the stub is one write, and far from filling a read.
        self._tally.events += data.count(b"data: ")

    def connection_lost(self, exc: Exception | None) -> None:
        self._tally.fault = f"a stream ended: {exc}"


def worked(pid: int) -> float:
    """Return the seconds that a process has worked, its children not included."""
    if sys.platform == "linux":
        # The clock that clock_getcpuclockid(3) returns: psutil knows hundredths only,
        # a tenth of what streams take in a second.
        return time.clock_gettime((~pid << 3) | 2)
    times = psutil.Process(pid).cpu_times()
    return times.user + times.system


async def sample(options: argparse.Namespace) -> Sample:
    """Ask for some seconds."""
    loop = asyncio.get_running_loop()
    tally = Tally()
    request = question(options.model, stream=bool(options.streams), user=options.streams)
    kind = Reader if options.streams else Asker
    for _ in range(options.connections):
        await loop.create_connection(lambda: kind(request, tally), "127.0.0.1", options.port)
    await asyncio.sleep(WARM_UP)
    tally.clear()
    began, work_before = time.perf_counter(), worked(options.pid)
    await asyncio.sleep(options.seconds)
    ended, work_after = time.perf_counter(), worked(options.pid)
    done, median = len(tally.latencies), 0.0
    if tally.fault:
        raise SystemExit(tally.fault)
    if done:
        median = sorted(tally.latencies)[done // 2]
    return Sample(tally.events or done, ended - began, median, work_after - work_before)


def main() -> None:
    """Print one sample."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--pid", type=int, required=True, help="whose processor time is read")
    parser.add_argument("--model", default=READY)
    parser.add_argument("--connections", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--streams", default="", help="'step' or 'spread': read streams")
    print(asyncio.run(sample(parser.parse_args())).to_json())


if __name__ == "__main__":
    main()
