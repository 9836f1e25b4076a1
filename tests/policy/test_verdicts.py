"""What becomes of those that wait: stories of who keeps a place though idle, and each verdict."""

from __future__ import annotations

import pytest

from llamaswap.policy.books import Books
from llamaswap.policy.eviction import GroupRule
from llamaswap.policy.messages import Cause, Gone, Ready
from llamaswap.policy.reasons import ENDING, LOADING, NEXT, Reason, Why
from llamaswap.policy.rules import Fairness, Fleet, ModelId
from llamaswap.policy.scheduler import Scheduler
from llamaswap.policy.verdicts import Begin, Deny, Look, Resume, Serve, Verdict, Wait
from tests.policy.words import (
    A_SERVES_AT_1,
    AT_ONCE,
    ONE_AT_A_TIME,
    ONE_SIDED,
    PLAIN,
    A,
    B,
    C,
    N,
    Story,
    TimedStep,
    TimedStory,
    X,
    ask,
    asks,
    done,
    evict,
    fleet,
    grant,
    hangs,
    play,
    reconfigure,
    start,
    stories_of,
    unload,
)

READY_FIRST: dict[str, TimedStory] = {
    "a model that is there serves before it is stopped for who came with its request": (
        PLAIN,
        [*A_SERVES_AT_1, (2, [done(1)], []), (3, [ask(2, B), ask(3, A)], [grant(3, A)])],
    ),
    "nor is it stopped for who comes behind them": (
        PLAIN,
        [
            (0, [ask(1, A)], [start(A)]),
            (0, [Ready(A)], [grant(1, A)]),
            (2, [done(1)], []),
            (3, asks(2, [B, A, C]), [grant(3, A)]),
        ],
    ),
    "but not if the other has the higher priority": (
        fleet([A, B], fairness=AT_ONCE, priorities={B: 1}),
        [*A_SERVES_AT_1, (2, [done(1)], []), (3, [ask(2, B), ask(3, A)], [evict(A, B)])],
    ),
}

KEPT: dict[str, TimedStory] = {
    "a model lingers when it is idle": (
        fleet([A, B], fairness=Fairness(max_wait=20.0, linger=2.0)),
        [
            *A_SERVES_AT_1,
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
        [*A_SERVES_AT_1, (1, [ask(2, B)], []), (2, [done(1)], []), (5, [], [evict(A, B)])],
    ),
    "not against a higher priority": (
        fleet([A, B], fairness=Fairness(linger=30.0), priorities={B: 1}),
        [*A_SERVES_AT_1, (2, [done(1)], []), (2.5, [ask(2, B)], [evict(A, B)])],
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
            *A_SERVES_AT_1,
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

STORIES = stories_of({"asked at once": READY_FIRST, "kept": KEPT})


@pytest.mark.parametrize("story", STORIES.values(), ids=STORIES)
def test_stories(story: Story | TimedStory) -> None:
    play(story)


# Each verdict, of one more request for a model or of those that wait for it.

A_LOADS: list[TimedStep] = [(0, [ask(1, A)], [])]
A_SERVES: list[TimedStep] = [*A_LOADS, (1, [Ready(A)], [])]
A_IDLES: list[TimedStep] = [*A_SERVES, (2, [done(1)], [])]
B_COMES: list[TimedStep] = [*A_IDLES, (2, [ask(2, B)], [])]
A_HANGS: list[TimedStep] = [*A_IDLES, (2, [unload(9, A)], []), (3, [hangs(A)], [])]
KEEPING = fleet([A, B], fairness=Fairness(max_wait=20.0, linger=4.0, min_residency=3.0))
HIGH_B = fleet([A, B], fairness=KEEPING.fairness, priorities={B: 1})
# The new B has the port of the old A, and may run beside it.
OLD_PORT = fleet([A], ports={A: 1})
NEW_PORT = fleet([B], GroupRule("b", (B,), exclusive=False), ports={B: 1})
# B stops A and C, which leave each other alone.
A_WITH_C = fleet([A, B, C], GroupRule("ac", (A, C), swap=False), fairness=AT_ONCE)


def waits(why: Why, *models: ModelId, gone: frozenset[ModelId] | None = None) -> Wait:
    return Wait(Reason(why, models), frozenset(models) if gone is None else gone)


def keeps(why: Why, model: ModelId, now: float, until: float) -> Wait:
    return Wait(Reason(why, (model,), seconds=until - now), frozenset({model}), until)


VERDICTS: dict[str, tuple[Fleet, list[TimedStep], float, ModelId, Verdict]] = {
    "a ready model serves": (PLAIN, A_SERVES, 2, A, Serve()),
    "nobody is in the way": (PLAIN, [], 2, A, Begin(frozenset())),
    "an idle model leaves": (PLAIN, A_IDLES, 2, B, Begin(frozenset({A}))),
    "a load that nobody waits for": (PLAIN, [*A_LOADS, (1, [done(1)], [])], 2, A, Resume()),
    "its own load": (PLAIN, A_LOADS, 2, A, Wait(LOADING)),
    "its rivals make room": (PLAIN, B_COMES, 2, B, Wait(Reason(Why.VACATING, (A,)))),
    "its process ends": (PLAIN, B_COMES, 2, A, Wait(ENDING)),
    "its process is given up": (
        PLAIN,
        [*A_SERVES, (2, [reconfigure(9, fleet([A, B, C], version=" v2"))], [])],
        2,
        A,
        Wait(ENDING),
    ),
    "its rival serves": (PLAIN, A_SERVES, 2, B, waits(Why.SERVING, A)),
    "all rivals that serve are named, and no others": (
        A_WITH_C,
        [(0, asks(1, [A, C]), []), (1, [Ready(A), Ready(C)], [])],
        2,
        B,
        waits(Why.SERVING, A, C),
    ),
    "a rival that serves is named before one that loads": (
        A_WITH_C,
        [(0, asks(1, [A, C]), []), (1, [Ready(C)], [])],
        2,
        B,
        waits(Why.SERVING, C, gone=frozenset({A, C})),
    ),
    "its rival loads": (PLAIN, A_LOADS, 2, B, waits(Why.SWAPPING, A)),
    "of several rivals that load the first": (
        A_WITH_C,
        [(0, [ask(1, C)], []), (0, [ask(2, A)], [])],
        2,
        B,
        waits(Why.SWAPPING, C, gone=frozenset({A, C})),
    ),
    "who makes room while others load": (
        PLAIN,
        B_COMES,
        2,
        C,
        waits(Why.SWAPPING, B, gone=frozenset({A, B})),
    ),
    "its place has been promised to another": (
        ONE_SIDED,
        [
            (0, [ask(1, N)], []),
            (1, [Ready(N)], []),
            (2, [done(1)], []),
            (2, [ask(2, X)], []),
            (3, [Gone(N)], []),
        ],
        3,
        N,
        waits(Why.SWAPPING, X, gone=frozenset()),
    ),
    "its port is not free yet": (
        OLD_PORT,
        [*A_SERVES, (2, [reconfigure(9, NEW_PORT)], [])],
        2,
        B,
        waits(Why.PORT, A, gone=frozenset()),
    ),
    "an idle model lingers": (KEEPING, A_IDLES, 3, B, keeps(Why.RESIDENCY, A, 3, 4)),
    "an idle model lingers on": (KEEPING, A_IDLES, 5, B, keeps(Why.LINGER, A, 5, 6)),
    "not for longer": (KEEPING, A_IDLES, 6, B, Begin(frozenset({A}))),
    "not against a higher priority": (HIGH_B, A_IDLES, 3, B, Begin(frozenset({A}))),
    "a gate is closed": (
        PLAIN,
        [*A_SERVES, (2, [ask(2, B)], [])],
        6,
        A,
        waits(Why.TURN, B, gone=frozenset()),
    ),
    "a start would be in the way": (
        A_WITH_C,
        [*A_SERVES, (2, [ask(2, B)], [])],
        6,
        C,
        waits(Why.TURN, B, gone=frozenset()),
    ),
    "its process cannot be ended": (PLAIN, A_HANGS, 3, A, Deny(Cause.STUCK, "driver hangs")),
    "a rival cannot be ended": (PLAIN, A_HANGS, 3, B, Deny(Cause.STUCK, "driver hangs")),
}


@pytest.mark.parametrize(
    ("rules", "steps", "now", "model", "verdict"), VERDICTS.values(), ids=VERDICTS
)
def test_verdicts(
    rules: Fleet, steps: list[TimedStep], now: float, model: ModelId, verdict: Verdict
) -> None:
    books = told(rules, steps)
    look = Look(books, now)

    assert look.judge(books.places[model], now, len(look.order)) == verdict


def told(rules: Fleet, steps: list[TimedStep]) -> Books:
    """Return the books of a scheduler that has lived through ``steps``."""
    scheduler = Scheduler(rules)
    for now, events, _ in steps:
        scheduler.handle(events, now)
    return scheduler._books


def test_a_promised_place_that_is_free_is_the_next_thing_to_do() -> None:
    books = Books(ONE_AT_A_TIME)
    books.promise(books.places[A], frozenset())

    assert Look(books, 0.0).judge(books.places[A], 0.0, 0) == Wait(NEXT)
