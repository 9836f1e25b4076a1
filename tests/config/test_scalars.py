"""The YAML dialect, word by word."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llamaswap.config.document import MisfitError, Plain, Timestamp
from llamaswap.config.scalars import by_tag, resolve

WORDS: dict[str, Plain] = {
    "": None,
    "~": None,
    "Null": None,
    "true": True,
    "TRUE": True,
    "False": False,
    # Words that a YAML 1.1 loader takes for switches.
    "yes": "yes",
    "on": "on",
    "y": "y",
    "No": "No",
    # Whole numbers.
    "0": 0,
    "-0": 0,
    "+5": 5,
    "1_000": 1000,
    "1_": 1,
    "0x1F": 31,
    "0X1f": 31,
    "0b101": 5,
    "-0b11": -3,
    "0B11": 3,
    "0o17": 15,
    "-0o17": -15,
    "+0o17": 15,
    "0O17": 15,
    "017": 15,
    "18446744073709551615": 2**64 - 1,
    "-9223372036854775808": -(2**63),
    # Larger ones become floats.
    "18446744073709551616": 18446744073709551616.0,
    "-9223372036854775809": -9223372036854775809.0,
    # No octals, so floats.
    "08": 8.0,
    "0888": 888.0,
    # Floats.
    "1e3": 1000.0,
    "1E-4": 0.0001,
    "12e03": 12000.0,
    "1e+3": 1000.0,
    "1.e3": 1000.0,
    "+12e3": 12000.0,
    "-.5e3": -500.0,
    "+.5": 0.5,
    "1.0e-4": 0.0001,
    ".5": 0.5,
    "1.": 1.0,
    "685_230.15": 685230.15,
    ".inf": math.inf,
    "+.Inf": math.inf,
    "-.INF": -math.inf,
    # Nothing but texts.
    "nan": "nan",
    "inf": "inf",
    "1e400": "1e400",
    "._5": "._5",
    # Behind a leading point underscores stand between digits alone.
    ".5_0": 0.5,
    ".1_0e1_0": 1e9,
    "+._5_": 0.5,
    ".5_": ".5_",
    ".5__0": ".5__0",
    ".5_e1": ".5_e1",
    ".5e_1": ".5e_1",
    "_1": "_1",
    "-": "-",
    "0x": "0x",
    "0b2": "0b2",
    "1:30": "1:30",
    "16:9": "16:9",
    "12:30:45": "12:30:45",
    "=": "=",
    "<<": "<<",
    "9" * 5000: "9" * 5000,
    # Dates.
    "2024-07-18": Timestamp("2024-07-18T00:00:00Z"),
    "2024-7-8": Timestamp("2024-07-08T00:00:00Z"),
    "2024-07-18 10:11:12": Timestamp("2024-07-18T10:11:12Z"),
    "2024-07-18 1:2:3.450": Timestamp("2024-07-18T01:02:03.45Z"),
    "2024-07-18T10:11:12Z": Timestamp("2024-07-18T10:11:12Z"),
    "2024-07-18t10:11:12+02:00": Timestamp("2024-07-18T10:11:12+02:00"),
    "2024-07-18T10:11:12-00:00": Timestamp("2024-07-18T10:11:12Z"),
    "2024-02-29": Timestamp("2024-02-29T00:00:00Z"),
    # Almost dates.
    "2024-07-18T10:11:12": "2024-07-18T10:11:12",
    "2024-07-18 10:11:12Z": "2024-07-18 10:11:12Z",
    "2024-07-18 10:11:12 +2": "2024-07-18 10:11:12 +2",
    "2024-07-18T10:11:12+0200": "2024-07-18T10:11:12+0200",
    "2024-07-18 10:11": "2024-07-18 10:11",
    "2024-07-18 24:00:00": "2024-07-18 24:00:00",
    "2024-13-45": "2024-13-45",
    "2023-02-29": "2023-02-29",
    "2024-01-00": "2024-01-00",
}


@pytest.mark.parametrize(("word", "meaning"), WORDS.items())
def test_unquoted_word_means(word: str, meaning: Plain) -> None:
    found = resolve(word)

    assert (found, type(found)) == (meaning, type(meaning))


def test_nan_is_a_float() -> None:
    nan = resolve(".NaN")

    assert isinstance(nan, float)
    assert math.isnan(nan)


@given(st.integers(-(2**63), 2**64 - 1))
def test_every_64_bit_number_reads_back(number: int) -> None:
    assert resolve(str(number)) == number


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_float_reads_back(number: float) -> None:
    assert resolve(repr(number)) == number


@given(st.text() | st.text("0123456789-+:.TtZz _xobeE", max_size=30))
def test_any_word_means_something(word: str) -> None:
    assert not isinstance(resolve(word), list | dict)


TAGGED: dict[tuple[str, str], Plain] = {
    ("int", "5"): 5,
    ("float", "5"): 5.0,
    ("float", "1_0.5"): 10.5,
    ("bool", "true"): True,
    ("null", "~"): None,
    ("str", "5"): "5",
    ("timestamp", "2024-07-18"): Timestamp("2024-07-18T00:00:00Z"),
    ("binary", "aGVs\nbG8="): "hello",
    ("binary", ""): "",
    ("binary", "/w=="): "\ufffd",
    ("odd", "5"): "5",
}


@pytest.mark.parametrize(("tagged", "meaning"), TAGGED.items())
def test_tag_decides(tagged: tuple[str, str], meaning: Plain) -> None:
    kind, text = tagged

    found = by_tag(f"tag:yaml.org,2002:{kind}", text)

    assert (found, type(found)) == (meaning, type(meaning))


@pytest.mark.parametrize("tag", ["!", "!foo", "tag:example.org,2024:int"])
def test_tag_of_somebody_else_makes_a_text(tag: str) -> None:
    assert by_tag(tag, "5") == "5"


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("int", "abc"),
        ("int", "5.5"),
        ("float", "true"),
        ("float", "x"),
        ("bool", "yes"),
        ("null", "x"),
        ("timestamp", "today"),
        ("binary", "a"),
        ("binary", "aG k="),
        ("binary", "=="),
        ("binary", "~"),
        ("int", ""),
    ],
)
def test_tag_that_contradicts_is_refused(kind: str, text: str) -> None:
    with pytest.raises(MisfitError, match=f"the tag !!{kind} does not fit"):
        by_tag(f"tag:yaml.org,2002:{kind}", text)
