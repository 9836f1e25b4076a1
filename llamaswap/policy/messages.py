"""The words of the router: states of models, events in, commands out.

Values without behaviour. Events are what happened or what somebody wants;
commands are what the router carries out. Every ask carries a number that its
answer repeats.
"""

from __future__ import annotations

from enum import Enum
from typing import NewType, TypeAlias

from attrs import field, frozen

from llamaswap.policy.reasons import READY, Reason
from llamaswap.policy.rules import Choice, Fleet, ModelId, Selection

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
    TIMED_OUT = "timed out"


@frozen
class Target:
    """An address that a request can be relayed to."""

    model: ModelId
    url: str
    """Base URL, ``http://host:port`` with an optional path."""


# Events: what happened, or what somebody wants.


@frozen
class LeaseAsked:
    """A request wants ``model`` ready, or one of several; answered by `Grant` or `Refuse`."""

    lease: LeaseId
    model: ModelId | Selection


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
class QueueAsked:
    """Somebody wants to see who waits, and for what; answered by `Queue`."""

    ticket: Ticket


@frozen
class ExplainAsked:
    """Somebody wants to know what a request would do now; answered by `Explanation`."""

    ticket: Ticket
    model: ModelId | Selection


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
    | QueueAsked
    | ExplainAsked
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
    reason: Reason = field(default=READY, eq=False)


@frozen
class Refuse:
    """The lease is not given."""

    lease: LeaseId
    model: ModelId
    cause: Cause
    detail: str = ""
    retry_after: float | None = field(default=None, eq=False)
    """Seconds after which it may be worth to ask again, where that is known."""


@frozen
class Start:
    """Run the process of ``model``; answer with `Ready`, then `Gone`."""

    model: ModelId
    specification: object
    """The `ModelRule.specification` that is in force."""

    reason: Reason


@frozen
class Adopt:
    """The process of ``model`` stays; from now on look after it as ``specification`` says."""

    model: ModelId
    specification: object


@frozen
class Stop:
    """End the process of ``model``, starting or ready; answer with `Gone`."""

    model: ModelId
    reason: Reason


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


@frozen
class Learned:
    """How long a model usually takes now, in seconds; worth to be kept for the next time."""

    model: ModelId
    load: float | None
    stop: float | None


@frozen
class Queue:
    """All requests that wait, those first that will be served first."""

    ticket: Ticket
    waiting: tuple[Waiting, ...]


@frozen
class Explanation:
    """What a request would do now."""

    ticket: Ticket
    model: ModelId
    """The one that would serve it."""

    outcome: Outcome
    reason: Reason | str
    """Why it would wait or be served; a sentence where it would be refused."""

    estimate: float | None
    """Seconds until it would be served, as far as can be told."""

    choices: tuple[Choice, ...] = ()
    """Who would be evicted, by which rule, and the alternatives that cost more or come
    later; empty where nothing would have to be decided."""


Command: TypeAlias = (
    Grant | Refuse | Start | Adopt | Stop | Settled | View | Learned | Queue | Explanation
)


class Outcome(Enum):
    """What happens to a request that comes now; the values are words for programs."""

    SERVE = "serve"
    START = "start"
    WAIT = "wait"
    REFUSE = "refuse"


@frozen
class ModelView:
    """One model as the scheduler sees it."""

    model: ModelId
    state: ModelState
    serving: int
    """Requests that hold a lease."""

    waiting: int
    """Requests that wait for one."""


@frozen
class Waiting:
    """One request that waits."""

    lease: LeaseId
    model: ModelId
    position: int
    """1 is served first, as things are now."""

    waited: float
    """Seconds since it came."""

    reason: Reason
    """What it waits for."""

    estimate: float | None
    """Seconds until it is served, as far as can be told."""
