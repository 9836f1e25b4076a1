"""How the house asks the router: what is sent, and what becomes of each answer."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from llamaswap.errors import BusyError, SwapError
from llamaswap.inbox import (
    Answer,
    Envelope,
    Inbox,
    Lease,
    RouterClient,
    SpecificationsAsked,
    refuse_all,
)
from llamaswap.policy.messages import (
    DrainEnded,
    Event,
    LeaseAsked,
    LeaseId,
    LeaseReturned,
    ModelState,
    ModelView,
    Reconfigure,
    Target,
    Ticket,
    UnloadAsked,
    ViewAsked,
)
from llamaswap.policy.rules import Fleet
from tests.fakes import A, fleet

LEASE = Lease(Target(A, "http://a.example"), queued=1, loading=2)


class Desk:
    """The router's end of the inbox, worked by the test."""

    def __init__(self) -> None:
        self.inbox = Inbox()
        self.client = RouterClient(self.inbox)

    def events(self) -> list[Event | SpecificationsAsked]:
        """Take what has arrived."""
        return [envelope.event for envelope in self.inbox.take_nowait()]

    async def answer(self, *answers: Answer) -> None:
        """Answer one ask after the other."""
        for answer in answers:
            (envelope,) = await self.inbox.take()
            assert envelope.reply is not None
            envelope.reply.give(answer)

    async def fall_silent(self) -> None:
        """Take one ask and end without an answer."""
        refuse_all(await self.inbox.take())


async def test_a_lease_is_held_until_the_block_is_left(nursery: trio.Nursery) -> None:
    desk = Desk()
    nursery.start_soon(desk.answer, LEASE)
    async with desk.client.lease(A) as lease:
        assert lease == LEASE
        assert desk.events() == []

    assert desk.events() == [LeaseReturned(LeaseId(0))]


async def test_an_ask_says_when_it_was_made(autojump_clock: MockClock) -> None:
    desk = Desk()
    await trio.sleep(5)
    with trio.move_on_after(1):
        async with desk.client.lease(A):
            pass
    envelope = desk.inbox.take_nowait()[0]

    assert (envelope.event, envelope.ask, envelope.asked_at) == (LeaseAsked(LeaseId(0), A), 0, 5)


async def test_whoever_stops_waiting_gives_the_lease_back(autojump_clock: MockClock) -> None:
    desk = Desk()
    with trio.move_on_after(1) as scope:
        async with desk.client.lease(A):
            pass

    assert scope.cancelled_caught
    assert desk.events() == [LeaseAsked(LeaseId(0), A), LeaseReturned(LeaseId(0))]


async def test_a_block_that_fails_gives_the_lease_back(nursery: trio.Nursery) -> None:
    desk = Desk()
    nursery.start_soon(desk.answer, LEASE)
    with pytest.raises(ZeroDivisionError):
        async with desk.client.lease(A):
            raise ZeroDivisionError

    assert desk.events() == [LeaseReturned(LeaseId(0))]


async def test_a_refusal_is_raised_by_itself(nursery: trio.Nursery) -> None:
    desk = Desk()
    nursery.start_soon(desk.answer, BusyError("Too many requests"))
    with pytest.raises(BusyError, match=r"^Too many requests$"):
        async with desk.client.lease(A):
            pass

    assert desk.events() == [LeaseReturned(LeaseId(0))]


async def test_an_answer_comes_back_to_whoever_asked(nursery: trio.Nursery) -> None:
    desk = Desk()
    view = (ModelView(A, ModelState.STOPPED, serving=0, waiting=0),)
    nursery.start_soon(desk.answer, view, None)

    assert await desk.client.view() == view
    await desk.client.unload()


async def test_what_is_asked_is_what_is_sent() -> None:
    desk = Desk()
    everything: Fleet = fleet(A)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(desk.client.view)
        await wait_all_tasks_blocked()
        nursery.start_soon(desk.client.unload)
        await wait_all_tasks_blocked()
        nursery.start_soon(desk.client.unload, frozenset({A}))
        await wait_all_tasks_blocked()
        ticket, _ = desk.client.reconfigure(everything)
        nursery.start_soon(desk.client.end_drain, ticket)
        await wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()

    assert desk.events() == [
        ViewAsked(Ticket(0)),
        UnloadAsked(Ticket(1), None),
        UnloadAsked(Ticket(2), frozenset({A})),
        Reconfigure(Ticket(3), everything),
        DrainEnded(Ticket(4), Ticket(3)),
    ]


async def test_a_new_fleet_is_sent_at_once_and_waited_for_later(nursery: trio.Nursery) -> None:
    desk = Desk()
    _, settled = desk.client.reconfigure(fleet(A))
    nursery.start_soon(desk.answer, SwapError("survived SIGKILL"))

    with pytest.raises(SwapError, match=r"^survived SIGKILL$"):
        await settled()


async def test_who_is_left_without_an_answer_hears_that_the_router_has_ended(
    nursery: trio.Nursery,
) -> None:
    desk = Desk()
    nursery.start_soon(desk.fall_silent)
    with pytest.raises(SwapError, match=r"^the router has ended$"):
        async with desk.client.lease(A):
            pass


async def test_who_comes_too_late_hears_that_the_router_has_ended() -> None:
    desk = Desk()
    desk.inbox.close()
    with pytest.raises(SwapError, match=r"^the router has ended$"):
        async with desk.client.lease(A):
            pass
    with pytest.raises(SwapError, match=r"^the router has ended$"):
        desk.client.reconfigure(fleet(A))


async def test_a_lease_may_outlive_the_router(nursery: trio.Nursery) -> None:
    desk = Desk()
    nursery.start_soon(desk.answer, LEASE)
    async with desk.client.lease(A):
        desk.inbox.close()


async def test_the_router_takes_all_that_has_come_in_its_order(nursery: trio.Nursery) -> None:
    inbox = Inbox()
    taken: list[list[Envelope]] = []

    async def work() -> None:
        while True:
            taken.append(await inbox.take())

    first, second, third = (Envelope(LeaseReturned(LeaseId(number))) for number in range(3))
    nursery.start_soon(work)
    await wait_all_tasks_blocked()
    inbox.put(first)
    inbox.put(second)
    await wait_all_tasks_blocked()
    inbox.put(third)
    await wait_all_tasks_blocked()

    assert taken == [[first, second], [third]]


async def test_a_router_that_always_finds_something_lets_the_others_run(
    nursery: trio.Nursery,
) -> None:
    inbox = Inbox()
    has_run = trio.Event()

    async def run() -> None:
        await trio.lowlevel.checkpoint()
        has_run.set()

    nursery.start_soon(run)
    for _ in range(5):
        inbox.put(Envelope(LeaseReturned(LeaseId(0))))
        await inbox.take()

    assert has_run.is_set()


async def test_a_wait_that_is_cancelled_loses_nothing(autojump_clock: MockClock) -> None:
    inbox = Inbox()
    with trio.move_on_after(1) as scope:
        await inbox.take()
    envelope = Envelope(LeaseReturned(LeaseId(0)))
    inbox.put(envelope)

    assert scope.cancelled_caught
    assert await inbox.take() == [envelope]


async def test_a_closed_inbox_gives_back_what_nobody_has_read() -> None:
    inbox = Inbox()
    envelope = Envelope(LeaseReturned(LeaseId(0)))
    inbox.put(envelope)

    assert inbox.close() == [envelope]
    with pytest.raises(SwapError, match=r"^the router has ended$"):
        inbox.put(envelope)
