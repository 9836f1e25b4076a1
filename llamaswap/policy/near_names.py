"""Which known name was probably meant by one that nobody knows.

Pure. Who writes names by heart changes a letter, or forgets which are large.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


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
