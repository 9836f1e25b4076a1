"""What systemd is told: datagrams on a real socket, and the whole story of a real process."""

from __future__ import annotations

import logging
import socket
import sys
import time
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest
import trio
from attrs import define, evolve
from trio.testing import MockClock

from llamaswap.cli.systemd import Systemd, status_of, take_address
from llamaswap.config.schema import Config, ModelConfig
from llamaswap.errors import Fault
from llamaswap.service import open_layer
from tests.fakes import A, B
from tests.house.commands import running, write_config
from tests.house.houses import config_of, model
from tests.processes import nothing_left

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="systemd is Linux's")

CONFIG = Config({A: ModelConfig(cmd="x")}, sources=(Path("/etc/c.yaml"),))
FAULT = Fault("models.a.ttl", "expected a\nnumber", "/etc/c.yaml", 3, 5)
MOMENT = time.mktime((2026, 3, 1, 12, 30, 0, 0, 0, -1))


@pytest.fixture(autouse=True)
def _nothing_is_left(monkeypatch: pytest.MonkeyPatch) -> Generator[None, None, None]:
    with nothing_left(monkeypatch):
        yield


@define
class Listening:
    """The socket of somebody who acts as systemd."""

    sock: trio.socket.SocketType

    async def next(self) -> dict[str, str]:
        """Wait for the next message; return its assignments."""
        with trio.fail_after(10):
            lines = (await self.sock.recv(10_000)).decode().split("\n")
        return dict(line.split("=", 1) for line in lines)


@asynccontextmanager
async def listening(address: str) -> AsyncGenerator[Listening, None]:
    """Listen on ``address``, as systemd does."""
    with datagram_socket() as sock:
        await sock.bind(address)
        yield Listening(sock)


def datagram_socket() -> trio.socket.SocketType:
    if sys.platform == "win32":
        raise NotImplementedError
    return trio.socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)


ADDRESSES = {"/run/s": "/run/s", "@/org/s": "\0/org/s", "": None, "vsock:2:1": None, "run/s": None}


@pytest.mark.parametrize(("name", "address"), ADDRESSES.items())
def test_the_address_is_taken_out_of_the_environment(name: str, address: str | None) -> None:
    environ = {"NOTIFY_SOCKET": name, "HOME": "/"}

    assert take_address(environ) == address
    assert environ == {"HOME": "/"}
    assert take_address(environ) is None


STATUSES = {
    "serving 1 model of /etc/c.yaml": (CONFIG, None),
    "serving 0 models of 2 files": (Config(sources=(Path("a"), Path("b"))), None),
    (
        "the last reload failed: /etc/c.yaml:3:5: models.a.ttl: expected a\nnumber; "
        "still serving the configuration of 2026-03-01 12:30:00"
    ): (CONFIG, (FAULT, FAULT)),
}


@pytest.mark.parametrize(("status", "case"), STATUSES.items())
def test_the_status_says_what_is_served(
    status: str, case: tuple[Config, tuple[Fault, ...] | None]
) -> None:
    assert status_of(*case, MOMENT) == status


@pytest.mark.parametrize("is_abstract", [False, True])
async def test_messages_arrive_in_their_order(tmp_path: Path, *, is_abstract: bool) -> None:
    if is_abstract and sys.platform != "linux":
        pytest.skip("abstract sockets are Linux's")
    name = f"@llamaswap{tmp_path}" if is_abstract else f"{tmp_path}/s"
    address = take_address({"NOTIFY_SOCKET": name})
    assert address is not None
    systemd = Systemd(address)
    before = time.monotonic_ns() // 1000
    async with listening(address) as heard, open_layer(systemd.run, grace=2):
        systemd.reloading()
        systemd.stopping()
        first, second = await heard.next(), await heard.next()

    assert before <= int(first.pop("MONOTONIC_USEC")) <= time.monotonic_ns() // 1000
    assert first == {"RELOADING": "1", "STATUS": "reloading"}
    assert second == {"STOPPING": "1", "STATUS": "finishing open requests"}


async def test_what_is_told_at_the_end_is_still_sent(tmp_path: Path) -> None:
    systemd = Systemd(str(tmp_path / "s"))
    async with listening(str(tmp_path / "s")) as heard:
        async with open_layer(systemd.run, grace=2):
            systemd.stopping()
        assert (await heard.next())["STOPPING"] == "1"


async def test_a_socket_that_is_not_there_is_told_once_and_harms_nobody(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "llamaswap")
    systemd = Systemd(str(tmp_path / "s"))
    async with open_layer(systemd.run, grace=2):
        for _ in range(300):
            systemd.stopping()

    assert [record.levelname for record in caplog.records] == ["DEBUG"]
    assert caplog.messages[0].startswith("systemd cannot be told how it goes: ")


async def test_a_systemd_that_hangs_holds_up_nobody(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, autojump_clock: MockClock
) -> None:
    caplog.set_level(logging.DEBUG, "llamaswap")
    systemd = Systemd(str(tmp_path / "s"))
    async with listening(str(tmp_path / "s")), open_layer(systemd.run, grace=2):
        # More than its queue takes, and than waits here.
        for _ in range(6):
            for _ in range(90):
                systemd.stopping()
            await trio.sleep(1)
        await trio.sleep(100)

    assert len(caplog.messages) == 1
    assert trio.current_time() < 120


async def test_without_a_socket_nothing_is_told(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "llamaswap")
    systemd = Systemd(None)
    async with open_layer(systemd.run, grace=2):
        for _ in range(300):
            systemd.stopping()

    assert caplog.messages == []


@pytest.mark.slow
async def test_the_whole_story_of_a_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "c.yaml"
    one = config_of(a=model())
    two = evolve(one, models={**one.models, B: model()})
    write_config(path, one)
    monkeypatch.setenv("NOTIFY_SOCKET", f"{tmp_path}/s")
    async with listening(f"{tmp_path}/s") as systemd, running(path) as command:
        start = await systemd.next()
        pid = (await command.client.chat("a")).pid
        told: list[tuple[dict[str, str], str]] = []
        for text in (None, "models: {a: {cmd: 'x ${PORT}', ttl: -2}}\n", None):
            if text is None:
                write_config(path, two)
            else:
                await trio.Path(path).write_text(text)
            command.ask_to_reload()
            began = await systemd.next()
            del began["MONOTONIC_USEC"]
            over = await systemd.next()
            assert over["READY"] == "1"
            told.append((began, over["STATUS"]))
        assert "NOTIFY_SOCKET" not in psutil.Process(pid).environ()
        await command.leave()
        end = await systemd.next()

    assert start == {"READY": "1", "STATUS": f"serving 1 model of {path}"}
    assert [began for began, _ in told] == [{"RELOADING": "1", "STATUS": "reloading"}] * 3
    good, bad, mended = [status for _, status in told]
    assert good == mended == f"serving 2 models of {path}"
    assert bad.startswith(f"the last reload failed: {path}:1:")
    assert "invalid TTL -2" in bad
    assert "; still serving the configuration of 20" in bad
    assert end == {"STOPPING": "1", "STATUS": "finishing open requests"}
