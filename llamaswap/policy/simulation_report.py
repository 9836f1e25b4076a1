"""What a simulation says: waits, loads, evictions, and which process ran when.

Pure; values, and the tallies that they are made from. A tally is small: of each
request only the wait is kept.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import ceil
from typing import Self

from attrs import define, field, frozen

from llamaswap.policy.messages import Cause
from llamaswap.policy.reasons import Reason
from llamaswap.policy.rules import ModelId


@frozen
class Waits:
    """How long those that were served have waited, in seconds; 0 where nobody was."""

    mean: float = 0.0
    p50: float = 0.0
    p95: float = 0.0
    longest: float = 0.0

    @classmethod
    def of(cls, seconds: Iterable[float]) -> Self:
        """Sum up; a percentile is the wait of one who has waited, not a value between two."""
        ordered = sorted(seconds)
        if not ordered:
            return cls()
        return cls(
            sum(ordered) / len(ordered), _rank(ordered, 0.5), _rank(ordered, 0.95), ordered[-1]
        )


def _rank(ordered: Sequence[float], part: float) -> float:
    return ordered[ceil(part * len(ordered)) - 1]


@define
class Span:
    """The life of one process; what has not happened by the end is ``None``."""

    model: ModelId
    started: float
    reason: Reason
    """Why it was started."""

    ready: float | None = None
    stopped: float | None = None
    """When it was told to stop."""

    gone: float | None = None
    cause: Reason | None = None
    """Why it was told to stop."""


@frozen
class ModelReport:
    """What has become of one model's requests, and what its processes did."""

    served: int
    refused: Mapping[Cause, int]
    waits: Waits
    loads: int
    evictions: int
    loaded: float
    """Seconds that it was ready."""

    serving: float
    """Seconds in which it served somebody."""

    @property
    def requests(self) -> int:
        """All that were asked for and are over."""
        return self.served + sum(self.refused.values())


@frozen
class Report:
    """What has become of a trace."""

    models: Mapping[ModelId, ModelReport]
    waits: Waits
    begin: float
    """The moment of the first request."""

    end: float
    """The moment at which the last one was over."""

    swaps: int
    """Starts that somebody else had to leave for."""

    busy: float
    """Seconds in which anybody was served."""

    spans: tuple[Span, ...]
    """The processes, in the order of their starts; of very many only those that ended first."""

    omitted: int
    """How many processes are not among them."""

    @property
    def makespan(self) -> float:
        """Seconds from the first request to the end of the last."""
        return self.end - self.begin

    @property
    def requests(self) -> int:
        """All requests."""
        return sum(model.requests for model in self.models.values())

    @property
    def served(self) -> int:
        """Those that were served."""
        return sum(model.served for model in self.models.values())

    @property
    def refused(self) -> Mapping[Cause, int]:
        """Those that were not, by cause."""
        total: Counter[Cause] = Counter()
        for model in self.models.values():
            total.update(model.refused)
        return total

    @property
    def loads(self) -> int:
        """All starts."""
        return sum(model.loads for model in self.models.values())

    @property
    def evictions(self) -> int:
        """All stops that made room for somebody."""
        return sum(model.evictions for model in self.models.values())

    def timeline(self) -> Iterator[tuple[float, ModelId, str]]:
        """Yield what was started and stopped, when and why, in order."""
        entries = [(span.started, span.model, f"starts ({span.reason})") for span in self.spans]
        entries += [
            (span.stopped, span.model, f"stops ({span.cause})")
            for span in self.spans
            if span.stopped is not None
        ]
        # Who makes room is told before the one for whom it does, if that takes no time.
        yield from sorted(entries, key=lambda entry: (entry[0], entry[2].startswith("starts")))


@define(eq=False)
class Tally:
    """One model's numbers, as they grow."""

    waits: array[float] = field(factory=lambda: array("d"))
    refused: Counter[Cause] = field(factory=Counter[Cause])
    loads: int = 0
    evictions: int = 0
    _loaded: float = 0.0
    _serving: float = 0.0
    _guests: int = 0
    _since: float = 0.0

    def enter(self, came: float, now: float) -> None:
        """Note that one who came at ``came`` is served from ``now`` on."""
        self.waits.append(now - came)
        if not self._guests:
            self._since = now
        self._guests += 1

    def leave(self, now: float) -> None:
        """Note that one has been served."""
        self._guests -= 1
        if not self._guests:
            self._serving += now - self._since

    def note_span(self, span: Span, end: float) -> None:
        """Note how long a process was ready; ``end``: if it still is, until now."""
        if span.ready is not None:
            until = end if span.stopped is None else span.stopped
            self._loaded += max(until - span.ready, 0.0)

    def report(self) -> ModelReport:
        """Sum up, when everything is over."""
        return ModelReport(
            len(self.waits),
            dict(self.refused),
            Waits.of(self.waits),
            self.loads,
            self.evictions,
            self._loaded,
            self._serving,
        )


def merged(arrays: Iterable[array[float]]) -> array[float]:
    """Return all values of all arrays."""
    all_values = array("d")
    for values in arrays:
        all_values.extend(values)
    return all_values
