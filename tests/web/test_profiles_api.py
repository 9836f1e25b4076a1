"""Profiles over HTTP: listed, chosen, and what requests mean then."""

from __future__ import annotations

import json

import pytest
import trio
from attrs import evolve
from trio.testing import MockClock, wait_all_tasks_blocked

from llamaswap.config.schema import ModelConfig
from llamaswap.config.sections import ProfileConfig, SelectorConfig
from llamaswap.web.front import Snapshot
from tests.web.asgi_calls import JSON, Call, events_in
from tests.web.front_house import House, open_house

PROFILES = {
    "work": ProfileConfig("by day", {"chat": "b", "a": "first", "off": None}),
    "home": ProfileConfig(pins={"chat": "any", "off": ""}),
}
SELECTORS = {"any": SelectorConfig(strategy="pin", targets=("bee", "a"))}
MODELS = {"a": ModelConfig(aliases=("first",)), "b": ModelConfig(aliases=("bee",))}


async def choose(house: House, name: object) -> Call:
    return await house.call("PUT", "/api/profiles/active", body=json.dumps({"name": name}).encode())


async def test_profiles_are_listed_and_none_is_active(autojump_clock: MockClock) -> None:
    async with open_house(MODELS, selectors=SELECTORS, profiles=PROFILES) as house:
        call = await house.call("GET", "/api/profiles")

    assert call.json == {
        "active": None,
        "profiles": [
            {"id": "home", "description": "", "pins": {"chat": "any", "off": ""}},
            {
                "id": "work",
                "description": "by day",
                "pins": {"chat": "b", "a": "first", "off": ""},
            },
        ],
    }


@pytest.mark.parametrize("nobody", [None, ""])
async def test_a_profile_is_chosen_and_left(nobody: object, autojump_clock: MockClock) -> None:
    async with open_house(MODELS, selectors=SELECTORS, profiles=PROFILES) as house:
        chosen = await choose(house, "work")
        assert (await house.call("GET", "/api/profiles")).json["active"] == "work"
        left = await choose(house, nobody)

    assert (chosen.status, chosen.json) == (200, {"active": "work"})
    assert (left.status, left.json) == (200, {"active": None})


REFUSED = {
    b"": (400, "invalid profile request: "),
    b"{": (400, "invalid profile request: "),
    b"\xff": (400, "invalid profile request: "),
    b"[" * 60000: (400, "invalid profile request: "),
    b'["work"]': (400, "invalid profile request: expected a JSON object with a name"),
    b"null": (400, "profile name is required"),
    b"{}": (400, "profile name is required"),
    b'{"Name": "work"}': (400, "profile name is required"),
    b'{"name": 1}': (400, "profile name must be a string or null"),
    b'{"name": "play"}': (404, 'profile "play" not found'),
}


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [(body, *told) for body, told in REFUSED.items()],
    ids=[repr(body[:20]) for body in REFUSED],
)
async def test_a_wish_that_cannot_be_met_changes_nothing(
    body: bytes, status: int, message: str, autojump_clock: MockClock
) -> None:
    async with open_house(MODELS, selectors=SELECTORS, profiles=PROFILES) as house:
        await choose(house, "work")
        call = await house.call("PUT", "/api/profiles/active", body=body)
        assert house.front.profile == "work"

    assert call.status == status
    assert call.json["error"]["message"].startswith(message)


async def test_what_stands_beside_the_name_does_not_matter(autojump_clock: MockClock) -> None:
    async with open_house(MODELS, selectors=SELECTORS, profiles=PROFILES) as house:
        body = b'\xef\xbb\xbf {"x": 1, "name": "home"} and more'
        call = await house.call("PUT", "/api/profiles/active", {"content-type": "text/x"}, body)

    assert call.json == {"active": "home"}


# Profile, name in the request; model and name that its server is told.
MEANT = {
    "a pin": ("work", "chat", "b", "b"),
    "a pin over an id": ("work", "a", "a", "first"),
    "a pin to a selector": ("home", "chat", "b", "bee"),
    "a name without a pin": ("work", "first", "a", "first"),
    "an id of another profile": ("home", "a", "a", "a"),
}


@pytest.mark.parametrize(("profile", "name", "model", "told"), MEANT.values(), ids=MEANT)
async def test_requests_mean_what_the_profile_says(
    profile: str, name: str, model: str, told: str, autojump_clock: MockClock
) -> None:
    async with open_house(MODELS, selectors=SELECTORS, profiles=PROFILES) as house:
        await choose(house, profile)
        body = b'{ "model" : "%b" }' % name.encode()
        await house.call("POST", "/infill", JSON, body)
        asked = house.pool.last

    assert asked.model == model
    assert asked.body == b'{ "model" : "%b" }' % told.encode()


async def test_a_disabled_name_is_refused_in_every_encoding(autojump_clock: MockClock) -> None:
    form = {"content-type": "application/x-www-form-urlencoded"}
    async with open_house(MODELS, selectors=SELECTORS, profiles=PROFILES) as house:
        await choose(house, "work")
        calls = [
            await house.infer("off"),
            await house.call("POST", "/infill", form, b"model=off"),
            await house.call("GET", "/props?model=off"),
        ]
        upstream = await house.call("GET", "/upstream/off/x")
        assert not house.pool.asked

    message = "no model id could be identified: the active profile disables 'off'"
    assert [call.status for call in calls] == [404, 404, 404]
    assert {call.json["error"]["message"] for call in calls} == {message}
    assert upstream.status == 404
    assert upstream.json["error"]["message"].startswith("model not found")


async def test_a_path_follows_a_pin_and_nothing_else_of_it_changes(
    autojump_clock: MockClock,
) -> None:
    async with open_house(MODELS, selectors=SELECTORS, profiles=PROFILES) as house:
        await choose(house, "work")
        await house.call("POST", "/upstream/chat/x%2Fy?model=chat", JSON, b'{"model":"chat"}')
        asked = house.pool.last

    assert (asked.model, asked.target) == ("b", "/x%2Fy?model=chat")
    assert asked.body == b'{"model":"chat"}'


async def test_unloading_is_no_matter_of_profiles(autojump_clock: MockClock) -> None:
    async with open_house(("a", "b"), profiles={"p": ProfileConfig(pins={"a": "b"})}) as house:
        await house.infer("a")
        await choose(house, "p")
        await house.call("POST", "/api/models/unload/a")

    assert house.upstreams.told() == ["start a", "ready a", "gone a"]


async def test_an_active_profile_lasts_as_long_as_the_configuration_has_it(
    autojump_clock: MockClock,
) -> None:
    async with open_house(MODELS, selectors=SELECTORS, profiles=PROFILES) as house:
        await choose(house, "work")
        config = house.front.snapshot.config
        house.front.snapshot = Snapshot.of(evolve(config, models=config.models))
        assert house.front.profile == "work"

        house.front.snapshot = Snapshot.of(evolve(config, profiles={"home": PROFILES["home"]}))
        assert house.front.profile is None
        assert (await house.infer("chat")).status == 404
        await choose(house, None)

        house.front.snapshot = Snapshot.of(config)
        assert house.front.profile is None


async def test_a_change_is_told_and_the_same_again_is_not(autojump_clock: MockClock) -> None:
    async with open_house(MODELS, selectors=SELECTORS, profiles=PROFILES) as house:
        call = Call("GET", "/api/events")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(call.run, house.app)
            for name in ("work", "work", None):
                await trio.sleep(1)
                await choose(house, name)
            await trio.sleep(1)
            await wait_all_tasks_blocked()
            house.front.leaving.set()

    told = [event for event in events_in(call.body) if event[0] != "logData"]
    kinds = [kind for kind, _ in told]
    assert kinds == [
        *("modelStatus", "uiConfig", "profileChanged"),
        *("modelStatus", "profileChanged"),
        *("modelStatus", "profileChanged"),
    ]
    changes = [document["active"] for kind, document in told if kind == "profileChanged"]
    assert changes == [None, "work", None]
