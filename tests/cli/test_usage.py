"""Wrong usage has exit status 2 whatever the command, and docs/commands.md tells all flags."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from llamaswap.__main__ import COMMANDS, main
from llamaswap.cli.flags import USAGE

PAGE = (Path(__file__).parents[2] / "docs" / "commands.md").read_text("utf-8")

CONFIG = ("-config", "/nowhere/config.yaml")
SIMULATE = ("simulate", *CONFIG, "-synthetic", "pair")
NO_PATH = "expected a path, found an empty text"
NO_ADDRESS = "expected host:port, like 127.0.0.1:8080, [::1]:8080, or :8080 for all interfaces"
NO_URL = "expected http:// or https:// in front; did you mean 'http://foo'?"
NO_TIME = "expected SECONDS or MODEL=SECONDS, and no less than 0"

WRONG: Sequence[tuple[tuple[str, ...], str]] = (
    ((*CONFIG, "-listen", "foo"), f"llama-swap: cannot listen on 'foo': {NO_ADDRESS}"),
    ((*CONFIG, "-listen", ":70000"), f"llama-swap: cannot listen on ':70000': {NO_ADDRESS}"),
    (("-watch-config=perhaps",), "invalid boolean value in '-watch-config=perhaps'"),
    (("check", "-config", ""), f"argument -config/--config: {NO_PATH}"),
    (("check", "-config-dir", ""), f"argument -config-dir/--config-dir: {NO_PATH}"),
    (("config", "-config", ""), f"argument -config/--config: {NO_PATH}"),
    (("config", *CONFIG, "-json", "-loadable"), "not allowed with argument"),
    (("schema", "config.yaml"), "unrecognized arguments: config.yaml"),
    (("plan", "-config", ""), f"argument -config/--config: {NO_PATH}"),
    (("plan", "-url", "foo"), "-url takes http://host:port: invalid instance URL 'foo': " + NO_URL),
    (("plan", "-url", "http://h:1/?a"), "invalid instance URL 'http://h:1/?a': nothing follows"),
    (("explain", ""), "argument MODEL: expected a name, found an empty text"),
    (("explain", "a", "-url", "foo"), "-url takes http://host:port: invalid instance URL 'foo'"),
    ((*SIMULATE, "-against", ""), f"argument -against/--against: {NO_PATH}"),
    ((*SIMULATE, "-times", ""), f"argument -times/--times: {NO_PATH}"),
    (("simulate", *CONFIG, "-trace", ""), f"argument -trace/--trace: {NO_PATH}"),
    (("simulate", *CONFIG, "-store", ""), f"argument -store/--store: {NO_PATH}"),
    (("simulate", *CONFIG, "-synthetic", "ziff"), "unknown kind of traffic 'ziff'"),
    (("simulate", *CONFIG, "-synthetic", "pair:seconds=1e99"), "invalid seconds '1e99'"),
    ((*SIMULATE, "-load", "soon"), f"invalid --load 'soon': {NO_TIME}"),
    ((*SIMULATE, "-stop", "-1"), "invalid --stop '-1': "),
    ((*SIMULATE, "-service", "a=inf"), "invalid --service 'a=inf': "),
    (
        ("demo", "-listen", "foo"),
        f"argument -listen/--listen: cannot listen on 'foo': {NO_ADDRESS}",
    ),
    (("demo", "-gguf", ""), f"argument -gguf/--gguf: {NO_PATH}"),
)


def outcome(words: Sequence[str]) -> int | str | None:
    """Return the exit status, whichever way the command leaves."""
    try:
        return main(words)
    except SystemExit as left:
        return left.code


@pytest.mark.parametrize(("words", "said"), WRONG, ids=[" ".join(words) for words, _ in WRONG])
def test_what_can_never_be_right_is_a_wrong_usage(
    capsys: pytest.CaptureFixture[str], words: tuple[str, ...], said: str
) -> None:
    assert outcome(words) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert said in captured.err


@pytest.mark.parametrize("words", [("check", *CONFIG), CONFIG, ("config", *CONFIG), SIMULATE])
def test_what_is_not_there_is_none(
    capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    assert outcome(words) == 1
    assert "/nowhere/config.yaml: the file cannot be read" in capsys.readouterr().err


# Of the page: `## Serve`, and `## check` for each command. Each flag begins a row of a table.

SECTION = re.compile(r"^## (.+?)\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
ROW = re.compile(r"^\| `-([a-z-]+)", re.MULTILINE)
SECTIONS: dict[str, str] = dict(SECTION.findall(PAGE))


def flags_of(help_text: str) -> list[str]:
    """Return the flags of a help, without the one that asks for it."""
    found = re.findall(r"^  -([a-z-]+)", help_text, re.MULTILINE)
    return [name for name in found if name != "h"]


@pytest.mark.parametrize("command", COMMANDS)
def test_the_page_tells_the_flags_of_each_command(
    capsys: pytest.CaptureFixture[str], command: str
) -> None:
    outcome([command, "-h"])
    help_text = capsys.readouterr().out

    assert ROW.findall(SECTIONS[command]) == flags_of(help_text)
    assert "Exit status: 0 " in " ".join(help_text.split())


def test_the_page_tells_the_flags_of_serving() -> None:
    assert ROW.findall(SECTIONS["Serve"]) == flags_of(USAGE)


def test_the_page_has_no_command_that_is_none() -> None:
    assert set(SECTIONS) == {"Serve", *COMMANDS, "Exit status"}
