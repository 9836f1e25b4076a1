"""The page."""

from __future__ import annotations

import pytest
from trio.testing import MockClock

from llamaswap.config.schema import ModelConfig
from tests.web.front_house import open_house


async def test_a_browser_is_sent_to_the_page(autojump_clock: MockClock) -> None:
    async with open_house() as house:
        call = await house.call("GET", "/")

    assert (call.status, call.header("location")) == (302, "/ui/")


async def test_a_missing_slash_is_added(autojump_clock: MockClock) -> None:
    async with open_house() as house:
        call = await house.call("GET", "/ui?x=1&y")

    assert (call.status, call.header("location")) == (307, "/ui/?x=1&y")


async def test_the_page_shows_all_models_with_their_states(autojump_clock: MockClock) -> None:
    models = {
        "org/a b": ModelConfig(name=" <A> ", unlisted=True),
        "b": ModelConfig(name=" "),
    }
    async with open_house(models) as house:
        await house.infer("b")
        call = await house.call("GET", "/ui/")

    assert call.status == 200
    assert call.header("content-type") == "text/html; charset=utf-8"
    page = call.body.decode()
    assert (
        '<tr><td><a href="/upstream/b/">b</a></td>'
        '<td class="ready">ready</td><td>0</td><td>0</td></tr>\n'
        '<tr><td><a href="/upstream/org%2Fa%20b/">&lt;A&gt;</a></td>'
        '<td class="stopped">stopped</td><td>0</td><td>0</td></tr>\n'
    ) in page


async def test_a_removed_model_is_not_shown(autojump_clock: MockClock) -> None:
    async with open_house(("a", "b")) as house:
        async with open_house(("b",)) as other:
            house.front.snapshot = other.front.snapshot
        page = (await house.call("GET", "/ui/")).body.decode()

    assert "/upstream/b/" in page
    assert "/upstream/a/" not in page


PAGES = {"/ui/models": 200, "/ui/a.b/c": 200, "/ui/app.js": 404, "/ui/a/b.css": 404}


@pytest.mark.parametrize(("path", "status"), PAGES.items(), ids=PAGES)
async def test_only_a_name_with_a_dot_means_a_file(
    path: str, status: int, autojump_clock: MockClock
) -> None:
    async with open_house() as house:
        assert (await house.call("GET", path)).status == status
