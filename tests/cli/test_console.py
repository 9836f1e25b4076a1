"""Our log on stdout: in order, bounded, never waited for."""

from __future__ import annotations

import os

import pytest
import trio
import trio.testing

from llamaswap.cli.console import BUFFERED_LINES, Console, write_fully
from llamaswap.service import open_layer


async def test_lines_are_written_in_order_the_last_ones_too() -> None:
    read, write = os.pipe()
    console = Console(write)
    async with open_layer(console.run, grace=2):
        for number in range(100):
            console.say(f"line {number}")
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        assert pipe.read().splitlines() == [b"line %d" % number for number in range(100)]


@pytest.mark.slow
async def test_a_stdout_that_nobody_reads_holds_nobody_up() -> None:
    read, write = os.pipe()
    console = Console(write)
    with trio.fail_after(10):
        async with open_layer(console.run, grace=2):
            for _ in range(100):
                console.say("x" * 10_000)
            await trio.testing.wait_all_tasks_blocked()
            for number in range(BUFFERED_LINES + 5):
                console.say(f"line {number}")
    # The thread that hangs in the full pipe ends with its reader.
    os.close(read)
    os.close(write)


def test_lines_that_were_dropped_are_counted() -> None:
    read, write = os.pipe()
    console = Console(write)
    for number in range(BUFFERED_LINES + 5):
        console.say("" if number < BUFFERED_LINES + 4 else "last")
    console.flush()
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        lines = pipe.read().splitlines()

    assert lines[0] == b"[WARN] 5 log lines were dropped: stdout is not read"
    assert lines[-1] == b"last"


def test_a_reader_that_has_left_is_no_fault() -> None:
    read, write = os.pipe()
    os.close(read)
    write_fully(write, b"x")
    os.close(write)
