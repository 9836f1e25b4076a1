"""The program's own API."""

from __future__ import annotations

from trio.testing import MockClock

from llamaswap._version import BUILT_AT, COMMIT, VERSION
from tests.web.front_house import open_house


async def test_the_program_says_which_it_is(autojump_clock: MockClock) -> None:
    async with open_house() as house:
        call = await house.call("GET", "/api/version")

    assert call.json == {"version": VERSION, "commit": COMMIT, "build_date": BUILT_AT}
