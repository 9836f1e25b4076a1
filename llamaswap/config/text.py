"""Commands as text: comment lines, and splitting into arguments without a shell.

Pure. No variables, globs, pipes or redirections, on any system. Nothing here
fails: quotes left open close at the end, as in the reference.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence

from attrs import frozen

_POSIX_PIECE = re.compile(
    r"""
      (?P<blank>[ \t\n]+)
    | \\(?P<escaped>.)
    | "(?P<double>(?:\\.|[^"\\])*)"?
    | '(?P<single>[^']*)'?
    | (?P<bare>[^\\"' \t\n]+)
    """,
    re.VERBOSE | re.DOTALL,
)
_DOUBLE_ESCAPE = re.compile(r'\\([$`"\\])')

_WINDOWS_PIECE = re.compile(
    r"""
      (?P<slashes>\\*)"
    | (?P<blank>[ \t\r\n]+)
    | (?P<bare>\\+|[^\\" \t\r\n]+)
    """,
    re.VERBOSE,
)


def strip_comments(text: str) -> str:
    """Return ``text`` without the lines whose first character, blanks aside, is ``#``.

    What follows a ``#`` later in a line is an argument like any other.
    """
    return "\n".join(line for line in text.split("\n") if not line.lstrip().startswith("#"))


def split_command(text: str, *, windows: bool = sys.platform == "win32") -> tuple[str, ...]:
    """Split a command into its arguments; none are left of an empty or commented-out one.

    Args:
        text: the command, with its comment lines and lines continued by a backslash.
        windows: follow the quoting rules of Windows programs instead of POSIX ones.
    """
    joined = _joined(text)
    return _split_windows(joined)[0] if windows else _split_posix(joined)


@frozen
class Word:
    """One argument of a command as it is written, and what a shell would look into of it."""

    written: str
    """With its quotes."""

    bare: str
    """With `HIDDEN` for each part that is quoted or escaped."""

    filled: str
    """The same, but with what stands between double quotes, where shells fill in variables."""

    @property
    def is_bare(self) -> bool:
        """There is no quote and no backslash in it."""
        return self.bare == self.written


HIDDEN = "\0"
"""Stands for what a shell takes as it is written."""


def written_words(text: str) -> tuple[Word, ...]:
    """Return the arguments of a command as they are written, by the rules of POSIX."""
    words: list[Word] = []
    parts: list[tuple[str, str, str]] = []
    for piece in _POSIX_PIECE.finditer(_joined(text)):
        whole = piece[0]
        match piece.lastgroup:
            case "blank":
                words += [_word(parts)] if parts else []
                parts = []
            case "bare":
                parts.append((whole, whole, whole))
            case "double":
                parts.append((whole, HIDDEN, piece["double"]))
            case _:
                parts.append((whole, HIDDEN, HIDDEN))
    return (*words, _word(parts)) if parts else tuple(words)


def _word(parts: Sequence[tuple[str, str, str]]) -> Word:
    return Word(*parts[0] if len(parts) == 1 else map("".join, zip(*parts, strict=True)))


def open_quote(text: str, *, windows: bool = sys.platform == "win32") -> str | None:
    """Return the quote that a command opens and does not close; ``None``: all are closed."""
    joined = _joined(text)
    if windows:
        return '"' if _split_windows(joined)[1] else None
    for piece in _POSIX_PIECE.finditer(joined):
        kind = piece.lastgroup
        if kind in {"double", "single"} and len(piece[0]) != len(piece[kind]) + 2:
            return piece[0][0]
    return None


def _joined(text: str) -> str:
    return "\n".join(_continued(line) for line in strip_comments(text).split("\n"))


def _continued(line: str) -> str:
    # So no backslash is left at the end of a line for the splitting to meet.
    bare = line.strip()
    return bare[:-1] + " " if bare.endswith("\\") else line


def _split_posix(text: str) -> tuple[str, ...]:
    words: list[str] = []
    word: str | None = None
    for piece in _POSIX_PIECE.finditer(text):
        match piece.lastgroup:
            case "blank":
                if word is not None:
                    words.append(word)
                word = None
            case "double":
                word = (word or "") + _DOUBLE_ESCAPE.sub(r"\1", piece["double"])
            case _:
                word = (word or "") + piece[piece.lastindex or 0]
    return (*words, word) if word is not None else tuple(words)


def _split_windows(text: str) -> tuple[tuple[str, ...], bool]:
    """Return the arguments, and whether a quote is still open."""
    words: list[str] = []
    word: str | None = None
    quoted = False
    position = 0
    while piece := _WINDOWS_PIECE.match(text, position):
        position = piece.end()
        if piece["blank"] and not quoted:
            if word is not None:
                words.append(word)
            word = None
        elif piece["slashes"] is None:
            word = (word or "") + piece[0]
        else:
            # Before a quote two backslashes mean one; an odd one makes the quote literal.
            pairs, odd = divmod(len(piece["slashes"]), 2)
            doubled = not odd and quoted and text.startswith('"', position)
            word = (word or "") + "\\" * pairs + ('"' if odd or doubled else "")
            position += doubled
            quoted = quoted if odd or doubled else not quoted
    return ((*words, word) if word is not None else tuple(words)), quoted
