"""Which known name was probably meant."""

import pytest

from llamaswap.policy.near_names import are_opposites, mistyped, nearest, suggestion


@pytest.mark.parametrize(
    ("name", "known", "meant"),
    [
        ("qwne", ["qwen", "llama"], "qwen"),
        ("zzz", ["qwen"], None),
        ("zzz", [], None),
        # Only the case differs, so that hardly a letter is the same.
        ("port", ["MODEL_ID", "PORT"], "PORT"),
        ("GPT-4", ["GPT-5", "gpt-4"], "gpt-4"),
        ("POTR", ["port", "PORT"], "PORT"),
        ("potr", ["PORT", "port"], "port"),
    ],
)
def test_nearest_name(name: str, known: list[str], meant: str | None) -> None:
    assert nearest(name, known) == meant


def test_near_name_is_suggested() -> None:
    assert suggestion("qwne", iter(["qwen", "llama"])) == "did you mean 'qwen'?"
    assert not suggestion("zzz", ["qwen"])


@pytest.mark.parametrize(
    ("word", "known", "meant"),
    [
        ("modles", ["macros", "models"], "models"),
        ("swop", ["swap", "members"], "swap"),
        ("ttll", ["ttl"], "ttl"),
        ("cdm", ["env", "cmd"], "cmd"),
        ("healthchektimeoutt", ["healthchecktimeout"], "healthchecktimeout"),
        ("models", ["model", "models"], "models"),
        # Other words, however much they share.
        ("title", ["ttl"], None),
        ("cwd", ["cmd"], None),
        ("port", ["startport", "proxy"], None),
        ("priority", ["proxy"], None),
        ("enabled", ["disabled"], None),
        ("listed", ["unlisted"], None),
        ("maxresidency", ["minresidency"], None),
        ("x", [], None),
    ],
)
def test_only_slips_are_mistyped(word: str, known: list[str], meant: str | None) -> None:
    assert mistyped(word, known) == meant


@pytest.mark.parametrize(
    ("word", "other", "is_opposite"),
    [
        ("enable", "disabled", True),
        ("disabled", "enabled", True),
        ("listed", "unlisted", True),
        ("nostore", "store", True),
        ("include", "exclude", True),
        ("ui", "ui", False),
        ("no", "on", False),
        ("unload", "unlisted", False),
    ],
)
def test_opposites_begin_differently(word: str, other: str, is_opposite: bool) -> None:  # noqa: FBT001 - a row of the table
    assert are_opposites(word, other) is is_opposite
