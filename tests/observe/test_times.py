"""What is kept of the usual times: read, learned, written, and what may be wrong with it."""

from __future__ import annotations

import errno
import json
import logging
import os
import threading
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

from llamaswap.observe import times as module
from llamaswap.observe.times import LARGEST_FILE, MOST_MODELS, PAUSE, Times, parse, run_time_keeping
from llamaswap.policy.pace import Pace
from llamaswap.policy.rules import ModelId
from llamaswap.service import open_layer
from tests.fakes import A, B


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "load-times.json"


@asynccontextmanager
async def keeping(times: Times) -> AsyncGenerator[Mapping[ModelId, Pace], None]:
    async with open_layer(run_time_keeping, times, grace=2) as known:
        yield known


async def kept(path: Path) -> dict[str, tuple[float | None, float | None]]:
    """Return what the next run would know."""
    async with keeping(Times(path)) as known:
        return {model: (pace.load, pace.stop) for model, pace in known.items()}


async def test_what_is_learned_is_known_the_next_time(path: Path) -> None:
    times = Times(path)
    async with keeping(times) as known:
        assert known == {}
        times.learn(A, 1.2345, None)
        times.learn(B, 3.0, 0.25)
        times.learn(A, 2.0, 0.1)

    assert json.loads(await trio.Path(path).read_text()) == {
        "version": 1,
        "models": {"b": {"load": 3.0, "stop": 0.25}, "a": {"load": 2.0, "stop": 0.1}},
    }
    assert await kept(path) == {"b": (3.0, 0.25), "a": (2.0, 0.1)}
    assert [file.name for file in path.parent.iterdir()] == ["load-times.json"]


async def test_a_model_that_is_not_loaded_any_more_is_kept(path: Path) -> None:
    for model in (A, B):
        times = Times(path)
        async with keeping(times):
            times.learn(model, 1.0, None)

    assert await kept(path) == {"a": (1.0, None), "b": (1.0, None)}


async def test_of_many_models_those_loaded_last_are_kept(path: Path) -> None:
    times = Times(path)
    async with keeping(times):
        for number in (*range(MOST_MODELS + 1), 1):
            times.learn(ModelId(f"m{number}"), 1.0, None)

    names = list(await kept(path))
    assert len(names) == MOST_MODELS
    assert (names[0], names[-1]) == ("m2", "m1")


async def test_without_a_path_nothing_is_kept() -> None:
    times = Times(None)
    async with keeping(times) as known:
        times.learn(A, 1.0, None)
        times.wake()

    assert known == {}


async def test_news_are_written_together_and_nothing_in_vain(
    path: Path, monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    written: list[float] = []

    async def write(function: object, *_: object, **_options: object) -> object:
        await trio.lowlevel.checkpoint()
        if function is module._written:
            written.append(trio.current_time())
            return None
        return {}

    monkeypatch.setattr(trio.to_thread, "run_sync", write)
    times = Times(path)
    async with keeping(times):
        await trio.sleep(100)
        for _ in range(4):
            times.learn(A, 1.0, None)
            await trio.sleep(1)
        await trio.sleep(100)
        times.learn(A, 1.0, None)

    assert written == [100 + PAUSE, 204]


BROKEN = {
    "nothing": b"",
    "no JSON": b"{",
    "no text": b"\xff\xfe\xfd",
    "deep": b"[" * 100_000,
    "a list": b"[]",
    "another version": b'{"version": 2, "models": {}}',
    "no models": b'{"version": 1}',
    "a list of models": b'{"version": 1, "models": []}',
    "a model that is none": b'{"version": 1, "models": {"a": 1}}',
    "a time in words": b'{"version": 1, "models": {"a": {"load": "1"}}}',
    "a switch": b'{"version": 1, "models": {"a": {"load": true}}}',
    "a time below zero": b'{"version": 1, "models": {"a": {"stop": -1}}}',
    "no number": b'{"version": 1, "models": {"a": {"load": NaN}}}',
    "for ever": b'{"version": 1, "models": {"a": {"load": Infinity}}}',
    "a huge number": b'{"version": 1, "models": {"a": {"load": 1%b}}}' % (b"0" * 400),
    "too large": b'{"version": 1, "models": {}}'.ljust(LARGEST_FILE + 1),
}


@pytest.mark.parametrize("data", BROKEN.values(), ids=BROKEN)
async def test_a_broken_file_is_one_warning(
    data: bytes, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path.parent.mkdir()
    await trio.Path(path).write_bytes(data)

    assert await kept(path) == {}
    assert len(caplog.messages) == 1
    assert caplog.messages[0].startswith(f"the load times in {path} cannot be read: ")
    assert await trio.Path(path).read_bytes() == data


def test_a_large_file_of_ours_is_no_larger_than_what_is_read(path: Path) -> None:
    usual = {ModelId("m" * 100 + str(n)): (12345.678, 12345.678) for n in range(MOST_MODELS)}
    text = module._text_of(usual)

    assert parse(text.encode()) == usual


def test_more_models_than_are_kept_are_not_read() -> None:
    models = {f"m{number}": {"load": 1} for number in range(MOST_MODELS + 1)}
    found = parse(json.dumps({"version": 1, "models": models}).encode())

    assert len(found) == MOST_MODELS
    assert ModelId("m0") not in found


@given(
    data=st.binary() | st.from_regex(r'\{"version": ?1, "models": ?\{.{0,30}\}\}').map(str.encode)
)
def test_hostile_bytes_are_times_or_a_value_error(data: bytes) -> None:
    try:
        found = parse(data)
    except ValueError:
        return
    assert all(load is None or load >= 0 for load, _ in found.values())


async def test_a_place_that_cannot_be_written_is_one_warning(
    path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    path.parent.write_text("a file where a folder should be")
    told = await write_twice(path, caplog, monkeypatch)

    reason = os.strerror(errno.EEXIST)
    assert told[-1] == f"the load times in {path} cannot be written: {reason}"


async def test_a_full_disk_is_one_warning_and_leaves_nothing_behind(
    path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fill(self: Path, _text: str, **_options: str) -> int:
        self.touch()
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_text", fill)
    told = await write_twice(path, caplog, monkeypatch)

    assert told == [f"the load times in {path} cannot be written: No space left on device"]
    assert list(path.parent.iterdir()) == []


async def write_twice(
    path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> list[str]:
    """Learn something twice; return the warnings about it."""
    times = Times(path)
    writes = threading.Semaphore(0)
    written = module._written

    def write(path: Path, text: str) -> str | None:
        problem = written(path, text)
        writes.release()
        return problem

    monkeypatch.setattr(module, "PAUSE", 0)
    monkeypatch.setattr(module, "_written", write)
    async with keeping(times):
        for _ in range(2):
            times.learn(A, 1.0, None)
            await trio.to_thread.run_sync(writes.acquire)
    return [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]


async def test_a_disk_that_hangs_holds_up_neither_the_start_nor_the_end(
    path: Path,
    monkeypatch: pytest.MonkeyPatch,
    autojump_clock: MockClock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def hang(*_: object, **_options: object) -> object:
        await trio.sleep_forever()

    monkeypatch.setattr(trio.to_thread, "run_sync", hang)
    times = Times(path)
    async with keeping(times) as known:
        assert (known, trio.current_time()) == ({}, 2)
        times.learn(A, 1.0, None)
        await trio.sleep(10)

    assert trio.current_time() == 14
    assert caplog.messages == [f"the load times in {path} cannot be read: it takes longer than 2 s"]
