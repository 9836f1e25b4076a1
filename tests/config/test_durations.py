"""Spans of time in the notation of the file."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llamaswap.config.document import MisfitError, Plain
from llamaswap.config.durations import (
    LONGEST,
    to_duration,
    to_limit,
    to_seconds,
    to_wait,
    to_whole_seconds,
)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90),
        ("1m30s", 90),
        (".5m", 30),
        ("1.h", 3600),
        ("+1h", 3600),
        ("-2s", -2),
        ("0", 0),
        ("-0", 0),
        ("1.5s500ms", 2),
        ("1000us1000µs1000μs", 0.003),
        ("5ns", 5e-9),
        ("0" * 5000 + "7s", 7),
    ],
)
def test_duration_is_read(text: str, seconds: float) -> None:
    assert to_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "value", ["", "5", "s", ".s", "1 s", "1d", "1m 30s", "٣s", 0, 6, 1.5, None, ["5s"], "99999999h"]
)
def test_what_is_no_duration_is_refused(value: Plain) -> None:
    with pytest.raises(ValueError, match="duration"):
        to_duration(value)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("4.9999999999s", 4.999999999),
        ("0.08333333333333m", 4.999999999),
        ("-1.9ns", -1e-9),
        ("0.4ns0.4ns", 0),
        (f"0.{'3' * 5000}s", 0.333333333),
    ],
)
def test_what_is_shorter_than_a_nanosecond_is_cut_off(text: str, seconds: float) -> None:
    assert to_duration(text) == seconds


@pytest.mark.parametrize("text", ["9223372036854775807ns", "2562047h47m16.854775807s"])
def test_the_longest_duration_can_be_written_again(text: str) -> None:
    seconds = to_duration(text)

    assert seconds == to_seconds(seconds) == LONGEST
    assert to_duration(f"{seconds:.9f}s") == seconds


@pytest.mark.parametrize(
    "text", ["9223372036854775808ns", "2562047h47m16.854775808s", "9" * 5000 + "s"]
)
def test_what_is_longer_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="longer than 292 years"):
        to_duration(text)


@pytest.mark.parametrize(("value", "seconds"), [(5, 5), (1.5, 1.5), ("2m", 120), (0, 0)])
def test_our_own_keys_take_numbers_too(value: Plain, seconds: float) -> None:
    assert to_seconds(value) == seconds
    assert to_wait(value) == seconds


@pytest.mark.parametrize("value", [-1, "-1s", math.nan, math.inf, True, None, [], "soon", 2**70])
def test_what_is_no_time_to_wait_is_refused(value: Plain) -> None:
    with pytest.raises(ValueError, match="expected"):
        to_seconds(value)
    with pytest.raises(ValueError, match="auto is possible too"):
        to_wait(value)


def test_words_and_zero_have_a_meaning_of_their_own() -> None:
    assert to_wait("auto") is None
    assert to_wait(0) == 0
    assert to_limit(0) is None
    assert to_limit("5s") == 5
    with pytest.raises(ValueError, match="expected"):
        to_seconds("auto")


@given(st.integers(0, 10**6), st.integers(0, 59), st.integers(0, 59))
def test_parts_add_up(hours: int, minutes: int, seconds: int) -> None:
    text = f"{hours}h{minutes}m{seconds}s"

    assert to_duration(text) == hours * 3600 + minutes * 60 + seconds


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        ("5m", "write 300: it is a number of seconds"),
        ("1.5s", "write 1.5: it is a number of seconds"),
        ("300", "remove the quotes"),
        ("long", ""),
        (True, ""),
    ],
)
def test_a_duration_is_no_number_of_seconds_and_is_told_as_one(value: Plain, hint: str) -> None:
    with pytest.raises(MisfitError) as caught:
        to_whole_seconds(value)

    assert caught.value.problem.expected == "a whole number"
    assert caught.value.problem.suggestion == hint


def test_whole_seconds_are_a_number() -> None:
    assert [to_whole_seconds(value) for value in (300, -1, 2.9)] == [300, -1, 2]
