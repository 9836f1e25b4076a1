"""Who waits, and what a request would do now, over HTTP."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from llamaswap.config.schema import ModelConfig
from llamaswap.config.sections import ProfileConfig, SelectorConfig
from tests.web.front_house import House, Script, open_house

SLOW = Script((60, b"{}"))


async def test_nobody_waits(autojump_clock: MockClock) -> None:
    async with open_house() as house:
        assert (await house.call("GET", "/api/queue")).json == {"waiting": []}


async def test_who_waits_is_listed_with_the_reason(autojump_clock: MockClock) -> None:
    async with open_house(("a", "b"), script=SLOW) as house, trio.open_nursery() as nursery:
        nursery.start_soon(house.infer, "a")
        await trio.sleep(1.5)
        nursery.start_soon(house.infer, "b")
        await trio.sleep(0.25)
        call = await house.call("GET", "/api/queue")
        nursery.cancel_scope.cancel()

    assert call.json == {
        "waiting": [
            {
                "model": "b",
                "position": 1,
                "waited_s": 0.25,
                "reason": {
                    "why": "serving",
                    "text": "a must make room and still serves",
                    "models": ["a"],
                },
                "estimate_s": None,
            }
        ]
    }


async def explained(house: House, name: str) -> dict[str, object]:
    call = await house.call("GET", f"/api/explain?model={name}")
    assert call.status == 200
    document: dict[str, object] = call.json
    return document


async def test_a_start_is_explained_with_whom_it_evicts(autojump_clock: MockClock) -> None:
    async with open_house(("a", "b")) as house:
        await house.infer("b")
        await house.infer("a")
        document = await explained(house, "b")

        assert house.upstreams.told()[-1] == "ready a"

    assert document == {
        "asked": "b",
        "profile": None,
        "model": "b",
        "selector": None,
        "outcome": "start",
        "reason": {"why": "wanted", "text": "requests waiting: 1", "models": []},
        "estimate_s": 1.0,
        "choice": {
            "rule": "g",
            "expression": None,
            "models": ["b"],
            "evict": ["a"],
            "cost": 1,
        },
        "rejected": [],
    }


async def test_names_are_resolved_as_those_of_requests(autojump_clock: MockClock) -> None:
    models = {"a": ModelConfig(aliases=("first",)), "b": ModelConfig()}
    selectors = {"any": SelectorConfig(strategy="warm", targets=("b", "first"))}
    profiles = {"p": ProfileConfig(pins={"chat": "any", "b": None})}
    async with open_house(models, selectors=selectors, profiles=profiles) as house:
        await house.infer("a")
        house.front.choose_profile("p")
        pinned, alias = await explained(house, "chat"), await explained(house, "first")
        disabled = await house.call("GET", "/api/explain?model=b")

    assert (pinned["model"], pinned["profile"], pinned["outcome"]) == ("a", "p", "serve")
    assert pinned["selector"] == {"name": "any", "strategy": "warm", "targets": ["b", "a"]}
    assert (alias["model"], alias["selector"]) == ("a", None)
    assert disabled.status == 404


async def test_a_refusal_is_a_sentence(autojump_clock: MockClock) -> None:
    async with open_house(script=SLOW, limit=1) as house, trio.open_nursery() as nursery:
        nursery.start_soon(house.infer, "a")
        await wait_all_tasks_blocked()
        document = await explained(house, "a")
        nursery.cancel_scope.cancel()

    assert document["outcome"] == "refuse"
    assert document["reason"] == {
        "why": "refused",
        "text": "1 requests wait for this model or use it already",
        "models": [],
    }


@pytest.mark.parametrize(
    ("query", "status", "message"),
    [
        ("", 400, "say which model: /api/explain?model=NAME"),
        ("?model=", 400, "say which model: /api/explain?model=NAME"),
        (
            "?model=x",
            404,
            "no router for requested model: nothing here is called 'x' (there is a)",
        ),
    ],
)
async def test_a_question_that_names_nobody_is_refused(
    query: str, status: int, message: str, autojump_clock: MockClock
) -> None:
    async with open_house() as house:
        call = await house.call("GET", f"/api/explain{query}")

    assert (call.status, call.json["error"]["message"]) == (status, message)
