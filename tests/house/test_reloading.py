"""Stories about reloads of the real command: what stays, what changes, who has the last word."""

from __future__ import annotations

import hashlib
import sys
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import psutil
import pytest
import trio
from attrs import evolve

from llamaswap.config.dump import dump
from llamaswap.config.schema import Config, ModelConfig
from llamaswap.config.sections import HooksConfig, OnStartupConfig
from llamaswap.policy.rules import ModelId
from tests.house.clients import Stream
from tests.house.commands import Command, running, write_config, write_text
from tests.house.houses import config_of, group, model, until
from tests.processes import marked

pytestmark = pytest.mark.slow

NEEDS_SIGHUP = pytest.mark.skipif(sys.platform == "win32", reason="SIGHUP is POSIX's")
NEEDS_LINKS = pytest.mark.skipif(sys.platform == "win32", reason="links need rights on Windows")

BROKEN = "models:\n  a:\n    cmd: x --port ${PORT}\n    ttl: -2\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "config.yaml"


def changed(config: Config, name: str, value: str) -> Config:
    """Give a model another environment, so that its process must be replaced."""
    entry = evolve(config.models[ModelId(name)], env=(f"A={value}",))
    return evolve(config, models={**config.models, ModelId(name): entry})


def preloading(config: Config, *names: str) -> Config:
    """Name the models that are preloaded."""
    return evolve(config, hooks=HooksConfig(OnStartupConfig(tuple(map(ModelId, names)))))


def version_of(pid: int) -> str:
    """Return what `changed` gave a process."""
    return psutil.Process(pid).environ().get("A", "")


async def state_of(command: Command) -> dict[str, Any]:
    """Return what the command says of its configuration."""
    document: dict[str, Any] = (await command.client.get("/api/config")).document
    return document


async def until_in_force(command: Command, path: Path) -> None:
    """Wait until what stands in a file is what is served."""
    digest = hashlib.sha256(await trio.Path(path).read_bytes()).hexdigest()

    async def is_so() -> bool:
        return bool((await state_of(command))["digest"] == digest)

    await until(is_so)


@NEEDS_SIGHUP
async def test_the_last_of_ten_changes_wins_and_each_model_has_one_process(path: Path) -> None:
    old = config_of(group("a", "b", swap=False), a=model(), b=model())
    write_config(path, preloading(old, "a", "b"))
    async with running(path) as command:
        await command.until_said(": preloaded after ", times=2)
        versions = [changed(changed(old, "a", f"{n}"), "b", f"{n}") for n in range(1, 11)]
        texts = [dump(preloading(version, "a", "b")) for version in versions]
        began = trio.current_time()
        for text in texts:
            write_text(path, text)
            command.ask_to_reload()
        assert trio.current_time() - began < 0.1
        await until_in_force(command, path)
        pids = [(await command.client.chat(name)).pid for name in ("a", "b")]
        assert [version_of(pid) for pid in pids] == ["10", "10"]
        assert len(marked()) == 3
        status, _ = await command.leave()

    assert status == 0
    assert 1 <= command.text.count("reload: 0 kept, 2 replaced") <= 10
    for name in ("a", "b"):
        starts, stops = (command.text.count(f"{name}: {act} (") for act in ("starting", "stopped"))
        assert starts == stops


def linked(folder: Path, version: str, config: Config) -> None:
    """Write a version as Kubernetes does: a folder of its own, and one link that is swapped."""
    (folder / version).mkdir()
    write_config(folder / version / "models.yaml", config)
    (folder / "..fresh").symlink_to(version)
    (folder / "..fresh").replace(folder / "..data")


@NEEDS_LINKS
async def test_a_link_that_is_swapped_is_noticed(tmp_path: Path) -> None:
    old = config_of(a=model())
    linked(tmp_path, "..v1", old)
    (tmp_path / "models.yaml").symlink_to("..data/models.yaml")
    async with running(None, "-config-dir", str(tmp_path), "-watch-config") as command:
        assert (await state_of(command))["sources"] == [str(tmp_path / "models.yaml")]
        await command.client.chat("a")
        linked(tmp_path, "..v2", changed(old, "a", "2"))
        await until_in_force(command, tmp_path / "..v2" / "models.yaml")
        assert version_of((await command.client.chat("a")).pid) == "2"
        assert len(marked()) == 2
        await command.leave()

    assert command.text.count("the configuration has changed: reloading") == 1
    assert command.text.count("reload: 0 kept, 1 replaced") == 1


async def test_a_file_that_is_replaced_is_noticed_and_mended_ones_too(path: Path) -> None:
    old = config_of(a=model())
    write_config(path, old)
    async with running(path, "-watch-config") as command:
        before = (await command.client.chat("a")).pid
        await trio.Path(path).write_text(BROKEN)
        await command.until_said("reload: the old configuration stays, because of: ")
        assert (await state_of(command))["faults"][0]["path"] == "models.a.ttl"
        await trio.Path(path).unlink()
        write_config(path, changed(old, "a", "2"))
        await until_in_force(command, path)
        assert (await state_of(command))["faults"] is None
        after = (await command.client.chat("a")).pid
        assert (version_of(after), after != before) == ("2", True)
        await command.leave()


async def test_a_fault_is_answered_and_stays_visible_until_it_is_mended(path: Path) -> None:
    old = config_of(a=model())
    write_config(path, old)
    async with running(path) as command:
        before = (await command.client.chat("a")).pid
        start = await state_of(command)
        await trio.Path(path).write_text(BROKEN)
        refused = await command.client.send("POST", "/api/reload")
        broken = await state_of(command)
        assert (await command.client.chat("a")).pid == before
        write_config(path, changed(old, "a", "2"))
        mended = await command.client.send("POST", "/api/reload")
        end = await state_of(command)
        assert version_of((await command.client.chat("a")).pid) == "2"
        await command.leave()

    fault = {
        "path": "models.a.ttl",
        "file": str(path),
        "line": 4,
        "column": 5,
        "message": "invalid TTL -2: expected seconds, 0 for never, or -1 for globalTTL",
        "expected": "seconds, 0 for never, or -1 for globalTTL",
        "found": "-2",
        "suggestion": "",
    }
    assert (refused.status, refused.document["faults"]) == (422, [fault])
    assert broken == start | {"faults": [fault]}
    assert mended.status == 200
    assert mended.document == {"keep": [], "replace": ["a"], "remove": [], "add": []}
    assert end["faults"] is None
    assert end["digest"] != start["digest"]
    assert end["loaded_at"] > start["loaded_at"]


async def finish(command: Command, entry: ModelConfig, stream: Stream) -> str:
    """Let a server go on with its one stream; return what comes."""
    server = evolve(command.client, url=entry.proxy)
    await server.release()
    word = await stream.word()
    await server.release()
    assert (await stream.rest()).endswith(b"data: [DONE]\n\n")
    return word


@NEEDS_SIGHUP
async def test_who_is_not_edited_keeps_process_and_stream(path: Path) -> None:
    names = ("a", "b", "c")
    models = {name: model("--step", "--tokens", "1") for name in names}
    old = config_of(group(*names, swap=False), **models)
    write_config(path, old)
    async with running(path) as command, AsyncExitStack() as stack:
        streams = [await stack.enter_async_context(command.client.streaming(n)) for n in names]
        for stream in streams:
            await stream.event()
        write_config(path, changed(old, "b", "2"))
        command.ask_to_reload()
        await command.until_said("reload: 2 kept, 1 replaced, 0 removed, 0 added")
        words = [
            await finish(command, entry, stream)
            for entry, stream in zip(models.values(), streams, strict=True)
        ]
        after: list[int] = []
        for name in names:
            async with command.client.streaming(name) as stream:
                await stream.event()
                after.append(stream.pid)
        assert len(marked()) == 4
        assert version_of(after[1]) == "2"
        await command.leave()

    assert words == ["The"] * 3
    before = [stream.pid for stream in streams]
    assert [old == new for old, new in zip(before, after, strict=True)] == [True, False, True]


@NEEDS_SIGHUP
async def test_how_a_process_is_looked_after_changes_while_it_streams(path: Path) -> None:
    """Another stop command, other time limits, another health check: one and the same process."""
    old = config_of(a=model("--step", "--tokens", "1", "--ignore-sigterm"))
    a = old.models[ModelId("a")]
    kill = f"{sys.executable} -S -c 'import os, sys; os.kill(int(sys.argv[1]), 9)' ${{PID}}"
    new = evolve(
        config_of(a=evolve(a, cmd_stop=kill, check_endpoint="/", unload_timeout=60)),
        health_check_timeout=33,
    )
    write_config(path, old)
    async with running(path) as command:
        async with command.client.streaming("a") as stream:
            await stream.event()
            write_config(path, new)
            done = (await command.client.send("POST", "/api/reload")).document
            assert await finish(command, a, stream) == "The"
        async with command.client.streaming("a") as again:
            await again.event()
            assert again.pid == stream.pid
        began = trio.current_time()
        await command.client.send("POST", "/api/models/unload/a")
        assert trio.current_time() - began < 10, "SIGTERM and its grace would take a minute"
        await command.leave()

    assert done == {"keep": ["a"], "replace": [], "remove": [], "add": []}


@NEEDS_SIGHUP
async def test_preloads_come_with_the_start_and_a_reload_adds_only_what_is_new(path: Path) -> None:
    names = ("a", "b", "c")
    old = config_of(group(*names, swap=False), **{name: model() for name in names})
    write_config(path, preloading(old, "b", "a"))
    async with running(path) as command:
        await command.until_said(": preloaded after ", times=2)
        assert command.text.index("b: preloaded") < command.text.index("a: starting")
        assert len(marked()) == 3
        before = [(await command.client.chat(name)).pid for name in ("a", "b")]
        write_config(path, preloading(old, "b", "a", "c"))
        command.ask_to_reload()
        await command.until_said("c: preloaded after ")
        after = [(await command.client.chat(name)).pid for name in names]
        assert len(marked()) == 4
        status, _ = await command.leave()

    assert status == 0
    assert after[:2] == before
    assert command.text.count(": starting (") == 3


@NEEDS_SIGHUP
async def test_a_reload_during_the_drain_of_another_is_in_force_at_once(path: Path) -> None:
    old = config_of(group("a", "b", swap=False), a=model("--step", "--tokens", "1"), b=model())
    write_config(path, old)
    async with running(path) as command, command.client.streaming("a") as stream:
        await stream.event()
        before = (await command.client.chat("b")).pid
        write_config(path, changed(old, "a", "1"))
        command.ask_to_reload()
        await command.until_said("reload: 1 kept, 1 replaced")
        write_config(path, changed(changed(old, "a", "2"), "b", "2"))
        command.ask_to_reload()
        await until_in_force(command, path)
        await finish(command, old.models[ModelId("a")], stream)
        after = (await command.client.chat("b")).pid
        async with command.client.streaming("a") as again:
            await again.event()
            assert (version_of(again.pid), version_of(after)) == ("2", "2")
        assert after != before
        assert len(marked()) == 3
        await command.leave()
