"""What a scheduler is compared with: first come, first served, and a plan made in hindsight.

Pure. Both are for models of which only one runs at a time and which serve any
number of requests at once, as those of `llamaswap.policy.simulation` do.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from math import inf
from random import Random
from typing import NamedTuple

from attrs import define, field

from llamaswap.policy.messages import (
    Command,
    Event,
    Gone,
    Grant,
    LeaseAsked,
    LeaseId,
    LeaseReturned,
    Ready,
    Start,
    Stop,
)
from llamaswap.policy.reasons import Reason, Why
from llamaswap.policy.rules import ModelId


@define(eq=False)
class FirstComeFirstServed:
    """Serves in the order of arrival, and swaps whenever the next one wants it."""

    next_wakeup: None = None
    _queue: deque[tuple[LeaseId, ModelId]] = field(
        factory=deque[tuple[LeaseId, ModelId]], init=False
    )
    _serving: set[LeaseId] = field(factory=set[LeaseId], init=False)
    _running: ModelId | None = field(default=None, init=False)
    _is_ready: bool = field(default=False, init=False)
    _is_leaving: bool = field(default=False, init=False)

    def handle(self, events: Iterable[Event], now: float) -> list[Command]:
        """Take in a batch, and say what to do."""
        del now
        for event in events:
            match event:
                case LeaseAsked(lease, model):
                    assert isinstance(model, str)
                    self._queue.append((lease, model))
                case LeaseReturned(lease):
                    self._serving.discard(lease)
                case Ready():
                    self._is_ready = True
                case Gone():
                    self._running, self._is_leaving = None, False
                case _:
                    raise AssertionError(event)
        return list(self._decided())

    def _decided(self) -> Iterable[Command]:
        while self._is_ready and self._queue and self._queue[0][1] == self._running:
            lease, model = self._queue.popleft()
            self._serving.add(lease)
            yield Grant(lease, model)
        if not self._queue or self._is_leaving:
            return
        wanted = self._queue[0][1]
        if self._running is None:
            self._running = wanted
            yield Start(wanted, None, Reason(Why.WANTED))
        elif self._is_ready and not self._serving:
            self._is_ready, self._is_leaving = False, True
            yield Stop(self._running, Reason(Why.ROOM, (wanted,)))


class Job(NamedTuple):
    """One request, with all that an omniscient planner knows of it."""

    moment: float
    model: ModelId
    service: float


class Visit(NamedTuple):
    """One stay of a model: it serves who has come, and who comes within ``stays`` seconds."""

    model: ModelId
    stays: float = 0.0


class Score(NamedTuple):
    """What a plan costs."""

    makespan: float
    mean_wait: float
    longest: float
    loads: int


@define
class Hindsight:
    """Plans of visits for requests that are all known beforehand."""

    jobs: Sequence[Job]
    """In the order of their moments."""

    load: float
    stop: float
    _queues: dict[ModelId, list[Job]] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._queues = {job.model: [] for job in self.jobs}
        for job in self.jobs:
            self._queues[job.model].append(job)

    def score(self, visits: Iterable[Visit]) -> Score:
        """Carry a plan out; who is left over is served by one visit more, in order."""
        now = self.jobs[0].moment
        done = dict.fromkeys(self._queues, 0)
        running: ModelId | None = None
        loads, waits = 0, list[float]()
        for model, stays in (*visits, *(Visit(job.model) for job in self.jobs)):
            queue, next_one = self._queues[model], done[model]
            if next_one == len(queue):
                continue
            # Nobody loads for one who has not come yet: no router could.
            now = max(now, queue[next_one].moment)
            if model != running:
                now += self.load + (0.0 if running is None else self.stop)
                running, loads = model, loads + 1
            limit = end = now
            limit += stays
            while next_one < len(queue) and queue[next_one].moment <= limit:
                job = queue[next_one]
                start = max(now, job.moment)
                waits.append(start - job.moment)
                end = max(end, start + job.service)
                next_one += 1
            done[model], now = next_one, end
        return Score(now - self.jobs[0].moment, sum(waits) / len(waits), max(waits), loads)

    def search(
        self,
        chance: Random,
        goal: str,
        restarts: int,
        steps: int,
        first: Sequence[Visit] = (),
        patience: float = inf,
    ) -> Score:
        """Return the best of many plans, each improved by chance; it need not be the best there is.

        Args:
          chance: where the plans come from.
          goal: the part of the score that is made small.
          restarts: how many plans to begin with.
          steps: how many changes to try with each.
          first: every other plan begins with it; the others with chance.
          patience: seconds; a plan in which somebody waits longer is worse than all others.
        """
        models = sorted(self._queues)

        def visit() -> Visit:
            return Visit(chance.choice(models), chance.choice((0.0, chance.uniform(0.0, 3.0))))

        def cost(score: Score) -> tuple[float, float, Score]:
            return max(score.longest - patience, 0.0), getattr(score, goal), score

        best: Score | None = None
        for restart in range(restarts):
            plan = [visit() for _ in range(chance.randrange(2 * len(models)))]
            plan = plan if restart % 2 else list(first)
            score = self.score(plan)
            for _ in range(steps):
                changed = list(plan)
                place = chance.randrange(len(plan) + 1)
                # One visit less, one more, or another one.
                changed[place : place + chance.randrange(2)] = [visit()] * chance.randrange(2)
                other = self.score(changed)
                if cost(other) <= cost(score):
                    plan, score = changed, other
            if best is None or cost(score) < cost(best):
                best = score
        assert best is not None, "there is at least one plan"
        return best

    def least_makespan(self) -> float:
        """Return what no plan can go below; it need not be possible.

        From any moment on, each model that is still asked for must be there for as
        long as its longest request takes, one after the other, and all but one of them
        must be loaded first; at the beginning that one, too.
        """
        begin = self.jobs[0].moment
        bounds = [self.load + self._after(begin) + begin]
        bounds += [self._after(job.moment) + job.moment for job in self.jobs]
        return max(bounds) - begin

    def _after(self, moment: float) -> float:
        longest: dict[ModelId, float] = {}
        for job in self.jobs:
            if job.moment >= moment:
                longest[job.model] = max(longest.get(job.model, 0.0), job.service)
        return sum(longest.values()) + (len(longest) - 1) * (self.load + self.stop)
