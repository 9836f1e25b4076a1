"""What other tools call our keys: every word leads to something that there is."""

from pathlib import Path

import pytest

from llamaswap.config import keys
from llamaswap.config.document import Report
from llamaswap.config.keys import survey
from llamaswap.config.synonyms import AT_TOP, IN_MODEL, KEYS, folded

COMMANDS = Path(__file__).parents[2] / "docs" / "commands.md"


def _known() -> set[str]:
    found: set[str] = set()
    waiting = [keys.TOP]
    while waiting:
        for name, below in waiting.pop().items():
            found.add(name)
            waiting += [below] if below is not None else []
    return found


def test_spellings_of_a_word_are_one() -> None:
    assert folded("cmd_stop") == folded("cmd-stop") == folded("cmdStop") == "cmdstop"


@pytest.mark.parametrize("words", [KEYS, AT_TOP, IN_MODEL])
def test_words_are_written_as_they_are_compared(words: dict[str, object]) -> None:
    assert [word for word in words if word != folded(word)] == []


def test_every_synonym_means_a_key() -> None:
    meant = {name for names in KEYS.values() for name in names}

    assert meant - _known() == set()


def test_no_word_is_a_key_where_it_is_said_to_be_none() -> None:
    model = keys.TOP["models"]
    assert model is not None
    of_model = model[keys.ANY]
    assert of_model is not None

    assert AT_TOP.keys() & set(map(folded, keys.TOP)) == set()
    assert IN_MODEL.keys() & set(map(folded, of_model)) == set()


def test_flags_that_are_named_exist() -> None:
    flags = {
        word.strip(",:")
        for advice in AT_TOP.values()
        for word in advice.split()
        if word.startswith("-")
    }

    serving = COMMANDS.read_text("utf-8").split("## check")[0]
    assert flags
    assert [flag for flag in flags if f"`{flag}" not in serving] == []


@pytest.mark.parametrize("word", sorted(KEYS))
def test_every_synonym_is_advised_somewhere(word: str) -> None:
    report = Report()

    survey({word: 1, "models": {"m": {word: 1}}, "peers": {"p": {word: 1}}}, report)

    assert [told for told in report.warnings if told.suggestion]
