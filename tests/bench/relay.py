"""What the way through llamaswap costs: ``python -m tests.bench.relay [--ref PROGRAM]``.

Beside a direct call and, if it is given, the reference, all in the same run and
in turns. Prints figures, no verdict: they mean something next to each other,
on an idle machine and with an optimised Python.
"""

from __future__ import annotations

import argparse
import json
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.bench.load import question
from tests.bench.measure import Figures, Sample
from tests.bench.programs import LOADS, OURS, READY, Program, proxy, stub

CONNECTIONS = (1, 16)
STREAMS = 64
STREAM_KINDS = {"step": "in step", "spread": "spread"}
"""Whether events of different streams come at the same moment, and how to say so."""

LOAD_MARGIN = 20.0
"""Seconds beyond its own that the process of the clients may take."""

ANSWERED_WITHIN = 20.0
"""Seconds for one answer, a cold start included."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ref", metavar="PROGRAM", help="compare with it: llama-swap's options")
    parser.add_argument("--seconds", type=float, default=1.3, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        programs = [
            stack.enter_context(stub()),
            stack.enter_context(proxy("ours", OURS, folder)),
        ]
        if options.ref:
            command = shlex.split(options.ref)
            programs.append(stack.enter_context(proxy("reference", command, folder)))
        print(measured(programs, options.seconds, options.rounds).table())


def measured(programs: Sequence[Program], seconds: float, rounds: int) -> Figures:
    """Run all rounds; each begins with another program."""
    names = tuple(program.name for program in programs)
    figures = Figures(names, ("ours", "reference") if "reference" in names else None)
    proxies = programs[1:]
    for number in range(rounds):
        for connections in CONNECTIONS:
            samples = {
                program.name: clients(program, connections, seconds)
                for program in turned(programs, number)
            }
            note_requests(figures, connections, samples)
        for kind in STREAM_KINDS:
            for program in turned(proxies, number):
                note_streams(figures, kind, program.name, clients(program, STREAMS, seconds, kind))
        for model, load in LOADS.items():
            for program in turned(proxies, number):
                ready_at, heard_at = ask(program, model)
                late = (heard_at - ready_at) * 1e3
                figures.note(f"ready to first byte, ms (loads {load} s)", program.name, late)
    return figures


def turned(programs: Sequence[Program], number: int) -> Sequence[Program]:
    """Let another one go first."""
    first = number % len(programs)
    return (*programs[first:], *programs[:first])


def note_requests(figures: Figures, connections: int, samples: dict[str, Sample]) -> None:
    """Note what one round of questions and answers has shown."""
    tag = f"{connections} connection{'s' if connections > 1 else ''}"
    direct = samples["direct"]
    for name, sample in samples.items():
        figures.note(f"{tag}: requests/s", name, sample.rate)
        figures.note(f"{tag}: median, ms", name, sample.median * 1e3, digits=2)
        if sample is not direct:
            added = sample.median - direct.median
            figures.note(f"{tag}: added, ms", name, added * 1e3, digits=2)
            figures.note(f"{tag}: processor, µs/request", name, sample.work)


def note_streams(figures: Figures, kind: str, name: str, sample: Sample) -> None:
    """Note what one round of streams has shown."""
    tag = f"{STREAMS} streams {STREAM_KINDS[kind]}"
    figures.note(f"{tag}: events/s", name, sample.rate)
    figures.note(f"{tag}: processor, µs/event", name, sample.work, digits=1)


def clients(program: Program, connections: int, seconds: float, streams: str = "") -> Sample:
    """Have a process of clients ask ``program``, with the model loaded, for some seconds."""
    ask(program, READY)
    command = [sys.executable, "-m", "tests.bench.load", "--port", str(program.port)]
    command += ["--pid", str(program.pid), "--connections", str(connections)]
    command += ["--seconds", str(seconds), "--streams", streams]
    done = subprocess.run(
        command, stdout=subprocess.PIPE, text=True, check=True, timeout=seconds + LOAD_MARGIN
    )
    return Sample.from_json(done.stdout)


def ask(program: Program, model: str) -> tuple[float, float]:
    """Ask once; return when the model became ready and when the first byte was there."""
    address = ("127.0.0.1", program.port)
    with socket.create_connection(address, timeout=ANSWERED_WITHIN) as connection:
        connection.sendall(question(model))
        answer = connection.recv(65536)
        heard_at = time.monotonic()
        while not answer.endswith(b"}"):
            answer += connection.recv(65536)
    document = json.loads(answer.partition(b"\r\n\r\n")[2])
    if "ready_at" not in document:
        sys.exit(f"{program.name} did not answer for {model}: {answer.decode(errors='replace')}")
    ready_at: float = document["ready_at"]
    return ready_at, heard_at


if __name__ == "__main__":
    main()
