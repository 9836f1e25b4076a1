"""What schedulers are compared with, on traces that are small enough to see through."""

from __future__ import annotations

from itertools import pairwise
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from llamaswap.policy.simulation import Request, Times, play
from tests.bench.offline import FirstComeFirstServed, Hindsight, Job, Score, Visit
from tests.policy.words import A, B, C

JOBS = [Job(10, A, 1), Job(11, B, 1), Job(14, A, 1)]


def test_a_plan_is_carried_out() -> None:
    plans = Hindsight(JOBS, load=2, stop=1)

    # A 10-12, serves till 13; stop and load till 16, B till 17; till 20, A till 21.
    assert plans.score([]) == Score(11, (2 + 5 + 6) / 3, 6, 3)
    # A stays: it serves the second one 14-15; B is ready at 18.
    assert plans.score([Visit(A, 2.5)]) == Score(9, (2 + 0 + 7) / 3, 7, 2)


def test_the_best_plan_of_a_small_trace_is_found() -> None:
    plans = Hindsight(JOBS, load=2, stop=1)

    # Idle at first: B 13-14, A 17-18. That takes one load less at the end.
    assert plans.search(Random(1), "makespan", 3, 50) == Score(8, (2 + 7 + 3) / 3, 7, 2)  # noqa: S311
    # Both loads, one stop, and a service of each, one after the other.
    assert plans.least_makespan() == 2 + 1 + (1 + 2) + 1


TRACES = st.lists(
    st.builds(Job, st.floats(0, 9), st.sampled_from([A, B, C]), st.floats(0.1, 2)), min_size=1
).map(sorted)


@given(TRACES, st.floats(0, 3), st.floats(0, 1), st.integers(0, 99))
def test_no_plan_beats_the_bound(jobs: list[Job], load: float, stop: float, seed: int) -> None:
    plans = Hindsight(jobs, load, stop)
    found = plans.search(Random(seed), "makespan", 2, 10)  # noqa: S311

    assert found.makespan >= plans.least_makespan() - 1e-9
    assert found.loads >= len({job.model for job in jobs})
    assert 0 <= found.mean_wait <= found.longest + 1e-9


@given(TRACES, st.floats(0, 3), st.floats(0, 1))
def test_first_come_is_first_served(jobs: list[Job], load: float, stop: float) -> None:
    requests = [Request(*job) for job in jobs]
    report = play(FirstComeFirstServed(), [A, B, C], requests, Times(load, stop))

    assert report.served == len(jobs)
    changes = sum(one.model != other.model for one, other in pairwise(jobs))
    assert report.loads == changes + 1
    assert report.makespan >= Hindsight(jobs, load, stop).least_makespan() - 1e-9
