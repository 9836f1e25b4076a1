"""``llama-swap demo``: two real models swap on this machine, before your eyes.

The same weights under two names with different settings, each a llama.cpp
server of its own, in one swap group: the second can only answer when the first
has left.
"""

from __future__ import annotations

import argparse
import json
import logging
import re
import shlex
import shutil
import socket
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack, aclosing
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any

import trio
from attrs import define, field

from llamaswap.cli.check import given_path
from llamaswap.cli.console import Console
from llamaswap.cli.signals import run_signals
from llamaswap.cli.weights import fetch_weights
from llamaswap.config.schema import Config, ModelConfig
from llamaswap.errors import ListenError, SwapError
from llamaswap.observe.logs import ROOT_LOGGER
from llamaswap.policy.messages import Target
from llamaswap.policy.rules import ModelId
from llamaswap.relay.client import Pool, RequestHead
from llamaswap.service import SwapRouter, open_layer, open_swap_router
from llamaswap.web.server import split_address

DEFAULT_LISTEN = "127.0.0.1:8080"

SETTINGS = {"smollm2-precise": (2048, 0.0), "smollm2-creative": (4096, 0.9)}
"""Per model: tokens of context, sampling temperature."""

QUESTIONS = {
    "smollm2-precise": "What is the capital of France? Answer in one sentence.",
    "smollm2-creative": "Write two sentences about a llama that swaps hats.",
}
LONGEST_ANSWER = 96
"""Tokens: some seconds on a small machine."""

SEED = 1
"""Of the sampling: the story is the same each time it is told."""


@define
class Row:
    """What one chat showed."""

    model: str
    asked: float = field(factory=trio.current_time, init=False)
    queued: float = field(default=0.0, init=False)
    loading: float = field(default=0.0, init=False)
    first: float | None = field(default=None, init=False)
    last: float = field(default=0.0, init=False)
    pieces: int = field(default=0, init=False)

    def note_piece(self) -> None:
        """Take the time of one token."""
        self.last = trio.current_time()
        self.first = self.first or self.last
        self.pieces += 1

    def cells(self) -> tuple[str, ...]:
        """Return what the table shows."""
        first = self.first or self.last
        rate = (self.pieces - 1) / (self.last - first) if self.pieces > 1 else 0.0
        return (
            self.model,
            f"{self.queued:.2f} s",
            f"{self.loading:.2f} s",
            f"{first - self.asked:.2f} s",
            f"{rate:.0f}",
        )


HEADS = ("model", "waited for swap", "load time", "time to first token", "tokens/s")


def demo(arguments: Sequence[str]) -> int:
    """Run the demo; return the exit status."""
    options = _options_of(arguments)
    try:
        weights = _existing(options.gguf) if options.gguf else fetch_weights()
        config = demo_config(weights)
        trio.run(partial(show, config, options.listen, once=options.once))
    except SwapError as exc:
        print(f"llama-swap demo: {exc}", file=sys.stderr)
        return 1
    return 0


def _options_of(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="llama-swap demo",
        description="See two real models swap on this machine.",
        epilog="Exit status: 0 fine, 1 if a model cannot be fetched or run, or the address is "
        "taken, which is told on stderr, 2 wrong usage.",
        allow_abbrev=False,
    )
    add = parser.add_argument
    add(*("-once", "--once"), action="store_true", help="leave after the table")
    add(*("-gguf", "--gguf"), type=given_path, metavar="PATH", help="use this model file")
    add(
        *("-listen", "--listen"),
        type=_address,
        default=DEFAULT_LISTEN,
        metavar="HOST:PORT",
        help=f"where to listen (default: {DEFAULT_LISTEN})",
    )
    return parser.parse_args(list(arguments))


def _address(text: str) -> str:
    try:
        split_address(text)
    except ListenError as exc:
        raise argparse.ArgumentTypeError(str(exc)) from exc
    return text


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise SwapError(f"there is no file {path}; --gguf takes the path of a GGUF model")
    return path


def demo_config(weights: Path) -> Config:
    """Configure two models of the same weights; they form the default swap group."""
    ports = free_ports(len(SETTINGS))
    models = {
        ModelId(name): ModelConfig(
            cmd=joined(_server(weights, port, name, *SETTINGS[name])),
            proxy=f"http://127.0.0.1:{port}",
            description=f"SmolLM2-135M, {SETTINGS[name][0]} tokens of context,"
            f" temperature {SETTINGS[name][1]:g}",
        )
        for name, port in zip(SETTINGS, ports, strict=True)
    }
    return Config(models=models)


def _server(weights: Path, port: int, name: str, context: int, temperature: float) -> list[str]:
    """Return the command of a llama.cpp server; both kinds take these flags."""
    program = shutil.which("llama-server")
    command = [program] if program else [sys.executable, "-m", "llamaswap.cli.demo_server"]
    return [
        *command,
        *("--model", str(weights), "--host", "127.0.0.1", "--port", str(port)),
        *("--alias", name, "--ctx-size", str(context), "--temp", f"{temperature:g}"),
    ]


def joined(words: list[str]) -> str:
    """Write an argument list as the configuration's ``cmd`` on this system."""
    return subprocess.list2cmdline(words) if sys.platform == "win32" else shlex.join(words)


def free_ports(count: int) -> list[int]:
    """Find ports of the loopback address that nobody uses now."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


async def show(config: Config, listen: str, *, once: bool) -> None:
    """Serve ``config``, chat with each model, print the table; stay until told to leave.

    Raises:
      SwapError: a model did not answer, or the address is taken.
    """
    logging.getLogger(ROOT_LOGGER).setLevel(logging.INFO)
    async with (
        open_layer(run_signals, Console(), grace=0) as orders,
        open_swap_router(config, listen=listen) as swap,
    ):
        with trio.CancelScope() as story:
            async with open_layer(_cancel_when, orders.leave, story, grace=0):
                await tell(swap, once=once)


async def _cancel_when(
    _leaving: trio.Event,
    event: trio.Event,
    scope: trio.CancelScope,
    *,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    task_status.started()
    await event.wait()
    scope.cancel()


async def tell(swap: SwapRouter, *, once: bool) -> None:
    """Chat with each model, then print the table and what else to try."""
    url = swap.urls[0]
    rows: list[Row] = []
    async with aclosing(Pool()) as connections:
        for model, question in QUESTIONS.items():
            print(f"\n{model} ← {question}\n{model} → ", end="", flush=True)
            row = Row(model)
            await chat(connections, url, row, question)
            print()
            rows.append(row)
    print(f"\n{table(rows)}")
    if not once:
        print(f"\nServing both models; Ctrl-C ends it. Try:\n{suggestions(url)}", flush=True)
        await trio.sleep_forever()


def table(rows: Sequence[Row]) -> str:
    """Lay out the rows under `HEADS`."""
    lines = [HEADS, *(row.cells() for row in rows)]
    widths = [max(len(cells[i]) for cells in lines) for i in range(len(HEADS))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()
        for cells in lines
    )


def suggestions(url: str) -> str:
    """Say which addresses are worth a look."""
    model = next(iter(SETTINGS))
    chat_body = f'{{"model":"{model}","messages":[{{"role":"user","content":"Hi"}}]}}'
    return (
        f"  {url}/ui/            the models and their states, in a browser\n"
        f"  {url}/v1/models      what clients see\n"
        f"  {url}/logs/stream    what happens, live\n"
        f"  curl {url}/v1/chat/completions -H 'Content-Type: application/json' -d '{chat_body}'"
    )


async def chat(connections: Pool, url: str, row: Row, question: str) -> None:
    """Ask one question; print the answer as it streams and note the times in ``row``."""
    document = {
        "model": row.model,
        "stream": True,
        "max_tokens": LONGEST_ANSWER,
        "seed": SEED,
        "messages": [{"role": "user", "content": question}],
    }
    head = RequestHead(b"POST", b"/v1/chat/completions", ((b"content-type", b"application/json"),))
    target = Target(ModelId(row.model), url)
    async with connections.exchange(target, head, json.dumps(document).encode()) as exchange:
        row.queued, row.loading = waited(exchange.head.headers)
        if exchange.head.status != HTTPStatus.OK:
            said = await exchange.next_chunk()
            raise SwapError(f"{row.model} did not answer: {said.decode(errors='replace')}")
        rest = b""
        while data := await exchange.next_chunk():
            *events, rest = (rest + data).split(b"\n\n")
            for text in filter(None, map(text_of, events)):
                row.note_piece()
                print(text, end="", flush=True)


def waited(headers: Sequence[tuple[bytes, bytes]]) -> tuple[float, float]:
    """Read from ``Server-Timing`` how many seconds the request queued, and loaded."""
    timing = dict(headers).get(b"server-timing", b"").decode("latin1")
    found = {name: float(ms) / 1000 for name, ms in re.findall(r"(\w+);dur=([\d.]+)", timing)}
    return found.get("queue", 0.0), found.get("load", 0.0)


def text_of(event: bytes) -> str:
    """Return the text that one event of a streamed chat adds."""
    data = event.removeprefix(b"data: ")
    if data in {event, b"[DONE]"}:
        return ""
    chunk: dict[str, Any] = json.loads(data)
    choices: list[dict[str, Any]] = chunk.get("choices") or [{}]
    delta: dict[str, str | None] = choices[0].get("delta", {})
    return delta.get("content") or ""
