"""Addresses taken apart, paths joined, heads written."""

from __future__ import annotations

from typing import TypeAlias

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llamaswap.errors import RequestError, UpstreamError
from llamaswap.policy.messages import Target
from llamaswap.policy.rules import ModelId
from llamaswap.relay.heads import Route, request_bytes, route_of, wants_close

Fields: TypeAlias = list[tuple[bytes, bytes]]


def route(url: str) -> Route:
    return route_of(Target(ModelId("m"), url))


JOINS = {
    "no base": ("http://h:1", b"/v1/x?a=b", b"/v1/x?a=b"),
    "a slash as base": ("http://h:1/", b"/v1/x", b"/v1/x"),
    "a base path": ("http://h:1/base", b"/v1/x", b"/base/v1/x"),
    "a base path with slash": ("http://h:1/base/", b"/v1/x", b"/base/v1/x"),
    "a path without slash": ("http://h:1", b"v1", b"/v1"),
    "an empty path": ("http://h:1/base", b"", b"/base/"),
    "encoded bytes stay": ("http://h:1/b%20c", b"/%2Fa%20", b"/b%20c/%2Fa%20"),
    "a blank is encoded": ("http://h:1/a b/", b"/v1/x", b"/a%20b/v1/x"),
    "what is encoded already stays": ("http://h:1/a b%2Fc%41", b"/x", b"/a%20b%2Fc%41/x"),
    "other letters are UTF-8": ("http://h:1/\xfc", b"/x", b"/%C3%BC/x"),
    "what no path may hold": (
        'http://h:1/{x}|^`<>"\\',
        b"/x",
        b"/%7Bx%7D%7C%5E%60%3C%3E%22%5C/x",
    ),
    "what a path may hold": (
        "http://h:1/a;b:c@d!$&'()*+,=~[]",
        b"/x",
        b"/a;b:c@d!$&'()*+,=~[]/x",
    ),
    "a query cannot end the line": ('http://h:1/?q=a b\xfc"', b"/x", b'/x?q=a%20b%C3%BC"'),
    "both queries, the base's first": ("http://h:1/b?k=1", b"/x?a=b", b"/b/x?k=1&a=b"),
    "a base query alone": ("http://h:1?k=1", b"/x", b"/x?k=1"),
    "an empty query": ("http://h:1/b", b"/x?", b"/b/x?"),
    "an empty query behind a base query": ("http://h:1?k=1", b"/x?", b"/x?k=1"),
    "a question in the query": ("http://h:1/b", b"/x?a=?", b"/b/x?a=?"),
}


@pytest.mark.parametrize(("url", "target", "joined"), JOINS.values(), ids=JOINS)
def test_base_and_request_are_joined(url: str, target: bytes, joined: bytes) -> None:
    assert route(url).join(target) == joined


def test_address_is_taken_apart() -> None:
    assert route("http://user:secret@Host:8080/a?b") == Route(
        secure=False, host="host", port=8080, authority=b"Host:8080", path=b"/a", query=b"b"
    )
    assert route("https://[::1]") == Route(
        secure=True, host="::1", port=443, authority=b"[::1]", path=b"", query=b""
    )


def test_letters_beyond_ascii_are_written_as_domain_names_are() -> None:
    found = route("http://user:secret@gr\xfcn.example:8080/a")
    assert (found.host, found.authority) == ("xn--grn-ioa.example", b"xn--grn-ioa.example:8080")
    assert route("http://gr\xfcn").authority == b"xn--grn-ioa"


BAD_ADDRESSES = {
    "ftp://h": "the address 'ftp://h' of m cannot be used: it must begin with http:// or https://",
    "http://": "the address 'http://' of m cannot be used: it names no host",
    "http://h:0": "the address 'http://h:0' of m cannot be used: nothing can listen on port 0",
    "http://\xfc..x": "the address 'http://\xfc..x' of m cannot be used: its host has letters that "
    "no domain name can have",
    "http://h:x": "the address 'http://h:x' of m cannot be used: Port could not be cast to "
    "integer value as 'x'",
}


@pytest.mark.parametrize(("url", "message"), BAD_ADDRESSES.items())
def test_unusable_address_is_named(url: str, message: str) -> None:
    with pytest.raises(UpstreamError) as caught:
        route(url)

    assert str(caught.value) == message


H = route("http://h:1")

WRITTEN: dict[str, tuple[tuple[bytes, bytes, Fields, int | None], bytes]] = {
    "a body has its length": (
        (b"POST", b"/x", [(b"Content-Type", b"a/b")], 5),
        b"POST /x HTTP/1.1\r\nhost: h:1\r\ncontent-type: a/b\r\ncontent-length: 5\r\n\r\n",
    ),
    "the client's host is kept": (
        (b"GET", b"/x", [(b"Host", b"example.org")], 0),
        b"GET /x HTTP/1.1\r\nhost: example.org\r\n\r\n",
    ),
    "lengths are written anew": (
        (b"PUT", b"/", [(b"Content-Length", b"9"), (b"transfer-encoding", b"chunked")], 0),
        b"PUT / HTTP/1.1\r\nhost: h:1\r\ncontent-length: 0\r\n\r\n",
    ),
    "a produced body comes in chunks": (
        (b"POST", b"/", [], None),
        b"POST / HTTP/1.1\r\nhost: h:1\r\ntransfer-encoding: chunked\r\n\r\n",
    ),
    "a DELETE may have a body": (
        (b"DELETE", b"/", [], 1),
        b"DELETE / HTTP/1.1\r\nhost: h:1\r\ncontent-length: 1\r\n\r\n",
    ),
    "repeated headers are kept": (
        (b"GET", b"/", [(b"a", b"1"), (b"a", b""), (b"b", b"\xe4 \t;")], 0),
        b"GET / HTTP/1.1\r\nhost: h:1\r\na: 1\r\na: \r\nb: \xe4 \t;\r\n\r\n",
    ),
}


@pytest.mark.parametrize(("asked", "written"), WRITTEN.values(), ids=WRITTEN)
def test_head_is_written(asked: tuple[bytes, bytes, Fields, int | None], written: bytes) -> None:
    method, target, headers, length = asked

    assert request_bytes(method, target, headers, H, length) == written


FORBIDDEN = "a header of the request holds forbidden characters"
FORBIDDEN_LINE = "the method or the address of the request holds forbidden characters"

REFUSED: dict[str, tuple[bytes, bytes, Fields, str]] = {
    "a line in a value": (b"GET", b"/", [(b"a", b"b\r\nc: d")], FORBIDDEN),
    "a head's end in a value": (b"GET", b"/", [(b"a", b"b\r\n\r\nGET / HTTP/1.1")], FORBIDDEN),
    "a line feed in a value": (b"GET", b"/", [(b"a", b"b\nc: d")], FORBIDDEN),
    "a line in a name": (b"GET", b"/", [(b"a: b\r\nc", b"d")], FORBIDDEN),
    "an empty name": (b"GET", b"/", [(b"", b"d")], FORBIDDEN),
    "a NUL": (b"GET", b"/", [(b"a", b"\0")], FORBIDDEN),
    "a blank in the path": (b"GET", b"/a b", [], FORBIDDEN_LINE),
    "a line in the path": (b"GET", b"/ HTTP/1.1\r\na: b", [], FORBIDDEN_LINE),
    "a blank in the method": (b"GET /", b"/", [], FORBIDDEN_LINE),
    "two hosts": (
        b"GET",
        b"/",
        [(b"host", b"a"), (b"Host", b"b")],
        "the request has more than one Host header",
    ),
}


@pytest.mark.parametrize(("method", "target", "headers", "message"), REFUSED.values(), ids=REFUSED)
def test_nothing_can_be_smuggled_into_a_head(
    method: bytes, target: bytes, headers: Fields, message: str
) -> None:
    with pytest.raises(RequestError) as caught:
        request_bytes(method, target, headers, H, 0)

    assert str(caught.value) == message


NASTY = st.binary(max_size=6) | st.text("ab:\r\n \t-", max_size=8).map(str.encode)


@given(NASTY, NASTY, st.lists(st.tuples(NASTY, NASTY), max_size=3))
def test_what_is_written_is_what_was_meant(method: bytes, target: bytes, headers: Fields) -> None:
    try:
        written = request_bytes(method, target, headers, H, None)
    except RequestError:
        return

    server = h11.Connection(h11.SERVER)
    server.receive_data(written)
    event = server.next_event()
    assert isinstance(event, h11.Request)
    assert event.method == method
    assert event.target == H.join(target)
    meant = [(name.lower(), value.strip(b" \t")) for name, value in headers]
    assert [
        field for field in event.headers if field[0] not in {b"host", b"transfer-encoding"}
    ] == [field for field in meant if field[0] != b"host"]
    assert server.next_event() is h11.NEED_DATA


@pytest.mark.parametrize(
    ("headers", "closes"),
    [
        ([(b"connection", b"close")], True),
        ([(b"Connection", b"Upgrade, Close")], True),
        ([(b"connection", b"keep-alive")], False),
        ([(b"connection", b"keep-alive"), (b"connection", b"close")], True),
        ([(b"disclosing", b"close")], False),
        ([], False),
    ],
)
def test_connection_header_is_understood(headers: Fields, *, closes: bool) -> None:
    assert wants_close(headers) is closes
