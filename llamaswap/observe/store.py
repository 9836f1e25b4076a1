"""The sqlite door: the activity that is kept on disk, read as a trace.

The file is the reference's. It is opened for reading only, so that the program
that writes it, which may be running, is never held up.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from llamaswap.errors import SwapError


class StoreError(SwapError):
    """An activity store cannot be read; ``str()`` says why."""


class Activity(NamedTuple):
    """One request that was kept."""

    came: float
    """Unix seconds. What is kept is the end in whole seconds and the duration, so
    that it may have come up to a second later."""

    model: str
    worked: float | None
    """Seconds that the model server has worked for it; ``None``: nobody can tell."""


_QUERY = """\
SELECT ts_created - duration_ms / 1000.0, model_id, resp_status_code, duration_ms / 1000.0,
       input_tokens, prompt_per_second, output_tokens, tokens_per_second
FROM activity ORDER BY ts_created * 1000 - duration_ms, id
"""


def read_activity(path: Path) -> Iterator[Activity]:
    """Yield every request that is kept in a store, in the order in which they came.

    Raises:
      StoreError: there is no store, or it is none.
    """
    try:
        with closing(_opened(path)) as connection:
            for came, model, status, duration, *speeds in connection.execute(_QUERY):
                yield Activity(came, model, _worked(status, duration, *speeds))
    except sqlite3.Error as exc:
        raise StoreError(f"{path} cannot be read as an activity store: {exc}") from exc


def _opened(path: Path) -> sqlite3.Connection:
    if not path.is_file():
        raise StoreError(f"{path} is no file: expected an activity store (see store.path)")
    uri = path.absolute().as_uri()
    # Without a journal nobody has it open, and to look must not even make one.
    is_live = path.with_name(f"{path.name}-wal").exists()
    return sqlite3.connect(f"{uri}?{'mode=ro' if is_live else 'immutable=1'}", uri=True)


_REFUSED = 400
"""The first HTTP status of those that say nothing about the work."""


def _worked(
    status: int,
    duration: float,
    read: int,
    read_speed: float,
    written: int,
    write_speed: float,
) -> float | None:
    """Tell the work from the wait, which is part of the duration."""
    if status >= _REFUSED:
        return None
    seconds = sum(
        tokens / speed
        for tokens, speed in ((read, read_speed), (written, write_speed))
        if tokens > 0 and speed > 0
    )
    return min(seconds, duration) if seconds else duration
