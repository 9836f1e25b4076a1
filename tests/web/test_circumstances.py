"""Events in Hypercorn's shape."""

from __future__ import annotations

import trio
from trio.testing import wait_all_tasks_blocked

from llamaswap.web.circumstances import Circumstances, Flag, Turn


async def test_flag_can_be_taken_back() -> None:
    flag = Flag()
    await flag.set()
    await flag.wait()
    assert flag.is_set()
    await flag.clear()
    assert not flag.is_set()


async def test_everybody_hears_that_the_server_leaves() -> None:
    circumstances = Circumstances()
    await circumstances.mark_request()
    assert not circumstances.is_leaving
    circumstances.leave()

    assert circumstances.is_leaving


async def test_turn_reads_ahead_until_it_comes() -> None:
    class Reader:
        reads = False

        async def read_ahead(self) -> None:
            self.reads = True
            await trio.sleep_forever()

    reader = Reader()
    turn = Turn(reader)
    await turn.set()
    await turn.clear()
    with trio.fail_after(1):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(turn.wait)
            await wait_all_tasks_blocked()
            await turn.set()

    assert reader.reads
