"""Stories about waiting: who goes first, whose gate closes, who keeps a place though idle.

Each step is a moment, what happens then, and what is done about it.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from llamaswap.policy.eviction import GroupRule
from llamaswap.policy.messages import Cause, Command, Event, Gone, Ready
from llamaswap.policy.pace import Pace
from llamaswap.policy.rules import Fairness, Fleet
from llamaswap.policy.scheduler import Scheduler
from tests.policy.words import (
    A,
    B,
    C,
    D,
    acts,
    ask,
    asks,
    done,
    evict,
    fleet,
    grant,
    hangs,
    refuse,
    start,
    stuck,
)

Step = tuple[float, Sequence[Event], Sequence[Command]]
Story = tuple[Fleet, Sequence[Step]]

AT_ONCE = Fairness(max_wait=4.0, linger=0.0)
PLAIN = fleet([A, B, C], fairness=AT_ONCE)
A_SERVES: list[Step] = [(0, [ask(1, A)], [start(A)]), (1, [Ready(A)], [grant(1, A)])]

GATES: dict[str, Story] = {
    "a model that is never idle lets its rival in when that has waited long enough": (
        PLAIN,
        [
            *A_SERVES,
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
        [*A_SERVES, (2, [ask(2, B)], []), (5.9, [ask(3, A)], [grant(3, A)])],
    ),
    "the gate opens when the rival hangs up": (
        PLAIN,
        [
            *A_SERVES,
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
        [*A_SERVES, (2, [ask(2, B)], []), (5000, [ask(3, A)], [grant(3, A)])],
    ),
    "the gate of a model of higher priority closes after twice the time": (
        fleet([A, B], fairness=AT_ONCE, priorities={A: 1}),
        [
            *A_SERVES,
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
            *A_SERVES,
            (2, [ask(2, B)], []),
            (5, [ask(3, C)], [start(C)]),
            (6, [Ready(C)], [grant(3, C)]),
            (6, [done(3), done(1)], [evict(A, B), evict(C, B)]),
        ],
    ),
    "a start out of turn waits, too": (
        fleet([A, B, C], GroupRule("ac", (A, C), swap=False), fairness=AT_ONCE),
        [
            *A_SERVES,
            (2, [ask(2, B)], []),
            (6, [ask(3, C)], []),
            (7, [done(1)], [evict(A, B)]),
            (7, [Gone(A)], [start(B)]),
        ],
    ),
    "what is in nobody's way starts at any time": (
        fleet([A, B, C], GroupRule("c", (C,), exclusive=False, persistent=True), fairness=AT_ONCE),
        [*A_SERVES, (2, [ask(2, B)], []), (6, [ask(3, C)], [start(C)])],
    ),
    "in their turn those of higher priority start all the same": (
        fleet(
            [A, B, C],
            GroupRule("ac", (A, C), swap=False),
            fairness=AT_ONCE,
            priorities={C: 1},
        ),
        [*A_SERVES, (2, [ask(2, B)], []), (6, [ask(3, C)], [start(C)])],
    ),
    "who has waited too long for what cannot be ended is refused and holds up nobody": (
        # D may run beside A; B and C must have A's place.
        fleet([A, B, C, D], GroupRule("ad", (A, D), swap=False), fairness=AT_ONCE),
        [
            *A_SERVES,
            (2, [ask(2, B), ask(3, C)], []),
            (7, [done(1), ask(4, D)], [evict(A, B)]),
            (8, [hangs(A)], [stuck(2, B), stuck(3, C), start(D)]),
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

TURNS: dict[str, Story] = {
    "the requests that have together waited longest go first": (
        PLAIN,
        [
            *A_SERVES,
            (2, [ask(2, B)], []),
            (3, asks(3, [C, C, C]), []),
            (5, [done(1)], [evict(A, C, 3)]),
        ],
    ),
    "of those that came together the most go first": (
        PLAIN,
        [*A_SERVES, (2, asks(2, [B, C, C]), []), (2, [done(1)], [evict(A, C, 2)])],
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
        [*A_SERVES, (2, asks(2, [C, B]), []), (2, [done(1)], [evict(A, C)])],
    ),
    "the highest priority goes first": (
        fleet([A, B, C], fairness=AT_ONCE, priorities={C: 1}),
        [*A_SERVES, (2, [ask(2, B)], []), (4, [ask(3, C)], []), (5, [done(1)], [evict(A, C)])],
    ),
    "who has waited twice as long as one should goes before it": (
        fleet([A, B, C], fairness=AT_ONCE, priorities={C: 1}),
        [*A_SERVES, (2, [ask(2, B)], []), (4, [ask(3, C)], []), (10, [done(1)], [evict(A, B)])],
    ),
    "of two such the one that came first, however many wait with the other": (
        PLAIN,
        [
            *A_SERVES,
            (2, [ask(2, B)], []),
            (2.5, asks(3, [C, C, C]), []),
            (11, [done(1)], [evict(A, B)]),
        ],
    ),
    "a model that is there serves before it is stopped for who came with its request": (
        PLAIN,
        [*A_SERVES, (2, [done(1)], []), (3, [ask(2, B), ask(3, A)], [grant(3, A)])],
    ),
    "but not if the other has the higher priority": (
        fleet([A, B], fairness=AT_ONCE, priorities={B: 1}),
        [*A_SERVES, (2, [done(1)], []), (3, [ask(2, B), ask(3, A)], [evict(A, B)])],
    ),
}

KEPT: dict[str, Story] = {
    "a model lingers when it is idle": (
        fleet([A, B], fairness=Fairness(max_wait=20.0, linger=2.0)),
        [
            *A_SERVES,
            (2, [done(1)], []),
            (2.5, [ask(2, B)], []),
            (3, [ask(3, A)], [grant(3, A)]),
            (4, [done(3)], []),
            (5.9, [], []),
            (6, [], [evict(A, B)]),
        ],
    ),
    "not longer than the rival must wait": (
        fleet([A, B], fairness=Fairness(max_wait=4.0, linger=30.0)),
        [*A_SERVES, (1, [ask(2, B)], []), (2, [done(1)], []), (5, [], [evict(A, B)])],
    ),
    "not against a higher priority": (
        fleet([A, B], fairness=Fairness(linger=30.0), priorities={B: 1}),
        [*A_SERVES, (2, [done(1)], []), (2.5, [ask(2, B)], [evict(A, B)])],
    ),
    "it lingers by itself while its next request is expected": (
        # It loads in 3 s and is asked again after half a second: it is worth 3 s.
        fleet([A, B]),
        [
            (0, [ask(1, A)], [start(A)]),
            (3, [Ready(A)], [grant(1, A)]),
            (4, [done(1)], []),
            (4.5, [ask(2, A)], [grant(2, A)]),
            (5, [done(2), ask(3, B)], []),
            (8, [], [evict(A, B)]),
        ],
    ),
    "but not where the way back is shorter": (
        fleet([A, B]),
        [
            (0, [ask(1, A)], [start(A)]),
            (0.4, [Ready(A)], [grant(1, A)]),
            (4, [done(1)], []),
            (4.5, [ask(2, A)], [grant(2, A)]),
            (5, [done(2), ask(3, B)], [evict(A, B)]),
        ],
    ),
    "a model that has just been loaded stays if it is used": (
        fleet([A, B], fairness=Fairness(max_wait=20.0, linger=0.0, min_residency=10.0)),
        [
            *A_SERVES,
            (2, [done(1), ask(2, B)], []),
            (9, [ask(3, A)], [grant(3, A)]),
            (10, [done(3)], []),
            (11, [], [evict(A, B)]),
        ],
    ),
    "and goes at once if nobody has used it": (
        fleet([A, B], fairness=Fairness(linger=0.0, min_residency=10.0)),
        [
            (0, [ask(1, A)], [start(A)]),
            (0.5, [done(1)], []),
            (1, [Ready(A)], []),
            (2, [ask(2, B)], [evict(A, B)]),
        ],
    ),
}

LATE = "it has waited for 5 s, as long as queueTimeout allows: "
BUSY, LOADS = f"{LATE}a must make room and still serves", f"{LATE}the model is loading"
NOW = f"{LATE}the model's turn has come only now"
TIMEOUTS: dict[str, Story] = {
    "who has waited too long is refused, the others stay": (
        fleet([A, B], fairness=Fairness(max_wait=0.0, queue_timeout=5.0)),
        [
            *A_SERVES,
            (2, [ask(2, B)], []),
            (4, [ask(3, B)], []),
            (7, [], [refuse(2, B, Cause.TIMED_OUT, BUSY)]),
            (8, [done(1)], [evict(A, B)]),
            (8, [Gone(A)], [start(B)]),
            (9, [], [refuse(3, B, Cause.TIMED_OUT, LOADS)]),
        ],
    ),
    "whoever can be served at the last moment is": (
        fleet([A], fairness=Fairness(queue_timeout=5.0)),
        [(0, [ask(1, A)], [start(A)]), (5, [Ready(A)], [grant(1, A)])],
    ),
    "nobody is started for a request that is refused": (
        fleet([A, B], fairness=Fairness(linger=0.0, queue_timeout=5.0)),
        [
            *A_SERVES,
            (2, [done(1), ask(2, B)], [evict(A, B)]),
            (7, [Gone(A)], [refuse(2, B, Cause.TIMED_OUT, NOW)]),
            (8, [ask(3, B)], [start(B)]),
        ],
    ),
    "nobody is stopped for a request that is refused": (
        fleet([A, B], fairness=Fairness(linger=0.0, queue_timeout=5.0)),
        [
            *A_SERVES,
            (2, [ask(2, B)], []),
            (7, [done(1)], [refuse(2, B, Cause.TIMED_OUT, NOW)]),
        ],
    ),
    "who is refused is in nobody's way any more": (
        # C and A run together; B, which both would have to leave for, is overdue.
        fleet(
            [A, B, C],
            GroupRule("ac", (A, C), swap=False),
            fairness=Fairness(max_wait=2.0, linger=0.0, queue_timeout=5.0),
        ),
        [
            *A_SERVES,
            (2, [ask(2, B)], []),
            (5, [ask(3, C)], []),
            (6, [], []),
            (7, [], [refuse(2, B, Cause.TIMED_OUT, BUSY), start(C)]),
        ],
    ),
}

CHAPTERS = {"gates": GATES, "turns": TURNS, "kept": KEPT, "timeouts": TIMEOUTS}
STORIES = {
    f"{chapter}: {title}": story
    for chapter, stories in CHAPTERS.items()
    for title, story in stories.items()
}


@pytest.mark.parametrize("story", STORIES.values(), ids=STORIES)
def test_stories(story: Story) -> None:
    rules, steps = story
    scheduler = Scheduler(rules)
    for now, events, expected in steps:
        wakeup = scheduler.next_wakeup
        if not events and expected:
            assert wakeup == now, "it must ask to be woken then"
        assert acts(scheduler.handle(events, now)) == expected


def test_times_of_an_earlier_run_count() -> None:
    scheduler = Scheduler(fleet([A, B]), {A: Pace(load=30.0), B: Pace(load=10.0)})
    scheduler.handle([ask(1, A)], 0)
    scheduler.handle([Ready(A)], 30)
    scheduler.handle([ask(2, B)], 40)

    assert scheduler.next_wakeup == 100


@pytest.mark.parametrize(("load", "wait"), [(0.1, 3), (2, 6), (300, 120)])
def test_one_waits_three_loads_within_bounds(load: float, wait: float) -> None:
    scheduler = Scheduler(fleet([A, B]))
    scheduler.handle([ask(1, A)], 0)
    scheduler.handle([Ready(A)], load)
    scheduler.handle([ask(2, B)], 1000)

    assert scheduler.next_wakeup == 1000 + wait
