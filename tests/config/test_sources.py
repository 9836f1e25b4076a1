"""Files and YAML: what is read, and what is told of what cannot be."""

import codecs
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from llamaswap.config import sources
from llamaswap.config.document import Report
from llamaswap.config.nodes import Alias, Items, Scalar, Table


def _told(text: str) -> list[str]:
    report = Report("f")

    assert sources.parse(text, report) is None
    return [str(fault) for fault in report.faults]


@pytest.mark.parametrize(
    "raw",
    [
        "a: ü\n".encode(),
        codecs.BOM_UTF8 + "a: ü\n".encode(),
        "a: ü\n".encode("utf-16"),
        codecs.BOM_UTF16_BE + "a: ü\n".encode("utf-16-be"),
    ],
)
def test_file_is_read_in_its_encoding(tmp_path: Path, raw: bytes) -> None:
    file = tmp_path / "c.yaml"
    file.write_bytes(raw)

    text = sources.read(file, Report())

    assert text is not None
    assert text.removeprefix("\ufeff") == "a: ü\n"


def test_missing_file_is_told_with_the_systems_reason(tmp_path: Path) -> None:
    report = Report("none.yaml")

    assert sources.read(tmp_path / "none.yaml", report) is None
    assert [str(fault) for fault in report.faults] == [
        "none.yaml: the file cannot be read: No such file or directory"
    ]


def test_path_that_no_system_takes_is_told() -> None:
    report = Report()

    assert sources.read(Path("a\0b"), report) is None
    assert report.faults[0].message.startswith("the file cannot be read: ")


def test_bytes_that_are_no_text_are_told_with_their_place(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_bytes(b"a: 1\r\nb: \xff\n")
    report = Report("c.yaml")

    assert sources.read(file, report) is None
    assert [str(fault) for fault in report.faults] == [
        "c.yaml:2:4: YAML parse error: this is not valid utf-8"
    ]


def test_parts_of_a_document_become_nodes_with_places() -> None:
    root = sources.parse('a: [1, "2"]\nb: &x {c: !!int 3}\nd: *x\n', Report())

    assert isinstance(root, Table)
    assert not root.is_flow
    (_, items), (_, table), (key, alias) = root.pairs
    assert isinstance(items, Items)
    assert isinstance(table, Table)
    assert table.is_flow
    assert isinstance(alias, Alias)
    assert alias.target is table
    assert (key.place.line, key.place.column) == (3, 1)
    assert [(item.text, item.is_plain) for item in items.items if isinstance(item, Scalar)] == [
        ("1", True),
        ("2", False),
    ]
    (_, tagged) = table.pairs[0]
    assert isinstance(tagged, Scalar)
    assert (tagged.tag, tagged.is_plain) == ("tag:yaml.org,2002:int", False)


@pytest.mark.parametrize("text", ["", "\ufeff", "# only a comment\n", "\n\n"])
def test_text_without_a_document_is_nothing(text: str) -> None:
    report = Report()

    assert sources.parse(text, report) is None
    assert report.faults == ()


@pytest.mark.parametrize("tail", ["---\nb: 2", "...\nb: 2", "---\n]: &broken ["])
def test_only_the_first_document_is_read(tail: str) -> None:
    report = Report()

    root = sources.parse(f"a: 1\n{tail}", report)

    assert isinstance(root, Table)
    assert len(root.pairs) == 1
    assert report.faults == ()


def test_line_breaks_of_other_systems_never_reach_a_value() -> None:
    for end in ("\r\n", "\r", "\n"):
        root = sources.parse(end.join(["a: |", "  x", "  y", ""]), Report())

        assert isinstance(root, Table)
        (_, value) = root.pairs[0]
        assert isinstance(value, Scalar)
        assert value.text == "x\ny\n"


def test_reference_to_the_environment_is_no_syntax() -> None:
    root = sources.parse("[${env.A}, b${env.A}]", Report())

    assert isinstance(root, Items)
    assert [item.text for item in root.items if isinstance(item, Scalar)] == [
        "${env.A}",
        "b${env.A}",
    ]


BROKEN = {
    "a: [1": "f:2:1: YAML parse error: while parsing a flow sequence, "
    "did not find expected ',' or ']'",
    "a: b: c": "f:1:5: YAML parse error: mapping values are not allowed in this context",
    "a:\n\tb: 1": "f:2:1: YAML parse error: while scanning for the next token, found character "
    "that cannot start any token; indent with blanks, not with tabs",
    "a: [${X}]": "f:1:6: YAML parse error: while parsing a flow sequence, "
    "did not find expected ',' or ']'",
    "a: *b": "f:1:4: YAML parse error: unknown anchor 'b': none of this name stands above",
    "a: &a [*a]": "f:1:8: YAML parse error: the anchor 'a' contains itself",
    "a: 1\nb: \0": "f:2:4: YAML parse error: control character U+0000",
    "a: \ud800": "f:1:4: YAML parse error: control character U+D800",
    "[" * 200: "f:1:102: YAML parse error: lists and mappings are nested more than 100 levels deep",
}


@pytest.mark.parametrize(("text", "fault"), BROKEN.items(), ids=range(len(BROKEN)))
def test_broken_text_is_told_with_its_place(text: str, fault: str) -> None:
    assert _told(text) == [fault]


@pytest.mark.parametrize(
    "text",
    ["!<tag:%ED%A0%80> x", '"\\UFFFFFFFF"', "%YAML 3.0\n---\na", "%FOO\n---\na", "a: \ufeffb\n]"],
)
def test_what_the_library_stumbles_over_is_a_fault(text: str) -> None:
    (fault,) = _told(text)

    assert "YAML parse error: " in fault


def test_error_without_a_mark_is_told_without_a_place(monkeypatch: pytest.MonkeyPatch) -> None:
    def parse(*_: object) -> object:
        raise yaml.MarkedYAMLError(problem="odd")

    monkeypatch.setattr(yaml, "parse", parse)

    assert _told("a: 1") == ["f: YAML parse error: odd"]


@given(st.text() | st.text("ab:-[]{}&*!|>'\"%#\n\t ,?<", max_size=40))
def test_any_text_is_read_or_told(text: str) -> None:
    report = Report()

    root = sources.parse(text, report)

    assert root is None or not report.faults


@given(text=st.text("ab:-[]{}&*!|>'\"%#\n\\xU0 ,?<", max_size=40))
def test_any_text_is_read_or_told_without_the_c_parser(text: str) -> None:
    report = Report()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sources, "_LOADER", yaml.Loader)
        root = sources.parse(text, report)

    assert root is None or not report.faults
