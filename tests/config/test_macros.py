"""Macros: what may be declared, what it becomes, and what nobody declared."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llamaswap.config.document import Plain, Report, Timestamp
from llamaswap.config.macros import (
    MacroValue,
    Scope,
    declare,
    expand,
    left_over,
    refuse_left_over,
    substitute,
    warn_unclosed,
)
from llamaswap.policy.unread import ANY_NAME, Unread


def test_macros_keep_their_order_and_types() -> None:
    report = Report()

    scope = declare({"b": 1, "a": "x", "70": True, "f": 0.5}, ("macros",), report)

    assert list(scope.macros.items()) == [("b", 1), ("a", "x"), ("70", True), ("f", 0.5)]
    assert report.faults == ()


def test_no_macros_are_no_fault() -> None:
    report = Report()

    assert declare(None, ("macros",), report) == Scope()
    assert report.faults == ()


def test_list_of_macros_is_refused() -> None:
    report = Report()

    assert declare(["a"], ("macros",), report) == Scope(broken=ANY_NAME)
    assert [str(fault) for fault in report.faults] == [
        "macros: macros must be a mapping of names to values, found a list"
    ]


REFUSED: dict[str, tuple[str, Plain, str]] = {
    "long": (
        "a" * 64,
        "x",
        "the macro's name exceeds the maximum length: expected at most 63 bytes, found 64 bytes",
    ),
    "dotted": (
        "a.b",
        1,
        "the macro name 'a.b' has invalid characters: letters, digits, '_' and '-' are possible",
    ),
    "merge": (
        "<<",
        1,
        "the macro name '<<' has invalid characters: letters, digits, '_' and '-' are possible",
    ),
    "list": (
        "a",
        [1],
        "the macro 'a' must be a scalar (text, number, true or false), found a list",
    ),
    "null": (
        "a",
        None,
        "the macro 'a' must be a scalar (text, number, true or false), found nothing",
    ),
    "date": (
        "a",
        Timestamp("2024-01-01T00:00:00Z"),
        (
            "the macro 'a' must be a scalar (text, number, true or false), "
            "found the date 2024-01-01T00:00:00Z"
        ),
    ),
    "itself": ("a", "x${a}", "the macro 'a' has a self-reference: it cannot use itself"),
    "reserved": ("PORT", 1, "the macro name 'PORT' is reserved: it gets its value by itself"),
}


@pytest.mark.parametrize(("name", "value", "sentence"), REFUSED.values(), ids=REFUSED)
def test_wrong_macro_is_told_and_the_others_stay(name: str, value: Plain, sentence: str) -> None:
    report = Report()

    scope = declare({name: value, "good": 1}, ("macros",), report)

    assert [fault.message for fault in report.faults] == [sentence]
    assert scope == Scope({"good": 1}, Unread(frozenset({name})))


def test_own_macro_takes_the_place_of_a_global_one() -> None:
    scope = Scope({"a": 1, "b": 2}).within("m", Scope({"c": 3, "a": 4}))

    assert list(scope.macros.items()) == [("MODEL_ID", "m"), ("a", 4), ("b", 2), ("c", 3)]


EXPANDED: dict[str, tuple[dict[str, MacroValue], str, MacroValue]] = {
    "inside other text": ({"a": 1}, "x${a}y${a}", "x1y1"),
    "numbers as text": ({"a": 1000000.0, "b": True}, "${a} ${b}", "1e+06 true"),
    "alone with its type": ({"a": 1}, "${a}", 1),
    "alone through a chain": ({"a": 1, "b": "${a}"}, "${b}", 1),
    "a text stays a text": ({"a": "5"}, "${a}", "5"),
    "one above": ({"a": "1", "b": "${a}2"}, "${b}", "12"),
    "one below is left": ({"a": "${b}", "b": "x"}, "${a}", "${b}"),
    "a circle ends": ({"a": "${b}", "b": "${a}"}, "${a}${b}", "${b}${b}"),
    "a composed name": ({"p_x": "1", "k": "x"}, "${p_${k}}", "1"),
    "what is no reference": (
        {"a": 1},
        "$a ${ a } ${a.b} ${a:-1} ${}",
        "$a ${ a } ${a.b} ${a:-1} ${}",
    ),
}


@pytest.mark.parametrize(("macros", "text", "value"), EXPANDED.values(), ids=EXPANDED)
def test_reference_is_expanded(macros: dict[str, MacroValue], text: str, value: MacroValue) -> None:
    found = expand(text, macros)

    assert (found, type(found)) == (value, type(value))


def test_values_are_filled_at_any_depth_and_keys_never() -> None:
    value: Plain = {"${a}": ["${a}", {"b": "x${a}"}, 7, None]}

    assert substitute(value, Scope({"a": 1}), (), Report()) == {"${a}": [1, {"b": "x1"}, 7, None]}


def test_macros_that_double_each_other_are_refused() -> None:
    macros: dict[str, MacroValue] = {"m0": "xx"}
    macros |= {f"m{n}": f"${{m{n - 1}}}${{m{n - 1}}}" for n in range(1, 60)}
    report = Report()

    assert substitute("${m59}!", Scope(macros), ("a",), report) is None
    assert [str(fault) for fault in report.faults] == [
        "a: the macros unfold to more than 1000000 characters: expected at most 1000000"
    ]


def test_references_that_are_left_are_found_at_any_depth() -> None:
    value: Plain = {"a": ["${x}${y}", {"b": "${env.Z}"}, 1], "${key}": None}

    assert list(left_over(value, ("m",))) == [
        (("m", "a", 0), "x"),
        (("m", "a", 0), "y"),
        (("m", "a", 1, "b"), "env.Z"),
    ]


ADVICE = {
    "${nope}": "unknown macro ${nope}: expected a declared macro",
    "${context}": "unknown macro ${context}; did you mean ${contexts}?",
    "${Late}": "unknown macro ${Late}; did you mean ${late}?",
    # Nothing that is known elsewhere only.
    "${MODELID}": "unknown macro ${MODELID}: expected a declared macro",
    "${late}": "unknown macro ${late}: what uses it stands above it, and a macro can use only "
    "those above itself; move the declaration up",
    "${PID}": "unknown macro ${PID}: it is known in cmdStop only, when the model is stopped",
    "${PORT}": "unknown macro ${PORT}: it is known inside models only",
    "${env.X}": "unknown macro ${env.X}: environment variables are filled in before macros, "
    "none comes out of one",
}


@pytest.mark.parametrize(("text", "sentence"), ADVICE.items())
def test_unknown_macro_is_told_with_advice(text: str, sentence: str) -> None:
    report = Report()

    refuse_left_over(text, Scope({"contexts": 1, "late": 2}), ("a",), report)

    assert [str(fault) for fault in report.faults] == [f"a: {sentence}"]


@pytest.mark.parametrize(
    ("text", "later", "sentence"),
    [
        ("${MODELID}", [], "unknown macro ${MODELID}; did you mean ${MODEL_ID}?"),
        ("${port}", ["PORT"], "unknown macro ${port}; did you mean ${PORT}?"),
        ("${pid}", ["PORT", "PID"], "unknown macro ${pid}; did you mean ${PID}?"),
        ("${nope}", [], "unknown macro ${nope}: expected a declared macro or MODEL_ID"),
        (
            "${nope}",
            ["PORT", "PID"],
            "unknown macro ${nope}: expected a declared macro, PORT, PID or MODEL_ID",
        ),
    ],
)
def test_advice_knows_what_is_filled_in_there(text: str, later: list[str], sentence: str) -> None:
    report = Report()
    scope = Scope().within("m", Scope())

    refuse_left_over(text, scope, ("a",), report, later=frozenset(later))

    assert [str(fault) for fault in report.faults] == [f"a: {sentence}"]


RULE = "uses it and stands above it, and a macro can use only those above itself"

TOO_LATE: dict[str, tuple[dict[str, MacroValue], dict[str, MacroValue], str]] = {
    "below": (
        {"n": 1, "a": "x ${b}", "b": "y"},
        {},
        f"unknown macro ${{b}}: the macro 'a' {RULE}; move 'b' above 'a'",
    ),
    "below, by several": (
        {"a": "x ${b}", "c": "${b}", "b": "y"},
        {},
        f"unknown macro ${{b}}: the macro 'a' {RULE}; move 'b' above 'a'",
    ),
    "own macros alone": (
        {},
        {"a": "x ${b}", "b": "y"},
        f"unknown macro ${{b}}: the macro 'a' {RULE}; move 'b' above 'a'",
    ),
    "one of a model in one of all": (
        {"a": "x ${b}"},
        {"b": "y"},
        (
            f"unknown macro ${{b}}: the macro 'a' {RULE}; declare 'b' among the macros of all "
            "models, above 'a'"
        ),
    ),
    "a circle": (
        {"a": "${b}", "c": "${a} ${n}", "b": "${c}", "n": 1},
        {},
        "unknown macro ${b}: the macros 'a' and 'b' lead to each other; write one of them out",
    ),
}


@pytest.mark.parametrize(("shared", "own", "sentence"), TOO_LATE.values(), ids=TOO_LATE)
def test_who_uses_a_macro_too_early_is_named(
    shared: dict[str, MacroValue], own: dict[str, MacroValue], sentence: str
) -> None:
    report = Report()
    scope = Scope(shared).within("m", Scope(own))

    refuse_left_over("${b}", scope, ("a",), report)

    assert [str(fault) for fault in report.faults] == [f"a: {sentence}"]


@pytest.mark.parametrize(
    ("name", "suggestion"),
    {
        "HOME": "did you mean ${env.HOME}?",
        "home": "did you mean ${homes}?",
        "a-b": "",
    }.items(),
)
def test_a_variable_of_the_environment_is_suggested(name: str, suggestion: str) -> None:
    report = Report()
    shared = Scope({"homes": 1}, environment=frozenset({"HOME", "a-b"}))

    refuse_left_over(f"${{{name}}}", shared.within("m", Scope()), ("a",), report)

    assert [fault.suggestion for fault in report.faults] == [suggestion]


def test_one_mistake_is_told_once() -> None:
    report = Report()
    report.taint(("b",))
    scope = Scope({}, Unread(frozenset({"wrong"})))

    refuse_left_over({"a": "${wrong}", "b": "${env.UNSET}"}, scope, (), report)

    assert report.faults == ()
    assert report.is_tainted(("a",))


def test_name_that_is_filled_in_later_is_no_fault() -> None:
    report = Report()

    refuse_left_over("${PID}", Scope(), ("a",), report, later=frozenset({"PID"}))

    assert report.faults == ()


NAMES = st.sampled_from(["a", "b", "c", "d"])
TEXTS = st.text("${abcd} ", max_size=15)


@given(st.dictionaries(NAMES, TEXTS | st.integers() | st.booleans()), TEXTS)
def test_expansion_ends_and_leaves_no_last_macro(macros: dict[str, MacroValue], text: str) -> None:
    found = expand(text, {name: value for name, value in macros.items() if "$" not in str(value)})

    for name, value in macros.items():
        if "$" not in str(value) and not re.search(r"\$\{[a-d]*\$", text):
            assert f"${{{name}}}" not in str(found)


@pytest.mark.parametrize(
    ("text", "warnings"),
    {
        "s ${PORT --x": ["a: ${PORT is not closed, so nothing is filled in; write ${PORT}"],
        "${m": ["a: ${m is not closed, so nothing is filled in; write ${m}"],
        "${m} ${PORTS ${X:-1} $m ${": [],
    }.items(),
)
def test_brace_that_is_not_closed_is_a_warning(text: str, warnings: list[str]) -> None:
    report = Report()

    warn_unclosed(text, Scope({"m": 1}), ("a",), report)

    assert [str(warning) for warning in report.warnings] == warnings
