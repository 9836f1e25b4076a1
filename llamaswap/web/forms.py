"""Multipart forms: where a field's value stands. The python-multipart door.

A form is searched and never rebuilt: whoever changes a field replaces the bytes
of its value, and files and boundaries stay as they were sent.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TypeAlias

from attrs import define, field
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

# What a client sent is its own affair: told in the answer, and in no log of ours.
logging.getLogger("python_multipart").addHandler(logging.NullHandler())

Span: TypeAlias = tuple[int, int]
"""From the first byte to behind the last."""


class FormError(Exception):
    """A body is not the multipart form that its type announces."""


def is_multipart(content_type: str) -> bool:
    """Tell whether a body of this type is a multipart form."""
    return content_type.lstrip().lower().startswith("multipart/")


def find_fields(body: bytes, content_type: str, name: str) -> tuple[Span, ...]:
    """Return where the values of the fields called ``name`` stand, files left out.

    Raises:
      FormError: the type names no boundary, or the body does not follow it.
    """
    boundary = parse_options_header(content_type)[1].get(b"boundary")
    if not boundary:
        raise FormError("its content type names no boundary")
    finder = _Finder(name.encode())
    parser = MultipartParser(
        boundary,
        {
            "on_part_begin": finder.begin_part,
            "on_header_field": finder.hear_name,
            "on_header_value": finder.hear_value,
            "on_headers_finished": finder.end_headers,
            "on_part_data": finder.hear_data,
            "on_part_end": finder.end_part,
            "on_end": finder.end,
        },
    )
    try:
        # In one piece, so that the parser's positions are those in the body.
        parser.write(body)
        parser.finalize()
    except FormParserError as exc:
        raise FormError(str(exc)) from exc
    if not finder.complete:
        raise FormError("it ends before its last boundary")
    return tuple(finder.found)


def with_fields(body: bytes, spans: Sequence[Span], value: bytes) -> bytes:
    """Return ``body`` with other values at ``spans``; all other bytes stay as they are.

    Args:
      body: a multipart form.
      spans: as `find_fields` returned them.
      value: its line breaks, which could make it a boundary, are dropped.
    """
    value = value.translate(None, b"\r\n")
    pieces: list[bytes] = []
    kept = 0
    for start, end in spans:
        pieces += (body[kept:start], value)
        kept = end
    return b"".join((*pieces, body[kept:]))


@define(eq=False)
class _Finder:
    """Follows the parser from part to part."""

    _wanted: bytes
    found: list[Span] = field(factory=list[Span], init=False)
    complete: bool = field(default=False, init=False)
    _header: bytes = field(default=b"", init=False)
    _disposition: bytes = field(default=b"", init=False)
    _is_wanted: bool = field(default=False, init=False)
    _span: Span | None = field(default=None, init=False)

    def begin_part(self) -> None:
        self._disposition, self._span = b"", None

    def hear_name(self, data: bytes, start: int, end: int) -> None:
        self._header = data[start:end].lower()

    def hear_value(self, data: bytes, start: int, end: int) -> None:
        if self._header == b"content-disposition":
            self._disposition = data[start:end]

    def end_headers(self) -> None:
        options = parse_options_header(self._disposition)[1]
        self._is_wanted = options.get(b"name") == self._wanted and b"filename" not in options

    def hear_data(self, _data: bytes, start: int, end: int) -> None:
        if self._is_wanted:
            self._span = (start if self._span is None else self._span[0], end)

    def end_part(self) -> None:
        if self._span is not None:
            self.found.append(self._span)

    def end(self) -> None:
        self.complete = True
