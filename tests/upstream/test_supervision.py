"""How a process is looked after, while that changes."""

from __future__ import annotations

import trio
from trio.testing import wait_all_tasks_blocked

from llamaswap.upstream.supervision import InForce, Supervision


async def test_who_waits_hears_of_another_one_and_who_has_left_does_not() -> None:
    in_force = InForce(Supervision())
    with in_force.until_replaced() as earlier:
        pass
    async with trio.open_nursery() as nursery:

        async def look() -> None:
            with in_force.until_replaced():
                await trio.sleep_forever()
            assert in_force.supervision.stop_within == 3

        nursery.start_soon(look)
        nursery.start_soon(look)
        await wait_all_tasks_blocked()
        in_force.replace(Supervision(stop_within=3))

    assert not earlier.cancel_called
