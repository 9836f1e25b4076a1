"""Which known name was probably meant by one that nobody knows.

Pure. Who writes names by heart changes a letter, or forgets which are large. Names
that people give are long and share parts, so what is like one is worth a question;
among the few words of a language only slips are, since most words are like another.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_OPPOSITES = (
    *(("en", "dis"), ("un", ""), ("no", ""), ("non", ""), ("not", "")),
    *(("min", "max"), ("in", "ex"), ("start", "stop"), ("allow", "deny")),
)
"""How words begin that differ in nothing else, and mean the opposite."""

_MOST_SLIPS = 3

_SHORT = 3
"""Letters of a word that is another word with any other letter: ``cwd`` is no ``cmd``."""


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the one of ``known`` that is most like ``name``; ``None`` if none is near.

    Large and small letters count only where all else is the same.
    """
    spellings: dict[str, list[str]] = {}
    for other in known:
        spellings.setdefault(other.lower(), []).append(other)
    near = difflib.get_close_matches(name.lower(), spellings, n=1)
    if not near:
        return None
    return difflib.get_close_matches(name, spellings[near[0]], n=1, cutoff=0)[0]


def suggestion(name: str, known: Iterable[str]) -> str:
    """Ask whether the nearest of ``known`` was meant; empty if none is near."""
    near = nearest(name, known)
    return "" if near is None else f"did you mean {near!r}?"


def mistyped(word: str, known: Iterable[str]) -> str | None:
    """Return the one of ``known`` that ``word`` is but for slips of the fingers, or ``None``.

    A slip is a letter that is wrong, missing, too many, or has changed places with the
    next one. One in four letters may be so; an opposite is never meant.
    """
    most = min(max(1, len(word) // 4), _MOST_SLIPS)
    near = [
        (_slips(word, other), other)
        for other in known
        if abs(len(word) - len(other)) <= most
        and not _is_another_word(word, other)
        and not are_opposites(word, other)
    ]
    slips, other = min(near, key=lambda entry: entry[0], default=(most + 1, ""))
    return other if slips <= most else None


def are_opposites(word: str, other: str) -> bool:
    """Say whether two words differ in how they begin alone, so that each denies the other."""
    return any(
        _share_the_rest(word, other, first, second) or _share_the_rest(other, word, first, second)
        for first, second in _OPPOSITES
    )


def _share_the_rest(word: str, other: str, first: str, second: str) -> bool:
    if not (word.startswith(first) and other.startswith(second)):
        return False
    rest, others = word.removeprefix(first), other.removeprefix(second)
    # ``enable`` denies ``disabled``, too.
    return min(len(rest), len(others)) > 1 and rest.rstrip("d") == others.rstrip("d")


def _is_another_word(word: str, other: str) -> bool:
    return len(word) == len(other) <= _SHORT and sorted(word) != sorted(other)


def _slips(word: str, other: str) -> int:
    older: list[int] = []
    old = list(range(len(other) + 1))
    for row, letter in enumerate(word):
        new = [row + 1]
        for column, wanted in enumerate(other):
            slips = min(new[column] + 1, old[column + 1] + 1, old[column] + (letter != wanted))
            is_swapped = row > 0 and column > 0 and word[row - 1] == wanted
            if is_swapped and letter == other[column - 1]:
                slips = min(slips, older[column - 1] + 1)
            new.append(slips)
        older, old = old, new
    return old[-1]
