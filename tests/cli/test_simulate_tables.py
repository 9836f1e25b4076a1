"""Tables and pictures of reports."""

from __future__ import annotations

import pytest

from llamaswap.cli import simulate_tables as tables
from llamaswap.cli.simulate_tables import PICTURE, compared, entries, laid_out, overview, picture
from llamaswap.policy import simulation
from llamaswap.policy.rules import ModelId
from llamaswap.policy.simulation import Request, Times, simulate
from llamaswap.policy.simulation_report import Report, Waits
from tests.policy.words import ONE_AT_A_TIME, TIGHT, A, B, C, fleet

NOTHING = Report({}, Waits(), 0.0, 0.0, 0, 0.0, (), 0)


def test_columns_are_aligned() -> None:
    assert laid_out([["", "ours"], ["requests/s", "1,000"], ["added, ms", "-"]]) == (
        "             ours\nrequests/s  1,000\nadded, ms       -"
    )


def test_the_picture_shows_loading_and_ready_in_proportion() -> None:
    # A loads 0-16, is ready until 32; B loads 32-48, is ready until 64.
    requests = [Request(100, A, 16), Request(101, B, 16)]
    report = simulate(ONE_AT_A_TIME, requests, Times(load=16, stop=0))
    quarter = PICTURE // 4

    lines = picture(report).splitlines()
    assert lines[0] == f"a  |{'~' * quarter}{'#' * quarter}{' ' * 2 * quarter}|"
    assert lines[1] == f"b  |{' ' * 2 * quarter}{'~' * quarter}{'#' * quarter}|"
    assert lines[2] == "   one column is 1 s; # ready, ~ loading, whichever is longer"
    assert len(lines) == 3  # C never ran.


def test_of_loading_and_ready_the_longer_part_of_a_column_is_shown() -> None:
    # Columns of 1 s: ready from 0.4, and again from 62.6.
    requests = [Request(0, A, 1), Request(62, A, 2)]
    lazy = fleet([A], idle_after=10)
    shown = picture(simulate(lazy, requests, Times(0.4, loads={A: 0.4}))).splitlines()[0]
    slow = picture(simulate(lazy, requests, Times(0.6))).splitlines()[0]

    assert shown.startswith("a  |###")
    assert slow.startswith("a  |~##")


def test_a_load_that_never_ends_is_drawn() -> None:
    assert NOTHING.makespan == 0
    assert picture(NOTHING).strip().startswith("one column is 1 s")


def test_a_report_of_nothing_divides_by_nothing() -> None:
    assert overview(NOTHING).splitlines()[1].split() == (
        [*("all", "0", "0", "0"), *["0.00"] * 3, *("0", "0", "-")]
    )
    assert "nan" not in compared(NOTHING, NOTHING, ("f", "g"))


def test_refusals_are_told_by_cause() -> None:
    report = simulate(TIGHT, [Request(0, A)] * 3, Times(1))

    assert "refused: busy 1" in overview(report).splitlines()


def test_a_long_name_is_cut() -> None:
    long = ModelId("x" * 40)
    report = simulate(fleet([long]), [Request(0, long)], Times(1))

    for text in (overview(report), picture(report), compared(report, report, ("y" * 40, "g"))):
        assert any(line.startswith("x" * 23 + "…") for line in text.splitlines())
        assert all(len(line) <= 100 for line in text.splitlines())


def test_models_of_one_configuration_only_are_compared_with_nothing() -> None:
    ours = simulate(fleet([A, B]), [Request(0, A)], Times(2))
    theirs = simulate(fleet([A, C]), [Request(0, A)], Times(1))
    rows = [line.split() for line in compared(ours, theirs, ("f", "g")).splitlines()]

    assert ["a", "2.00", "1.00", "2.00", "1.00", "2.00", "1.00", "0.50", "1", "1"] in rows
    assert ["b", "0.00", "-", "0.00", "-", "0.00", "-", "-", "0", "-"] in rows
    assert ["c", "-", "0.00", "-", "0.00", "-", "0.00", "-", "-", "0"] in rows


def test_of_many_starts_and_stops_the_first_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    requests = [Request(20 * number, (A, B)[number % 2]) for number in range(6)]
    report = simulate(ONE_AT_A_TIME, requests, Times(2))

    assert len(entries(report).splitlines()) == 11
    monkeypatch.setattr(tables, "MOST_ENTRIES", 4)
    assert entries(report).splitlines()[3:] == [
        "     40.00 s  b stops (makes room for a)",
        "… 7 more (see --json)",
    ]
    monkeypatch.setattr(simulation, "MOST_SPANS", 3)
    cut = simulate(ONE_AT_A_TIME, requests, Times(2))
    assert entries(cut).splitlines()[-1].endswith(", and 3 processes that nobody noted")
    monkeypatch.setattr(tables, "MOST_ENTRIES", 200)
    assert entries(cut).splitlines()[-1] == "…, and 3 processes that nobody noted"
