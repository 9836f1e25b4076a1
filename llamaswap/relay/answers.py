"""The head of an answer, as an upstream has written it: pure.

The h11 door: h11 judges names, values and lengths. A head in which nothing needs
a judge, as one look at all of it tells, is spared that: most are, and h11 looks
at every name and value by itself.
"""

from __future__ import annotations

import re

import h11
from attrs import field, frozen

from llamaswap.relay.heads import wants_close

_STATUS_LINE = re.compile(rb"HTTP/1\.([0-9]) ([1-9][0-9]{2})(?: ([^\x00\r\n]*))?")

# What h11 lets pass once blanks are taken off the ends of values.
_PLAIN_LINES = re.compile(rb"(?:[-!#$%&'*+.^_`|~0-9A-Za-z]+:[^\x00\r\n\v\f]*\n)*")

_FRAMING = {b"content-length", b"transfer-encoding"}

_LONGEST_LENGTH = 15
"""Digits that need no judge: a petabyte less one byte."""


class HeadError(ValueError):
    """It is no head of an HTTP answer; ``str()`` says why."""


@frozen
class AnswerHead:
    """The head of a final answer; header names are lower-case."""

    status: int
    reason: bytes
    headers: list[tuple[bytes, bytes]]
    is_last: bool = field(default=False, eq=False)
    """The connection ends with this answer."""


def read_head(raw: bytes) -> tuple[int, AnswerHead | None]:
    """Read a head, whose empty line is cut off; an informational one is only told by its status.

    Raises:
      HeadError: it is none.
    """
    first, _, rest = raw.replace(b"\r\n", b"\n").removesuffix(b"\r").partition(b"\n")
    found = _STATUS_LINE.fullmatch(first)
    if found is None:
        raise HeadError(f"it begins with {first[:40]!r}")
    status = int(found[2])
    if status < 200:  # noqa: PLR2004 - 1xx: not final
        return status, None
    headers = _fields(rest)
    is_last = found[1] == b"0" or wants_close(headers)
    return status, AnswerHead(status, found[3] or b"", headers, is_last)


def _fields(text: bytes) -> list[tuple[bytes, bytes]]:
    parts = [line.partition(b":") for line in text.split(b"\n")] if text else []
    if not all(colon for _, colon, _ in parts):
        raise HeadError("a header has no colon")
    fields = [(name.lower(), value.strip(b" \t")) for name, _, value in parts]
    framing = [field for field in fields if field[0] in _FRAMING]
    if _PLAIN_LINES.fullmatch(text + b"\n" if text else b"") and _is_plain(framing):
        return fields
    try:
        # 200 stands for all, whose headers are judged alike.
        judged = h11.Response(status_code=200, headers=fields).headers.raw_items()
    except h11.LocalProtocolError as exc:
        raise HeadError(str(exc)) from exc
    return _without_second_length(judged)


def _is_plain(framing: list[tuple[bytes, bytes]]) -> bool:
    if not framing:
        return True
    (name, value), *others = framing
    if others:
        return False
    if name == b"content-length":
        return value.isdigit() and len(value) <= _LONGEST_LENGTH
    return value == b"chunked"


def _without_second_length(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Drop a ``Content-Length`` that chunks overrule, lest somebody believes it."""
    if not any(name == b"transfer-encoding" for name, _ in headers):
        return headers
    return [field for field in headers if field[0] != b"content-length"]
