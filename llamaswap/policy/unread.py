"""Names whose declarations could not be read.

Pure. Who uses one makes no mistake of their own: what is wrong has been told where
the name is declared.
"""

from __future__ import annotations

from attrs import frozen


@frozen
class Unread:
    """Some names, or any at all; as ``bool``: whether there are any."""

    names: frozenset[str] = frozenset()
    is_all: bool = False
    """Nobody knows which: the section that declares them is none."""

    def __contains__(self, name: object) -> bool:
        """Say whether ``name`` may be one of them."""
        return self.is_all or name in self.names

    def __bool__(self) -> bool:
        """Say whether there may be any."""
        return self.is_all or bool(self.names)

    def __or__(self, other: Unread) -> Unread:
        """Return the names of both."""
        return Unread(self.names | other.names, self.is_all or other.is_all)


EVERYTHING_READ = Unread()
ANY_NAME = Unread(is_all=True)
