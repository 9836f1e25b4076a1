"""What an unquoted YAML word means: the reference's rules, which are nearer to YAML 1.2.

Pure. The tables of a stock YAML 1.1 loader turn ``yes``, ``on`` and ``1:30``
into something else than the author of a model's command line meant. The order
of the attempts is part of the dialect: ``017`` is octal, ``08`` a float.
"""

from __future__ import annotations

import base64
import calendar
import math
import re
from collections.abc import Callable, Mapping

from llamaswap.config.document import MisfitError, Plain, Problem, Timestamp

_WORDS: Mapping[str, Plain] = (
    dict.fromkeys(("", "~", "null", "Null", "NULL"), None)
    | dict.fromkeys(("true", "True", "TRUE"), True)
    | dict.fromkeys(("false", "False", "FALSE"), False)
    | dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan)
    | {sign + word: math.inf for sign in ("", "+") for word in (".inf", ".Inf", ".INF")}
    | {"-" + word: -math.inf for word in (".inf", ".Inf", ".INF")}
)

_INTEGER = re.compile(
    r"(?P<sign>[-+]?)(?:0[xX](?P<hex>[0-9a-fA-F]+)|0[bB](?P<binary>[01]+)"
    r"|0[oO]?(?P<octal>[0-7]+)|(?P<decimal>0|[1-9][0-9]*))"
)
_BASES = {"hex": 16, "binary": 2, "octal": 8, "decimal": 10}

_DECIMAL_DIGITS = 1000
"""Python refuses to read a number of more than 4300 digits; a 64 bit one has 20."""

_LOOSE = re.compile(r"(?<![0-9])_|_(?![0-9])")

_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")

_TIMESTAMP = re.compile(
    r"(?P<year>[0-9]{4})-(?P<month>[0-9]{1,2})-(?P<day>[0-9]{1,2})"
    r"(?:(?P<by>[Tt ])(?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{1,2}):(?P<second>[0-9]{1,2})"
    r"(?:[.,](?P<fraction>[0-9]+))?(?P<zone>Z|[-+](?:[01][0-9]|2[0-4]):[0-5][0-9])?)?"
)

_TAG = "tag:yaml.org,2002:"

BINARY = f"{_TAG}binary"

TEXT_TAG = "!!str"
_NAMES: Mapping[type, str] = {
    bool: "!!bool",
    int: "!!int",
    float: "!!float",
    Timestamp: "!!timestamp",
    type(None): "!!null",
}
PLAIN_TAGS = frozenset(_NAMES.values())


def resolve(text: str) -> Plain:
    """Return what the unquoted ``text`` means."""
    if text in _WORDS:
        return _WORDS[text]
    # A date and a number both begin with one of these; all else is text.
    if text[0] not in "+-.0123456789":
        return text
    stamp = timestamp(text)
    if stamp is not None:
        return stamp
    number = _number(text)
    return text if number is None else number


def timestamp(text: str) -> Timestamp | None:
    """Read one of the four date forms; ``None`` if it is none, or an impossible date."""
    found = _TIMESTAMP.fullmatch(text)
    if found is None or not _is_day(found):
        return None
    date = f"{found['year']}-{int(found['month']):02}-{int(found['day']):02}"
    if found["by"] is None:
        return Timestamp(f"{date}T00:00:00Z")
    # With a zone there must be a T, without one a blank: the reference's rule.
    if (found["by"] == " ") is not (found["zone"] is None) or not _is_time(found):
        return None
    clock = ":".join(f"{int(found[part]):02}" for part in ("hour", "minute", "second"))
    fraction = (found["fraction"] or "")[:9].rstrip("0")
    zone = found["zone"] or "Z"
    return Timestamp(
        f"{date}T{clock}{'.' if fraction else ''}{fraction}{'Z' if zone[1:] == '00:00' else zone}"
    )


def by_tag(tag: str, text: str) -> Plain:
    """Return what ``text`` means under an explicit ``tag``.

    Raises:
        MisfitError: the text is none of what the tag says.
    """
    read = _TAGGED.get(tag.removeprefix(_TAG)) if tag.startswith(_TAG) else None
    # Unknown tags mean nothing here but that the author wanted no guessing.
    return text if read is None else read(text)


def tag_of(text: str, value: Plain, tag: str | None, *, is_plain: bool) -> str:
    """Return the short name of what a scalar is, as ``!!int``.

    Args:
        text: what is written.
        value: what it means.
        tag: the explicit one.
        is_plain: it stands without quotes.
    """
    if tag is not None:
        return f"!!{tag.removeprefix(_TAG)}" if tag.startswith(_TAG) else tag
    return "!!merge" if is_plain and text == "<<" else _NAMES.get(type(value), TEXT_TAG)


def _is_day(found: re.Match[str]) -> bool:
    year, month, day = (int(found[part]) for part in ("year", "month", "day"))
    return 1 <= month <= 12 and 1 <= day <= calendar.monthrange(year, month)[1]  # noqa: PLR2004 - months


def _is_time(found: re.Match[str]) -> bool:
    limits = {"hour": 23, "minute": 59, "second": 59}
    return all(int(found[part]) <= limit for part, limit in limits.items())


def _number(text: str) -> int | float | None:
    # Behind a leading point the reference lets underscores stand between digits alone.
    is_odd = text.startswith(".") and _LOOSE.search(text)
    bare = text if is_odd else text.replace("_", "")
    number = _integer(bare)
    if number is not None:
        return number
    if _FLOAT.fullmatch(bare) is None:
        return None
    value = float(bare)
    return None if math.isinf(value) else value


def _integer(text: str) -> int | None:
    found = _INTEGER.fullmatch(text)
    if found is None or len(text) > _DECIMAL_DIGITS:
        return None
    kind = found.lastgroup or ""
    value = int(found["sign"] + found[kind], _BASES[kind])
    return value if -(2**63) <= value < 2**64 else None


def _tagged_int(text: str) -> Plain:
    value = resolve(text)
    if type(value) is not int:
        raise _unfit("int", "a whole number", text)
    return value


def _tagged_float(text: str) -> Plain:
    value = resolve(text)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _unfit("float", "a number", text)
    return float(value)


def _tagged_bool(text: str) -> Plain:
    value = resolve(text)
    if not isinstance(value, bool):
        raise _unfit("bool", "true or false", text)
    return value


def _tagged_null(text: str) -> Plain:
    if resolve(text) is not None:
        raise _unfit("null", "null or nothing", text)
    return None


def _tagged_timestamp(text: str) -> Plain:
    stamp = timestamp(text)
    if stamp is None:
        raise _unfit("timestamp", "a date like 2024-07-18", text)
    return stamp


def binary(text: str) -> str:
    """Return the text that is written in base64; what is no UTF-8 in it is replaced.

    Raises:
        MisfitError: it is no base64.
    """
    try:
        raw = base64.b64decode(text.replace("\r", "").replace("\n", ""), validate=True)
    except ValueError as exc:
        raise _unfit("binary", "text in base64", text) from exc
    return raw.decode(errors="replace")


def _unfit(tag: str, expected: str, text: str) -> MisfitError:
    sentence = f"the tag !!{tag} does not fit {{found}}: expected {{expected}}"
    return MisfitError(Problem(sentence, expected, repr(text)))


_TAGGED: Mapping[str, Callable[[str], Plain]] = {
    "int": _tagged_int,
    "float": _tagged_float,
    "bool": _tagged_bool,
    "null": _tagged_null,
    "timestamp": _tagged_timestamp,
    "binary": binary,
}
