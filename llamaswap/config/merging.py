"""Several files become one document.

Pure, and after each file has been read on its own: its anchors, merge keys and
environment are its own matter. What stands in two files is told with both
places. A null says nothing, however it is written, so the other side wins.
"""

from __future__ import annotations

from collections.abc import Iterable

from attrs import define, field, frozen

from llamaswap.config.document import KeyPath, Place, Plain, Report, Timestamp, path_text

_SETTINGS: KeyPath = ("routing", "router", "settings")
_MATRICES: tuple[KeyPath, ...] = (("matrix",), (*_SETTINGS, "matrix"))

_SECTIONS: frozenset[KeyPath] = frozenset(
    (
        *((name,) for name in ("models", "groups", "profiles", "selectors", "peers")),
        (*_SETTINGS, "groups"),
        *_MATRICES,
        *((*matrix, "sets") for matrix in _MATRICES),
    )
)
"""Mappings whose entries belong to one file each. Of a matrix only ``sets`` can be
divided, by its own entries: a variable that one file lacks would be a mistake there."""


@frozen
class Part:
    """One file."""

    values: dict[str, Plain]
    report: Report
    is_broken: bool = False
    """It could not be read to its end; nothing is known of what it says."""


def merge(parts: Iterable[Part], report: Report) -> dict[str, Plain]:
    """Return what ``parts`` say together, earlier ones first.

    Args:
        parts: what each file says; their reports have the places, and get the conflicts.
        report: takes over what the reports of all parts know.
    """
    merged: dict[str, Plain] = {}
    for part in parts:
        step = _Step(part.report, report)
        step.table(merged, part.values, ())
        report.take_over(part.report, step.moved)
    return merged


@define
class _Step:
    """Adds one file to what was merged before."""

    here: Report
    """About the file."""

    before: Report
    _shifts: dict[KeyPath, int] = field(factory=dict[KeyPath, int], init=False)
    """By how many items each list of the file has moved."""

    def table(self, into: dict[str, Plain], values: dict[str, Plain], path: KeyPath) -> None:
        """Add the keys of a mapping, new ones behind those there are."""
        for key, value in values.items():
            below = (*path, key)
            if key not in into:
                into[key] = value
            elif path in _SECTIONS and below not in _SECTIONS:
                message = f"duplicate {path_text(path)} key {key!r}: it is also in "
                self.here.fault(below, message + self._first(below))
            else:
                into[key] = self._both(into[key], value, below)

    def moved(self, path: KeyPath) -> KeyPath:
        """Return where ``path`` of this file stands in the whole."""
        for length in range(1, len(path)) if self._shifts else ():
            step = path[length]
            if isinstance(step, int) and path[:length] in self._shifts:
                shifted = step + self._shifts[path[:length]]
                return (*path[:length], shifted, *path[length + 1 :])
        return path

    def _both(self, old: Plain, new: Plain, path: KeyPath) -> Plain:
        if new is None:
            return old
        if old is None:
            # Its place is where somebody says something.
            self.before.places.pop(path, None)
            return new
        if isinstance(old, dict) and isinstance(new, dict):
            self.table(old, new, path)
            return old
        if isinstance(old, list) and isinstance(new, list):
            self._shifts[path] = len(old)
            return old + new
        if not _is_same(old, new):
            self.here.fault(
                path, f"conflict at {path_text(path)}: {self._contrast(old, new, path)}"
            )
        return old

    def _contrast(self, old: Plain, new: Plain, path: KeyPath) -> str:
        first, kinds = self._first(path), (_kind(old), _kind(new))
        if kinds[0] == kinds[1]:
            # The values themselves may be secrets, and faults reach logs and pages.
            return f"another value is in {first}"
        return f"{kinds[1]} here, but {kinds[0]} in {first}"

    def _first(self, path: KeyPath) -> str:
        place = self.before.places.get(path) or Place(0, 0)
        return f"{place.file}:{place.line}:{place.column}"


def _is_same(old: Plain, new: Plain) -> bool:
    # One and ``true`` and 1.0 are equal in Python, and different in a file.
    return type(old) is type(new) and (old == new or old is new)


def _kind(value: Plain) -> str:
    match value:
        case dict():
            return "a mapping"
        case list():
            return "a list"
        case str():
            return "a text"
        case bool():
            return "true or false"
        case Timestamp():
            return "a date"
        case _:
            return "a number"
