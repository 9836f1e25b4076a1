"""The last lines of every source, and a feed of new ones.

Three sources and one per model: what we say (``proxy``), what all model
servers say (``upstream``), and ``combined``, which is what stdout shows. Every
ring is bounded in bytes; whoever writes never waits for whoever reads.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Generator
from contextlib import contextmanager
from threading import get_ident

import trio
from attrs import define, field

from llamaswap.broadcast import Broadcast, Listener

RING_BYTES = 102_400
"""Bytes of history per source, as in the reference: some thousand lines."""

FEED_BYTES = 1024 * 1024
"""Bytes that may wait for one slow reader: a burst, not a backlog."""

PROXY = "proxy"
UPSTREAM = "upstream"
COMBINED = "combined"

ROOT_LOGGER = "llamaswap"


@define(eq=False)
class Log:
    """One source: a ring of its last bytes, and a feed."""

    _ring: deque[bytes] = field(factory=deque[bytes], init=False)
    _size: int = field(default=0, init=False)
    _feed: Broadcast[bytes] = field(factory=Broadcast[bytes], init=False)

    def write(self, data: bytes) -> None:
        """Append ``data``; forget the oldest beyond `RING_BYTES`."""
        data = data[-RING_BYTES:]
        self._ring.append(data)
        self._size += len(data)
        while self._size > RING_BYTES:
            self._size -= len(self._ring.popleft())
        self._feed.tell(data)

    @property
    def history(self) -> bytes:
        """What is still remembered, oldest first."""
        return b"".join(self._ring)

    @contextmanager
    def follow(self) -> Generator[tuple[bytes, Listener[bytes]], None, None]:
        """Yield the history and a feed that goes on exactly where it ends."""
        with self._feed.listen(FEED_BYTES, len) as feed:
            yield self.history, feed


@define(eq=False)
class LogBook:
    """All sources of one program."""

    _logs: dict[str, Log] = field(init=False)
    _models: dict[str, Log] = field(factory=dict[str, Log], init=False)

    def __attrs_post_init__(self) -> None:
        self._logs = {name: Log() for name in (PROXY, UPSTREAM, COMBINED)}

    def say(self, line: str) -> None:
        """Note one line of our own."""
        data = line.encode(errors="replace") + b"\n"
        self._logs[PROXY].write(data)
        self._logs[COMBINED].write(data)

    def hear(self, model: str, data: bytes) -> None:
        """Note what the server of ``model`` printed, raw."""
        self.of_model(model).write(data)
        self._logs[UPSTREAM].write(data)

    @property
    def combined(self) -> Log:
        """What stdout shows."""
        return self._logs[COMBINED]

    def source(self, name: str) -> Log | None:
        """Return the log called `PROXY`, `UPSTREAM` or `COMBINED`."""
        return self._logs.get(name)

    def of_model(self, model: str) -> Log:
        """Return the log of ``model``; it exists even if the model never ran."""
        log = self._models.get(model)
        if log is None:
            log = self._models[model] = Log()
        return log


_FORMATTER = logging.Formatter("%(message)s")
_LINE = "llamaswap_line"

_LEVELS = {"WARNING": "WARN"}
"""The reference writes it so, and people search for that."""


def _line_of(record: logging.LogRecord) -> str:
    level = _LEVELS.get(record.levelname, record.levelname)
    # What brings a traceback is rare; the others need no formatter (10 µs).
    is_plain = not (record.exc_info or record.exc_text or record.stack_info)
    return f"[{level}] {record.getMessage() if is_plain else _FORMATTER.format(record)}"


class _LineHandler(logging.Handler):
    """Brings log records, from any thread, as lines into Trio's thread."""

    def __init__(self, say: Callable[[str], object]) -> None:
        super().__init__()
        self._say = say
        self._token = trio.lowlevel.current_trio_token()
        self._home = get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        # Made once for all of us who keep it: most lines are kept here and shown on stdout.
        line: str | None = record.__dict__.get(_LINE)
        if line is None:
            line = record.__dict__[_LINE] = _line_of(record)
        if get_ident() == self._home:
            self._say(line)
        else:
            self._token.run_sync_soon(self._say, line)


async def run_log_keeping(
    leaving: trio.Event,
    say: Callable[[str], object],
    *,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Give the log records of this package to ``say``, line by line, until ``leaving`` is set."""
    handler = _LineHandler(say)
    logger = logging.getLogger(ROOT_LOGGER)
    logger.addHandler(handler)
    try:
        task_status.started()
        await leaving.wait()
    finally:
        logger.removeHandler(handler)
