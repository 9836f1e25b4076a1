"""The app's view of one client, without a connection."""

from __future__ import annotations

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from llamaswap.web.asgi import ClientConnection, Message, Scope
from llamaswap.web.caller import Caller
from tests.web.clients import head, last, piece

SCOPE: Scope = {"type": "http", "method": "GET", "http_version": "1.1", "path": "/"}
GOODBYE: Message = {"type": "http.disconnect"}


class Line:
    """Writes down what it is told."""

    def __init__(self, *, is_leaving: bool = False) -> None:
        self.is_leaving = is_leaving
        self.said: list[object] = []

    async def tell(self, message: Message | None) -> None:
        if message == last(b"wrong"):
            raise ValueError("wrong")
        self.said.append(message)

    async def flush(self) -> None:
        self.said.append("flush")

    async def write(self, data: bytes) -> None:
        self.said.append(data)

    def cut(self, caller: Caller) -> None:
        self.said.append("cut" if caller.is_cut else "not cut")


def make(line: Line, **scope: object) -> Caller:
    return Caller(line, SCOPE | scope, line.tell, 1)


async def whole(caller: Caller) -> Caller:
    await caller.put({"type": "http.request", "body": b"", "more_body": False})
    return caller


async def test_it_is_what_the_app_is_promised() -> None:
    offered: ClientConnection = make(Line())

    assert offered is not None


async def test_head_with_a_length_leaves_with_its_body() -> None:
    line = Line()
    caller = await whole(make(line))
    await caller.send(head(content_length="2"))
    await caller.send(last(b"ok"))

    assert line.said == [head(content_length="2"), last(b"ok"), "flush"]


async def test_head_of_a_stream_leaves_at_once() -> None:
    line = Line()
    caller = await whole(make(line))
    await caller.send(head())
    await caller.send_piece(b"one")

    assert line.said == [head(), "flush", b"3\r\none\r\n"]


@pytest.mark.parametrize(
    ("scope", "message"),
    [
        ({"http_version": "1.0"}, head()),
        ({"http_version": "2"}, head()),
        ({"method": "HEAD"}, head()),
        ({}, head(204)),
        ({}, head(content_length="3")),
    ],
)
async def test_other_pieces_are_ordinary_messages(
    scope: dict[str, object], message: Message
) -> None:
    line = Line()
    caller = await whole(make(line, **scope))
    await caller.send(message)
    await caller.send_piece(b"one")

    assert line.said[-2:] == [piece(b"one"), "flush"]


@pytest.mark.parametrize("is_leaving", [True, False])
async def test_last_answer_says_so(
    is_leaving: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    line = Line(is_leaving=is_leaving)
    caller = make(line)
    if is_leaving:
        await whole(caller)
    await caller.send(head())

    assert line.said[0] == head(connection="close")


async def test_answer_that_fails_is_none() -> None:
    caller = await whole(make(Line()))
    await caller.send(head())
    with pytest.raises(ValueError, match="wrong"):
        await caller.send(last(b"wrong"))

    assert not caller.is_answered


async def test_nothing_follows_a_cut() -> None:
    line = Line()
    caller = await whole(make(line))
    await caller.send(head())
    caller.abort()
    await caller.send_piece(b"one")
    await caller.send(last())
    caller.abort()

    assert line.said == [head(), "flush", "cut"]


async def test_answered_request_cannot_be_cut() -> None:
    line = Line()
    caller = await whole(make(line))
    await caller.send(head())
    await caller.send(last())
    caller.abort()

    assert "cut" not in line.said


async def test_full_inbox_waits_until_it_is_read_or_nobody_reads() -> None:
    for relief in ("read", "dismiss"):
        caller = make(Line())
        message: Message = {"type": "http.request", "body": bytes(200_000), "more_body": True}
        async with trio.open_nursery() as nursery:
            await caller.put(message)
            nursery.start_soon(caller.put, message)
            await wait_all_tasks_blocked()
            assert len(nursery.child_tasks) == 1
            if relief == "read":
                assert await caller.receive() == message
            else:
                caller.dismiss(GOODBYE)
                await caller.put(message)
                caller.dismiss(GOODBYE)


async def test_receive_waits_for_news() -> None:
    caller = make(Line())
    async with trio.open_nursery() as nursery:
        nursery.start_soon(caller.put, GOODBYE)
        assert await caller.receive() == GOODBYE


async def test_released_caller_holds_nothing() -> None:
    line = Line()
    caller = await whole(make(line))
    hangup = trio.CancelScope()
    caller.cancel_at_hangup(hangup)
    await caller.send(head())
    await caller.send(last())
    caller.release()
    said = list(line.said)
    await caller.send(last())

    assert await caller.receive() == GOODBYE
    assert not hangup.cancel_called
    assert line.said == [*said, "flush"]
