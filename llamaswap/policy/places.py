"""What is written down of one model, and of one swap.

Facts without rules: `Books` keeps them consistent.
"""

from __future__ import annotations

from attrs import define, field, frozen

from llamaswap.policy.messages import LeaseId, ModelState, Ticket
from llamaswap.policy.pace import Pace
from llamaswap.policy.reasons import Reason
from llamaswap.policy.rules import ModelId, ModelRule


@define(eq=False)
class Place:
    """One model: its process, its queue and its guests."""

    model: ModelId
    rule: ModelRule
    """In force; of a removed model the last one."""

    runs: ModelRule
    """By which the process runs; the next one, where none does. A reload may have put
    another one in force."""

    pace: Pace
    state: ModelState = ModelState.STOPPED
    waiting: dict[LeaseId, tuple[float, int]] = field(factory=dict[LeaseId, tuple[float, int]])
    """The queue, oldest first: for each the moment it came, and the number of its arrival."""

    head: tuple[float, int] = (0.0, 0)
    """The moment and the number of the longest wait; only where somebody waits."""

    serving: dict[LeaseId, float] = field(factory=dict[LeaseId, float])
    """The guests, and the moment of each one's grant."""

    waited_since: float = 0.0
    """The sum of the moments at which those that wait have come."""

    changed: float = 0.0
    """The moment of the last change of ``state``."""

    idle_since: float | None = None
    """The moment of readiness or of the last return, whichever is later; ``None``: neither yet."""

    served: bool = False
    """Whether anybody has used the process that runs."""

    chosen: int = 0
    """The number of the last arrival, to tell who has waited longest for one."""

    @property
    def is_process(self) -> bool:
        """Whether there is a process, be it on its way in or out."""
        return self.state is not ModelState.STOPPED

    @property
    def is_full(self) -> bool:
        """Whether it takes no more requests."""
        return len(self.waiting) + len(self.serving) >= self.rule.concurrency_limit

    @property
    def fullness(self) -> str:
        """Say why it takes no more requests."""
        limit = self.rule.concurrency_limit
        return f"{limit} requests wait for this model or use it already"

    @property
    def is_idle(self) -> bool:
        """Whether it is ready and nobody uses or wants it."""
        return self.state is ModelState.READY and not self.serving and not self.waiting


@define(eq=False)
class Swap:
    """A place that has been promised to a model for those who wait, until it serves them."""

    target: Place
    evict: frozenset[ModelId]
    """Who had to leave for it."""

    leaving: set[ModelId]
    """Those of them whose process is not gone yet; while there are any, the swap makes room."""


@frozen
class WayOut:
    """Why a new configuration has given up a process, and which."""

    reason: Reason
    reload: Ticket
    """Of the first `Reconfigure` that did."""
