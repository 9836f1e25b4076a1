"""Where a chunked body's pieces begin and end: pure, strict.

Feed it bytes, get payload; no stream, no waiting. It refuses all that h11
refuses and, in extensions and trailers, some things that h11 lets pass, because
what two programs read differently is how requests are smuggled. Trailers are
checked and dropped.
"""

from __future__ import annotations

import re

from attrs import define, field

LONGEST_LINE = 4096
"""Bytes of a chunk-size line with its extensions; signatures in use take 100."""

LONGEST_TRAILER = 16384
"""Bytes of all trailers: h11's own limit for a head."""

# A size of more than 16 digits is larger than any file system's files.
_SIZE = re.compile(rb"([0-9A-Fa-f]{1,16})(?:;[^\x00-\x08\x0a-\x1f\x7f]*)?[ \t]*\r\n")
_TRAILER = re.compile(rb"(?:[-!#$%&'*+.^_`|~0-9A-Za-z]+:[^\x00\r\n\v\f]*\r\n)+\r\n")
_FRAMING = re.compile(rb"^(?:content-length|transfer-encoding):", re.IGNORECASE | re.MULTILINE)


class ChunkError(ValueError):
    """The body is not what RFC 9112, section 7.1, calls chunked."""


@define
class ChunkReader:
    """Feed it the body as it arrives until it is `done`."""

    done: bool = field(default=False, init=False)
    """The body is complete."""

    rest: bytes = field(default=b"", init=False)
    """What came behind the complete body."""

    _left: int = field(default=0, init=False)
    """Bytes of the open chunk that are still to come, its line end included."""

    _in_trailer: bool = field(default=False, init=False)
    _held: bytes = field(default=b"", init=False)
    """The beginning of a line whose end has not arrived."""

    def feed(self, data: bytes) -> list[bytes]:
        """Return the pieces of payload in ``data``, none of them empty.

        Raises:
          ChunkError: the body is malformed; nothing more can be read.
        """
        if self._held:
            data, self._held = self._held + data, b""
        pieces: list[bytes] = []
        at = 0
        size = len(data)
        while at < size and not self.done:
            if self._left:
                at = self._read_payload(data, at, pieces)
            elif self._in_trailer:
                at = self._read_trailer(data, at)
            else:
                at = self._read_size(data, at)
        if at < size:
            self.rest += data[at:]
        return pieces

    def _read_payload(self, data: bytes, at: int, pieces: list[bytes]) -> int:
        """Read on in the open chunk: payload, then the two bytes that end it."""
        payload_end = at + self._left - 2
        if piece := data[at : max(at, payload_end)]:
            pieces.append(piece)
        line_end = data[max(at, payload_end) : payload_end + 2]
        if line_end not in (b"\r\n", b"\r" if self._left != 1 else b"\n", b""):
            raise ChunkError(f"a chunk ends with {line_end!r}")
        taken = len(piece) + len(line_end)
        self._left -= taken
        return at + taken

    def _read_size(self, data: bytes, at: int) -> int:
        found = _SIZE.match(data, at)
        if found is None:
            return self._hold(data, at, LONGEST_LINE, b"\r\n", "chunk size")
        if found.end() - at > LONGEST_LINE:
            raise ChunkError("the chunk size is too long")
        length = int(found[1], 16)
        if length:
            self._left = length + 2
        else:
            self._in_trailer = True
        return found.end()

    def _read_trailer(self, data: bytes, at: int) -> int:
        if data.startswith(b"\r\n", at):
            self.done = True
            return at + 2
        found = _TRAILER.match(data, at)
        if found is None:
            return self._hold(data, at, LONGEST_TRAILER, b"\r\n\r\n", "trailer")
        if found.end() - at > LONGEST_TRAILER or _FRAMING.search(found[0]):
            raise ChunkError("the trailer is too long or tells a length")
        self.done = True
        return found.end()

    def _hold(self, data: bytes, at: int, limit: int, end: bytes, what: str) -> int:
        """Keep an unfinished line for the next time; refuse one that can only be wrong."""
        if len(data) - at > limit or end in data[at:]:
            raise ChunkError(f"no {what}: {data[at : at + 40]!r}")
        self._held = data[at:]
        return len(data)
