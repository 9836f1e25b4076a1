"""Stories about waiting: who goes first, and whose gate closes."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Set as AbstractSet

import pytest

from llamaswap.policy.eviction import GroupRule, Groups
from llamaswap.policy.messages import Command, Event, Gone, Ready
from llamaswap.policy.reasons import REPLACED
from llamaswap.policy.rules import Choice, Fairness, Fleet, ModelId, ModelRule, Situation
from llamaswap.policy.scheduler import Scheduler
from tests.policy.words import (
    A_SERVES_AT_1,
    AT_ONCE,
    PLAIN,
    A,
    B,
    C,
    D,
    Story,
    TimedStory,
    all_steps,
    ask,
    asks,
    done,
    evict,
    fleet,
    grant,
    hangs,
    play,
    reconfigure,
    settled,
    start,
    stop,
    stories_of,
    stuck,
)

E = ModelId("e")
PORT_OF_D = fleet(
    [A, B, C, D, E],
    GroupRule("d", (D,), exclusive=False, persistent=True),
    ports={D: 1},
    fairness=AT_ONCE,
)
MOVED = {B: ModelRule("run b v2", port=1), D: ModelRule("run d v2", port=2)}
PORT_OF_B = Fleet(dict(PORT_OF_D.models) | MOVED, PORT_OF_D.evictions, AT_ONCE)

GATES: dict[str, TimedStory] = {
    "a model that is never idle lets its rival in when that has waited long enough": (
        PLAIN,
        [
            *A_SERVES_AT_1,
            (2, [ask(2, B)], []),
            (3, [ask(3, A)], [grant(3, A)]),
            (4, [done(1)], []),
            (6, [], []),
            (6, [ask(4, A)], []),
            (7, [done(3)], [evict(A, B)]),
            (7.5, [Gone(A)], [start(B)]),
            (8, [ask(5, A)], []),
            (8.5, [Ready(B)], [grant(2, B)]),
            (9, [done(2)], [evict(B, A, 2)]),
            (9, [Gone(B)], [start(A, 2)]),
            (10, [Ready(A)], [grant(4, A), grant(5, A)]),
        ],
    ),
    "a moment before, the gate is open": (
        PLAIN,
        [*A_SERVES_AT_1, (2, [ask(2, B)], []), (5.9, [ask(3, A)], [grant(3, A)])],
    ),
    "the gate opens when the rival hangs up": (
        PLAIN,
        [
            *A_SERVES_AT_1,
            (2, [ask(2, B)], []),
            (6, [ask(3, A)], []),
            (7, [done(2)], [grant(3, A)]),
        ],
    ),
    "whoever waited for a load is served although a rival is overdue": (
        PLAIN,
        [
            (0, [ask(1, A), ask(2, B)], [start(A)]),
            (7, [ask(3, A)], []),
            (7, [Ready(A)], [grant(1, A), grant(3, A)]),
            (7, [ask(4, A)], []),
            (8, [done(1), done(3)], [evict(A, B)]),
        ],
    ),
    "with 0 no gate ever closes": (
        fleet([A, B], fairness=Fairness(max_wait=0.0, linger=0.0)),
        [*A_SERVES_AT_1, (2, [ask(2, B)], []), (5000, [ask(3, A)], [grant(3, A)])],
    ),
    "the gate of a model of higher priority closes after twice the time": (
        fleet([A, B], fairness=AT_ONCE, priorities={A: 1}),
        [
            *A_SERVES_AT_1,
            (2, [ask(2, B)], []),
            (9.9, [ask(3, A)], [grant(3, A)]),
            (10, [ask(4, A)], []),
            (11, [done(1), done(3)], [evict(A, B)]),
        ],
    ),
    "nothing starts out of turn that would be one more in the way": (
        # B stops A and C; A and C leave each other alone.
        fleet([A, B, C], GroupRule("ac", (A, C), swap=False), fairness=AT_ONCE),
        [
            *A_SERVES_AT_1,
            (2, [ask(2, B)], []),
            (5, [ask(3, C)], [start(C)]),
            (6, [Ready(C)], [grant(3, C)]),
            (6, [done(3), done(1)], [evict(A, B), evict(C, B)]),
        ],
    ),
    "a start out of turn waits, too": (
        fleet([A, B, C], GroupRule("ac", (A, C), swap=False), fairness=AT_ONCE),
        [
            *A_SERVES_AT_1,
            (2, [ask(2, B)], []),
            (6, [ask(3, C)], []),
            (7, [done(1)], [evict(A, B)]),
            (7, [Gone(A)], [start(B)]),
        ],
    ),
    "what is in nobody's way starts at any time": (
        fleet([A, B, C], GroupRule("c", (C,), exclusive=False, persistent=True), fairness=AT_ONCE),
        [*A_SERVES_AT_1, (2, [ask(2, B)], []), (6, [ask(3, C)], [start(C)])],
    ),
    "in their turn those of higher priority start all the same": (
        fleet(
            [A, B, C],
            GroupRule("ac", (A, C), swap=False),
            fairness=AT_ONCE,
            priorities={C: 1},
        ),
        [*A_SERVES_AT_1, (2, [ask(2, B)], []), (6, [ask(3, C)], [start(C)])],
    ),
    "who has waited too long for what cannot be ended is refused and holds up nobody": (
        # D may run beside A; B and C must have A's place.
        fleet([A, B, C, D], GroupRule("ad", (A, D), swap=False), fairness=AT_ONCE),
        [
            *A_SERVES_AT_1,
            (2, [ask(2, B), ask(3, C)], []),
            (7, [done(1), ask(4, D)], [evict(A, B)]),
            (8, [hangs(A)], [stuck(2, B), stuck(3, C), start(D)]),
        ],
    ),
    "who waits too long for a port keeps those behind it from the place that it wants": (
        PORT_OF_D,
        [
            (0, [ask(1, A), ask(2, D)], [start(A), start(D)]),
            (1, [Ready(A), Ready(D), done(1)], [grant(2, D)]),
            # D has another port from now on, and B has that of D's last process.
            (2, [reconfigure(9, PORT_OF_B), ask(3, B)], []),
            (7, [ask(4, C), ask(5, E)], []),
            (8, [done(2)], [stop(D, REPLACED)]),
            (8, [Gone(D)], [settled(9), evict(A, B)]),
        ],
    ),
    "what is learned of loads says how long one waits": (
        # Three times the mean of 4 s and an unknown time that does not count.
        fleet([A, B], fairness=Fairness(linger=0.0)),
        [
            (0, [ask(1, A)], [start(A)]),
            (4, [Ready(A)], [grant(1, A)]),
            (5, [ask(2, B)], []),
            (16.9, [ask(3, A)], [grant(3, A)]),
            (17, [ask(4, A)], []),
        ],
    ),
}

TURNS: dict[str, TimedStory] = {
    "the requests that have together waited longest go first": (
        PLAIN,
        [
            *A_SERVES_AT_1,
            (2, [ask(2, B)], []),
            (3, asks(3, [C, C, C]), []),
            (5, [done(1)], [evict(A, C, 3)]),
        ],
    ),
    "of those that came together the most go first": (
        PLAIN,
        [*A_SERVES_AT_1, (2, asks(2, [B, C, C]), []), (2, [done(1)], [evict(A, C, 2)])],
    ),
    "of as many the model that loads fastest": (
        PLAIN,
        [
            (0, [ask(1, B)], [start(B)]),
            (3, [Ready(B)], [grant(1, B)]),
            (3, [done(1), ask(2, C)], [evict(B, C)]),
            (3, [Gone(B)], [start(C)]),
            (5, [Ready(C)], [grant(2, C)]),
            (5, [done(2), ask(3, A)], [evict(C, A)]),
            (5, [Gone(C)], [start(A)]),
            (6, [Ready(A)], [grant(3, A)]),
            (7, asks(4, [B, C]), []),
            (7, [done(3)], [evict(A, C)]),
        ],
    ),
    "of those that are alike in all the first": (
        PLAIN,
        [*A_SERVES_AT_1, (2, asks(2, [C, B]), []), (2, [done(1)], [evict(A, C)])],
    ),
    "the highest priority goes first": (
        fleet([A, B, C], fairness=AT_ONCE, priorities={C: 1}),
        [
            *A_SERVES_AT_1,
            (2, [ask(2, B)], []),
            (4, [ask(3, C)], []),
            (5, [done(1)], [evict(A, C)]),
        ],
    ),
    "who has waited twice as long as one should goes before it": (
        fleet([A, B, C], fairness=AT_ONCE, priorities={C: 1}),
        [
            *A_SERVES_AT_1,
            (2, [ask(2, B)], []),
            (4, [ask(3, C)], []),
            (10, [done(1)], [evict(A, B)]),
        ],
    ),
    "of two such the one that came first, however many wait with the other": (
        PLAIN,
        [
            *A_SERVES_AT_1,
            (2, [ask(2, B)], []),
            (2.5, asks(3, [C, C, C]), []),
            (11, [done(1)], [evict(A, B)]),
        ],
    ),
}

STORIES = stories_of({"gates": GATES, "turns": TURNS})


@pytest.mark.parametrize("story", STORIES.values(), ids=STORIES)
def test_stories(story: Story | TimedStory) -> None:
    play(story)


class Counted:
    """The rule that only one runs, and how many questions it has been asked."""

    def __init__(self, models: Iterable[ModelId]) -> None:
        self.groups = Groups.of((), models)
        self.questions, self.effort = 0, 1

    def at(
        self, running: AbstractSet[ModelId], leaving: AbstractSet[ModelId] = frozenset()
    ) -> Situation:
        return CountedSituation(self, self.groups.at(running, leaving))


class CountedSituation:
    def __init__(self, counted: Counted, answers: Situation) -> None:
        self.counted, self.answers = counted, answers

    def __call__(self, wanted: ModelId) -> frozenset[ModelId]:
        self.counted.questions += 1
        return self.answers(wanted)

    def would_evict(self, wanted: ModelId, newcomer: ModelId) -> bool:
        return self.answers.would_evict(wanted, newcomer)

    def tolerates(self, wanted: ModelId, others: AbstractSet[ModelId]) -> bool:
        return self.answers.tolerates(wanted, others)

    def choices(self, wanted: ModelId) -> tuple[Choice, ...]:
        return self.answers.choices(wanted)


@pytest.mark.parametrize("now", [20.0, 50.0], ids=["they have claims", "they are urgent"])
def test_an_order_of_thousands_that_have_waited_too_long_is_found_step_by_step(now: float) -> None:
    models = [ModelId(f"m{number:02}") for number in range(40)]
    counted = Counted(models)
    rules = Fleet(fleet(models).models, counted, Fairness(max_wait=15.0, linger=0.0))
    scheduler = Scheduler(rules, most_effort=12)
    all_steps(scheduler, [ask(1, models[0])], 0.0)
    all_steps(scheduler, [Ready(models[0])], 0.0)
    for number, model in enumerate(models[1:], 2):
        all_steps(scheduler, [ask(number, model)], number / 100)

    counted.questions = 0
    questions: list[int] = []
    events: list[Event] = [Gone(models[0], "crash")]
    commands: list[Command] = []
    while events or scheduler.next_wakeup == now:
        commands += scheduler.handle(events, now)
        events = []
        questions.append(counted.questions - sum(questions))

    # Whoever came first starts first, and the others are told to wait for it.
    assert commands == [start(models[1])]
    assert max(questions) <= 12
