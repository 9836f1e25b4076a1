"""What a parser complains of, in the words of a file's author; both parsers' words."""

import pytest
import yaml

from llamaswap.config import sources
from llamaswap.config.document import Place, Report
from llamaswap.config.lines import Lines
from llamaswap.config.syntax import Spot, behind, complaint, unknown_anchor

BLOCK = "while parsing a block mapping"
LIST = "while parsing a flow sequence"
QUOTED = "while scanning a quoted scalar"
TOKEN = "while scanning for the next token"
START = "found character that cannot start any token"
VALUES = "mapping values are not allowed in this context"
ALIKE = "indent alike what belongs together"
COLON = f"{ALIKE}, or put quotes around a text with ': ' or '- ' in it"
WHOLE = "put quotes around all of the value"
BEGINS = "put quotes around a text that begins so"
BACKSLASH = r"write \\ for a backslash, or use single quotes"
TABS = "indent with blanks, not with tabs"


def spot(text: str, line: int, column: int) -> Spot:
    """Return the one at a place whose numbers are counted from 0."""
    return Spot.at(Lines.of(text), Place(line + 1, column + 1))


# The file, where the parser has stopped, what it says; what was expected, found and suggested.
Case = tuple[str, tuple[int, int], tuple[str, str], tuple[str, str, str]]
COMPLAINTS: dict[str, Case] = {
    "a tab indents": ("a:\n\tb: 1", (1, 0), (TOKEN, START), ("blanks", "a tab", TABS)),
    "a tab indents the line": ("a:\n\tb: %1", (1, 4), (TOKEN, START), ("blanks", "'%1'", TABS)),
    "a tab in a line is none of that": (
        "a: 'x\t' y",
        (0, 8),
        (BLOCK, "did not find expected key"),
        ("a key like those above", "'y'", WHOLE),
    ),
    "a quote is not closed": (
        "a: 'x\nb: c",
        (1, 4),
        (QUOTED, "found unexpected end of stream"),
        ("the quote that closes the text", "the end of the file", "close the quote"),
    ),
    "a quote is not closed in the document": (
        "a: 'x\n---\nb: c",
        (1, 0),
        (QUOTED, "found unexpected document indicator"),
        ("the quote that closes the text", "'---'", "close the quote"),
    ),
    "half of a character": (
        'a: "\\uD800"',
        (0, 5),
        ("while parsing a quoted scalar", "found invalid Unicode character escape code"),
        ("the number of a character", r"'uD800'", BACKSLASH),
    ),
    "a text for no indentation": (
        "a: |0\n  b",
        (0, 4),
        ("while scanning a block scalar", "found an indentation indicator equal to 0"),
        ("a number from 1 to 9", "'0'", ""),
    ),
    "another version": (
        "%YAML 2.0\n---\na: 1",
        (0, 0),
        ("", "found incompatible YAML document"),
        ("one %YAML 1.1 or %TAG", "'%YAML'", ""),
    ),
    "something new": (
        "a: b",
        (0, 3),
        ("", "found something odd"),
        ("a text in YAML", "'b'", ""),
    ),
    "an escape": (
        'a: "C:\\models"',
        (0, 6),
        ("while parsing a quoted scalar", "found unknown escape character"),
        (r"an escape like \n", r"'\m'", BACKSLASH),
    ),
    "an escape, the other parser": (
        'a: "\\x4"',
        (0, 6),
        (
            "while scanning a double-quoted scalar",
            "expected escape sequence of 2 hexadecimal numbers, but found '\"'",
        ),
        ("escape sequence of 2 hexadecimal numbers", "'4'", BACKSLASH),
    ),
    "a colon": ("a: b: c", (0, 4), ("", VALUES), ("the end of the value", "':'", COLON)),
    "an item behind a key": (
        "a: - b",
        (0, 3),
        ("", "block sequence entries are not allowed in this context"),
        ("the end of the value", "'-'", COLON),
    ),
    "a key that is not indented like the others": (
        "a:\n  b: 1\n c: 2",
        (2, 1),
        (BLOCK, "did not find expected key"),
        ("a key like those above", "'c'", ALIKE),
    ),
    "the same, the other parser": (
        "a:\n  b: 1\n c: 2",
        (2, 1),
        (BLOCK, "expected <block end>, but found '<block mapping start>'"),
        ("a key or an item like those above", "'c'", ALIKE),
    ),
    "a key among items": (
        "- a\nb: 1",
        (1, 0),
        ("while parsing a block collection", "did not find expected '-' indicator"),
        ("an item that begins with '-'", "'b'", ALIKE),
    ),
    "the first key is indented": (
        "  a: 1\nb: 2",
        (1, 0),
        ("", "did not find expected <document start>"),
        ("the end of the file", "'b'", ALIKE),
    ),
    "a list is not closed": (
        "a: [1\n\n",
        (2, 0),
        (LIST, "did not find expected ',' or ']'"),
        ("',' or ']'", "the end of the file", "what begins with [ ends with ]"),
    ),
    "a list is closed as a mapping": (
        "a: [1}",
        (0, 5),
        (LIST, "expected ',' or ']', but got '}'"),
        ("',' or ']'", "'}'", "what begins with [ ends with ]"),
    ),
    "a mapping is not closed": (
        "a: {b: 1\nc: 2",
        (1, 1),
        ("while parsing a flow mapping", "did not find expected ',' or '}'"),
        ("',' or '}'", "':'", "what begins with { ends with }"),
    ),
    "a colon in a list": (
        "a: [b: c: d]",
        (0, 8),
        (LIST, "did not find expected ',' or ']'"),
        ("',' or ']'", "':'", "put quotes around a text with ':' in it"),
    ),
    "a colon in a mapping": (
        "a: {b: c: d}",
        (0, 8),
        ("while parsing a flow mapping", "did not find expected ',' or '}'"),
        ("',' or '}'", "':'", "put quotes around a text with ':' in it"),
    ),
    "a reference in a list": (
        "a: [${X}]",
        (0, 5),
        (LIST, "did not find expected ',' or ']'"),
        ("',' or ']'", "'{'", "put quotes around a text with ${...} in it"),
    ),
    "nothing behind a bracket": (
        "a: [",
        (0, 4),
        ("while parsing a flow node", "did not find expected node content"),
        ("a value", "the end of the file", "close what is open"),
    ),
    "nothing between commas": (
        "a: [b,,c]",
        (0, 6),
        ("while parsing a flow node", "expected the node content, but found ','"),
        ("a value", "','", ""),
    ),
    "a character that no text begins with": (
        "a: @x",
        (0, 3),
        (TOKEN, START),
        ("a text that can do without quotes", "'@x'", BEGINS),
    ),
    "a bracket that closes nothing": (
        "a: ]",
        (0, 3),
        ("while parsing a block node", "did not find expected node content"),
        ("a value", "']'", BEGINS),
    ),
    "a star that names no anchor": (
        "a: *.log",
        (0, 4),
        ("while scanning an alias", "did not find expected alphabetic or numeric character"),
        ("alphabetic or numeric character", "'.log'", BEGINS),
    ),
    "a tag": (
        "a: !b!c d",
        (0, 3),
        ("while parsing a node", "found undefined tag handle"),
        ("a tag that is known", "'!b!c'", BEGINS),
    ),
    "a text behind the mark of a text": (
        "a: | x\n",
        (0, 5),
        ("while scanning a block scalar", "did not find expected comment or line break"),
        ("comment or line break", "'x'", "begin the text on the line below, indented"),
    ),
    "nothing more on the line": (
        "%FOO \n---\na",
        (0, 4),
        ("while scanning a directive", "found unknown directive name"),
        ("one %YAML 1.1 or %TAG", "the end of the line", ""),
    ),
}


@pytest.mark.parametrize(("text", "at", "said", "parts"), COMPLAINTS.values(), ids=COMPLAINTS)
def test_a_complaint_has_parts(
    text: str, at: tuple[int, int], said: tuple[str, str], parts: tuple[str, str, str]
) -> None:
    told = complaint(*said, spot(text, *at))

    assert (told.expected, told.found, told.suggestion) == parts


# The file, where a person is sent, what is told: expected, found, suggested.
Found = tuple[str, tuple[int, int], tuple[str, str, str]]
QUOTE = "the quote that closes the text"
OPENS = "close the quote that opens here"
KEY = "': ' behind a key"
PUT_COLON = "put ': ' between the key and its value"
INDENT = "indent the text that begins here deeper than its key"
LOCATED: dict[str, Found] = {
    "a quote that the next one closes": (
        'm:\n  a: "s\n  name: x\n  b: "y"\n',
        (2, 6),
        (QUOTE, "'y'", f"{OPENS}: it was read up to line 4"),
    ),
    "the same in one line": ('{a: "x, c: "y"}', (1, 5), (QUOTE, "'y'", OPENS)),
    "the same in a list": ('["x, "y"]', (1, 2), (QUOTE, "'y'", OPENS)),
    "a text in two lines": (
        'a: "x\n  y" z',
        (2, 6),
        ("a key like those above", "'z'", WHOLE),
    ),
    "a single quote in a text": (
        "a: 'it's'",
        (1, 8),
        ("a key like those above", "'s'", "write '' for a ' inside of single quotes"),
    ),
    "double quotes in a text": (
        'a: "say "hi""',
        (1, 10),
        ("a key like those above", "'hi'", 'write \\" for a " inside of double quotes'),
    ),
    "a text behind a quoted one": ("a: 'x'y", (1, 7), ("a key like those above", "'y'", WHOLE)),
    "a path behind a quoted text": (
        "a: '${A}'/x'",
        (1, 10),
        ("a key like those above", "'/x'", WHOLE),
    ),
    "a key without a colon": ("a: 1\nttl 5\nb: 2", (2, 1), (KEY, "'ttl'", PUT_COLON)),
    "the last key without a colon": ("a: 1\nttl 5\n\n", (2, 1), (KEY, "'ttl'", PUT_COLON)),
    "the first key without a colon": ("a:\n  ttl 5\n  b: 2", (2, 3), (KEY, "'ttl'", PUT_COLON)),
    "an item's key without a colon": ("- ttl 5\n  b: 2", (1, 3), (KEY, "'ttl'", PUT_COLON)),
    "no blank behind the colon": (
        "a:\n  cmd:s\n  b: 2",
        (2, 3),
        (KEY, "'cmd'", "put a blank behind the ':'"),
    ),
    "a key below a text": ("cmd: s\n ttl: 5", (2, 5), ("the end of the value", "':'", COLON)),
    "a text that is not indented": ("a:\n  b: |\n  x y\n  c: 1", (3, 3), (KEY, "'x'", INDENT)),
    "an escape in brackets": (
        'a: [\n  "C:\\models"]',
        (2, 6),
        (r"an escape like \n", r"'\m'", BACKSLASH),
    ),
    "a quote that is never closed": (
        "a: 1\nb: 'x\nc: 2\n",
        (2, 4),
        (QUOTE, "the end of the file", "close the quote"),
    ),
    "a bracket that is closed on no line": (
        "a: [x\nb: 1\n",
        (1, 4),
        ("',' or ']'", "':'", "what begins with [ ends with ]"),
    ),
    "a bracket that is never closed": (
        "a: [x\n\n",
        (1, 4),
        ("',' or ']'", "the end of the file", "what begins with [ ends with ]"),
    ),
    "lines of others": ("a: '\u2028'\nb: c: d", (2, 5), ("the end of the value", "':'", COLON)),
}


@pytest.mark.parametrize("is_plan_b", [False, True], ids=["in C", "in Python"])
@pytest.mark.parametrize(("text", "at", "parts"), LOCATED.values(), ids=LOCATED)
def test_a_mistake_is_told_where_it_was_made(
    text: str,
    at: tuple[int, int],
    parts: tuple[str, str, str],
    monkeypatch: pytest.MonkeyPatch,
    *,
    is_plan_b: bool,
) -> None:
    if is_plan_b:
        monkeypatch.setattr(sources, "_LOADER", yaml.Loader)
    report = Report()
    sources.parse(text, report)

    (fault,) = report.faults
    assert ((fault.line, fault.column), fault.found, fault.suggestion) == (at, *parts[1:])
    if not is_plan_b:
        assert fault.expected == parts[0]


def test_a_secret_is_not_told() -> None:
    told = complaint(LIST, "did not find expected ',' or ']'", spot("apiKeys: ['a' b]", 0, 14))

    assert told.found == "'***'"
    assert "found '***'" in str(told)


def test_the_parsers_words_stay_and_what_stands_there_is_added() -> None:
    told = complaint(LIST, "did not find expected ',' or ']'", spot("[1}", 0, 2))

    assert str(told) == (
        "YAML parse error: while parsing a flow sequence, did not find expected ',' or ']', "
        "found '}'; what begins with [ ends with ]"
    )


def test_what_stands_there_is_not_said_twice() -> None:
    told = complaint("", "found unknown directive name", spot("%FOO", 0, 1))

    assert str(told) == "YAML parse error: found unknown directive name"


def test_without_a_place_the_words_are_all() -> None:
    told = complaint("while doing", "odd {found}", None)

    assert str(told) == "YAML parse error: while doing, odd {found}"
    assert (told.expected, told.found, told.suggestion) == ("a text in YAML", "", "")


def test_a_long_word_is_cut() -> None:
    assert spot("x" * 100, 0, 0).found == repr("x" * 30)


ANCHORS = {
    "bass": "did you mean '*base'?",
    ".log": "put quotes around a text that begins with '*'",
}


@pytest.mark.parametrize(("name", "suggestion"), ANCHORS.items(), ids=ANCHORS)
def test_an_unknown_anchor(name: str, suggestion: str) -> None:
    told = unknown_anchor(name, ["base", "other"])

    assert str(told) == (
        f"YAML parse error: unknown anchor {name!r}: none of this name stands above; {suggestion}"
    )
    assert (told.expected, told.found) == ("the name of an anchor above", repr(name))


def test_an_anchor_that_stands_below() -> None:
    told = unknown_anchor("late", ["base"], 7)

    assert str(told) == (
        "YAML parse error: unknown anchor 'late': it stands below, in line 7; "
        "move it up, above this alias"
    )
    assert (told.expected, told.found) == ("the name of an anchor above", "'late'")


@pytest.mark.parametrize(
    ("text", "column", "found", "suggestion"),
    [
        ('"a":1', 3, "':'", "put a blank behind the colon"),
        ("b: 1", 0, "'b'", ALIKE),
        (": 1", 0, "':'", ALIKE),
        ("{} b", 3, "'b'", "remove it, or put it where it belongs"),
    ],
)
def test_what_stands_behind_a_document_is_told(
    text: str, column: int, found: str, suggestion: str
) -> None:
    problem = behind(spot(text, 0, column))

    assert (problem.expected, problem.found) == ("the end of the file", found)
    assert problem.suggestion == suggestion
