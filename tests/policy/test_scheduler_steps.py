"""A step of the scheduler is bounded: what is too much for one is done in the next ones."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llamaswap.policy.books import QUESTIONS_PER_BEGIN
from llamaswap.policy.eviction import GroupRule
from llamaswap.policy.messages import (
    Command,
    Event,
    ExplainAsked,
    Explanation,
    Gone,
    Grant,
    LeaseAsked,
    LeaseId,
    LeaseReturned,
    Outcome,
    Queue,
    QueueAsked,
    Ready,
    Start,
    Stop,
    Ticket,
    View,
    ViewAsked,
)
from llamaswap.policy.reasons import LOADING
from llamaswap.policy.rules import Fairness, Fleet, ModelId
from llamaswap.policy.scheduler import Scheduler
from llamaswap.policy.verdicts import Look, Wait
from tests.policy.words import (
    ONE_AT_A_TIME,
    A,
    B,
    C,
    D,
    acts,
    all_steps,
    ask,
    asks,
    done,
    evict,
    fleet,
    grant,
    matrix,
    start,
)

E = ModelId("e")
LITTLE = 1
"""Of effort: enough to begin one swap in a step."""

AT_ONCE = Fairness(max_wait=0.0, linger=0.0)
FREE = fleet([A, B, C, D], GroupRule("free", (A, B, C, D), swap=False), fairness=AT_ONCE)
PAIRS = (
    GroupRule("ab", (A, B), exclusive=False),
    GroupRule("cd", (C, D), exclusive=False),
)
QUESTIONS: list[Event] = [QueueAsked(Ticket(8)), ExplainAsked(Ticket(9), A)]


def steps_of(scheduler: Scheduler, events: Sequence[Event], now: float) -> list[list[Command]]:
    """Hand ``events`` over, and return what each step does until all is done."""
    steps = [scheduler.handle(events, now)]
    while scheduler.next_wakeup == now:
        steps.append(scheduler.handle([], now))
    return steps


def test_what_is_too_much_for_a_step_is_done_in_the_next_ones() -> None:
    scheduler = Scheduler(FREE, most_effort=LITTLE)
    batch = asks(1, [B, A, D, C])

    assert scheduler.handle(batch, 5.0) == [start(B)]
    assert scheduler.next_wakeup == 5.0
    assert scheduler.handle([], 5.0) == [start(A)]
    assert scheduler.next_wakeup == 5.0
    assert scheduler.handle([], 5.0) == [start(D)]
    assert scheduler.handle([], 5.0) == [start(C)]
    # One more look, for what has been done may have freed somebody's way.
    assert scheduler.next_wakeup == 5.0
    assert scheduler.handle([], 5.0) == []
    assert scheduler.next_wakeup is None
    assert Scheduler(FREE).handle(batch, 5.0) == [start(one) for one in (B, A, D, C)]


def test_a_step_begins_as_many_swaps_as_its_effort_allows() -> None:
    models = [ModelId(f"m{number:02}") for number in range(20)]
    rules = fleet(models, GroupRule("free", tuple(models), swap=False))
    scheduler = Scheduler(rules, most_effort=5 * QUESTIONS_PER_BEGIN)
    steps = steps_of(scheduler, asks(1, models), 0.0)

    assert [len(commands) for commands in steps] == [5, 5, 5, 5, 0]
    assert list(chain(*steps)) == [start(model) for model in models]


def test_swaps_that_make_room_are_as_many_as_starts() -> None:
    scheduler = Scheduler(fleet([A, B, C, D], *PAIRS, fairness=AT_ONCE), most_effort=LITTLE)
    all_steps(scheduler, asks(1, [A, C]), 0.0)
    all_steps(scheduler, [Ready(A), Ready(C), done(1), done(2)], 1.0)

    steps = steps_of(scheduler, asks(3, [B, D]), 2.0)
    assert [acts(step) for step in steps] == [[evict(A, B)], [evict(C, D)], []]
    steps = steps_of(scheduler, [Gone(A), Gone(C)], 3.0)
    # What has begun goes on, whatever is left to decide.
    assert acts(chain(*steps)) == [start(B), start(D)]
    assert acts(steps[0]) == [start(B), start(D)]


def test_whoever_waited_for_a_load_is_served_in_the_first_step() -> None:
    scheduler = Scheduler(FREE, most_effort=LITTLE)
    all_steps(scheduler, asks(1, [A, B]), 0.0)

    first, *others = steps_of(scheduler, [Ready(A), Ready(B), *asks(3, [C, D])], 1.0)
    assert acts(first) == [grant(1, A), grant(2, B), start(C)]
    assert acts(chain(*others)) == [start(D)]


def test_questions_are_answered_when_all_has_been_decided() -> None:
    scheduler = Scheduler(FREE, most_effort=LITTLE)
    steps = steps_of(scheduler, [*QUESTIONS, *asks(1, [A, B, C])], 0.0)

    assert steps[:3] == [[start(A)], [start(B)], [start(C)]]
    (queue, explanation) = steps[3]
    assert isinstance(queue, Queue)
    assert [(one.model, one.reason) for one in queue.waiting] == [
        (A, LOADING),
        (B, LOADING),
        (C, LOADING),
    ]
    assert explanation == Explanation(Ticket(9), A, Outcome.WAIT, LOADING, None)
    assert len(steps) == 4


def test_a_question_between_two_steps_waits_for_the_last() -> None:
    scheduler = Scheduler(FREE, most_effort=LITTLE)
    scheduler.handle(asks(1, [A, B, C]), 0.0)

    # How things are by now is told at once.
    (view, started) = scheduler.handle([ViewAsked(Ticket(7)), *QUESTIONS], 0.0)
    assert isinstance(view, View)
    assert started == start(B)
    assert scheduler.handle([], 0.0) == [start(C)]
    assert [type(one) for one in scheduler.handle([], 0.0)] == [Queue, Explanation]
    assert scheduler.handle([], 0.0) == []


def test_whoever_hangs_up_between_two_steps_gets_nothing() -> None:
    scheduler = Scheduler(FREE, most_effort=LITTLE)

    assert scheduler.handle(asks(1, [A, B, C]), 0.0) == [start(A)]
    assert all_steps(scheduler, [done(2)], 0.0) == [start(C)]


def test_whoever_comes_between_two_steps_goes_first_if_it_should() -> None:
    rules = fleet(FREE.models, GroupRule("free", (A, B, C, D), swap=False), priorities={D: 1})
    scheduler = Scheduler(rules, most_effort=LITTLE)
    scheduler.handle(asks(1, [A, B]), 0.0)

    assert all_steps(scheduler, [ask(3, D)], 0.0) == [start(D), start(B)]


def test_whoever_must_wait_takes_no_step() -> None:
    scheduler = Scheduler(ONE_AT_A_TIME, most_effort=LITTLE)
    all_steps(scheduler, [ask(1, A)], 0.0)
    all_steps(scheduler, [Ready(A)], 1.0)

    # Two questions, one a step; what has been asked is known in the next one.
    assert steps_of(scheduler, asks(2, [B, C]), 2.0) == [[], []]
    assert steps_of(scheduler, [], 2.5) == [[]]


def test_the_claims_of_those_that_have_waited_too_long_are_found_step_by_step() -> None:
    # Everybody stops everybody. B and C have waited for longer than twice `maxWait`.
    patience = Fairness(max_wait=1.0, linger=0.0)
    scheduler = Scheduler(
        fleet([A, B, C, D], fairness=patience, priorities={D: 1}), most_effort=LITTLE
    )
    all_steps(scheduler, [ask(1, A)], 0.0)
    all_steps(scheduler, [Ready(A)], 0.0)
    all_steps(scheduler, [ask(2, B)], 1.0)
    all_steps(scheduler, [ask(3, C)], 2.0)

    assert acts(all_steps(scheduler, [ask(4, D), ask(5, A)], 9.0)) == []
    assert acts(all_steps(scheduler, [done(1)], 9.0)) == [evict(A, B)]


# Whatever is asked, bit by bit it comes to the same end.

# As many as come at most: nobody is refused.
FLEETS = {
    "exclusive": fleet([A, B, C, D, E], limit=24, fairness=AT_ONCE),
    "groups": fleet([A, B, C, D, E], *PAIRS, GroupRule("e", (E,), exclusive=False), limit=24),
    "matrix": matrix(
        [A, B, C, D, E],
        {"s": "(a | b) & (c | d)", "t": "a & e"},
        {"b": 3},
        limit=24,
        fairness=Fairness(max_wait=2.0, linger=1.0, min_residency=2.0),
    ),
}
A_BATCH = st.lists(st.sampled_from([A, B, C, D, E]), max_size=6)


@pytest.mark.parametrize("rules", FLEETS.values(), ids=FLEETS)
@given(models=A_BATCH, effort=st.integers(1, 3 * QUESTIONS_PER_BEGIN))
def test_all_steps_together_do_what_one_does(
    rules: Fleet, models: list[ModelId], effort: int
) -> None:
    batch = [*QUESTIONS, *asks(1, models)]

    steps = steps_of(Scheduler(rules, most_effort=effort), batch, 0.0)
    assert list(chain(*steps)) == Scheduler(rules).handle(batch, 0.0)


class Machine:
    """Processes that do as they are told, each word a moment later, and clients that leave soon."""

    def __init__(self, rules: Fleet, effort: int) -> None:
        self.rules = rules
        self.scheduler = Scheduler(rules, most_effort=effort)
        self.now = 0.0
        self.live: set[ModelId] = set()
        self.news: list[Event] = []
        self.serving: dict[LeaseId, ModelId] = {}
        self.granted: list[LeaseId] = []

    def takes(self, events: Sequence[Event]) -> None:
        """Hand ``events`` over, and go on until all is done; each step begins one swap."""
        for event in events:
            if isinstance(event, Gone):
                self.live.discard(event.model)
            elif isinstance(event, LeaseReturned):
                del self.serving[event.lease]
        swaps = self.scheduler._books.swaps
        is_over = False
        while not is_over:
            before = set(swaps)
            for command in self.scheduler.handle(events, self.now):
                self.carry_out(command)
            assert len(swaps.keys() - before) <= 1, "more than it has the effort for"
            events, is_over = (), self.scheduler.next_wakeup != self.now

    def carry_out(self, command: Command) -> None:
        match command:
            case Start(model):
                assert model not in self.live
                assert not self.rules.evictions.at(self.live)(model), "may not run together"
                self.live.add(model)
                self.news.append(Ready(model))
            case Stop(model):
                assert model not in self.serving.values(), "it still serves"
                self.news.append(Gone(model))
            case Grant(lease, model):
                assert model in self.live
                self.serving[lease] = model
                self.granted.append(lease)
                self.news.append(LeaseReturned(lease))
            case _:
                pass

    def goes_on(self) -> None:
        """Let happen what is under way, and then what time does, until nothing is left to do."""
        for _ in range(100):
            wakeup = self.scheduler.next_wakeup
            if not self.news and wakeup is None:
                return
            self.now = self.now + 1 if self.news or wakeup is None else wakeup
            news, self.news = self.news, []
            self.takes(news)
        raise AssertionError("it comes to no end")

    def would_go_on(self) -> list[ModelId]:
        """Return those that one more look, without a bound, would not let wait."""
        books = self.scheduler._books
        look = Look(books, self.now)
        return [
            place.model
            for turn, place in enumerate(look.order)
            if not isinstance(look.judge(place, place.head[0], turn), Wait)
        ]


@pytest.mark.parametrize("rules", FLEETS.values(), ids=FLEETS)
@given(batches=st.lists(A_BATCH, min_size=1, max_size=4))
def test_bit_by_bit_nothing_is_left_undone_and_everybody_is_served(
    rules: Fleet, batches: list[list[ModelId]]
) -> None:
    machine = Machine(rules, LITTLE)
    leases: list[LeaseId] = []
    for models in batches:
        events: list[Event] = []
        for model in models:
            leases.append(LeaseId(len(leases) + 1))
            events.append(LeaseAsked(leases[-1], model))
        machine.now += 1
        news, machine.news = machine.news, []
        machine.takes([*news, *events])
        assert machine.would_go_on() == []
    machine.goes_on()

    assert sorted(machine.granted) == leases


def test_no_step_follows_where_the_last_moment_was_used() -> None:
    scheduler = Scheduler(fleet([A], fairness=Fairness(queue_timeout=5.0)))
    scheduler.handle([ask(1, A)], 0.0)

    assert scheduler.handle([Ready(A)], 5.0)[-1] == grant(1, A)
    assert scheduler.next_wakeup is None
