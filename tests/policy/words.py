"""Short words to tell stories of the scheduler with, and the one who plays them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

from llamaswap.policy.eviction import GroupRule, Groups
from llamaswap.policy.matrix import compile_matrix
from llamaswap.policy.messages import (
    Adopt,
    Cause,
    Command,
    DrainEnded,
    Event,
    Grant,
    Learned,
    LeaseAsked,
    LeaseId,
    LeaseReturned,
    Ready,
    Reconfigure,
    Refuse,
    Settled,
    Start,
    Stop,
    Stuck,
    Ticket,
    UnloadAsked,
)
from llamaswap.policy.reasons import Reason, Why
from llamaswap.policy.rules import Fairness, Fleet, ModelId, ModelRule
from llamaswap.policy.scheduler import Scheduler

A, B, C, D = (ModelId(name) for name in "abcd")
NOBODY = ModelId("nobody")


def fleet(
    models: Iterable[ModelId],
    *groups: GroupRule,
    limit: int = 10,
    idle_after: float | None = None,
    version: str = "",
    care: str = "",
    ports: Mapping[ModelId, int] | None = None,
    priorities: Mapping[ModelId, int] | None = None,
    fairness: Fairness | None = None,
) -> Fleet:
    ports, priorities = ports or {}, priorities or {}
    rules = {
        model: ModelRule(
            f"run {model}{version}{care}",
            limit,
            idle_after,
            priorities.get(model, 0),
            ports.get(model),
            process=f"run {model}{version}",
        )
        for model in models
    }
    return Fleet(rules, Groups.of(groups, rules), fairness or Fairness())


def matrix(
    models: Iterable[ModelId],
    sets: Mapping[str, str],
    costs: Mapping[str, int] | None = None,
    limit: int = 10,
    ports: Mapping[ModelId, int] | None = None,
    fairness: Fairness | None = None,
) -> Fleet:
    """Make a fleet whose models run together as ``sets`` say."""
    rules = fleet(models, limit=limit, ports=ports, fairness=fairness)
    policy = compile_matrix({}, costs or {}, sets, rules.models.keys())
    return Fleet(rules.models, policy, rules.fairness)


ONE_AT_A_TIME = fleet([A, B, C])
TOGETHER = fleet([A, B, C], GroupRule("g", (A, B, C), swap=False))
TIGHT = fleet([A, B, C], limit=2)
# Who has waited for four seconds closes gates, and no idle model keeps its place.
AT_ONCE = Fairness(max_wait=4.0, linger=0.0)
PLAIN = fleet([A, B, C], fairness=AT_ONCE)
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
    return Start(model, f"run {model}{version}", Reason(Why.WANTED, (), waiting))


def adopt(model: ModelId, care: str) -> Adopt:
    return Adopt(model, f"run {model}{care}")


def stop(model: ModelId, reason: Reason) -> Stop:
    return Stop(model, reason)


def idle(seconds: float) -> Reason:
    return Reason(Why.IDLE, seconds=seconds)


def evict(model: ModelId, wanted: ModelId, waiting: int = 1) -> Stop:
    return Stop(model, Reason(Why.ROOM, (wanted,), waiting))


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


def acts(commands: Iterable[Command]) -> list[Command]:
    """Leave out what is only learned."""
    return [command for command in commands if not isinstance(command, Learned)]


# Stories

Step: TypeAlias = tuple[Sequence[Event], Sequence[Command]]
"""What happens at the moment 0, and what is done about it."""

TimedStep: TypeAlias = tuple[float, Sequence[Event], Sequence[Command]]
"""The same, behind the moment at which it happens; no events: time passes."""

Story: TypeAlias = tuple[Fleet, Sequence[Step]]
TimedStory: TypeAlias = tuple[Fleet, Sequence[TimedStep]]

A_SERVES: list[Step] = [([ask(1, A)], [start(A)]), ([Ready(A)], [grant(1, A)])]
A_SERVES_AT_1: list[TimedStep] = [(0, [ask(1, A)], [start(A)]), (1, [Ready(A)], [grant(1, A)])]


def stories_of(
    chapters: Mapping[str, Mapping[str, Story | TimedStory]],
) -> dict[str, Story | TimedStory]:
    """Return all stories by the chapter and title of each."""
    return {
        f"{chapter}: {title}": story
        for chapter, stories in chapters.items()
        for title, story in stories.items()
    }


def play(story: Story | TimedStory) -> None:
    """Let a new scheduler live through a story, and see that it does what is told."""
    rules, steps = story
    scheduler = Scheduler(rules)
    for step in steps:
        now, events, expected = step if len(step) == 3 else (0.0, *step)
        wakeup = scheduler.next_wakeup
        if not events and expected:
            assert wakeup == now, "it must ask to be woken then"
        assert acts(scheduler.handle(events, now)) == expected


def all_steps(scheduler: Scheduler, events: Sequence[Event], now: float) -> list[Command]:
    """Hand ``events`` over, and go on until nothing more is to be done at this moment."""
    commands = scheduler.handle(events, now)
    for _ in range(1000):  # far more than any story needs
        if scheduler.next_wakeup is None or scheduler.next_wakeup > now:
            return commands
        commands += scheduler.handle([], now)
    raise AssertionError("it comes to no end")
