"""Several files become one document.

Pure, and after each file has been read on its own: its anchors, merge keys and
environment are its own matter. What stands in two files is told with both
places, unless it is written alike: ``16`` and ``0x10`` differ, as in the reference.
A null says nothing, however it is written, so the other side wins. So does what is
written out over what ``<<`` has merged.
"""

from __future__ import annotations

from collections.abc import Iterable

from attrs import define, field, frozen

from llamaswap.config import scalars
from llamaswap.config.document import (
    NOTHING,
    Form,
    KeyPath,
    Place,
    Plain,
    Problem,
    Report,
    Timestamp,
    path_text,
)
from llamaswap.config.redaction import secret_depth
from llamaswap.config.spelling import kind_at

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


_OPEN = (str, int, float, bool)
"""The types of fields whose values may be shown. Keys, which are secret, stand in lists;
what macros and sections of nobody's hold may be anything."""


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
                text = (
                    f"duplicate {path_text(path)} key {{found}}: it is also in {self._first(below)}"
                )
                hint = "remove it from one of the files"
                self.here.fault(below, Problem(text, "each key in one file", repr(key), hint))
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
        if self._gives_way(path, new, old, self.here, self.before):
            self.here.forget(path)
            return old
        if self._gives_way(path, old, new, self.before, self.here):
            # Its place is where somebody says something.
            self.before.forget(path)
            return new
        if isinstance(old, dict) and isinstance(new, dict):
            self.table(old, new, path)
            return old
        if isinstance(old, list) and isinstance(new, list):
            self._shifts[path] = len(old)
            return old + new
        if _kind(old) != _kind(new) or _form(old, path, self.before) != _form(new, path, self.here):
            self.here.fault(path, self._conflict(old, new, path))
        return old

    def _gives_way(
        self, path: KeyPath, value: Plain, other: Plain, about: Report, about_other: Report
    ) -> bool:
        """Say whether the ``value`` at ``path`` says less than the ``other`` file's does."""
        if _says_nothing(value, path, about):
            return True
        is_weaker = path in about.merged and path not in about_other.merged
        return is_weaker and not _says_nothing(other, path, about_other)

    def _conflict(self, old: Plain, new: Plain, path: KeyPath) -> Problem:
        first = self._first(path)
        before, here = _form(old, path, self.before), _form(new, path, self.here)
        hint = "write it alike in both" if old == new else "remove one of the two"
        if _kind(old) != _kind(new):
            text = f"conflict at {path_text(path)}: {{found}} here, but {{expected}} in {first}"
            return Problem(text, _kind(old), _kind(new), hint, is_discreet=True)
        if kind_at(path) in _OPEN and secret_depth(path) is None:
            expected, found = _shown(before), _shown(here)
        else:
            # The values themselves may be secrets, and faults reach logs and pages.
            text = f"conflict at {path_text(path)}: {{found}} is in {first}"
            return Problem(text, f"the value in {first}", "another value", hint, is_discreet=True)
        text = f"conflict at {path_text(path)}: {{found}} here, but {{expected}} in {first}"
        return Problem(text, expected, found, hint)

    def _first(self, path: KeyPath) -> str:
        place = self.before.places.get(path) or Place(0, 0)
        return f"{place.file}:{place.line}:{place.column}"


def _form(value: Plain, path: KeyPath, about: Report) -> Form:
    """Return what is written; of a list or a mapping, nothing."""
    return about.forms.get(path, (value if isinstance(value, str) else "", scalars.TEXT_TAG))


def _says_nothing(value: Plain, path: KeyPath, about: Report) -> bool:
    return value is None or about.forms.get(path) == NOTHING


def _shown(form: Form) -> str:
    text, tag = form
    if tag == scalars.TEXT_TAG:
        return repr(text)
    return text if tag in scalars.PLAIN_TAGS else f"{tag} {text}"


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
