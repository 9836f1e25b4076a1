"""Stories about the end of a house: who is still served, and what is cut."""

from __future__ import annotations

import pytest
import trio

from llamaswap.relay.client import CutError
from tests.house.clients import Reply
from tests.house.houses import House, config_of, group, model, opened

pytestmark = pytest.mark.slow


async def test_who_is_queued_is_still_swapped_for_and_served() -> None:
    replies: list[Reply] = []

    async def ask(house: House, name: str) -> None:
        replies.append(await house.client.chat(name))

    config = config_of(a=model("--hold"), b=model())
    async with trio.open_nursery() as nursery, opened(config, drain=15) as house:
        nursery.start_soon(ask, house, "a")
        await house.until("a", "ready", serving=1)
        nursery.start_soon(ask, house, "b")
        await house.until("b", "stopped", waiting=1)
        nursery.start_soon(house.server("a").release)

    assert [reply.status for reply in replies] == [200, 200]


async def test_a_stream_that_outlasts_the_drain_time_is_cut_and_not_ended() -> None:
    words: list[str] = []

    async def read(house: House, *, task_status: trio.TaskStatus[None]) -> None:
        with pytest.raises(CutError):
            async with house.client.streaming("a") as stream:
                words.append(await stream.word())
                task_status.started()
                await stream.rest()
        words.append("cut")

    config = config_of(a=model("--step"))
    async with trio.open_nursery() as nursery, opened(config, drain=0.3) as house:
        await nursery.start(read, house)
        left = trio.current_time()

    assert 0.3 <= trio.current_time() - left < 3
    assert words == ["", "cut"]


async def test_models_end_side_by_side() -> None:
    slow = {name: model("--slow-sigterm", "0.4") for name in ("a", "b", "c")}
    async with opened(config_of(group("a", "b", "c", swap=False), **slow)) as house:
        for name in slow:
            await house.client.chat(name)
        left = trio.current_time()

    assert trio.current_time() - left < 1.2


async def test_an_idle_house_leaves_at_once() -> None:
    async with opened(config_of(a=model()), drain=15) as house:
        await house.client.chat("a")
        left = trio.current_time()

    assert trio.current_time() - left < 2
