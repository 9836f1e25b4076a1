"""Faults as a person reads them, with the line they stand in, and as programs do."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TextIO

from attrs import asdict

from llamaswap.errors import Fault

_SECRET = ("apiKey", "api_key")
"""In the path of a fault whose line shows a secret."""

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
    shows_lines = target.isatty()
    for fault in faults:
        print(f"{kind}: {fault}" if kind else fault, file=target)
        for line in _excerpt(fault) if shows_lines else ():
            print(line, file=target)


def fault_values(fault: Fault) -> dict[str, object]:
    """Return the parts of a fault for programs."""
    return asdict(fault)


def report_of(faults: Iterable[Fault], warnings: Iterable[Fault]) -> str:
    """Write all that is wrong or odd as one JSON document for programs."""
    told = [fault_values(fault) for fault in faults]
    odd = [fault_values(warning) for warning in warnings]
    return json.dumps({"ok": not told, "faults": told, "warnings": odd}, indent=2)


def _excerpt(fault: Fault) -> Iterator[str]:
    """Show the line that a fault is about, with a caret below its column."""
    line = _line(fault)
    if line.strip() and len(line) <= _WIDEST and not any(word in fault.path for word in _SECRET):
        number = f"{fault.line:5} | "
        yield number + line
        # Tabs stay tabs, so that the caret stands below its character.
        before = line[: max(0, fault.column - 1)]
        yield (
            " " * (len(number) - 2)
            + "| "
            + "".join("\t" if char == "\t" else " " for char in before)
            + "^"
        )


def _line(fault: Fault) -> str:
    if not fault.line or not fault.file:
        return ""
    try:
        raw = Path(fault.file).read_bytes()
        lines = raw.decode("utf-8-sig").splitlines()
    except (OSError, ValueError):
        # It may be gone by now, or be what is wrong with it.
        return ""
    line = lines[fault.line - 1] if fault.line <= len(lines) else ""
    return line if all(char == "\t" or char.isprintable() for char in line) else ""
