"""URL-encoded forms and queries: where a field's value stands.

Pure. A form is searched and never rebuilt: whoever changes a field replaces the
bytes of its value. It may be large and come from anybody.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TypeAlias
from urllib.parse import quote_plus, unquote_plus

Span: TypeAlias = tuple[int, int]
"""From the first byte to behind the last."""

MOST_VALUES = 100
"""Of one field that are found. Nobody sends more; a form of nothing else would
take many times its size."""


def find_values(form: bytes, name: str) -> tuple[Span, ...]:
    """Return where the values of the fields called ``name`` stand.

    A field without ``=`` has an empty one behind its name.
    """
    return tuple(islice(_values(form, name.encode()), MOST_VALUES))


def _values(form: bytes, key: bytes) -> Iterator[Span]:
    start = form.find(key)
    while start >= 0:
        end = start + len(key)
        follows = form[end : end + 1]
        if (not start or form[start - 1 : start] == b"&") and follows in {b"", b"&", b"="}:
            stop = form.find(b"&", end)
            value = end + 1 if follows == b"=" else end
            yield value, len(form) if stop < 0 else stop
        start = form.find(key, end)


def form_value(form: bytes, name: str) -> str | None:
    """Return the first value of ``name``; ``None``: there is no such field."""
    span = next(_values(form, name.encode()), None)
    return None if span is None else value_at(form, span)


def value_at(form: bytes, span: Span) -> str:
    """Return the value that stands at ``span``."""
    return unquote_plus(form[slice(*span)].decode("latin1"))


def with_values(form: bytes, spans: Sequence[Span], value: str) -> bytes:
    """Return ``form`` with other values at ``spans``; all other bytes stay as they are."""
    new = quote_plus(value).encode()
    pieces: list[bytes] = []
    kept = 0
    for start, end in spans:
        has_sign = form[start - 1 : start] == b"="
        pieces += (form[kept:start], new if has_sign else b"=" + new)
        kept = end
    return b"".join((*pieces, form[kept:]))
