"""``llama-swap config``: what is printed, and where faults go."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from llamaswap.__main__ import main

TEXT = "modls: {}\napiKeys: [sk-12345678]\nmodels:\n  a:\n    cmd: x --key sk-12345678 ${PORT}\n"


def file_of(folder: Path, text: str) -> str:
    path = folder / "config.yaml"
    path.write_text(text)
    return str(path)


def test_yaml_is_printed_without_secrets(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["config", "-config", file_of(tmp_path, TEXT)]) == 0
    out, err = capsys.readouterr()
    assert out.startswith(
        "models:\n  a:\n    cmd:\n    - x\n    - --key\n    - '***'\n    - \"5800\"\n"
    )
    assert "sk-12345678" not in out
    assert "unknown key 'modls'" in err


def test_json_is_printed_with_secrets_if_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["config", "-json", "-show-secrets", "-config", file_of(tmp_path, TEXT)]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["apiKeys"] == ["sk-12345678"]
    assert told["models"]["a"]["cmd"] == ["x", "--key", "sk-12345678", "5800"]


def test_faults_go_to_stderr_and_nothing_is_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = file_of(tmp_path, "startPort: x\n")

    assert main(["config", "-config", file]) == 1
    assert capsys.readouterr() == (
        "",
        f"{file}:1:1: startPort: expected a whole number, found the text 'x'\n",
    )


def test_without_a_file_the_usage_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["config"])

    assert left.value.code == 2
    assert "usage: llama-swap config" in capsys.readouterr().err
