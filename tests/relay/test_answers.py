"""Heads of answers: tables, and a comparison with h11."""

from __future__ import annotations

import h11
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from llamaswap.relay.answers import AnswerHead, HeadError, read_head

READ: dict[str, tuple[bytes, tuple[int, AnswerHead | None]]] = {
    "no headers": (b"HTTP/1.1 204 No Content", (204, AnswerHead(204, b"No Content", []))),
    "no reason": (b"HTTP/1.1 204\r\n", (204, AnswerHead(204, b"", []))),
    "a reason with blanks": (b"HTTP/1.1 404 Not  Here", (404, AnswerHead(404, b"Not  Here", []))),
    "names and values": (
        b"HTTP/1.1 200 OK\r\nSet-Cookie: a\nX-Empty:\r\nset-cookie:  b c \t\r\nn: \xe4",
        (
            200,
            AnswerHead(
                200,
                b"OK",
                [
                    (b"set-cookie", b"a"),
                    (b"x-empty", b""),
                    (b"set-cookie", b"b c"),
                    (b"n", b"\xe4"),
                ],
            ),
        ),
    ),
    "a length": (
        b"HTTP/1.1 200 OK\r\nContent-Length: 5",
        (200, AnswerHead(200, b"OK", [(b"content-length", b"5")])),
    ),
    "a length twice": (
        b"HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\ncontent-length: 2",
        (200, AnswerHead(200, b"OK", [(b"content-length", b"2")])),
    ),
    "chunks": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked",
        (200, AnswerHead(200, b"OK", [(b"transfer-encoding", b"chunked")])),
    ),
    "chunks that overrule a length": (
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked",
        (200, AnswerHead(200, b"OK", [(b"transfer-encoding", b"chunked")])),
    ),
    "not the final one": (b"HTTP/1.1 103 Early Hints\r\nlink: x", (103, None)),
}


@pytest.mark.parametrize(("raw", "read"), READ.values(), ids=READ)
def test_a_head_is_read(raw: bytes, read: tuple[int, AnswerHead | None]) -> None:
    assert read_head(raw) == read


@pytest.mark.parametrize(
    ("raw", "is_last"),
    [
        (b"HTTP/1.1 200 OK", False),
        (b"HTTP/1.0 200 OK", True),
        (b"HTTP/1.1 200 OK\r\nConnection: keep-alive, Close", True),
    ],
)
def test_an_answer_says_whether_it_is_the_last(raw: bytes, *, is_last: bool) -> None:
    _, head = read_head(raw)

    assert head is not None
    assert head.is_last is is_last


REFUSED = {
    "another protocol": (b"SSH-2.0-OpenSSH", "it begins with b'SSH-2.0-OpenSSH'"),
    "another version": (b"HTTP/2 200 OK", "it begins with b'HTTP/2 200 OK'"),
    "no colon": (b"HTTP/1.1 200 OK\r\nhello", "a header has no colon"),
    "an empty line": (b"HTTP/1.1 200 OK\r\n\r\na: b", "a header has no colon"),
    "no name": (b"HTTP/1.1 200 OK\r\n: b", "Illegal header name b''"),
    "a blank in a name": (b"HTTP/1.1 200 OK\r\na : b", "Illegal header name b'a '"),
    "a line end in a value": (b"HTTP/1.1 200 OK\r\na: b\rc: d", "Illegal header value b'b\\rc: d'"),
    "two lengths": (
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2",
        "conflicting Content-Length headers",
    ),
    "a strange length": (b"HTTP/1.1 200 OK\r\nContent-Length: +1", "bad Content-Length"),
    "a long length": (
        b"HTTP/1.1 200 OK\r\nContent-Length: " + b"1" * 21,
        "bad Content-Length",
    ),
    "a strange coding": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip",
        "Only Transfer-Encoding: chunked is supported",
    ),
    "two codings": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "multiple Transfer-Encoding headers",
    ),
}


@pytest.mark.parametrize(("raw", "message"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_head_is_named(raw: bytes, message: str) -> None:
    with pytest.raises(HeadError) as caught:
        read_head(raw)

    assert str(caught.value) == message


NAMES = st.sampled_from(
    [b"a", b"Content-Length", b"transfer-encoding", b"Connection", b"x y", b"", b"\xe4", b"`|~"]
)
VALUES = st.sampled_from(
    [b"1", b"2", b"1, 1", b"1" * 16, b"1" * 21, b"+1", b"chunked", b"CHUNKED", b"gzip", b"close"]
) | st.binary(max_size=5)


@given(st.lists(st.tuples(NAMES, VALUES), max_size=4))
@example([(b"a", b"b\vc")])
@example([(b"Content-Length", b"\xb2")])
def test_heads_are_read_as_h11_reads_them(headers: list[tuple[bytes, bytes]]) -> None:
    # A line feed in a value is the end of its line, and nothing that h11 could be asked.
    headers = [(name, value.translate(None, b"\r\n")) for name, value in headers]
    raw = b"HTTP/1.1 200 OK" + b"".join(b"\r\n%b: %b" % header for header in headers)
    try:
        given_up, head = False, read_head(raw)[1]
    except HeadError:
        given_up, head = True, None
    try:
        fields = [(name, value.strip(b" \t")) for name, value in headers]
        judged = list(h11.Response(status_code=200, headers=fields).headers)
    except h11.LocalProtocolError:
        assert given_up
        return

    assert head is not None
    if any(name == b"transfer-encoding" for name, _ in judged):
        judged = [field for field in judged if field[0] != b"content-length"]
    assert head.headers == judged
