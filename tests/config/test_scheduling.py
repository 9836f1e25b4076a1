"""Who goes first, and the matrix that is in force."""

import pytest

from llamaswap.config.document import Plain, Report
from llamaswap.config.groups import Routing
from llamaswap.config.load import load_config
from llamaswap.config.scheduling import build_matrix, build_scheduling, check_routing
from llamaswap.config.sections import FifoConfig, MatrixConfig, RoutingSection
from llamaswap.errors import ConfigError
from llamaswap.policy.rules import ModelId

A, B = ModelId("a"), ModelId("b")
IDS = {"a": A, "b": B, "al": A, "ax": A}


def _scheduler(fifo: Plain, use: Plain = None) -> tuple[FifoConfig, Report]:
    report = Report()
    routing: Plain = {"scheduler": {"use": use, "settings": {"fifo": fifo}}}
    section = check_routing({"routing": routing}, report)
    return build_scheduling(section, IDS, report), report


def test_settings_of_the_scheduler_are_read() -> None:
    fifo, report = _scheduler(
        {
            "priority": {"al": 5, "b": -1},
            "maxWait": "30s",
            "linger": 0,
            "minResidency": 1.5,
            "queueTimeout": "2m",
        },
        use="fifo",
    )

    assert fifo == FifoConfig({A: 5, B: -1}, 30, 0, 1.5, 120)
    assert report.faults == ()


@pytest.mark.parametrize("use", [None, "", "fifo"])
def test_defaults_of_the_scheduler(use: Plain) -> None:
    fifo, report = _scheduler({"maxWait": "auto", "queueTimeout": 0}, use)

    assert fifo == FifoConfig()
    assert report.faults == ()


def test_unknown_scheduler_and_model_are_refused() -> None:
    _, report = _scheduler({"priority": {"zzz": 1, "all": 2}}, use="lifo")

    path = "routing.scheduler"
    assert [str(fault) for fault in report.faults] == [
        (
            f"{path}.use: unknown scheduler: expected fifo, found the text 'lifo'; "
            "did you mean 'fifo'?"
        ),
        (
            f"{path}.settings.fifo.priority.zzz: unknown model 'zzz': expected the id or an alias "
            "of a model"
        ),
        f"{path}.settings.fifo.priority.all: unknown model 'all', did you mean 'al'?",
    ]


def test_one_priority_of_a_model_counts_and_the_others_are_told() -> None:
    fifo, report = _scheduler({"priority": {"al": 1, "a": 2, "ax": 3}})
    assert fifo.priority == {A: 2}

    fifo, by_alias = _scheduler({"priority": {"al": 1, "ax": 3}})
    assert fifo.priority == {A: 1}

    said = "the model 'a' has a priority by another name, which counts"
    path = "routing.scheduler.settings.fifo.priority"
    assert [str(warning) for warning in (*report.warnings, *by_alias.warnings)] == [
        f"{path}.al: {said}",
        f"{path}.ax: {said}",
        f"{path}.ax: {said}",
    ]


def test_types_are_checked_where_nobody_reads() -> None:
    report = Report()
    router: Plain = {"use": 5, "settings": {"groups": {"g": {"swap": 1}}, "matrix": {"sets": []}}}

    assert check_routing({"routing": {"router": router}}, report).router.use == "5"
    assert sorted(str(fault) for fault in report.faults) == [
        "routing.router.settings.groups.g.swap: expected true or false, found 1",
        "routing.router.settings.matrix.sets: expected a mapping of keys, found a list",
    ]


def test_routing_of_another_kind_is_told() -> None:
    report = Report()

    assert check_routing({"routing": 5}, report) == RoutingSection()
    assert [str(fault) for fault in report.faults] == [
        "routing: expected a mapping of keys, found 5"
    ]


def _matrix(matrix: Plain, report: Report) -> MatrixConfig | None:
    config, compiled = build_matrix(Routing(("matrix",), matrix=matrix), (A, B), report)
    assert (compiled is None) == (config is None or bool(report.faults))
    return config


def test_matrix_is_compiled() -> None:
    report = Report()
    values: Plain = {"vars": {"x": "a"}, "evict_costs": {"x": 2.9}, "sets": {"s": "x & b"}}

    assert _matrix(values, report) == MatrixConfig({"x": A}, {"x": 2}, {"s": "x & b"})
    assert report.faults == ()


def test_no_matrix_is_none() -> None:
    assert _matrix(None, Report()) is None


def test_problems_of_a_matrix_stand_where_they_are_written() -> None:
    report = Report()

    _matrix({"vars": {"a_b": "a"}, "evict_costs": {"b": 0}, "sets": {"s": None}}, report)

    assert [fault.path for fault in report.faults] == [
        "matrix.vars.a_b",
        "matrix.evict_costs.b",
        "matrix.sets.s",
    ]


def test_wrong_type_costs_no_second_fault() -> None:
    wrong: list[Plain] = [{"sets": ["a"]}, {"vars": 5, "sets": {"s": "x"}}, 5]
    for matrix in wrong:
        report = Report()

        _matrix(matrix, report)

        assert len(report.faults) == 1


def test_costs_of_another_type_leave_the_rest_to_be_checked() -> None:
    report = Report()

    _matrix({"evict_costs": {"a": "5"}, "sets": {"s": "zz"}}, report)

    assert [fault.path for fault in report.faults] == ["matrix.evict_costs.a", "matrix.sets.s"]


def test_sets_that_are_empty_are_told_beside_those_that_are_no_text() -> None:
    text = "models: {m: {cmd: 's ${PORT}'}}\nmatrix: {sets: {a: ~, b: [m], c: m, d: ''}}"
    with pytest.raises(ConfigError) as caught:
        load_config(text)

    assert [fault.path for fault in caught.value.faults] == [
        "matrix.sets.a",
        "matrix.sets.b",
        "matrix.sets.d",
    ]
