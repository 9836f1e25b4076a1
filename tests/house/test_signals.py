"""Stories about leaving: the real command, real signals, and nothing left behind."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest
import trio
from attrs import evolve

from llamaswap.config.schema import Config
from llamaswap.errors import UpstreamError
from tests.house.clients import Client, Reply
from tests.house.commands import Command, running, write_config
from tests.house.houses import config_of, model, until
from tests.processes import marked

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's"),
]

AT_ONCE = 2.0
"""Seconds: a process that ends, on a busy machine; far below every grace."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "config.yaml"


def server_of(config: Config, command: Command) -> Client:
    """Return a client of the server of the only model."""
    (entry,) = config.models.values()
    return evolve(command.client, url=entry.proxy)


async def until_waiting(command: Command, state: str) -> None:
    """Wait until the only model is in that state, with a request in flight or waiting."""

    async def is_so() -> bool:
        entries = (await command.client.get("/running")).document["running"]
        return [(e["state"], e["in_flight"] + e["waiting"]) for e in entries] == [(state, 1)]

    await until(is_so)


async def until_refused(client: Client) -> None:
    """Wait until nobody listens any more."""

    async def is_so() -> bool:
        try:
            await client.get("/health")
        except UpstreamError:
            return True
        return False

    await until(is_so)


async def until_nothing_lives() -> None:
    """Wait for the end of what has been killed: the kernel takes a moment."""

    async def is_so() -> bool:
        return marked() == []

    with trio.fail_after(AT_ONCE):
        await until(is_so)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_an_idle_program_leaves_at_once(path: Path, number: int) -> None:
    write_config(path, config_of(a=model()))
    async with running(path) as command:
        assert (await command.client.chat("a")).status == 200
        assert len(marked()) == 2
        status, seconds = await command.leave(number)

    assert status == 0
    assert seconds < AT_ONCE
    assert marked() == []


async def test_a_stream_is_finished_before_the_program_leaves(path: Path) -> None:
    config = config_of(a=model("--step", "--tokens", "1"))
    write_config(path, config)
    async with running(path) as command:
        server = server_of(config, command)
        async with command.client.streaming("a") as stream:
            await stream.event()
            command.process.send_signal(signal.SIGTERM)
            await command.until_said("leaving: ")
            await server.release()
            assert await stream.word() == "The"
            await server.release()
            assert (await stream.rest()).endswith(b"data: [DONE]\n\n")
        status = await command.process.wait()
        await command.until_said("a: stopped (the program is leaving)")

    assert status == 0
    assert marked() == []


async def test_who_waits_for_a_load_is_served_before_the_program_leaves(path: Path) -> None:
    write_config(path, config_of(a=model("--load", "0.8")))
    replies: list[Reply] = []

    async def ask(command: Command) -> None:
        replies.append(await command.client.chat("a"))

    async with running(path) as command, trio.open_nursery() as nursery:
        nursery.start_soon(ask, command)
        await until_waiting(command, "starting")
        status, seconds = await command.leave()

    assert status == 0
    assert seconds < 5
    assert [reply.status for reply in replies] == [200]


async def test_a_load_that_nobody_waits_for_ends_with_the_program(path: Path) -> None:
    write_config(path, config_of(a=model("--never-healthy")))
    async with running(path) as command:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(command.client.chat, "a")
            await until_waiting(command, "starting")
            nursery.cancel_scope.cancel()
        status, seconds = await command.leave()

    assert status == 0
    assert seconds < AT_ONCE


async def test_a_second_signal_kills_every_model_and_leaves_at_once(path: Path) -> None:
    config = config_of(a=evolve(model("--step", "--ignore-sigterm"), unload_timeout=60))
    write_config(path, config)
    status, seconds = 0, 0.0
    async with running(path) as command:
        with pytest.raises(UpstreamError):
            async with command.client.streaming("a") as stream:
                await stream.event()
                command.process.send_signal(signal.SIGTERM)
                await command.until_said("leaving: ")
                status, seconds = await command.leave()
                await stream.rest()
        await command.until_said("second signal: killing every model")

    assert status == 1
    assert seconds < AT_ONCE
    await until_nothing_lives()


async def test_a_second_signal_during_a_load_leaves_at_once(path: Path) -> None:
    write_config(path, config_of(a=model("--never-healthy", "--ignore-sigterm")))

    async def ask(command: Command) -> None:
        with pytest.raises(UpstreamError):
            await command.client.chat("a")

    async with running(path) as command, trio.open_nursery() as nursery:
        nursery.start_soon(ask, command)
        await until_waiting(command, "starting")
        command.process.send_signal(signal.SIGINT)
        await command.until_said("leaving: ")
        status, seconds = await command.leave(signal.SIGINT)

    assert status == 1
    assert seconds < AT_ONCE
    await until_nothing_lives()


async def test_a_second_signal_does_not_wait_for_a_model_that_ignores_sigterm(path: Path) -> None:
    config = config_of(a=evolve(model("--ignore-sigterm"), unload_timeout=60))
    write_config(path, config)
    async with running(path) as command:
        await command.client.chat("a")
        command.process.send_signal(signal.SIGTERM)
        await command.until_said("a: stopping (the program is leaving)")
        status, seconds = await command.leave()

    assert status == 1
    assert seconds < AT_ONCE
    await until_nothing_lives()


async def test_an_output_that_nobody_reads_holds_nothing_up(path: Path) -> None:
    write_config(path, config_of(a=model()))
    async with running(path) as command:
        command.stop_listening()
        # The access log alone is four times what a pipe holds.
        for _ in range(64):
            reply = await command.client.get("/v1/models/" + "x" * 4096)
            assert reply.status == 404
        assert (await command.client.chat("a")).status == 200
        status, seconds = await command.leave()

    assert status == 0
    assert seconds < AT_ONCE + 1


async def test_a_reader_of_the_output_that_has_left_harms_nobody(path: Path) -> None:
    write_config(path, config_of(a=model()))
    async with running(path) as command:
        command.stop_listening()
        assert command.process.stdout is not None
        await command.process.stdout.aclose()
        assert (await command.client.chat("a")).status == 200
        status, _ = await command.leave()

    assert status == 0


async def test_a_second_signal_leaves_although_nobody_reads_the_output(path: Path) -> None:
    write_config(path, config_of(a=evolve(model("--ignore-sigterm"), unload_timeout=60)))
    async with running(path) as command:
        command.stop_listening()
        for _ in range(32):
            await command.client.get("/v1/models/" + "x" * 4096)
        assert (await command.client.chat("a")).status == 200
        command.process.send_signal(signal.SIGTERM)
        await until_refused(command.client)
        status, seconds = await command.leave()

    assert status == 1
    assert seconds < AT_ONCE
    await until_nothing_lives()
