"""The reference's rules of scheduling and of the matrix, as far as no other chapter tells them."""

from __future__ import annotations

import pytest

from llamaswap.policy import matrix_graph, reasons
from llamaswap.policy.eviction import GroupRule
from llamaswap.policy.matrix import Matrix
from llamaswap.policy.messages import (
    Cause,
    Event,
    ExplainAsked,
    Explanation,
    Gone,
    LeaseAsked,
    LeaseId,
    Queue,
    QueueAsked,
    Ready,
    Shutdown,
    Ticket,
)
from llamaswap.policy.reasons import Why
from llamaswap.policy.rules import Fairness, ModelId, Selection, Strategy
from llamaswap.policy.scheduler import Scheduler
from tests.policy.words import (
    A_SERVES,
    ONE_AT_A_TIME,
    TIGHT,
    TOGETHER,
    A,
    B,
    C,
    D,
    Step,
    Story,
    TimedStory,
    acts,
    all_steps,
    ask,
    asks,
    busy,
    done,
    evict,
    fleet,
    grant,
    idle,
    leaving,
    matrix,
    play,
    reconfigure,
    refuse,
    settled,
    start,
    stop,
    stories_of,
    unload,
    unload_all,
    unloaded,
)

E = ModelId("e")
GIVEN_UP = reasons.UNLOADED


def runs(*models: ModelId) -> list[Step]:
    """Load ``models``, which may run together, and let them idle; leases from 101 on."""
    leases = range(101, 101 + len(models))
    wishes = list(zip(leases, models, strict=True))
    return [
        ([ask(*wish) for wish in wishes], [start(model) for model in models]),
        ([Ready(model) for model in models], [grant(*wish) for wish in wishes]),
        ([done(lease) for lease in leases], []),
    ]


HIGH_B = fleet([A, B, C], priorities={B: 5, C: -1})
TWO_PAIRS = fleet(
    [A, B, C, D],
    GroupRule("ab", (A, B), exclusive=False),
    GroupRule("cd", (C, D), exclusive=False),
)

DECIDING: dict[str, Story] = {
    "everybody who waits counts against the limit, also for a model that makes room": (
        TIGHT,
        [
            *runs(A),
            ([ask(1, B)], [evict(A, B)]),
            ([ask(2, B), ask(3, B)], [busy(3, B, 2)]),
            ([done(2), ask(4, B)], []),
            ([Gone(A)], [start(B, 2)]),
            ([ask(5, B)], [busy(5, B, 2)]),
            ([Ready(B)], [grant(1, B), grant(4, B)]),
        ],
    ),
    "a high priority does not stop what serves, and the ready model goes on": (
        HIGH_B,
        [
            *A_SERVES,
            ([ask(2, B)], []),
            ([ask(3, A)], [grant(3, A)]),
            ([done(1), done(3)], [evict(A, B)]),
        ],
    ),
    "a high priority does not cut short a load that somebody waits for": (
        HIGH_B,
        [
            ([ask(1, A)], [start(A)]),
            ([ask(2, B)], []),
            ([Ready(A)], [grant(1, A)]),
            ([done(1)], [evict(A, B)]),
        ],
    ),
    "a negative priority comes last, however early it came": (
        HIGH_B,
        [
            ([ask(1, B)], [start(B)]),
            ([Ready(B)], [grant(1, B)]),
            ([ask(2, C)], []),
            ([ask(3, A)], []),
            ([done(1)], [evict(B, A)]),
        ],
    ),
    "several that waited begin at once when the one in their way is idle": (
        fleet([A, B, C], GroupRule("bc", (B, C), swap=False)),
        [
            *A_SERVES,
            ([ask(2, B), ask(3, C)], []),
            ([done(1)], [evict(A, B)]),
            ([Gone(A)], [start(B), start(C)]),
        ],
    ),
    "a later one begins although an earlier one is still held up": (
        TWO_PAIRS,
        [
            *runs(A, C),
            ([ask(1, A), ask(2, C)], [grant(1, A), grant(2, C)]),
            ([ask(3, B), ask(4, D)], []),
            ([done(2)], [evict(C, D)]),
            ([Gone(C)], [start(D)]),
            ([done(1)], [evict(A, B)]),
        ],
    ),
    "two groups that are not exclusive load and make room side by side": (
        TWO_PAIRS,
        [
            *runs(A, C),
            ([ask(1, B), ask(2, D)], [evict(A, B), evict(C, D)]),
            ([Gone(C)], [start(D)]),
            ([Gone(A)], [start(B)]),
        ],
    ),
    "members of a persistent group that swaps stop each other": (
        fleet([A, B, C], GroupRule("p", (A, B), persistent=True, exclusive=False)),
        [*runs(A, C), ([ask(1, B)], [evict(A, B)])],
    ),
    "a persistent model is unloaded like any other": (
        fleet([A], GroupRule("p", (A,), persistent=True)),
        [*runs(A), ([unload_all(9)], [stop(A, GIVEN_UP)]), ([Gone(A)], [settled(9)])],
    ),
}

EVENTS: dict[str, Story] = {
    "a late word of an end that has been told already changes nothing": (
        ONE_AT_A_TIME,
        [
            ([ask(1, A)], [start(A)]),
            ([unload(9, A), ask(2, A)], [unloaded(1, A), stop(A, GIVEN_UP)]),
            ([Ready(A), Gone(A)], [settled(9), start(A)]),
            ([Ready(A)], [grant(2, A)]),
        ],
    ),
    "who hangs up while others wait for the same load leaves it to them": (
        ONE_AT_A_TIME,
        [
            ([ask(1, A), ask(2, A)], [start(A, 2)]),
            ([done(1)], []),
            ([Ready(A)], [grant(2, A)]),
        ],
    ),
    "who hangs up at the moment of readiness pins nothing": (
        ONE_AT_A_TIME,
        [
            ([ask(1, A), ask(2, B)], [start(A)]),
            ([Ready(A), done(1)], [evict(A, B)]),
            ([Gone(A)], [start(B)]),
            ([done(2), Ready(B)], []),
            ([ask(3, A)], [evict(B, A)]),
        ],
    ),
    "who hangs up at the moment of the grant gives it back": (
        ONE_AT_A_TIME,
        [
            ([ask(1, A), ask(2, B)], [start(A)]),
            ([Ready(A)], [grant(1, A)]),
            ([done(1)], [evict(A, B)]),
        ],
    ),
    "an unload of what serves lets the rival in": (
        ONE_AT_A_TIME,
        [
            *A_SERVES,
            ([ask(2, B)], []),
            ([unload(9, A)], [stop(A, GIVEN_UP)]),
            ([Gone(A)], [settled(9), start(B)]),
            ([Ready(B)], [grant(2, B)]),
            ([done(1)], []),
            ([done(2), ask(3, A)], [evict(B, A)]),
        ],
    ),
    "an unload during the load ends the process and its rival waits for that": (
        ONE_AT_A_TIME,
        [
            ([ask(1, A), ask(2, B)], [start(A)]),
            ([unload(9, A)], [unloaded(1, A), stop(A, GIVEN_UP)]),
            ([], []),
            ([Gone(A)], [settled(9), start(B)]),
        ],
    ),
    "an unload of the target while it makes room lets a rival in, never both": (
        ONE_AT_A_TIME,
        [
            *runs(A),
            ([ask(1, B)], [evict(A, B)]),
            ([unload(9, B), ask(2, C)], [unloaded(1, B), settled(9)]),
            ([Gone(A)], [start(C)]),
            ([ask(3, B)], []),
        ],
    ),
    "an unload of a victim is settled by its end, and the swap goes on": (
        ONE_AT_A_TIME,
        [
            *runs(A),
            ([ask(1, B)], [evict(A, B)]),
            ([unload(9, A)], []),
            ([Gone(A)], [settled(9), start(B)]),
        ],
    ),
    "the end refuses those who join a load and those in the queue": (
        ONE_AT_A_TIME,
        [
            ([ask(1, A), ask(2, A), ask(3, B)], [start(A, 2)]),
            (
                [Shutdown()],
                [leaving(1, A), leaving(2, A), stop(A, reasons.LEAVING), leaving(3, B)],
            ),
            ([Gone(A)], []),
        ],
    ),
}

DEAR_B = matrix([A, B, C], {"s": "a & c", "t": "a & b", "u": "b & c"}, {"b": 10, "c": 1})
APART = matrix([A, B], {"s": "a", "t": "b"})
PAIRS = matrix([A, B, C], {"s": "a & b", "t": "a & c", "u": "b & c"})
SHARED = matrix([A, B, C, D], {"s": "a & b", "t": "a & d", "u": "c & d"})

# Two factors, which have nothing to do with each other.
FACTORS = matrix([A, B, C, D], {"s": "(a | b) & (c | d)"}, fairness=Fairness(linger=0.0))

MATRIX: dict[str, Story] = {
    "two swaps that have nothing to do with each other do not wait for each other": (
        FACTORS,
        [
            *runs(A, C),
            ([ask(1, B)], [evict(A, B)]),
            ([ask(2, D)], [evict(C, D)]),
            ([Gone(C)], [start(D)]),
            ([Ready(D)], [grant(2, D)]),
            ([Gone(A)], [start(B)]),
        ],
    ),
    "the cheaper one goes": (
        DEAR_B,
        [*runs(B, C), ([ask(1, A)], [evict(C, A)]), ([Gone(C)], [start(A)])],
    ),
    "of equal costs the set that was written first decides": (
        PAIRS,
        [*runs(B, C), ([ask(1, A)], [evict(C, A)])],
    ),
    "a set that is mentioned is tried before the one that mentions it": (
        matrix([A, B, C], {"alpha": "(a & c) | +zed", "zed": "a & b", "u": "b & c"}),
        [*runs(B, C), ([ask(1, A)], [evict(C, A)])],
    ),
    "models of different sets take turns": (
        APART,
        [*runs(A), ([ask(1, B)], [evict(A, B)]), ([Gone(A)], [start(B)])],
    ),
    "models of one set run together": (
        matrix([A, B], {"s": "a & b"}),
        [*runs(A), ([ask(1, B)], [start(B)]), ([Ready(B), ask(2, A)], [grant(1, B), grant(2, A)])],
    ),
    "a model in no set runs alone": (
        matrix([A, B, E], {"s": "a & b"}),
        [
            *runs(A, B),
            ([ask(1, E)], [evict(A, E), evict(B, E)]),
            ([Gone(A)], []),
            ([Gone(B)], [start(E)]),
            ([Ready(E), ask(2, A)], [grant(1, E)]),
            ([done(1)], [evict(E, A)]),
        ],
    ),
    "an alternative that holds more spares more": (
        matrix([A, D, E], {"s": "a & (d | (d & e))"}),
        [*runs(D, E), ([ask(1, A)], [start(A)])],
    ),
    "a set starts nobody who was not asked for": (
        matrix([A, B, C], {"s": "a & b & c"}),
        [*runs(A), ([ask(1, C)], [start(C)]), ([Ready(C)], [grant(1, C)])],
    ),
    "two rivals asked at once are never both alive": (
        APART,
        [
            ([ask(1, A), ask(2, B)], [start(A)]),
            ([Ready(A)], [grant(1, A)]),
            ([done(1)], [evict(A, B)]),
            ([], []),
            ([Gone(A)], [start(B)]),
        ],
    ),
    "a third that may run with each of two that load, but not with both, waits": (
        PAIRS,
        [
            ([ask(1, A)], [start(A)]),
            ([ask(2, B), ask(3, C)], [start(B)]),
            ([Ready(A)], [grant(1, A)]),
            ([Ready(B)], [grant(2, B)]),
            ([done(1)], []),
            ([done(2)], [evict(B, C)]),
            ([Gone(B)], [start(C)]),
        ],
    ),
    "the cheaper one is waited for although the dearer one is idle": (
        DEAR_B,
        [
            *runs(B, C),
            ([ask(1, C)], [grant(1, C)]),
            ([ask(2, A)], []),
            ([done(1)], [evict(C, A)]),
        ],
    ),
    "swaps that share a victim which stops go on side by side": (
        # C leaves for A, which may run with D. B may run with A only.
        SHARED,
        [
            *runs(C, D),
            ([ask(1, A)], [evict(C, A)]),
            ([ask(2, B)], [evict(D, B)]),
            ([Gone(D)], []),
            ([Gone(C)], [start(A), start(B)]),
        ],
    ),
    "a victim that may stay for another need not be gone for it": (
        matrix([A, B, C, D], {"s": "a & d", "t": "a & b & c", "u": "c & d"}, {"d": 10}),
        [
            *runs(C, D),
            ([ask(1, A)], [evict(C, A)]),
            ([ask(2, B)], [evict(D, B)]),
            ([Gone(D)], [start(B)]),
            ([Gone(C)], [start(A)]),
        ],
    ),
    "one that still makes room is not evicted, its rival waits": (
        APART,
        [
            *runs(A),
            ([ask(1, B)], [evict(A, B)]),
            ([ask(2, A)], []),
            ([Gone(A)], [start(B)]),
            ([Ready(B)], [grant(1, B)]),
            ([done(1)], [evict(B, A)]),
        ],
    ),
    "a load that nobody waits for any more is evicted like any other": (
        APART,
        [([ask(1, A)], [start(A)]), ([done(1), ask(2, B)], [evict(A, B)])],
    ),
    "what runs against the rules of a new configuration serves, and leaves for the next": (
        matrix([A, B, C], {"s": "a & b", "t": "c"}),
        [
            *runs(A, B),
            ([reconfigure(9, matrix([A, B, C], {"s": "a & c", "t": "b"}))], [settled(9)]),
            ([ask(1, A), ask(2, B)], [grant(1, A), grant(2, B)]),
            ([ask(3, C)], []),
            ([done(2)], [evict(B, C)]),
            ([Gone(B)], [start(C)]),
        ],
    ),
}

SOME = Selection("s", Strategy.WARM, (A, B))
SELECTORS: dict[str, Story] = {
    "a removed model that still serves is passed over": (
        TOGETHER,
        [
            *A_SERVES,
            ([reconfigure(9, fleet([B, C])), LeaseAsked(LeaseId(2), SOME)], []),
            ([done(1)], [stop(A, reasons.REMOVED)]),
            ([Gone(A)], [settled(9), start(B)]),
        ],
    ),
    "nobody is left to choose from": (
        fleet([C]),
        [
            (
                [LeaseAsked(LeaseId(1), SOME)],
                [refuse(1, A, Cause.UNKNOWN, "nobody here serves this model")],
            )
        ],
    ),
}

STORIES = stories_of(
    {"deciding": DECIDING, "events": EVENTS, "matrix": MATRIX, "selectors": SELECTORS}
)


@pytest.mark.parametrize("story", STORIES.values(), ids=STORIES)
def test_stories(story: Story | TimedStory) -> None:
    play(story)


def queue_of(scheduler: Scheduler) -> Queue:
    (queue,) = scheduler.handle([QueueAsked(Ticket(0))], 0.0)
    assert isinstance(queue, Queue)
    return queue


def test_the_positions_close_up_when_somebody_hangs_up() -> None:
    scheduler = Scheduler(ONE_AT_A_TIME)
    scheduler.handle([ask(1, A)], 0.0)
    scheduler.handle([Ready(A), *asks(2, [B, C, B])], 0.0)

    assert [(one.lease, one.position) for one in queue_of(scheduler).waiting] == [
        (2, 1),
        (4, 2),
        (3, 3),
    ]
    scheduler.handle([done(2)], 0.0)
    assert [(one.lease, one.position) for one in queue_of(scheduler).waiting] == [(3, 1), (4, 2)]


def test_who_shares_a_victim_is_told_that_it_makes_room_and_not_to_wait_its_turn() -> None:
    scheduler = Scheduler(SHARED)
    for events, _ in runs(C, D):
        scheduler.handle(events, 0.0)
    scheduler.handle([ask(1, A)], 0.0)
    scheduler.handle([ask(2, B)], 0.0)

    assert [one.reason.why for one in queue_of(scheduler).waiting] == [Why.VACATING] * 2


def test_a_request_that_comes_while_an_idle_model_stops_starts_it_anew() -> None:
    scheduler = Scheduler(fleet([A], idle_after=1.0))
    scheduler.handle([ask(1, A)], 0.0)
    scheduler.handle([Ready(A)], 0.0)
    scheduler.handle([done(1)], 0.0)
    assert scheduler.handle([], 1.0) == [stop(A, idle(1))]

    assert scheduler.handle([ask(2, A), ask(3, A)], 1.2) == []
    assert acts(scheduler.handle([Gone(A)], 1.5)) == [start(A, 2)]
    assert acts(scheduler.handle([Ready(A)], 2.0)) == [grant(2, A), grant(3, A)]


def test_a_model_of_a_persistent_group_is_stopped_when_it_has_been_idle_long_enough() -> None:
    scheduler = Scheduler(fleet([A], GroupRule("p", (A,), persistent=True), idle_after=1.0))
    scheduler.handle([ask(1, A)], 0.0)
    scheduler.handle([Ready(A), done(1)], 0.0)

    assert scheduler.handle([], 1.0) == [stop(A, idle(1))]


@pytest.mark.parametrize("moment", range(3))
def test_a_hundred_clients_that_vanish_at_readiness_pin_nothing(moment: int) -> None:
    """Before the word of readiness, behind it, and in the batch after the grant."""
    scheduler = Scheduler(ONE_AT_A_TIME)
    scheduler.handle([ask(1, A)], 0.0)
    last = A
    for lease in range(1, 101):
        model, other = (A, B) if last is A else (B, A)
        news: list[Event] = [Ready(model), done(lease)]
        batches = ([news[::-1]], [news], [[one] for one in news])[moment]
        for batch in batches:
            scheduler.handle(batch, 0.0)
        assert scheduler.handle([ask(lease + 1, other)], 0.0) == [evict(model, other)]
        assert acts(scheduler.handle([Gone(model)], 0.0)) == [start(other)]
        last = other


def test_a_million_combinations_of_a_hundred_models_are_never_written_out() -> None:
    models = [ModelId(f"m{number:02}") for number in range(100)]
    # Five of ten alternatives and one of ten: a million sets of six; forty are in no set.
    factors = [models[start : start + 10] for start in range(0, 60, 10)]
    text = " & ".join(f"({' | '.join(factor)})" for factor in factors)
    scheduler = Scheduler(matrix(models, {"s": text}, fairness=Fairness(linger=0.0)))
    row = [factor[0] for factor in factors]
    for events, expected in runs(*row):
        assert acts(all_steps(scheduler, events, 0.0)) == expected

    wishes = [ask(number, factor[1]) for number, factor in enumerate(factors, 1)]
    assert acts(all_steps(scheduler, wishes, 0.0)) == [
        evict(factor[0], factor[1]) for factor in factors
    ]
    gone = [Gone(model) for model in row]
    assert acts(all_steps(scheduler, gone, 0.0)) == [start(factor[1]) for factor in factors]
    ready = [Ready(factor[1]) for factor in factors]
    scheduler.handle(ready, 0.0)
    scheduler.handle([done(number) for number in range(1, 7)], 0.0)

    # Who is in no set runs alone.
    lonely = scheduler.handle([ask(7, models[99])], 0.0)
    assert acts(lonely) == [evict(factor[1], models[99]) for factor in factors]


def test_who_swaps_in_many_factors_at_once_multiplies_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In each of fourteen factors one model leaves and one starts: 2^14 sets hold of them alike."""
    looked_at: list[int] = []

    def keep(frontier: dict[int, int], mask: int, members: int) -> None:
        looked_at.append(mask)
        keep_(frontier, mask, members)

    keep_ = matrix_graph._keep
    monkeypatch.setattr(matrix_graph, "_keep", keep)
    factors = [[ModelId(f"m{factor:02}{place}") for place in "abcde"] for factor in range(20)]
    text = " & ".join(f"({' | '.join(factor)})" for factor in factors)
    models = [E, *(model for factor in factors for model in factor)]
    scheduler = Scheduler(matrix(models, {"s": text}, fairness=Fairness(linger=0.0)))
    for events, expected in runs(*(factor[0] for factor in factors)):
        assert acts(all_steps(scheduler, events, 0.0)) == expected
    wishes = [ask(number, factor[1]) for number, factor in enumerate(factors[:14], 1)]
    assert acts(all_steps(scheduler, wishes, 0.0)) == [
        evict(factor[0], factor[1]) for factor in factors[:14]
    ]

    looked_at.clear()
    told: list[Event] = [
        ExplainAsked(Ticket(number), model)
        # A third one of a factor that swaps, one of a factor that does not, and one of no set.
        for number, model in enumerate((factors[0][2], factors[19][1], E))
    ]
    third, other, lonely = all_steps(scheduler, [*told, *asks(90, [factors[1][2]])], 0.0)
    leave = [factor[0] for factor in factors[:14]]
    assert isinstance(third, Explanation)
    assert third.choices[0].evict == (leave[0], factors[0][1], *leave[1:])
    # Those that leave other factors may take their time for it.
    assert isinstance(other, Explanation)
    assert other.choices[0].evict == (factors[19][0],)
    assert isinstance(lonely, Explanation)
    assert len(lonely.choices[0].evict) == 34

    assert len(looked_at) < 100
    assert most_remembered(scheduler) <= 2


def most_remembered(scheduler: Scheduler) -> int:
    """Return how many sets the longest frontier has that the graph of a matrix remembers."""
    policy = scheduler.fleet.evictions
    assert isinstance(policy, Matrix)
    return max(len(frontier) for _, frontier in policy.graph._plain.values())
