"""Requests and answers as values."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from llamaswap.web import asgi
from llamaswap.web.asgi import BodyTooLargeError, ClientGoneError, Request
from tests.web.asgi_calls import Call, Connection


def test_a_scope_is_read() -> None:
    request = Call("POST", "/a%20b?x=1", {"host": "h"}).new_request()

    assert request.method == "POST"
    assert request.path == "/a b"
    assert request.raw_path == b"/a%20b"
    assert request.query == b"x=1"
    assert request.headers == [(b"host", b"h")]
    assert request.http_version == "1.1"
    assert request.client == "192.0.2.1"
    assert request.connection is None


async def test_what_a_foreign_server_leaves_out_is_made_up() -> None:
    call = Call()
    scope = {
        "path": "/grüße",
        "query_string": b"",
        "headers": [[b"host", b"h"]],
        "http_version": "2",
    }

    request = Request.of(scope, call.receive)

    assert request.method == "GET"
    assert request.raw_path == b"/gr%C3%BC%C3%9Fe"
    assert request.headers == [(b"host", b"h")]
    assert request.client is None
    assert request.connection is None


ABSOLUTE = {
    "http://h:1/a%20b": ("/a b", b"/a%20b"),
    "https://h/": ("/", b"/"),
    "http://h": ("/", b"/"),
    "/http://h/a": ("/http://h/a", b"/http://h/a"),
}


@pytest.mark.parametrize(("target", "paths"), ABSOLUTE.items(), ids=ABSOLUTE)
def test_an_address_written_for_a_proxy_is_understood(
    target: str, paths: tuple[str, bytes]
) -> None:
    request = Call("GET", target).new_request()

    assert (request.path, request.raw_path) == paths


def test_of_a_repeated_header_the_first_counts() -> None:
    request = Call().new_request()
    request.headers += [(b"accept", b"a"), (b"accept", b"b")]

    assert request.header(b"accept") == "a"
    assert request.header(b"x-other") == ""


def test_a_query_is_kept_behind_another_path() -> None:
    assert Call("GET", "/a?x=1&y").new_request().with_query(b"/b") == b"/b?x=1&y"
    assert Call("GET", "/a").new_request().with_query(b"/b") == b"/b"


async def test_a_body_is_read_whole() -> None:
    request = Call("POST", "/", body=[b"he", b"", b"llo"]).new_request()

    assert not request.is_body_over
    assert await request.body() == b"hello"
    assert request.is_body_over
    assert await request.body() == b""


async def test_a_body_that_says_it_is_too_large_is_not_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(asgi, "LARGEST_BODY", 3 << 20)
    request = Call("POST", "/", {"content-length": "3145729"}, b"x").new_request()

    with pytest.raises(BodyTooLargeError, match=r"^the request's body is larger than 3 MiB$"):
        await request.body()
    assert not request.is_body_over


async def test_a_body_that_grows_too_large_is_not_read_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(asgi, "LARGEST_BODY", 3)

    assert await Call("POST", "/", body=[b"ab", b"c"]).new_request().body() == b"abc"
    with pytest.raises(BodyTooLargeError):
        await Call("POST", "/", body=[b"ab", b"cd", b"e"]).new_request().body()


async def test_a_client_that_leaves_while_its_body_is_read_is_gone() -> None:
    call = Call("POST", "/", body=[])
    call.hang_up()

    with pytest.raises(ClientGoneError):
        await call.new_request().body()


async def test_pieces_come_as_they_arrive_and_may_be_left() -> None:
    request = Call("POST", "/", body=[b"a", b"", b"b", b"c", b""]).new_request()
    pieces = request.pieces()

    assert await anext(pieces) == b"a"
    assert await anext(pieces) == b"b"
    assert [piece async for piece in request.pieces()] == [b"c"]


async def test_who_listens_for_a_hangup_drops_the_rest_of_an_answered_request(
    autojump_clock: MockClock,
) -> None:
    call = Call("POST", "/", body=[b"a", b"b", b"c"])
    request = call.new_request()
    heard = trio.Event()

    async def listen() -> None:
        await request.wait_for_hangup()
        heard.set()

    with trio.fail_after(60):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(listen)
            await wait_all_tasks_blocked()
            assert await request.next_piece() == b"a"
            request.leave_body()
            await wait_all_tasks_blocked()
            assert not heard.is_set()
            call.hang_up()


async def test_a_complete_answer_has_type_length_and_what_was_added() -> None:
    call = Call()
    answer = call.new_answer()
    answer.extra.append((b"x-added", b"1"))

    await answer.whole(201, asgi.TEXT, b"hello", [(b"x-own", b"2")])

    assert call.status == 201
    assert call.headers == [
        ("content-type", "text/plain; charset=utf-8"),
        ("content-length", "5"),
        ("x-own", "2"),
        ("x-added", "1"),
    ]
    assert call.body == b"hello"
    assert call.is_complete
    assert (answer.status, answer.sent) == (201, 5)


async def test_a_head_request_gets_the_head_alone() -> None:
    call = Call("HEAD")
    answer = call.new_answer()

    await answer.text("hello")

    assert call.header("content-length") == "5"
    assert call.body == b""
    assert call.is_complete
    assert answer.sent == 0


@pytest.mark.parametrize("ours", [True, False])
async def test_pieces_are_sent_at_once(*, ours: bool) -> None:
    call = Call(connection=Connection() if ours else None)
    answer = call.new_answer()

    await answer.start(200, [])
    await answer.piece(b"ab")
    assert call.pieces == [b"ab"]
    assert not call.is_complete
    await answer.piece(b"c")
    await answer.end()

    assert call.pieces == [b"ab", b"c"]
    assert call.is_complete
    assert answer.sent == 3


async def test_json_ends_with_a_line() -> None:
    call = Call()
    await call.new_answer().json({"a": "ü"}, extra=[(b"x", b"y")])

    assert call.header("content-type") == "application/json"
    assert call.header("x") == "y"
    assert call.body == b'{"a": "\\u00fc"}\n'


async def test_a_redirect_says_where_to_in_header_and_page() -> None:
    call = Call()
    await call.new_answer().redirect(307, b'/a?"x"')

    assert call.status == 307
    assert call.header("location") == '/a?"x"'
    assert call.body == b'<a href="/a?&quot;x&quot;">moved</a>\n'


EVENTS = (b"content-type", b"Text/Event-Stream; charset=utf-8")
TAKES_EVENTS: dict[str, tuple[list[tuple[bytes, bytes]], bool]] = {
    "a stream of events": ([EVENTS], True),
    "one of known length": ([EVENTS, (b"content-length", b"9")], False),
    "a compressed one": ([EVENTS, (b"content-encoding", b"gzip")], False),
    "something else": ([(b"content-type", b"application/json")], False),
    "something unknown": ([], False),
}


@pytest.mark.parametrize(("headers", "takes"), TAKES_EVENTS.values(), ids=TAKES_EVENTS)
async def test_an_event_can_be_added_to_a_stream_of_events(
    headers: list[tuple[bytes, bytes]], *, takes: bool
) -> None:
    answer = Call().new_answer()
    await answer.start(200, headers)

    assert answer.takes_events is takes


async def test_aborting_cuts_the_connection_where_it_is_ours() -> None:
    connection = Connection()
    Call(connection=connection).new_answer().abort()
    foreign = Call()
    foreign.new_answer().abort()

    assert connection.is_cut
    assert foreign.messages == []
