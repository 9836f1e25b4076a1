"""The demo: its pieces in memory, and once with the real model."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import trio
import trio.testing

from llamaswap.cli.demo import (
    Row,
    demo,
    demo_config,
    free_ports,
    suggestions,
    table,
    text_of,
    waited,
)
from llamaswap.config.text import split_command
from tests.processes import nothing_left


def test_both_models_run_the_same_weights_with_different_settings() -> None:
    config = demo_config(Path("/models/a b.gguf"))
    commands = [split_command(model.cmd) for model in config.models.values()]

    assert list(config.models) == ["smollm2-precise", "smollm2-creative"]
    for command, context, temperature in zip(commands, ("2048", "4096"), ("0", "0.9"), strict=True):
        assert command[command.index("--model") + 1] == "/models/a b.gguf"
        assert command[command.index("--ctx-size") + 1] == context
        assert command[command.index("--temp") + 1] == temperature


def test_a_llama_server_on_the_path_is_preferred(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "llama-server"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    config = demo_config(Path("m.gguf"))

    assert all(model.cmd.startswith(str(program)) for model in config.models.values())


def test_free_ports_are_different() -> None:
    assert len(set(free_ports(5))) == 5


@pytest.mark.parametrize(
    ("event", "text"),
    [
        (b'data: {"choices":[{"delta":{"content":"Hi"}}]}', "Hi"),
        (b'data: {"choices":[{"delta":{"role":"assistant","content":null}}]}', ""),
        (b'data: {"choices":[],"usage":{}}', ""),
        (b"data: [DONE]", ""),
        (b": comment", ""),
    ],
)
def test_the_text_of_an_event_is_found(event: bytes, text: str) -> None:
    assert text_of(event) == text


def test_waits_are_read_from_the_answer() -> None:
    assert waited([(b"server-timing", b"queue;dur=150.0, load;dur=812.5")]) == (0.15, 0.8125)
    assert waited([]) == (0.0, 0.0)


async def test_the_table_shows_one_row_per_chat(autojump_clock: trio.testing.MockClock) -> None:
    row = Row("smollm2-precise")
    row.queued, row.loading = 0.15, 0.8
    for _ in range(11):
        await trio.sleep(0.1)
        row.note_piece()

    assert table([row]) == (
        "model            waited for swap  load time  time to first token  tokens/s\n"
        "smollm2-precise  0.15 s           0.80 s     0.10 s               10"
    )


def test_the_suggestions_name_the_address() -> None:
    assert "curl http://127.0.0.1:1/v1/chat/completions" in suggestions("http://127.0.0.1:1")


def test_a_model_file_that_is_not_there_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert demo(["--gguf", "/nowhere/m.gguf"]) == 1
    assert capsys.readouterr().err == (
        "llama-swap demo: there is no file /nowhere/m.gguf; --gguf takes the path of a GGUF model\n"
    )


@pytest.mark.slow
def test_a_model_that_does_not_start_ends_the_demo_with_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = tmp_path / "broken.gguf"
    weights.write_bytes(b"no model")
    program = tmp_path / "llama-server"
    program.write_text("#!/bin/sh\necho cannot read it\nexit 3\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path) + os.pathsep + os.environ["PATH"])

    assert demo(["--once", "--gguf", str(weights), "--listen", "127.0.0.1:0"]) == 1
    said = capsys.readouterr().err
    assert "smollm2-precise did not answer" in said
    assert "exited with status 3 before it was ready" in said


@pytest.mark.model
@pytest.mark.slow
def test_two_real_models_swap_and_nothing_is_left_behind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with nothing_left(monkeypatch):
        done = subprocess.run(
            [sys.executable, "-m", "llamaswap", "demo", "--once", "--listen", "127.0.0.1:0"],
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    assert done.returncode == 0, done.stderr
    precise, creative = re.findall(r"^\S+ → (.*?)\n\n", done.stdout, re.MULTILINE | re.DOTALL)
    # Without chance, and by chance with a seed: what is said is certain, at most its
    # words depend on the machine's arithmetic.
    assert "Paris" in precise
    assert re.search(r"\w", creative)
    for model in ("smollm2-precise", "smollm2-creative"):
        assert re.search(
            rf"^{model} +\d\.\d\d s +\d+\.\d\d s +\d+\.\d\d s +\d+$", done.stdout, re.MULTILINE
        )
