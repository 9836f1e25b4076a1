"""Serving from the command line: what is refused, and what a reload does."""

from __future__ import annotations

import logging
import os
import socket
import sys
from collections.abc import Generator
from pathlib import Path

import psutil
import pytest
import trio
from attrs import evolve

from llamaswap.__main__ import main
from llamaswap._version import VERSION
from llamaswap.cli.serve import announce
from llamaswap.policy.rules import ModelId
from tests.house.commands import running, write_config
from tests.house.houses import config_of, group, model
from tests.processes import marked, nothing_left

MODEL = "models: {m: {cmd: 's ${PORT}'}}\n"

NEEDS_POSIX = pytest.mark.skipif(sys.platform == "win32", reason="POSIX's")


@pytest.fixture(autouse=True)
def _nothing_is_left(monkeypatch: pytest.MonkeyPatch) -> Generator[None, None, None]:
    with nothing_left(monkeypatch):
        yield


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "config.yaml"


def refusal_of(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Run a command that must end with status 1; return what it says on stderr."""
    assert main(arguments) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    return captured.err


def test_somebody_without_a_configuration_is_told_how_to_give_one(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert refusal_of(capsys) == (
        "llama-swap: no configuration: give at least one of -config FILE and -config-dir DIR\n"
    )


def test_a_file_that_cannot_be_read_is_named(
    capsys: pytest.CaptureFixture[str], path: Path
) -> None:
    said = refusal_of(capsys, "-config", str(path))

    assert said.startswith(f"llama-swap: {path}: ")
    assert "No such file or directory" in said


def test_a_folder_is_no_file(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert "Is a directory" in refusal_of(capsys, "-config", str(tmp_path))


def test_a_fault_is_told_with_its_line_and_key(
    capsys: pytest.CaptureFixture[str], path: Path
) -> None:
    path.write_text("models:\n  a:\n    cmd: x --port ${PORT}\n    ttl: -2\n")

    assert refusal_of(capsys, "-config", str(path)) == (
        f"llama-swap: {path}:4:5: models.a.ttl: invalid TTL -2: "
        "expected seconds, 0 for never, or -1 for globalTTL\n"
    )


@pytest.mark.parametrize("text", ["modls: {}\nmodels: [x]\n", "modls: {}\napiKeys: [x]\n" + MODEL])
def test_warnings_are_told_beside_the_faults(
    capsys: pytest.CaptureFixture[str], path: Path, text: str
) -> None:
    path.write_text(text)

    warning, fault = refusal_of(capsys, "-config", str(path)).splitlines()
    assert warning == f"warning: {path}:1:1: modls: unknown key 'modls', did you mean 'models'?"
    assert fault.startswith(f"llama-swap: {path}:2:")


def test_every_key_without_behaviour_is_named(
    capsys: pytest.CaptureFixture[str], path: Path
) -> None:
    path.write_text("apiKeys: [secret]\nsendLoadingState: true\n" + MODEL)

    assert refusal_of(capsys, "-config", str(path)) == (
        f"llama-swap: {path}:1:1: `apiKeys` and `sendLoadingState` are not supported yet; "
        "remove them to serve\n"
    )


def test_a_folder_that_is_not_there_is_named(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    folder = tmp_path / "models.d"

    assert refusal_of(capsys, "-config-dir", str(folder)) == (
        f"llama-swap: {folder}: the folder cannot be read: No such file or directory\n"
    )


def test_a_folder_without_files_is_told(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert "no configuration sources" in refusal_of(capsys, "-config-dir", str(tmp_path))


def test_a_file_that_is_also_in_the_folder_is_told(
    capsys: pytest.CaptureFixture[str], path: Path
) -> None:
    path.write_text("models: {}\n")

    said = refusal_of(capsys, "-config", str(path), "-config-dir", str(path.parent))
    assert "also present in the folder" in said


def test_a_taken_port_is_named(capsys: pytest.CaptureFixture[str], path: Path) -> None:
    write_config(path, config_of(a=model()))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        assert main(["-config", str(path), "-listen", address]) == 1

    said = capsys.readouterr().err
    port = address.partition(":")[2]
    assert said == (
        f"llama-swap: cannot listen on {address}: "
        f"another program uses port {port}; stop it, or listen on another port\n"
    )


def test_an_address_that_is_none_is_explained(
    capsys: pytest.CaptureFixture[str], path: Path
) -> None:
    write_config(path, config_of(a=model()))

    assert main(["-config", str(path), "-listen", "8080"]) == 2
    assert capsys.readouterr().err == (
        "llama-swap: cannot listen on '8080': expected host:port, "
        "like 127.0.0.1:8080, [::1]:8080, or :8080 for all interfaces\n"
    )


@pytest.mark.parametrize("flag", ["-tls-cert-file", "-tls-key-file"])
def test_half_of_a_certificate_is_refused(
    capsys: pytest.CaptureFixture[str], path: Path, flag: str
) -> None:
    write_config(path, config_of(a=model()))

    assert refusal_of(capsys, "-config", str(path), flag, "x.pem") == (
        "llama-swap: TLS needs both -tls-cert-file and -tls-key-file, or neither\n"
    )


def test_a_house_that_is_open_to_all_says_so(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "llamaswap")
    announce(("http://localhost:8080",))

    assert caplog.messages == [
        f"llama-swap {VERSION} listens on http://localhost:8080",
        (
            "every machine that can reach this one may use it; "
            "-listen 127.0.0.1:8080 restricts it to this machine"
        ),
    ]


@pytest.mark.slow
async def test_the_listener_is_announced_in_the_log(path: Path) -> None:
    write_config(path, config_of(a=model()))
    async with running(path) as command:
        assert (await command.client.get("/health")).body == b"OK"
        await command.leave()

    assert command.text.startswith("[INFO] llama-swap 0")
    assert f" listens on {command.client.url}\n" in command.text


@NEEDS_POSIX
@pytest.mark.slow
async def test_what_is_odd_in_a_file_is_said_at_the_start_and_at_a_reload(path: Path) -> None:
    await trio.Path(path).write_text("models:\n  a:\n    cmd: x --port ${PORT}\n    tll: 5\n")
    said = f"[WARN] configuration: {path}:4:5: models.a.tll: "
    async with running(path) as command:
        assert said in command.text
        command.ask_to_reload()
        await command.until_said(said, times=2)
        await command.leave()


@NEEDS_POSIX
@pytest.mark.slow
async def test_a_reload_keeps_what_is_equal_and_replaces_what_has_changed(path: Path) -> None:
    old = config_of(group("a", "b", swap=False), a=model(), b=model())
    changed = evolve(old.models[ModelId("b")], env=("A=1",))
    new = evolve(old, models=dict(old.models) | {ModelId("b"): changed})
    write_config(path, old)
    async with running(path) as command:
        before = [(await command.client.chat(name)).pid for name in ("a", "b")]
        write_config(path, new)
        command.ask_to_reload()
        await command.until_said("reload: 1 kept, 1 replaced, 0 removed, 0 added")
        after = [(await command.client.chat(name)).pid for name in ("a", "b")]
        assert len(marked()) == 3
        await command.leave()

    assert after[0] == before[0]
    assert after[1] != before[1]
    assert "b: stopped (replaced by the new configuration)" in command.text


@NEEDS_POSIX
@pytest.mark.slow
async def test_a_reload_of_a_broken_file_changes_nothing_and_says_why(path: Path) -> None:
    write_config(path, config_of(a=model()))
    async with running(path) as command:
        before = (await command.client.chat("a")).pid
        await trio.Path(path).write_text("models:\n  a:\n    cmd: x\n    ttl: -2\n")
        command.ask_to_reload()
        await command.until_said("reload: the old configuration stays, because of: ")
        await command.until_said(f"{path}:4:5: models.a.ttl: invalid TTL -2")
        await trio.Path(path).unlink()
        command.ask_to_reload()
        await command.until_said("reload: the old configuration stays, because of: ", times=2)
        assert (await command.client.chat("a")).pid == before
        await command.leave()


@NEEDS_POSIX
@pytest.mark.slow
async def test_a_reload_during_a_reload_is_not_lost(path: Path) -> None:
    old = config_of(a=model("--slow-sigterm", "0.3"))
    (entry,) = old.models.values()
    write_config(path, old)
    async with running(path) as command:
        await command.client.chat("a")
        for number in (1, 2):
            new = evolve(entry, env=(f"A={number}",))
            write_config(path, evolve(old, models={ModelId("a"): new}))
            command.ask_to_reload()
            await command.until_said("reload: 0 kept, 1 replaced", times=number)
        pid = (await command.client.chat("a")).pid
        assert psutil.Process(pid).environ()["A"] == "2"
        await command.leave()


@NEEDS_POSIX
@pytest.mark.slow
async def test_a_pipe_is_read_once_and_a_reload_says_so(tmp_path: Path, path: Path) -> None:
    write_config(path, config_of(a=model()))
    text, pipe = await trio.Path(path).read_text(), tmp_path / "pipe"
    if sys.platform != "win32":
        os.mkfifo(pipe)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.Path(pipe).write_text, text)
        async with running(pipe) as command:
            before = (await command.client.chat("a")).pid
            refused = await command.client.send("POST", "/api/reload")
            assert refused.status == 422
            assert "a pipe cannot be read a second time" in refused.document["error"]["message"]
            assert (await command.client.chat("a")).pid == before
            await trio.Path(pipe).unlink()
            write_config(pipe, config_of(a=model(), b=model()))
            mended = await command.client.send("POST", "/api/reload")
            assert mended.document["add"] == ["b"]
            await command.leave()
