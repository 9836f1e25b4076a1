"""The yaml door: reads a file, and its YAML into nodes.

Takes the parser's events alone: what words mean is `scalars`' matter, because
the library's own constructors follow YAML 1.1. Whatever the bytes are, what is
wrong with them becomes a fault.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from attrs import define, field

from llamaswap.config import environment
from llamaswap.config.document import Place, Report
from llamaswap.config.nodes import MAX_DEPTH, Alias, Items, Node, Scalar, Table

# The C parser is twenty times as fast and takes tabs where the reference does.
_LOADER = getattr(yaml, "CLoader", yaml.Loader)

_FORBIDDEN = re.compile(
    "[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]",
)


class _BrokenError(Exception):
    """The text is no document that can be read on."""

    def __init__(self, message: str, place: Place | None = None) -> None:
        super().__init__(message)
        self.place = place


def read(path: Path, report: Report) -> str | None:
    """Return the text of a file; ``None`` if there is none, which ``report`` explains."""
    try:
        raw = path.read_bytes()
    except (OSError, ValueError) as exc:
        # `ValueError`: a path with a NUL in it.
        reason = exc.strerror if isinstance(exc, OSError) else None
        report.fault((), f"the file cannot be read: {reason or exc}")
        return None
    try:
        return raw.decode(_encoding(raw))
    except UnicodeDecodeError as exc:
        place = _place(raw[: exc.start].decode(exc.encoding, "replace"))
        report.fault((), f"YAML parse error: this is not valid {exc.encoding}", place)
        return None


def parse(text: str, report: Report) -> Node | None:
    """Return the first document of ``text``; ``None`` if it is empty or ``report`` says why."""
    if bad := _FORBIDDEN.search(text := text.removeprefix("\ufeff")):
        message = f"YAML parse error: control character U+{ord(bad[0]):04X}"
        report.fault((), message, _place(text[: bad.start()]))
        return None
    try:
        return _Composer(iter(yaml.parse(environment.hide(text), _LOADER))).document()
    except _BrokenError as exc:
        report.fault((), f"YAML parse error: {exc}", exc.place)
    except yaml.MarkedYAMLError as exc:
        report.fault((), f"YAML parse error: {_sentence(exc, text)}", _place_of_error(exc))
    except (yaml.YAMLError, ValueError, OverflowError) as exc:
        # The library lets what an escape or a tag decodes to slip through raw.
        report.fault((), f"YAML parse error: {exc}")
    return None


def _encoding(raw: bytes) -> str:
    is_utf16 = raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return "utf-16" if is_utf16 else "utf-8"


def _place(before: str) -> Place:
    """Return the place that follows the text ``before`` it."""
    lines = re.split("\r\n|\r|\n", before)
    return Place(len(lines), len(lines[-1]) + 1)


def _place_of_error(exc: yaml.MarkedYAMLError) -> Place | None:
    mark = exc.problem_mark or exc.context_mark
    return Place(mark.line + 1, mark.column + 1) if mark else None


def _sentence(exc: yaml.MarkedYAMLError, text: str) -> str:
    sentence = ", ".join(part for part in (exc.context, exc.problem) if part)
    mark = exc.problem_mark
    lines = re.split("\r\n|\r|\n", text)
    if mark and mark.line < len(lines) and "\t" in lines[mark.line][: mark.column + 1]:
        sentence += "; indent with blanks, not with tabs"
    return sentence


@define
class _Composer:
    """Builds nodes from events: the part of the library that recurses without limit."""

    _events: Iterator[Any]  # the types of events have no attributes
    _anchors: dict[str | None, Node | None] = field(
        factory=dict["str | None", "Node | None"], init=False
    )
    """``None``: the node is still open, so an alias would contain itself."""

    def document(self) -> Node | None:
        next(self._events)  # the stream begins
        if not isinstance(next(self._events), yaml.DocumentStartEvent):
            return None
        root = self._node(next(self._events), 0)
        next(self._events)  # the document ends; this finds what trails it
        return root

    def _node(self, event: Any, depth: int) -> Node:
        place = Place(event.start_mark.line + 1, event.start_mark.column + 1)
        if depth > MAX_DEPTH:
            message = f"lists and mappings are nested more than {MAX_DEPTH} levels deep"
            raise _BrokenError(message, place)
        if isinstance(event, yaml.AliasEvent):
            return Alias(self._anchored(event.anchor, place), place)
        if event.anchor is not None:
            self._anchors[event.anchor] = None
        node = self._fresh(event, place, depth)
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        return node

    def _fresh(self, event: Any, place: Place, depth: int) -> Node:
        if isinstance(event, yaml.SequenceStartEvent):
            return Items(tuple(self._children(yaml.SequenceEndEvent, depth)), place)
        if isinstance(event, yaml.MappingStartEvent):
            children = tuple(self._children(yaml.MappingEndEvent, depth))
            pairs = tuple(zip(children[::2], children[1::2], strict=True))
            return Table(pairs, place, is_flow=bool(event.flow_style))
        is_plain = event.tag is None and event.implicit[0]
        return Scalar(environment.reveal(event.value), place, is_plain=is_plain, tag=event.tag)

    def _children(self, end: type[object], depth: int) -> Iterator[Node]:
        while not isinstance(event := next(self._events), end):
            yield self._node(event, depth + 1)

    def _anchored(self, name: str | None, place: Place) -> Node:
        if name not in self._anchors:
            raise _BrokenError(f"unknown anchor {name!r}: none of this name stands above", place)
        node = self._anchors[name]
        if node is None:
            raise _BrokenError(f"the anchor {name!r} contains itself", place)
        return node
