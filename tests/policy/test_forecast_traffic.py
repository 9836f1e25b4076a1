"""What is told of a request that does not exist yet is what becomes of it when it comes."""

from __future__ import annotations

import copy

from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from llamaswap.policy.messages import (
    Command,
    ExplainAsked,
    Explanation,
    Grant,
    LeaseAsked,
    LeaseId,
    Outcome,
    Refuse,
    Start,
    Stop,
    Ticket,
)
from llamaswap.policy.rules import ModelId, Selection
from tests.policy.test_scheduler_traffic import A_MODEL, A_SELECTION, AnyTraffic

LEASE = LeaseId(1_000_000)


class Foretold(AnyTraffic):
    """At any moment of any traffic, somebody may ask and then do it."""

    @precondition(lambda self: not self.batch)
    @rule(wanted=st.one_of(A_MODEL, A_SELECTION))
    def somebody_does_what_was_explained(self, wanted: ModelId | Selection) -> None:
        other = copy.deepcopy(self.scheduler)
        (told,) = other.handle([ExplainAsked(Ticket(0), wanted)], self.now)
        assert isinstance(told, Explanation)
        commands = other.handle([LeaseAsked(LEASE, wanted)], self.now)
        answers = [one for one in commands if isinstance(one, Grant | Refuse)]

        assert all(one.model == told.model for one in answers)
        match told.outcome:
            case Outcome.SERVE:
                assert [type(one) for one in answers] == [Grant]
            case Outcome.REFUSE:
                assert [type(one) for one in answers] == [Refuse]
            case Outcome.START:
                assert not answers
                self.check_start_is_foretold(told, commands)
            case Outcome.WAIT:
                assert not commands

    def check_start_is_foretold(self, told: Explanation, commands: list[Command]) -> None:
        evict = set(told.choices[0].evict) if told.choices else set[ModelId]()
        stops = {one.model for one in commands if isinstance(one, Stop)}
        starts = {one.model for one in commands if isinstance(one, Start)}

        assert stops == evict - self.stopping
        # It may be on its way already, for nobody: then it is only waited for again.
        is_there = told.model in self.live
        assert starts == (set[ModelId]() if evict or is_there else {told.model})


TestForetold = Foretold.TestCase
TestForetold.settings = settings(
    max_examples=2 * settings().max_examples,
    stateful_step_count=50,
    phases=set(Phase) - {Phase.explain},
)
