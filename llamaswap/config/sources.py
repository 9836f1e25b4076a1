"""The yaml door: reads what files hold as YAML into nodes; writes YAML.

Takes the parser's events alone: what words mean is `scalars`' matter, because
the library's own constructors follow YAML 1.1. Whatever the bytes are, what is
wrong with them becomes a fault.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from itertools import islice, takewhile
from typing import Any

import yaml
from attrs import define, field

from llamaswap.config import environment, scalars, syntax
from llamaswap.config.document import Place, Problem, Report
from llamaswap.config.files import Source
from llamaswap.config.lines import Lines
from llamaswap.config.nodes import MAX_DEPTH, Alias, Items, Node, Scalar, Table
from llamaswap.config.redaction import MASK

# The C parser is twenty times as fast and takes tabs where the reference does. The
# other one, for systems without it, finds a mapping in ``[a:, b]`` (see `_final_colon`).
_LOADER = getattr(yaml, "CLoader", yaml.Loader)

_FORBIDDEN = re.compile(
    "[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]",
)

_FOLDED = re.compile("[\x85\u2028\u2029]")
"""What ends a line in YAML 1.1, so that only an escape brings it through."""


_COLON = "\ufdd3"
"""Stands for a colon that the parser must take for a letter: a noncharacter, as long."""


class _BrokenError(Exception):
    """The text is no document that can be read on."""

    def __init__(self, problem: Problem, place: Place) -> None:
        super().__init__(str(problem))
        self.problem = problem
        self.place = place


def decode(source: Source, report: Report) -> str | None:
    """Return the text of ``source``; ``None`` if it is none, which ``report`` explains."""
    raw = source.raw
    try:
        return raw.decode(_encoding(raw))
    except UnicodeDecodeError as exc:
        before = raw[: exc.start].decode(exc.encoding, "replace")
        text, found = "YAML parse error: this is not valid {expected}", f"0x{raw[exc.start]:02x}"
        told = Problem(text, exc.encoding, found, "save the file as UTF-8")
        report.fault((), told, Lines.of(before).place(len(before)))
        return None


def reread(text: str, place: Place) -> Node | None:
    """Return what ``text``, all of which stands at ``place``, is as YAML; ``None``: it is none."""
    try:
        # What trails a value makes it none.
        list(_events(text))
    except (yaml.YAMLError, ValueError):
        return None
    return parse(text, Report(), place)


def parse(text: str, report: Report, at: Place | None = None) -> Node | None:
    """Return the first document of ``text``; ``None`` if it is empty or ``report`` says why.

    Every node stands ``at`` one place, if it is given.
    """
    lines = Lines.of(text.removeprefix("\ufeff"))
    report.secret_places.setdefault(report.file, lines.is_secret)
    if bad := _FORBIDDEN.search(lines.text):
        found = f"U+{ord(bad[0]):04X}"
        told = Problem(
            "YAML parse error: control character {found}", "text", found, is_discreet=True
        )
        report.fault((), told, lines.place(bad.start()))
        return None
    composer = _Composer(_events(lines.text), lines, at)
    try:
        root = composer.document()
        rest = composer.rest()
    except _BrokenError as exc:
        report.fault((), exc.problem, exc.place)
    except yaml.MarkedYAMLError as exc:
        report.fault((), *_complaint(exc, composer))
    except (yaml.YAMLError, ValueError, OverflowError) as exc:
        # The library lets what an escape or a tag decodes to slip through raw.
        report.fault((), Problem(syntax.SENTENCE, "a text in YAML", detail=str(exc)))
    else:
        if rest is not None:
            report.warn((), *rest)
        return root
    return None


def _events(text: str) -> Iterator[Any]:
    """Parse ``text``, from the beginning again for each colon that must be hidden."""
    is_ours = _COLON not in text
    text, seen = environment.hide(text), 0
    while True:
        try:
            for event in islice(yaml.parse(text, _LOADER), seen, None):
                if is_ours and isinstance(event, yaml.ScalarEvent):
                    value: str = event.value
                    event.value = value.replace(_COLON, ":")
                seen += 1
                yield event
        except yaml.MarkedYAMLError as exc:
            at = _final_colon(text, exc) if is_ours else None
            if at is None:
                raise
            text = f"{text[:at]}{_COLON}{text[at + 1 :]}"
        else:
            return


def _is_garbled(text: str) -> bool:
    """Say whether the first words of ``text`` are none: about so far the reference looks ahead."""
    try:
        list(islice(yaml.scan(environment.hide(text), _LOADER), 4))
    except yaml.YAMLError:
        return True
    return False


def _final_colon(text: str, exc: yaml.MarkedYAMLError) -> int | None:
    """Return where the C parser met a colon that ends a text in brackets, if it did.

    In the reference ``[a:, b]`` holds the texts ``a:`` and ``b``. Nobody but a parser can
    tell which colon is such a one, and this parser does, as an error.
    """
    if exc.problem != "found unexpected ':'" or exc.problem_mark is None:
        return None
    at: int = exc.problem_mark.index
    return at if text[at : at + 2] in {":,", ":]", ":}"} else None


def to_text(value: object) -> str:
    """Write plain values as YAML that `parse` reads as the same, keys in their order."""
    return yaml.dump(  # pyright: ignore[reportUnknownMemberType] - some stubs lack a type
        value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100, indent=2
    )


class _Dumper(yaml.SafeDumper):
    """Quotes what our dialect would not take for text, and repeats what it meets twice."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - the library asks
        """Never write anchors: a person reads this."""
        return True


def _represent_text(dumper: Any, text: str) -> yaml.ScalarNode:
    is_other = text != "" and not isinstance(scalars.resolve(text), str)
    is_folded = _FOLDED.search(text) is not None
    style = '"' if is_other or is_folded else "|" if "\n" in text else None
    node: yaml.ScalarNode = dumper.represent_scalar("tag:yaml.org,2002:str", text, style)
    return node


_Dumper.add_representer(str, _represent_text)


def _encoding(raw: bytes) -> str:
    is_utf16 = raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return "utf-16" if is_utf16 else "utf-8"


def _complaint(exc: yaml.MarkedYAMLError, composer: _Composer) -> tuple[Problem, Place | None]:
    context, problem = exc.context or "", exc.problem or ""
    mark = exc.problem_mark or exc.context_mark
    if mark is None:
        return syntax.complaint(context, problem, None), None
    begun = None if exc.context_mark is None else exc.context_mark.index
    bracket = composer.opened[-1] if composer.opened else None
    halt = syntax.Halt(context, problem, mark.index, begun, composer.last, bracket)
    return syntax.located(composer.lines, halt)


@define
class _Composer:
    """Builds nodes from events: the part of the library that recurses without limit."""

    _events: Iterator[Any]  # the types of events have no attributes
    lines: Lines
    _at: Place | None = None
    _end: Any = field(default=None, init=False)
    """Says how the first document ends."""

    _anchors: dict[str | None, Node | None] = field(
        factory=dict["str | None", "Node | None"], init=False
    )
    """``None``: the node is still open, so an alias would contain itself."""

    opened: list[Place] = field(factory=list[Place], init=False)
    """Where the brackets and braces stand that are still open, the innermost last."""

    last: tuple[int, int] = field(default=(0, 0), init=False)
    """Where the last single value stands."""

    def document(self) -> Node | None:
        """Return the first document; ``None``: there is none."""
        next(self._events)  # the stream begins
        if not isinstance(next(self._events), yaml.DocumentStartEvent):
            return None
        root = self._node(next(self._events), 0)
        self._end = next(self._events)
        return root

    def rest(self) -> tuple[str | Problem, Place] | None:
        """Return what is wrong with what follows the first document, and where.

        It is only told, as nobody reads it. But what ``---`` or ``...`` does not part from the
        document was meant to be in it, and is refused where it is not even YAML, as there.
        """
        try:
            start = next(self._events, None)
        except yaml.MarkedYAMLError as exc:
            if self._end.explicit:
                return syntax.BEHIND_DOTS, self._place(exc.problem_mark)
            mark = self._end.end_mark
            told = syntax.behind(syntax.Spot.at(self.lines, self._place(mark)))
            if _is_garbled(self.lines.text[mark.index :]):
                raise _BrokenError(told, self._place(mark)) from exc
            return told, self._place(mark)
        if not isinstance(start, yaml.DocumentStartEvent) or self._is_empty():
            return None
        return syntax.BEHIND_DASHES, self._place(start.start_mark)

    def _is_empty(self) -> bool:
        """Say whether nothing is in the document that has just begun."""
        try:
            first = next(self._events)
        except (yaml.YAMLError, ValueError, OverflowError):
            return False
        return isinstance(first, yaml.ScalarEvent) and not first.value

    def _node(self, event: Any, depth: int) -> Node:
        place = self._at or self._place(event.start_mark)
        if depth > MAX_DEPTH:
            message = "YAML parse error: lists and mappings are nested {found} levels deep"
            wanted, found = f"at most {MAX_DEPTH}", f"more than {MAX_DEPTH}"
            raise _BrokenError(Problem(message, wanted, found), place)
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
            with self._opening(event, place):
                return Items(tuple(self._children(yaml.SequenceEndEvent, depth)), place)
        if isinstance(event, yaml.MappingStartEvent):
            with self._opening(event, place):
                children = tuple(self._children(yaml.MappingEndEvent, depth))
            pairs = tuple(zip(children[::2], children[1::2], strict=True))
            return Table(pairs, place, is_flow=bool(event.flow_style))
        self.last = event.start_mark.index, event.end_mark.index
        # A bare ``!`` says nothing, in the reference.
        tag = None if event.tag == "!" else event.tag
        return Scalar(
            environment.reveal(event.value),
            place,
            is_plain=tag is None and not event.style,
            tag=tag,
            is_folded=event.style == ">",
            is_in_flow=bool(self.opened),
        )

    @contextmanager
    def _opening(self, event: Any, place: Place) -> Generator[None, None, None]:
        """Remember where a bracket opens until it closes; after an error, for good."""
        if event.flow_style:
            self.opened.append(place)
        yield
        if event.flow_style:
            self.opened.pop()

    def _children(self, end: type[object], depth: int) -> Iterator[Node]:
        while not isinstance(event := next(self._events), end):
            yield self._node(event, depth + 1)

    def _place(self, mark: Any) -> Place:
        return self.lines.place(mark.index)

    def _anchored(self, name: str | None, place: Place) -> Node:
        if name not in self._anchors:
            known = [anchor for anchor in self._anchors if anchor is not None]
            told = syntax.unknown_anchor(str(name), known, self._line_below(name))
            line, column = self.lines.shown(place)
            raise _BrokenError(told.hidden() if line.startswith(MASK, column) else told, place)
        node = self._anchors[name]
        if node is None:
            text = "YAML parse error: the anchor {found} contains itself"
            raise _BrokenError(Problem(text, "an anchor further up", repr(name)), place)
        return node

    def _line_below(self, name: str | None) -> int | None:
        """Return the line of an anchor further down; ``None``: there is none in the document."""
        rest = takewhile(lambda event: not isinstance(event, yaml.DocumentEndEvent), self._events)
        lines = (
            int(event.start_mark.line) + 1
            for event in rest
            if not isinstance(event, yaml.AliasEvent) and getattr(event, "anchor", "") == name
        )
        try:
            return next(lines, None)
        except (yaml.YAMLError, ValueError, OverflowError):
            # What is broken further down is told when this is right.
            return None
