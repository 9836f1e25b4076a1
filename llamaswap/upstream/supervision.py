"""How a process is looked after, and how that changes while it runs."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager

import trio
from attrs import define, field, frozen


@frozen
class Supervision:
    """How a process is looked after; another one may be put in force while it runs."""

    stop_argv: tuple[str, ...] = ()
    """The command that asks it to end, ``${PID}`` in an argument standing for its pid;
    empty: SIGTERM to its group."""

    ready_within: float = 120.0
    """Seconds from the start to the first good health check."""

    stop_within: float = 10.0
    """Seconds between asking it to end and killing it."""


@define(eq=False)
class InForce:
    """The `Supervision` that is in force for one process."""

    supervision: Supervision
    _watchers: set[Callable[[], object]] = field(factory=set[Callable[[], object]], init=False)

    def replace(self, supervision: Supervision) -> None:
        """Put another one in force."""
        self.supervision = supervision
        for tell in tuple(self._watchers):
            tell()

    @contextmanager
    def watched_by(self, tell: Callable[[], object]) -> Generator[None, None, None]:
        """Tell of another one that is put in force during the block."""
        self._watchers.add(tell)
        try:
            yield
        finally:
            self._watchers.discard(tell)

    @contextmanager
    def until_replaced(self) -> Generator[trio.CancelScope, None, None]:
        """Cancel the block when another one is put in force."""
        with trio.CancelScope() as scope, self.watched_by(scope.cancel):
            yield scope
