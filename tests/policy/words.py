"""Short words to tell stories of the scheduler with."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from llamaswap.policy.eviction import GroupRule, Groups
from llamaswap.policy.messages import (
    Cause,
    DrainEnded,
    Event,
    Fleet,
    Grant,
    LeaseAsked,
    LeaseId,
    LeaseReturned,
    ModelId,
    ModelRule,
    Reconfigure,
    Refuse,
    Settled,
    Start,
    Stop,
    Stuck,
    Ticket,
    UnloadAsked,
)

A, B, C, D = (ModelId(name) for name in "abcd")
NOBODY = ModelId("nobody")


def fleet(
    models: Iterable[ModelId],
    *groups: GroupRule,
    limit: int = 10,
    idle_after: float | None = None,
    version: str = "",
) -> Fleet:
    rules = {model: ModelRule(f"run {model}{version}", limit, idle_after) for model in models}
    return Fleet(rules, Groups.of(groups, rules))


ONE_AT_A_TIME = fleet([A, B, C])
TOGETHER = fleet([A, B, C], GroupRule("g", (A, B, C), swap=False))
TIGHT = fleet([A, B, C], limit=2)
# Starting X stops N; starting N leaves X alone.
X, N = A, B
ONE_SIDED = fleet([X, N, C, D], GroupRule("n", (N, D), swap=False, exclusive=False))


def ask(lease: int, model: ModelId) -> LeaseAsked:
    return LeaseAsked(LeaseId(lease), model)


def asks(first: int, models: Sequence[ModelId]) -> list[Event]:
    return [ask(first + offset, model) for offset, model in enumerate(models)]


def done(lease: int) -> LeaseReturned:
    return LeaseReturned(LeaseId(lease))


def unload(ticket: int, *models: ModelId) -> UnloadAsked:
    return UnloadAsked(Ticket(ticket), frozenset(models))


def unload_all(ticket: int) -> UnloadAsked:
    return UnloadAsked(Ticket(ticket))


def reconfigure(ticket: int, fleet: Fleet) -> Reconfigure:
    return Reconfigure(Ticket(ticket), fleet)


def drain_ended(ticket: int, reload: int | None = None) -> DrainEnded:
    """End the drain of ``reload``, or of all that came before."""
    return DrainEnded(Ticket(ticket), Ticket(ticket if reload is None else reload))


def grant(lease: int, model: ModelId) -> Grant:
    return Grant(LeaseId(lease), model)


def start(model: ModelId, waiting: int = 1, version: str = "") -> Start:
    return Start(model, f"run {model}{version}", f"requests waiting: {waiting}")


def stop(model: ModelId, reason: str) -> Stop:
    return Stop(model, reason)


def evict(model: ModelId, wanted: ModelId) -> Stop:
    return Stop(model, f"makes room for {wanted}")


def refuse(lease: int, model: ModelId, cause: Cause, detail: str) -> Refuse:
    return Refuse(LeaseId(lease), model, cause, detail)


def unloaded(lease: int, model: ModelId) -> Refuse:
    return refuse(lease, model, Cause.UNLOADED, "the model was unloaded")


def busy(lease: int, model: ModelId, limit: int) -> Refuse:
    detail = f"{limit} requests wait for this model or use it already"
    return refuse(lease, model, Cause.BUSY, detail)


def unknown(lease: int, model: ModelId) -> Refuse:
    return refuse(lease, model, Cause.UNKNOWN, "nobody here serves this model")


def leaving(lease: int, model: ModelId) -> Refuse:
    return refuse(lease, model, Cause.LEAVING, "the program is leaving")


def stuck(lease: int, model: ModelId) -> Refuse:
    return refuse(lease, model, Cause.STUCK, "driver hangs")


def hangs(model: ModelId) -> Stuck:
    return Stuck(model, "driver hangs")


def settled(ticket: int, problem: str | None = None) -> Settled:
    return Settled(Ticket(ticket), problem)
