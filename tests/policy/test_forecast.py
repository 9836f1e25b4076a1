"""What is told of those that wait, and of a request that does not exist yet."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from llamaswap.policy.eviction import GroupRule
from llamaswap.policy.matrix import compile_matrix
from llamaswap.policy.messages import (
    Event,
    ExplainAsked,
    Explanation,
    Gone,
    Outcome,
    Queue,
    QueueAsked,
    Ready,
    Refuse,
    Shutdown,
    Ticket,
    Waiting,
)
from llamaswap.policy.pace import Pace
from llamaswap.policy.reasons import ENDING, LOADING, READY, Reason, Why
from llamaswap.policy.rules import (
    Choice,
    Fairness,
    Fleet,
    ModelId,
    ModelRule,
    Selection,
    Strategy,
)
from llamaswap.policy.scheduler import Scheduler
from tests.policy.words import (
    NOBODY,
    ONE_AT_A_TIME,
    TIGHT,
    A,
    B,
    C,
    D,
    ask,
    asks,
    done,
    fleet,
    hangs,
    reconfigure,
    start,
    unload,
)

KNOWN = {
    A: Pace(load=4.0, stop=1.0, service=2.0),
    B: Pace(load=6.0, stop=1.0, service=3.0),
    C: Pace(load=8.0, stop=1.0, service=5.0),
}
PATIENT = fleet([A, B, C], fairness=Fairness(max_wait=100.0, linger=0.0))
Step = tuple[float, Sequence[Event]]
A_SERVES: list[Step] = [(0, [ask(1, A)]), (4, [Ready(A)])]


def told(rules: Fleet, steps: Sequence[Step]) -> Scheduler:
    scheduler = Scheduler(rules, {model: Pace(**vars_of(pace)) for model, pace in KNOWN.items()})
    for now, events in steps:
        scheduler.handle(events, now)
    return scheduler


def vars_of(pace: Pace) -> dict[str, float | None]:
    return {"load": pace.load, "stop": pace.stop, "service": pace.service}


def queue_of(scheduler: Scheduler, now: float) -> list[tuple[int, ModelId, Why, float | None]]:
    (queue,) = scheduler.handle([QueueAsked(Ticket(99))], now)
    assert isinstance(queue, Queue)
    assert [one.position for one in queue.waiting] == list(range(1, len(queue.waiting) + 1))
    return [(int(one.lease), one.model, one.reason.why, one.estimate) for one in queue.waiting]


def explained(scheduler: Scheduler, wanted: ModelId | Selection, now: float) -> Explanation:
    (told,) = scheduler.handle([ExplainAsked(Ticket(99), wanted)], now)
    assert isinstance(told, Explanation)
    return told


def test_an_entry_says_what_a_request_waits_for() -> None:
    scheduler = told(PATIENT, [*A_SERVES, (5, [ask(2, B)])])
    (queue,) = scheduler.handle([QueueAsked(Ticket(9))], 5.5)

    # A needs half a second more, one to stop, and B six to load.
    reason = Reason(Why.SERVING, (A,))
    assert queue == Queue(Ticket(9), (Waiting(ask(2, B).lease, B, 1, 0.5, reason, 7.5),))


def test_nobody_waits_where_nobody_waits() -> None:
    assert queue_of(told(PATIENT, A_SERVES), 5) == []


def test_a_load_is_told_with_what_is_left_of_it() -> None:
    assert queue_of(told(PATIENT, A_SERVES[:1]), 3) == [(1, A, Why.LOADING, 1.0)]
    assert queue_of(told(PATIENT, A_SERVES[:1]), 30) == [(1, A, Why.LOADING, 0.0)]


def test_making_room_comes_before_the_load() -> None:
    scheduler = told(PATIENT, [*A_SERVES, (5, [done(1), ask(2, B)])])

    assert queue_of(scheduler, 5.25) == [(2, B, Why.VACATING, 6.75)]


def test_who_wants_a_model_back_waits_for_its_end() -> None:
    scheduler = told(PATIENT, [*A_SERVES, (5, [unload(9, A), ask(2, A)])])

    assert queue_of(scheduler, 5.5) == [(2, A, Why.ENDING, 4.5)]


def test_those_behind_wait_for_those_before() -> None:
    scheduler = told(PATIENT, [*A_SERVES, (5, [ask(2, B)]), (5, [ask(3, C), ask(4, C)])])

    # C has more requests: 1 s of service, 1 s of stop, 8 s of load; B then waits for
    # 5 s of service and 1 s of stop, and loads in 6 s.
    assert queue_of(scheduler, 5) == [
        (3, C, Why.SERVING, 10.0),
        (4, C, Why.SERVING, 10.0),
        (2, B, Why.SERVING, 22.0),
    ]


def test_a_rival_that_loads_is_served_first() -> None:
    scheduler = told(PATIENT, [(0, [ask(1, A)]), (1, [ask(2, B)])])

    # Three seconds of load, two of service, one of stop, six of the own load.
    assert queue_of(scheduler, 1) == [(1, A, Why.LOADING, 3.0), (2, B, Why.SWAPPING, 12.0)]


def test_those_behind_a_load_wait_for_each_other() -> None:
    scheduler = told(PATIENT, [(0, [ask(1, A)]), (1, [ask(2, B)]), (1, [ask(3, C)])])

    # B as above; C waits for its three seconds of service and one of stop, and loads in 8.
    assert queue_of(scheduler, 1) == [
        (1, A, Why.LOADING, 3.0),
        (2, B, Why.SWAPPING, 12.0),
        (3, C, Why.SWAPPING, 24.0),
    ]


def test_who_is_wanted_back_while_it_makes_room_waits_for_whom_it_makes_room_for() -> None:
    scheduler = told(PATIENT, [*A_SERVES, (5, [done(1), ask(2, B)]), (5, [ask(3, A)])])

    # One second of stop, six of load, three of service, one of stop, four of load.
    assert queue_of(scheduler, 5) == [(2, B, Why.VACATING, 7.0), (3, A, Why.ENDING, 15.0)]


def test_an_answer_that_takes_longer_than_usual_may_take_as_long_again() -> None:
    scheduler = told(PATIENT, [*A_SERVES, (5, [ask(2, B)])])

    assert queue_of(scheduler, 14) == [(2, B, Why.SERVING, 17.0)]


def test_a_question_of_the_same_batch_is_answered_when_all_is_decided() -> None:
    scheduler = Scheduler(ONE_AT_A_TIME)
    *_, queue = scheduler.handle([QueueAsked(Ticket(9)), ask(1, A)], 0)

    assert isinstance(queue, Queue)
    assert [one.reason for one in queue.waiting] == [LOADING]


def test_who_is_refused_for_waiting_too_long_hears_when_to_ask_again() -> None:
    rules = fleet([A, B], fairness=Fairness(max_wait=0.0, queue_timeout=5.0))
    known = told(rules, [*A_SERVES, (5, [ask(2, B)])])
    unknown = Scheduler(rules)
    unknown.handle([ask(1, A)], 0)

    (refused,) = known.handle([], 10)
    assert isinstance(refused, Refuse)
    assert refused.retry_after == 13.0
    (refused,) = unknown.handle([], 5)
    assert isinstance(refused, Refuse)
    assert refused.retry_after == 10.0


def test_a_model_that_lingers_is_told_with_the_time_that_it_may() -> None:
    rules = fleet([A, B], fairness=Fairness(max_wait=100.0, linger=3.0))
    scheduler = told(rules, [*A_SERVES, (5, [done(1), ask(2, B)])])

    assert queue_of(scheduler, 6) == [(2, B, Why.LINGER, 9.0)]


def test_a_closed_gate_is_told() -> None:
    rules = fleet([A, B], fairness=Fairness(max_wait=4.0, linger=0.0))
    scheduler = told(rules, [*A_SERVES, (5, [ask(2, B)]), (9, [ask(3, A)])])

    assert queue_of(scheduler, 9) == [(2, B, Why.SERVING, 12.0), (3, A, Why.TURN, 20.0)]


def test_of_those_in_the_way_the_last_to_finish_counts() -> None:
    patience = Fairness(max_wait=4.0, linger=0.0)
    rules = fleet([A, B, C], GroupRule("ac", (A, C), swap=False), fairness=patience)
    begin: list[Step] = [(0, [ask(1, A), ask(9, C)]), (4, [Ready(A), Ready(C), done(9)])]
    scheduler = told(rules, [*begin, (9, [ask(2, B)]), (13, [ask(3, A)])])

    # C idles; A has served for nine seconds and may as long again. Then it is loaded anew.
    assert queue_of(scheduler, 13) == [(2, B, Why.SERVING, 16.0), (3, A, Why.TURN, 24.0)]


def test_what_has_never_been_loaded_cannot_be_estimated() -> None:
    scheduler = Scheduler(ONE_AT_A_TIME)
    scheduler.handle([ask(1, A), ask(2, B)], 0)

    assert queue_of(scheduler, 0) == [(1, A, Why.LOADING, None), (2, B, Why.SWAPPING, None)]


def test_a_port_that_is_not_free_yet_is_told() -> None:
    old, new = fleet([A], ports={A: 1}), fleet([B], GroupRule("b", (B,), exclusive=False))
    rules = Fleet({B: ModelRule("run b", port=1)}, new.evictions)
    scheduler = told(old, [*A_SERVES, (5, [reconfigure(9, rules), ask(2, B)])])

    assert queue_of(scheduler, 5) == [(2, B, Why.PORT, 9.0)]


def test_a_request_for_a_ready_model_is_served() -> None:
    answer = explained(told(PATIENT, A_SERVES), A, 5)

    assert (answer.outcome, answer.reason, answer.estimate) == (Outcome.SERVE, READY, 0.0)


def test_a_request_for_a_cold_model_starts_it_and_says_who_must_go() -> None:
    scheduler = told(PATIENT, [*A_SERVES, (5, [done(1)])])
    answer = explained(scheduler, B, 6)

    assert answer == Explanation(
        Ticket(99),
        B,
        Outcome.START,
        Reason(Why.WANTED, (), 1),
        7.0,
        (Choice("(default)", None, (B,), (A,), 1),),
    )


def test_a_request_for_a_rival_of_a_busy_model_waits() -> None:
    answer = explained(told(PATIENT, A_SERVES), B, 4)

    assert (answer.outcome, answer.reason) == (Outcome.WAIT, Reason(Why.SERVING, (A,)))
    assert answer.estimate == 9.0


def test_a_request_joins_those_that_wait_already() -> None:
    scheduler = told(PATIENT, [*A_SERVES, (5, asks(2, [B, B, C]))])
    answer = explained(scheduler, C, 6)

    assert (answer.outcome, answer.reason) == (Outcome.WAIT, Reason(Why.SERVING, (A,)))
    assert explained(told(PATIENT, A_SERVES[:1]), A, 1).reason == LOADING


def test_a_load_that_nobody_waits_for_any_more_is_waited_for_again() -> None:
    scheduler = told(PATIENT, [(0, [ask(1, A)]), (1, [done(1)])])
    answer = explained(scheduler, A, 1)

    assert (answer.outcome, answer.reason, answer.choices) == (Outcome.WAIT, LOADING, ())
    assert answer.estimate == 3.0


def test_the_rejected_sets_of_a_matrix_are_told() -> None:
    policy = compile_matrix({}, {"b": 5}, {"s": "a & b", "t": "a & c"}, [A, B, C])
    rules = Fleet({model: ModelRule(f"run {model}") for model in (A, B, C)}, policy)
    scheduler = told(rules, [(0, [ask(1, B)]), (1, [Ready(B)]), (1, [done(1)])])

    assert explained(scheduler, A, 2).choices == (
        Choice("s", "a & b", (A, B), (), 0),
        Choice("t", "a & c", (A, C), (B,), 5),
    )


def test_who_leaves_anyway_and_may_take_the_time_is_not_evicted() -> None:
    policy = compile_matrix({}, {}, {"s": "(a | b) & (c | d)"}, [A, B, C, D])
    rules = Fleet({model: ModelRule(f"run {model}") for model in (A, B, C, D)}, policy)
    scheduler = told(
        rules, [(0, [ask(1, C)]), (1, [Ready(C)]), (1, [done(1)]), (2, [unload(9, C)])]
    )
    answer = explained(scheduler, A, 2)

    assert (answer.outcome, answer.choices[0].evict) == (Outcome.START, ())
    assert scheduler.handle([ask(2, A)], 2) == [start(A)]


def test_who_would_be_refused_is_told_why() -> None:
    full = told(TIGHT, [(0, [ask(1, A), ask(2, A)])])
    stuck = told(ONE_AT_A_TIME, [*A_SERVES, (5, [unload(9, A)]), (6, [hangs(A)])])
    limit = "2 requests wait for this model or use it already"

    assert explained(full, A, 1).reason == limit
    assert explained(stuck, B, 7).reason == "driver hangs"
    assert explained(stuck, NOBODY, 7).reason == "nobody here serves this model"
    assert {explained(stuck, one, 7).outcome for one in (B, NOBODY)} == {Outcome.REFUSE}


def test_the_target_of_a_selector_is_told() -> None:
    scheduler = told(PATIENT, A_SERVES)

    assert explained(scheduler, Selection("s", Strategy.WARM, (B, A)), 5).model == A


def test_a_model_that_is_ending_is_waited_for() -> None:
    scheduler = told(PATIENT, [*A_SERVES, (5, [unload(9, A)])])

    assert explained(scheduler, A, 5).reason == ENDING
    scheduler.handle([Gone(A)], 6)
    assert explained(scheduler, A, 6).outcome is Outcome.START


def test_who_asks_while_the_program_leaves_is_refused_for_that() -> None:
    scheduler = told(PATIENT, [*A_SERVES, (5, [Shutdown()])])
    reason = "the program is leaving"

    for model in (A, B):
        assert explained(scheduler, model, 5) == Explanation(
            Ticket(99), model, Outcome.REFUSE, reason, None
        )
    assert explained(scheduler, NOBODY, 5).reason == "nobody here serves this model"


@pytest.mark.parametrize("now", [5, 500])
def test_asking_changes_nothing(now: float) -> None:
    steps: list[Step] = [*A_SERVES, (5, asks(2, [B, C, A]))]
    asked, other = told(PATIENT, steps), told(PATIENT, steps)
    queue_of(asked, now)
    for model in (A, B, C):
        explained(asked, model, now)

    assert asked.handle([done(1)], now + 1) == other.handle([done(1)], now + 1)
