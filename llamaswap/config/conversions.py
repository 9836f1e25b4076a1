"""What a plain value becomes in a field of text, of a number, or of a switch.

Pure. One function per row of the dialect's table. They refuse rather than
guess: a list never becomes the text of a list, a quoted number no number.
"""

from __future__ import annotations

import math
import re
from decimal import Decimal

from attrs import evolve

from llamaswap.config.document import KeyPath, MisfitError, Plain, Problem, Report, Timestamp
from llamaswap.config.redaction import CUT, hidden
from llamaswap.policy.near_names import nearest

_YES = frozenset({"y", "Y", "yes", "Yes", "YES", "on", "On", "ON"})
_NO = frozenset({"n", "N", "no", "No", "NO", "off", "Off", "OFF"})
_QUOTED = ("true", "True", "TRUE", "false", "False", "FALSE")
"""Switches without the quotes that somebody has put around them."""

UNQUOTE = "remove the quotes"
"""The advice for a text that would be right as another value."""

_EXPONENTS = 1e21
"""From here on JSON is written with an exponent."""

_REFERENCE = re.compile(r"\$\{[^{}]*\}")
"""What is nothing but a macro."""

_SHOWN = 60
"""Characters of a wrong text that are repeated in a fault."""


def to_text(value: Plain) -> str:
    """Turn any single value into the text of a text field.

    Raises:
        ValueError: it is a list or a mapping, or nothing.
    """
    if isinstance(value, float) and not math.isfinite(value):
        return _unbounded_text(value)
    if value is None or isinstance(value, list | dict):
        raise misfit("text", value)
    return macro_text(value)


def macro_text(value: str | float | bool | Timestamp) -> str:  # noqa: FBT001 - a value, no switch
    """Turn a single value into the text that stands for it inside other text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return float_text(value)
    return value.text if isinstance(value, Timestamp) else str(value)


def _unbounded_text(value: float) -> str:
    return {math.inf: ".inf", -math.inf: "-.inf"}.get(value, ".nan")


def to_integer(value: Plain) -> int:
    """Turn a number into a whole one, toward zero.

    Raises:
        ValueError: it is no number, or one beyond 64 bits.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        hint = UNQUOTE if isinstance(value, str) and _looks_whole(value) else ""
        raise misfit("a whole number", value, hint)
    if not math.isfinite(value) or not -(2**63) <= math.trunc(value) < 2**63:
        raise misfit("a whole number of at most 64 bits", value)
    return math.trunc(value)


def to_flag(value: Plain) -> bool:
    """Turn true and false, and the old words for them, into a switch.

    Raises:
        ValueError: it is something else, a quoted ``"true"`` included.
    """
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value in _YES | _NO:
        return value in _YES
    raise misfit("true or false", value, _meant_flag(value))


def to_section(value: Plain) -> dict[str, Plain]:
    """Return a mapping as it is, and an empty one for nothing at all.

    Raises:
        ValueError: it is a list or a single value.
    """
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise misfit("a mapping of keys", value)
    return value


def value_at(value: Plain, path: KeyPath) -> Plain:
    """Return what stands at ``path`` below ``value``; ``None`` if nothing does."""
    for step in path:
        if not isinstance(value, dict):
            return None
        value = value.get(str(step))
    return value


def to_json(value: Plain) -> object:
    """Turn any value into one that JSON can write.

    Whole floats become whole numbers, as in the reference's JSON; dates become
    text, and so do infinities and what is no number, as in a field of text: JSON knows
    none of them, and this can be loaded again.
    """
    match value:
        case Timestamp():
            return value.text
        case float():
            if not math.isfinite(value):
                return _unbounded_text(value)
            return int(value) if value.is_integer() and abs(value) < _EXPONENTS else value
        case list():
            return [to_json(item) for item in value]
        case dict():
            return {name: to_json(item) for name, item in value.items()}
        case _:
            return value


def float_text(value: float) -> str:
    """Write a float as the reference does: the shortest digits that read back the same.

    Below 1e-4 and from 1e6 on with an exponent of at least two digits, and never
    with a trailing ``.0``.
    """
    if not math.isfinite(value):
        return {math.inf: "+Inf", -math.inf: "-Inf"}.get(value, "NaN")
    sign, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    # `as_tuple` gives letters in place of the exponent of infinities alone.
    power = len(digits) - 1 + int(exponent)
    if value and not -4 <= power < 6:  # noqa: PLR2004 - see the docstring
        head, tail = str(digits[0]), "".join(map(str, digits[1:]))
        text = f"{head}{'.' if tail else ''}{tail}e{power:+03}"
        return f"-{text}" if sign else text
    return f"{value:.{max(0, -int(exponent))}f}"


def misfit(expected: str, value: Plain, suggestion: str = "") -> MisfitError:
    """Return the exception that says what was expected in place of ``value``."""
    return MisfitError(Problem(expected=expected, found=describe(value), suggestion=suggestion))


def as_written(problem: Problem, path: KeyPath, report: Report) -> Problem:
    """Return ``problem`` with advice for what is written at ``path``, which may have no quotes."""
    if problem.suggestion != UNQUOTE:
        return problem
    written, (_, tag) = report.filled.get(path), report.forms.get(path, ("", ""))
    if written is None:
        return evolve(problem, suggestion=f"remove {tag}") if tag else problem
    if _REFERENCE.fullmatch(written):
        return evolve(problem, suggestion=f"{UNQUOTE} where {written} is declared")
    return evolve(problem, suggestion="make one macro of all of it, declared without quotes")


def describe(value: Plain) -> str:
    """Name a value for a fault, shortly."""
    match value:
        case None:
            return "nothing"
        case list():
            return "a list"
        case dict():
            return "a mapping"
        case Timestamp():
            return f"the date {value.text}"
        case str():
            return f"the text {quoted(value)}"
        case _:
            return macro_text(value)


def quoted(text: str) -> str:
    """Repeat a text in quotes for a fault, without secrets; its beginning, if it is long."""
    text = hidden(text)
    return repr(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}{CUT}")


def _meant_flag(value: Plain) -> str:
    """Say what to write for a switch; empty where that is not clear."""
    if value in _QUOTED:
        return UNQUOTE
    near = nearest(value.strip(), ("true", "false")) if isinstance(value, str) else None
    return f"did you mean {near}?" if near else ""


def _looks_whole(text: str) -> bool:
    return text.removeprefix("-").isdecimal() and text.isascii()
