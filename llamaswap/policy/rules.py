"""What the scheduler is told of the models: how they run, together with whom, and who goes first.

Values without behaviour; a configuration is turned into one `Fleet`.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from enum import Enum
from typing import NewType, Protocol

from attrs import Factory, field, frozen

ModelId = NewType("ModelId", str)
"""A model's key in the configuration, never an alias."""


class Strategy(Enum):
    """How a selector chooses one of its targets; the values are those of the configuration."""

    PIN = "pin"
    WARM = "warm"
    SPILLOVER = "spillover"


@frozen
class Selection:
    """A wish for one of several models; which one, the scheduler decides."""

    name: str
    """Of the selector."""

    strategy: Strategy
    targets: tuple[ModelId, ...]
    """At least one, the preferred ones first."""

    spillover: int = 1
    """Requests on each running target before the next one is started; for `Strategy.SPILLOVER`."""


@frozen
class Choice:
    """What happens to those that run when a model is wanted, and by which rule."""

    rule: str | None
    """The matrix' set or the group that decides. ``None``: the model runs already, or
    no set contains it."""

    expression: str | None
    """The set's expression, as it was written."""

    models: tuple[ModelId, ...]
    """All that may run together then, sorted: nobody starts the others."""

    evict: tuple[ModelId, ...]
    """Those that must be gone before the wanted model may run, sorted."""

    cost: int
    """The sum of what their eviction costs."""


class Situation(Protocol):
    """What an eviction policy says while the same models run; it may remember its answers."""

    def __call__(self, wanted: ModelId) -> frozenset[ModelId]:
        """Say which of those that run must be gone before ``wanted`` may, which may be one."""
        ...

    def would_evict(self, wanted: ModelId, newcomer: ModelId) -> bool:
        """Say whether ``newcomer``, had it come first, would have to be gone for ``wanted``.

        Neither of them runs.
        """
        ...

    def tolerates(self, wanted: ModelId, others: AbstractSet[ModelId]) -> bool:
        """Say whether ``wanted`` may start beside ``others``, for as long as they still run."""
        ...

    def choices(self, wanted: ModelId) -> tuple[Choice, ...]:
        """Explain the answer: the choice that is made comes first, rejected ones follow."""
        ...


class EvictionPolicy(Protocol):
    """The rule that says who must leave for whom."""

    @property
    def effort(self) -> int:
        """What a question costs, compared with the cheapest sort."""
        ...

    def at(self, running: AbstractSet[ModelId], leaving: AbstractSet[ModelId] = ...) -> Situation:
        """Return what it says as long as these models run.

        Args:
          running: starting, stopping and promised ones too.
          leaving: those of them that are going anyway, so that it costs nothing
            to be without them.
        """
        ...


def _all_of_it(rule: ModelRule) -> object:
    return rule.specification


@frozen
class ModelRule:
    """What the scheduler knows of one model."""

    specification: object
    """What it takes to run the process and to look after it, of no meaning here: handed
    back in `Start`, and in `Adopt` where a reload changes it and not the process."""

    concurrency_limit: int = 10
    """Requests that may wait for the model or use it at one time; more are refused."""

    idle_after: float | None = None
    """Seconds without a request after which the model is stopped; ``None``: never."""

    priority: int = 0
    """Of its requests; those of the highest that waits are served first."""

    port: int | None = None
    """The port of this machine that its server listens on: nobody else starts there
    while a process that a reload gave up may still hold it."""

    process: object = field(default=Factory(_all_of_it, takes_self=True), kw_only=True)
    """The part of the specification that a process cannot change while it runs: compared
    to tell whether a reload must replace it. By default all of it."""


@frozen
class Fairness:
    """How long who may keep whom waiting; the keys of the scheduler's settings."""

    max_wait: float | None = None
    """Seconds after which a waiting request closes the gate of the models in its way.
    ``None``: three times the usual load time; 0: never."""

    linger: float | None = None
    """Seconds that an idle model keeps its place against a waiting one. ``None``:
    while its next request is expected sooner than the way back would take."""

    min_residency: float = 0.0
    """Seconds that a model which has just been loaded keeps its place, if it is used."""

    queue_timeout: float | None = None
    """Seconds after which a waiting request is refused; ``None``: never."""


@frozen
class Fleet:
    """All models and the rules that say which of them may run together, and who goes first."""

    models: Mapping[ModelId, ModelRule]
    evictions: EvictionPolicy
    fairness: Fairness = Fairness()
