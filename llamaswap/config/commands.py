r"""What is odd about a command: habits from the shell, which is not used, and pasted letters.

Pure. All of it is taken as it is written, as in the reference, so these are warnings. They
repeat no more of the command than what they are about: the rest may have secrets. Where
another shell reads the words again, on this machine or by ssh, they may be right.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import takewhile

from llamaswap.config.conversions import quoted
from llamaswap.config.document import Problem
from llamaswap.config.macros import RESERVED
from llamaswap.config.text import Word, open_quote, written_words

_NO_SHELL = "since no shell is used"

_SUSPECT = re.compile(r"[&|;<>^`$~%{\[#\x80-\U0010ffff]|\A\s*\w+=")
"""Nothing of all this is written without one of them: most commands need no second look."""

_OWN = "|".join((*RESERVED, *map(str.lower, RESERVED)))
_OPERATOR = re.compile(
    r"&&|\|\|?|;|&|\^|<<?|(?:[0-9]|&)?>>?(?:&[0-9])?[\w./~-]*"
    rf"|.*(?:\$\((?!(?:{_OWN})\))|`).*",
    re.DOTALL,
)
"""Words that a shell would act on. None begins with ``<|``: so do tokens of models."""

_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")
_HOME = re.compile(r"(?:[^=]*=)?~/")
_JSON = re.compile(r"""(?:[^="'\\]*=)?[{\[]+\"""")

_VARIABLES = (
    re.compile(rf"(?<![\\$\w])\$([A-Z_][A-Z0-9_]*|{_OWN})(?!\w)"),
    re.compile(rf"\$\(({_OWN})\)"),
    # Capitals alone: ``%Y%m%d`` is the form of a date.
    re.compile(rf"(?<!%)%([A-Z_][A-Z0-9_]+|{_OWN})%"),
    re.compile(rf"(?<![{{$])\{{({_OWN})\}}(?!\}})"),
)
"""How variables are written elsewhere."""

_SHELL = re.compile(
    r"(?:.*[/\\])?(?:(?:ba|da|z|k|c|tc|fi|a)?sh|su|runuser|nix-shell|tmux|perl|awk)(?:\.exe)?"
)
"""Programs that fill in an argument of theirs once more."""

_REREADER = re.compile(r"(?i)(?:.*[/\\])?(?:ssh|cmd|powershell|pwsh|wsl)(?:\.exe)?")
"""Programs that read all of their arguments as one line, operators included."""

_INVISIBLE = "\N{NO-BREAK SPACE}\N{FIGURE SPACE}\N{NARROW NO-BREAK SPACE}\N{ZERO WIDTH SPACE}\ufeff"
_PASTED = (
    (re.compile(r"(?<![^=])[\u2018-\u201e]|[\u2018-\u201e]$"), "no quote, but a letter", "' or \""),
    (re.compile(r"^[\u2010-\u2015\u2212]"), "no minus, so this is no option", "-"),
    (re.compile(f"[{_INVISIBLE}]"), "no blank: what is around it is one argument", "a blank"),
)
"""Letters that only look like those of a command, what they are not, and what is meant."""

_CONTROL = re.compile(r"[\x01-\x1f\x7f-\x9f](?:(?<![\t\n])|(?<=\b[A-Za-z]:[\t\n]))")
"""Characters that nobody types; those that divide lines and words only behind a drive."""

_ESCAPES = dict(zip("\a\b\t\n\v\f\r\x1b\x85", "abtnvfreN", strict=True))
"""How they are written between double quotes, behind a backslash."""


def oddities(command: str, *, is_stop: bool = False, is_folded: bool = False) -> Iterator[Problem]:
    """List what is odd about a ``command`` that is not empty, each kind once.

    Args:
        command: with its macros filled in.
        is_stop: it stops a model, so ``${PID}`` is filled in, too.
        is_folded: its lines were joined to one.
    """
    if quote := open_quote(command):
        text = "the quote {found} is never closed: all that follows it is one argument"
        yield Problem(text, found=quote)
        return
    words = written_words(command)
    if not _SUSPECT.search(" ".join(word.filled for word in words)):
        return
    before = tuple(takewhile(lambda word: word.written != "#", words))
    if len(before) < len(words):
        text = "what follows # is no comment: only whole lines that begin with # are"
        yield Problem(text, suggestion="with | in place of > lines stay whole" if is_folded else "")
    if not command.isascii():
        yield from _pasted(before)
    habits = [*_shell_habits(before), *_variables(before, is_stop=is_stop)]
    if habits and not any(_is_called(word, _REREADER) for word in before):
        yield from habits


def control_character(text: str) -> Problem | None:
    """Return the problem that ``text`` holds what its author did not type, or ``None``."""
    found = _CONTROL.search(text)
    if found is None:
        return None
    letter = found[0]
    told = "{found} between double quotes is a control character, and no text with a backslash"
    escape = "\\" + _ESCAPES.get(letter, f"x{ord(letter):02x}")
    return Problem(told, r"\\", escape, r"write \\ for a backslash, or use single quotes")


def _pasted(words: Sequence[Word]) -> Iterator[Problem]:
    for pattern, text, meant in _PASTED:
        letters = [found[0] for word in words if (found := pattern.search(word.bare))]
        for letter in letters[:1]:
            shown = f"U+{ord(letter):04X}" if letter in _INVISIBLE else letter
            yield Problem(f"{{found}} is {text}", meant, shown, f"write {meant}")


def _shell_habits(words: Sequence[Word]) -> Iterator[Problem]:
    """List what a shell would do with ``words``, and nobody does here."""
    if len(words) > 1 and (found := _ASSIGNMENT.match(words[0].bare)):
        text = f"{{found}} is taken for the program, {_NO_SHELL}"
        yield Problem(text, "a program", f"{found[0]}…", "set variables in env")
    bare = [word.written for word in words if word.is_bare]
    if operators := [word for word in bare if _OPERATOR.fullmatch(word)]:
        text = f"{{found}} is given to the program as an argument, {_NO_SHELL}"
        yield Problem(text, found=quoted(operators[0]))
    if any(word.endswith(";") and word != ";" for word in bare):
        text = f"{{found}} ends no command: it is a part of the argument before it, {_NO_SHELL}"
        yield Problem(text, found="';'", suggestion="leave it out")
    if any(_JSON.match(word.written) for word in words):
        text = "{found} loses its quotes before the program gets it"
        hint = r"put ' ' around all of it (on Windows write \" for each of them)"
        yield Problem(text, "JSON in quotes", '{"…', hint)


def _variables(words: Sequence[Word], *, is_stop: bool) -> Iterator[Problem]:
    """List variables that are written as elsewhere, each once."""
    ours = tuple(takewhile(lambda word: not _is_called(word, _SHELL), words))
    if any(_HOME.match(word.bare) for word in ours):
        text = f"{{found}} is not the home directory, {_NO_SHELL}"
        yield Problem(text, "${env.HOME}/", "~/", "write ${env.HOME}/")
    text = " ".join(word.filled for word in ours)
    names = {found[0]: found[1] for pattern in _VARIABLES for found in pattern.finditer(text)}
    for written, name in names.items():
        is_own = name.upper() in RESERVED
        meant = f"${{{name.upper()}}}" if is_own else f"${{env.{name}}}"
        # The process has an id only when it is stopped.
        hint = "" if meant == "${PID}" and not is_stop else f"write {meant}"
        yield Problem("{found} is not filled in", meant if hint else "", written, hint)


def _is_called(word: Word, names: re.Pattern[str]) -> bool:
    return names.fullmatch(word.written.strip("\"'")) is not None
