r"""Regular expressions of the file: RE2's syntax, checked and written for Python's ``re``.

Pure. Configurations are written for Go's ``regexp``. Python takes more than that
(look-around, back-references) and reads some of it in another way (``\s``, ``$``,
``{,3}``), so nothing is handed over as it stands. Scripts (``\p{Greek}``) are not
known here, only general categories (``\pL``).
"""

from __future__ import annotations

import re
import sys
import unicodedata
from functools import cache
from itertools import groupby
from typing import TypeAlias

from attrs import define, field

Ranges: TypeAlias = tuple[tuple[int, int], ...]
"""Characters, from first to last, both included."""

MAX_REPEAT = 1000
MAX_DEPTH = 100
"""Groups within groups: Go allows 1000, Python's own compiler fails before."""

_DIGIT: Ranges = ((48, 57),)
_UPPER: Ranges = ((65, 90),)
_LOWER: Ranges = ((97, 122),)
_WORD: Ranges = (*_DIGIT, *_UPPER, (95, 95), *_LOWER)
_PERL: dict[str, Ranges] = {"d": _DIGIT, "s": ((9, 10), (12, 13), (32, 32)), "w": _WORD}
_POSIX: dict[str, Ranges] = {
    "alnum": (*_DIGIT, *_UPPER, *_LOWER),
    "alpha": (*_UPPER, *_LOWER),
    "ascii": ((0, 127),),
    "blank": ((9, 9), (32, 32)),
    "cntrl": ((0, 31), (127, 127)),
    "digit": _DIGIT,
    "graph": ((33, 126),),
    "lower": _LOWER,
    "print": ((32, 126),),
    "punct": ((33, 47), (58, 64), (91, 96), (123, 126)),
    "space": ((9, 13), (32, 32)),
    "upper": _UPPER,
    "word": _WORD,
    "xdigit": (*_DIGIT, (65, 70), (97, 102)),
}
_MINORS = {
    "L": "ultmo",
    "M": "nce",
    "N": "dlo",
    "P": "cdseifo",
    "S": "mcko",
    "Z": "slp",
    "C": "cfso",
}
_CATEGORIES = frozenset(major + minor for major in _MINORS for minor in ("", *_MINORS[major]))
_CONTROLS = {"a": 7, "f": 12, "n": 10, "r": 13, "t": 9, "v": 11}

_REPEAT = re.compile(r"\{([0-9]+)(?:,([0-9]*))?\}")
_NAMED = re.compile(r"\(\?P?<([A-Za-z0-9_]+)>")
_FLAGS = re.compile(r"\(\?([imsU]*)(?:-([imsU]+))?([:)])")
_POSIX_CLASS = re.compile(r"\[:(\^?)([^:\]]*):\]")
_PROPERTY = re.compile(r"\\[pP](?:\{(\^?)([^}]*)\}|(.))")
_HEX = re.compile(r"\\x(?:\{([0-9A-Fa-f]+)\}|([0-9A-Fa-f]{2}))")
_OCTAL = re.compile(r"\\(?:0[0-7]{0,2}|[1-7][0-7]{1,2})")
_ASSERTIONS = {"A": r"(?:\A)", "z": r"(?:\Z)", "b": r"(?a:\b)", "B": r"(?a:\B)"}


def translate(pattern: str) -> str:
    """Return what means the same to Python's ``re``.

    Groups get numbers only: their names may be none in Python.

    Raises:
        ValueError: RE2 does not take it; the sentence says why.
    """
    return _Translation(pattern).run()


@define
class _Translation:
    """One walk through a pattern."""

    text: str
    at: int = field(default=0, init=False)
    _out: list[str] = field(factory=list[str], init=False)
    _flags: frozenset[str] = field(default=frozenset[str](), init=False)
    _outer: list[frozenset[str]] = field(factory=list[frozenset[str]], init=False)
    _names: set[str] = field(factory=set[str], init=False)
    _last: str = field(default="", init=False)
    """What stands before: an ``atom``, a ``repeat``, or nothing that can be repeated."""

    def run(self) -> str:
        """Translate it all."""
        while self.at < len(self.text):
            self._step(self.text[self.at])
        if self._outer:
            raise ValueError("missing closing )")
        return "".join(self._out)

    def _step(self, char: str) -> None:
        match char:
            case "(":
                self._open()
            case ")":
                self._close()
            case "|":
                self._emit("|", "")
            case "[":
                self.at += 1
                negated = self.text.startswith("^", self.at)
                self.at += negated
                # Negated by Python, which looks at upper and lower case first.
                self._put_class(self._class(), "^" if negated else "")
            case "\\":
                self._escape()
            case "*" | "+" | "?":
                self._repeat(char, char)
            case "{" if found := _REPEAT.match(self.text, self.at):
                self._counted(found)
            case _:
                self._simple(char)

    def _simple(self, char: str) -> None:
        multi_line = "m" in self._flags
        match char:
            case ".":
                self._emit(r"[\s\S]" if "s" in self._flags else r"[^\n]")
            case "^":
                self._emit("(?m:^)" if multi_line else r"(?:\A)")
            case "$":
                # Python's own also matches before a last line break.
                self._emit("(?m:$)" if multi_line else r"(?:\Z)")
            case _:
                self._put(char)

    def _emit(self, text: str, last: str = "atom", length: int = 1) -> None:
        self._out.append(text)
        self._last = last
        self.at += length

    def _put(self, char: str, length: int = 1) -> None:
        text = re.escape(char)
        self._emit(f"(?i:{text})" if "i" in self._flags else text, length=length)

    def _put_class(self, ranges: Ranges, mark: str = "") -> None:
        body = "".join(f"\\U{first:08x}-\\U{last:08x}" for first, last in ranges)
        text = f"[{mark}{body}]" if body else r"[^\s\S]"
        self._emit(f"(?i:{text})" if "i" in self._flags else text, length=0)

    # Groups

    def _open(self) -> None:
        if len(self._outer) == MAX_DEPTH:
            raise ValueError(f"groups are nested more than {MAX_DEPTH} deep")
        if not self.text.startswith("(?", self.at):
            self._enter("(", 1)
        elif found := _NAMED.match(self.text, self.at):
            if found[1] in self._names:
                raise ValueError(f"duplicate group name {found[1]}")
            self._names.add(found[1])
            self._enter("(", len(found[0]))
        elif found := _FLAGS.match(self.text, self.at):
            flags = (self._flags | set(found[1])) - set(found[2] or "")
            if found[3] == ":":
                self._enter("(?:", len(found[0]))
            else:
                self._emit("", "", len(found[0]))
            self._flags = flags
        else:
            piece = self.text[self.at : self.at + 4]
            raise ValueError(
                f"{piece!r} is no RE2: look-ahead, look-behind, atomic and conditional groups "
                "are not possible"
            )

    def _enter(self, text: str, length: int) -> None:
        self._outer.append(self._flags)
        self._emit(text, "", length)

    def _close(self) -> None:
        if not self._outer:
            raise ValueError("unexpected )")
        self._flags = self._outer.pop()
        self._emit(")")

    # Repetition

    def _counted(self, found: re.Match[str]) -> None:
        low, high = int(found[1]), int(found[2] or found[1])
        if max(low, high) > MAX_REPEAT or high < low:
            raise ValueError(
                f"invalid repeat count {found[0]}: the counts rise, and {MAX_REPEAT} is the most"
            )
        self._repeat(found[0], found[0])

    def _repeat(self, operator: str, text: str) -> None:
        if self._last == "repeat":
            raise ValueError(
                f"invalid nested repetition operator {operator}: neither possessive quantifiers "
                "nor two in a row are possible"
            )
        if not self._last:
            raise ValueError(f"missing argument to repetition operator {operator}")
        is_lazy = self.text.startswith("?", self.at + len(operator))
        mark = "?" if is_lazy != ("U" in self._flags) else ""
        self._emit(text + mark, "repeat", len(operator) + is_lazy)

    # Escapes

    def _escape(self) -> None:
        char = self.text[self.at + 1 : self.at + 2]
        if char == "Q":
            self._quoted()
        elif char in _ASSERTIONS:
            self._emit(_ASSERTIONS[char], length=2)
        elif (ranges := self._class_escape()) is not None:
            self._put_class(ranges)
        else:
            self._put(chr(self._character()), 0)

    def _quoted(self) -> None:
        text, end, _ = self.text[self.at + 2 :].partition("\\E")
        self.at += 2
        for char in text:
            self._put(char)
        self.at += len(end)

    def _class_escape(self) -> Ranges | None:
        """Read an escape that stands for several characters, if there is one."""
        char = self.text[self.at + 1 : self.at + 2]
        if char in {"p", "P"}:
            return self._property(is_negated=char == "P")
        if not char or char.lower() not in _PERL:
            return None
        self.at += 2
        ranges = _PERL[char.lower()]
        return ranges if char.islower() else _others(ranges)

    def _property(self, *, is_negated: bool) -> Ranges:
        found = _PROPERTY.match(self.text, self.at)
        name = (found[2] or found[3] or "") if found else ""
        if found is None or (name not in _CATEGORIES and name != "Any"):
            raise ValueError(
                f"invalid character class range {self.text[self.at : self.at + 12]!r}: general "
                "categories like \\pL and \\p{Lu} are known"
            )
        self.at = found.end()
        ranges = ((0, sys.maxunicode),) if name == "Any" else _category(name)
        return _others(ranges) if is_negated != bool(found[1]) else ranges

    def _character(self) -> int:
        """Read one character that is written with a backslash."""
        char = self.text[self.at + 1 : self.at + 2]
        if not char:
            raise ValueError("trailing backslash at the end")
        if found := _HEX.match(self.text, self.at):
            code = int(found[1] or found[2], 16)
            if code <= sys.maxunicode:
                self.at = found.end()
                return code
        if found := _OCTAL.match(self.text, self.at):
            self.at = found.end()
            return int(found[0][1:], 8)
        if char in _CONTROLS or (char.isascii() and not char.isalnum()):
            self.at += 2
            return _CONTROLS.get(char, ord(char))
        hint = ": back-references are not possible" if char.isdecimal() else ""
        raise ValueError(f"invalid escape sequence \\{char}{hint}")

    # Classes

    def _class(self) -> Ranges:
        """Read what follows a bracket, up to the one that closes it."""
        ranges: list[tuple[int, int]] = []
        is_first = True
        while is_first or not self.text.startswith("]", self.at):
            ranges += self._class_part()
            is_first = False
        self.at += 1
        return _merged(ranges)

    def _class_part(self) -> Ranges:
        if found := _POSIX_CLASS.match(self.text, self.at):
            if found[2] not in _POSIX:
                raise ValueError(f"invalid character class range {found[0]}")
            self.at = found.end()
            return _others(_POSIX[found[2]]) if found[1] else _POSIX[found[2]]
        if self.text.startswith("\\", self.at):
            ranges = self._class_escape()
            if ranges is not None:
                return ranges
        return (self._class_range(),)

    def _class_range(self) -> tuple[int, int]:
        start = self.at
        first = last = self._class_character()
        if self.text.startswith("-", self.at) and not self.text.startswith("-]", self.at):
            self.at += 1
            last = self._class_character()
        if last < first:
            raise ValueError(f"invalid character class range {self.text[start : self.at]}")
        return first, last

    def _class_character(self) -> int:
        if self.at >= len(self.text):
            raise ValueError("missing closing ]")
        if self.text[self.at] == "\\":
            return self._character()
        self.at += 1
        return ord(self.text[self.at - 1])


def _merged(ranges: list[tuple[int, int]]) -> Ranges:
    merged: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return tuple(merged)


def _others(ranges: Ranges) -> Ranges:
    """Return all characters that are in none of ``ranges``, which are in order."""
    starts = [0, *(last + 1 for _, last in ranges)]
    ends = [*(first - 1 for first, _ in ranges), sys.maxunicode]
    return tuple((start, end) for start, end in zip(starts, ends, strict=True) if start <= end)


@cache
def _category(name: str) -> Ranges:
    """Return the characters of a general category; takes a moment the first time."""
    chosen = (code for code in range(sys.maxunicode + 1) if _is_in(code, name))
    runs = groupby(enumerate(chosen), lambda pair: pair[1] - pair[0])
    return tuple((run[0][1], run[-1][1]) for run in (list(group) for _, group in runs))


def _is_in(code: int, name: str) -> bool:
    category = unicodedata.category(chr(code))
    return category.startswith(name) and category != "Cn"
