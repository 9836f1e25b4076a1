"""Can the file of ``store.path`` be written?

The one look at the machine that loading takes beside reading. It opens nothing.
"""

from __future__ import annotations

import os
from pathlib import Path

from llamaswap.config.conversions import quoted
from llamaswap.config.document import Problem

_WRITABLE = "a file that can be written"


def store_problem(path: str) -> Problem | None:
    """Say why the store cannot be at ``path``; ``None``: it can.

    A relative path starts at the working directory.
    """
    if not path.strip():
        text = "store.path is empty: give a file, or remove the store to keep requests in memory"
        return Problem(text, "the path of a file", "an empty text")
    try:
        return _reason(path.strip())
    except (OSError, ValueError) as exc:
        text = f"store.path {path!r} cannot be looked at, so it is not writable: {exc}"
        return Problem.told(text, _WRITABLE, quoted(path))


def _reason(path: str) -> Problem | None:
    # As in the reference ``a/../b`` is ``b``, whether there is an ``a`` or not.
    file = Path(os.path.normpath(path))
    folder = file.parent
    if file.is_dir() or path.endswith("/"):
        text = "store.path {detail} is {found}: give a file in it"
        return Problem(text, _WRITABLE, "a directory", detail=repr(str(file)))
    if file.exists():
        return None if os.access(file, os.W_OK) else _refusal("store.path {detail} is", file)
    text = "the directory {detail} of store.path is"
    if not folder.is_dir():
        return _refusal(text, folder, ": it does not exist")
    return None if os.access(folder, os.W_OK) else _refusal(text, folder)


def _refusal(what: str, path: Path, reason: str = "") -> Problem:
    return Problem(f"{what} {{found}}{reason}", _WRITABLE, "not writable", detail=repr(str(path)))
