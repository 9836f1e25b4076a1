"""What all steps of loading share: plain values, key paths, and the report of faults.

Nothing here knows YAML or a schema. While one file is read, a report is about
that file; what is merged from several has a report about all of them. A place
belongs to a key path and is found when the fault is reported, so that no step
carries positions around. A path that is *tainted* has been complained about;
later steps leave it alone, so that one mistake is told once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from attrs import define, field, frozen

from llamaswap.errors import Fault


@frozen
class Timestamp:
    """A date that stood unquoted in the file."""

    text: str
    """As RFC 3339, like ``2024-07-18T00:00:00Z``."""


Plain: TypeAlias = "bool | int | float | str | Timestamp | list[Plain] | dict[str, Plain] | None"
"""A value of the file before anybody has said what it should be."""

KeyPath: TypeAlias = tuple[str | int, ...]
"""Where a value stands: mapping keys and list indexes from the top."""


@frozen
class Place:
    """Where something is written; both numbers are counted from 1."""

    line: int
    """0: the file as a whole."""

    column: int
    file: str = ""
    """Empty: the file that the report is about."""


def path_text(path: KeyPath) -> str:
    """Write a path as people do: ``groups.g.members[0]``."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            text += f".{step}" if text else step
    return text


@define
class Report:
    """Collects what is wrong with a document, and where."""

    file: str = ""
    """What it is about; empty where that is several files."""

    places: dict[KeyPath, Place] = field(factory=dict[KeyPath, Place])
    """Where each key, and each item of a list, is written."""

    _faults: list[Fault] = field(factory=list[Fault], init=False)
    _warnings: list[Fault] = field(factory=list[Fault], init=False)
    _tainted: set[KeyPath] = field(factory=set[KeyPath], init=False)
    _order: dict[str, int] = field(factory=dict[str, int], init=False)
    """The files that were taken over, numbered in their order."""

    @property
    def faults(self) -> tuple[Fault, ...]:
        """All faults, in the order of the files and of their lines."""
        return self._in_order(self._faults)

    @property
    def warnings(self) -> tuple[Fault, ...]:
        """All warnings, in the order of the files and of their lines."""
        return self._in_order(self._warnings)

    def fault(self, path: KeyPath, message: str, place: Place | None = None) -> None:
        """Note that ``path`` makes the document unusable; ``place`` overrides where it stands."""
        self._faults.append(self._note(path, message, place))
        self.taint(path)

    def warn(self, path: KeyPath, message: str) -> None:
        """Note that ``path`` is odd but harmless."""
        self._warnings.append(self._note(path, message, None))

    def taint(self, path: KeyPath) -> None:
        """Keep later steps from complaining about ``path``."""
        self._tainted.add(path)

    def is_tainted(self, path: KeyPath) -> bool:
        """Say whether ``path``, or something below it, has been complained about."""
        return any(known[: len(path)] == path for known in self._tainted)

    def is_told(self, path: KeyPath) -> bool:
        """Say whether ``path`` itself has been complained about."""
        return path in self._tainted

    def take_over(self, part: Report, moved: Callable[[KeyPath], KeyPath]) -> None:
        """Make what is known of one file known of the whole.

        A path that has a place already keeps it: the first file that says something
        is the one to look at.

        Args:
            part: the report about that file.
            moved: tells where a path of the file stands in the whole.
        """
        self._order.setdefault(part.file, len(self._order))
        for path, place in part.places.items():
            self.places.setdefault(moved(path), Place(place.line, place.column, part.file))
        self._tainted.update(moved(path) for path in part._tainted)
        self._faults += part._faults
        self._warnings += part._warnings

    def _in_order(self, faults: list[Fault]) -> tuple[Fault, ...]:
        def key(fault: Fault) -> tuple[int, int, int]:
            return self._order.get(fault.file, -1), fault.line, fault.column

        return tuple(sorted(faults, key=key))

    def _note(self, path: KeyPath, message: str, place: Place | None) -> Fault:
        place = place or self._place_of(path)
        if place is None:
            return Fault(path_text(path), message, self.file)
        file = place.file or self.file
        return Fault(path_text(path), message, file, place.line, place.column)

    def _place_of(self, path: KeyPath) -> Place | None:
        # What was filled in, such as a default, stands where its section does.
        for length in range(len(path), 0, -1):
            if place := self.places.get(path[:length]):
                return place
        return None
