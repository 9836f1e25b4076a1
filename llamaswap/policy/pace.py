"""How long things usually take with a model: to load, to stop, to serve, to be asked again.

Learned as it goes, each as a mean in which the last time counts most.
"""

from __future__ import annotations

from attrs import define

WEIGHT = 1 / 3
"""Of the newest time in a mean: five times later an outlier weighs an eighth."""

LONGEST_GAP = 120.0
"""Seconds; a longer pause (a night) counts as this. It is the longest that anyone
may be kept waiting, so that no more is ever asked of a gap."""


@define(eq=False)
class Pace:
    """The usual times of one model, in seconds; ``None`` is not known yet."""

    load: float | None = None
    """From the start of its process to readiness."""

    stop: float | None = None
    """From the wish to the end of its process."""

    service: float | None = None
    """From the grant of a request to its end."""

    gap: float | None = None
    """From the end of the last request to the next one."""

    def note_load(self, seconds: float) -> None:
        """Take in one load."""
        self.load = _mean(self.load, seconds)

    def note_stop(self, seconds: float) -> None:
        """Take in one stop."""
        self.stop = _mean(self.stop, seconds)

    def note_service(self, seconds: float) -> None:
        """Take in one request that is over."""
        self.service = _mean(self.service, seconds)

    def note_gap(self, seconds: float) -> None:
        """Take in one pause between requests."""
        self.gap = _mean(self.gap, min(seconds, LONGEST_GAP))


def _mean(mean: float | None, seconds: float) -> float:
    return seconds if mean is None else mean + WEIGHT * (seconds - mean)
