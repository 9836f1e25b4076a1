"""The figures of the benchmark, on numbers made up."""

from __future__ import annotations

from tests.bench.measure import Figures, Sample


def test_sample_tells_rate_and_work() -> None:
    sample = Sample(count=200, seconds=2.0, median=0.01, processor=0.1)

    assert sample.rate == 100
    assert sample.work == 500


def test_sample_survives_the_way_between_processes() -> None:
    sample = Sample(count=200, seconds=2.0, median=0.01, processor=0.1)

    assert Sample.from_json(sample.to_json()) == sample


def test_figures_are_medians_of_the_rounds() -> None:
    figures = Figures(("direct", "ours"))
    for value in (3.0, 1.0, 2.0):
        figures.note("requests/s", "ours", value, digits=1)

    assert figures.table() == "            direct  ours\nrequests/s       -   2.0"


def test_ratio_is_the_median_of_the_ratios_within_a_round() -> None:
    figures = Figures(("ours", "other"), ("ours", "other"))
    for ours, other in ((1.0, 2.0), (9.0, 10.0), (30.0, 40.0)):
        figures.note("time", "ours", ours)
        figures.note("time", "other", other)

    assert figures.table().splitlines()[1].split() == ["time", "9", "10", "0.75"]


def test_what_nobody_measured_has_no_ratio() -> None:
    figures = Figures(("direct", "ours", "other"), ("ours", "other"))
    figures.note("time", "direct", 1.0)

    assert figures.table().splitlines()[1].split() == ["time", "1", "-", "-", "-"]
