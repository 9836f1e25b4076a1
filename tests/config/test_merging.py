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
    "values that are written alike": (
        (
            "a: info\nb: 0x10\nc: ${env.V}\nd: 2024-07-18\ne: .nan\nf: ! 5\ng: !foo x\nh: !!str 5",
            "a: \"info\"\nb: 0x10\nc: 5\nd: 2024-07-18\ne: .nan\nf: !!int '5'\ng: !foo x\nh: '5'",
        ),
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
    "a macro of nothing in braces and another": (
        ("macros: {A: , B: x}", "macros: {A: y}", "macros: {A: }"),
        {"macros": {"A": "y", "B": "x"}},
    ),
    "what is written out over what is merged": (
        ("x: {<<: {a: {b: 1}, c: 2}}", "x: {a: {d: 0x1}}", "x: {<<: {a: {b: 5}}, c: }"),
        {"x": {"a": {"d": 1}, "c": 2}},
    ),
    "what is merged with what is merged": (
        ("x: {<<: {a: [1]}}", "x: {<<: {a: [2]}}"),
        {"x": {"a": [1, 2]}},
    ),
    "what is merged over nothing": (("x: {a: }", "x: {<<: {a: 1}}"), {"x": {"a": 1}}),
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
    "one number in two ways": ("a: 16", "a: 0x10", "another value is in a:1:1; write it alike"),
    "one switch in two ways": ("a: true", "a: True", "write it alike in both"),
    "one date in two ways": ("a: 2024-07-18", "a: 2024-7-18", "write it alike in both"),
    "a tag and none": ("a: !foo info", "a: info", "write it alike in both"),
    "two tags": ("a: !foo x", "a: !bar x", "write it alike in both"),
    "base64 and a text": ("a: !!binary aGk=", "a: hi", "write it alike in both"),
    "whole and broken": ("a: 1", "a: 1.0", "another value is in a:1:1"),
    "what was written out over what was merged": (
        "x: {<<: {a: 1}}",
        "x: {a: 2}",
        "c:2:5: x.a: conflict at x.a: another value is in b:1:5",
    ),
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
    third = "a: 2\nx: {a: 3}" if told.startswith("c:") else "{}"
    _, report = merged(first, second, third)

    (fault,) = report.faults
    assert told in str(fault)


PARTS = {
    "logLevel: info\n": (
        "logLevel: debug",
        "conflict at logLevel: 'debug' here, but 'info' in a:1:1; remove one of the two",
        ("'debug'", "'info'", "remove one of the two"),
    ),
    "startPort: 16\n": (
        "startPort: 0x10",
        "conflict at startPort: 0x10 here, but 16 in a:1:1; write it alike in both",
        ("0x10", "16", "write it alike in both"),
    ),
    "logLevel: !foo info\n": (
        "logLevel: info",
        "conflict at logLevel: 'info' here, but !foo info in a:1:1; write it alike in both",
        ("'info'", "!foo info", "write it alike in both"),
    ),
    "macros: {k: 1}\n": (
        "macros: {k: 2}",
        "conflict at macros.k: another value is in a:1:10; remove one of the two",
        ("another value", "the value in a:1:10", "remove one of the two"),
    ),
    "globalTTL: 5\n": (
        "globalTTL: [5]",
        "conflict at globalTTL: a list here, but a number in a:1:1; remove one of the two",
        ("a list", "a number", "remove one of the two"),
    ),
    "models: {m: {}}\n": (
        "models: {m: {}}",
        "duplicate models key 'm': it is also in a:1:10; remove it from one of the files",
        ("'m'", "each key in one file", "remove it from one of the files"),
    ),
}


@pytest.mark.parametrize(("first", "told"), PARTS.items())
def test_a_clash_says_what_is_where(first: str, told: tuple[str, str, tuple[str, ...]]) -> None:
    second, message, parts = told
    _, report = merged(first, second)

    (fault,) = report.faults
    assert fault.message == message
    assert (fault.found, fault.expected, fault.suggestion) == parts


def test_conflict_does_not_repeat_values_which_may_be_secrets() -> None:
    first = "macros: {key: sk-one}\nx: {y: sk-one}\napiKeys: sk-one"
    _, report = merged(first, first.replace("one", "two"))

    assert len(report.faults) == 3
    assert not any("sk-" in str(fault) for fault in report.faults)


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


def test_the_place_and_the_form_are_those_of_who_wins() -> None:
    _, report = merged("x: {<<: {a: {b: 01}}}\ny: ~", "x: {a: {c: 02}}\ny: x")

    assert report.places[("x", "a")] == Place(1, 5, "b")
    assert ("x", "a", "b") not in report.places
    assert report.forms == {("x", "a", "c"): ("02", "!!int")}
    assert report.merged == set()


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
