"""Notices that the configuration has changed, by looking at it again and again.

Looking is what works everywhere: with editors that rename a new file over the
old one, with links that are swapped, with bind mounts and network drives. What
counts is the content, not the time of a file. Pure but for `fingerprint`; who
looks, and how a reload is asked for, is the caller's matter.
"""

from __future__ import annotations

from pathlib import Path

from attrs import define, field

from llamaswap.config import files
from llamaswap.config.document import Report

INTERVAL = 2.0
"""Seconds between two looks, as in the reference."""

SETTLING = 0.5
"""Seconds between the look that finds something new and the one that must find the
same: longer than a writer pauses within one file."""


@define
class Watch:
    """Decides when a change is worth a reload."""

    _candidate: str | None = field(default=None, init=False)
    """What was new at the last look, and may still be half-written."""

    @property
    def pause(self) -> float:
        """Seconds until the next look."""
        return INTERVAL if self._candidate is None else SETTLING

    def look(self, seen: str | None, known: str) -> bool:
        """Take in one look; say whether to reload now.

        Args:
            seen: the digest of what is there; ``None``: something is missing, which
                says nothing, as it may be on its way.
            known: the digest of what was last loaded, or tried to be.
        """
        is_stable = seen is not None and seen == self._candidate
        is_news = seen not in (None, known)
        self._candidate = seen if is_news and not is_stable else None
        return is_news and is_stable


def fingerprint(file: Path | None, folder: Path | None) -> str | None:
    """Return the digest of what loading would read now; ``None`` if something is missing.

    Missing are a file that is none (a pipe would block), a file of the folder that is a
    link to nowhere, and all of them. Blocks as long as the disk does.
    """
    if file is not None and not file.is_file():
        return None
    found = files.gather(file, folder, Report())
    expected = (file is not None) + (folder is not None)
    is_missing = any(isinstance(source.obstacle, FileNotFoundError) for source in found)
    if is_missing or len(found) < expected:
        return None
    return files.digest_of(found)
