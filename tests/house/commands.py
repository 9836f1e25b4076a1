"""The real command as a child of a test."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import trio
from attrs import define, field

from llamaswap.config.dump import dump
from llamaswap.config.schema import Config
from llamaswap.relay.client import Pool
from tests.house.clients import Client

ROOT = Path(__file__).parents[2]

COMMAND = (sys.executable, "-m", "llamaswap")


def write_config(path: Path, config: Config) -> Path:
    """Write ``config`` into a file, all at once."""
    return write_text(path, dump(config))


def write_text(path: Path, text: str) -> Path:
    """Write ``text`` into a file, all at once."""
    fresh = path.with_suffix(".new")
    fresh.write_text(text)
    return fresh.replace(path)


@define(eq=False)
class Command:
    """A running ``llama-swap``, and a client of it."""

    process: trio.Process
    client: Client
    text: str = field(default="", init=False)
    """What it has printed so far."""

    _listening: trio.CancelScope = field(factory=trio.CancelScope, init=False)
    _news: trio.Event = field(factory=trio.Event, init=False)
    _is_silent: bool = field(default=False, init=False)

    async def listen(self, output: trio.abc.ReceiveStream) -> None:
        """Read what it prints."""
        with self._listening:
            async for chunk in output:
                self.text += bytes(chunk).decode()
                self._tell()
            self._is_silent = True
            self._tell()

    def _tell(self) -> None:
        self._news.set()
        self._news = trio.Event()

    def stop_listening(self) -> None:
        """Read nothing any more, without closing the pipe."""
        self._listening.cancel()

    async def until_said(self, text: str, *, times: int = 1) -> None:
        """Wait until it has printed ``text``."""
        while self.text.count(text) < times:
            assert not self._is_silent, self.text
            await self._news.wait()

    def ask_to_reload(self) -> None:
        """Send SIGHUP."""
        if sys.platform != "win32":
            self.process.send_signal(signal.SIGHUP)

    async def leave(self, number: int = signal.SIGTERM) -> tuple[int, float]:
        """Send a signal and wait for the end; return the exit status and the seconds it took."""
        began = trio.current_time()
        self.process.send_signal(number)
        status = await self.process.wait()
        return status, trio.current_time() - began


@asynccontextmanager
async def running(
    path: Path | None, *options: str, within: float = 20, state: Path | None = None
) -> AsyncGenerator[Command, None]:
    """Run the command beside the body; it serves when the body begins.

    Args:
      path: its configuration; ``None``: ``options`` say where that is.
      options: more of its command line.
      within: seconds for the whole story.
      state: folder of what it learns; ``None``: one of its own.
    """
    argv = [*COMMAND, "--listen", "127.0.0.1:0", *options]
    if path is not None:
        argv += ["--config", str(path)]
    with trio.fail_after(within), tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {"STATE_DIRECTORY": str(state or folder)}
        async with aclosing(Pool()) as pool, trio.open_nursery() as nursery:
            process = await trio.lowlevel.open_process(
                argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=ROOT, env=environment
            )
            try:
                assert process.stdout is not None
                command = Command(process, Client("", pool))
                nursery.start_soon(command.listen, process.stdout)
                await command.until_said(" listens on http://")
                await command.until_said("\n")
                url = command.text.partition(" listens on ")[2].split()[0]
                command.client = Client(url, pool)
                yield command
            finally:
                if process.returncode is None:
                    process.kill()
                with trio.CancelScope(shield=True, deadline=trio.current_time() + 5):
                    await process.wait()
                nursery.cancel_scope.cancel()
