"""How a connection ends: hang-ups, leaving, cuts, crashes, cancellation."""

from __future__ import annotations

import logging
from typing import cast

import h11
import pytest
import trio
from trio.testing import MockClock, lockstep_stream_pair, wait_all_tasks_blocked

from llamaswap.web.asgi import Receive, Scope, Send
from llamaswap.web.protocols import HttpProtocol
from tests.web.clients import (
    GET,
    Wait,
    crash_late,
    cut,
    echo,
    head,
    last,
    piece,
    reply,
    serving,
)


@pytest.mark.parametrize("behind", [b"", GET, GET[:9]], ids=["nothing", "request", "part"])
async def test_hangup_cancels_a_scope(behind: bytes) -> None:
    app = Wait()
    async with serving(app) as served:
        await served.client.send(GET + behind)
        await app.began.wait()
        await served.client.stream.aclose()
        with trio.fail_after(1):
            await served.ended.wait()

    assert app.saw_hangup


async def test_client_that_pipelines_without_end_is_not_read_without_end() -> None:
    app = Wait()
    ours, theirs = lockstep_stream_pair()
    async with serving(app, pair=(ours, theirs)) as served, trio.open_nursery() as nursery:
        nursery.start_soon(served.client.send, GET * 10_000)
        await wait_all_tasks_blocked()

        assert sum(map(len, served.connection._ahead)) < 140_000
        nursery.cancel_scope.cancel()


async def test_hangup_after_the_answer_cancels_nothing() -> None:
    finished = False

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal finished
        with trio.CancelScope() as hangup:
            scope["extensions"]["llamaswap"].cancel_at_hangup(hangup)
            await reply(send, b"ok")
            assert (await receive())["type"] == "http.request"
            assert (await receive())["type"] == "http.disconnect"
            await wait_all_tasks_blocked()
            finished = True

    async with serving(app) as served:
        await served.client.get()
        await served.client.stream.aclose()
        await served.ended.wait()

    assert finished


async def test_client_that_only_stops_sending_is_answered(autojump_clock: MockClock) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await trio.sleep(5)
        await reply(send, b"late")

    async with serving(app) as served:
        await served.client.send(GET)
        await cast("trio.abc.HalfCloseableStream", served.client.stream).send_eof()
        answer = await served.client.read_all()

    assert answer.endswith(b"\r\n\r\nlate")


async def test_client_that_never_reads_is_given_up(autojump_clock: MockClock) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        scope["extensions"]["llamaswap"].cancel_at_hangup(hangup)
        with hangup:
            await send(head())
            while True:
                await send(piece(bytes(1000)))

    hangup = trio.CancelScope()
    async with serving(app, pair=lockstep_stream_pair()) as served:
        await served.client.send(GET)
        await served.ended.wait()

    assert hangup.cancelled_caught
    assert trio.current_time() == 60


async def test_leaving_closes_an_idle_connection_at_once() -> None:
    async with serving(echo) as served:
        await served.client.get()
        served.leave()
        with trio.fail_after(1):
            assert await served.client.read_all() == b""
            await served.ended.wait()


@pytest.mark.parametrize("begun", [False, True])
async def test_leaving_waits_for_the_answer_under_way(
    begun: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    goes_on = trio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if begun:
            await send(head())
        await goes_on.wait()
        if not begun:
            await send(head())
        await send(last(b"done"))

    async with serving(app) as served:
        await served.client.send(GET * 2)
        await wait_all_tasks_blocked()
        served.leave()
        await wait_all_tasks_blocked()
        assert not served.ended.is_set()
        goes_on.set()
        answer = await served.client.answer()

        assert await served.client.read_all() == b""
    assert answer.body == b"done"
    assert answer.headers.get("connection") == (None if begun else "close")


async def test_leaving_is_not_held_up_by_a_client_that_never_reads(
    autojump_clock: MockClock,
) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await reply(send, bytes(1_000_000))

    async with serving(app, pair=lockstep_stream_pair()) as served:
        await served.client.send(GET)
        await wait_all_tasks_blocked()
        await trio.sleep(20)
        served.leave()
        await served.ended.wait()

    assert trio.current_time() == 25


async def test_leaving_hurries_what_is_still_being_written(autojump_clock: MockClock) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        with trio.move_on_after(1):
            await reply(send, bytes(1_000_000))

    async with serving(app, pair=lockstep_stream_pair()) as served:
        await served.client.send(GET)
        await cast("trio.abc.HalfCloseableStream", served.client.stream).send_eof()
        await trio.sleep(20)
        served.leave()
        await served.ended.wait()

    assert trio.current_time() == 25


async def test_abort_is_visible() -> None:
    async with serving(cut) as served:
        await served.client.send(GET)
        with pytest.raises(h11.RemoteProtocolError, match="incomplete chunked read"):
            await served.client.answer()


async def crash_early(scope: Scope, receive: Receive, send: Send) -> None:
    raise ValueError("early")


async def stop_late(scope: Scope, receive: Receive, send: Send) -> None:
    await send(head())
    await send(piece(b"half"))


async def send_too_little(scope: Scope, receive: Receive, send: Send) -> None:
    await send(head(content_length="5"))
    await send(last(b"four"))


async def test_crash_before_the_answer_is_a_500(caplog: pytest.LogCaptureFixture) -> None:
    async with serving(crash_early) as served:
        answer = await served.client.get("/crash")
        assert await served.client.read_all() == b""

    assert answer.status == 500
    [record] = caplog.records
    assert record.getMessage() == "/crash: the request broke down"
    assert record.exc_info is not None


async def test_head_that_is_no_head_is_a_500(caplog: pytest.LogCaptureFixture) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(head(name="split\r\nvalue"))

    async with serving(app) as served:
        assert (await served.client.get()).status == 500

    assert len(caplog.records) == 1


@pytest.mark.parametrize("app", [crash_late, stop_late, send_too_little])
async def test_broken_answer_is_not_ended_as_if_complete(
    app: object, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(app) as served:  # type: ignore[arg-type] # pyright: ignore[reportArgumentType] - the table is untyped
        await served.client.send(GET)
        with pytest.raises(h11.RemoteProtocolError, match=r"without sending complete|incomplete"):
            await served.client.answer()

    assert len(caplog.records) == (app is not stop_late)


async def test_early_answer_ends_an_upload(autojump_clock: MockClock) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await reply(send, b"too much", 413)

    async with serving(app, pair=lockstep_stream_pair()) as served, trio.open_nursery() as nursery:
        await served.client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9000000\r\n\r\n")

        async def upload() -> None:
            with pytest.raises(trio.BrokenResourceError):
                while True:
                    await served.client.send(bytes(100_000))
                    await trio.sleep(0.1)

        nursery.start_soon(upload)
        answer = await served.client.answer(b"POST")
        await served.ended.wait()

    assert answer.status == 413
    assert answer.headers["connection"] == "close"
    assert trio.current_time() == pytest.approx(1, abs=0.2)


async def test_bytes_that_are_not_http2_end_only_their_connection() -> None:
    async with serving(echo, alpn="h2") as served:
        with trio.fail_after(1):
            await served.client.send(GET)
            await served.client.read_all()
            await served.ended.wait()


async def test_protocol_that_stumbles_ends_only_its_connection(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def stumble(*_: object) -> None:
        raise KeyError

    caplog.set_level(logging.DEBUG, "llamaswap.web")
    monkeypatch.setattr(HttpProtocol, "feed", stumble)
    async with serving(echo) as served:
        await served.client.send(GET)
        assert await served.client.read_all() == b""

    assert [record.getMessage() for record in caplog.records] == [
        "a connection ends over what its client sent"
    ]


async def test_app_that_must_not_write_what_is_no_message_hears_it() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        with pytest.raises(Exception, match="Unexpected message type"):
            await send({"type": "nonsense"})
        await reply(send, b"ok")

    async with serving(app) as served:
        assert (await served.client.get()).body == b"ok"


async def test_cancelled_writer_leaves_no_half_piece(autojump_clock: MockClock) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(head())
        with trio.move_on_after(1):
            await send(piece(b"a" * 1000))
        await send(last(b"b"))

    async with serving(app, pair=lockstep_stream_pair()) as served:
        await served.client.send(GET)
        await served.client.read_until(b"\r\n\r\n")
        await trio.sleep(5)
        rest = await served.client.read_until(b"0\r\n\r\n")

    assert rest == b"3e8\r\n" + b"a" * 1000 + b"\r\n1\r\nb\r\n0\r\n\r\n"


@pytest.mark.parametrize("breaks", [False, True])
async def test_cancellation_ends_everything_at_once(
    breaks: bool,  # noqa: FBT001 - a parameter of the test
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep_forever)
            try:
                await trio.sleep_forever()
            finally:
                if breaks:
                    raise ValueError("on the way out")

    with trio.fail_after(1):
        async with serving(app) as served:
            await served.client.send(GET)
            await wait_all_tasks_blocked()

    assert len(caplog.records) == breaks
