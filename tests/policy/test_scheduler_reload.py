"""Several reloads in a row: each has a drain time of its own, and the same one changes nothing."""

from __future__ import annotations

import pytest
from hypothesis import Phase, settings
from hypothesis.stateful import rule

from llamaswap.policy import reasons
from llamaswap.policy.eviction import GroupRule
from llamaswap.policy.messages import (
    Command,
    Gone,
    Ready,
    Reconfigure,
    Settled,
    Ticket,
    ViewAsked,
)
from llamaswap.policy.rules import Fairness
from tests.policy.test_scheduler_traffic import AnyTraffic
from tests.policy.words import (
    TOGETHER,
    A,
    B,
    C,
    Step,
    all_steps,
    ask,
    done,
    drain_ended,
    evict,
    fleet,
    grant,
    play,
    reconfigure,
    settled,
    start,
    stop,
)

GOING, REMOVED = reasons.REPLACED, reasons.REMOVED
ALL_SERVE: list[Step] = [
    ([ask(1, A), ask(2, B)], [start(A), start(B)]),
    ([Ready(A), Ready(B)], [grant(1, A), grant(2, B)]),
]
ONLY_B, ONLY_C = fleet([B]), fleet([C])

STORIES: dict[str, list[Step]] = {
    "a later reload's models are not cut when the time of an earlier one is over": [
        ([reconfigure(8, ONLY_B)], []),
        ([reconfigure(9, ONLY_C)], []),
        ([drain_ended(10, 8)], [stop(A, REMOVED)]),
        ([Gone(A)], [settled(8), settled(10)]),
        ([done(2)], [stop(B, REMOVED)]),
        ([Gone(B)], [settled(9)]),
    ],
    "who was given up twice has the time of the first": [
        ([reconfigure(8, fleet([A, B], version=" v2"))], []),
        ([reconfigure(9, fleet([A, B], version=" v3"))], []),
        ([drain_ended(10, 8)], [stop(A, GOING), stop(B, GOING)]),
        ([Gone(A), Gone(B)], [settled(8), settled(9), settled(10)]),
    ],
    "who was taken back and given up again has the time of the last": [
        ([reconfigure(7, ONLY_B)], []),
        ([reconfigure(8, TOGETHER)], [settled(7), settled(8)]),
        ([reconfigure(9, ONLY_B)], []),
        ([drain_ended(10, 7)], [settled(10)]),
        ([drain_ended(11, 9)], [stop(A, REMOVED)]),
        ([Gone(A)], [settled(9), settled(11)]),
    ],
    "the end of a later reload's time is that of all before": [
        ([reconfigure(8, ONLY_B)], []),
        ([reconfigure(9, ONLY_C)], []),
        ([drain_ended(10, 9)], [stop(A, REMOVED), stop(B, REMOVED)]),
        ([Gone(B), Gone(A)], [settled(8), settled(9), settled(10)]),
    ],
}


@pytest.mark.parametrize("story", STORIES.values(), ids=STORIES)
def test_stories(story: list[Step]) -> None:
    play((TOGETHER, ALL_SERVE + story))


def test_whoever_has_been_promised_a_place_keeps_it_where_no_rule_has_changed() -> None:
    # By the rules of turns, C would be next: more wait for it.
    rules = fleet([A, B, C], fairness=Fairness(linger=0.0))
    in_between: list[Step] = [
        ([ask(1, A)], [start(A)]),
        ([Ready(A)], [grant(1, A)]),
        ([done(1), ask(2, B)], [evict(A, B)]),
        ([ask(3, C), ask(4, C)], []),
    ]

    play((rules, [*in_between, ([reconfigure(9, rules)], [settled(9)]), ([Gone(A)], [start(B)])]))
    other = fleet([A, B, C], GroupRule("bc", (B, C)), fairness=Fairness(linger=0.0))
    play(
        (rules, [*in_between, ([reconfigure(9, other)], [settled(9)]), ([Gone(A)], [start(C, 2)])])
    )


class TheSameAgain(AnyTraffic):
    """At any moment of any traffic, the configuration in force may come again."""

    @rule()
    def the_same_configuration_comes_again(self) -> None:
        self.the_batch_is_handed_over()
        before = self.seen()
        again = Reconfigure(Ticket(self.number()), self.fleet)
        self.tickets.add(again.ticket)
        commands = all_steps(self.scheduler, [again], self.now)
        all_steps(self.twin, [again], self.now)

        assert all(isinstance(command, Settled) for command in commands)
        for command in commands:
            self.carry_out(command)
        assert self.seen() == before

    def seen(self) -> list[Command]:
        views = [
            one.handle([ViewAsked(Ticket(0))], self.now) for one in (self.scheduler, self.twin)
        ]
        assert views[0] == views[1]
        return views[0]


TestTheSameAgain = TheSameAgain.TestCase
# Often enough that the short profile, too, meets models that run.
TestTheSameAgain.settings = settings(
    max_examples=4 * settings().max_examples,
    stateful_step_count=50,
    phases=set(Phase) - {Phase.explain},
)
