"""The document as it is written, and what it says: aliases followed, merges made, words typed.

Knows the YAML dialect but not the YAML library. Every mapping key becomes text;
a mistake below an alias is told where it is written, not once per use.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import TypeAlias

from attrs import define, evolve, field, frozen

from llamaswap.config import environment, scalars
from llamaswap.config.conversions import to_text
from llamaswap.config.document import (
    NOTHING,
    KeyPath,
    MisfitError,
    Place,
    Plain,
    Problem,
    Report,
    Timestamp,
    note_secrets,
)
from llamaswap.config.redaction import secret_depth

MAX_DEPTH = 100
"""Levels of nesting: ten times what a configuration has, a tenth of Python's own limit."""

MAX_BORROWED = 100_000
"""Values reached through aliases. A thousand models that share a block of fifty
keys need half of it; without a limit ten short lines can demand a billion."""

_UNUSABLE = re.compile("[\0\ud800-\udfff]")


@frozen(eq=False)
class Scalar:
    """One word or text, comments and quotes removed."""

    text: str
    place: Place
    is_plain: bool = False
    """It stood without quotes, so its text decides what it is."""

    tag: str | None = None
    is_folded: bool = False
    """It is a text that begins with ``>``, whose lines are joined."""

    is_in_flow: bool = False
    """It stands in brackets or braces, where a comma ends it."""


@frozen(eq=False)
class Items:
    """A list."""

    items: tuple[Node, ...]
    place: Place


@frozen(eq=False)
class Table:
    """Keys and values, in order, twice written ones included."""

    pairs: tuple[tuple[Node, Node], ...]
    place: Place
    is_flow: bool = False
    """It is written in braces."""


@frozen(eq=False)
class Alias:
    """``*name``, standing for a node further up."""

    target: Node
    place: Place


Node: TypeAlias = Scalar | Items | Table | Alias

Reread: TypeAlias = Callable[[str, Place], Node | None]
"""Reads a text as YAML that stands at a place; ``None``: it is none."""


def _never(_text: str, _place: Place) -> None:
    """Read nothing again."""


class _TooMuchError(Exception):
    """The document unfolds to more than anybody can mean."""

    def __init__(self, text: str, limit: int) -> None:
        super().__init__(text)
        self.problem = Problem(text, f"at most {limit}", f"more than {limit}")


def to_plain(
    root: Node, environ: Mapping[str, str], report: Report, reread: Reread = _never
) -> Plain:
    """Return what ``root`` says; mistakes and places go to ``report``.

    Args:
        root: the document.
        environ: what its references to the environment stand for.
        report: gets faults and places.
        reread: reads what an unquoted reference stands for, which may be a list.
    """
    try:
        return _Reading(environ, report, reread).value(root, (), borrowed=False)
    except _TooMuchError as exc:
        report.fault((), exc.problem, root.place)
        return None


@frozen
class _Entry:
    """One key of a mapping with what belongs to it."""

    place: Place
    node: Node
    borrowed: bool
    is_merged: bool = False
    """It comes from what ``<<`` names."""


@define
class _Reading:
    """One walk through the document."""

    environ: Mapping[str, str]
    report: Report
    reread: Reread
    _budget: int = field(default=MAX_BORROWED, init=False)
    _merging: int = field(default=0, init=False)

    def value(self, node: Node, path: KeyPath, *, borrowed: bool) -> Plain:
        """Return what ``node`` says; ``borrowed``: it was reached through an alias."""
        if len(path) > MAX_DEPTH:
            raise _TooMuchError("lists and mappings are nested {found} levels deep", MAX_DEPTH)
        if borrowed:
            self._spend()
        match node:
            case Alias():
                return self.value(node.target, path, borrowed=True)
            case Scalar():
                again = self._again(node)
                if again is not None:
                    return self.value(again, path, borrowed=borrowed)
                return self._scalar(node, path, borrowed=borrowed)
            case Items():
                return self._items(node, path, borrowed=borrowed)
            case _:
                return self._mapping(node, path, borrowed=borrowed)

    def _spend(self) -> None:
        self._budget -= 1
        if self._budget < 0:
            raise _TooMuchError("the aliases (*name) unfold to {found} values", MAX_BORROWED)

    def _items(self, node: Items, path: KeyPath, *, borrowed: bool) -> Plain:
        items: list[Plain] = []
        spread = (part for item in node.items for part in self._spread(item))
        for index, item in enumerate(spread):
            self.report.places[(*path, index)] = item.place
            items.append(self.value(item, (*path, index), borrowed=borrowed))
        return items

    def _mapping(self, node: Table, path: KeyPath, *, borrowed: bool) -> Plain:
        entries = self._entries(node, path, borrowed=borrowed)
        values: dict[str, Plain] = {}
        for key, entry in entries.items():
            self.report.places[(*path, key)] = entry.place
            if entry.is_merged:
                self.report.merged.add((*path, key))
            if node.is_flow and _holds_macros(path) and self._is_blank(entry.node):
                # ``{A: , B: x}`` has always declared an empty macro A.
                values[key] = ""
                self.report.forms[(*path, key)] = NOTHING
            else:
                values[key] = self.value(entry.node, (*path, key), borrowed=entry.borrowed)
        return values

    def _is_blank(self, node: Node) -> bool:
        if not isinstance(node, Scalar) or not node.is_plain:
            return False
        return not environment.fill(node.text, self.environ)[0].strip(" \t")

    def _entries(self, node: Table, path: KeyPath, *, borrowed: bool) -> dict[str, _Entry]:
        entries: dict[str, _Entry] = {}
        merged: Node | None = None
        for key_node, child in node.pairs:
            key = self._key(key_node, path, borrowed=borrowed)
            # Quoted ones too: the reference writes the document anew, without the quotes.
            merges = key == "<<" and not _holds_macros(path)
            if key is None:
                continue
            if key in entries or (merges and merged):
                first = merged.place if merges and merged else entries[key].place
                self._repeated(key, key_node.place, (*path, key), first, borrowed=borrowed)
                self._note_dropped(child, (*path, key), borrowed=borrowed)
            elif merges:
                merged = child
            else:
                entries[key] = _Entry(key_node.place, child, borrowed)
        if merged is not None:
            # What is written out wins over what is merged, wherever it stands.
            found = self._merged(merged, path, borrowed=borrowed)
            entries = {k: evolve(entry, is_merged=True) for k, entry in found.items()} | entries
        return entries

    def _merged(self, node: Node, path: KeyPath, *, borrowed: bool) -> dict[str, _Entry]:
        self._merging += 1
        if self._merging > MAX_DEPTH:
            raise _TooMuchError("merges (<<) lead to each other {found} times", MAX_DEPTH)
        entries: dict[str, _Entry] = {}
        for part, shared, place in _parts(node, borrowed=borrowed):
            self._spend()
            if isinstance(part, Table):
                entries = self._entries(part, path, borrowed=shared) | entries
            else:
                found = "a list" if isinstance(part, Items) else "a single value"
                text = "the value of << must be {expected}, found {found}"
                told = Problem(text, "a mapping, or a list of mappings", found)
                self._fault((*path, "<<"), told, place, borrowed=borrowed)
        self._merging -= 1
        return entries

    def _key(self, node: Node, path: KeyPath, *, borrowed: bool) -> str | None:
        target = node.target if isinstance(node, Alias) else node
        if isinstance(target, Scalar):
            return self._key_text(target, path, borrowed=borrowed)
        found = "a list" if isinstance(target, Items) else "a mapping"
        hint = "quote it if it is meant as text"
        told = Problem("{found} cannot be a key", "a text", found, hint)
        self._fault(path, told, node.place, borrowed=borrowed)
        return None

    def _key_text(self, node: Scalar, path: KeyPath, *, borrowed: bool) -> str:
        text = self._text(node, (*path, node.text), borrowed=borrowed)
        if node.tag != scalars.BINARY:
            return text
        try:
            return scalars.binary(text)
        except MisfitError as exc:
            self._fault((*path, text), exc.problem, node.place, borrowed=borrowed)
            return text

    def _repeated(
        self, key: str, place: Place, path: KeyPath, first: Place, *, borrowed: bool
    ) -> None:
        text = "the key {found} is already defined in the same mapping, in line {detail}"
        where = str(first.line)
        told = Problem(text, "each key once", repr(key), "remove one of the two", detail=where)
        self._fault(path, told, place, borrowed=borrowed)

    def _note_dropped(self, node: Node, path: KeyPath, *, borrowed: bool) -> None:
        """Remember the secrets of what nobody reads any further."""
        if secret_depth(path) is not None:
            note_secrets(self.value(node, path, borrowed=borrowed), path, self.report)

    def _scalar(self, node: Scalar, path: KeyPath, *, borrowed: bool) -> Plain:
        text = self._text(node, path, borrowed=borrowed)
        value = self._meaning(node, text, path, borrowed=borrowed)
        tag = scalars.tag_of(text, value, node.tag, is_plain=node.is_plain)
        if tag != scalars.TEXT_TAG:
            self.report.forms[path] = (text, tag)
        if node.is_folded:
            self.report.folded.add(path)
        if node.is_plain and isinstance(value, int | float | Timestamp) and not borrowed:
            meant = to_text(value)
            if meant != text:
                self.report.spellings[path] = (text, meant)
        return value

    def _meaning(self, node: Scalar, text: str, path: KeyPath, *, borrowed: bool) -> Plain:
        if node.is_plain:
            return scalars.resolve(text)
        try:
            return text if node.tag is None else scalars.by_tag(node.tag, text)
        except MisfitError as exc:
            self._fault(path, exc.problem, node.place, borrowed=borrowed)
            return None

    def _again(self, node: Scalar) -> Node | None:
        """Return the list, mapping or quoted text that an unquoted reference stands for."""
        text = self._filled_in(node)
        if not text.startswith(("[", "{", "'")):
            return None
        again = self.reread(text, node.place)
        # ``'a': b`` is a mapping too, but nobody could have written it there.
        is_block = isinstance(again, Table) and not again.is_flow
        return None if is_block else again

    def _spread(self, item: Node) -> tuple[Node, ...]:
        """Return the items that one item of a list in brackets stands for."""
        text = self._filled_in(item) if isinstance(item, Scalar) and item.is_in_flow else ""
        again = self.reread(f"[{text}]", item.place) if "," in text else None
        return again.items if isinstance(again, Items) else (item,)

    def _filled_in(self, node: Scalar) -> str:
        """Return the text of an unquoted ``node`` that the environment has changed, or nothing."""
        if not node.is_plain or not environment.REFERENCE.search(node.text):
            return ""
        text, problems = environment.fill(node.text, self.environ)
        # What is left would be filled in once more, and then once more.
        is_done = not problems and not environment.REFERENCE.search(text)
        return text.strip(" \t") if is_done else ""

    def _text(self, node: Scalar, path: KeyPath, *, borrowed: bool) -> str:
        text, problems = environment.fill(node.text, self.environ)
        if node.is_plain and text != node.text:
            text = text.strip(" \t")
        if _UNUSABLE.search(text):
            text = _UNUSABLE.sub("\ufffd", text)
            told = "the text holds {found}, which can be neither shown nor passed on"
            problems += (Problem(told, "other characters", "a NUL or half a surrogate pair"),)
        for problem in problems:
            self._fault(path, problem, node.place, borrowed=borrowed)
        return text

    def _fault(
        self, path: KeyPath, problem: str | Problem, place: Place, *, borrowed: bool
    ) -> None:
        if borrowed:
            self.report.taint(path)
        else:
            self.report.fault(path, problem, place)


def _parts(node: Node, *, borrowed: bool) -> Iterator[tuple[Node, bool, Place]]:
    """List what a merge key merges, later ones weaker.

    With each: whether it was reached through an alias, and where a person would change it.
    """
    place = node.place
    if isinstance(node, Alias):
        node, borrowed = node.target, True
    if not isinstance(node, Items):
        yield node, borrowed, place
        return
    for item in node.items:
        here = place if borrowed else item.place
        if isinstance(item, Alias):
            yield item.target, True, here
        else:
            yield item, borrowed, here


def _holds_macros(path: KeyPath) -> bool:
    # There ``<<`` is a name like any other, and a wrong one.
    return path == ("macros",) or (len(path) == 3 and path[0] == "models" and path[2] == "macros")  # noqa: PLR2004 - models, id, macros
