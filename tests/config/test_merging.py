"""Several files become one document: what joins, what clashes, and where it is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from llamaswap.config.document import Place, Plain, Report
from llamaswap.config.merging import Part, merge
from llamaswap.config.nodes import to_plain
from llamaswap.config.sources import parse


def merged(*texts: str) -> tuple[dict[str, Plain], Report]:
    """Merge texts, which are called ``a``, ``b`` and so on."""
    report = Report()
    parts: list[Part] = []
    for name, text in zip("abc", texts, strict=False):
        about = Report(name)
        root = parse(text, about)
        assert root is not None
        values = to_plain(root, {"V": "5"}, about)
        assert isinstance(values, dict)
        parts.append(Part(values, about))
    return merge(parts, report), report


JOINED: dict[str, tuple[tuple[str, ...], dict[str, Plain] | None]] = {
    "mappings, later keys behind": (
        ("macros: {x: 1, y: 2}", "macros: {z: 3}\nttl: 4"),
        {"macros": {"x": 1, "y": 2, "z": 3}, "ttl": 4},
    ),
    "lists, earlier first, duplicates kept": (
        ("apiKeys: [k1]", "apiKeys: [k2, k1]", "apiKeys: [k3]"),
        {"apiKeys": ["k1", "k2", "k1", "k3"]},
    ),
    "lists inside lists stay items": (("l: [[1]]", "l: [[2]]"), {"l": [[1], [2]]}),
    "equal values, however they are written": (
        ("a: info\nb: 0x10\nc: ${env.V}\nd: 2024-07-18\ne: .nan", 'a: "info"\nb: 16\nc: ${env.V}'),
        None,
    ),
    "nothing on one side, however it is written": (
        ("a:\nb: ~\nc: 3\nd: {x: 1}\nmodels:", "a: 1\nb: [2]\nc: null\nd: ~\nmodels: {m: {}}"),
        {"a": 1, "b": [2], "c": 3, "d": {"x": 1}, "models": {"m": {}}},
    ),
    "sections of different files": (
        ("models: {a: {}}\ngroups: {g: {}}", "models: {b: {}}\ngroups: {h: {}}"),
        {"models": {"a": {}, "b": {}}, "groups": {"g": {}, "h": {}}},
    ),
    "the parts of a matrix, and its sets": (
        ("matrix: {vars: {A: a}, sets: {s: A}}", "matrix: {sets: {t: A}}", "matrix: {sets: }"),
        {"matrix": {"vars": {"A": "a"}, "sets": {"s": "A", "t": "A"}}},
    ),
    "anchors of each file's own": (
        ("x-a: &a {ttl: 1}\nmodels: {m: *a}", "x-b: &a {ttl: 2}\nmodels: {n: {<<: *a, cmd: x}}"),
        {
            "x-a": {"ttl": 1},
            "models": {"m": {"ttl": 1}, "n": {"cmd": "x", "ttl": 2}},
            "x-b": {"ttl": 2},
        },
    ),
    "an alias and a mapping": (
        ("x: &h {a: 1}\nhooks: *h", "hooks: {b: 2}"),
        {"x": {"a": 1}, "hooks": {"a": 1, "b": 2}},
    ),
}


@pytest.mark.parametrize(("texts", "values"), JOINED.values(), ids=JOINED)
def test_files_are_joined(texts: tuple[str, ...], values: dict[str, Plain] | None) -> None:
    found, report = merged(*texts)

    assert report.faults == ()
    if values is not None:
        assert found == values
        assert list(found) == list(values)


CLASHES = {
    "values": ("a: 1", "a: 2", "b:1:1: a: conflict at a: another value is in a:1:1"),
    "a number and a text": ("a: 16", 'a: "16"', "a text here, but a number in a:1:1"),
    "a number and a switch": ("a: 1", "a: true", "true or false here, but a number in a:1:1"),
    "a date and a text": ("a: 2024-07-18", "a: x", "a text here, but a date in a:1:1"),
    "a list and a mapping": ("a: [1]", "a: {b: 1}", "a mapping here, but a list in a:1:1"),
    "deep in unknown sections": (
        "x: {ttl: 1}",
        "\nx: {ttl: 2}",
        "b:2:5: x.ttl: conflict at x.ttl: another value is in a:1:5",
    ),
    "in a third file": ("a: 1", "b: 1", "c:1:1: a: conflict at a: another value is in a:1:1"),
    "behind nothing": ("a:", "a: 1", "c:1:1: a: conflict at a: another value is in b:1:1"),
    "models": (
        "models: {m: {}}",
        "models: {m: {}}",
        "b:1:10: models.m: duplicate models key 'm': it is also in a:1:10",
    ),
    "sets of a matrix": (
        "matrix: {sets: {s: A}}",
        "matrix: {sets: {s: A}}",
        "duplicate matrix.sets key 's': it is also in a:1:17",
    ),
    "variables of a matrix": (
        "routing: {router: {settings: {matrix: {vars: {A: a}}}}}",
        "routing: {router: {settings: {matrix: {vars: {B: b}}}}}",
        "duplicate routing.router.settings.matrix key 'vars': it is also in a:1:40",
    ),
} | {
    section: (f"{section}: {{x: {{}}}}", f"{section}: {{x: {{}}}}", f"duplicate {section} key 'x'")
    for section in ("groups", "peers", "profiles", "selectors")
}


@pytest.mark.parametrize(("first", "second", "told"), CLASHES.values(), ids=CLASHES)
def test_clashes_are_told_with_both_places(first: str, second: str, told: str) -> None:
    third = "a: 2" if told.startswith("c:") else "{}"
    _, report = merged(first, second, third)

    (fault,) = report.faults
    assert told in str(fault)


def test_conflict_does_not_repeat_values_which_may_be_secrets() -> None:
    _, report = merged("macros: {key: sk-one}", "macros: {key: sk-two}")

    assert "sk-" not in str(report.faults[0])


def test_places_stay_with_what_is_written_there() -> None:
    _, report = merged("apiKeys: [a]\nttl:", "\napiKeys: [b, {c: d}]\n\nttl: 5\nx: [e]")

    assert report.places == {
        ("apiKeys",): Place(1, 1, "a"),
        ("apiKeys", 0): Place(1, 11, "a"),
        ("apiKeys", 1): Place(2, 11, "b"),
        ("apiKeys", 2): Place(2, 14, "b"),
        ("apiKeys", 2, "c"): Place(2, 15, "b"),
        ("ttl",): Place(4, 1, "b"),
        ("x",): Place(5, 1, "b"),
        ("x", 0): Place(5, 5, "b"),
    }


def test_complaints_move_with_what_they_are_about() -> None:
    first, second, report = Report("a"), Report("b"), Report()
    second.fault(("apiKeys", 0), "odd")
    second.warn(("apiKeys", 1), "odd too")
    merge([Part({"apiKeys": ["x"]}, first), Part({"apiKeys": ["y", "z"]}, second)], report)

    assert report.is_tainted(("apiKeys", 1))
    assert not report.is_tainted(("apiKeys", 0))
    assert [fault.file for fault in (*report.faults, *report.warnings)] == ["b", "b"]


def test_faults_come_in_the_order_of_the_files_then_of_their_lines(tmp_path: Path) -> None:
    first, second, report = Report("z"), Report("a"), Report()
    second.fault(("a",), "third", Place(1, 1))
    first.fault(("a",), "second", Place(9, 1))
    first.fault(("a",), "first", Place(3, 1))
    merge([Part({}, first), Part({}, second)], report)

    assert [fault.message for fault in report.faults] == ["first", "second", "third"]


def test_nothing_is_merged_to_nothing() -> None:
    assert merge([], Report()) == {}
