"""``llama-swap config``: what is printed, and where faults go."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from llamaswap.__main__ import main
from llamaswap.config.document import Report
from llamaswap.config.load import load_config
from llamaswap.config.nodes import to_plain
from llamaswap.config.sources import parse

EXAMPLES = Path(__file__).parents[2] / "examples"

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


ODD = """
models:
  "0x1F":
    cmd: "x ${PORT} 'a\\nb' yes"
    metadata: {on: off, "~": null, f: 1e-7, d: 2024-07-18, big: 1e30, "null": ["1:30", 08, "\\e"]}
  "a\\nb": {cmd: x, proxy: "http://h:1", ttl: 0x10, metadata: {i: [.inf, .nan]}}
profiles: {"1.0": {pins: {"no": ~, yes: "0x1F"}}}
"""


@pytest.mark.parametrize("flags", [[], ["-show-secrets"]])
@pytest.mark.parametrize("text", [TEXT, ODD, (EXAMPLES / "config.yaml").read_text()])
def test_yaml_and_json_say_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, flags: list[str]
) -> None:
    words = ["config", *flags, "-config", file_of(tmp_path, text)]
    assert main(words) == 0
    root = parse(capsys.readouterr().out, Report())
    assert root is not None
    assert main([*words, "-json"]) == 0

    assert to_plain(root, {}, Report()) == json.loads(capsys.readouterr().out)


def test_what_json_has_no_number_for_is_the_text_that_loads_as_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    odd = '{"a": [.inf, -.inf, .nan], "b": {"c": .inf}}'
    text = f"models: {{a: {{cmd: 'x ${{PORT}}', name: .nan, metadata: {odd}}}}}\n"
    assert main(["config", "-json", "-config", file_of(tmp_path, text)]) == 0
    told = json.loads(capsys.readouterr().out)["models"]["a"]
    again = load_config(text.replace(odd, json.dumps(told["metadata"])))

    assert told["name"] == ".nan"
    assert told["metadata"] == {"a": [".inf", "-.inf", ".nan"], "b": {"c": ".inf"}}
    assert again == load_config(text)


def test_what_is_loadable_loads_as_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["config", "-loadable", "-config", file_of(tmp_path, TEXT)]) == 0

    assert load_config(capsys.readouterr().out) == load_config(TEXT)


def test_what_no_file_can_say_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("A", "${env.B}")
    monkeypatch.setenv("B", "${env.C}")
    text = "models:\n  a:\n    cmd: x ${PORT}\n    metadata:\n      '${env.A}': 1\n"

    assert main(["config", "-loadable", "-config", file_of(tmp_path, text)]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert "models.a.metadata.${env.C}: ${env.C} cannot be written" in err


def test_what_is_loadable_is_no_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["config", "-loadable", "-json", "-config", file_of(tmp_path, TEXT)])

    assert left.value.code == 2
    assert "not allowed with" in capsys.readouterr().err


def test_faults_go_to_stderr_and_nothing_is_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = file_of(tmp_path, "startPort: x\nmodels: {a: {cmd: 's ${PORT}'}}\n")

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
