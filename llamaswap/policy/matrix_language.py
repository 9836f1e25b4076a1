"""The expressions of a matrix, parsed.

Pure, and blind to what a name means. An expression becomes steps for a stack,
each operator behind its operands; so no nesting, however deep, exhausts
Python's own stack.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

from attrs import define, field, frozen

from llamaswap.errors import SwapError

_NO_SPACE = "\x1c\x1d\x1e\x1f"
"""Separators that Python takes for white space and Unicode does not."""


_OPERAND = "a model, a '+set' or '('"


@frozen
class Finding:
    """What is wrong, as one sentence and in its parts.

    Positions are characters of the trimmed expression, counted from 0.
    """

    text: str
    """The sentence, without the suggestion."""

    expected: str = ""
    found: str = ""
    suggestion: str = ""
    joint: str = ", "
    """Stands before the suggestion."""

    def __str__(self) -> str:
        """Say all of it."""
        return self.text + self.joint + self.suggestion if self.suggestion else self.text


class ExpressionError(SwapError):
    """A text is no expression. ``finding`` says what is wrong with it, and where."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(str(finding))
        self.finding = finding


# The steps: what an expression becomes.


@frozen
class Name:
    """Put down the family that holds one set, of one model: a var or an id."""

    text: str
    position: int


@frozen
class SetName:
    """Put down the family of another set."""

    text: str
    position: int


@frozen
class AllOf:
    """Join the last ``count`` families: every union of one set of each."""

    count: int


@frozen
class OneOf:
    """Put the sets of the last ``count`` families into one family."""

    count: int


Step: TypeAlias = Name | SetName | AllOf | OneOf


def trim(text: str) -> str:
    """Return ``text`` without the white space around it."""
    start, end = 0, len(text)
    while start < end and _is_space(text[start]):
        start += 1
    while start < end and _is_space(text[end - 1]):
        end -= 1
    return text[start:end]


def parse(text: str) -> tuple[Step, ...]:
    """Turn an expression into steps.

    Raises:
      ExpressionError: it is none; the first fault is named.
    """
    tokens = list(_tokens(trim(text)))
    if not tokens:
        wanted = "models joined with '&' and '|', like a & (b | c)"
        raise ExpressionError(
            Finding(f"empty DSL expression: expected {wanted}", wanted, "an empty text")
        )
    parser = _Parser()
    for token in tokens:
        parser.take(token)
    return parser.finish()


@frozen
class _Token:
    kind: str
    """An operator or a parenthesis itself; ``a`` for a name, ``+`` for a set's."""

    text: str
    position: int

    def __str__(self) -> str:
        shown = f"+{self.text}" if self.kind == "+" else self.text
        return f"{shown!r} at position {self.position}"


def _tokens(text: str) -> Iterator[_Token]:
    place = 0
    while place < len(text):
        char = text[place]
        if char in "&|()":
            yield _Token(char, char, place)
            place += 1
        elif _is_space(char):
            place += 1
        else:
            start = place + (char == "+")
            end = _end_of_name(text, start)
            if end == start:
                raise _no_name(text, place)
            yield _Token("+" if char == "+" else "a", text[start:end], place)
            place = end


def is_name(text: str) -> bool:
    """Tell whether an expression can call something by ``text``."""
    return text != "" and _end_of_name(text, 0) == len(text)


def _end_of_name(text: str, start: int) -> int:
    end = start
    while end < len(text) and (text[end].isalpha() or text[end].isdecimal() or text[end] in "_-."):
        end += 1
    return end


def _is_space(char: str) -> bool:
    return char.isspace() and char not in _NO_SPACE


def _no_name(text: str, place: int) -> ExpressionError:
    if text[place] == "+":
        found = repr(text[place + 1]) if text[place + 1 :] else "the end"
        message = (
            f"expected set name after '+' at position {place}, without a space between, "
            f"found {found}"
        )
        return ExpressionError(Finding(message, "a set name right after '+'", found))
    found = f"{text[place]!r} at position {place}"
    wanted = "letters, digits, '_', '-' and '.'"
    hint = "a model id with other characters needs a var"
    message = f"unexpected character {found}: names are {wanted}"
    return ExpressionError(Finding(message, wanted, found, hint, joint="; "))


@define
class _Level:
    """What has been read since a parenthesis was opened."""

    opened: int = 0
    """The position of the parenthesis."""

    factors: int = 0
    """Since the last ``|``."""

    alternatives: int = 0
    """Complete ones."""


@define
class _Parser:
    """Takes the tokens one by one; a list of levels is its stack."""

    _steps: list[Step] = field(factory=list[Step], init=False)
    _levels: list[_Level] = field(factory=lambda: [_Level()], init=False)
    _wants_operand: bool = field(default=True, init=False)

    def take(self, token: _Token) -> None:
        """Go on by one token."""
        if self._wants_operand:
            self._take_operand(token)
        else:
            self._take_operator(token)

    def finish(self) -> tuple[Step, ...]:
        """Return the steps; there are no more tokens."""
        if self._wants_operand:
            message = f"unexpected token: the expression ends where {_OPERAND} is expected"
            raise ExpressionError(Finding(message, _OPERAND, "the end"))
        if len(self._levels) > 1:
            raise self._missing_parenthesis()
        self._end_level()
        return tuple(self._steps)

    def _take_operand(self, token: _Token) -> None:
        if token.kind == "(":
            self._levels.append(_Level(token.position))
            return
        if token.kind not in {"a", "+"}:
            message = f"unexpected token {token}, expected {_OPERAND} there"
            raise ExpressionError(Finding(message, _OPERAND, str(token)))
        step = Name if token.kind == "a" else SetName
        self._steps.append(step(token.text, token.position))
        self._end_operand()

    def _take_operator(self, token: _Token) -> None:
        if token.kind == "&":
            self._wants_operand = True
        elif token.kind == "|":
            self._end_alternative()
            self._wants_operand = True
        elif len(self._levels) == 1:
            wanted = "'&', '|' or the end"
            message = f"unexpected token {token} after expression, expected {wanted}"
            raise ExpressionError(Finding(message, wanted, str(token)))
        elif token.kind == ")":
            self._end_level()
            self._levels.pop()
            self._end_operand()
        else:
            raise self._missing_parenthesis(token)

    def _end_operand(self) -> None:
        self._levels[-1].factors += 1
        self._wants_operand = False

    def _end_alternative(self) -> None:
        level = self._levels[-1]
        if level.factors > 1:
            self._steps.append(AllOf(level.factors))
        level.factors = 0
        level.alternatives += 1

    def _end_level(self) -> None:
        self._end_alternative()
        level = self._levels[-1]
        if level.alternatives > 1:
            self._steps.append(OneOf(level.alternatives))

    def _missing_parenthesis(self, token: _Token | None = None) -> ExpressionError:
        found = "the end" if token is None else str(token)
        opened = self._levels[-1].opened
        message = (
            f"missing closing parenthesis for the one opened at position {opened}, found {found}"
        )
        return ExpressionError(Finding(message, "')', '&' or '|'", found))
