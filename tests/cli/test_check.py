"""``llama-swap check``: exit statuses, and where what is told."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from llamaswap.__main__ import main

GOOD = "models:\n  a:\n    cmd: x ${PORT}\n"
ODD = GOOD + "modls: {}\n"
BAD = "models:\n  a:\n    cmd: x ${PORT}\n    ttl: [1]\nmodls: {}\n"


def file_of(folder: Path, text: str) -> str:
    path = folder / "config.yaml"
    path.write_text(text)
    return str(path)


def test_a_right_configuration_is_fine(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "-config", file_of(tmp_path, GOOD)]) == 0
    assert capsys.readouterr() == ("", "")


def test_a_folder_alone_is_checked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = file_of(tmp_path, BAD)

    assert main(["check", "--config-dir", str(tmp_path)]) == 1
    assert file in capsys.readouterr().err


def test_warnings_are_told_and_harmless(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = file_of(tmp_path, ODD)

    assert main(["check", "-config", file]) == 0
    assert capsys.readouterr() == (
        "",
        f"warning: {file}:4:1: modls: unknown key 'modls', did you mean 'models'?\n",
    )


def test_strictly_warnings_are_faults(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = file_of(tmp_path, ODD)

    assert main(["check", "-strict", "-config", file]) == 1
    assert capsys.readouterr() == (
        "",
        f"{file}:4:1: modls: unknown key 'modls', did you mean 'models'?\n",
    )


def test_faults_are_told_beside_the_warnings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = file_of(tmp_path, BAD)

    assert main(["check", "-config", file]) == 1
    assert capsys.readouterr().err.splitlines() == [
        f"{file}:4:5: models.a.ttl: expected a whole number, found a list",
        f"warning: {file}:5:1: modls: unknown key 'modls', did you mean 'models'?",
    ]


def test_programs_get_json_on_stdout(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = file_of(tmp_path, BAD)

    assert main(["check", "-json", "-config", file]) == 1
    out, err = capsys.readouterr()
    told = json.loads(out)
    assert err == "llama-swap check: 1 fault, 1 warning\n"
    assert told["ok"] is False
    assert told["faults"] == [
        {
            "path": "models.a.ttl",
            "message": "expected a whole number, found a list",
            "file": file,
            "line": 4,
            "column": 5,
            "expected": "a whole number",
            "found": "a list",
            "suggestion": "",
        }
    ]
    assert [warning["path"] for warning in told["warnings"]] == ["modls"]


def test_json_says_that_it_is_fine(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--json", "--config", file_of(tmp_path, GOOD)]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert json.loads(out) == {"ok": True, "faults": [], "warnings": []}


UNSUPPORTED = GOOD + "    metadata: {x: 1}\napiKeys: [k]\nlogLevel: info\n"


def test_what_keeps_it_from_being_served_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = file_of(tmp_path, UNSUPPORTED)
    said = "is not supported yet; remove it to serve"
    refused = [
        f"{file}:4:5: models.a.metadata: `models.a.metadata` {said}",
        f"{file}:5:1: apiKeys: `apiKeys` {said}",
    ]

    assert main(["check", "-config", file]) == 0
    assert capsys.readouterr().err.splitlines() == [f"warning: {line}" for line in refused]
    assert main(["check", "-strict", "-config", file]) == 1
    assert capsys.readouterr().err.splitlines() == refused


def test_it_is_told_beside_the_faults(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = file_of(tmp_path, "logRequests: [1]\n" + UNSUPPORTED)

    assert main(["check", "-config", file]) == 1
    said = capsys.readouterr().err.splitlines()
    assert [line.split(": ")[:3] for line in said] == [
        [f"{file}:1:1", "logRequests", "expected true or false, found a list"],
        ["warning", f"{file}:5:5", "models.a.metadata"],
        ["warning", f"{file}:6:1", "apiKeys"],
    ]


def test_programs_are_told_it_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = file_of(tmp_path, UNSUPPORTED)

    assert main(["check", "-json", "-config", file]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["ok"] is True
    assert [warning["path"] for warning in told["warnings"]] == ["models.a.metadata", "apiKeys"]
    assert told["warnings"][1]["suggestion"] == "remove it to serve"
    assert main(["check", "-json", "-strict", "-config", file]) == 1
    assert json.loads(capsys.readouterr().out)["ok"] is False


def test_serving_refuses_in_the_words_of_the_check(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = file_of(tmp_path, "apiKeys: [k]\n" + GOOD)

    assert main(["check", "-config", file]) == 0
    checked = capsys.readouterr().err.splitlines()
    assert main(["-config", file]) == 1
    refused = capsys.readouterr().err.removeprefix("llama-swap: ").strip()
    assert f"warning: {refused}" in checked


@pytest.mark.parametrize("command", ["check", "config"])
def test_the_help_tells_the_exit_statuses(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main([command, "--help"])

    assert left.value.code == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "0 fine, 1 faults, which are told on stderr, 2 wrong usage" in told


@pytest.mark.parametrize("words", [[], ["-port", "1"], ["config.yaml"]])
def test_wrong_usage_has_a_status_of_its_own(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        main(["check", *words])

    assert left.value.code == 2
    assert "usage: llama-swap check" in capsys.readouterr().err


HEAVY = """
import sys
from llamaswap.__main__ import main
status = main(["check", "-config", sys.argv[1]])
print(status, *sorted({"trio", "h11", "hypercorn", "psutil"} & set(sys.modules)))
"""


def test_nothing_of_the_server_is_imported_so_that_it_answers_at_once(tmp_path: Path) -> None:
    argv = [sys.executable, "-c", HEAVY, file_of(tmp_path, GOOD)]
    run = subprocess.run(argv, capture_output=True, text=True, check=True)

    assert run.stdout == "0\n"
