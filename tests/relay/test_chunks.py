"""Chunked bodies: tables, and a comparison with h11."""

from __future__ import annotations

import itertools

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llamaswap.relay.chunks import LONGEST_LINE, LONGEST_TRAILER, ChunkError, ChunkReader

WHOLE = {
    "one chunk": (b"5\r\nhello\r\n0\r\n\r\n", b"hello"),
    "no chunk": (b"0\r\n\r\n", b""),
    "two chunks": (b"1\r\na\r\n2\r\nbc\r\n0\r\n\r\n", b"abc"),
    "zeros before the size": (b"0005\r\nhello\r\n000\r\n\r\n", b"hello"),
    "capitals": (b"A\r\n0123456789\r\n0\r\n\r\n", b"0123456789"),
    "an extension": (b'5;a=b;c="d e"\r\nhello\r\n0;last\r\n\r\n', b"hello"),
    "blanks behind the size": (b"5 \t\r\nhello\r\n0 \r\n\r\n", b"hello"),
    "a trailer": (b"1\r\na\r\n0\r\nx-sum: 1\r\nx-end:\r\n\r\n", b"a"),
    "line breaks as payload": (b"4\r\n\r\n\r\n\r\n0\r\n\r\n", b"\r\n\r\n"),
}

REFUSED = {
    "no digit": b"x\r\n",
    "an empty size": b"\r\n",
    "a sign": b"+5\r\nhello\r\n",
    "a prefix": b"0x5\r\nhello\r\n",
    "an underscore": b"1_0\r\n",
    "a blank before the size": b" 5\r\nhello\r\n",
    "a blank before the extension": b"5 ;a\r\nhello\r\n",
    "17 digits": b"00000000000000005\r\nhello\r\n",
    "a bare line feed": b"5\nhello\r\n0\r\n\r\n",
    "a line feed in an extension": b"5;a\nb\r\nhello\r\n",
    "a chunk longer than it says": b"5\r\nhello!\r\n",
    "half a line end behind a chunk": b"5\r\nhello\rx",
    "a chunk that ends with a line feed": b"5\r\nhello\n0\r\n",
    "a trailer without colon": b"0\r\nnothing\r\n\r\n",
    "a folded trailer": b"0\r\na: b\r\n c\r\n\r\n",
    "a length in the trailer": b"0\r\na: b\r\nContent-Length: 5\r\n\r\n",
    "chunks announced in the trailer": b"0\r\nTransfer-Encoding: chunked\r\n\r\n",
    "a size line without end": b"5;" + b"a" * LONGEST_LINE,
    "a long size line": b"5;" + b"a" * LONGEST_LINE + b"\r\nhello\r\n",
    "a trailer without end": b"0\r\na: " + b"b" * LONGEST_TRAILER,
    "a long trailer": b"0\r\na: " + b"b" * LONGEST_TRAILER + b"\r\n\r\n",
}


@pytest.mark.parametrize(("body", "payload"), WHOLE.values(), ids=WHOLE)
@pytest.mark.parametrize("step", [1, 2, 3, 1000])
def test_body_is_read_wherever_it_is_cut(body: bytes, payload: bytes, step: int) -> None:
    reader = ChunkReader()
    body += b"HTTP/1.1 200 OK"

    pieces = [
        piece for at in range(0, len(body), step) for piece in reader.feed(body[at : at + step])
    ]

    assert b"".join(pieces) == payload
    assert b"" not in pieces
    assert reader.done
    assert reader.rest == b"HTTP/1.1 200 OK"


@pytest.mark.parametrize("body", REFUSED.values(), ids=REFUSED)
@pytest.mark.parametrize("step", [1, 100_000])
def test_malformed_body_is_refused(body: bytes, step: int) -> None:
    reader = ChunkReader()

    with pytest.raises(ChunkError):
        for at in range(0, len(body), step):
            reader.feed(body[at : at + step])


def test_pieces_come_as_they_arrive() -> None:
    reader = ChunkReader()

    assert reader.feed(b"a\r\n01234") == [b"01234"]
    assert reader.feed(b"56789\r\n3\r\nabc\r\n") == [b"56789", b"abc"]
    assert reader.feed(b"") == []
    assert not reader.done


def test_payload_that_fills_a_read_is_not_copied() -> None:
    reader = ChunkReader()
    reader.feed(b"10\r\n")
    data = b"0123456789"

    (piece,) = reader.feed(data)

    assert piece is data


def ours(pieces: list[bytes]) -> tuple[str, bytes, bytes]:
    reader = ChunkReader()
    payload: list[bytes] = []
    try:
        for piece in pieces:
            payload += reader.feed(piece)
    except ChunkError:
        return "refused", b"", b""
    return ("done" if reader.done else "open"), b"".join(payload), reader.rest


def theirs(body: bytes) -> tuple[str, bytes, bytes]:
    connection = h11.Connection(h11.CLIENT)
    connection.send(h11.Request(method="GET", target="/", headers=[("host", "h")]))
    connection.receive_data(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + body)
    connection.next_event()
    payload = b""
    try:
        while True:
            event = connection.next_event()
            if isinstance(event, h11.Data):
                payload += event.data
            elif isinstance(event, h11.EndOfMessage):
                return "done", payload, connection.trailing_data[0]
            else:
                return "open", payload, b""
    except h11.RemoteProtocolError:
        return "refused", b"", b""


EXTENSIONS = st.sampled_from([b"", b";a", b";a=b", b';a="b c"', b" ", b"\t"])
SIZES = st.sampled_from([b"%x", b"%X", b"00%x"])
CHUNKS = st.lists(st.tuples(st.binary(min_size=1, max_size=40), SIZES, EXTENSIONS), max_size=5)
TRAILERS = st.lists(st.sampled_from([b"a: b\r\n", b"x-y:\r\n", b"C:  d e \r\n"]), max_size=2)


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    body = b"".join(
        size % len(payload) + extension + b"\r\n" + payload + b"\r\n"
        for payload, size, extension in draw(CHUNKS)
    )
    trailer = b"".join(draw(TRAILERS))
    return body + b"0\r\n" + trailer + b"\r\n" + draw(st.binary(max_size=5))


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    body = bytearray(draw(bodies()))
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(body)))
        odd = st.sampled_from([b"", b"\r", b"\n", b"\r\n", b"0", b"f", b";", b" ", b":", b"\0"])
        body[at : at + draw(st.integers(0, 2))] = draw(odd)
    return bytes(body)


def cut(body: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted(min(edge, len(body)) for edge in cuts), len(body)]
    return [body[a:b] for a, b in itertools.pairwise(edges)]


CUTS = st.lists(st.integers(0, 200), max_size=6)


@given(bodies(), CUTS)
def test_valid_bodies_are_read_as_h11_reads_them(body: bytes, cuts: list[int]) -> None:
    assert ours(cut(body, cuts)) == theirs(body)
    assert theirs(body)[0] == "done"


@given(st.one_of(mutated(), st.binary(max_size=60)), CUTS)
def test_what_h11_refuses_is_never_taken_for_complete(body: bytes, cuts: list[int]) -> None:
    outcome = ours(cut(body, cuts))

    assert outcome == ours([body])
    if outcome[0] == "done":
        assert outcome == theirs(body)
    if theirs(body)[0] == "refused":
        assert outcome[0] != "done"
