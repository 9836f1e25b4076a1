"""Stories over real HTTP: whom a name means, and what is known of the wait for it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import trio
from attrs import evolve

from llamaswap.config.sections import ProfileConfig, SelectorConfig, SelectorSettings
from tests.house.clients import JSON, chat_body
from tests.house.commands import COMMAND, ROOT, running, write_config
from tests.house.houses import config_of, group, model, opened

pytestmark = pytest.mark.slow


async def test_a_selector_spreads_its_requests_over_two_models() -> None:
    config = config_of(group("a", "b", swap=False), a=model("--hold"), b=model("--hold"))
    settings = SelectorSettings(spillover=2)
    selector = SelectorConfig("spillover", ("a", "b"), settings)
    served: dict[int, int] = {}

    async def ask() -> None:
        pid = (await house.client.chat("any")).pid
        served[pid] = served.get(pid, 0) + 1

    async with (
        opened(evolve(config, selectors={"any": selector})) as house,
        trio.open_nursery() as nursery,
    ):
        for _ in range(4):
            nursery.start_soon(ask)
        await house.until("a", "ready", serving=2)
        await house.until("b", "ready", serving=2)
        for name in ("a", "b"):
            await house.server(name).release(2)

    assert sorted(served.values()) == [2, 2]


async def test_a_profile_changes_whom_a_name_means() -> None:
    config = config_of(group("a", "b", swap=False), a=model(), b=model())
    profile = ProfileConfig(pins={"a": "b", "off": None})
    async with opened(evolve(config, profiles={"work": profile})) as house:
        a, b = [(await house.client.chat(name)).pid for name in ("a", "b")]
        chosen = await house.client.send("PUT", "/api/profiles/active", b'{"name": "work"}')
        pinned = await house.client.chat("a")
        queried = await house.client.get("/props?model=a")
        off = await house.client.chat("off")
        left = await house.client.send("PUT", "/api/profiles/active", b'{"name": null}')

        assert (chosen.document, left.document) == ({"active": "work"}, {"active": None})
        assert (pinned.pid, queried.pid) == (b, b)
        assert off.status == 404
        assert (await house.client.chat("a")).pid == a


async def explained(url: str, *options: str) -> str:
    """Run ``llama-swap explain``; return what it prints."""
    argv = [*COMMAND, "explain", "--url", url, *options]
    done = await trio.run_process(argv, capture_stdout=True, stderr=subprocess.STDOUT, cwd=ROOT)
    return done.stdout.decode()


async def test_load_times_survive_a_restart(tmp_path: Path) -> None:
    path = write_config(tmp_path / "config.yaml", config_of(a=model("--load", "0.2"), b=model()))
    state = tmp_path / "state"
    async with running(path, state=state) as command:
        before = json.loads(await explained(command.client.url, "a", "--json"))
        headers = (await command.client.send("POST", "/infill", chat_body("a"), JSON)).headers
        await command.leave()
    kept: dict[str, Any] = json.loads(await trio.Path(state / "load-times.json").read_text())
    async with running(path, state=state) as command:
        after = json.loads(await explained(command.client.url, "a", "--json"))
        said = await explained(command.client.url, "a")
        assert (await command.client.chat("b")).status == 200
        assert "in place of b" in await explained(command.client.url, "a")
        await command.leave()

    assert [part.split(";")[0] for part in headers["server-timing"].split(", ")] == [
        *("queue", "load", "upstream")
    ]
    assert before["estimate_s"] is None
    assert after["estimate_s"] == kept["models"]["a"]["load"] >= 0.2
    assert after["outcome"] == "start"
    assert said.splitlines()[-1].startswith("It would be served in about 0.")
