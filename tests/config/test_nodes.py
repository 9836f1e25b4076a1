"""What a document says: aliases, merges, keys, and where each stands."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llamaswap.config import sources
from llamaswap.config.document import (
    NOTHING,
    Form,
    KeyPath,
    Place,
    Plain,
    Report,
    Timestamp,
)
from llamaswap.config.nodes import to_plain


def _read(text: str, environ: Mapping[str, str] | None = None) -> tuple[Plain, Report]:
    report = Report("f")
    root = sources.parse(text, report)
    assert root is not None, report.faults
    return to_plain(root, environ or {}, report, sources.reread), report


def _told(text: str, environ: Mapping[str, str] | None = None) -> list[str]:
    return [str(fault) for fault in _read(text, environ)[1].faults]


SAYS: dict[str, Plain] = {
    "a: yes\non: off": {"a": "yes", "on": "off"},
    "a: '5'\nb: 5\nc: \"5\"": {"a": "5", "b": 5, "c": "5"},
    "a: !foo 5\nb: ! 5\nc: !foo [1]": {"a": "5", "b": 5, "c": [1]},
    # A bare ! says nothing.
    "a: ! '5'\nb: !<!> 5\nc: ! \nd: ! |\n  5": {"a": "5", "b": 5, "c": None, "d": "5"},
    "a: !!set {b, c}": {"a": {"b": None, "c": None}},
    "!!binary YQ==: !!binary YWI=": {"a": "ab"},
    "a: !!str 5\nb: !!int '5'": {"a": "5", "b": 5},
    "a: 2024-07-18": {"a": Timestamp("2024-07-18T00:00:00Z")},
    "{a: , b: 2024-07-18 10:11:12}": {"a": None, "b": Timestamp("2024-07-18T10:11:12Z")},
    # Keys are taken as they are written.
    "70: a\n1.50: b\ntrue: c\n~: d\n2024-07-18: e": {
        "70": "a",
        "1.50": "b",
        "true": "c",
        "~": "d",
        "2024-07-18": "e",
    },
    "a: &k x\n*k : y": {"a": "x", "x": "y"},
    # What is merged gives way to what is written out, wherever that stands.
    "b: &b {x: 1, y: 1}\na: {y: 2, <<: *b}": {"b": {"x": 1, "y": 1}, "a": {"x": 1, "y": 2}},
    "a: {<<: {x: 1}, x: 2}": {"a": {"x": 2}},
    # In a list the earlier one wins; merges go on through merges.
    "- &a {x: 1}\n- &b {x: 2, y: 2}\n- {<<: [*a, *b]}": [
        {"x": 1},
        {"x": 2, "y": 2},
        {"x": 1, "y": 2},
    ],
    "- &a {x: 1}\n- &b {<<: *a, y: 2}\n- {<<: *b}": [{"x": 1}, {"x": 1, "y": 2}, {"x": 1, "y": 2}],
    "- &l [{x: 1}, {y: 2}]\n- {<<: *l}": [[{"x": 1}, {"y": 2}], {"x": 1, "y": 2}],
    # Shallow: a list is replaced, not lengthened.
    "- &a {x: [1]}\n- {<<: *a, x: [2]}": [{"x": [1]}, {"x": [2]}],
    # However it is written; but among macros it is a name, where an empty one counts as text.
    'a: {"<<": {b: 1}}': {"a": {"b": 1}},
    "a: {!foo '<<': {b: 1}, b: 2}": {"a": {"b": 2}},
    "- &k <<\n- {*k : {b: 1}}": ["<<", {"b": 1}],
    "macros: {<<: 1, A: , B: ~}": {"macros": {"<<": 1, "A": "", "B": None}},
    "models: {m: {macros: {<<: {}}}}": {"models": {"m": {"macros": {"<<": {}}}}},
    "macros:\n  A:": {"macros": {"A": None}},
}


@pytest.mark.parametrize(("text", "value"), SAYS.items())
def test_document_says(text: str, value: Plain) -> None:
    found, report = _read(text)

    assert found == value
    assert report.faults == ()


ENVIRONMENT: dict[str, Plain] = {
    "ttl: ${env.N}": {"ttl": 42},
    'ttl: "${env.N}"': {"ttl": "42"},
    "a: n${env.N}": {"a": "n42"},
    "a: ${env.E}": {"a": None},
    "a: [${env.N}, {b: ${env.E}}]": {"a": [42, {"b": None}]},
    "${env.N}: x": {"42": "x"},
    # A value never changes what the rest means, and needs no quoting.
    "a: ${env.Q}\nb: '${env.Q}'\nc: \"${env.Q}\"": dict.fromkeys("abc", 'x: "b" \\c # d'),
    "# ${env.UNSET}\na: 1 # ${env.UNSET}": {"a": 1},
}


@pytest.mark.parametrize(("text", "value"), ENVIRONMENT.items())
def test_environment_is_filled_in_after_parsing(text: str, value: Plain) -> None:
    found, report = _read(text, {"N": "42", "E": "", "Q": 'x: "b" \\c # d'})

    assert found == value
    assert report.faults == ()


READ_AGAIN: dict[tuple[str, str], Plain] = {
    # Blanks around it are no part of an unquoted text.
    ("a: ${env.V}", "9000 "): 9000,
    ("a: ${env.V}", " 42"): 42,
    ("a: ${env.V}", "true\t"): True,
    ("a: ${env.V}", " sk-1 "): "sk-1",
    ("a: '${env.V}'", " sk-1 "): " sk-1 ",
    ("a: [${env.V}, z]", "k1,k2"): ["k1", "k2", "z"],
    ("a: [${env.V}]", "k1, 5,"): ["k1", 5],
    ("a: [x-${env.V}]", "k1, ''"): ["x-k1", ""],
    ("a: ['${env.V}']", "k1,k2"): ["k1,k2"],
    ("a:\n- ${env.V}", "k1,k2"): ["k1,k2"],
    ("a: [${env.V}]", "'k1, k2'"): ["k1, k2"],
    ("a: ${env.V}", "[k1, k2]"): ["k1", "k2"],
    ("a: '${env.V}'", "[k1, k2]"): "[k1, k2]",
    ("a: ${env.V}", "{a: 1}"): {"a": 1},
    ("a: ${env.V}", "'x: y'"): "x: y",
    # What is no YAML there is text.
    ("a: [${env.V}]", "[k1, k2"): ["[k1, k2"],
    ("a: [${env.V}]", "k1 #, k2"): ["k1 #, k2"],
    ("a: [${env.V}]", "*k1, k2"): ["*k1, k2"],
    ("a: [${env.V}]", "k1: k2"): ["k1: k2"],
    ("a: {b: ${env.V}}", "1, c: 2"): {"b": "1, c: 2"},
    ("a: ${env.V}", "[k1"): "[k1",
    ("a: ${env.V}", "[k1] k2"): "[k1] k2",
    ("a: ${env.V}", "'k1': k2"): "'k1': k2",
    ("a: ${env.V}", "- k1"): "- k1",
    ("a: ${env.V}", '"k1"'): '"k1"',
    ("a: ${env.V}", "[${env.V}]"): "[[${env.V}]]",
}


@pytest.mark.parametrize(("written", "value"), READ_AGAIN.items())
def test_unquoted_reference_is_read_again(written: tuple[str, str], value: Plain) -> None:
    text, variable = written

    found, report = _read(text, {"V": variable})

    assert found == {"a": value}
    assert report.faults == ()


def test_blanks_around_a_key_from_the_environment_are_dropped() -> None:
    assert _read("${env.V}: 1", {"V": " m "})[0] == {"m": 1}


def test_items_that_one_reference_stands_for_are_where_it_is() -> None:
    _, report = _read("a: [x, ${env.V}, z]", {"V": "k1,k2"})

    assert [report.places["a", index] for index in range(4)] == [
        Place(1, 5),
        Place(1, 8),
        Place(1, 8),
        Place(1, 18),
    ]


def test_nothing_is_read_again_by_one_who_knows_no_yaml() -> None:
    root = sources.parse("a: ${env.V}", Report())
    assert root is not None

    assert to_plain(root, {"V": "[k1]"}, Report()) == {"a": "[k1]"}


ONCE = "; remove one of the two"
MERGE = "the value of << must be a mapping, or a list of mappings"

TOLD = {
    "a: 1\na: 2": [
        f"f:2:1: a: the key 'a' is already defined in the same mapping, in line 1{ONCE}"
    ],
    "a: 1\n'a': 2": [
        f"f:2:1: a: the key 'a' is already defined in the same mapping, in line 1{ONCE}"
    ],
    "a: {<<: {}, '<<': 2}": [
        f"f:1:13: a.<<: the key '<<' is already defined in the same mapping, in line 1{ONCE}"
    ],
    "x-y: {b: {c: 1, c: 2}}": [
        f"f:1:17: x-y.b.c: the key 'c' is already defined in the same mapping, in line 1{ONCE}"
    ],
    "a: {<<: {}, <<: {}}": [
        f"f:1:13: a.<<: the key '<<' is already defined in the same mapping, in line 1{ONCE}"
    ],
    "a: 1\n${env.A}: 2": [
        f"f:2:1: a: the key 'a' is already defined in the same mapping, in line 1{ONCE}"
    ],
    "a: {<<: ~}": [f"f:1:9: a.<<: {MERGE}, found a single value"],
    "a: {<<: [{}, [5]]}": [f"f:1:14: a.<<: {MERGE}, found a list"],
    "a: {[x]: 1}": ["f:1:5: a: a list cannot be a key; quote it if it is meant as text"],
    "a: {{x: 1}: 1}": ["f:1:5: a: a mapping cannot be a key; quote it if it is meant as text"],
    "a: ${env.X} ${env.Y}\nb: ${env.X}": [
        "f:1:4: a: the environment variable X is not set",
        "f:1:4: a: the environment variable Y is not set",
        "f:2:4: b: the environment variable X is not set",
    ],
    "${env.X}: 1": ["f:1:1: ${env.X}: the environment variable X is not set"],
    "a: !!int x": ["f:1:4: a: the tag !!int does not fit 'x': expected a whole number"],
    "!!binary x: 1": ["f:1:1: x: the tag !!binary does not fit 'x': expected text in base64"],
    'a: "x\\0"': [
        (
            "f:1:4: a: the text holds a NUL or half a surrogate pair, "
            "which can be neither shown nor passed on"
        )
    ],
    # What is wrong below an anchor is told there, not at each use.
    "a: &a {x: ${env.X}}\nb: *a\nc: {<<: *a}": [
        "f:1:11: a.x: the environment variable X is not set"
    ],
}


@pytest.mark.parametrize(("text", "faults"), TOLD.items())
def test_mistakes_are_told(text: str, faults: list[str]) -> None:
    assert _told(text, {"A": "a"}) == faults


PARTS = {
    "a: 1\na: 2": ("'a'", "each key once", "remove one of the two"),
    "a: {<<: 5}": ("a single value", "a mapping, or a list of mappings", ""),
    "a: {[x]: 1}": ("a list", "a text", "quote it if it is meant as text"),
    "a: !!bool yes": ("'yes'", "true or false", ""),
    'a: "x\\0"': ("a NUL or half a surrogate pair", "other characters", ""),
}


@pytest.mark.parametrize(("text", "parts"), PARTS.items())
def test_what_is_told_has_parts(text: str, parts: tuple[str, str, str]) -> None:
    (fault,) = _read(text)[1].faults

    assert (fault.found, fault.expected, fault.suggestion) == parts


FORMS = {
    "a: x\nb: 'x'\nc: !!str 5\nd: '5'": {},
    "a: 0x10\nb: True\nc: 1.0\nd: ~\ne:": {
        ("a",): ("0x10", "!!int"),
        ("b",): ("True", "!!bool"),
        ("c",): ("1.0", "!!float"),
        ("d",): ("~", "!!null"),
        ("e",): NOTHING,
    },
    "- !foo x\n- !!int '5'\n- !!binary YQ==\n- <<\n- '<<'\n- ${env.A}": {
        (0,): ("x", "!foo"),
        (1,): ("5", "!!int"),
        (2,): ("YQ==", "!!binary"),
        (3,): ("<<", "!!merge"),
        (5,): ("007", "!!int"),
    },
    "macros: {A: , B: 'x'}": {("macros", "A"): NOTHING},
    "a: 2024-7-18": {("a",): ("2024-7-18", "!!timestamp")},
}


@pytest.mark.parametrize(("text", "forms"), FORMS.items())
def test_it_is_known_how_values_are_written(text: str, forms: dict[KeyPath, Form]) -> None:
    assert _read(text, {"A": "007"})[1].forms == forms


def test_it_is_known_what_is_merged() -> None:
    _, report = _read("a: {b: 1, <<: [{c: {d: 1}}, {b: 2}]}")

    assert report.merged == {("a", "c")}


def test_borrowed_mistake_leaves_a_taint() -> None:
    _, report = _read("a: &a {x: ${env.X}}\nb: *a")

    assert report.is_tainted(("b", "x"))


def test_every_key_and_item_has_a_place() -> None:
    _, report = _read("a:\n  - x\n  - b: 1\nc: &c\n  d: 2\ne:\n  <<: *c\n")

    assert report.places == {
        ("a",): Place(1, 1),
        ("a", 0): Place(2, 5),
        ("a", 1): Place(3, 5),
        ("a", 1, "b"): Place(3, 5),
        ("c",): Place(4, 1),
        ("c", "d"): Place(5, 3),
        ("e",): Place(6, 1),
        # What is merged stands where it is written.
        ("e", "d"): Place(5, 3),
    }


def test_aliases_of_aliases_do_not_unfold_for_ever() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]

    assert _told("\n".join(lines)) == [
        "f:1:1: the aliases (*name) unfold to more than 100000 values"
    ]


def test_merges_of_merges_do_not_unfold_for_ever() -> None:
    lines = ["- &a0 {x: 1}"]
    lines += [f"- &a{n} {{<<: [*a{n - 1}, *a{n - 1}, *a{n - 1}]}}" for n in range(1, 30)]

    assert _told("\n".join(lines)) == [
        "f:1:1: the aliases (*name) unfold to more than 100000 values"
    ]


def test_chain_of_merges_has_an_end() -> None:
    lines = ["- &a0 {x: 1}"]
    lines += [f"- &a{n} {{<<: *a{n - 1}}}" for n in range(1, 200)]

    assert _told("\n".join(lines)) == ["f:1:1: merges (<<) lead to each other more than 100 times"]


def test_chain_of_aliases_has_an_end() -> None:
    lines = ["- &a0 [x]"]
    lines += [f"- &a{n} [*a{n - 1}]" for n in range(1, 200)]

    assert _told("\n".join(lines)) == [
        "f:1:1: lists and mappings are nested more than 100 levels deep"
    ]


@given(st.text("ab:-[]{}&*<'\"#\n ,?1.", max_size=60))
def test_whatever_parses_says_something(text: str) -> None:
    report = Report()
    root = sources.parse(text, report)

    if root is not None:
        to_plain(root, {}, report)


def test_a_secret_that_is_dropped_is_known() -> None:
    _, report = _read("token: sk-1\nttl: 5\ntoken: [sk-2, '${k}']\nttl: 6")

    assert (report.secrets, report.secret_macros) == ({"sk-2"}, {"k"})
