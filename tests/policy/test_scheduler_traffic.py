"""Promises of the scheduler that hold for any traffic."""

from __future__ import annotations

from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from llamaswap.policy.eviction import GroupRule
from llamaswap.policy.messages import (
    Adopt,
    Command,
    DrainEnded,
    Event,
    ExplainAsked,
    Explanation,
    Gone,
    Grant,
    Learned,
    LeaseAsked,
    LeaseId,
    LeaseReturned,
    ModelState,
    Queue,
    QueueAsked,
    Ready,
    Reconfigure,
    Refuse,
    Settled,
    Shutdown,
    Start,
    Stop,
    Stuck,
    Ticket,
    UnloadAsked,
    View,
    ViewAsked,
)
from llamaswap.policy.reasons import Why
from llamaswap.policy.rules import Fairness, Fleet, ModelId, ModelRule, Selection, Strategy
from llamaswap.policy.scheduler import MOST_EFFORT, Scheduler
from tests.policy.words import (
    NOBODY,
    TOGETHER,
    A,
    B,
    C,
    D,
    all_steps,
    fleet,
    hangs,
    matrix,
)

E = ModelId("e")
ALL = (A, B, C, D, E)
# In the first any two of a, b and c may run together, and not all three.
MATRIX = matrix(ALL, {"s": "a & (b | c)", "t": "b & c & d"}, {"b": 3})
OTHER_MATRIX = matrix(ALL, {"s": "b | +t", "t": "a & d & e"}, limit=2, ports={A: 1, B: 2})
# Two swaps at once are possible, which have nothing to do with each other.
PAIRS_MATRIX = matrix(ALL, {"s": "(a | b) & (c | d)"}, {"a": 2})
WRITTEN_OUT = (
    (MATRIX.evictions, ({A, B}, {A, C}, {B, C, D})),
    (PAIRS_MATRIX.evictions, ({A, C}, {A, D}, {B, C}, {B, D})),
    (OTHER_MATRIX.evictions, ({B}, {A, D, E})),
)
KINDLY = ", kindly"
FLEETS = (
    MATRIX,
    PAIRS_MATRIX,
    OTHER_MATRIX,
    fleet(ALL, idle_after=5.0, ports={A: 1, B: 2}),
    fleet(ALL, limit=2, version=" v2", ports={B: 1, C: 2}, priorities={A: 1, D: -1}),
    fleet(ALL, GroupRule("free", ALL, swap=False), limit=1, ports={A: 1, B: 2}),
    fleet(ALL, GroupRule("free", ALL, swap=False), limit=1, ports={A: 1, B: 2}, care=KINDLY),
    fleet(ALL, fairness=Fairness(max_wait=4.0, linger=2.0, min_residency=3.0, queue_timeout=30.0)),
    fleet((A, C, D, E), GroupRule("n", (D, E), swap=False, exclusive=False), idle_after=2.0),
    fleet(ALL, GroupRule("p", (A, B), persistent=True), GroupRule("q", (C, D), exclusive=False)),
    Fleet(
        {A: ModelRule("run a"), B: ModelRule("run b v2"), C: ModelRule("run c")}, TOGETHER.evictions
    ),
)
LONGEST_KEEP = 120.0
"""Seconds that an idle model may keep its place at most: the longest ``max_wait`` there is."""

A_MODEL = st.sampled_from([*ALL, NOBODY])
A_SELECTION = st.builds(
    Selection,
    st.just("s"),
    st.sampled_from(Strategy),
    st.lists(A_MODEL, min_size=1, max_size=3, unique=True).map(tuple),
    st.integers(1, 2),
)
SELDOM = st.sampled_from([False] * 3 + [True])
"""What throws everything over happens seldom, so that something can build up."""


class AnyTraffic(RuleBasedStateMachine):
    """Whatever arrives in whatever order, these promises hold.

    The machine plays the router: it keeps books of its own about processes and
    leases, from what it was told, and checks each command against them.
    """

    def __init__(self) -> None:
        super().__init__()
        self.batch: list[Event] = []
        self.now = 0.0
        self.numbers = 0
        self.waiting: dict[LeaseId, ModelId | Selection] = {}
        self.serving: dict[LeaseId, ModelId] = {}
        self.over: set[LeaseId] = set()
        self.tickets: set[Ticket] = set()
        self.live: dict[ModelId, object] = {}
        self.ports: dict[ModelId, int] = {}
        self.ready: set[ModelId] = set()
        self.stopping: set[ModelId] = set()
        self.stuck: set[ModelId] = set()
        self.leaving = False

    @initialize(fleet=st.sampled_from(FLEETS), most_effort=st.sampled_from([MOST_EFFORT, 12, 1]))
    def opens(self, fleet: Fleet, most_effort: int) -> None:
        self.fleet = fleet
        self.is_patient = most_effort == MOST_EFFORT
        self.scheduler = Scheduler(fleet, {}, most_effort)
        self.twin = Scheduler(self.mirrored(fleet), {}, most_effort)

    @staticmethod
    def mirrored(fleet: Fleet) -> Fleet:
        models = dict(sorted(fleet.models.items(), reverse=True))
        return Fleet(models, fleet.evictions, fleet.fairness)

    def number(self) -> int:
        self.numbers += 1
        return self.numbers

    # What may happen.

    @rule(models=st.lists(A_MODEL, min_size=1, max_size=3))
    def some_ask(self, models: list[ModelId]) -> None:
        self.batch.extend(LeaseAsked(LeaseId(self.number()), model) for model in models)

    @rule(selection=A_SELECTION)
    def somebody_asks_for_one_of_several(self, selection: Selection) -> None:
        self.batch.append(LeaseAsked(LeaseId(self.number()), selection))

    @rule(wanted=st.one_of(A_MODEL, A_SELECTION))
    def somebody_looks(self, wanted: ModelId | Selection) -> None:
        self.batch.append(QueueAsked(Ticket(self.number())))
        self.batch.append(ExplainAsked(Ticket(self.number()), wanted))

    @precondition(lambda self: self.waiting or self.serving)
    @rule(data=st.data())
    def somebody_is_done(self, data: st.DataObject) -> None:
        lease = data.draw(st.sampled_from(sorted(self.waiting | self.serving)))
        self.batch.append(LeaseReturned(lease))

    @rule(lease=st.integers(0, 30))
    def somebody_may_be_done(self, lease: int) -> None:
        if lease <= self.numbers:
            self.batch.append(LeaseReturned(LeaseId(lease)))

    @rule()
    def everybody_is_done(self) -> None:
        self.batch.extend(LeaseReturned(lease) for lease in sorted(self.serving))

    @rule()
    def all_goes_well(self) -> None:
        for model in sorted(self.live.keys() - self.ready):
            self.batch.append(Gone(model) if model in self.stopping else Ready(model))
        self.batch.extend(LeaseReturned(lease) for lease in sorted(self.serving))
        self.the_batch_is_handed_over()

    @precondition(lambda self: self.live)
    @rule(data=st.data())
    def a_process_is_ready(self, data: st.DataObject) -> None:
        self.batch.append(Ready(data.draw(st.sampled_from(sorted(self.live)))))

    @precondition(lambda self: self.live)
    @rule(data=st.data(), seldom=SELDOM)
    def a_process_ends(self, data: st.DataObject, *, seldom: bool) -> None:
        if seldom:
            self.batch.append(Gone(data.draw(st.sampled_from(sorted(self.live))), "ended"))

    @precondition(lambda self: self.live.keys() & self.stopping)
    @rule(data=st.data())
    def a_stopped_process_ends(self, data: st.DataObject) -> None:
        ending = sorted(self.live.keys() & self.stopping)
        self.batch.append(Gone(data.draw(st.sampled_from(ending))))

    @precondition(lambda self: self.live.keys() & self.stopping)
    @rule(data=st.data(), seldom=SELDOM)
    def a_process_hangs(self, data: st.DataObject, *, seldom: bool) -> None:
        if seldom:
            self.batch.append(hangs(data.draw(st.sampled_from(sorted(self.live)))))

    @rule(models=st.one_of(st.none(), st.frozensets(A_MODEL, max_size=2)), seldom=SELDOM)
    def somebody_unloads(self, models: frozenset[ModelId] | None, *, seldom: bool) -> None:
        if seldom:
            self.batch.append(UnloadAsked(Ticket(self.number()), models))

    @rule(fleet=st.sampled_from(FLEETS), seldom=SELDOM)
    def the_configuration_changes(self, fleet: Fleet, *, seldom: bool) -> None:
        if seldom:
            self.batch.append(Reconfigure(Ticket(self.number()), fleet))

    @rule(reload=st.integers(0, 30), seldom=SELDOM)
    def a_drain_ends(self, reload: int, *, seldom: bool) -> None:
        if seldom:
            self.batch.append(DrainEnded(Ticket(self.number()), Ticket(reload)))

    @rule(seldom=SELDOM, very=SELDOM)
    def the_program_leaves(self, *, seldom: bool, very: bool) -> None:
        if seldom and very:
            self.batch.append(Shutdown())

    @rule(seconds=st.floats(0, 10))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        self.the_batch_is_handed_over()

    @precondition(lambda self: self.scheduler.next_wakeup is not None)
    @rule()
    def time_passes_until_something_happens(self) -> None:
        wakeup = self.scheduler.next_wakeup
        assert wakeup is not None
        self.now = max(self.now, wakeup)
        self.the_batch_is_handed_over()

    @rule()
    def no_time_passes(self) -> None:
        self.the_batch_is_handed_over()

    @rule()
    def the_batch_is_handed_over(self) -> None:
        events, self.batch = self.batch, []
        were_live = set(self.live)
        for event in events:
            self.take_note(event)
        commands = all_steps(self.scheduler, events, self.now)
        mirrored = [
            Reconfigure(event.ticket, self.mirrored(event.fleet))
            if isinstance(event, Reconfigure)
            else event
            for event in self.unanswered(events)
        ]
        deeds = [one for one in commands if not isinstance(one, Queue | Explanation)]
        again = all_steps(self.twin, mirrored, self.now)
        again = [one for one in again if not isinstance(one, Queue | Explanation)]
        assert again == deeds, "same input, same output"
        for command in commands:
            if isinstance(command, Stop):
                assert command.model in were_live
            self.carry_out(command)
        self.whoever_stays_is_looked_after_as_is_said_now()
        self.the_queue_is_looked_at()

    def unanswered(self, events: list[Event]) -> list[Event]:
        """Leave out the questions, to see that an answer changes nothing.

        Only an impatient scheduler may do other things at once when it knows more.
        """
        if not self.is_patient:
            return events
        return [event for event in events if not isinstance(event, QueueAsked | ExplainAsked)]

    def whoever_stays_is_looked_after_as_is_said_now(self) -> None:
        for model in self.live.keys() & self.fleet.models.keys():
            rule, started = self.fleet.models[model], str(self.live[model])
            if started.removesuffix(KINDLY) == rule.process:
                assert started == rule.specification

    def the_queue_is_looked_at(self) -> None:
        """See that it holds all who wait, and find out whom a selection has chosen."""
        question: list[Event] = [QueueAsked(Ticket(0))]
        (queue,) = all_steps(self.scheduler, question, self.now)
        all_steps(self.twin, self.unanswered(question), self.now)
        assert self.scheduler.next_wakeup == self.twin.next_wakeup
        assert isinstance(queue, Queue)
        assert sorted(seen.lease for seen in queue.waiting) == sorted(self.waiting)
        for seen in queue.waiting:
            assert self.is_meant(self.waiting[seen.lease], seen.model)
            self.waiting[seen.lease] = seen.model

    def is_meant(self, wanted: ModelId | Selection, model: ModelId) -> bool:
        return model in wanted.targets if isinstance(wanted, Selection) else model == wanted

    # One branch per word.
    def take_note(self, event: Event) -> None:  # noqa: C901
        match event:
            case LeaseAsked(lease, wanted):
                self.waiting[lease] = wanted
            case LeaseReturned(lease):
                self.waiting.pop(lease, None)
                self.serving.pop(lease, None)
                self.over.add(lease)
            case Ready(model):
                if model in self.live and model not in self.stopping:
                    self.ready.add(model)
            case Gone(model):
                self.forget(model)
            case Stuck(model):
                self.note_stuck(model)
            case Reconfigure(ticket, fleet):
                self.fleet = fleet
                self.tickets.add(ticket)
            case UnloadAsked(ticket) | DrainEnded(ticket, _):
                self.tickets.add(ticket)
            case ViewAsked(ticket) | QueueAsked(ticket) | ExplainAsked(ticket, _):
                self.tickets.add(ticket)
            case Shutdown():
                self.leaving = True

    def forget(self, model: ModelId) -> None:
        self.live.pop(model, None)
        for state in (self.ready, self.stopping, self.stuck):
            state.discard(model)
        for lease in [one for one, its in self.serving.items() if its == model]:
            del self.serving[lease]

    def note_stuck(self, model: ModelId) -> None:
        if model in self.live:
            self.stuck.add(model)
            self.stopping.add(model)
            self.ready.discard(model)

    # What each command must be.

    def carry_out(self, command: Command) -> None:
        match command:
            case Grant(lease, model):
                assert self.is_meant(self.waiting.pop(lease), model)
                assert model in self.ready
                self.serving[lease] = model
            case Refuse(lease, model):
                # It may have been returned later in the same batch.
                assert self.is_meant(self.waiting.pop(lease, model), model)
                assert lease not in self.serving
            case Start():
                self.check_start(command)
                self.live[command.model] = command.specification
                self.stopping.discard(command.model)
            case Adopt(model, specification):
                # Its end may have come later in the same batch.
                if model in self.live:
                    self.live[model] = specification
            case Stop(model, reason):
                if reason.why in {Why.ROOM, Why.IDLE}:
                    assert model not in self.serving.values()
                self.stopping.add(model)
                self.ready.discard(model)
            case Settled(ticket) | Queue(ticket) | Explanation(ticket):
                self.tickets.remove(ticket)
            case Learned() | View():
                assert isinstance(command, Learned), "nobody has asked"

    def check_start(self, command: Start) -> None:
        models = self.fleet.models
        assert not self.leaving
        assert command.model not in self.live
        rule = models[command.model]
        assert command.specification == rule.specification
        # No two ports are the same where there is none.
        wanted = self.ports[command.model] = rule.port or -self.number()
        for other, specification in self.live.items():
            there = models.get(other)
            if other not in self.stuck and (there is None or there.specification != specification):
                assert self.ports[other] != wanted, "the port of a process that ends is taken"
        assert self.may_join(command.model), "may not coexist"

    def may_join(self, model: ModelId) -> bool:
        """Say whether ``model`` may run beside all that are live, whatever became of them."""
        for policy, sets in WRITTEN_OUT:
            if policy is self.fleet.evictions:
                together = {model, *self.live}
                return len(together) == 1 or any(together <= one for one in sets)
        return all(self.spares(model, one) or self.spares(one, model) for one in self.live)

    def spares(self, model: ModelId, other: ModelId) -> bool:
        return model in self.fleet.models and other not in self.fleet.evictions.at({other})(model)

    # What must be true at any time.

    @invariant()
    def nobody_is_forgotten(self) -> None:
        settled = all(model in self.ready or model in self.stuck for model in self.live)
        if not self.batch and settled and not self.serving:
            wakeup = self.scheduler.next_wakeup
            in_time = wakeup is not None and wakeup <= self.now + LONGEST_KEEP
            assert in_time or not self.waiting, "a request waits and nothing is under way"
            assert not self.tickets, "a ticket waits and nothing is under way"

    @invariant()
    def time_does_not_stand_still(self) -> None:
        wakeup = self.scheduler.next_wakeup
        assert wakeup is None or wakeup > self.now or self.batch

    @invariant()
    def the_books_agree(self) -> None:
        if self.batch:
            return
        (view,) = self.scheduler.handle([ViewAsked(Ticket(0))], self.now)
        self.twin.handle([ViewAsked(Ticket(0))], self.now)
        assert isinstance(view, View)
        assert [seen.model for seen in view.models] == sorted(self.fleet.models.keys() | self.live)
        for seen in view.models:
            assert seen.serving == list(self.serving.values()).count(seen.model)
            assert seen.waiting == list(self.waiting.values()).count(seen.model)
            assert (seen.state is ModelState.STOPPED) == (seen.model not in self.live)

    def teardown(self) -> None:
        if not hasattr(self, "scheduler"):
            return
        # Everybody leaves, every process does as it is told.
        self.the_batch_is_handed_over()
        self.batch.extend(LeaseReturned(lease) for lease in sorted(self.waiting | self.serving))
        self.the_batch_is_handed_over()
        while self.live.keys() - self.ready:
            self.all_goes_well()
        self.nobody_is_forgotten()
        self.the_books_agree()
        if self.leaving:
            assert self.scheduler.finished


TestAnyTraffic = AnyTraffic.TestCase
# Longer than usual: it takes some steps until a model stands in another's way.
# No explaining: it traces every line of a failing run, for minutes.
TestAnyTraffic.settings = settings(
    max_examples=3 * settings().max_examples,
    stateful_step_count=100,
    phases=set(Phase) - {Phase.explain},
)
