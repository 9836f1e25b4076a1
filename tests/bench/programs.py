"""Starts what is measured, each with a configuration of its own, and ends it.

Ours, the reference and whatever takes the same options are started alike; the
stub of the direct way is started by hand. Everything listens on loopback.
"""

from __future__ import annotations

import os
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
from attrs import frozen

STUB = (sys.executable, str(Path(__file__).with_name("stub.py")))
OURS = (sys.executable, "-m", "llamaswap")

READY = "fast"
"""The model that is asked for most, and needs no time to load."""

LOADS = {"loads-short": 0.3, "loads-long": 0.9}
"""Models that take turns, with the seconds that they take to load."""

UP_WITHIN = 10.0
"""Seconds to begin to listen: what does not by then has failed."""

GONE_WITHIN = 10.0
"""Seconds to end when asked, before it is killed."""


@frozen
class Program:
    """Something that listens and answers."""

    name: str
    pid: int
    port: int


@contextmanager
def stub() -> Generator[Program, None, None]:
    """Run the upstream by itself."""
    port = free_ports(1)
    with _running("direct", (*STUB, "--port", str(port)), port) as program:
        yield program


@contextmanager
def proxy(name: str, command: Sequence[str], folder: Path) -> Generator[Program, None, None]:
    """Run a proxy, whose configuration is written into ``folder``."""
    port, upstreams = free_ports(1), free_ports(1 + len(LOADS))
    config = folder / f"{name}.yaml"
    config.write_text(configuration(upstreams))
    listen = ("-config", str(config), "-listen", f"127.0.0.1:{port}")
    # What is learned of one run's loads must not help the next one.
    state = {"STATE_DIRECTORY": str(folder)}
    with _running(name, (*command, *listen), port, state) as program:
        yield program


def configuration(start_port: int) -> str:
    """Return a configuration that both programs understand in the same way."""
    lines = [f"startPort: {start_port}", "healthCheckTimeout: 15", "models:"]
    for model, load in {READY: 0.0, **LOADS}.items():
        lines.append(f"  {model}:")
        lines.append(f"    cmd: {shlex.join(STUB)} --port ${{PORT}} --load {load}")
        lines.append("    concurrencyLimit: 1000")
    return "\n".join(lines) + "\n"


PORTS = range(20_000, 32_000, 10)
"""Where to look for ports: below those that systems give to outgoing connections,
of which the clients here open so many that one soon sits on a server's port."""

_ports = iter(PORTS)


def free_ports(count: int) -> int:
    """Return the first of ``count`` neighbours that nobody uses; never the same again."""
    for first in _ports:
        if all(_is_free(port) for port in range(first, first + count)):
            return first
    raise OSError(f"no port is free from {PORTS.start} to {PORTS.stop}")


def _is_free(port: int) -> bool:
    with suppress(OSError, OverflowError), socket.create_server(("127.0.0.1", port)):
        return True
    return False


@contextmanager
def _running(
    name: str, command: Sequence[str], port: int, environment: Mapping[str, str] | None = None
) -> Generator[Program, None, None]:
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, env=os.environ | dict(environment or {})
    )
    try:
        _wait_until_up(name, process, port)
        yield Program(name, process.pid, port)
    finally:
        _end(process)


def _wait_until_up(name: str, process: subprocess.Popen[bytes], port: int) -> None:
    end = time.monotonic() + UP_WITHIN
    while process.poll() is None and time.monotonic() < end:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.02)
    raise SystemExit(f"{name} does not listen on port {port}")


def _end(process: subprocess.Popen[bytes]) -> None:
    """End it and, whatever it does, its children."""
    with suppress(psutil.NoSuchProcess):
        children = psutil.Process(process.pid).children(recursive=True)
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(GONE_WITHIN)
        for child in children:
            with suppress(psutil.NoSuchProcess):
                child.kill()
    process.kill()
    process.wait()
