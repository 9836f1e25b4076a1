"""The traces that ``llama-swap simulate`` plays: files of requests, and whom they mean.

A trace is a file of JSON objects, one a line, or a CSV with a first line that names its
columns. Each request has a ``time`` (seconds, or ISO 8601, which without an
offset is UTC), a ``model`` (id, alias or selector) and perhaps a ``duration`` in seconds.
"""

from __future__ import annotations

import csv
import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from sys import intern
from typing import NamedTuple, cast

from attrs import frozen

from llamaswap.errors import SwapError
from llamaswap.observe.store import read_activity
from llamaswap.policy.naming import Names
from llamaswap.policy.rules import ModelId, Selection
from llamaswap.policy.simulation import Request

COLUMNS = ("time", "model", "duration")

MOST_FAULTS = 10
"""Bad lines that are told one by one: with more the file is something else."""


LATEST = 1e12
"""Seconds before and after 1970; far beyond, a sum of times is infinite or stands still."""


class TraceError(SwapError):
    """A trace cannot be used; ``str()`` says why, a line for each fault."""


class Entry(NamedTuple):
    """One request as it is written, before anybody has looked who is meant."""

    moment: float
    name: str
    service: float | None


@frozen
class Meant:
    """A trace as one configuration understands it."""

    _entries: Sequence[Entry]
    _wanted: Mapping[str, ModelId | Selection]
    """By name."""

    skipped: Mapping[str, int]
    """Names that mean nobody, and how many requests use each."""

    services: Mapping[ModelId, float]
    """The mean of each model's durations, where the trace knows any."""

    @property
    def is_empty(self) -> bool:
        """Whether no request is for anybody."""
        return sum(self.skipped.values()) == len(self._entries)

    def requests(self) -> Iterator[Request]:
        """Yield the requests that are for somebody; the clock starts with the first of all."""
        for moment, name, service in self._entries:
            wanted = self._wanted.get(name)
            if wanted is not None:
                yield Request(moment - self._entries[0].moment, wanted, service)


def entries_of_store(path: Path) -> list[Entry]:
    """Return the requests of an activity store, oldest first.

    Raises:
      SwapError: it cannot be read.
    """
    return [Entry(came, intern(model), worked) for came, model, worked in read_activity(path)]


def entries_of_file(path: Path) -> list[Entry]:
    """Return the requests of a trace file, oldest first.

    Raises:
      TraceError: it cannot be read, or lines of it cannot be understood.
    """
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, ValueError) as exc:
        raise TraceError(f"cannot read the trace {path}: {exc}") from exc
    entries: list[Entry] = []
    faults: list[str] = []
    for number, row in _rows(text.splitlines()):
        try:
            entries.append(_entry(row))
        except ValueError as exc:
            faults.append(f"{path}:{number}: {exc}")
    if faults:
        more = len(faults) - MOST_FAULTS
        told = faults[:MOST_FAULTS] + ([f"and {more} more lines"] if more > 0 else [])
        raise TraceError("\n".join(told))
    return sorted(entries, key=lambda entry: entry.moment)


_Row = Mapping[str, object] | ValueError


def _rows(lines: Sequence[str]) -> Iterator[tuple[int, _Row]]:
    """Yield the number of each line and what stands there."""
    filled = [(number, line) for number, line in enumerate(lines, 1) if line.strip()]
    if not filled or filled[0][1].lstrip().startswith("{"):
        for number, line in filled:
            yield number, _json_row(line)
        return
    first, header = filled[0]
    titles = _cells(header)
    names = [] if isinstance(titles, ValueError) else [title.strip() for title in titles]
    missing = [name for name in COLUMNS[:2] if name not in names]
    if missing:
        expected = f"expected JSON objects, or a first line like {','.join(COLUMNS)}"
        yield first, ValueError(f"no column {missing[0]!r}: {expected}")
        return
    for number, line in filled[1:]:
        cells = _cells(line)
        if isinstance(cells, ValueError):
            yield number, cells
        else:
            yield number, dict(zip(names, cells, strict=False))


def _cells(line: str) -> list[str] | ValueError:
    try:
        return next(csv.reader([line]))
    except csv.Error as exc:
        return ValueError(f"expected a line of a CSV: {exc}")


def _json_row(line: str) -> _Row:
    try:
        value: object = json.loads(line)
    except (ValueError, RecursionError) as exc:
        return ValueError(f"expected a JSON object: {exc}")
    if not isinstance(value, dict):
        return ValueError(f"expected a JSON object, found {line.strip()[:40]}")
    return cast("dict[str, object]", value)


def _entry(row: _Row) -> Entry:
    if isinstance(row, ValueError):
        raise row
    model = row.get("model")
    if not isinstance(model, str) or not model.strip():
        raise ValueError("no model: expected a model's name")
    duration = row.get("duration")
    service = (
        None if duration is None or duration == "" else _seconds(duration, "duration", least=0.0)
    )
    return Entry(_moment(row.get("time")), intern(model.strip()), service)


def _moment(value: object) -> float:
    # Digits alone may be both; then they are seconds.
    try:
        return _seconds(value, "time")
    except ValueError:
        if not isinstance(value, str):
            raise
        with suppress(ValueError):
            moment = datetime.fromisoformat(value.strip())
            return moment.replace(tzinfo=moment.tzinfo or UTC).timestamp()
        raise


def _seconds(value: object, what: str, least: float = -LATEST) -> float:
    expected = "seconds" if what == "duration" else "seconds or an ISO 8601 time"
    if value is None or isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise ValueError(f"invalid {what} {value!r}: expected {expected}")
    try:
        seconds = float(value)
    except (ValueError, OverflowError):
        seconds = float("nan")
    if not least <= seconds <= LATEST:
        raise ValueError(f"invalid {what} {value!r}: expected {expected}")
    return seconds


def understand(entries: Sequence[Entry], names: Names) -> Meant:
    """Find out whom each of ``entries`` means."""
    meanings = {entry.name: names.meaning(entry.name) for entry in entries}
    wanted = {name: meaning.wanted for name, meaning in meanings.items() if meaning is not None}
    skipped: Counter[str] = Counter()
    seconds: defaultdict[ModelId, float] = defaultdict(float)
    known: Counter[ModelId] = Counter()
    for _, name, service in entries:
        model = wanted.get(name)
        if model is None:
            skipped[name] += 1
        elif service is not None and not isinstance(model, Selection):
            # Which of a selector's models took so long, the trace does not say.
            seconds[model] += service
            known[model] += 1
    services = {model: seconds[model] / count for model, count in known.items()}
    return Meant(entries, wanted, skipped, services)
