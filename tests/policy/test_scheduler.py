"""Stories of the scheduler, one table per chapter."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from llamaswap.policy import reasons
from llamaswap.policy.eviction import GroupRule
from llamaswap.policy.messages import (
    Cause,
    Gone,
    ModelState,
    ModelView,
    Ready,
    Shutdown,
    Ticket,
    View,
    ViewAsked,
)
from llamaswap.policy.rules import Fairness, Fleet, ModelId, ModelRule
from llamaswap.policy.scheduler import Scheduler
from tests.policy.words import (
    A_SERVES,
    A_SERVES_AT_1,
    NOBODY,
    ONE_AT_A_TIME,
    ONE_SIDED,
    TIGHT,
    TOGETHER,
    A,
    B,
    C,
    D,
    N,
    Step,
    Story,
    TimedStory,
    X,
    acts,
    adopt,
    ask,
    asks,
    busy,
    done,
    drain_ended,
    evict,
    fleet,
    grant,
    hangs,
    idle,
    leaving,
    play,
    reconfigure,
    refuse,
    settled,
    start,
    stop,
    stories_of,
    stuck,
    unknown,
    unload,
    unload_all,
    unloaded,
)

A_IDLES: list[Step] = [*A_SERVES, ([done(1)], [])]
B_WAITS_FOR_A: list[Step] = [*A_SERVES, ([ask(2, B)], [])]
B_MAKES_ROOM: list[Step] = [*A_IDLES, ([ask(2, B)], [evict(A, B)])]
GOES, GOING, GIVEN_UP = reasons.LEAVING, reasons.REPLACED, reasons.UNLOADED

ASKING: dict[str, Story] = {
    "a stopped model is started for who wants it": (ONE_AT_A_TIME, A_SERVES),
    "one load serves everyone who waits for it": (
        ONE_AT_A_TIME,
        [
            ([ask(1, A), ask(2, A)], [start(A, 2)]),
            ([ask(3, A)], []),
            ([Ready(A)], [grant(1, A), grant(2, A), grant(3, A)]),
        ],
    ),
    "a ready model serves at once": (
        ONE_AT_A_TIME,
        [*A_SERVES, ([ask(2, A), ask(3, A)], [grant(2, A), grant(3, A)])],
    ),
    "nobody is called so": (ONE_AT_A_TIME, [([ask(1, NOBODY)], [unknown(1, NOBODY)])]),
    "who waits counts against the limit": (
        TIGHT,
        [([ask(1, A), ask(2, A), ask(3, A)], [busy(3, A, 2), start(A, 2)])],
    ),
    "who is served counts against the limit": (
        TIGHT,
        [
            *A_SERVES,
            ([ask(2, A), ask(3, A)], [busy(3, A, 2), grant(2, A)]),
            ([done(2), ask(4, A)], [grant(4, A)]),
        ],
    ),
    "a return is taken for what it is, whatever became of the lease": (
        TIGHT,
        [
            ([done(7)], []),
            ([*asks(1, [A, A, A])], [busy(3, A, 2), start(A, 2)]),
            ([done(3), done(2), done(2)], []),
            ([Ready(A)], [grant(1, A)]),
            ([done(1), done(1)], []),
            ([ask(4, A), ask(5, A)], [grant(4, A), grant(5, A)]),
        ],
    ),
    "who hung up in the batch it came in leaves no trace": (
        ONE_AT_A_TIME,
        [([ask(1, A), done(1)], [])],
    ),
    "news of unknown and stopped models mean nothing": (
        ONE_AT_A_TIME,
        [
            ([Ready(NOBODY), Gone(NOBODY), hangs(NOBODY)], []),
            ([Ready(A), Gone(A), hangs(A)], []),
            ([ask(1, A)], [start(A)]),
        ],
    ),
}

SWAPPING: dict[str, Story] = {
    "stop strictly precedes start": (
        ONE_AT_A_TIME,
        [
            *B_MAKES_ROOM,
            ([], []),
            ([Gone(A)], [start(B)]),
            ([Ready(B)], [grant(2, B)]),
        ],
    ),
    "a busy model is not evicted": (
        ONE_AT_A_TIME,
        [
            *B_WAITS_FOR_A,
            ([done(1)], [evict(A, B)]),
            ([Gone(A)], [start(B)]),
            ([Ready(B)], [grant(2, B)]),
        ],
    ),
    "nobody loads a model for a client that hung up": (
        ONE_AT_A_TIME,
        [*B_WAITS_FOR_A, ([done(2)], []), ([done(1)], [])],
    ),
    "requests that came while a swap makes room join it": (
        ONE_AT_A_TIME,
        [
            *B_MAKES_ROOM,
            ([ask(3, B)], []),
            ([Gone(A)], [start(B, 2)]),
            ([Ready(B)], [grant(2, B), grant(3, B)]),
        ],
    ),
    "A B C A B C costs three loads": (
        ONE_AT_A_TIME,
        [
            ([ask(1, A)], [start(A)]),
            (asks(2, [B, C, A, B, C]), []),
            ([Ready(A)], [grant(1, A), grant(4, A)]),
            ([done(1)], []),
            ([done(4)], [evict(A, B, 2)]),
            ([Gone(A)], [start(B, 2)]),
            ([Ready(B)], [grant(2, B), grant(5, B)]),
            ([done(2), done(5)], [evict(B, C, 2)]),
            ([Gone(B)], [start(C, 2)]),
            ([Ready(C)], [grant(3, C), grant(6, C)]),
        ],
    ),
    "A B C A B C in one batch costs three loads too": (
        ONE_AT_A_TIME,
        [
            (asks(1, [A, B, C, A, B, C]), [start(A, 2)]),
            ([Ready(A)], [grant(1, A), grant(4, A)]),
            ([done(1), done(4)], [evict(A, B, 2)]),
            ([Gone(A)], [start(B, 2)]),
            ([Ready(B)], [grant(2, B), grant(5, B)]),
        ],
    ),
    "whoever has waited longest goes first": (
        ONE_AT_A_TIME,
        [
            *A_SERVES,
            ([ask(2, C), ask(3, B), ask(4, C)], []),
            ([done(2)], []),
            ([done(1)], [evict(A, B)]),
        ],
    ),
    "a model on its way out is wanted back": (
        ONE_AT_A_TIME,
        [
            *B_MAKES_ROOM,
            ([ask(3, A)], []),
            ([Gone(A)], [start(B)]),
            ([Ready(B)], [grant(2, B)]),
            ([done(2)], [evict(B, A)]),
            ([Gone(B)], [start(A)]),
        ],
    ),
    "a model that was ready when it was told to stop serves nobody": (
        ONE_AT_A_TIME,
        [
            ([ask(1, A)], [start(A)]),
            ([unload(9, A)], [unloaded(1, A), stop(A, GIVEN_UP)]),
            ([Ready(A), ask(2, A)], []),
            ([Gone(A)], [settled(9), start(A)]),
        ],
    ),
    "a blocked request holds up none that collides with nobody": (
        fleet([A, B, C], GroupRule("c", (C,), exclusive=False)),
        [*B_WAITS_FOR_A, ([ask(3, C)], [start(C)])],
    ),
    "two loads begin in one batch where both have room": (
        TOGETHER,
        [([ask(1, B), ask(2, A)], [start(B), start(A)])],
    ),
    "the second of one group waits although nothing runs yet": (
        ONE_AT_A_TIME,
        [([ask(1, B), ask(2, A)], [start(B)])],
    ),
    "swaps that would evict the same model do so one after the other": (
        # C leaves for both; neither of the two stops the other.
        fleet([A, B, C], GroupRule("ab", (A, B), swap=False), GroupRule("c", (C,))),
        [
            ([ask(1, C)], [start(C)]),
            ([Ready(C)], [grant(1, C)]),
            ([done(1), ask(2, A), ask(3, B)], [evict(C, A)]),
            ([Gone(C)], [start(A), start(B)]),
        ],
    ),
}

FAILING: dict[str, Story] = {
    "a failed start is told to who waits": (
        ONE_AT_A_TIME,
        [
            ([ask(1, A), ask(2, A)], [start(A, 2)]),
            (
                [Gone(A, "no such file")],
                [
                    refuse(1, A, Cause.START_FAILED, "no such file"),
                    refuse(2, A, Cause.START_FAILED, "no such file"),
                ],
            ),
            ([ask(3, A)], [start(A)]),
        ],
    ),
    "a failed start without a reason has one": (
        ONE_AT_A_TIME,
        [
            ([ask(1, A)], [start(A)]),
            ([Gone(A)], [refuse(1, A, Cause.START_FAILED, "it ended before it was ready")]),
        ],
    ),
    "a failed start makes way for the next": (
        ONE_AT_A_TIME,
        [
            ([ask(1, A), ask(2, B)], [start(A)]),
            ([Gone(A, "x")], [refuse(1, A, Cause.START_FAILED, "x"), start(B)]),
        ],
    ),
    "a crash ends the leases; the next request starts afresh": (
        ONE_AT_A_TIME,
        [
            *A_SERVES,
            ([Gone(A, "exited with status 1")], []),
            ([ask(2, A)], [start(A)]),
            ([Ready(A), done(1)], [grant(2, A)]),
            ([ask(3, B)], []),
            ([done(1)], []),
            ([done(2)], [evict(A, B)]),
        ],
    ),
    "a crash with guests does not keep the next process from leaving": (
        ONE_AT_A_TIME,
        [
            *A_SERVES,
            ([Gone(A, "crash"), ask(2, A)], [start(A)]),
            ([done(2)], []),
            ([Ready(A), ask(3, B)], [evict(A, B)]),
        ],
    ),
    "a crash lets the rival in": (
        ONE_AT_A_TIME,
        [*B_WAITS_FOR_A, ([Gone(A, "crash")], [start(B)])],
    ),
    "a crash while it waits for its rivals to leave starts it afresh": (
        ONE_SIDED,
        [
            ([ask(1, X), ask(2, N)], [start(X), start(N)]),
            ([Ready(X), Ready(N)], [grant(1, X), grant(2, N)]),
            ([done(1), done(2)], []),
            ([ask(3, X)], [evict(N, X)]),
            ([Gone(X, "crash")], []),
            ([Gone(N)], [start(X)]),
        ],
    ),
    "ready and gone in one batch: who waits is not forgotten": (
        ONE_AT_A_TIME,
        [
            ([ask(1, A)], [start(A)]),
            ([Ready(A), Gone(A, "crash")], [start(A)]),
        ],
    ),
}

GROUPS: dict[str, Story] = {
    "an exclusive model stops others, a model that is not exclusive does not": (
        ONE_SIDED,
        [
            ([ask(1, X)], [start(X)]),
            ([Ready(X)], [grant(1, X)]),
            ([ask(2, N)], [start(N)]),
            ([Ready(N)], [grant(2, N)]),
            ([done(1), ask(3, X)], []),
            # N leaves; X was there all the time and is not started again.
            ([done(2)], [evict(N, X)]),
            ([Gone(N)], [grant(3, X)]),
        ],
    ),
    "a persistent model stays": (
        fleet([A, B, C], GroupRule("p", (C,), exclusive=False, persistent=True)),
        [
            ([ask(1, C), ask(2, A)], [start(C), start(A)]),
            ([Ready(C), Ready(A)], [grant(1, C), grant(2, A)]),
            ([done(1), done(2), ask(3, B)], [evict(A, B)]),
        ],
    ),
    "several leave for one, and it starts when the last is gone": (
        fleet([A, B, C], GroupRule("ab", (A, B), swap=False)),
        [
            ([ask(1, A), ask(2, B)], [start(A), start(B)]),
            ([Ready(A), Ready(B)], [grant(1, A), grant(2, B)]),
            ([done(1), done(2), ask(3, C)], [evict(A, C), evict(B, C)]),
            ([Gone(B)], []),
            ([Gone(A)], [start(C)]),
        ],
    ),
    "who was evicted waits until the load that evicted it is served": (
        ONE_SIDED,
        [
            ([ask(1, N)], [start(N)]),
            ([Ready(N)], [grant(1, N)]),
            ([done(1), ask(2, X)], [evict(N, X)]),
            ([ask(3, N)], []),
            ([Gone(N)], [start(X)]),
            ([Ready(X)], [grant(2, X), start(N)]),
        ],
    ),
    "a load serves who waited for it, whatever has started beside it": (
        ONE_SIDED,
        [
            ([ask(1, X)], [start(X)]),
            ([ask(2, N)], [start(N)]),
            ([Ready(N)], [grant(2, N)]),
            ([Ready(X)], [grant(1, X)]),
        ],
    ),
}

INTEREST: dict[str, Story] = {
    "a load that nobody waits for any more goes on": (
        ONE_AT_A_TIME,
        [
            ([ask(1, A)], [start(A)]),
            ([done(1)], []),
            ([Ready(A)], []),
            ([ask(2, A)], [grant(2, A)]),
        ],
    ),
    "who comes while it loads is served by it": (
        ONE_AT_A_TIME,
        [
            ([ask(1, A)], [start(A)]),
            ([done(1)], []),
            ([ask(2, A)], []),
            ([Ready(A)], [grant(2, A)]),
        ],
    ),
    "it is stopped when another is wanted": (
        ONE_AT_A_TIME,
        [
            ([ask(1, A)], [start(A)]),
            ([ask(2, B)], []),
            ([done(1)], [evict(A, B)]),
            ([Gone(A, "stopped")], [start(B)]),
        ],
    ),
    "nobody is loaded into the room that was made for who hung up": (
        ONE_AT_A_TIME,
        [*B_MAKES_ROOM, ([done(2)], []), ([Gone(A)], []), ([ask(3, B)], [start(B)])],
    ),
    "making room for nobody is dropped for whom somebody wants": (
        ONE_AT_A_TIME,
        [*B_MAKES_ROOM, ([done(2), ask(3, C)], []), ([Gone(A)], [start(C)])],
    ),
    "making room for nobody is dropped for whom it was made from": (
        ONE_SIDED,
        [
            ([ask(1, N), ask(9, D)], [start(N), start(D)]),
            ([Ready(N), Ready(D)], [grant(1, N), grant(9, D)]),
            ([done(1), done(9), ask(2, X)], [evict(N, X), evict(D, X)]),
            ([done(2), ask(3, N)], []),
            ([Gone(N)], [start(N)]),
            ([Gone(D)], []),
        ],
    ),
    "a ready model that makes room for nobody is evicted": (
        ONE_SIDED,
        [
            ([ask(1, X), ask(2, N)], [start(X), start(N)]),
            ([Ready(X), Ready(N)], [grant(1, X), grant(2, N)]),
            ([done(1), done(2), ask(3, X)], [evict(N, X)]),
            ([done(3), ask(4, C)], [evict(X, C)]),
            ([Gone(N)], []),
            ([Gone(X)], [start(C)]),
        ],
    ),
    "a load for nobody does not hold up whom it evicted": (
        ONE_SIDED,
        [
            ([ask(1, N)], [start(N)]),
            ([Ready(N)], [grant(1, N)]),
            ([done(1), ask(2, X)], [evict(N, X)]),
            ([Gone(N)], [start(X)]),
            ([ask(3, N)], []),
            ([done(2)], [start(N)]),
        ],
    ),
}

UNLOADING: dict[str, Story] = {
    "an unload is settled when the model is gone": (
        ONE_AT_A_TIME,
        [*A_IDLES, ([unload(9, A)], [stop(A, GIVEN_UP)]), ([Gone(A)], [settled(9)])],
    ),
    "unloading what does not run is settled at once": (
        ONE_AT_A_TIME,
        [([unload(8, A)], [settled(8)]), ([unload_all(9)], [settled(9)])],
    ),
    "who is served is not waited for": (
        ONE_AT_A_TIME,
        [
            *A_SERVES,
            ([unload(9, A)], [stop(A, GIVEN_UP)]),
            ([Gone(A)], [settled(9)]),
            ([ask(2, B)], [start(B)]),
            ([done(1)], []),
        ],
    ),
    "all means all, and is settled at the last": (
        TOGETHER,
        [
            ([ask(1, B), ask(2, A)], [start(B), start(A)]),
            ([Ready(A)], [grant(2, A)]),
            (
                [unload_all(9)],
                [stop(A, GIVEN_UP), unloaded(1, B), stop(B, GIVEN_UP)],
            ),
            ([Gone(A)], []),
            ([Gone(B)], [settled(9)]),
        ],
    ),
    "who waits in the queue is refused, who asks later is served": (
        ONE_AT_A_TIME,
        [
            *B_WAITS_FOR_A,
            ([unload(9, B), ask(3, B)], [unloaded(2, B), settled(9)]),
            ([done(1)], [evict(A, B)]),
        ],
    ),
    "a swap is not carried on behind an unload": (
        ONE_AT_A_TIME,
        [
            *B_MAKES_ROOM,
            ([unload(9, B)], [unloaded(2, B), settled(9)]),
            ([ask(3, C)], []),
            ([Gone(A)], [start(C)]),
        ],
    ),
    "a new request waits for the end and starts afresh": (
        ONE_AT_A_TIME,
        [
            *A_IDLES,
            ([unload(9, A), ask(2, A)], [stop(A, GIVEN_UP)]),
            ([unload(10, A)], [unloaded(2, A)]),
            ([ask(3, A)], []),
            ([Gone(A)], [settled(9), settled(10), start(A)]),
        ],
    ),
    "an unload holds up no other model": (
        TOGETHER,
        [
            *A_SERVES,
            ([unload(9, A), ask(2, B)], [stop(A, GIVEN_UP), start(B)]),
            ([Ready(B)], [grant(2, B)]),
        ],
    ),
    "nobody by that name is a problem, the others are unloaded": (
        ONE_AT_A_TIME,
        [
            ([unload(8, NOBODY, ModelId("me"))], [settled(8, "nobody here serves me, nobody")]),
            *A_SERVES,
            ([unload(9, NOBODY, A)], [stop(A, GIVEN_UP)]),
            ([Gone(A)], [settled(9, "nobody here serves nobody")]),
        ],
    ),
}

STUCK: dict[str, Story] = {
    "what cannot be ended keeps its place": (
        ONE_AT_A_TIME,
        [
            *B_MAKES_ROOM,
            ([ask(3, A), ask(4, C)], []),
            ([hangs(A)], [stuck(3, A), stuck(2, B), stuck(4, C)]),
            ([ask(5, A), ask(6, B)], [stuck(5, A), stuck(6, B)]),
            ([unload(9, A)], [settled(9, "driver hangs")]),
            ([Gone(A), ask(7, B)], [start(B)]),
        ],
    ),
    "an unload of it is settled with the reason": (
        TOGETHER,
        [
            ([ask(1, A), ask(2, B)], [start(A), start(B)]),
            ([Ready(A), Ready(B)], [grant(1, A), grant(2, B)]),
            (
                [unload(9, A), unload_all(10)],
                [stop(A, GIVEN_UP), stop(B, GIVEN_UP)],
            ),
            ([hangs(A)], [settled(9, "driver hangs")]),
            ([Gone(B)], [settled(10, "driver hangs")]),
            ([ask(3, B)], [start(B)]),
        ],
    ),
    "swaps that make room elsewhere go on": (
        fleet(
            [A, B, C, D],
            GroupRule("ab", (A, B), exclusive=False),
            GroupRule("cd", (C, D), exclusive=False),
        ),
        [
            ([ask(1, A), ask(2, C)], [start(A), start(C)]),
            ([Ready(A), Ready(C)], [grant(1, A), grant(2, C)]),
            ([done(1), done(2), ask(3, B), ask(4, D)], [evict(A, B), evict(C, D)]),
            ([hangs(A)], [stuck(3, B)]),
            ([Gone(C)], [start(D)]),
        ],
    ),
    "a swap that waits for it is not carried on": (
        ONE_AT_A_TIME,
        [
            *B_MAKES_ROOM,
            ([hangs(A)], [stuck(2, B)]),
            ([ask(3, B)], [stuck(3, B)]),
            ([Gone(A)], []),
        ],
    ),
    "a start that cannot be ended": (
        ONE_AT_A_TIME,
        [([ask(1, A)], [start(A)]), ([hangs(A)], [stuck(1, A)]), ([Gone(A)], [])],
    ),
}

LEAVING: dict[str, Story] = {
    "everyone who waits is refused, every model is stopped": (
        fleet([A, B, C], GroupRule("ab", (A, B), swap=False)),
        [
            ([ask(1, A), ask(2, B)], [start(A), start(B)]),
            ([Ready(A)], [grant(1, A)]),
            ([ask(3, C)], []),
            (
                [Shutdown()],
                [
                    stop(A, GOES),
                    leaving(2, B),
                    stop(B, GOES),
                    leaving(3, C),
                ],
            ),
            ([ask(4, A), ask(5, NOBODY)], [leaving(4, A), unknown(5, NOBODY)]),
            ([Shutdown()], []),
            ([Gone(A), Gone(B)], []),
        ],
    ),
    "a swap is not carried on": (
        ONE_AT_A_TIME,
        [*B_MAKES_ROOM, ([Shutdown()], [leaving(2, B)]), ([Gone(A)], [])],
    ),
}

FREE = (GroupRule("free", (A, B), swap=False),)
OTHER_A = fleet([A, B, C], version=" v2")
CARE = fleet([A, B, C], care=", kindly")
RELOADING: dict[str, Story] = {
    "nothing changes for a model with the same specification": (
        ONE_AT_A_TIME,
        [
            *B_WAITS_FOR_A,
            ([reconfigure(9, fleet([A, B, C], limit=2))], [settled(9)]),
            ([ask(3, A), ask(4, A)], [busy(4, A, 2), grant(3, A)]),
            ([done(1), done(3)], [evict(A, B)]),
        ],
    ),
    "a process that stays is told how it is looked after from now on": (
        ONE_AT_A_TIME,
        [
            *A_SERVES,
            ([reconfigure(9, CARE)], [adopt(A, ", kindly"), settled(9)]),
            ([reconfigure(10, CARE)], [settled(10)]),
            ([done(1), reconfigure(11, ONE_AT_A_TIME)], [adopt(A, ""), settled(11)]),
        ],
    ),
    "a load under way is told too, and goes on": (
        ONE_AT_A_TIME,
        [
            ([ask(1, A)], [start(A)]),
            ([reconfigure(9, CARE)], [adopt(A, ", kindly"), settled(9)]),
            ([Ready(A)], [grant(1, A)]),
        ],
    ),
    "whoever is promised a place starts as is said now": (
        ONE_AT_A_TIME,
        [
            *A_SERVES,
            ([ask(2, B), done(1)], [evict(A, B)]),
            ([reconfigure(9, CARE)], [adopt(A, ", kindly"), settled(9)]),
            ([Gone(A)], [start(B, version=", kindly")]),
        ],
    ),
    "what an earlier reload gave up and a later one wants back is looked after as that says": (
        ONE_AT_A_TIME,
        [
            *A_SERVES,
            ([reconfigure(9, OTHER_A)], []),
            ([reconfigure(10, CARE)], [adopt(A, ", kindly"), settled(9), settled(10)]),
        ],
    ),
    "a stopped model just uses the new specification": (
        ONE_AT_A_TIME,
        [
            ([reconfigure(9, OTHER_A), ask(1, A)], [settled(9), start(A, version=" v2")]),
        ],
    ),
    "a replaced model finishes what it serves and takes nothing new": (
        ONE_AT_A_TIME,
        [
            *A_SERVES,
            ([reconfigure(9, OTHER_A), ask(2, A)], []),
            ([done(1)], [stop(A, GOING)]),
            ([Gone(A)], [settled(9), start(A, version=" v2")]),
            ([Ready(A)], [grant(2, A)]),
        ],
    ),
    "a replaced model that idles is stopped at once": (
        ONE_AT_A_TIME,
        [*A_IDLES, ([reconfigure(9, OTHER_A)], [stop(A, GOING)]), ([Gone(A)], [settled(9)])],
    ),
    "who waits for the load of a replaced model waits for the new one": (
        ONE_AT_A_TIME,
        [
            ([ask(1, A)], [start(A)]),
            ([reconfigure(9, OTHER_A)], [stop(A, GOING)]),
            ([Gone(A)], [settled(9), start(A, version=" v2")]),
        ],
    ),
    "a removed model is unknown at once and ends what it serves": (
        ONE_AT_A_TIME,
        [
            *A_SERVES,
            (
                [ask(2, A), reconfigure(9, fleet([B, C])), ask(3, A)],
                [refuse(2, A, Cause.UNKNOWN, "the model was removed"), unknown(3, A)],
            ),
            ([ask(4, B)], []),
            ([done(1)], [stop(A, reasons.REMOVED)]),
            ([Gone(A)], [settled(9), start(B)]),
            ([Gone(A), unload(10, A)], [settled(10, "nobody here serves a")]),
        ],
    ),
    "a removed model that does not run is forgotten": (
        ONE_AT_A_TIME,
        [([reconfigure(9, fleet([B, C])), ask(1, A)], [settled(9), unknown(1, A)])],
    ),
    "an added model is there": (
        fleet([A]),
        [
            (
                [ask(1, B), reconfigure(9, fleet([A, B])), ask(2, B)],
                [unknown(1, B), settled(9), start(B)],
            )
        ],
    ),
    "nothing starts until every replaced and removed process is gone": (
        TOGETHER,
        [
            ([ask(1, A), ask(2, B)], [start(A), start(B)]),
            ([Ready(A), Ready(B)], [grant(1, A), grant(2, B)]),
            ([done(2), reconfigure(9, fleet([C, D])), ask(3, C)], [stop(B, reasons.REMOVED)]),
            ([done(1)], [stop(A, reasons.REMOVED)]),
            ([Gone(B)], []),
            ([Gone(A)], [settled(9), start(C)]),
        ],
    ),
    "what still makes room is judged by the new rules": (
        ONE_AT_A_TIME,
        [*B_MAKES_ROOM, ([reconfigure(9, TOGETHER)], [settled(9), start(B)])],
    ),
    "what still makes room waits for the reload as well": (
        ONE_AT_A_TIME,
        [
            *B_MAKES_ROOM,
            ([reconfigure(9, OTHER_A)], []),
            ([Gone(A)], [settled(9), start(B, version=" v2")]),
        ],
    ),
    "a load that is kept goes on": (
        ONE_AT_A_TIME,
        [
            ([ask(1, A)], [start(A)]),
            ([reconfigure(9, TOGETHER)], [settled(9)]),
            ([Ready(A)], [grant(1, A)]),
        ],
    ),
    "a ready model may still make room while others go": (
        ONE_SIDED,
        [
            ([ask(1, X), ask(2, N), ask(3, D)], [start(X), start(N), start(D)]),
            ([Ready(X), Ready(N), Ready(D)], [grant(1, X), grant(2, N), grant(3, D)]),
            (
                [done(1), done(2), reconfigure(9, fleet([X, N]))],
                [],
            ),
            ([done(3), ask(4, X)], [stop(D, reasons.REMOVED), evict(N, X)]),
            ([Gone(D), Gone(N)], [settled(9), grant(4, X)]),
        ],
    ),
    "a second reload before the first has settled": (
        ONE_AT_A_TIME,
        [
            *A_SERVES,
            ([reconfigure(8, OTHER_A), ask(2, A)], []),
            ([reconfigure(9, fleet([A], version=" v3"))], []),
            ([done(1)], [stop(A, GOING)]),
            ([Gone(A)], [settled(8), settled(9), start(A, version=" v3")]),
        ],
    ),
    "a second reload wants back what the first gave up": (
        ONE_AT_A_TIME,
        [
            *A_SERVES,
            ([reconfigure(8, fleet([B]))], []),
            ([reconfigure(9, ONE_AT_A_TIME)], [settled(8), settled(9)]),
            ([ask(2, A)], [grant(2, A)]),
        ],
    ),
    "a load that two reloads in one batch give up and want back goes on": (
        ONE_AT_A_TIME,
        [
            ([ask(1, A)], [start(A)]),
            ([reconfigure(8, OTHER_A), reconfigure(9, ONE_AT_A_TIME)], [settled(8), settled(9)]),
            ([Ready(A)], [grant(1, A)]),
        ],
    ),
    "what is on its way out is not called back": (
        ONE_AT_A_TIME,
        [
            *A_IDLES,
            ([reconfigure(8, OTHER_A)], [stop(A, GOING)]),
            ([reconfigure(9, ONE_AT_A_TIME), ask(2, A)], [settled(9)]),
            ([Gone(A)], [settled(8), start(A)]),
        ],
    ),
    "an unload ends what a reload still lets serve": (
        ONE_AT_A_TIME,
        [
            *A_SERVES,
            ([reconfigure(8, fleet([B]))], []),
            ([unload(9, A)], [stop(A, GIVEN_UP)]),
            ([Gone(A)], [settled(8), settled(9)]),
        ],
    ),
    "after the drain time a replaced model is stopped, and who waits gets the new one": (
        ONE_AT_A_TIME,
        [
            *A_SERVES,
            ([reconfigure(8, OTHER_A), ask(2, A)], []),
            ([drain_ended(9)], [stop(A, GOING)]),
            ([Gone(A)], [settled(8), settled(9), start(A, version=" v2")]),
        ],
    ),
    "the end of a drain is no matter to who was kept": (
        TOGETHER,
        [
            ([ask(1, A), ask(2, B)], [start(A), start(B)]),
            ([Ready(A), Ready(B)], [grant(1, A), grant(2, B)]),
            ([reconfigure(8, fleet([B, C], *FREE))], []),
            ([drain_ended(9)], [stop(A, reasons.REMOVED)]),
            ([Gone(A)], [settled(8), settled(9)]),
            ([drain_ended(10)], [settled(10)]),
        ],
    ),
    "a process that cannot be ended ends the drain as well": (
        ONE_AT_A_TIME,
        [
            *A_SERVES,
            ([reconfigure(8, fleet([B]))], []),
            ([drain_ended(9)], [stop(A, reasons.REMOVED)]),
            ([hangs(A)], [settled(8, "driver hangs"), settled(9, "driver hangs")]),
        ],
    ),
    "a crash settles a reload": (
        ONE_AT_A_TIME,
        [*A_SERVES, ([reconfigure(9, OTHER_A)], []), ([Gone(A, "crash")], [settled(9)])],
    ),
    "a process that cannot be ended does not hold up who does not want its place": (
        fleet([A, B], *FREE),
        [
            *A_IDLES,
            (
                [reconfigure(8, fleet([A, B], *FREE, version=" v2")), ask(2, B)],
                [stop(A, GOING), start(B, version=" v2")],
            ),
            ([hangs(A)], [settled(8, "driver hangs")]),
        ],
    ),
    "who wants the place of a removed process that cannot be ended is refused": (
        TOGETHER,
        [
            *A_IDLES,
            ([reconfigure(8, fleet([B, C])), ask(2, B)], [stop(A, reasons.REMOVED)]),
            ([hangs(A)], [stuck(2, B), settled(8, "driver hangs")]),
            ([reconfigure(9, TOGETHER)], [settled(9)]),
            ([ask(3, A), ask(4, B)], [stuck(3, A), start(B)]),
            ([reconfigure(10, fleet([B]))], [settled(10, "driver hangs")]),
            ([Gone(A), unload(11, A)], [settled(11, "nobody here serves a")]),
        ],
    ),
}

LATE = "it has waited for 5 s, as long as queueTimeout allows: "
BUSY, LOADS = f"{LATE}a must make room and still serves", f"{LATE}the model is loading"
NOW = f"{LATE}the model's turn has come only now"
TIMEOUTS: dict[str, TimedStory] = {
    "who has waited too long is refused, the others stay": (
        fleet([A, B], fairness=Fairness(max_wait=0.0, queue_timeout=5.0)),
        [
            *A_SERVES_AT_1,
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
            *A_SERVES_AT_1,
            (2, [done(1), ask(2, B)], [evict(A, B)]),
            (7, [Gone(A)], [refuse(2, B, Cause.TIMED_OUT, NOW)]),
            (8, [ask(3, B)], [start(B)]),
        ],
    ),
    "nobody is stopped for a request that is refused": (
        fleet([A, B], fairness=Fairness(linger=0.0, queue_timeout=5.0)),
        [
            *A_SERVES_AT_1,
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
            *A_SERVES_AT_1,
            (2, [ask(2, B)], []),
            (5, [ask(3, C)], []),
            (6, [], []),
            (7, [], [refuse(2, B, Cause.TIMED_OUT, BUSY), start(C)]),
        ],
    ),
}

STORIES = stories_of(
    {
        "asking": ASKING,
        "swapping": SWAPPING,
        "failing": FAILING,
        "groups": GROUPS,
        "interest": INTEREST,
        "unloading": UNLOADING,
        "stuck": STUCK,
        "leaving": LEAVING,
        "reloading": RELOADING,
        "timeouts": TIMEOUTS,
    }
)


@pytest.mark.parametrize("story", STORIES.values(), ids=STORIES)
def test_stories(story: Story | TimedStory) -> None:
    play(story)


def told(fleet: Fleet, steps: Sequence[Step]) -> Scheduler:
    """Return a scheduler that has lived through ``steps`` at the moment 0."""
    scheduler = Scheduler(fleet)
    for events, _ in steps:
        scheduler.handle(events, 0.0)
    return scheduler


# Idleness: the only thing that time does.

PATIENT = fleet([A, B, C], idle_after=60)


def test_idle_model_is_stopped_when_its_time_is_over() -> None:
    scheduler = told(PATIENT, A_SERVES)
    assert scheduler.next_wakeup is None

    scheduler.handle([done(1)], 5.0)
    assert scheduler.next_wakeup == 65.0
    assert scheduler.handle([], 64.9) == []
    assert scheduler.handle([], 65.0) == [stop(A, idle(60))]
    assert scheduler.next_wakeup is None


def test_time_runs_from_readiness_where_nobody_came() -> None:
    scheduler = told(PATIENT, [([ask(1, A)], []), ([done(1)], [])])
    assert acts(scheduler.handle([Ready(A)], 30.0)) == []

    assert scheduler.next_wakeup == 90.0


def test_request_of_the_same_batch_keeps_the_model() -> None:
    scheduler = told(PATIENT, A_IDLES)

    assert scheduler.handle([ask(2, A)], 60.0) == [grant(2, A)]
    assert scheduler.next_wakeup is None


def test_idle_models_leave_in_order_and_the_next_wakeup_is_the_earliest() -> None:
    together = Fleet(PATIENT.models, TOGETHER.evictions)
    scheduler = told(together, [([ask(1, B), ask(2, A)], []), ([Ready(B), Ready(A)], [])])
    scheduler.handle([done(1)], 1.0)
    scheduler.handle([done(2)], 2.0)

    assert scheduler.next_wakeup == 61.0
    assert scheduler.handle([], 70.0) == [stop(A, idle(60)), stop(B, idle(60))]


def test_new_idle_time_counts_at_once() -> None:
    scheduler = told(ONE_AT_A_TIME, A_IDLES)
    assert scheduler.next_wakeup is None

    commands = scheduler.handle([reconfigure(9, fleet([A], idle_after=0.5))], 100.0)
    assert commands == [settled(9), stop(A, idle(0.5))]


def test_model_that_makes_room_for_nobody_may_idle() -> None:
    rules = dict(ONE_SIDED.models) | {X: ModelRule("run a", idle_after=60)}
    steps: list[Step] = [
        ([ask(1, X), ask(2, N)], []),
        ([Ready(X), Ready(N)], []),
        ([done(1), done(2), ask(3, X)], []),
        ([done(3)], []),
    ]
    scheduler = told(Fleet(rules, ONE_SIDED.evictions), steps)

    assert scheduler.handle([], 60.0) == [stop(X, idle(60))]
    assert acts(scheduler.handle([Gone(N), Gone(X)], 61.0)) == []


# Views and the end.


def test_view_shows_every_model_sorted() -> None:
    scheduler = told(fleet([C, A, B]), B_WAITS_FOR_A)
    view = View(
        Ticket(9),
        (
            ModelView(A, ModelState.READY, serving=1, waiting=0),
            ModelView(B, ModelState.STOPPED, serving=0, waiting=1),
            ModelView(C, ModelState.STOPPED, serving=0, waiting=0),
        ),
    )

    assert scheduler.handle([ViewAsked(Ticket(9))], 0.0) == [view]


def test_view_shows_a_removed_model_until_it_is_gone() -> None:
    scheduler = told(fleet([A]), [*A_IDLES, ([reconfigure(8, fleet([B]))], [])])
    stopping = ModelView(A, ModelState.STOPPING, serving=0, waiting=0)
    stopped = ModelView(B, ModelState.STOPPED, serving=0, waiting=0)

    assert scheduler.handle([ViewAsked(Ticket(9))], 0.0) == [View(Ticket(9), (stopping, stopped))]
    assert acts(scheduler.handle([Gone(A), ViewAsked(Ticket(9))], 0.0)) == [
        settled(8),
        View(Ticket(9), (stopped,)),
    ]


def test_finished_when_the_last_model_has_stopped() -> None:
    scheduler = told(TOGETHER, [([ask(1, A), ask(2, B)], []), ([Ready(A)], [])])
    scheduler.handle([Shutdown()], 0.0)
    assert not scheduler.finished
    scheduler.handle([Gone(A)], 0.0)
    assert not scheduler.finished
    scheduler.handle([Gone(B)], 0.0)
    assert scheduler.finished


def test_finished_only_after_shutdown() -> None:
    scheduler = Scheduler(ONE_AT_A_TIME)
    assert not scheduler.finished
    scheduler.handle([Shutdown()], 0.0)
    assert scheduler.finished


def test_finished_does_not_wait_for_what_cannot_be_ended() -> None:
    scheduler = told(ONE_AT_A_TIME, [*A_SERVES, ([Shutdown()], [])])
    scheduler.handle([hangs(A)], 0.0)

    assert scheduler.finished
