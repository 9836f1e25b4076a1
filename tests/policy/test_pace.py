"""Usual times: the first is taken as it is, later ones move the mean."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llamaswap.policy.pace import LONGEST_GAP, Pace


def test_nothing_is_known_at_first() -> None:
    pace = Pace()

    assert (pace.load, pace.stop, pace.service, pace.gap) == (None, None, None, None)


def test_a_new_time_moves_the_mean_by_a_third() -> None:
    pace = Pace()
    for seconds in (3.0, 6.0):
        pace.note_load(seconds)
        pace.note_stop(seconds)
        pace.note_service(seconds)
        pace.note_gap(seconds)

    assert (pace.load, pace.stop, pace.service, pace.gap) == (4.0, 4.0, 4.0, 4.0)


def test_a_night_is_forgotten_in_a_few_requests() -> None:
    pace = Pace(gap=0.5)
    pace.note_gap(8 * 3600)
    assert pace.gap is not None
    assert pace.gap < LONGEST_GAP / 2
    for _ in range(10):
        pace.note_gap(0.5)

    assert pace.gap == pytest.approx(0.5, abs=1)


@given(st.lists(st.floats(0, 1e6), min_size=1))
def test_a_mean_stays_among_its_times(times: list[float]) -> None:
    pace = Pace()
    for seconds in times:
        pace.note_load(seconds)

    assert pace.load is not None
    assert min(times) <= pace.load * (1 + 1e-9)
    assert pace.load <= max(times) * (1 + 1e-9)
