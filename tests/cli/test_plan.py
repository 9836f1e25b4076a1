"""The plan from the command line: what is asked, what is printed, and what is refused."""

from __future__ import annotations

import json
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio

from llamaswap.__main__ import main
from llamaswap.cli import plan as command
from llamaswap.cli.plan import ask, read, table
from llamaswap.config.schema import Config
from llamaswap.errors import ConfigError, SwapError

URL = "http://127.0.0.1:1"

CHANGES: list[dict[str, Any]] = [
    {"model": "a", "step": "keep", "process": [], "at_once": ["limit", "ttl"]},
    {"model": "bee", "step": "replace", "process": ["command", "address"], "at_once": []},
    {"model": "c", "step": "remove", "process": [], "at_once": []},
    {"model": "d", "step": "add", "process": [], "at_once": []},
]


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("LLAMA_SWAP_URL", raising=False)
    monkeypatch.delenv("LLAMASWAP_API_KEY", raising=False)
    path = tmp_path / "config.yaml"
    path.write_text("models: {a: {cmd: 'x ${PORT}'}}\n")
    return path


def test_each_model_has_a_line_with_the_reason() -> None:
    assert table(CHANGES).splitlines() == [
        "keep     a    the same process; applied at once: limit, ttl",
        "replace  bee  changed: command, address",
        "remove   c    not in these files",
        "add      d    new",
        "1 kept, 1 replaced, 1 removed, 1 added",
    ]


def test_a_plan_without_models_is_a_line() -> None:
    assert table([]) == "0 kept, 0 replaced, 0 removed, 0 added"


def refusal(status: int, document: object) -> str:
    """Return what is said of an answer."""
    with pytest.raises(SwapError) as caught:
        read(
            URL, status, document if isinstance(document, bytes) else json.dumps(document).encode()
        )
    return str(caught.value)


OURS = {"src": "llama-swap", "error": {"message": "no files"}}


@pytest.mark.parametrize(
    ("status", "document"), [(404, OURS), (405, OURS), (200, b"<html>"), (200, []), (500, {})]
)
def test_who_cannot_plan_is_told_apart(status: int, document: object) -> None:
    assert refusal(status, document) == (
        f"what answers at {URL} cannot plan a reload: it is another program, or an older version"
    )


def test_a_door_that_is_locked_is_told_with_the_key_to_use() -> None:
    assert refusal(401, OURS) == (
        f"{URL} does not let us in: put one of its keys into LLAMASWAP_API_KEY"
    )


def test_a_refusal_is_passed_on() -> None:
    assert refusal(409, OURS) == f"{URL} refuses: no files"


def test_faults_that_the_instance_finds_are_faults() -> None:
    fault = {"path": "models.a", "message": "bad", "file": "", "line": 0, "column": 0}
    with pytest.raises(ConfigError, match=r"^models\.a: bad$"):
        read(URL, 422, json.dumps({**OURS, "faults": [fault]}).encode())


def outcome(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Run the command; return the exit status, and what it prints."""
    status = main(["plan", *arguments])
    said = capsys.readouterr()
    return status, said.out, said.err


def test_nobody_there_is_one_sentence(capsys: pytest.CaptureFixture[str], path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        status, out, err = outcome(capsys, "-config", str(path), "--url", url)

    assert (status, out, err.count("\n")) == (1, "", 1)
    assert err.startswith(f"llama-swap plan: no llama-swap answers at {url}: ")


def test_an_address_that_is_none_is_refused(
    capsys: pytest.CaptureFixture[str], path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLAMA_SWAP_URL", "localhost:80")

    status, _, err = outcome(capsys, "-config", str(path))

    assert status == 1
    assert err == (
        "llama-swap plan: invalid instance URL 'localhost:80': expected http:// or https:// "
        "in front; did you mean 'http://localhost:80'?\n"
    )


def test_faults_in_the_files_are_told_without_asking_anybody(
    capsys: pytest.CaptureFixture[str], path: Path
) -> None:
    path.write_text("models: {a: {cmd: 'x ${PORT}', ttl: -2}}\n")
    status, out, err = outcome(capsys, "-config", str(path))

    assert (status, out) == (1, "")
    assert "models.a.ttl: invalid TTL -2" in err


def test_faults_for_programs_are_those_of_check(
    capsys: pytest.CaptureFixture[str], path: Path
) -> None:
    path.write_text("models: {a: {cmd: 'x ${PORT}', ttl: -2, tll: 3}}\n")
    status, out, err = outcome(capsys, "-config", str(path), "-json")
    main(["check", "-json", "-config", str(path)])

    assert (status, err) == (1, "")
    assert out == capsys.readouterr().out
    assert [fault["path"] for fault in json.loads(out)["faults"]] == ["models.a.ttl"]


def test_the_help_tells_whose_environment_counts_and_the_exit_status(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        main(["plan", "-h"])
    help_text = " ".join(capsys.readouterr().out.split())

    assert "${env.NAME} in the files is what NAME is for this command" in help_text
    assert "Exit status: 0 if there is a plan, whatever it says; 1 if the files" in help_text


def test_keys_without_behaviour_are_faults(capsys: pytest.CaptureFixture[str], path: Path) -> None:
    path.write_text("apiKeys: [k]\n")

    assert "not supported yet" in outcome(capsys, "-config", str(path))[2]


@pytest.mark.parametrize("arguments", [(), ("-config",), ("-config", "x", "-port", "1")])
def test_a_wrong_use_is_told_with_the_usage(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    with pytest.raises(SystemExit) as left:
        main(["plan", *arguments])

    assert left.value.code == 2
    assert "usage: llama-swap plan" in capsys.readouterr().err


@asynccontextmanager
async def answering(answer: bytes | None) -> AsyncGenerator[tuple[str, list[bytes]], None]:
    """Listen; yield the address, and what was heard there. ``None``: nobody ever answers."""
    heard: list[bytes] = []

    async def serve(stream: trio.SocketStream) -> None:
        heard.append(bytes(await stream.receive_some()))
        if answer is None:
            await trio.sleep_forever()
            return
        await stream.send_all(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(answer))
        await stream.send_all(answer)

    async with trio.open_nursery() as nursery:
        start = partial(trio.serve_tcp, serve, 0, host="127.0.0.1")
        listeners = await nursery.start(start)
        yield f"http://127.0.0.1:{listeners[0].socket.getsockname()[1]}", heard
        nursery.cancel_scope.cancel()


async def test_the_key_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLAMASWAP_API_KEY", "k3y\n")
    async with answering(b'{"changes": []}') as (url, heard):
        assert await ask(url, Config()) == {"changes": []}

    assert b"authorization: Bearer k3y\r\n" in heard[0]
    assert heard[0].startswith(b"POST /api/plan HTTP/1.1\r\n")


async def test_who_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "PATIENCE", 0.05)
    async with answering(None) as (url, _):
        with pytest.raises(SwapError, match=r" did not answer within 0\.05 s$"):
            await ask(url, Config())


@pytest.mark.parametrize("is_json", [False, True])
def test_the_plan_is_printed(
    capsys: pytest.CaptureFixture[str],
    path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    is_json: bool,
) -> None:
    async def answer(url: str, config: Config) -> dict[str, Any]:
        await trio.lowlevel.checkpoint()
        assert (url, list(config.models)) == ("http://127.0.0.1:8080", ["a"])
        return {"changes": CHANGES}

    monkeypatch.setattr(command, "ask", answer)
    status, out, err = outcome(capsys, "--config", str(path), *(["--json"] if is_json else []))

    assert (status, err) == (0, "")
    if is_json:
        assert json.loads(out) == {"changes": CHANGES}
    else:
        assert out == table(CHANGES) + "\n"
