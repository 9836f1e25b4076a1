"""What clients and dashboards ask about models."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from llamaswap.config.schema import ModelConfig
from llamaswap.config.sections import ProfileConfig, SelectorConfig, SelectorSettings
from tests.fakes import FakeUpstreams
from tests.web.front_house import Script, open_house

MODELS = {
    "org/b": ModelConfig(name=" Bee ", description="buzzes", aliases=("bee", "bumble")),
    "a": ModelConfig(),
    "hidden": ModelConfig(unlisted=True),
}


@pytest.mark.parametrize("path", ["/health", "/wol-health"])
async def test_we_are_well_whatever_the_models_do(path: str, autojump_clock: MockClock) -> None:
    async with open_house() as house:
        call = await house.call("GET", path)

    assert call.status == 200
    assert call.headers == [
        ("content-type", "text/plain; charset=utf-8"),
        ("content-length", "2"),
    ]
    assert call.body == b"OK"


@pytest.mark.parametrize("path", ["/v1/models", "/models"])
async def test_listed_models_come_sorted(path: str, autojump_clock: MockClock) -> None:
    async with open_house(MODELS) as house:
        await house.infer("a")
        call = await house.call("GET", path)
        created = int(house.front.snapshot.loaded_at)

    assert call.header("content-type") == "application/json"
    assert call.header("access-control-allow-origin") is None
    assert call.json == {
        "object": "list",
        "data": [
            {
                "id": "a",
                "object": "model",
                "created": created,
                "owned_by": "llama-swap",
                "status": {"value": "loaded"},
                "meta": {"llamaswap": {"type": "model"}},
            },
            {
                "id": "org/b",
                "object": "model",
                "created": created,
                "owned_by": "llama-swap",
                "status": {"value": "unloaded"},
                "meta": {"llamaswap": {"type": "model", "aliases": ["bee", "bumble"]}},
                "name": "Bee",
                "description": "buzzes",
            },
        ],
    }


@pytest.mark.parametrize("path", ["/v1/models", "/v1/models/a"])
async def test_a_page_of_another_origin_may_read_about_models(
    path: str, autojump_clock: MockClock
) -> None:
    async with open_house() as house:
        call = await house.call("GET", path, {"origin": "https://chat.example"})

    assert call.header("access-control-allow-origin") == "https://chat.example"
    assert call.header("vary") == "Origin"


@pytest.mark.parametrize("name", ["org/b", "org%2Fb", "org%2fb", "bee"])
async def test_one_model_is_shown_under_each_of_its_names(
    name: str, autojump_clock: MockClock
) -> None:
    async with open_house(MODELS) as house:
        call = await house.call("GET", f"/v1/models/{name}")

    assert call.status == 200
    assert call.json["id"] == "org/b"


async def test_an_unknown_model_is_not_shown(autojump_clock: MockClock) -> None:
    async with open_house() as house:
        call = await house.call("GET", "/v1/models/a/b")

    assert call.status == 404
    assert call.json["error"]["code"] == "model_not_found"


async def test_what_runs_is_listed_with_its_state(autojump_clock: MockClock) -> None:
    models = {
        "a": ModelConfig(
            cmd="serve\n-m a", proxy="http://a.example", ttl=60, name=" A ", description="first"
        ),
        "b": ModelConfig(),
    }
    async with open_house(models, script=Script((5, b"{}"))) as house:
        assert (await house.call("GET", "/running")).json == {"running": []}
        async with trio.open_nursery() as nursery:
            nursery.start_soon(house.infer, "a")
            await trio.sleep(2)
            nursery.start_soon(house.infer, "b")
            await wait_all_tasks_blocked()
            call = await house.call("GET", "/running")

    assert call.json == {
        "running": [
            {
                "model": "a",
                "state": "ready",
                "cmd": "serve\n-m a",
                "proxy": "http://a.example",
                "ttl": 60,
                "name": " A ",
                "description": "first",
                "in_flight": 1,
                "waiting": 0,
            }
        ]
    }


async def test_what_was_removed_is_not_listed_while_it_finishes(
    autojump_clock: MockClock,
) -> None:
    async with open_house(("a", "b")) as house:
        await house.infer("a")
        async with open_house(("b",)) as other:
            house.front.snapshot = other.front.snapshot
        call = await house.call("GET", "/running")

    assert call.json == {"running": []}


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_unloading_answers_when_all_are_gone(method: str, autojump_clock: MockClock) -> None:
    fake = FakeUpstreams(stop=7)
    async with open_house(upstreams=fake) as house:
        await house.infer()
        call = await house.call(method, "/unload")

        assert trio.current_time() == 8
        assert (call.status, call.body) == (200, b"OK")
        assert fake.told() == ["start a", "ready a", "gone a"]


async def test_a_link_checker_unloads_nothing(autojump_clock: MockClock) -> None:
    fake = FakeUpstreams()
    async with open_house(upstreams=fake) as house:
        await house.infer()
        call = await house.call("HEAD", "/unload")

        assert call.status == 200
        assert fake.told() == ["start a", "ready a"]


async def test_the_api_unloads_all(autojump_clock: MockClock) -> None:
    async with open_house() as house:
        await house.infer()
        call = await house.call("POST", "/api/models/unload")

        assert call.json == {"msg": "ok"}
        assert not house.upstreams.alive


@pytest.mark.parametrize("name", ["org/b", "org%2Fb", "bee"])
async def test_one_model_is_unloaded_under_each_of_its_names(
    name: str, autojump_clock: MockClock
) -> None:
    async with open_house(MODELS) as house:
        await house.infer("bee")
        call = await house.call("POST", f"/api/models/unload/{name}")

        assert (call.status, call.body) == (200, b"OK")
        assert call.header("content-type") == "text/plain; charset=utf-8"
        assert not house.upstreams.alive
        assert (await house.call("POST", f"/api/models/unload/{name}")).status == 200


@pytest.mark.parametrize("name", ["", "c", "a/b"])
async def test_an_unknown_model_is_not_unloaded(name: str, autojump_clock: MockClock) -> None:
    async with open_house() as house:
        call = await house.call("POST", f"/api/models/unload/{name}")

    assert call.status == 404
    assert call.json["error"]["message"] == "model not found (there is a)"


NAMED: dict[str, Any] = {
    "selectors": {
        "any": SelectorConfig(
            strategy="spillover",
            targets=("bee", "a"),
            settings=SelectorSettings(3),
            name=" Any ",
            metadata={"tier": 1, "type": "mine"},
        ),
        "first": SelectorConfig(strategy="pin", targets=("a", "org/b")),
        "secret": SelectorConfig(strategy="warm", targets=("a",), unlisted=True),
    },
    "profiles": {
        "p": ProfileConfig(pins={"chat": "org/b", "a": "org/b", "off": None, "z": "first"})
    },
}


async def test_selectors_and_the_pins_of_the_active_profile_are_listed(
    autojump_clock: MockClock,
) -> None:
    async with open_house(MODELS, **NAMED) as house:
        plain = await house.call("GET", "/v1/models")
        house.front.choose_profile("p")
        await house.infer("org/b")
        pinned = await house.call("GET", "/v1/models")
        created = int(house.front.snapshot.loaded_at)

    assert [record["id"] for record in plain.json["data"]] == ["a", "any", "first", "org/b"]
    records = {record["id"]: record for record in pinned.json["data"]}
    assert list(records) == ["a", "any", "chat", "first", "org/b", "z"]
    assert records["any"] == {
        "id": "any",
        "object": "model",
        "created": created,
        "owned_by": "llama-swap",
        "status": {"value": "loaded"},
        "meta": {
            "llamaswap": {
                "tier": 1,
                "type": "selector",
                "strategy": "spillover",
                "targets": ["bee", "a"],
                "spillover": 3,
            }
        },
        "name": "Any",
    }
    assert records["first"]["meta"]["llamaswap"] == {
        "type": "selector",
        "strategy": "pin",
        "targets": ["a", "org/b"],
    }
    assert records["chat"]["meta"] == {"llamaswap": {"type": "profile"}}
    loaded = {name: record["status"]["value"] == "loaded" for name, record in records.items()}
    # A selector that is pinned to its first target is as loaded as that.
    assert [name for name in loaded if loaded[name]] == ["any", "chat", "org/b"]


@pytest.mark.parametrize(
    ("name", "kind"), [("any", "selector"), ("secret", "selector"), ("chat", "profile")]
)
async def test_what_is_no_model_is_shown_too(
    name: str, kind: str, autojump_clock: MockClock
) -> None:
    async with open_house(MODELS, **NAMED) as house:
        house.front.choose_profile("p")
        call = await house.call("GET", f"/v1/models/{name}")
        disabled = await house.call("GET", "/v1/models/off")

    assert call.json["meta"]["llamaswap"]["type"] == kind
    assert disabled.status == 404


async def test_a_selector_of_models_elsewhere_is_never_loaded(autojump_clock: MockClock) -> None:
    selectors = {"far": SelectorConfig(strategy="pin", targets=("peer/model",))}
    async with open_house(selectors=selectors) as house:
        call = await house.call("GET", "/v1/models/far")

    assert call.json["status"] == {"value": "unloaded"}
