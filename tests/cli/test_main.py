"""The way in: version, usage, and what is ignored."""

from __future__ import annotations

import errno
import os
import runpy
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO

import pytest

from llamaswap.__main__ import COMMANDS, INTERRUPTED, UNREAD, main
from llamaswap._version import BUILT_AT, COMMIT, VERSION
from llamaswap.cli.flags import USAGE

ROOT = Path(__file__).parents[2]

VERSION_LINE = f"version: {VERSION} ({COMMIT}), built at {BUILT_AT}\n"


@pytest.mark.parametrize("flag", ["-version", "--version", "-version=true"])
def test_the_version_is_told_in_the_words_of_the_reference(
    capsys: pytest.CaptureFixture[str], flag: str
) -> None:
    assert main([flag]) == 0
    assert capsys.readouterr() == (VERSION_LINE, "")


HEAVY = """
import sys
sys.argv[1:] = ["--version"]
from llamaswap.__main__ import COMMANDS, UNREAD, main
assert main() == 0
print(*sorted({"trio", "yaml", "attrs", "h11", "hypercorn", "cattrs", "psutil"} & set(sys.modules)))
"""


def test_the_version_is_told_before_anything_heavy_is_imported() -> None:
    argv = [sys.executable, "-c", HEAVY]
    run = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=True)

    version, imported, *rest = run.stdout.split("\n")
    assert version + "\n" == VERSION_LINE
    assert "trio" not in imported.split()
    assert "yaml" not in imported.split()
    assert rest == [""]


@pytest.mark.parametrize("flag", ["-h", "--help", "-help"])
def test_help_is_told_on_stderr(capsys: pytest.CaptureFixture[str], flag: str) -> None:
    assert main([flag]) == 0
    assert capsys.readouterr() == ("", USAGE)


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_has_its_own_help_and_stands_in_the_usage(
    capsys: pytest.CaptureFixture[str], command: str
) -> None:
    with pytest.raises(SystemExit) as left:
        main([command, "-h"])

    assert left.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: llama-swap {command} ")
    assert f" llama-swap {command} " in USAGE


def outcome(words: tuple[str, ...], stdout: int | IO[bytes], *, unbuffered: str) -> tuple[int, str]:
    """Run a command that prints into ``stdout``; return its status and what it says beside."""
    argv = [sys.executable, "-m", "llamaswap", *words]
    env = os.environ | {"PYTHONUNBUFFERED": unbuffered}
    run = subprocess.run(
        argv, check=False, cwd=ROOT, env=env, stdout=stdout, stderr=subprocess.PIPE, text=True
    )
    return run.returncode, run.stderr


# The program itself stands for a model: nobody comes so far as to load it.
DEMO = ("demo", "--once", "--gguf", sys.executable, "--listen", "127.0.0.1:0")

PRINTING = {
    "at once": (("schema",), "1"),
    "at the end": (("schema",), ""),
    # Unbuffered, argparse notices first and says nothing.
    "help": (("simulate", "-h"), ""),
    "the version": (("-version",), "1"),
    "the demo": (DEMO, ""),
}


@pytest.mark.skipif(sys.platform == "win32", reason="there, a pipe breaks with another error")
@pytest.mark.parametrize(("words", "unbuffered"), PRINTING.values(), ids=PRINTING)
def test_a_reader_who_has_left_is_no_fault(words: tuple[str, ...], unbuffered: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    found = outcome(words, writer, unbuffered=unbuffered)
    os.close(writer)

    assert found == (UNREAD, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no disk that is full")
@pytest.mark.parametrize(("words", "unbuffered"), PRINTING.values(), ids=PRINTING)
def test_an_output_that_cannot_be_written_is_a_sentence(
    words: tuple[str, ...], unbuffered: str
) -> None:
    with Path("/dev/full").open("wb") as full:
        found = outcome(words, full, unbuffered=unbuffered)

    assert found == (1, "llama-swap: the output cannot be written: No space left on device\n")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no disk that is full")
def test_where_not_even_the_fault_can_be_told_the_status_tells_it() -> None:
    argv = [sys.executable, "-m", "llamaswap", "check", "-config", "/nowhere"]
    with Path("/dev/full").open("wb") as full:
        run = subprocess.run(argv, check=False, cwd=ROOT, stderr=full)

    assert run.returncode == 1


def test_a_program_without_stdout_prints_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)

    assert main(["-version"]) == 0


def test_another_fault_of_the_system_is_not_one_of_the_output(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(_words: Sequence[str]) -> int:
        raise OSError(errno.ENOSPC, "full", "/a/file")

    monkeypatch.setattr("llamaswap.cli.show_schema.show_schema", refuse)
    with pytest.raises(OSError, match="/a/file"):
        main(["schema"])


HUNG = """
import signal, sys, trio
from llamaswap.__main__ import main
from llamaswap.cli import instance

async def hang(*_):
    signal.raise_signal(signal.SIGINT)
    await trio.sleep_forever()

instance._exchange = hang
sys.exit(main(["explain", "a"]))
"""


def test_an_interrupted_command_says_nothing() -> None:
    argv = [sys.executable, "-c", HUNG]
    run = subprocess.run(argv, check=False, cwd=ROOT, capture_output=True, timeout=60)

    assert (run.returncode, run.stdout, run.stderr) == (INTERRUPTED, b"", b"")


def test_an_unknown_flag_is_told_with_the_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["-port", "1"]) == 2
    assert capsys.readouterr() == ("", f"flag provided but not defined: -port\n{USAGE}")


def test_a_missing_value_is_told_with_the_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["-config"]) == 2
    assert capsys.readouterr() == ("", f"flag needs an argument: -config\n{USAGE}")


def test_what_is_ignored_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["-version", "false", "-config", "x.yaml"]) == 0
    assert capsys.readouterr() == (
        VERSION_LINE,
        "llama-swap: ignored: false -config x.yaml\n",
    )


@pytest.mark.parametrize("words", [["chekc", "-config", "x"], ["-version", "chekc"]])
def test_what_is_nearly_a_command_starts_nothing(
    capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    assert main(words) == 2
    said = f"unknown command 'chekc', did you mean 'check'?\n{USAGE}"
    assert capsys.readouterr() == ("", said)


def test_the_words_of_the_command_line_are_read_by_default(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["llama-swap", "-version"])
    monkeypatch.delitem(sys.modules, "llamaswap.__main__")
    with pytest.raises(SystemExit) as left:
        runpy.run_module("llamaswap", run_name="__main__")

    assert left.value.code == 0
    assert capsys.readouterr().out == VERSION_LINE
