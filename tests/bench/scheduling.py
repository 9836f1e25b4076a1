"""What the scheduler costs and what it is worth: ``python -m tests.bench.scheduling``.

All on a virtual clock, so that only the time of the first table depends on the
machine. Beside it stand first come, first served, and the best of many plans that
were made in hindsight. Those are not the best there are, only the best that were found:
they say what is possible, and the bound says what is not. Strictly first come, first served
is no rival but a measure: it swaps whenever the next in line wants another model.
"""

from __future__ import annotations

import argparse
import gc
from collections.abc import Iterable, Sequence
from contextlib import suppress
from math import inf
from random import Random
from statistics import mean, median
from time import perf_counter, thread_time
from unittest.mock import patch

from attrs import define, field

from llamaswap.cli.simulate_tables import laid_out
from llamaswap.policy.eviction import GroupRule, Groups
from llamaswap.policy.matrix import compile_matrix
from llamaswap.policy.messages import Command, Event
from llamaswap.policy.places import Place
from llamaswap.policy.rules import EvictionPolicy, Fairness, Fleet, ModelId, ModelRule
from llamaswap.policy.scheduler import Scheduler
from llamaswap.policy.simulation import Planner, Request, Times, play, simulate
from llamaswap.policy.simulation_report import Report
from llamaswap.policy.synthetic import Spec, traffic
from llamaswap.policy.turns import Turns
from tests.bench.offline import FirstComeFirstServed, Hindsight, Job, Visit

MODELS, WAITING = 1000, 10_000
"""Of the table of steps."""

STEP_COLUMNS = ("steps", "median, ms", "p99, ms", "worst, ms", "batch, ms")

MOST_STEPS = 2000
"""By then everybody has waited too long, which costs most."""

LOAD, STOP, SERVICE = 0.5, 0.1, 0.5
"""Seconds, of all other tables."""

TRACES = {
    "zipf, 6 models": f"zipf:models=6,requests=120,seconds=6,service={SERVICE}",
    "zipf, 6 models, at leisure": f"zipf:models=6,requests=120,seconds=120,service={SERVICE}",
    "a pair in turn": f"pair:requests=40,seconds=20,service={SERVICE}",
    "sessions": f"sessions:models=6,requests=120,seconds=60,service={SERVICE}",
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=8.0, help="for each fleet's steps")
    parser.add_argument("--requests", type=int, default=100_000, help="to simulate")
    options = parser.parse_args()
    tables = (
        steps_table(options.seconds),
        speed_table(options.requests),
        worth_table(),
        waits_table(),
        linger_table(),
        rival_table(),
    )
    print("\n\n".join(tables))


def models_of(count: int) -> list[ModelId]:
    """Return so many ids."""
    return [ModelId(f"m{number:04}") for number in range(count)]


def fleet_of(models: Sequence[ModelId], evictions: EvictionPolicy, fairness: Fairness) -> Fleet:
    """Return a fleet in which nobody is refused."""
    rules = {model: ModelRule(model, concurrency_limit=10**9) for model in models}
    return Fleet(rules, evictions, fairness)


def exclusive(count: int, fairness: Fairness | None = None) -> Fleet:
    """Return a fleet of which one model runs at a time."""
    models = models_of(count)
    return fleet_of(models, Groups.of((), models), fairness or Fairness())


# What one step costs


class EnoughError(Exception):
    """All steps have been timed."""


@define(eq=False)
class Stopwatch:
    """A planner that times another one."""

    _planner: Planner
    _seconds: float
    times: list[float] = field(factory=list[float], init=False)

    def handle(self, events: Iterable[Event], now: float) -> list[Command]:
        """Let the other one do it."""
        begin = thread_time()
        commands = self._planner.handle(events, now)
        self.times.append(thread_time() - begin)
        if len(self.times) > MOST_STEPS or sum(self.times) > self._seconds:
            raise EnoughError
        return commands

    @property
    def next_wakeup(self) -> float | None:
        """Ask the other one."""
        return self._planner.next_wakeup


def steps_table(seconds: float) -> str:
    """Time the steps that follow when ten requests wait for each of a thousand models."""
    models = models_of(MODELS)
    tens = [models[first : first + 10] for first in range(0, MODELS, 10)]
    in_groups = tuple(GroupRule(ten[0], tuple(ten), swap=True, exclusive=False) for ten in tens)
    one_of_each_ten = " & ".join(f"({' | '.join(ten)})" for ten in tens)
    one_ten = {f"s{ten[0]}": " & ".join(ten) for ten in tens}
    fleets: dict[str, EvictionPolicy] = {
        "one at a time": Groups.of((), models),
        "a hundred groups, one of each": Groups.of(in_groups, models),
        "a matrix, one of each ten": compile_matrix({}, {}, {"s": one_of_each_ten}, models),
        "a matrix, one ten of a hundred": compile_matrix({}, {}, one_ten, models),
    }
    rows = [["processor time of a step, 1,000 models, 10,000 waiting", *STEP_COLUMNS]]
    rows += [[name, *timed(policy, models, seconds)] for name, policy in fleets.items()]
    return laid_out(rows)


def timed(policy: EvictionPolicy, models: Sequence[ModelId], seconds: float) -> list[str]:
    """Return what steps take, and the first one, which takes in all those that wait."""
    batch = [Request(0.0, model, SERVICE) for model in models] * (WAITING // len(models))
    # Then they trickle in, while models are loaded and served.
    batch += [
        Request(0.01 * number, models[-number % len(models)], SERVICE)
        for number in range(1, MOST_STEPS)
    ]
    # As the program does once it is up: what stays is looked at no more.
    gc.collect()
    gc.freeze()
    stopwatch = Stopwatch(Scheduler(fleet_of(models, policy, Fairness())), seconds)
    with suppress(EnoughError):
        play(stopwatch, models, batch, Times(LOAD, STOP))
    first, *others = (1e3 * seconds for seconds in stopwatch.times)
    slow = sorted(others)[-len(others) // 100]
    figures = (f"{time:.2f}" for time in (median(others), slow, max(others)))
    return [str(len(others)), *figures, f"{first:.0f}"]


def speed_table(requests: int) -> str:
    """Time whole simulations."""
    models = models_of(6)
    free = Groups.of((GroupRule("all", tuple(models), swap=False),), models)
    kinds = {
        "6 exclusive models, Zipf, high load": exclusive(6),
        "6 models beside each other": fleet_of(models, free, Fairness()),
    }
    rows = [["simulating", "requests", "µs/request", "loads"]]
    spec = Spec.parse(f"zipf:requests={requests},seconds={requests / 20},service=0.5")
    for name, fleet in kinds.items():
        trace = drawn(spec, 6)
        begin = perf_counter()
        report = simulate(fleet, trace, Times(load=2, stop=0.2))
        cost = (perf_counter() - begin) / requests * 1e6
        rows.append([name, f"{requests:,}", f"{cost:.1f}", f"{report.loads:,}"])
    return laid_out(rows)


def drawn(spec: Spec, models: int) -> list[Request]:
    """Return the requests of a description."""
    return list(traffic(spec, models_of(models), Random(spec.seed).random))  # noqa: S311


# What it is worth


def worth_table() -> str:
    """Compare with who knows less, and with who knows more."""
    rows = [["trace and rule", "makespan", "loads", "mean wait", "p95", "longest"]]
    for name, text in TRACES.items():
        trace = drawn(Spec.parse(text), 6)
        times = Times(LOAD, STOP)
        fcfs = play(FirstComeFirstServed(), models_of(6), trace, times)
        rows.append([f"{name}: first come, first served", *figures(fcfs)])
        ours = simulate(exclusive(6), trace, times)
        rows.append([f"{name}: ours", *figures(ours)])
        plans = Hindsight([Job(m, ModelId(str(who)), s or 0.0) for m, who, s in trace], LOAD, STOP)
        for goal, patience in (
            ("makespan", inf),
            ("mean_wait", inf),
            ("loads", ours.waits.longest),
        ):
            chance = Random(1)  # noqa: S311
            best = plans.search(chance, goal, 8, 4000, visits_of(ours), patience)
            cells = [f"{best.makespan:.1f}", str(best.loads), f"{best.mean_wait:.2f}"]
            cells += ["", f"{best.longest:.1f}"] if best.longest <= patience else ["", "too long"]
            bounded = "" if patience == inf else ", longest wait as ours"
            label = f"{name}: in hindsight, least {goal.replace('_', ' ')} found{bounded}"
            rows.append([label, *cells])
        bound = f"{plans.least_makespan():.1f}"
        asked = len({request.model for request in trace})
        rows.append([f"{name}: no plan can go below", bound, str(asked), "", "", ""])
    return laid_out(rows)


def visits_of(report: Report) -> list[Visit]:
    """Return what was done as a plan, to begin with."""
    return [
        Visit(span.model, (report.end if span.stopped is None else span.stopped) - span.ready)
        for span in report.spans
        if span.ready is not None
    ]


def figures(report: Report) -> list[str]:
    """Return what is compared."""
    waits = report.waits
    return [
        *(f"{report.makespan:.1f}", str(report.loads), f"{waits.mean:.2f}"),
        *(f"{waits.p95:.1f}", f"{waits.longest:.1f}"),
    ]


def waits_table() -> str:
    """Compare who may come next, on 20 random traces of 120 requests over 6 models."""
    rules = {
        "ours": Fairness(),
        "maxWait 0": Fairness(max_wait=0),
        "maxWait 1 s": Fairness(max_wait=1),
        "maxWait 6 s": Fairness(max_wait=6),
        "linger 0": Fairness(linger=0),
    }
    ranks = {"the oldest request decides": oldest, "the longest queue decides": longest_queue}
    specs = [f"random:models=6,requests=120,seconds=6,service=0.1,seed={n}" for n in range(20)]
    traces = [drawn(Spec.parse(spec), 6) for spec in specs]
    times = Times(LOAD, STOP)
    rows = [["20 random traces, 120 requests, 6 models", "longest", "mean", "loads", "makespan"]]
    fcfs = [play(FirstComeFirstServed(), models_of(6), trace, times) for trace in traces]
    rows.append(["first come, first served", *averages(fcfs)])
    for name, fairness in rules.items():
        reports = [simulate(exclusive(6, fairness), trace, times) for trace in traces]
        rows.append([name, *averages(reports)])
    for name, rank in ranks.items():
        with patch.object(Turns, "_rank", rank):
            reports = [simulate(exclusive(6), trace, times) for trace in traces]
        rows.append([name, *averages(reports)])
    return laid_out(rows)


def oldest(_: Turns, place: Place) -> tuple[float, ...]:
    """Rank by the longest single wait."""
    return place.head


def longest_queue(_: Turns, place: Place) -> tuple[float, ...]:
    """Rank by how many wait."""
    return -len(place.waiting), *place.head


def averages(reports: Sequence[Report]) -> list[str]:
    """Return the longest wait of all, and means of the other figures."""
    return [
        f"{max(report.waits.longest for report in reports):.1f}",
        f"{mean(report.waits.mean for report in reports):.2f}",
        f"{mean(report.loads for report in reports):.1f}",
        f"{mean(report.makespan for report in reports):.1f}",
    ]


def linger_table() -> str:
    """Count the loads of a pair that is asked in turn, without and with ``linger``."""
    rows = [["a pair in turn, 20 s", "loads", "mean wait", "longest"]]
    for distance in (0.25, 0.5, 1.0):
        spec = f"pair:requests={int(20 / distance)},seconds=20,service=0.1"
        for name, linger in (("0", 0.0), ("auto", None)):
            report = simulate(
                exclusive(2, Fairness(linger=linger)), drawn(Spec.parse(spec), 2), Times(LOAD, STOP)
            )
            waits = [f"{report.waits.mean:.2f}", f"{report.waits.longest:.1f}"]
            rows.append([f"every {distance} s, linger {name}", str(report.loads), *waits])
    return laid_out(rows)


def rival_table() -> str:
    """Let one request come for another model while one is steadily busy."""
    busy, other = models_of(2)
    steady = [Request(0.2 * number, busy, SERVICE) for number in range(300)]
    trace = sorted([*steady, Request(10.0, other, SERVICE)])
    rows = [["one rival of a steadily busy model", "waits", "loads"]]
    for name, limit in (("0", 0.0), ("auto", None), ("1 s", 1.0)):
        report = simulate(exclusive(2, Fairness(max_wait=limit)), trace, Times(LOAD, STOP))
        waits = f"{report.models[other].waits.longest:.1f}"
        rows.append([f"maxWait {name}", waits, str(report.loads)])
    return laid_out(rows)


if __name__ == "__main__":
    main()
