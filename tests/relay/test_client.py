"""Exchanges over connections whose far ends belong to the test."""

from __future__ import annotations

import struct
from contextlib import suppress

import pytest
import trio
import trio.testing

from llamaswap.errors import RequestError, UpstreamError
from llamaswap.policy.messages import Target
from llamaswap.policy.rules import ModelId
from llamaswap.relay.answers import AnswerHead
from llamaswap.relay.client import LONGEST_HEAD, CutError, Pool, RequestHead
from tests.relay.wires import GET, OK, POST, TARGET, Wires, ask, read_all

WHO = "the server of llama at http://127.0.0.1:9000 "
# method, what the server sends before it closes, body, whether the connection may be kept
ANSWERS = {
    "a length": (b"GET", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", b"hello", True),
    "no body": (b"GET", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", b"", True),
    "chunks": (
        b"GET",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
        b"hello",
        True,
    ),
    "a trailer": (
        b"GET",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n5\r\nhello\r\n0\r\nx-sum: 1\r\n\r\n",
        b"hello",
        True,
    ),
    "until it closes": (b"GET", b"HTTP/1.1 200 OK\r\n\r\nhello", b"hello", False),
    "the old version": (
        b"GET",
        b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        b"hello",
        False,
    ),
    "a server that wants to close": (
        b"GET",
        b"HTTP/1.1 200 OK\r\nConnection: Close\r\nContent-Length: 5\r\n\r\nhello",
        b"hello",
        False,
    ),
    "informational answers first": (
        b"GET",
        (
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
            b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
        ),
        b"hello",
        True,
    ),
    "an answer to HEAD": (b"HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", b"", True),
    "no content": (b"DELETE", b"HTTP/1.1 204 No Content\r\n\r\n", b"", True),
    "not modified": (b"GET", b"HTTP/1.1 304\r\nContent-Length: 5\r\n\r\n", b"", True),
    "bare line feeds": (b"GET", b"HTTP/1.1 200 OK\nContent-Length: 5\n\nhello", b"hello", True),
    "more than the body": (
        b"GET",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhelloHTTP/1.1 200 OK\r\n\r\n",
        b"hello",
        False,
    ),
    "more than no body": (
        b"GET",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
        b"",
        False,
    ),
    "more than the chunks": (
        b"GET",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nx",
        b"",
        False,
    ),
}


@pytest.mark.parametrize(("method", "sent", "body", "kept"), ANSWERS.values(), ids=ANSWERS)
async def test_answer_is_read(
    wires: Wires, method: bytes, sent: bytes, body: bytes, *, kept: bool
) -> None:
    wires.answers = [sent]
    pool = wires.pool()

    async with pool.exchange(TARGET, RequestHead(method, b"/")) as exchange:
        if not kept:
            await wires.far[0].send_eof()
        assert await read_all(exchange) == body
        assert await exchange.next_chunk() == b""

    assert wires.open == [kept]


@pytest.mark.parametrize(("method", "sent", "body", "kept"), ANSWERS.values(), ids=ANSWERS)
async def test_answer_is_read_wherever_it_is_cut(
    wires: Wires, method: bytes, sent: bytes, body: bytes, *, kept: bool
) -> None:
    async def answer(at: int) -> None:
        await trio.testing.wait_all_tasks_blocked()
        far = wires.far[-1]
        await far.send_all(sent[:at])
        await trio.testing.wait_all_tasks_blocked()
        # The client may have heard enough and be gone.
        with suppress(trio.BrokenResourceError):
            await far.send_all(sent[at:])
            await far.send_eof()

    for at in range(1, len(sent)):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(answer, at)
            async with wires.pool().exchange(TARGET, RequestHead(method, b"/")) as exchange:
                assert await read_all(exchange) == body


async def test_head_is_told(wires: Wires) -> None:
    wires.answers = [
        (
            b"HTTP/1.1 404 Not  Here\r\nSet-Cookie: a\r\nX-Empty:\r\nset-cookie:  b c \t\r\n"
            b"Content-Length: 2, 2\r\n\r\nno"
        )
    ]

    async with wires.pool().exchange(TARGET, GET) as exchange:
        assert exchange.head == AnswerHead(
            404,
            b"Not  Here",
            [
                (b"set-cookie", b"a"),
                (b"x-empty", b""),
                (b"set-cookie", b"b c"),
                (b"content-length", b"2"),
            ],
        )


async def test_length_that_chunks_overrule_is_not_passed_on(wires: Wires) -> None:
    wires.answers = [
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"2\r\nhi\r\n0\r\n\r\n"
        )
    ]

    async with wires.pool().exchange(TARGET, GET) as exchange:
        assert exchange.head.headers == [(b"transfer-encoding", b"chunked")]
        assert await read_all(exchange) == b"hi"


MALFORMED = {
    "another protocol": (b"SSH-2.0-OpenSSH\r\n", "it begins with b'SSH-2.0-OpenSSH\\r\\n'"),
    "half a greeting": (b"HTTP/2", "it begins with b'HTTP/2'"),
    "no status": (b"HTTP/1.1 OK\r\n\r\n", "it begins with b'HTTP/1.1 OK'"),
    "a short status": (b"HTTP/1.1 20 OK\r\n\r\n", "it begins with b'HTTP/1.1 20 OK'"),
    "no colon": (b"HTTP/1.1 200 OK\r\nhello\r\n\r\n", "a header has no colon"),
    "a folded header": (
        b"HTTP/1.1 200 OK\r\na: b\r\n c: d\r\n\r\n",
        "Illegal header name b' c'",
    ),
    "a blank in a name": (b"HTTP/1.1 200 OK\r\na : b\r\n\r\n", "Illegal header name b'a '"),
    "a NUL": (b"HTTP/1.1 200 OK\r\na: \0\r\n\r\n", "Illegal header value b'\\x00'"),
    "two lengths": (
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        "conflicting Content-Length headers",
    ),
    "a strange length": (
        b"HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\n",
        "bad Content-Length",
    ),
    "a strange coding": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        "Only Transfer-Encoding: chunked is supported",
    ),
    "a long head": (
        b"HTTP/1.1 200 OK\r\na: " + b"b" * LONGEST_HEAD,
        "its head is longer than 65536 bytes",
    ),
}


@pytest.mark.parametrize(("sent", "message"), MALFORMED.values(), ids=MALFORMED)
async def test_what_is_no_http_is_named(wires: Wires, sent: bytes, message: str) -> None:
    wires.answers = [sent]

    with pytest.raises(UpstreamError) as caught:
        await ask(wires.pool())

    assert str(caught.value) == f"{WHO}answered what is no HTTP: {message}"
    assert wires.open == [False]


async def test_switched_protocol_is_refused(wires: Wires) -> None:
    wires.answers = [b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"]

    with pytest.raises(UpstreamError) as caught:
        await ask(wires.pool())

    assert str(caught.value) == f"{WHO}switched to a protocol that nobody speaks here"
    assert wires.open == [False]


@pytest.mark.parametrize("sent", [b"", b"HTTP/1.1 200", b"HTTP/1.1 100 Continue\r\n\r\n"])
async def test_end_before_the_answer_is_told(wires: Wires, sent: bytes) -> None:
    wires.answers = [sent]

    async with trio.open_nursery() as nursery:

        async def close() -> None:
            await trio.testing.wait_all_tasks_blocked()
            await wires.far[0].send_eof()

        nursery.start_soon(close)
        with pytest.raises(UpstreamError) as caught:
            await ask(wires.pool())

    assert str(caught.value) == f"{WHO}closed the connection before it answered"
    assert wires.open == [False]


CUT = {
    "a length": (b"Content-Length: 5\r\n\r\nhel", "broke off its answer after 3 bytes"),
    "in a chunk": (
        b"Transfer-Encoding: chunked\r\n\r\n5\r\nhel",
        "broke off its answer after 3 bytes",
    ),
    "between chunks": (
        b"Transfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n",
        "broke off its answer after 3 bytes",
    ),
    "before the trailer": (
        b"Transfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n0\r\n",
        "broke off its answer after 3 bytes",
    ),
    "before any of it": (b"Content-Length: 5\r\n\r\n", "broke off its answer after 0 bytes"),
    "no chunk": (
        b"Transfer-Encoding: chunked\r\n\r\nhello\r\n",
        "sent a malformed answer after 0 bytes: no chunk size: b'hello\\r\\n'",
    ),
}


@pytest.mark.parametrize(("sent", "message"), CUT.values(), ids=CUT)
async def test_cut_body_is_told(wires: Wires, sent: bytes, message: str) -> None:
    wires.answers = [b"HTTP/1.1 200 OK\r\n" + sent]

    with pytest.raises(CutError) as caught:
        async with wires.pool().exchange(TARGET, GET) as exchange:
            await wires.far[0].send_eof()
            await read_all(exchange)

    assert str(caught.value) == WHO + message
    assert caught.value.began
    assert wires.open == [False]


async def test_reset_is_no_end_of_a_body() -> None:
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    target = Target(ModelId("llama"), f"http://127.0.0.1:{listener.socket.getsockname()[1]}")
    with trio.fail_after(5):
        async with listener, trio.open_nursery() as nursery:

            async def serve() -> None:
                stream = await listener.accept()
                await stream.send_all(b"HTTP/1.1 200 OK\r\n\r\nhello")
                await trio.testing.wait_all_tasks_blocked()
                # Lingering for no time resets the connection.
                stream.setsockopt(
                    trio.socket.SOL_SOCKET, trio.socket.SO_LINGER, struct.pack("ii", 1, 0)
                )
                await stream.aclose()

            nursery.start_soon(serve)
            with pytest.raises(CutError, match="broke off its answer after 5 bytes"):
                async with Pool().exchange(target, GET) as exchange:
                    await read_all(exchange)


async def test_head_and_small_body_leave_together(wires: Wires) -> None:
    wires.answers = [OK]

    assert await ask(wires.pool(), POST, b"{}") == b"hi"
    assert wires.received() == (
        b"POST /v1/chat HTTP/1.1\r\nhost: 127.0.0.1:9000\r\ncontent-type: application/json\r\n"
        b"content-length: 2\r\n\r\n{}"
    )


async def test_unsendable_head_opens_nothing(wires: Wires) -> None:
    with pytest.raises(RequestError):
        await ask(wires.pool(), RequestHead(b"GET", b"/ /"))

    assert wires.open == []
