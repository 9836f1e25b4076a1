"""Can the file of ``store.path`` be written?

The one look at the machine that loading takes beside reading. It opens nothing.
"""

from __future__ import annotations

import os
from pathlib import Path


def store_problem(path: str) -> str | None:
    """Say in a sentence why the store cannot be at ``path``; ``None``: it can.

    A relative path starts at the working directory.
    """
    if not path.strip():
        return "store.path is empty: give a file, or remove the store to keep requests in memory"
    try:
        return _reason(Path(path.strip()))
    except (OSError, ValueError) as exc:
        return f"store.path {path!r} cannot be looked at, so it is not writable: {exc}"


def _reason(file: Path) -> str | None:
    folder = file.parent
    if file.is_dir():
        return f"store.path {str(file)!r} is a directory: give a file in it"
    if file.exists():
        is_writable = os.access(file, os.W_OK)
        return None if is_writable else f"store.path {str(file)!r} is not writable"
    if not folder.is_dir():
        return f"the directory {str(folder)!r} of store.path is not writable: it does not exist"
    is_writable = os.access(folder, os.W_OK)
    return None if is_writable else f"the directory {str(folder)!r} of store.path is not writable"
