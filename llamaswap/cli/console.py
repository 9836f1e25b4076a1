"""Our log on stdout, written by a thread that may hang without harm.

Lines wait in a bounded buffer. A stdout that nobody reads holds nobody up; what
was dropped is counted in a line of its own.
"""

from __future__ import annotations

import os
from functools import partial
from threading import Thread

import trio
from attrs import define, field

from llamaswap.broadcast import Heard, Listener

BUFFERED_LINES = 10_000
"""Lines that may wait for a slow terminal: about a megabyte."""

REST = 0.05
"""Seconds between two writes: nobody sees them, and each write hands a thread over,
which costs a lone request 100 µs, a quarter of all it takes."""

LAST_LINES_WITHIN = 1.0
"""Seconds that the last lines get when we leave: enough for a terminal; a pipe
that nobody reads must not hold us up."""


@define(eq=False)
class Console:
    """A file descriptor that is never waited for."""

    _file: int = 1
    _lines: Listener[bytes] = field(factory=partial(Listener[bytes], BUFFERED_LINES), init=False)

    def say(self, line: str) -> None:
        """Have ``line`` written soon."""
        self._lines.put(line.encode(errors="replace") + b"\n")

    async def run(
        self,
        leaving: trio.Event,
        *,
        task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Write what is said until ``leaving`` is set, then the last lines."""
        task_status.started()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._write_until, leaving)
            await leaving.wait()
            nursery.cancel_scope.deadline = trio.current_time() + LAST_LINES_WITHIN
            self._lines.put(b"")  # the writer may be waiting for something to write

    def flush(self) -> None:
        """Write what waits, without Trio: for the moment before `os._exit`.

        It returns after `LAST_LINES_WITHIN`: a full pipe may block for ever.
        """
        arguments = (self._file, _text_of(self._lines.receive_nowait()))
        writing = Thread(target=write_fully, args=arguments, daemon=True)
        writing.start()
        writing.join(LAST_LINES_WITHIN)

    async def _write_until(self, leaving: trio.Event) -> None:
        # Not cancelled while there is time: what it has taken would be lost.
        while not leaving.is_set():
            await self._write(await self._lines.receive())
            with trio.move_on_after(REST):
                await leaving.wait()
        await self._write(self._lines.receive_nowait())

    async def _write(self, heard: Heard[bytes]) -> None:
        # A full pipe blocks the thread, perhaps for ever; then it is abandoned.
        await trio.to_thread.run_sync(
            write_fully, self._file, _text_of(heard), abandon_on_cancel=True
        )


def _text_of(heard: Heard[bytes]) -> bytes:
    lines = b"".join(heard.items)
    if heard.missed:
        return b"[WARN] %d log lines were dropped: stdout is not read\n" % heard.missed + lines
    return lines


def write_fully(file: int, data: bytes) -> None:
    """Write all of ``data``; a reader that has left is none of our business."""
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(file, view) :]
        except OSError:
            return
