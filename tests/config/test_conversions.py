"""Plain values in the fields of the schema."""

import json
import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llamaswap.config.conversions import (
    UNQUOTE,
    as_written,
    describe,
    float_text,
    macro_text,
    misfit,
    to_flag,
    to_integer,
    to_json,
    to_section,
    to_text,
    value_at,
)
from llamaswap.config.document import Plain, Report, Timestamp


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("x", "x"),
        (7, "7"),
        (True, "true"),
        (False, "false"),
        (1.10, "1.1"),
        (math.inf, ".inf"),
        (-math.inf, "-.inf"),
        (math.nan, ".nan"),
        (Timestamp("2024-07-18T00:00:00Z"), "2024-07-18T00:00:00Z"),
    ],
)
def test_single_value_becomes_text(value: Plain, text: str) -> None:
    assert to_text(value) == text


@pytest.mark.parametrize(
    ("value", "found"), [(["a"], "a list"), ({"a": 1}, "a mapping"), (None, "nothing")]
)
def test_text_of_a_list_is_never_made(value: Plain, found: str) -> None:
    with pytest.raises(ValueError, match=f"^expected text, found {found}$"):
        to_text(value)


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0.70, "0.7"),
        (1.0, "1"),
        (0.0, "0"),
        (-0.0, "-0"),
        (100000.0, "100000"),
        (1000000.0, "1e+06"),
        (-1234567.5, "-1.2345675e+06"),
        (0.0001, "0.0001"),
        (0.00001, "1e-05"),
        (1e100, "1e+100"),
        (123.456, "123.456"),
        (math.inf, "+Inf"),
        (-math.inf, "-Inf"),
        (math.nan, "NaN"),
    ],
)
def test_float_is_written_as_the_reference_does(number: float, text: str) -> None:
    assert float_text(number) == text
    assert macro_text(number) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_float_reads_back_from_its_text(number: float) -> None:
    text = float_text(number)

    assert float(text) == number
    assert not text.endswith(".0")


@pytest.mark.parametrize(
    ("value", "number"), [(30, 30), (30.7, 30), (-1.9, -1), (2**63 - 1, 2**63 - 1)]
)
def test_number_becomes_whole_toward_zero(value: Plain, number: int) -> None:
    assert to_integer(value) == number


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ("30", "expected a whole number, found the text '30'; remove the quotes"),
        ("-30", "expected a whole number, found the text '-30'; remove the quotes"),
        ("soon", "expected a whole number, found the text 'soon'"),
        (True, "expected a whole number, found true"),
        (None, "expected a whole number, found nothing"),
        (math.inf, "expected a whole number of at most 64 bits, found +Inf"),
        (1e30, "expected a whole number of at most 64 bits, found 1e+30"),
        (2**63, "expected a whole number of at most 64 bits, found 9223372036854775808"),
    ],
)
def test_what_is_no_whole_number_is_named(value: Plain, sentence: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        to_integer(value)


@pytest.mark.parametrize(
    ("filled", "form", "suggestion"),
    [
        (None, None, UNQUOTE),
        (None, "!foo", "remove !foo"),
        ("${ttl}", None, f"{UNQUOTE} where ${{ttl}} is declared"),
        ("${ttl}0", None, "make one macro of all of it, declared without quotes"),
        ("${a}${b}", None, "make one macro of all of it, declared without quotes"),
    ],
)
def test_advice_fits_what_is_written(filled: str | None, form: str | None, suggestion: str) -> None:
    report, path = Report(), ("models", "m", "ttl")
    if filled is not None:
        report.filled[path] = filled
    if form is not None:
        report.forms[path] = ("30", form)

    told = as_written(misfit("a whole number", "30", UNQUOTE).problem, path, report)
    other = misfit("a whole number", "30", "write 5").problem

    assert told.suggestion == suggestion
    assert as_written(other, path, report) == other


@pytest.mark.parametrize(
    ("value", "flag"),
    [(True, True), (False, False), ("yes", True), ("On", True), ("n", False), ("OFF", False)],
)
def test_old_words_for_true_and_false_are_taken(value: Plain, *, flag: bool) -> None:
    assert to_flag(value) is flag


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ("true", "expected true or false, found the text 'true'; remove the quotes"),
        ("TRUE", "expected true or false, found the text 'TRUE'; remove the quotes"),
        ("tRue ", "expected true or false, found the text 'tRue '; did you mean true?"),
        ("flase", "expected true or false, found the text 'flase'; did you mean false?"),
        ("maybe", "expected true or false, found the text 'maybe'"),
        (1, "expected true or false, found 1"),
        ([], "expected true or false, found a list"),
    ],
)
def test_what_is_no_switch_is_named(value: Plain, sentence: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        to_flag(value)


def test_nothing_is_an_empty_section() -> None:
    assert to_section(None) == {}
    assert to_section({"a": 1}) == {"a": 1}


def test_list_is_no_section() -> None:
    with pytest.raises(ValueError, match=r"^expected a mapping of keys, found a list$"):
        to_section(["a"])


def test_long_text_is_shown_in_part() -> None:
    assert describe("x" * 100) == f"the text '{'x' * 60}…'"
    assert describe(Timestamp("2024-07-18T00:00:00Z")) == "the date 2024-07-18T00:00:00Z"


def test_value_is_made_ready_for_json() -> None:
    value: Plain = {
        "whole": [1.0, -0.0, 1e6, 1e21, 0.5],
        "none": [math.nan, math.inf, -math.inf, None],
        "date": Timestamp("2024-07-18T00:00:00Z"),
        "same": [True, 7, "1.0"],
    }

    assert json.dumps(to_json(value)) == (
        '{"whole": [1, 0, 1000000, 1e+21, 0.5], "none": [".nan", ".inf", "-.inf", null], '
        '"date": "2024-07-18T00:00:00Z", "same": [true, 7, "1.0"]}'
    )


def test_value_is_found_by_its_path() -> None:
    assert value_at({"a": {"b": 5}}, ("a", "b")) == 5
    assert value_at({"a": {"b": 5}}, ("a", "c")) is None
    assert value_at({"a": [5]}, ("a", 0)) is None
    assert value_at(5, ()) == 5
