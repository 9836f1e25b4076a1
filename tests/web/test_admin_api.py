"""The program's own API."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio
from attrs import define, evolve
from trio.testing import MockClock

from llamaswap._version import BUILT_AT, COMMIT, VERSION
from llamaswap.config.schema import Config
from llamaswap.errors import ConfigError, Fault, SwapError
from llamaswap.planning import foresee
from llamaswap.policy.plan import Change, Plan
from tests.fakes import A, B
from tests.web.front_house import open_house

FAULT = Fault("models.a.ttl", "expected a number", "/c.yaml", 3, 5)
FAULT_DOCUMENT = {
    "path": "models.a.ttl",
    "message": "expected a number",
    "file": "/c.yaml",
    "line": 3,
    "column": 5,
    "expected": "",
    "found": "",
    "suggestion": "",
}


@define
class Reloads:
    """Reloads with a given outcome."""

    outcome: Plan | SwapError

    async def reload(self) -> Plan:
        await trio.lowlevel.checkpoint()
        if isinstance(self.outcome, SwapError):
            raise self.outcome
        return self.outcome

    async def foresee(self, config: Config | None) -> tuple[Change, ...]:
        await trio.lowlevel.checkpoint()
        if config is None:
            return tuple(Change(model, "keep") for model in (await self.reload()).keep)
        return foresee(Config(), config, {})


async def test_the_program_says_which_it_is(autojump_clock: MockClock) -> None:
    async with open_house() as house:
        call = await house.call("GET", "/api/version")

    assert call.json == {"version": VERSION, "commit": COMMIT, "build_date": BUILT_AT}


async def test_the_configuration_in_force_is_shown(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    async with open_house() as house:
        config = evolve(
            house.front.snapshot.config, sources=(Path("/a.yaml"), Path("b.yaml")), digest="d1"
        )
        house.front.snapshot = evolve(
            house.front.snapshot, config=config, loaded_at=1_700_000_000.25
        )
        call = await house.call("GET", "/api/config")

    assert call.json == {
        "sources": ["/a.yaml", str(tmp_path / "b.yaml")],
        "digest": "d1",
        "loaded_at": "2023-11-14T22:13:20.250Z",
        "faults": None,
    }


async def test_the_last_faults_are_shown(autojump_clock: MockClock) -> None:
    async with open_house() as house:
        house.front.faults = (FAULT,)
        call = await house.call("GET", "/api/config")

    assert call.json["faults"] == [FAULT_DOCUMENT]
    assert call.json["sources"] == []


async def test_a_reload_is_answered_with_its_plan(autojump_clock: MockClock) -> None:
    async with open_house() as house:
        house.front.reloader = Reloads(Plan(keep=(A,), add=(B,)))
        call = await house.call("POST", "/api/reload")

    assert (call.status, call.json) == (
        200,
        {"keep": ["a"], "replace": [], "remove": [], "add": ["b"]},
    )


async def test_a_reload_of_bad_files_is_answered_with_the_faults(autojump_clock: MockClock) -> None:
    async with open_house() as house:
        house.front.reloader = Reloads(ConfigError((FAULT,)))
        call = await house.call("POST", "/api/reload")

    assert call.status == 422
    assert call.header("content-type") == "application/json"
    assert call.json == {
        "src": "llama-swap",
        "error": {
            "message": "/c.yaml:3:5: models.a.ttl: expected a number",
            "type": "invalid_request_error",
            "param": None,
            "code": "invalid_configuration",
        },
        "faults": [FAULT_DOCUMENT],
    }


async def test_a_model_that_cannot_be_killed_is_told(autojump_clock: MockClock) -> None:
    async with open_house() as house:
        house.front.reloader = Reloads(SwapError("a survived SIGKILL"))
        call = await house.call("POST", "/api/reload")

    assert call.status == 500
    assert call.json["error"]["message"] == "a survived SIGKILL"


async def test_a_program_that_gave_the_configuration_reloads_it_itself(
    autojump_clock: MockClock,
) -> None:
    async with open_house() as house:
        call = await house.call("POST", "/api/reload")

    assert call.status == 409
    assert call.json["error"]["code"] == "no_configuration_source"
    assert call.json["error"]["message"] == (
        "there are no files to read again: a program gave the configuration, and gives the next one"
    )


async def test_a_reload_is_not_asked_for_with_get(autojump_clock: MockClock) -> None:
    async with open_house() as house:
        call = await house.call("GET", "/api/reload")

    assert call.status == 405


PROPOSAL = b'{"models": {"a": {"cmd": "x --key k3y --port ${PORT}"}}, "apiKeys": 1}'


# In real time: the mock clock would not wait for the thread that reads the body.
async def test_a_plan_names_what_would_happen_to_each_model() -> None:
    async with open_house() as house:
        house.front.reloader = Reloads(Plan())
        call = await house.call("POST", "/api/plan", body=PROPOSAL)

    assert (call.status, call.json) == (
        200,
        {"changes": [{"model": "a", "step": "add", "process": [], "at_once": []}]},
    )


async def test_a_plan_without_models_is_one_of_our_own_files(autojump_clock: MockClock) -> None:
    async with open_house() as house:
        house.front.reloader = Reloads(Plan(keep=(A,)))
        call = await house.call("POST", "/api/plan")
        house.front.reloader = Reloads(ConfigError((FAULT,)))
        refused = await house.call("POST", "/api/plan")

    assert call.json["changes"] == [{"model": "a", "step": "keep", "process": [], "at_once": []}]
    assert (refused.status, refused.json["faults"]) == (422, [FAULT_DOCUMENT])


async def test_a_plan_of_a_faulty_model_is_answered_with_the_faults() -> None:
    async with open_house() as house:
        house.front.reloader = Reloads(Plan())
        body = b'{"models": {"a": {"cmd": "x ${PORT}", "ttl": -2}}}'
        call = await house.call("POST", "/api/plan", body=body)

    assert call.status == 422
    assert [fault["path"] for fault in call.json["faults"]] == ["models.a.ttl"]


@pytest.mark.parametrize("body", [b" ", b"[]", b"\xff", b"[" * 100_000])
async def test_what_is_no_proposal_is_refused(body: bytes) -> None:
    async with open_house() as house:
        house.front.reloader = Reloads(Plan())
        call = await house.call("POST", "/api/plan", body=body)

    assert call.status == 400
    assert "expected a JSON object with the key `models`" in call.json["error"]["message"]


async def test_a_program_that_gave_the_configuration_plans_itself(
    autojump_clock: MockClock,
) -> None:
    async with open_house() as house:
        call = await house.call("POST", "/api/plan", body=PROPOSAL)

    assert (call.status, call.json["error"]["code"]) == (409, "no_configuration_source")
