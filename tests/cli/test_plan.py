"""The plan from the command line: what is asked, what is printed, and what is refused."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest
import trio

from llamaswap.__main__ import main
from llamaswap.cli import plan as command
from llamaswap.cli.instance import Question
from llamaswap.cli.plan import note_of, question_of, table
from llamaswap.config.load import load_config
from llamaswap.config.schema import Config
from llamaswap.errors import ConfigError, Fault

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
        "remove   c    not in the files",
        "add      d    new",
        "1 kept, 1 replaced, 1 removed, 1 added",
    ]


def test_a_plan_without_models_is_a_line() -> None:
    assert table([]) == "0 kept, 0 replaced, 0 removed, 0 added"


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

    with pytest.raises(SystemExit) as left:
        main(["plan", "-config", str(path)])

    assert left.value.code == 2
    assert capsys.readouterr().err.endswith(
        "llama-swap plan: error: LLAMA_SWAP_URL takes http://host:port: invalid instance URL "
        "'localhost:80': expected http:// or https:// in front; did you mean "
        "'http://localhost:80'?\n"
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

    assert "${env.NAME} in files that are named is what NAME is for this command" in help_text
    assert "Exit status: 0 if there is a plan, whatever it says; 1 if the files" in help_text


def test_keys_without_behaviour_are_faults(capsys: pytest.CaptureFixture[str], path: Path) -> None:
    path.write_text("apiKeys: [k]\n")

    assert "not supported yet" in outcome(capsys, "-config", str(path))[2]


@pytest.mark.parametrize("arguments", [("-config",), ("-config", "x", "-port", "1")])
def test_a_wrong_use_is_told_with_the_usage(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    with pytest.raises(SystemExit) as left:
        main(["plan", *arguments])

    assert left.value.code == 2
    assert "usage: llama-swap plan" in capsys.readouterr().err


def test_the_instance_is_sent_the_models() -> None:
    question = question_of(Config())

    assert (question.method, question.path, question.proof) == ("POST", "/api/plan", "changes")
    assert json.loads(question.body)["models"] == {}


def test_without_files_the_instance_plans_its_own(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    faults = (Fault("models.a.ttl", "invalid TTL -2", "/etc/c.yaml", 3, 5),)
    answers: list[dict[str, Any] | ConfigError] = [{"changes": CHANGES}, ConfigError(faults)]

    async def answer(_url: str, question: Question) -> dict[str, Any]:
        await trio.lowlevel.checkpoint()
        assert question.body == b""
        found = answers.pop(0)
        if isinstance(found, ConfigError):
            raise found
        return found

    monkeypatch.setattr(command, "ask", answer)

    assert outcome(capsys) == (0, table(CHANGES) + "\n", "")
    assert outcome(capsys) == (1, "", "/etc/c.yaml:3:5: models.a.ttl: invalid TTL -2\n")


def test_the_environment_is_named_where_it_may_be_why_something_changes(path: Path) -> None:
    path.write_text("models: {a: {cmd: 'x ${PORT} ${env.A} ${env.B} ${env.A}'}}\n")
    config = load_config(path, environ={"A": "s3cret", "B": "s3cret"})
    kept: list[dict[str, Any]] = [{"process": [], "at_once": []}]

    assert note_of(config, CHANGES) == (
        "llama-swap plan: A, B in the environment of this command may differ from the "
        "instance's, and so be all that changes; without -config it plans its own files"
    )
    assert note_of(config, kept) == ""
    path.unlink()
    assert note_of(config, CHANGES) == ""
    assert note_of(Config(), CHANGES) == ""


def test_the_environment_is_named_beside_the_plan(
    capsys: pytest.CaptureFixture[str], path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def answer(_url: str, _question: Question) -> dict[str, Any]:
        await trio.lowlevel.checkpoint()
        return {"changes": CHANGES}

    path.write_text("models: {a: {cmd: 'x ${PORT} ${env.KEY}'}}\n")
    monkeypatch.setenv("KEY", "s3cret")
    monkeypatch.setattr(command, "ask", answer)
    status, out, err = outcome(capsys, "-config", str(path))

    assert (status, out) == (0, table(CHANGES) + "\n")
    assert err.startswith("llama-swap plan: KEY in the environment of this command may differ")
    assert "s3cret" not in err


@pytest.mark.parametrize("is_json", [False, True])
def test_the_plan_is_printed(
    capsys: pytest.CaptureFixture[str],
    path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    is_json: bool,
) -> None:
    async def answer(url: str, question: Question) -> dict[str, Any]:
        await trio.lowlevel.checkpoint()
        assert url == "http://127.0.0.1:8080"
        assert list(json.loads(question.body)["models"]) == ["a"]
        return {"changes": CHANGES}

    monkeypatch.setattr(command, "ask", answer)
    status, out, err = outcome(capsys, "--config", str(path), *(["--json"] if is_json else []))

    assert (status, err) == (0, "")
    if is_json:
        assert json.loads(out) == {"changes": CHANGES}
    else:
        assert out == table(CHANGES) + "\n"
