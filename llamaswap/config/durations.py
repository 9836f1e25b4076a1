"""Spans of time as they are written: ``1m30s``, and for our own keys also numbers and ``auto``.

Pure. The notation is Go's, because existing files use it.
"""

from __future__ import annotations

import math
import re

from attrs import evolve

from llamaswap.config.conversions import describe, misfit, to_integer
from llamaswap.config.document import MisfitError, Plain, Problem

_MICRO = dict.fromkeys(("us", "µs", "μs"), 10**3)
_UNITS = {"ns": 1, **_MICRO, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}
"""In nanoseconds."""

_PART = re.compile(r"([0-9]+\.?[0-9]*|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h)", re.ASCII)
PATTERN = rf"[-+]?(?:0|(?:{_PART.pattern})+)"
"""A regular expression, also of JavaScript, for all of a duration's text."""

_DURATION = re.compile(PATTERN, re.ASCII)

_DIGITS = 20
"""Of a number: more do not fit into 64 bits in front of the point, and change nothing behind it."""

_MOST = 2**63 - 1
"""Nanoseconds: about 292 years, the most that the notation's home can count."""

LONGEST = math.nextafter(_MOST / 1e9, 0)
"""Seconds: the most that can be written as a duration again."""

_EXPECTED = 'a duration like "90s" or "1m30s"'


def to_duration(value: Plain) -> float:
    """Return the seconds of a duration text; numbers have no unit and are refused.

    Raises:
        ValueError: it is no such text.
    """
    if not isinstance(value, str):
        raise misfit(_EXPECTED, value)
    if _DURATION.fullmatch(value) is None:
        raise misfit(f"{_EXPECTED} (units ns, us, ms, s, m, h)", value)
    nanoseconds = sum(_nanoseconds(number, unit) for number, unit in _PART.findall(value))
    if nanoseconds > _MOST:
        text = "the duration {found} is longer than 292 years"
        raise MisfitError(Problem(text, "at most 292 years", describe(value)))
    seconds = min(nanoseconds / 1e9, LONGEST)
    return -seconds if value.startswith("-") else seconds


def _nanoseconds(number: str, unit: str) -> int:
    """Return what is left of ``number`` when all that is shorter is cut off, as in Go."""
    whole, _, fraction = number.partition(".")
    whole, fraction = whole.lstrip("0")[:_DIGITS], fraction[:_DIGITS]
    part = int(fraction or 0) * (_UNITS[unit] / 10 ** len(fraction))
    return int(whole or 0) * _UNITS[unit] + int(part)


def to_whole_seconds(value: Plain) -> int:
    """Return the seconds of a number; a duration text is refused, as in the reference.

    Raises:
        ValueError: it is no number.
    """
    try:
        return to_integer(value)
    except MisfitError as exc:
        raise MisfitError(
            evolve(exc.problem, suggestion=_in_seconds(value) or exc.problem.suggestion)
        ) from exc


def _in_seconds(value: Plain) -> str:
    """Say how a duration is written where only seconds are taken; empty: it is none."""
    try:
        return f"write {to_duration(value):g}: it is a number of seconds"
    except MisfitError:
        return ""


def to_seconds(value: Plain) -> float:
    """Return the seconds of a number or a duration text.

    Raises:
        ValueError: it is neither, or negative.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise misfit(f"{_EXPECTED}, or seconds", value)
    seconds = to_duration(value) if isinstance(value, str) else float(value)
    # Written so that it refuses what is no number at all, too.
    if not 0 <= seconds <= LONGEST:
        raise misfit("at least 0 seconds", value)
    return seconds


def to_wait(value: Plain) -> float | None:
    """Return seconds, or ``None`` for ``auto``.

    Raises:
        ValueError: it is neither a duration nor a number nor ``auto``.
    """
    if value == "auto":
        return None
    try:
        return to_seconds(value)
    except MisfitError as exc:
        raise MisfitError(evolve(exc.problem, suggestion="auto is possible too")) from exc


def to_limit(value: Plain) -> float | None:
    """Return seconds, or ``None`` for 0, which sets no limit.

    Raises:
        ValueError: it is neither a duration nor a number.
    """
    return to_seconds(value) or None
