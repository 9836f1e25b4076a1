"""The command line, parsed as the reference parses it."""

from __future__ import annotations

import pytest

from llamaswap.cli.flags import UsageError, parse_flags


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
