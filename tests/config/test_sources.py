"""Files and YAML: what is read, and what is told of what cannot be."""

import codecs

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from llamaswap.config import sources
from llamaswap.config.document import Plain, Report
from llamaswap.config.files import Source
from llamaswap.config.nodes import Alias, Items, Scalar, Table, to_plain


def _told(text: str) -> list[str]:
    report = Report("f")

    assert sources.parse(text, report) is None
    return [str(fault) for fault in report.faults]


def _says(text: str) -> Plain:
    report = Report()
    root = sources.parse(text, report)
    assert root is not None, report.faults
    return to_plain(root, {"X": "v", "Y": "a:, b:"}, report, sources.reread)


@pytest.mark.parametrize(
    "raw",
    [
        "a: ü\n".encode(),
        codecs.BOM_UTF8 + "a: ü\n".encode(),
        "a: ü\n".encode("utf-16"),
        codecs.BOM_UTF16_BE + "a: ü\n".encode("utf-16-be"),
    ],
)
def test_bytes_are_read_in_their_encoding(raw: bytes) -> None:
    text = sources.decode(Source("c.yaml", raw), Report())

    assert text is not None
    assert text.removeprefix("\ufeff") == "a: ü\n"


def test_bytes_that_are_no_text_are_told_with_their_place() -> None:
    report = Report("c.yaml")

    assert sources.decode(Source("c.yaml", b"a: 1\r\nb: \xff\n"), report) is None
    assert [str(fault) for fault in report.faults] == [
        "c.yaml:2:4: YAML parse error: this is not valid utf-8; save the file as UTF-8"
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


FLOWS: dict[str, Plain] = {
    "[a:, b]": ["a:", "b"],
    "[a:]": ["a:"],
    "['${env.Y}', ${env.Y}]": ["a:, b:", "a:", "b:"],
    f"[{'a:, ' * 200}b]": [*["a:"] * 200, "b"],
    "[a:b:, a::, -:]": ["a:b:", "a::", "-:"],
    "{x: http:}": {"x": "http:"},
    "{x: a:,y: b:, z:, w}": {"x": "a:", "y": "b:", "z:": None, "w": None},
    "[\U0001f600é:, ${env.X}:,\r\n  c:]": ["\U0001f600é:", "v:", "c:"],
    '["a":, {"b":[1]}, "c:,"] # d:,': [{"a": None}, {"b": [1]}, "c:,"],
    "a: b:,c\nd: [e:,\n f:\n ]": {"a": "b:,c", "d": ["e:", {"f": None}]},
}


@pytest.mark.parametrize(("text", "value"), FLOWS.items())
def test_a_text_in_brackets_may_end_in_a_colon(text: str, value: Plain) -> None:
    assert _says(text) == value


def test_a_text_with_our_mark_for_a_colon_is_left_alone() -> None:
    assert sources.parse("[a\ufdd3:, b]", Report()) is None
    assert _says("[a\ufdd3, b]") == ["a\ufdd3", "b"]


BROKEN = {
    "a: [1,\n  {b: c\nd: e\n": "f:2:3: YAML parse error: while parsing a flow mapping, "
    "did not find expected ',' or '}', found ':'; what begins with { ends with }",
    "a: [1]\nb: [": "f:2:4: YAML parse error: while parsing a flow node, "
    "did not find expected node content, found the end of the file; close what is open",
    "a: 'x\nb: 1\n": "f:1:4: YAML parse error: while scanning a quoted scalar, "
    "found unexpected end of stream; close the quote",
    "a: [1": "f:1:4: YAML parse error: while parsing a flow sequence, "
    "did not find expected ',' or ']', found the end of the file; what begins with [ ends with ]",
    "a: b: c": "f:1:5: YAML parse error: mapping values are not allowed in this context, "
    "found ':'; indent alike what belongs together, or put quotes around a text with ': ' "
    "or '- ' in it",
    "a:\n\tb: 1": "f:2:1: YAML parse error: while scanning for the next token, found character "
    "that cannot start any token; indent with blanks, not with tabs",
    "a: [${X}]": "f:1:6: YAML parse error: while parsing a flow sequence, "
    "did not find expected ',' or ']', found '{'; put quotes around a text with ${...} in it",
    # Places are those of the text as it is written, also behind a colon that ends a text.
    "a: [b:, c]\nd: [e:[f]]": "f:2:6: YAML parse error: while scanning a plain scalar, "
    "found unexpected ':'",
    "a: *b": "f:1:4: YAML parse error: unknown anchor 'b': none of this name stands above; "
    "put quotes around a text that begins with '*'",
    "a: &base 1\nb: *bass": "f:2:4: YAML parse error: unknown anchor 'bass': none of this name "
    "stands above; did you mean '*base'?",
    "a: *b\nc: *b\nd: &b 1": "f:1:4: YAML parse error: unknown anchor 'b': it stands below, in "
    "line 3; move it up, above this alias",
    # Neither behind the end nor behind what is broken.
    "a: *b\n---\nd: &b 1": "f:1:4: YAML parse error: unknown anchor 'b': none of this name stands "
    "above; put quotes around a text that begins with '*'",
    "a: *b\nc: ]\nd: &b 1": "f:1:4: YAML parse error: unknown anchor 'b': none of this name stands "
    "above; put quotes around a text that begins with '*'",
    "a: &a [*a]": "f:1:8: YAML parse error: the anchor 'a' contains itself",
    "a: 1\nb: \0": "f:2:4: YAML parse error: control character U+0000",
    "a: \ud800": "f:1:4: YAML parse error: control character U+D800",
    "[" * 200: "f:1:102: YAML parse error: lists and mappings are nested more than 100 levels deep",
}


@pytest.mark.parametrize(("text", "fault"), BROKEN.items(), ids=range(len(BROKEN)))
def test_broken_text_is_told_with_its_place(text: str, fault: str) -> None:
    assert _told(text) == [fault]


# What was expected, found and suggested.
PARTS = {
    "a: [1": ("',' or ']'", "the end of the file", "what begins with [ ends with ]"),
    "a: &base 1\nb: *bass": ("the name of an anchor above", "'bass'", "did you mean '*base'?"),
    "a: &a [*a]": ("an anchor further up", "'a'", ""),
    "a: \1": ("text", "U+0001", ""),
    "[" * 200: ("at most 100", "more than 100", ""),
}


@pytest.mark.parametrize(("text", "parts"), PARTS.items(), ids=range(len(PARTS)))
def test_what_is_told_of_broken_text_has_parts(text: str, parts: tuple[str, str, str]) -> None:
    report = Report()

    sources.parse(text, report)

    assert [(told.expected, told.found, told.suggestion) for told in report.faults] == [parts]


@pytest.mark.parametrize(
    "text",
    ["!<tag:%ED%A0%80> x", '"\\UFFFFFFFF"', "%YAML 3.0\n---\na", "%FOO\n---\na", "a: \ufeffb\n]"],
)
def test_what_the_library_stumbles_over_is_a_fault(text: str) -> None:
    (fault,) = _told(text)

    assert "YAML parse error: " in fault


@pytest.mark.parametrize(
    ("text", "lines"),
    {
        "a: 1\n---\nb: 2\n": [2],
        "a: 1\n...\n# end\n---\nb: [\n": [4],
        "a: 1\n---\n": [],
        "a: 1\n---\n# nothing\n": [],
        "a: 1\n...\n": [],
        "a: 1\n...\n...\n# nothing": [],
        "a: 1\n...\nb: 2\n": [3],
        "a: 1\n...\n@\n": [3],
        "a: 1\n---\n\tb: 2\n": [2],
        "  a: 1\n b: 2\n": [2],
        "{a: 1}\nx: [\n": [2],
        "{a: [b:, c]}\n ${env.X}": [2],
    }.items(),
)
def test_what_follows_the_first_document_is_told(text: str, lines: list[int]) -> None:
    report = Report()

    assert sources.parse(text, report) is not None
    assert [warning.line for warning in report.warnings] == lines


@pytest.mark.parametrize(
    ("text", "parts"),
    {
        '{a: 1}\n"b":"c"\nd: 2': ("f:2:1", "'\"'", "indent alike what belongs together"),
        '"a":1\nb: {c: 2}': ("f:1:4", "':'", "put a blank behind the colon"),
        "  a: 1\nx,y\nb: {c: 2}": ("f:2:1", "'x'", "indent alike what belongs together"),
        "{a: 1} x\nb: 2": ("f:1:8", "'x'", "remove it, or put it where it belongs"),
    }.items(),
)
def test_what_was_meant_to_be_in_the_document_is_a_fault(
    text: str, parts: tuple[str, str, str]
) -> None:
    place, found, suggestion = parts
    told = f"the document ends in front of {found}: what follows from here on is not read"

    assert _told(text) == [f"{place}: {told}; {suggestion}"]


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


@pytest.mark.parametrize(
    "value",
    [
        *("0o17", "1e3", ".5", "on", "y", "1:30", "~", "", " a ", "# a", "<<", "a: b", "ö"),
        *("2024-01-01", "2024-7-1", "a\nb\n", "a\n\n  b", "0x1F", "1_000", "x" * 300),
        *(True, 1, 1.5, 1e30, None),
    ],
)
def test_what_is_written_is_read_as_the_same(value: Plain) -> None:
    text = sources.to_text({"a": [value, value], "b": value})
    root = sources.parse(text, Report())
    assert root is not None

    assert to_plain(root, {}, Report()) == {"a": [value, value], "b": value}


def test_values_that_stand_twice_are_written_twice() -> None:
    value: Plain = {"x": [1]}

    assert sources.to_text({"b": value, "a": value}) == "b:\n  x:\n  - 1\na:\n  x:\n  - 1\n"
