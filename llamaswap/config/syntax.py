"""What is wrong with a text that is no YAML: a parser's complaint, for the file's author.

Pure, and blind to the parser: two may complain, one in C and one in Python, each in
its own words. Those stay in the sentence, because people search for them; what
was expected, what stands there and what to do are told beside it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from attrs import evolve, frozen

from llamaswap.config.document import Place, Problem
from llamaswap.config.lines import Lines
from llamaswap.policy.near_names import nearest

SENTENCE = "YAML parse error: {detail}"

BEHIND_DASHES = "what follows --- is a second document: only the first is read"
BEHIND_DOTS = "what follows ... is behind the end of the document and is not read"

MAX_SHOWN = 30
"""Characters of a word that are repeated in a fault."""

_NO_END = "unexpected end of stream"
_NO_TEXT = ("unexpected document indicator", "unexpected document separator")
_ALIKE = "indent alike what belongs together"
_QUOTE = "put quotes around a text"
_CLOSE = "close the quote"
_ESCAPE = r"write \\ for a backslash, or use single quotes"
_INNER = {
    "'": "write '' for a ' inside of single quotes",
    '"': r'write \" for a " inside of double quotes',
}
_UNMARK = "remove the byte order mark, with which the line begins, as where files are joined"
_FENCE = "remove this line: it is about the YAML, and no part of it"

_EXPECTED = re.compile(r"(?<!un)expected (?:the )?(.+?)(?:, but (?:found|got) .*)?$", re.DOTALL)
_IN_OUR_WORDS = {
    "key": "a key like those above",
    "<block end>": "a key or an item like those above",
    "'-' indicator": "an item that begins with '-'",
    "node content": "a value",
    "<document start>": "the end of the file",
    "'<document start>'": "the end of the file",
    "hexdecimal number": "hexadecimal digits",
}
"""What the parser written in C expects, and the one in Python."""

_NOT_SAID = {
    **dict.fromkeys((_NO_END, *_NO_TEXT), "the quote that closes the text"),
    "not allowed": "the end of the value",
    "unknown escape": r"an escape like \n",
    "invalid Unicode": "the number of a character",
    "cannot start": "a text that can do without quotes",
    "unexpected ':'": "a text that can do without quotes",
    "indentation indicator": "a number from 1 to 9",
    "URI escaped octet": "two hexadecimal digits behind a %",
    "tag handle": "a tag that is known",
    "non-alphabetical": "letters and digits",
    **dict.fromkeys(("directive", "YAML document"), "one %YAML 1.1 or %TAG"),
}
"""What both expect where they do not say so, by what they do say."""

_ANYTHING = "a text in YAML"
"""What is expected where that is all that is clear."""

_WORD = re.compile(r"\\.|[,\[\]{}:'\"]|[^\s,\[\]{}:'\"]+")
_KEY = re.compile(r"\n[ \t]*[\w.-]+:[ \t\r\n]")
_UNSPACED = re.compile(r"[\w.-]+:\S")
_BLOCK = re.compile(r"[:-][ \t]+[|>][+-]?[0-9]?[ \t]*(?:#.*)?$")
_REPEATED = re.compile(r"((?:tag handle|escape character)) '.*'", re.DOTALL)


@frozen
class Halt:
    """How a parser has stopped; the numbers are indexes of the text."""

    context: str
    """What it was doing."""

    problem: str
    at: int
    begun: int | None = None
    """Where what it was doing has begun."""

    last: tuple[int, int] = (0, 0)
    """Where the last single value stands that it has read."""

    bracket: Place | None = None
    """Where the innermost bracket or brace opens that is still open."""


@frozen
class _Cause:
    """What a person would call the mistake, where that is not where the parser stopped."""

    at: int
    advice: str
    expected: str = ""
    found_at: int | None = None
    """Where what is told as found stands, if that is elsewhere."""


@frozen
class Spot:
    """Where a parser has stopped."""

    before: str
    """The line up to there."""

    after: str
    """The line from there on."""

    is_last: bool
    """Nothing follows but white space."""

    shown: str
    """The line from there on, without secrets."""

    @classmethod
    def at(cls, lines: Lines, place: Place) -> Spot:
        """Find it."""
        here = lines.line(place.line)
        before, after = here[: place.column - 1], here[place.column - 1 :]
        is_last = not lines.text[lines.index(place) :].strip()
        shown, column = lines.shown(place)
        return cls(before, after, is_last, shown[column:])

    @property
    def found(self) -> str:
        """What stands there."""
        if self.is_behind_mark:
            return "a byte order mark"
        if self.after.startswith("\t"):
            return "a tab"
        if self.is_last:
            return "the end of the file"
        word = _WORD.search(self.shown)
        # Backslashes are no escapes here.
        shown = repr(word[0][:MAX_SHOWN]).replace(r"\\", "\\") if word else ""
        return shown or "the end of the line"

    @property
    def is_behind_mark(self) -> bool:
        """The line begins with what only a file begins with: two were joined."""
        return (self.before + self.after).startswith("\ufeff")

    @property
    def is_behind_tab(self) -> bool:
        """A tab is there, or indents the line."""
        line = self.before + self.after
        return self.after.startswith("\t") or "\t" in line[: len(line) - len(line.lstrip())]

    @property
    def is_fence(self) -> bool:
        """The line only marks, where YAML is shown in a text, that it begins or ends."""
        return (self.before + self.after).lstrip().startswith("```")

    @property
    def is_first(self) -> bool:
        """The line begins there."""
        return not self.before.strip()


def located(lines: Lines, halt: Halt) -> tuple[Problem, Place]:
    """Return what a parser finds wrong, and where a person would look for it."""
    found = (look(lines, halt) for look in (_open_quote, _inner_quote, _no_colon, _escape))
    cause = next((one for one in found if one is not None), None)
    if cause is not None:
        found_at = cause.at if cause.found_at is None else cause.found_at
        told = complaint(halt.context, halt.problem, Spot.at(lines, lines.place(found_at)))
        expected = cause.expected or told.expected
        return evolve(told, suggestion=cause.advice, expected=expected), lines.place(cause.at)
    # Nobody looks for anything behind the last word.
    place = lines.place(min(halt.at, len(lines.text.rstrip())))
    spot = Spot.at(lines, place)
    told = complaint(halt.context, halt.problem, spot)
    if halt.begun is not None and told.suggestion == _CLOSE:
        return told, lines.place(halt.begun)
    is_escape = told.suggestion == _ESCAPE
    if halt.bracket and not is_escape and (halt.bracket.line < place.line or spot.is_last):
        return told, halt.bracket
    return told, place


def complaint(context: str, problem: str, spot: Spot | None) -> Problem:
    """Return what a parser finds wrong, and perhaps while it did what."""
    # One of the parsers repeats what it stumbles over.
    problem = _REPEATED.sub(r"\1", problem)
    if spot is not None and problem.endswith("escape character"):
        problem += f" {spot.found}"
    detail = ", ".join(part for part in (context, problem) if part)
    if spot is None:
        return Problem(SENTENCE, _ANYTHING, detail=detail, is_discreet=True)
    if "found" not in problem and "but got" not in problem:
        detail += f", found {spot.found}"
    expected = "blanks" if spot.is_behind_tab else _expected(problem)
    advice = _UNMARK if spot.is_behind_mark else _advice(context, problem, spot)
    return Problem(SENTENCE, expected, spot.found, advice, detail=detail, is_discreet=True)


def behind(spot: Spot) -> Problem:
    """Return the problem that a document ends at ``spot``, and something stands behind it."""
    if spot.after.startswith(":") and not spot.is_first:
        advice = "put a blank behind the colon"
    else:
        advice = _ALIKE if spot.is_first else "remove it, or put it where it belongs"
    text = "the document ends in front of {found}: what follows from here on is not read"
    return Problem(text, "the end of the file", spot.found, advice)


def unknown_anchor(name: str, known: Iterable[str], line_below: int | None = None) -> Problem:
    """Return the problem that no anchor ``name`` stands above its alias, but maybe below."""
    if line_below is not None:
        text = "YAML parse error: unknown anchor {found}: it stands below, in line {detail}"
        wanted, hint = "the name of an anchor above", "move it up, above this alias"
        return Problem(text, wanted, repr(name), hint, detail=str(line_below))
    near = nearest(name, known)
    hint = f"did you mean '*{near}'?" if near else f"{_QUOTE} that begins with '*'"
    text = "YAML parse error: unknown anchor {found}: none of this name stands above"
    return Problem(text, "the name of an anchor above", repr(name), hint)


def _open_quote(lines: Lines, halt: Halt) -> _Cause | None:
    """Find a quote that was closed by one that should open another text."""
    start, end = halt.last
    if lines.text[start : start + 1] not in _INNER or not _is_next(lines, halt):
        return None
    body = lines.text[start + 1 : end - 1]
    if not _KEY.search(body) and not body.rstrip().endswith((":", ",")):
        return None
    line = lines.place(end).line
    far = f": it was read up to line {line}" if line > lines.place(start).line else ""
    advice = f"close the quote that opens here{far}"
    return _Cause(start, advice, "the quote that closes the text", halt.at)


def _inner_quote(lines: Lines, halt: Halt) -> _Cause | None:
    """Find a quote that was closed by one that is part of its text."""
    start, end = halt.last
    quote, rest = lines.text[start : start + 1], lines.line(lines.place(end).line)
    if quote not in _INNER or halt.at != end or not lines.text[end : end + 1].isalnum():
        return None
    is_inner = quote in rest[lines.place(end).column - 1 :]
    return _Cause(halt.at, _INNER[quote]) if is_inner else None


def _no_colon(lines: Lines, halt: Halt) -> _Cause | None:
    """Find a key without a colon, or without the blank behind it."""
    at = halt.begun if "simple key" in halt.context else None
    start = halt.last[0]
    if at is None and halt.problem.startswith("mapping values") and halt.bracket is None:
        first, last = lines.place(start), lines.place(halt.at)
        begins = not lines.line(first.line)[: first.column - 1].strip(" -")
        at = start if first.line < last.line and begins and _is_next(lines, halt) else None
    if at is None:
        return None
    if _BLOCK.search(lines.line(lines.place(at).line - 1)):
        advice = "indent the text that begins here deeper than its key"
    elif _UNSPACED.match(lines.text, at):
        advice = "put a blank behind the ':'"
    else:
        advice = "put ': ' between the key and its value"
    return _Cause(at, advice, "': ' behind a key")


def _escape(lines: Lines, halt: Halt) -> _Cause | None:
    """Find the backslash, where a parser points to what follows it."""
    before = lines.text[max(0, halt.at - 1) : halt.at]
    is_behind = "unknown escape" in halt.problem and before == "\\"
    return _Cause(halt.at - 1, _ESCAPE) if is_behind else None


def _is_next(lines: Lines, halt: Halt) -> bool:
    """Say whether the parser has stopped right behind the last value."""
    return not lines.text[halt.last[1] : halt.at].strip()


def _expected(problem: str) -> str:
    for words, what in _NOT_SAID.items():
        if words in problem:
            return what
    wanted = _EXPECTED.search(problem)
    return _IN_OUR_WORDS.get(wanted[1], wanted[1]) if wanted else _ANYTHING


def _advice(context: str, problem: str, spot: Spot) -> str:
    """Say what to do; empty where that is not clear."""
    if spot.is_behind_tab:
        return "indent with blanks, not with tabs"
    if "quoted scalar" in context:
        is_open = any(words in problem for words in (_NO_END, *_NO_TEXT))
        return _CLOSE if is_open else _ESCAPE
    if "not allowed" in problem:
        return f"{_ALIKE}, or {_QUOTE} with ': ' or '- ' in it"
    if "flow" in context:
        return _advice_in_brackets(problem, spot)
    return _advice_in_blocks(context, problem, spot)


def _advice_in_blocks(context: str, problem: str, spot: Spot) -> str:
    if "block scalar" in context and "comment or" in problem:
        return "begin the text on the line below, indented"
    if "block mapping" in context or "block collection" in context or "document start" in problem:
        return _ALIKE if spot.is_first else "put quotes around all of the value"
    is_special = "cannot start" in problem or "block node" in context
    is_reference = any(word in context + problem for word in ("anchor", "alias", "tag"))
    advice = _FENCE if spot.is_fence else f"{_QUOTE} that begins so"
    return advice if is_special or is_reference else ""


def _advice_in_brackets(problem: str, spot: Spot) -> str:
    if spot.before.endswith("$"):
        return f"{_QUOTE} with ${{...}} in it"
    # What began further up was more likely left open than a text has a colon in it.
    if spot.after.startswith(":") and ("[" in spot.before or "{" in spot.before):
        return f"{_QUOTE} with ':' in it"
    for opening, closing in ("[]", "{}"):
        if f"'{closing}'" in problem:
            return f"what begins with {opening} ends with {closing}"
    return "close what is open" if spot.is_last else ""
