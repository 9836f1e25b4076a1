"""Faults as a person reads them, with the line they stand in, and as programs do."""

from __future__ import annotations

import json
import sys
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TextIO

from attrs import asdict, define, field

from llamaswap.config.document import Place
from llamaswap.config.lines import Lines
from llamaswap.errors import Fault

_WIDEST = 200
"""Columns; a line beyond is not shown: nobody finds the caret below it."""


def say_faults(faults: Iterable[Fault], kind: str, stream: TextIO | None = None) -> None:
    """Tell each of ``faults``; on a terminal with the line that it is about.

    Args:
        faults: what is wrong, or only odd.
        kind: said first, like ``warning``; empty: nothing is.
        stream: where to; stderr by default.
    """
    target = sys.stderr if stream is None else stream
    shows_lines, excerpts = target.isatty(), _Excerpts()
    for fault in faults:
        print(f"{kind}: {fault}" if kind else fault, file=target)
        for line in excerpts.of(fault) if shows_lines else ():
            print(line, file=target)


def fault_values(fault: Fault) -> dict[str, object]:
    """Return the parts of a fault for programs."""
    return asdict(fault)


def report_of(faults: Iterable[Fault], warnings: Iterable[Fault]) -> str:
    """Write all that is wrong or odd as one JSON document for programs."""
    told = [fault_values(fault) for fault in faults]
    odd = [fault_values(warning) for warning in warnings]
    return json.dumps({"ok": not told, "faults": told, "warnings": odd}, indent=2)


@define
class _Excerpts:
    """Shows lines of files, each file read once."""

    _files: dict[str, Lines] = field(factory=dict[str, Lines], init=False)

    def of(self, fault: Fault) -> Iterator[str]:
        """Show the line that a fault is about without its secrets, a caret below its column."""
        if not fault.line or not fault.file:
            return
        if fault.file not in self._files:
            self._files[fault.file] = _read(fault.file)
        line, column = self._files[fault.file].shown(Place(fault.line, fault.column))
        if line.strip() and len(line) <= _WIDEST and _is_printable(line):
            number = f"{fault.line:5} | "
            yield number + line
            yield " " * (len(number) - 2) + "| " + _blank(line[:column]) + "^"


def _read(file: str) -> Lines:
    try:
        return Lines.of(Path(file).read_bytes().decode("utf-8-sig"))
    except (OSError, ValueError):
        # It may be gone by now, or be what is wrong with it.
        return Lines.of("")


def _is_printable(line: str) -> bool:
    return all(char == "\t" or char.isprintable() for char in line)


def _blank(text: str) -> str:
    """Return blanks as wide as ``text``; tabs stay tabs, so that they end where they did."""
    return "".join("\t" if char == "\t" else " " * _columns(char) for char in text)


def _columns(char: str) -> int:
    """Return how many columns a terminal gives a character."""
    if unicodedata.category(char) in {"Mn", "Me", "Cf"}:
        return 0
    return 2 if unicodedata.east_asian_width(char) in {"W", "F"} else 1
