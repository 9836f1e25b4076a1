"""One connection: requests in order, pieces in time, refusals."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock, lockstep_stream_pair, wait_all_tasks_blocked

from llamaswap.web.asgi import Receive, Scope, Send
from tests.web.clients import (
    GET,
    echo,
    head,
    last,
    name_path,
    piece,
    read_body,
    reply,
    serving,
    stream_two,
)


async def test_connection_serves_one_request_after_another() -> None:
    async with serving(name_path) as served:
        first = await served.client.get("/a")
        second = await served.client.get("/b")

    assert (first.body, second.body) == (b"/a", b"/b")
    assert "connection" not in first.headers
    assert "server" not in first.headers
    assert first.headers["date"].endswith(" GMT")


async def test_pipelined_requests_are_answered_in_order(autojump_clock: MockClock) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await read_body(receive)
        await trio.sleep({"/slow": 10, "/fast": 1}[scope["path"]])
        await reply(send, scope["path"].encode())

    async with serving(app) as served:
        requests = [f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n" for path in ("/slow", "/fast")]
        await served.client.send("".join(requests).encode())
        await wait_all_tasks_blocked()
        await served.client.send(requests[1].encode())
        bodies = [(await served.client.answer()).body for _ in range(3)]

    assert bodies == [b"/slow", b"/fast", b"/fast"]
    assert trio.current_time() == 12


async def test_chunked_upload_arrives() -> None:
    async with serving(echo) as served:
        await served.client.send(
            b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"
        )
        await wait_all_tasks_blocked()
        await served.client.send(b"2\r\nde\r\n0\r\n\r\n")
        answer = await served.client.answer()

    assert answer.body == b"abcde"


async def test_client_that_asks_is_told_to_continue() -> None:
    async with serving(echo) as served:
        await served.client.send(
            b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n"
        )
        go_on = await served.client.read_until(b"\r\n\r\n")
        await served.client.send(b"ok")
        answer = await served.client.answer()

    assert go_on.startswith(b"HTTP/1.1 100 ")
    assert answer.body == b"ok"


async def test_upload_waits_for_an_app_that_does_not_read() -> None:
    reads = trio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await reads.wait()
        await reply(send, b"%d" % len(await read_body(receive)))

    ours, theirs = lockstep_stream_pair()
    async with serving(app, pair=(ours, theirs)) as served, trio.open_nursery() as nursery:
        await served.client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n")
        nursery.start_soon(served.client.send, bytes(1_000_000))
        await wait_all_tasks_blocked()
        held = served.connection._last_caller
        assert held is not None
        assert held._held < 400_000
        reads.set()

        assert (await served.client.answer(b"POST")).body == b"1000000"


async def test_pieces_arrive_when_they_are_sent(autojump_clock: MockClock) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        client = scope["extensions"]["llamaswap"]
        await send(head(content_type="text/event-stream"))
        await trio.sleep(5)
        await send(piece(b"one"))
        await trio.sleep(5)
        await client.send_piece(b"two")
        await client.send_piece(b"")
        await trio.sleep(5)
        await send(last(b"three"))

    async with serving(app) as served:
        await served.client.send(GET)
        answer_head = await served.client.read_until(b"\r\n\r\n")
        seen = [(trio.current_time(), b"")]
        for end in (b"one\r\n", b"two\r\n", b"0\r\n\r\n"):
            data = await served.client.read_until(end)
            seen.append((trio.current_time(), data))

    assert b"\r\nTransfer-Encoding: chunked\r\n" in answer_head
    assert seen == [
        (0, b""),
        (5, b"3\r\none\r\n"),
        (10, b"3\r\ntwo\r\n"),
        (15, b"5\r\nthree\r\n0\r\n\r\n"),
    ]


@pytest.mark.parametrize(
    ("request_line", "body"),
    [
        (b"GET /chunked HTTP/1.1", b"3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n"),
        (b"GET /sized HTTP/1.1", b"onetwo"),
        (b"HEAD /chunked HTTP/1.1", b""),
        (b"GET /chunked HTTP/1.0", b"onetwo"),
    ],
)
async def test_pieces_are_framed_as_the_client_expects(request_line: bytes, body: bytes) -> None:
    async with serving(stream_two) as served:
        await served.client.send(request_line + b"\r\nHost: a\r\nConnection: close\r\n\r\n")
        answer = await served.client.read_all()

    assert answer.partition(b"\r\n\r\n")[2] == body


async def test_connection_is_kept_after_pieces() -> None:
    async with serving(stream_two) as served:
        bodies = [(await served.client.get()).body for _ in range(2)]

    assert bodies == [b"onetwo", b"onetwo"]


@pytest.mark.parametrize(
    ("sent", "limit"),
    [(b"", 75), (b"GET / HT", 30), (b"GET / HTTP/1.1\r\nHost: a\r\n", 30)],
)
async def test_slow_client_is_sent_away(sent: bytes, limit: int, autojump_clock: MockClock) -> None:
    async with serving(echo) as served:
        await served.client.send(b"")
        for byte in sent:
            await served.client.send(bytes([byte]))
            await wait_all_tasks_blocked()
        rest = await served.client.read_all()

    assert rest == b""
    assert trio.current_time() == limit


async def test_connection_may_rest_between_requests(autojump_clock: MockClock) -> None:
    async with serving(echo) as served:
        for _ in range(3):
            await trio.sleep(74)
            assert (await served.client.get()).status == 200
        await served.client.read_all()

    assert trio.current_time() == 3 * 74 + 75


async def test_request_is_never_timed_out(autojump_clock: MockClock) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await trio.sleep(86400)
        await reply(send, await read_body(receive))

    async with serving(app) as served:
        await served.client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n")
        await trio.sleep(80000)
        await served.client.send(b"ok")
        answer = await served.client.answer()

    assert answer.body == b"ok"


REFUSED = {
    "no HTTP": (b"what?\r\n\r\n", 400),
    "no host": (b"GET / HTTP/1.1\r\n\r\n", 400),
    "two hosts": (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
    "two lengths": (
        b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400,
    ),
    "preface of HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    "version": (b"GET / HTTP/3.0\r\nHost: a\r\n\r\n", 505),
    "coding": (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
    "too large": (b"GET / HTTP/1.1\r\nHost: a\r\nA: " + bytes(2**20 + 4096), 431),
}  # fmt: skip


@pytest.mark.parametrize(("sent", "status"), REFUSED.values(), ids=REFUSED)
async def test_what_cannot_be_understood_is_refused(
    sent: bytes, status: int, autojump_clock: MockClock
) -> None:
    async with serving(echo) as served:
        await served.client.send(sent.replace(bytes(100), b"a" * 100))
        answer = await served.client.answer()
        rest = await served.client.read_all()

    assert answer.status == status
    assert answer.body.startswith(b"%d " % status)
    assert answer.headers["connection"] == "close"
    assert rest == b""
    assert trio.current_time() <= 1


async def test_large_head_is_taken() -> None:
    async with serving(name_path) as served:
        assert (await served.client.get("/a", "A: " + "a" * 2**20)).body == b"/a"


async def test_way_into_cleartext_http2_is_ignored() -> None:
    async with serving(name_path) as served:
        answer = await served.client.get(
            "/a", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABk"
        )

    assert (answer.status, answer.body) == (200, b"/a")
