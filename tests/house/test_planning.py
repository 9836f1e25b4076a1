"""A story about the plan of a reload: what it says is what the reload then does."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import trio
from attrs import evolve

from llamaswap.policy.rules import ModelId
from tests.house.commands import COMMAND, ROOT, running, write_config
from tests.house.houses import config_of, model

pytestmark = pytest.mark.slow


async def planned(path: Path | None, url: str) -> dict[str, Any]:
    """Run ``llama-swap plan``; return what it prints for programs."""
    argv = [*COMMAND, "plan", "--json", "--url", url]
    argv += [] if path is None else ["-config", str(path)]
    done = await trio.run_process(argv, capture_stdout=True, stderr=subprocess.STDOUT, cwd=ROOT)
    document: dict[str, Any] = json.loads(done.stdout)
    return document


async def test_a_reload_does_what_was_planned_and_the_plan_changes_nothing(tmp_path: Path) -> None:
    old = config_of(a=model(), b=model(), c=model())
    a, b = old.models[ModelId("a")], old.models[ModelId("b")]
    new = config_of(a=a, b=evolve(b, env=("SECRET=k3y",), unload_timeout=6), d=model())
    write_config(tmp_path / "config.yaml", old)
    write_config(tmp_path / "new.yaml", new)
    async with running(tmp_path / "config.yaml") as command:
        pid = (await command.client.chat("a")).pid
        plan = await planned(tmp_path / "new.yaml", command.client.url)
        assert (await command.client.chat("a")).pid == pid
        write_config(tmp_path / "config.yaml", new)
        done = (await command.client.send("POST", "/api/reload")).document
        assert (await command.client.chat("a")).pid == pid
        after = await planned(tmp_path / "new.yaml", command.client.url)
        await command.leave()

    steps = [(change["model"], change["step"], change["process"]) for change in plan["changes"]]
    assert steps == [
        ("a", "keep", []),
        ("b", "replace", ["environment"]),
        ("c", "remove", []),
        ("d", "add", []),
    ]
    assert done == {"keep": ["a"], "replace": ["b"], "remove": ["c"], "add": ["d"]}
    assert {change["step"] for change in after["changes"]} == {"keep"}
    assert "k3y" not in command.text


@pytest.mark.skipif(sys.platform == "win32", reason="SIGHUP is POSIX's")
async def test_its_own_files_are_compared_with_what_runs_not_with_what_was_wanted_last(
    tmp_path: Path,
) -> None:
    path = tmp_path / "config.yaml"
    old = config_of(a=model("--step", "--tokens", "1"))
    a = old.models[ModelId("a")]
    new = config_of(a=evolve(a, env=("A=1",)))
    write_config(path, old)
    async with running(path) as command, command.client.streaming("a") as stream:
        await stream.event()
        write_config(path, new)
        command.ask_to_reload()
        await command.until_said("reload: 0 kept, 1 replaced")
        drains = await planned(None, command.client.url)
        write_config(path, old)
        back = await planned(None, command.client.url)
        done = (await command.client.send("POST", "/api/reload")).document
        pid = stream.pid
        server = evolve(command.client, url=a.proxy)
        await server.release()
        await server.release()
        await stream.rest()
        async with command.client.streaming("a") as again:
            await again.event()
            assert again.pid == pid
        await command.leave()

    told = [[(c["step"], c["process"]) for c in plan["changes"]] for plan in (drains, back)]
    assert told == [[("replace", ["environment"])], [("keep", [])]]
    assert done == {"keep": ["a"], "replace": [], "remove": [], "add": []}
