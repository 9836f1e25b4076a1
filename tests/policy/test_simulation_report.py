"""What a report sums up."""

from __future__ import annotations

from array import array

from hypothesis import given
from hypothesis import strategies as st

from llamaswap.policy.messages import Cause
from llamaswap.policy.reasons import LOADED, READY
from llamaswap.policy.simulation_report import Report, Span, Tally, Waits, merged
from tests.policy.words import A, B


def test_a_percentile_is_the_wait_of_somebody() -> None:
    assert Waits.of(range(1, 101)) == Waits(mean=50.5, p50=50, p95=95, longest=100)
    assert Waits.of([3]) == Waits(3, 3, 3, 3)
    assert Waits.of([4, 1]) == Waits(2.5, 1, 4, 4)
    assert Waits.of([]) == Waits()


@given(st.lists(st.floats(0, 1e6), min_size=1))
def test_percentiles_are_in_order(seconds: list[float]) -> None:
    waits = Waits.of(seconds)

    assert min(seconds) <= waits.p50 <= waits.p95 <= waits.longest == max(seconds)
    assert waits.p95 in seconds
    assert sum(value <= waits.p95 for value in seconds) >= 0.95 * len(seconds)


def test_guests_at_the_same_time_count_once() -> None:
    tally = Tally()
    tally.enter(0.0, 1.0)
    tally.enter(0.0, 2.0)
    tally.leave(3.0)
    tally.leave(5.0)
    tally.enter(6.0, 6.0)
    tally.leave(7.0)
    tally.refused[Cause.BUSY] += 1
    report = tally.report()

    assert (report.serving, report.served, report.requests) == (5.0, 3, 4)
    assert report.waits == Waits(1.0, 1.0, 2.0, 2.0)


def test_a_process_is_loaded_from_ready_to_stop_or_end() -> None:
    tally = Tally()
    tally.note_span(Span(A, 0.0, READY, ready=2.0, stopped=5.0, gone=6.0), 10.0)
    tally.note_span(Span(A, 6.0, READY, stopped=7.0, gone=7.0), 10.0)
    tally.note_span(Span(A, 8.0, READY, ready=9.0), 10.0)
    # It was ready when the last request was over already.
    tally.note_span(Span(A, 8.0, READY, ready=11.0), 10.0)

    assert tally.report().loaded == 3.0 + 1.0


def test_at_one_moment_who_makes_room_is_told_first() -> None:
    spans = (
        Span(A, 0.0, READY, stopped=4.0, gone=4.0, cause=LOADED),
        Span(B, 4.0, READY),
    )
    report = Report({}, Waits(), 0.0, 9.0, 1, 0.0, spans, 0)

    assert list(report.timeline()) == [
        (0.0, A, "starts (the model was ready)"),
        (4.0, A, "stops (the model has been loaded for it)"),
        (4.0, B, "starts (the model was ready)"),
    ]


def test_all_waits_are_merged() -> None:
    assert merged([array("d", [1, 2]), array("d"), array("d", [0])]) == array("d", [1, 2, 0])
