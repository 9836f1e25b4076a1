"""How much of what arrives is the body of the answer: pure.

Four ways a body may end (RFC 9112, section 6.3), each fed with what arrives.
"""

from __future__ import annotations

from typing import Protocol

from attrs import define, field

from llamaswap.relay.chunks import ChunkReader
from llamaswap.relay.heads import Headers


class Body(Protocol):
    """Feed it what arrives until it is done."""

    @property
    def done(self) -> bool:
        """Say whether the body is complete."""
        ...

    @property
    def rest(self) -> bytes:
        """Return what came behind the complete body."""
        ...

    def feed(self, data: bytes) -> bytes:
        """Return the payload in ``data``; raise `ValueError` if it is malformed."""
        ...

    def end(self) -> bool:
        """Hear that nothing more comes; say whether the body is complete."""
        ...


@define
class CountedBody:
    """A body of known length; none is one of length 0."""

    left: int
    rest: bytes = field(default=b"", init=False)

    @property
    def done(self) -> bool:
        """Say whether the body is complete."""
        return not self.left

    def feed(self, data: bytes) -> bytes:
        """Return as much of ``data`` as belongs to the body."""
        if len(data) <= self.left:
            self.left -= len(data)
            return data
        data, self.rest = data[: self.left], self.rest + data[self.left :]
        self.left = 0
        return data

    def end(self) -> bool:
        """Say whether the body is complete."""
        return self.done


@define
class ChunkedBody:
    """A body in chunks."""

    _reader: ChunkReader = field(factory=ChunkReader, init=False)

    @property
    def done(self) -> bool:
        """Say whether the body is complete."""
        return self._reader.done

    @property
    def rest(self) -> bytes:
        """Return what came behind the complete body."""
        return self._reader.rest

    def feed(self, data: bytes) -> bytes:
        """Return the payload in ``data`` in one piece."""
        pieces = self._reader.feed(data)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def end(self) -> bool:
        """Say whether the body is complete."""
        return self.done


@define
class EndlessBody:
    """A body that ends with the connection."""

    done: bool = field(default=False, init=False)
    rest: bytes = field(default=b"", init=False)

    def feed(self, data: bytes) -> bytes:
        """Return ``data``: all of it is payload."""
        return data

    def end(self) -> bool:
        """Take the end of the connection for the end of the body."""
        self.done = True
        return True


def body_of(method: bytes, status: int, headers: Headers) -> Body:
    """Tell how the body of an answer ends; ``headers`` are validated and lower-case."""
    if method == b"HEAD" or status in (204, 304):
        return CountedBody(0)
    fields = dict(headers)
    if b"transfer-encoding" in fields:
        return ChunkedBody()
    if b"content-length" in fields:
        return CountedBody(int(fields[b"content-length"]))
    return EndlessBody()
