"""What the tests of real processes share: a run that can be watched, and probes."""

from __future__ import annotations

import socket
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial

import trio
from attrs import define, field

from llamaswap.upstream.process import UpstreamSpec, WaitGone, run_upstream
from llamaswap.upstream.readiness import HealthCheck
from llamaswap.upstream.supervision import InForce, Supervision
from tests.processes import FAKE_MODEL

AS_USUAL = Supervision()


def fake(*options: str, port: int = 0) -> UpstreamSpec:
    """Return what runs the fake model server; it prints ``up``, then ``up ready``."""
    return UpstreamSpec((*FAKE_MODEL, "--port", str(port), "--say", "up", *options))


def python(code: str) -> UpstreamSpec:
    """Return what runs a one-line program."""
    return UpstreamSpec((sys.executable, "-S", "-c", code))


def free_port() -> int:
    """Return a port that nobody uses at this moment."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def health(port: int) -> HealthCheck:
    """Return a health check over real HTTP."""

    async def is_healthy() -> bool:
        try:
            stream = await trio.open_tcp_stream("127.0.0.1", port)
            async with stream:
                await stream.send_all(b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n")
                return bytes(await stream.receive_some()).startswith(b"HTTP/1.1 200")
        except OSError:
            return False

    return is_healthy


async def never() -> bool:
    """Never find it healthy."""
    await trio.lowlevel.checkpoint()
    return False


@define(eq=False)
class Run:
    """One run of an upstream: what it printed, what we were told, how it ended."""

    in_force: InForce = field(factory=lambda: InForce(AS_USUAL))
    """A test may put another one in force."""

    text: str = ""
    stuck: list[str] = field(factory=list[str])
    outcome: str | None = None
    wait_gone: WaitGone | None = None
    pid: int = 0
    _news: trio.Event = field(factory=trio.Event)

    def hear(self, chunk: bytes) -> None:
        """Take in output."""
        self.text += chunk.decode(errors="replace")
        self.tell()

    def complain(self, sentence: str, wait_gone: WaitGone) -> None:
        """Be told that it is stuck."""
        self.stuck.append(sentence)
        self.wait_gone = wait_gone
        self.tell()

    def tell(self) -> None:
        """Wake who waits for news."""
        self._news.set()
        self._news = trio.Event()

    async def until(self, fact: Callable[[], bool]) -> None:
        """Wait until it holds; looked at whenever there is news."""
        while not fact():
            await self._news.wait()

    async def prints(self, words: str) -> None:
        """Wait until it has printed a line that begins so."""
        await self.until(lambda: f"\n{words}" in f"\n{self.text}")

    def word_after(self, words: str) -> int:
        """Return the number that follows in the output."""
        return int(self.text.partition(words)[2].split()[0])

    async def run(
        self,
        spec: UpstreamSpec,
        is_healthy: HealthCheck | None = None,
        *,
        task_status: trio.TaskStatus[int] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Run it and keep the outcome."""
        self.outcome = await run_upstream(
            spec,
            self.in_force,
            is_healthy,
            self.hear,
            on_ready=task_status.started,
            on_stuck=self.complain,
        )
        self.tell()


@asynccontextmanager
async def running(
    spec: UpstreamSpec,
    is_healthy: HealthCheck | None = None,
    supervision: Supervision = AS_USUAL,
    *,
    within: float = 20,
) -> AsyncGenerator[Run, None]:
    """Run the spec beside the body, and cancel it after that."""
    run = Run(InForce(supervision))
    with trio.fail_after(within):
        async with trio.open_nursery() as nursery:
            run.pid = await nursery.start(partial(run.run, spec, is_healthy))
            yield run
            nursery.cancel_scope.cancel()


async def error_of(work: Callable[[], Awaitable[object]]) -> str:
    """Return the text of the one plain exception that it raises."""
    with trio.fail_after(20):
        try:
            await work()
        except Exception as exc:  # noqa: BLE001 - the caller compares it
            return f"{type(exc).__name__}: {exc}"
    return "nothing was raised"


def stopped_by(code: str, stop_within: float = 10) -> Supervision:
    """Return what ends a model by a one-line program, ``${PID}`` its argument."""
    return Supervision((sys.executable, "-S", "-c", code, "${PID}"), stop_within=stop_within)
