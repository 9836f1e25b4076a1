"""How long loads, stops and requests take in a simulation: from flags, and from a file.

The file is the one in which a running instance keeps what it has learned:
``{"version": 1, "models": {"id": {"load": 1.2, "stop": 0.1}}}``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, cast

from attrs import define, field, frozen

from llamaswap.config.names import misnamed
from llamaswap.errors import SwapError
from llamaswap.policy.pace import Pace
from llamaswap.policy.rules import ModelId
from llamaswap.policy.simulation import Times

VERSION = 1

LONGEST = 1e12
"""Seconds; far beyond, a sum of times is infinite."""


class TimesError(SwapError):
    """Times cannot be understood; ``str()`` says what is expected."""


@define
class Given:
    """What one flag has said, each time that it was given: ``SECONDS`` or ``MODEL=SECONDS``."""

    default: float | None = None
    by_name: dict[str, float] = field(factory=dict[str, float])

    @classmethod
    def of(cls, flag: str, values: Iterable[str]) -> Given:
        """Read the values of ``flag``.

        Raises:
          TimesError: one of them is no time.
        """
        given = cls()
        for value in values:
            name, equals, number = value.rpartition("=")
            seconds = _seconds(number)
            if seconds is None or (equals and not name):
                expected = "expected SECONDS or MODEL=SECONDS, and no less than 0"
                raise TimesError(f"invalid {flag} {value!r}: {expected}")
            if equals:
                given.by_name[name] = seconds
            else:
                given.default = seconds
        return given

    def by_model(self, names: Mapping[str, ModelId]) -> dict[ModelId, float]:
        """Return what was said of single models; names that mean nobody are left out."""
        return {names[name]: time for name, time in self.by_name.items() if name in names}


@frozen
class Learned:
    """What an instance has learned: for each model the usual load and stop."""

    loads: Mapping[ModelId, float] = field(factory=dict[ModelId, float])
    stops: Mapping[ModelId, float] = field(factory=dict[ModelId, float])

    def paces(self) -> dict[ModelId, Pace]:
        """Return what the scheduler is told of them."""
        models = self.loads.keys() | self.stops.keys()
        return {model: Pace(self.loads.get(model), self.stops.get(model)) for model in models}


def read_times(path: Path) -> Learned:
    """Read what an instance has learned.

    Raises:
      TimesError: the file cannot be read, or is another one.
    """
    try:
        document: Any = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as exc:
        raise TimesError(f"cannot read the times {path}: {exc}") from exc
    expected = f'expected {{"version": {VERSION}, "models": {{…}}}}'
    if not isinstance(document, dict) or cast("Any", document).get("version") != VERSION:
        raise TimesError(f"{path} holds no times: {expected}")
    models: Any = cast("Any", document).get("models")
    if not isinstance(models, dict):
        raise TimesError(f"{path} holds no times: {expected}")
    entries = cast("dict[str, Any]", models)
    return Learned(_part(path, entries, "load"), _part(path, entries, "stop"))


def _part(path: Path, entries: Mapping[str, Any], part: str) -> dict[ModelId, float]:
    times: dict[ModelId, float] = {}
    for model, entry in entries.items():
        value = cast("Any", entry).get(part) if isinstance(entry, dict) else "?"
        if value is None:
            continue
        seconds = _seconds(value)
        if seconds is None:
            raise TimesError(f"{path}: invalid {part} of {model!r}: expected seconds")
        times[ModelId(model)] = seconds
    return times


def _seconds(value: object) -> float | None:
    """Return ``value`` as a span of time; ``None``: it is none."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return None
    try:
        seconds = float(value)
    except (ValueError, OverflowError):
        return None
    return seconds if 0 <= seconds <= LONGEST else None


@frozen
class Wishes:
    """All that was said about times."""

    load: Given
    stop: Given
    service: Given
    learned: Learned = Learned()

    def require_names(self, known: Iterable[str]) -> None:
        """Refuse times of models that there are not.

        Raises:
          TimesError: a name is none of ``known``.
        """
        known = set(known)
        flags = {"--load": self.load, "--stop": self.stop, "--service": self.service}
        for flag, given in flags.items():
            for name in given.by_name.keys() - known:
                unknown = misnamed("no model is called {found}", name, known)
                raise TimesError(f"{flag}: {unknown}")

    def times(self, names: Mapping[str, ModelId], services: Mapping[ModelId, float]) -> Times:
        """Return the times that hold.

        What a flag says of a model comes before what is known of it, then what a
        flag says of all, then an assumption.

        Args:
          services: the usual durations, as a trace tells them.
        """
        usual = Times()
        return Times(
            usual.load if self.load.default is None else self.load.default,
            usual.stop if self.stop.default is None else self.stop.default,
            usual.service if self.service.default is None else self.service.default,
            {**self.learned.loads, **self.load.by_model(names)},
            {**self.learned.stops, **self.stop.by_model(names)},
            {**services, **self.service.by_model(names)},
        )
