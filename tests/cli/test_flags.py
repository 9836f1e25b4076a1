"""The command line, parsed as the reference parses it."""

from __future__ import annotations

import pytest

from llamaswap.__main__ import COMMANDS
from llamaswap.cli.flags import UsageError, parse_flags, require_no_command


@pytest.mark.parametrize(
    "words",
    [["-config", "x"], ["--config", "x"], ["-config=x"], ["--config=x"]],
)
def test_one_dash_and_two_apart_and_with_equals_are_the_same(words: list[str]) -> None:
    assert parse_flags(words).text("config") == "x"


def test_what_is_not_given_is_empty_or_off() -> None:
    flags = parse_flags([])

    assert (flags.text("config"), flags.switch("version"), flags.help) == ("", False, False)


def test_the_last_value_counts() -> None:
    assert parse_flags(["-listen", ":1", "-listen", ":2"]).text("listen") == ":2"


@pytest.mark.parametrize(
    ("word", "on"),
    [("-watch-config", True), ("-watch-config=false", False), ("--watch-config=T", True)],
)
def test_a_switch_takes_a_value_only_with_equals(word: str, on: bool) -> None:  # noqa: FBT001
    assert parse_flags([word]).switch("watch-config") is on


@pytest.mark.parametrize("word", ["-h", "--help"])
def test_help_is_asked_for(word: str) -> None:
    assert parse_flags([word]).help


@pytest.mark.parametrize(
    ("words", "ignored"),
    [
        (["-watch-config", "false", "-config", "x"], ("false", "-config", "x")),
        (["serve"], ("serve",)),
        (["-config", "x", "--", "-listen"], ("-listen",)),
        (["-"], ("-",)),
    ],
)
def test_the_first_word_that_is_no_flag_ends_the_flags(
    words: list[str], ignored: tuple[str, ...]
) -> None:
    assert parse_flags(words).ignored == ignored


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["-colour"], "flag provided but not defined: -colour"),
        (["-config"], "flag needs an argument: -config"),
        (
            ["-version=perhaps"],
            "invalid boolean value in '-version=perhaps': expected true or false",
        ),
    ],
)
def test_what_cannot_be_understood_is_said(words: list[str], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_flags(words)

    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("chekc", "-config", "x"), "unknown command 'chekc', did you mean 'check'?"),
        (("Check",), "unknown command 'Check', did you mean 'check'?"),
        (("simulat",), "unknown command 'simulat', did you mean 'simulate'?"),
        (("configs",), "unknown command 'configs', did you mean 'config'?"),
        (("check",), "a command comes before all flags: llama-swap check …"),
    ],
)
def test_what_is_nearly_a_command_is_no_word_to_ignore(
    words: tuple[str, ...], message: str
) -> None:
    with pytest.raises(UsageError) as caught:
        require_no_command(words, COMMANDS)

    assert str(caught.value) == message


ORDINARY = ("serve", "run", "start", "server", "version", "help", "reload", "true", "false", "on")


@pytest.mark.parametrize("word", [*ORDINARY, "config.yaml", "./check", "-", "", "8080"])
def test_other_words_are_ignored(word: str) -> None:
    require_no_command((word, "check"), COMMANDS)


def test_nothing_is_no_command() -> None:
    require_no_command((), COMMANDS)
