"""Traces: what may stand in a file, what is told of one that is wrong, and who is meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from llamaswap.cli.traces import (
    Entry,
    TraceError,
    entries_of_file,
    entries_of_store,
    understand,
)
from llamaswap.policy.naming import Names, SelectorRule
from llamaswap.policy.rules import ModelId, Selection, Strategy
from llamaswap.policy.simulation import Request
from tests.observe.test_store import opened, row

A, B = ModelId("a"), ModelId("b")


def entries(folder: Path, text: str) -> list[Entry]:
    path = folder / "trace"
    path.write_text(text)
    return entries_of_file(path)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            '{"time": 2, "model": "b", "duration": 0.5}\n\n{"time": 1.5, "model": "a", "x": 1}\n',
            [Entry(1.5, "a", None), Entry(2, "b", 0.5)],
        ),
        (
            '\ufefftime,model,duration\n2,b,0.5\n1.5,"a, too",\n1, a ,2\n',
            [Entry(1, "a", 2), Entry(1.5, "a, too", None), Entry(2, "b", 0.5)],
        ),
        ("model, time\na,1\n", [Entry(1, "a", None)]),
        (
            "time,model\n1970-01-02T00:00Z,a\n1970-01-02T01:00+01:00,b\n1970-01-02 00:00:01.5,c\n",
            [Entry(86400, "a", None), Entry(86400, "b", None), Entry(86401.5, "c", None)],
        ),
        # Digits alone are seconds, though they could be a day.
        ('{"time": "20240101", "model": "a", "duration": null}', [Entry(20240101, "a", None)]),
        ("", []),
    ],
)
def test_a_trace_is_read_and_put_in_order(tmp_path: Path, text: str, expected: list[Entry]) -> None:
    assert entries(tmp_path, text) == expected


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("{", "expected a JSON object: "),
        ("[1]", "expected a JSON object, found [1]"),
        ('{"time": 1}', "no model: expected a model's name"),
        ('{"time": 1, "model": " "}', "no model: expected a model's name"),
        ('{"model": "a"}', "invalid time None: expected seconds or an ISO 8601 time"),
        ('{"time": true, "model": "a"}', "invalid time True: expected seconds or an ISO"),
        ('{"time": [1], "model": "a"}', "invalid time [1]: expected seconds or an ISO"),
        ('{"time": "noon", "model": "a"}', "invalid time 'noon': expected seconds or an ISO"),
        ('{"time": "nan", "model": "a"}', "invalid time 'nan': expected seconds or an ISO"),
        ('{"time": 1e308, "model": "a"}', "invalid time 1e+308: expected seconds or an ISO"),
        ('{"time": -1e13, "model": "a"}', "invalid time -10000000000000.0: expected seconds"),
        ('{"a":' * 100_000, "expected a JSON object: maximum recursion depth"),
        ('{"time": 1, "model": "a", "duration": -1}', "invalid duration -1: expected seconds"),
        ('{"time": 1, "model": "a", "duration": [1]}', "invalid duration [1]: expected seconds"),
        ('{"time": 1, "model": "a", "duration": "1s"}', "invalid duration '1s': expected seconds"),
    ],
)
def test_a_bad_line_is_told_with_its_number(tmp_path: Path, line: str, problem: str) -> None:
    with pytest.raises(TraceError) as told:
        entries(tmp_path, f'{{"time": 1, "model": "a"}}\n\n{line}\n')

    assert str(told.value).startswith(f"{tmp_path / 'trace'}:3: {problem}")


def test_a_bad_line_of_a_table_is_told_with_its_number(tmp_path: Path) -> None:
    with pytest.raises(TraceError, match=r"trace:3: no model: expected"):
        entries(tmp_path, "time,model\n1,a\n2\n")
    with pytest.raises(TraceError, match=r"trace:2: expected a line of a CSV: field larger"):
        entries(tmp_path, f"time,model\n1,{'a' * 200_000}\n")


def test_all_bad_lines_are_told_but_not_thousands(tmp_path: Path) -> None:
    with pytest.raises(TraceError) as told:
        entries(tmp_path, '{"time": 1}\n' * 13)

    assert str(told.value).count("no model") == 10
    assert str(told.value).endswith("\nand 3 more lines")


def test_another_file_is_no_trace(tmp_path: Path) -> None:
    with pytest.raises(TraceError, match=r"trace:1: no column 'time': expected JSON objects, or"):
        entries(tmp_path, "models:\n  a:\n")
    with pytest.raises(TraceError, match=r"trace:1: no column 'time'"):
        entries(tmp_path, "a" * 200_000)
    with pytest.raises(TraceError, match="cannot read the trace"):
        entries_of_file(tmp_path / "missing")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\xff")
    with pytest.raises(TraceError, match="cannot read the trace"):
        entries_of_file(tmp_path / "binary")


def test_a_store_is_a_trace(tmp_path: Path) -> None:
    path = tmp_path / "activity.db"
    opened(path, [row(100, 1500), row(100, 2500, model="b", status=500)]).close()

    assert entries_of_store(path) == [Entry(97.5, "b", None), Entry(98.5, "a", 1.5)]


def test_names_are_understood_and_the_clock_starts() -> None:
    trace = [Entry(50, "x", 1), Entry(51, "a", 2), Entry(53, "big", None), Entry(54, "x", 1)]
    meant = understand(trace, Names.of({A: [], B: ["big"]}))

    assert list(meant.requests()) == [Request(1, A, 2), Request(3, B, None)]
    assert meant.skipped == {"x": 2}
    assert not meant.is_empty
    assert understand(trace, Names.of({})).is_empty
    assert understand([], Names.of({A: []})).is_empty


def test_a_selector_is_for_one_of_several_models() -> None:
    names = Names.of({A: ["x"], B: []}, {"any": SelectorRule(Strategy.WARM, ("x", "b"))})
    meant = understand([Entry(0, "any", 5), Entry(0, "a", 1)], names)

    wanted = [request.model for request in meant.requests()]
    assert wanted == [Selection("any", Strategy.WARM, (A, B)), A]
    assert meant.services == {A: 1}, "nobody knows which one took 5 s"


def test_a_trace_tells_how_long_requests_usually_take() -> None:
    trace = [Entry(0, "a", 1), Entry(0, "alias", 2), Entry(0, "a", None), Entry(0, "b", None)]

    assert understand(trace, Names.of({A: ["alias"], B: []})).services == {A: 1.5}
