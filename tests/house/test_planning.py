"""A story about the plan of a reload: what it says is what the reload then does."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import trio
from attrs import evolve

from llamaswap.policy.rules import ModelId
from tests.house.commands import COMMAND, ROOT, running, write_config
from tests.house.houses import config_of, model

pytestmark = pytest.mark.slow


async def planned(path: Path, url: str) -> dict[str, Any]:
    """Run ``llama-swap plan``; return what it prints for programs."""
    argv = [*COMMAND, "plan", "--json", "--url", url, "-config", str(path)]
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
        ("b", "replace", ["environment", "time limits"]),
        ("c", "remove", []),
        ("d", "add", []),
    ]
    assert done == {"keep": ["a"], "replace": ["b"], "remove": ["c"], "add": ["d"]}
    assert {change["step"] for change in after["changes"]} == {"keep"}
    assert "k3y" not in command.text
