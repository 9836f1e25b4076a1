"""What all steps of loading share: plain values, key paths, and the report of faults.

Nothing here knows a schema, or the YAML library. While one file is read, a report is about
that file; what is merged from several has a report about all of them. A place
belongs to a key path and is found when the fault is reported, so that no step
carries positions around. A path that is *tainted* has been complained about;
later steps leave it alone, so that one mistake is told once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias

from attrs import define, evolve, field, frozen

from llamaswap.config.redaction import (
    MASK,
    SHORTEST,
    hidden,
    masking,
    only_refers,
    references_of,
    secret_depth,
    settings_in,
)
from llamaswap.errors import Fault


@frozen
class Timestamp:
    """A date that stood unquoted in the file."""

    text: str
    """As RFC 3339, like ``2024-07-18T00:00:00Z``."""


Form: TypeAlias = tuple[str, str]
"""What a single value is as it is written: its text and its tag, like ``!!int``."""

NOTHING: Form = ("", "!!null")
"""The form of what is not even written as ``null``."""

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


KINDS = ("nothing", "a list", "a mapping")
"""What faults call values that they do not repeat."""

_QUOTES = re.compile("['\"`0-9]")
"""In advice that may repeat what is there."""

_PART = re.compile(r"\{(expected|found|detail)\}")


@frozen
class Problem:
    """What is wrong with a value; ``str()`` makes the one sentence of the parts."""

    text: str = "expected {expected}, found {found}"
    """The sentence, with these places for the next two; without a suggestion."""

    expected: str = ""
    found: str = ""
    suggestion: str = ""
    """What was probably meant, or what to do: the end of the sentence."""

    joint: str = "; "
    """Stands before the suggestion."""

    detail: str = ""
    """What somebody else says, who may quote the author: it has the place ``{detail}``."""

    is_discreet: bool = False
    """It repeats nothing of the value, so it may be told of a secret as it is."""

    @classmethod
    def told(
        cls, sentence: str, expected: str = "", found: str = "", suggestion: str = ""
    ) -> Problem:
        """Return the one whose sentence is written already, and may quote the author."""
        return cls("{detail}", expected, found, suggestion, detail=sentence)

    def hidden(self) -> Problem:
        """Return the same without what it may repeat of a secret."""
        # A kind is told by its name, and a bare reference is the name of something else.
        if self.is_discreet or (self.found.startswith("${") and not self.detail):
            return self
        found = self.found if self.found in KINDS else self.found and MASK
        advice = "" if _QUOTES.search(self.suggestion) else self.suggestion
        return evolve(self, found=found, detail=self.detail and MASK, suggestion=advice)

    def masked(self, hide: Callable[[str], str]) -> Problem:
        """Return the same with ``hide`` called on all that may repeat the author."""
        return evolve(
            self,
            found=hide(hidden(self.found)),
            detail=hide(self.detail),
            suggestion=hide(self.suggestion),
        )

    def __str__(self) -> str:
        """Compose the sentence."""
        parts = {"expected": self.expected, "found": self.found, "detail": self.detail}
        text = _PART.sub(lambda place: parts[place[1]], self.text)
        return text + self.joint + self.suggestion if self.suggestion else text


class MisfitError(ValueError):
    """A value is not what was expected; says more than the sentence alone."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


def problem_of(exc: Exception) -> Problem:
    """Return what an exception says, in parts if it knows them."""
    return exc.problem if isinstance(exc, MisfitError) else Problem.told(str(exc))


def path_text(path: KeyPath) -> str:
    """Write a path as people do: ``groups.g.members[0]``."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            text += f".{step}" if text else step
    return text


def note_secrets(value: Plain, path: KeyPath, report: Report) -> None:
    """Tell ``report`` the secrets below ``path``, and the macros that hold some."""
    secrets: list[str] = []
    macros: dict[str | int, list[str]] = {}
    for where, text in _texts(value, path):
        if secret_depth(where) is not None:
            secrets.append(text)
            continue
        secrets += settings_in(text)
        if where[-2:-1] == ("macros",):
            macros.setdefault(where[-1], []).append(text)
    for name in report.secret_macros:
        secrets += macros.pop(name, ())
    while secrets:
        text = secrets.pop()
        if len(text) >= SHORTEST and not only_refers(text):
            report.secrets.add(text)
        for name in references_of(text):
            report.secret_macros.add(name)
            secrets += macros.pop(name, ())


def _texts(value: Plain, path: KeyPath) -> Iterator[tuple[KeyPath, str]]:
    match value:
        case dict():
            for key, item in value.items():
                yield from _texts(item, (*path, key))
        case list():
            for index, item in enumerate(value):
                yield from _texts(item, (*path, index))
        case str():
            yield path, value
        case _:
            pass


@define
class Report:
    """Collects what is wrong with a document, and where."""

    file: str = ""
    """What it is about; empty where that is several files."""

    places: dict[KeyPath, Place] = field(factory=dict[KeyPath, Place])
    """Where each key, and each item of a list, is written."""

    spellings: dict[KeyPath, tuple[str, str]] = field(
        factory=dict[KeyPath, tuple[str, str]], init=False
    )
    """Values whose text is not the one that is written: that one, and the other."""

    forms: dict[KeyPath, Form] = field(factory=dict[KeyPath, Form], init=False)
    """Of all single values but texts."""

    merged: set[KeyPath] = field(factory=set[KeyPath], init=False)
    """What a mapping has from another one, by ``<<``."""

    filled: dict[KeyPath, str] = field(factory=dict[KeyPath, str], init=False)
    """What was written where a macro has filled in something."""

    folded: set[KeyPath] = field(factory=set[KeyPath], init=False)
    """Texts whose lines were joined."""

    secret_places: dict[str, Callable[[Place], bool]] = field(
        factory=dict[str, "Callable[[Place], bool]"], init=False
    )
    """Tells of each file what stands behind the name of a secret."""

    secrets: set[str] = field(factory=set[str], init=False)
    """What is a secret wherever it stands."""

    secret_macros: set[str] = field(factory=set[str], init=False)
    """What secrets are made of."""

    _faults: list[Fault] = field(factory=list[Fault], init=False)
    _warnings: list[Fault] = field(factory=list[Fault], init=False)
    _tainted: set[KeyPath] = field(factory=set[KeyPath], init=False)
    _above: set[KeyPath] = field(factory=set[KeyPath], init=False)
    """The tainted paths and all that hold one."""

    _order: dict[str, int] = field(factory=dict[str, int], init=False)
    """The files that were taken over, numbered in their order."""

    @property
    def faults(self) -> tuple[Fault, ...]:
        """All faults, each once, in the order of the files and of their lines."""
        return self._in_order(self._faults)

    @property
    def warnings(self) -> tuple[Fault, ...]:
        """All warnings, each once, in the order of the files and of their lines."""
        return self._in_order(self._warnings)

    def fault(self, path: KeyPath, problem: str | Problem, place: Place | None = None) -> None:
        """Note that ``path`` makes the document unusable; ``place`` overrides where it stands."""
        self._faults.append(self._note(path, problem, place))
        self.taint(path)

    def warn(self, path: KeyPath, problem: str | Problem, place: Place | None = None) -> None:
        """Note that ``path`` is odd but harmless; ``place`` overrides where it stands."""
        self._warnings.append(self._note(path, problem, place))

    def taint(self, path: KeyPath) -> None:
        """Keep later steps from complaining about ``path``."""
        self._tainted.add(path)
        for length in range(len(path), -1, -1):
            if path[:length] in self._above:
                break
            self._above.add(path[:length])

    def is_tainted(self, path: KeyPath) -> bool:
        """Say whether ``path``, or something below it, has been complained about."""
        return path in self._above

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
        for path, form in part.forms.items():
            self.forms.setdefault(moved(path), form)
        self.merged.update(moved(path) for path in part.merged)
        self.folded.update(moved(path) for path in part.folded)
        self.secret_places.update(part.secret_places)
        self.secrets.update(part.secrets)
        self.secret_macros.update(part.secret_macros)
        for path in part._tainted:
            self.taint(moved(path))
        self._faults += part._faults
        self._warnings += part._warnings

    def forget(self, path: KeyPath) -> None:
        """Let go of what is known of ``path`` and below: something else stands there."""

        def is_below(known: KeyPath) -> bool:
            return known[: len(path)] == path

        for where in (self.places, self.forms):
            for known in [known for known in where if is_below(known)]:
                del where[known]
        for what in (self.merged, self.folded):
            what.difference_update([known for known in what if is_below(known)])

    def _in_order(self, faults: list[Fault]) -> tuple[Fault, ...]:
        def key(fault: Fault) -> tuple[int, int, int]:
            return self._order.get(fault.file, -1), fault.line, fault.column

        return _told_once(sorted(faults, key=key))

    def _note(self, path: KeyPath, problem: str | Problem, place: Place | None) -> Fault:
        known = Problem.told(problem) if isinstance(problem, str) else problem
        place = place or self.place_of(path) or Place(0, 0)
        is_hidden = secret_depth(path) is None and self._is_behind_secret(place)
        if is_hidden and path and known.found == repr(path[-1]):
            # A comma in a secret that has no quotes begins a key.
            path = (*path[:-1], MASK)
        known = known.hidden() if is_hidden else self._discreet(known, path)
        return Fault(
            path_text(self._shown(path)),
            str(known),
            place.file or self.file,
            place.line,
            place.column,
            expected=known.expected,
            found=known.found,
            suggestion=known.suggestion,
        )

    def _is_behind_secret(self, place: Place) -> bool:
        is_secret = self.secret_places.get(place.file or self.file)
        return is_secret is not None and is_secret(place)

    def _discreet(self, problem: Problem, path: KeyPath) -> Problem:
        """Return ``problem`` without secrets, whatever it is about."""
        depth = secret_depth(path)
        if depth is None:
            return problem.masked(self._hide)
        # What a key is called is no secret; what stands below it may be called like one.
        is_key = depth == len(path) and problem.found == repr(path[-1])
        return problem if is_key else problem.hidden()

    def _shown(self, path: KeyPath) -> KeyPath:
        """Return ``path`` without the names that stand below a secret's, or hold one."""
        depth = secret_depth(path) or len(path)
        return tuple(
            step if isinstance(step, int) else self._hide(hidden(step)) if number < depth else MASK
            for number, step in enumerate(path)
        )

    def _hide(self, text: str) -> str:
        return masking(frozenset(self.secrets))(text)

    def place_of(self, path: KeyPath) -> Place | None:
        """Return where ``path`` is written; ``None``: nobody knows."""
        # What was filled in, such as a default, stands where its section does.
        for length in range(len(path), 0, -1):
            if place := self.places.get(path[:length]):
                return place
        return None


def _told_once(faults: Iterable[Fault]) -> tuple[Fault, ...]:
    """Return ``faults`` with one in place of those that say the same of the same place.

    What is merged into many models is one mistake, however many paths lead to it.
    """
    alike: dict[tuple[object, ...], list[Fault]] = {}
    for fault in faults:
        # Without a line the path is all that says where it is.
        where = (fault.line, fault.column) if fault.line else (fault.path,)
        alike.setdefault((fault.file, *where, fault.message), []).append(fault)
    return tuple(_with_paths_of(first, others) for first, *others in alike.values())


def _with_paths_of(fault: Fault, others: Iterable[Fault]) -> Fault:
    """Return ``fault`` with a word about the other paths that lead to its place."""
    paths = list(dict.fromkeys(other.path for other in others if other.path != fault.path))
    if not paths:
        return fault
    more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
    return evolve(fault, message=f"{fault.message} (also {paths[0]}{more})")
