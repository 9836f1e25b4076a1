"""Stories about who listens to the events of the real thing."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import psutil
import pytest
import trio

from llamaswap.observe.logs import UPSTREAM
from tests.house.clients import Stream
from tests.house.commands import running, write_config
from tests.house.houses import House, config_of, group, model, opened

pytestmark = pytest.mark.slow

LEGAL = {
    ("stopped", "starting"),
    ("starting", "ready"),
    ("ready", "stopping"),
    ("stopping", "stopped"),
}
"""The steps that the state of a model may take."""

MIB = 1 << 20


async def next_event(stream: Stream) -> tuple[str, Any]:
    """Return type and data of the next event."""
    envelope = json.loads((await stream.event()).removeprefix("event:message\ndata:"))
    return envelope["type"], json.loads(envelope["data"])


async def lists_until(
    stream: Stream, fact: Callable[[dict[str, str]], bool]
) -> list[dict[str, str]]:
    """Return the lists of states up to the first one for which a fact holds."""
    lists: list[dict[str, str]] = []
    while not lists or not fact(lists[-1]):
        kind, data = await next_event(stream)
        if kind == "modelStatus":
            lists.append({each["id"]: each["state"] for each in data})
    return lists


async def test_one_stream_sees_a_start_and_a_reload_and_ends_with_the_program(
    tmp_path: Path,
) -> None:
    entry = model("--slow-sigterm", "0.2")
    path = write_config(tmp_path / "config.yaml", config_of(a=entry))
    async with (
        running(path, "-watch-config") as command,
        command.client.open("GET", "/api/events") as stream,
    ):
        seen = await lists_until(stream, lambda states: states == {"a": "stopped"})
        async with trio.open_nursery() as nursery:
            nursery.start_soon(command.client.chat, "a")
            seen += await lists_until(stream, lambda states: states["a"] == "ready")
        write_config(path, config_of(group("a", "b", swap=False), a=entry, b=model()))
        assert (await lists_until(stream, lambda states: "b" in states))[-1] == {
            "a": "ready",
            "b": "stopped",
        }
        await command.client.get("/unload")
        seen += await lists_until(stream, lambda states: states["a"] == "stopped")
        status, seconds = await command.leave()
        rest = await stream.rest()

    states = [each["a"] for each in seen]
    steps = {(old, new) for old, new in pairwise(states) if old != new}
    assert states[0] == "stopped"
    assert steps == LEGAL
    assert (status, seconds < 5) == (0, True)
    assert rest.endswith(b"\n\n") or not rest
    assert stream.status == 200
    assert stream.headers["content-type"] == "text/event-stream"
    assert stream.headers["connection"] == "keep-alive"


async def until_printed(house: House, size: int) -> None:
    """Wait until all models together have printed so many bytes."""
    log = house.swap.app.front.book.source(UPSTREAM)
    assert log is not None
    with log.follow() as (_, feed):
        while size > 0:
            size -= sum(map(len, (await feed.receive()).items))


async def test_who_never_reads_costs_neither_memory_nor_time_nor_lines() -> None:
    config = config_of(group("a", "b", swap=False), a=model("--flood"), b=model())
    async with opened(config) as house:
        await house.client.chat("b")
        async with house.client.open("GET", "/api/events") as stream:
            await house.client.chat("a")
            await until_printed(house, 8 * MIB)
            before, lines = psutil.Process().memory_info().rss, len(house.log)
            await until_printed(house, 40 * MIB)
            grown = psutil.Process().memory_info().rss - before
            assert len(house.log) == lines
            assert grown < 8 * MIB
            assert (await house.client.chat("b")).status == 200
            assert (await house.client.get("/api/version")).status == 200
            assert b" writes missed " in await stream.until(b" writes missed ")
