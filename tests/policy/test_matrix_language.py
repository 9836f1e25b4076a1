from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llamaswap.policy.matrix_language import (
    AllOf,
    ExpressionError,
    Name,
    OneOf,
    SetName,
    Step,
    parse,
    trim,
)

MEANINGS: dict[str, tuple[Step, ...]] = {
    "a": (Name("a", 0),),
    "+s": (SetName("s", 0),),
    "((a))": (Name("a", 2),),
    "a | b & c": (Name("a", 0), Name("b", 4), Name("c", 8), AllOf(2), OneOf(2)),
    "a & b | c": (Name("a", 0), Name("b", 4), AllOf(2), Name("c", 8), OneOf(2)),
    "(a|b)&+c&d": (Name("a", 1), Name("b", 3), OneOf(2), SetName("c", 6), Name("d", 9), AllOf(3)),
    "a&(b&c)": (Name("a", 0), Name("b", 3), Name("c", 5), AllOf(2), AllOf(2)),
    "a|(b|c)": (Name("a", 0), Name("b", 3), Name("c", 5), OneOf(2), OneOf(2)),
    "q-2_b.5": (Name("q-2_b.5", 0),),
    "größe & 模型٣": (Name("größe", 0), Name("模型٣", 8), AllOf(2)),
    " \n a\u00a0&\u2003\n+b\t": (Name("a", 0), SetName("b", 5), AllOf(2)),
}


@pytest.mark.parametrize(("text", "steps"), MEANINGS.items(), ids=MEANINGS)
def test_an_expression_becomes_steps(text: str, steps: tuple[Step, ...]) -> None:
    assert parse(text) == steps


EMPTY = "empty DSL expression: expected models joined with '&' and '|', like a & (b | c)"
ENDS = "unexpected token: the expression ends where a model, a '+set' or '(' is expected"


def _after(token: str) -> str:
    return f"unexpected token {token} after expression, expected '&', '|' or the end"


def _wanted(token: str) -> str:
    return f"unexpected token {token}, expected a model, a '+set' or '(' there"


def _open(place: str) -> str:
    return f"missing closing parenthesis for the one opened at position {place}"


def _plus(place: int, found: str) -> str:
    message = f"expected set name after '+' at position {place}, without a space between"
    return f"{message}, found {found}"


def _character(char: str, place: int) -> str:
    return (
        f"unexpected character {char!r} at position {place}: names are letters, digits, "
        "'_', '-' and '.'; a model id with other characters needs a var"
    )


FAULTS = {
    "": EMPTY,
    " \t\n": EMPTY,
    "a b": _after("'b' at position 2"),
    "a)": _after("')' at position 1"),
    "(a)(b)": _after("'(' at position 3"),
    "a+t": _after("'+t' at position 1"),
    "a AND b": _after("'AND' at position 2"),
    "a &": ENDS,
    "a |": ENDS,
    "(": ENDS,
    "& a": _wanted("'&' at position 0"),
    "a | | b": _wanted("'|' at position 4"),
    "a && b": _wanted("'&' at position 3"),
    "()": _wanted("')' at position 1"),
    "(a": _open("0, found the end"),
    "a & (b | (c)": _open("4, found the end"),
    "(a b)": _open("0, found 'b' at position 3"),
    "+ x": _plus(0, "' '"),
    "++x": _plus(0, "'+'"),
    "a & +": _plus(4, "the end"),
    "a, b": _character(",", 1),
    "!a": _character("!", 0),
    "a & org/model": _character("/", 7),
    "  a:1": _character(":", 1),
    '"a"': _character('"', 0),
    "a²": _character("²", 1),
    "a \x1c": _character("\x1c", 2),
}


@pytest.mark.parametrize(("text", "message"), FAULTS.items(), ids=map(repr, FAULTS))
def test_a_malformed_expression_says_what_and_where(text: str, message: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse(text)

    assert str(caught.value) == message


OPERAND = "a model, a '+set' or '('"
# What was expected, and what was found.
PARTS = {
    "": ("models joined with '&' and '|', like a & (b | c)", "an empty text"),
    "a b": ("'&', '|' or the end", "'b' at position 2"),
    "a &": (OPERAND, "the end"),
    "()": (OPERAND, "')' at position 1"),
    "(a": ("')', '&' or '|'", "the end"),
    "(a b)": ("')', '&' or '|'", "'b' at position 3"),
    "+ x": ("a set name right after '+'", "' '"),
    "a, b": ("letters, digits, '_', '-' and '.'", "',' at position 1"),
}


@pytest.mark.parametrize(("text", "parts"), PARTS.items(), ids=map(repr, PARTS))
def test_a_malformed_expression_has_parts(text: str, parts: tuple[str, str]) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse(text)

    assert (caught.value.finding.expected, caught.value.finding.found) == parts


def test_no_depth_exhausts_the_stack() -> None:
    deep = 5_000

    assert parse("(" * deep + "a" + ")" * deep) == (Name("a", deep),)
    with pytest.raises(ExpressionError, match="missing closing parenthesis"):
        parse("(a|" * deep + "a")


@given(st.text() | st.text(alphabet="ab+&|() \n-é"))
def test_any_text_is_an_expression_or_a_fault(text: str) -> None:
    try:
        steps = parse(text)
    except ExpressionError:
        return
    # What each step puts down, less what it picks up: one family remains.
    left = 0
    for step in steps:
        picks_up = step.count if isinstance(step, AllOf | OneOf) else 0
        assert picks_up <= left
        assert picks_up != 1
        left += 1 - picks_up
    assert left == 1


@given(st.text(alphabet=" a\u00a0\x1c"))
def test_trimming_twice_is_trimming_once(text: str) -> None:
    assert trim(trim(text)) == trim(text)
    assert trim(text) == text.strip(" \u00a0")
