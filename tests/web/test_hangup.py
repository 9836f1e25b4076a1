"""Clients that go away, on our own server and on others."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from llamaswap.errors import UpstreamError
from llamaswap.web.asgi import ClientGoneError
from llamaswap.web.hangup import until_hangup
from tests.web.asgi_calls import Call, Connection


@pytest.fixture(params=["ours", "foreign"])
def call(request: pytest.FixtureRequest) -> Call:
    return Call(connection=Connection() if request.param == "ours" else None)


async def test_a_hangup_cancels_the_body(call: Call, autojump_clock: MockClock) -> None:
    request = call.new_request()
    await request.body()

    async with trio.open_nursery() as nursery:

        async def leave() -> None:
            await trio.sleep(5)
            call.hang_up()

        nursery.start_soon(leave)
        with pytest.raises(ClientGoneError):
            async with until_hangup(request):
                await trio.sleep(60)

    assert trio.current_time() == 5


async def test_a_client_that_has_left_already_is_seen_at_once(
    call: Call, autojump_clock: MockClock
) -> None:
    request = call.new_request()
    await request.body()
    call.hang_up()

    with pytest.raises(ClientGoneError):
        async with until_hangup(request):
            await trio.sleep(60)

    assert trio.current_time() == 0


async def test_a_body_that_ends_first_is_not_disturbed(call: Call) -> None:
    async with until_hangup(call.new_request()):
        await wait_all_tasks_blocked()


async def test_an_error_of_the_body_comes_alone(call: Call) -> None:
    with pytest.raises(UpstreamError, match=r"^broken$"):
        async with until_hangup(call.new_request()):
            await trio.lowlevel.checkpoint()
            raise UpstreamError("broken")


async def test_a_cancellation_from_outside_is_no_hangup(
    call: Call, autojump_clock: MockClock
) -> None:
    with trio.move_on_after(1) as scope:
        async with until_hangup(call.new_request()):
            await trio.sleep(60)

    assert scope.cancelled_caught


async def test_a_reader_of_the_body_is_not_robbed_by_who_listens() -> None:
    call = Call("POST", "/", body=[b"a", b"b", b"c"])
    request = call.new_request()
    async with until_hangup(request):
        await wait_all_tasks_blocked()
        assert await request.body() == b"abc"
