"""What is measured, and the table of it: pure.

A figure is the median of the rounds; a ratio is the median of each round's own
ratio, because what disturbs a machine lasts longer than a round.
"""

from __future__ import annotations

import json
from statistics import median
from typing import Self

from attrs import asdict, define, field, frozen

from llamaswap.cli.simulate_tables import laid_out

NOTHING = "-"
"""Stands where nobody measured."""


@frozen
class Sample:
    """What clients saw in one go."""

    count: int
    """Complete answers, or events of streams."""

    seconds: float
    median: float
    """Seconds from the question to the complete answer; 0 for streams."""

    processor: float
    """Seconds that the program in between has worked."""

    @property
    def rate(self) -> float:
        """Answers or events per second."""
        return self.count / self.seconds

    @property
    def work(self) -> float:
        """Microseconds of processor time for each."""
        return self.processor / self.count * 1e6 if self.count else float("nan")

    def to_json(self) -> str:
        """Write it down for another process."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what `to_json` wrote."""
        return cls(**json.loads(text))


@define
class Figures:
    """The values of all rounds, by measure and program."""

    programs: tuple[str, ...]
    compared: tuple[str, str] | None = None
    """Two programs whose ratio makes the last column."""

    _digits: dict[str, int] = field(factory=dict[str, int], init=False)
    _values: dict[tuple[str, str], list[float]] = field(
        factory=dict[tuple[str, str], list[float]], init=False
    )

    def note(self, measure: str, program: str, value: float, digits: int = 0) -> None:
        """Add the value of one round; measures are listed in the order of their first."""
        self._digits.setdefault(measure, digits)
        self._values.setdefault((measure, program), []).append(value)

    def figure(self, measure: str, program: str) -> str:
        """Return the median of the rounds as text."""
        values = self._values.get((measure, program))
        return f"{median(values):,.{self._digits[measure]}f}" if values else NOTHING

    def ratio(self, measure: str) -> str:
        """Return the median of the rounds' ratios as text."""
        assert self.compared is not None
        ours, theirs = (self._values.get((measure, program), []) for program in self.compared)
        ratios = [one / other for one, other in zip(ours, theirs, strict=True) if other]
        return f"{median(ratios):.2f}" if ratios else NOTHING

    def table(self) -> str:
        """Lay it all out, a line for each measure."""
        head = ["", *self.programs]
        rows = [[m, *(self.figure(m, p) for p in self.programs)] for m in self._digits]
        if self.compared is not None:
            head.append("/".join(self.compared))
            for row in rows:
                row.append(self.ratio(row[0]))
        return laid_out([head, *rows])
