"""What is read from a request, and changed on the way: JSON bodies and headers.

Bodies may be large and come from anybody. Nothing here builds the whole
document, nothing raises for any bytes, and nothing recurses.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import islice

from attrs import frozen

# Bodies: a lenient reader of the top level of one JSON object.


@frozen
class Ask:
    """What a JSON body asks for."""

    model: str = ""
    """Empty if the body names none."""

    span: tuple[int, int] | None = None
    """Where the value of ``model`` stands in the body, from the first byte to behind the last."""


_Span = tuple[int, int]

_TOP = re.compile(rb"[\[{]")
_KEY_OR_END = re.compile(rb'["}]')
_COLON = re.compile(rb"[\s:]*")
_SCALAR = re.compile(rb"[^\s,\]}]*")
_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?", re.ASCII)
_REST_OF_STRING = re.compile(rb'[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
_BRACKET = re.compile(rb"[\[\]{}]")
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")

_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_STEPS = bytes.maketrans(b"[{]}", b"\2\2\0\0")
"""Of nesting, plus one: bytes have no sign."""

BLOCK = 65_536
"""Bytes whose brackets are counted at once; only in a block where the value may end
are they looked at one by one, so that ten million of them cost no seconds."""


def read_ask(body: bytes) -> Ask:
    """Find ``model`` among the top-level keys of a JSON object.

    Lenient: what stands before the first brace is skipped, errors behind the
    value do not matter to it, and of a repeated key the first counts. Numbers
    and booleans count as their text, ``null`` as nothing, arrays and objects
    as they are written. Nothing behind the value is looked at.
    """
    for key, span in _members(body):
        if key == "model":
            return Ask(_text(body[slice(*span)]), span)
    return Ask()


def with_model(body: bytes, ask: Ask, name: str) -> bytes:
    """Return ``body`` with another model; all other bytes stay as they are.

    Args:
      body: the one that ``ask`` was read from. Without a model in it, it is
        returned unchanged.
      ask: says where the old name stands.
      name: the new one.
    """
    if ask.span is None:
        return body
    start, end = ask.span
    return b"".join((body[:start], json.dumps(name).encode(), body[end:]))


def _members(body: bytes) -> Iterator[tuple[str, _Span]]:
    """Yield the keys of the top-level object, each with the place of its value."""
    top = _TOP.search(body)
    if top is None or top.group() == b"[":
        return
    found = _KEY_OR_END.search(body, top.end())
    while found is not None and found.group() == b'"':
        key_end = _string_end(body, found.end())
        if key_end < 0:
            return
        start = _skip(_COLON, body, key_end)
        end = _value_end(body, start)
        if end < 0:
            return
        if end > start:
            yield _text(body[found.start() : key_end]), (start, end)
        found = _KEY_OR_END.search(body, end)


def _skip(pattern: re.Pattern[bytes], body: bytes, start: int) -> int:
    match = pattern.match(body, start)
    return start if match is None else match.end()


def _value_end(body: bytes, start: int) -> int:
    """Return where the value ends that begins at ``start``; -1 if the body ends before."""
    match body[start : start + 1]:
        case b'"':
            return _string_end(body, start + 1)
        case b"[" | b"{":
            return _container_end(body, start)
        case _:
            return _skip(_SCALAR, body, start)


def _string_end(body: bytes, start: int) -> int:
    """Return the place behind the closing quote; -1 if there is none."""
    quote = body.find(b'"', start)
    if body[quote - 1 : quote] != b"\\":
        # Nearly always, and found at the speed of memory: an image is one
        # string of many megabytes.
        return quote + 1 or -1
    rest = _REST_OF_STRING.match(body, start)
    return -1 if rest is None else rest.end()


def _container_end(body: bytes, start: int) -> int:
    """Return the place behind the closing bracket; -1 if there is none.

    Brackets are only counted, so that neither depth nor a mismatch matters.
    """
    depth = 0
    while 0 <= start < len(body):
        quote = body.find(b'"', start, start + BLOCK)
        stop = start + BLOCK if quote < 0 else quote
        steps = body[start:stop].translate(_STEPS, _NO_BRACKETS)
        shut = steps.count(0)
        if shut < depth:
            depth += len(steps) - 2 * shut
        else:
            for index, step in enumerate(steps):
                depth += step - 1
                if depth == 0:
                    closing = next(islice(_BRACKET.finditer(body, start, stop), index, None))
                    return closing.end()
        start = stop if quote < 0 else _string_end(body, quote + 1)
    return -1


def _text(raw: bytes) -> str:
    """Return a value of a JSON document as text."""
    text = raw.decode(errors="replace")
    if text.startswith('"'):
        return _unescaped(text)
    if text in {"true", "false"} or text.startswith(("[", "{")):
        return text
    return _number(text) if _NUMBER.fullmatch(text) else ""


def _unescaped(text: str) -> str:
    if "\\" not in text:
        return text[1:-1]
    try:
        value: str = json.loads(text, strict=False)
    except ValueError:
        return text[1:-1]
    # Half a pair can be written in JSON, but not be sent anywhere from here.
    return _LONE_SURROGATE.sub("\N{REPLACEMENT CHARACTER}", value)


def _number(text: str) -> str:
    """Write a number without exponent and without zeros at the end, as clients of Go expect."""
    value = float(text)
    if text.lstrip("-").isdigit() or value in {float("inf"), float("-inf")}:
        return text
    if value.is_integer():
        return f"{value:.0f}"
    return format(Decimal(repr(value)), "f")


# Headers: names are in lower case, as they come from ASGI and from h11.

Headers = Sequence[tuple[bytes, bytes]]

_HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
# The relay frames the body by itself, and has read it when it sends the head.
_NOT_FORWARDED = _HOP_BY_HOP | {b"content-length", b"expect", b"x-forwarded-for"}


def forward_headers(headers: Headers, client: str | None) -> list[tuple[bytes, bytes]]:
    """Return the headers that a local upstream gets for a request.

    Args:
      headers: of the client's request.
      client: the address it came from, to be added to ``x-forwarded-for``.
    """
    named = _named_in_connection(headers)
    drop = _NOT_FORWARDED | named if named else _NOT_FORWARDED
    kept = [header for header in headers if header[0] not in drop]
    if any(name == b"te" and b"trailers" in _tokens(value) for name, value in headers):
        kept.append((b"te", b"trailers"))
    chain = [value for name, value in headers if name == b"x-forwarded-for" and name not in named]
    if client is not None:
        chain.append(client.encode())
    if chain:
        kept.append((b"x-forwarded-for", b", ".join(chain)))
    return kept


def answer_headers(headers: Headers) -> list[tuple[bytes, bytes]]:
    """Return the headers that a client gets for an upstream's answer.

    A proxy in front of us must not hold back an event stream: it is told so.
    """
    named = _named_in_connection(headers)
    drop = _HOP_BY_HOP | named if named else _HOP_BY_HOP
    if any(
        name == b"content-type" and b"text/event-stream" in value.lower() for name, value in headers
    ):
        kept = [h for h in headers if h[0] not in drop and h[0] != b"x-accel-buffering"]
        kept.append((b"x-accel-buffering", b"no"))
        return kept
    return [header for header in headers if header[0] not in drop]


def _named_in_connection(headers: Headers) -> frozenset[bytes]:
    """Return the headers that ``connection`` declares to be for this hop only."""
    named: set[bytes] = set()
    for name, value in headers:
        if name == b"connection":
            named.update(_tokens(value))
    # HTTP/1.1 demands a host; nobody may ask for its removal.
    return frozenset(named - _HOP_BY_HOP - {b"host", b"close"})


def _tokens(value: bytes) -> list[bytes]:
    return [token.strip() for token in value.lower().split(b",")]
