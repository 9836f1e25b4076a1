"""The words of the router: states of models, events in, commands out.

Values without behaviour. Events are what happened or what somebody wants;
commands are what the router carries out. Every ask carries a number that its
answer repeats.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from typing import NewType, TypeAlias

from attrs import frozen

ModelId = NewType("ModelId", str)
"""A model's key in the configuration, never an alias."""

LeaseId = NewType("LeaseId", int)
"""One request's claim on a model, from the ask to the return."""

Ticket = NewType("Ticket", int)
"""The number of an ask that is no lease; drawn from the same count as `LeaseId`."""


class ModelState(Enum):
    """What the process of a model is doing; the values are those of the API."""

    STOPPED = "stopped"
    STARTING = "starting"
    READY = "ready"
    STOPPING = "stopping"


class Cause(Enum):
    """Why a wish was refused; the router turns each into its exception."""

    BUSY = "busy"
    UNKNOWN = "unknown"
    START_FAILED = "start failed"
    UNLOADED = "unloaded"
    LEAVING = "leaving"
    STUCK = "stuck"


@frozen
class Target:
    """An address that a request can be relayed to."""

    model: ModelId
    url: str
    """Base URL, ``http://host:port`` with an optional path."""


EvictionPolicy: TypeAlias = Callable[[ModelId, frozenset[ModelId]], frozenset[ModelId]]
"""Given a model that is wanted and all that run (starting and stopping ones too,
perhaps the wanted one itself), say which of them must be gone before it may run."""


@frozen
class ModelRule:
    """What the scheduler knows of one model."""

    specification: object
    """What it takes to run the process, of no meaning here: handed back in
    `Start`, and compared to tell whether a reload must replace the process."""

    concurrency_limit: int = 10
    """Requests that may wait for the model or use it at one time; more are refused."""

    idle_after: float | None = None
    """Seconds without a request after which the model is stopped; ``None``: never."""


@frozen
class Fleet:
    """All models and the rule that says which of them may run together."""

    models: Mapping[ModelId, ModelRule]
    evictions: EvictionPolicy


# Events: what happened, or what somebody wants.


@frozen
class LeaseAsked:
    """A request wants ``model`` ready; answered by `Grant` or `Refuse`."""

    lease: LeaseId
    model: ModelId


@frozen
class LeaseReturned:
    """The request is over: served, failed, or its client hung up while it waited."""

    lease: LeaseId


@frozen
class Ready:
    """The process of ``model`` answers its health check."""

    model: ModelId


@frozen
class Gone:
    """The process tree of ``model`` has ended and is reaped; its place is free.

    Also the end of a start that failed before there was a process.
    """

    model: ModelId
    reason: str | None = None
    """Why, in a sentence, where nobody had asked it to stop."""


@frozen
class Stuck:
    """The process of ``model`` survived SIGKILL; its place stays occupied."""

    model: ModelId
    reason: str


@frozen
class UnloadAsked:
    """Somebody wants models stopped; answered by `Settled` when they are gone."""

    ticket: Ticket
    models: frozenset[ModelId] | None = None
    """``None`` means all."""


@frozen
class ViewAsked:
    """Somebody wants to see all models; answered by `View`."""

    ticket: Ticket


@frozen
class Reconfigure:
    """A new configuration is in force; answered by `Settled` when the books follow it."""

    ticket: Ticket
    fleet: Fleet


@frozen
class DrainEnded:
    """What a new configuration gave up has had its time to finish what it serves.

    Answered by `Settled` when it is gone.
    """

    ticket: Ticket
    reload: Ticket
    """Of the `Reconfigure`. What later ones have given up has time of its own."""


@frozen
class Shutdown:
    """The program leaves: refuse who waits, stop every model."""


Event: TypeAlias = (
    LeaseAsked
    | LeaseReturned
    | Ready
    | Gone
    | Stuck
    | UnloadAsked
    | ViewAsked
    | Reconfigure
    | DrainEnded
    | Shutdown
)


# Commands: what the router carries out.


@frozen
class Grant:
    """The lease may be used now."""

    lease: LeaseId
    model: ModelId


@frozen
class Refuse:
    """The lease is not given."""

    lease: LeaseId
    model: ModelId
    cause: Cause
    detail: str = ""


@frozen
class Start:
    """Run the process of ``model``; answer with `Ready`, then `Gone`."""

    model: ModelId
    specification: object
    """The `ModelRule.specification` that is in force."""

    reason: str


@frozen
class Stop:
    """End the process of ``model``, starting or ready; answer with `Gone`."""

    model: ModelId
    reason: str


@frozen
class Settled:
    """What the ticket asked for has happened, or cannot (``problem`` says why)."""

    ticket: Ticket
    problem: str | None = None


@frozen
class View:
    """All models, sorted by id."""

    ticket: Ticket
    models: tuple[ModelView, ...]


Command: TypeAlias = Grant | Refuse | Start | Stop | Settled | View


@frozen
class ModelView:
    """One model as the scheduler sees it."""

    model: ModelId
    state: ModelState
    serving: int
    """Requests that hold a lease."""

    waiting: int
    """Requests that wait for one."""
