"""How long models usually take, kept in a file across restarts.

So that a program that has just started knows already whom to keep waiting. The
file helps and is never needed: whatever is wrong with it is one warning.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import cast

import trio
from attrs import define, field

from llamaswap.policy.pace import Pace
from llamaswap.policy.rules import ModelId

logger: logging.Logger = logging.getLogger(__name__)

FORMAT = 1
"""The ``version`` of the file."""

MOST_MODELS = 1000
"""Kept; of more, those that were loaded longest ago are forgotten. Nobody says when
a name will never come back."""

LARGEST_FILE = 1024 * 1024
"""Bytes that are read: several times what is written for so many models."""

LONGEST = 86_400.0
"""Seconds; no model loads for a day."""

PAUSE = 5.0
"""Seconds from the first news to their writing: loads that follow each other are one
write, and a crash loses little."""

READ_WITHIN = 2.0
"""Seconds; a disk that hangs must not keep us from serving."""

Usual = tuple[float | None, float | None]
"""Seconds of a load and of a stop; ``None``: not known."""


@define(eq=False)
class Times:
    """The usual times of all models, as they are to be kept."""

    _path: Path | None
    """``None``: they are not kept."""

    _usual: dict[ModelId, Usual] = field(factory=dict[ModelId, Usual], init=False)
    """Those that were loaded last come last."""

    _is_new: bool = field(default=False, init=False)
    """Whether there is something to write."""

    _news: trio.Event = field(factory=trio.Event, init=False)
    _is_failing: bool = field(default=False, init=False)

    def learn(self, model: ModelId, load: float | None, stop: float | None) -> None:
        """Note the usual times of ``model``; never waits."""
        if self._path is None:
            return
        self._usual.pop(model, None)
        self._usual[model] = (load, stop)
        while len(self._usual) > MOST_MODELS:
            self._usual.pop(next(iter(self._usual)))
        self._is_new = True
        self._news.set()

    async def read(self) -> dict[ModelId, Pace]:
        """Return what an earlier run has kept."""
        path = self._path
        if path is None:
            return {}
        with trio.move_on_after(READ_WITHIN) as limit:
            self._usual = await trio.to_thread.run_sync(_read, path, abandon_on_cancel=True)
        if limit.cancelled_caught:
            _warn(path, "read", f"it takes longer than {READ_WITHIN:g} s")
        return {model: Pace(load, stop) for model, (load, stop) in self._usual.items()}

    async def keep(self, leaving: trio.Event) -> None:
        """Write what is learned, now and then, and the rest when ``leaving`` is set."""
        while not leaving.is_set():
            await self._news.wait()
            self._news = trio.Event()
            with trio.move_on_after(PAUSE):
                await leaving.wait()
            await self._write()
        await self._write()

    def wake(self) -> None:
        """Let `keep` look up."""
        self._news.set()

    async def _write(self) -> None:
        if self._path is None or not self._is_new:
            return
        self._is_new = False
        problem = await trio.to_thread.run_sync(
            _written, self._path, _text_of(self._usual), abandon_on_cancel=True
        )
        if problem is not None and not self._is_failing:
            _warn(self._path, "written", problem)
        self._is_failing = problem is not None


async def run_time_keeping(
    leaving: trio.Event,
    times: Times,
    *,
    task_status: trio.TaskStatus[Mapping[ModelId, Pace]] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Read what was kept, report it, and keep what is learned until ``leaving`` is set."""
    task_status.started(await times.read())
    async with trio.open_nursery() as nursery:
        nursery.start_soon(times.keep, leaving)
        await leaving.wait()
        times.wake()


def _warn(path: Path, what: str, problem: str) -> None:
    logger.warning("the load times in %s cannot be %s: %s", path, what, problem)


def _read(path: Path) -> dict[ModelId, Usual]:
    """Read the file; whatever is wrong with it is told, and it counts as empty."""
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST_FILE + 1)
        return parse(data)
    except FileNotFoundError:
        pass
    except OSError as exc:
        _warn(path, "read", exc.strerror or str(exc))
    except (ValueError, RecursionError) as exc:
        _warn(path, "read", f"{exc}; the times are learned anew")
    return {}


def parse(data: bytes) -> dict[ModelId, Usual]:
    """Return the times in the bytes of a file.

    Raises:
      ValueError: it is no such file.
      RecursionError: nor is it sane JSON.
    """
    if len(data) > LARGEST_FILE:
        raise ValueError(f"it is larger than {LARGEST_FILE} bytes")
    values = _object(json.loads(data), "a JSON object")
    if values.get("version") != FORMAT:
        raise ValueError(f"expected version {FORMAT}")
    models = _object(values.get("models"), "models")
    entries = list(models.items())[-MOST_MODELS:]
    return {ModelId(model): _usual(_object(entry, "times")) for model, entry in entries}


def _usual(values: dict[str, object]) -> Usual:
    return _seconds(values.get("load")), _seconds(values.get("stop"))


def _object(value: object, what: str) -> dict[str, object]:
    match value:
        case dict():
            return cast("dict[str, object]", value)
        case _:
            raise ValueError(f"expected {what}")


def _seconds(value: object) -> float | None:
    match value:
        case None:
            return None
        # What is not a number is in no range either, and a switch is none.
        case int() | float() if not isinstance(value, bool) and 0 <= value <= LONGEST:
            return float(value)
        case _:
            raise ValueError("expected seconds")


def _text_of(usual: Mapping[ModelId, Usual]) -> str:
    models = {
        model: {
            key: round(seconds, 3)
            for key, seconds in (("load", load), ("stop", stop))
            if seconds is not None
        }
        for model, (load, stop) in usual.items()
    }
    return json.dumps({"version": FORMAT, "models": models}, indent=1) + "\n"


def _written(path: Path, text: str) -> str | None:
    """Put ``text`` in the place of the file, all at once; return why that cannot be.

    Not brought to the disk by force: after a power cut, the times are learned anew.
    """
    fresh = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh.write_text(text, encoding="utf-8")
        fresh.replace(path)
    except OSError as exc:
        with suppress(OSError):
            fresh.unlink(missing_ok=True)
        return exc.strerror or str(exc)
    return None
