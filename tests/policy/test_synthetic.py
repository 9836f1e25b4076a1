"""Traffic from a description."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llamaswap.policy.rules import ModelId
from llamaswap.policy.simulation import Request
from llamaswap.policy.synthetic import Kind, Spec, SpecError, traffic

MODELS = tuple(ModelId(name) for name in ("a", "b", "c", "d"))


def drawn(text: str, models: tuple[ModelId, ...] = MODELS) -> list[Request]:
    spec = Spec.parse(text)
    return list(traffic(spec, models, Random(spec.seed).random))  # noqa: S311


def test_a_description_is_read() -> None:
    text = "zipf: models=3, requests=50,seconds=9.5,service=0.5,skew=2,seed=7"

    assert Spec.parse(text) == Spec(Kind.ZIPF, 3, 50, 9.5, 0.5, 2.0, seed=7)
    assert Spec.parse("sessions:length=5,interruptions=0.5") == Spec(
        Kind.SESSIONS, length=5, interruptions=0.5
    )
    assert Spec.parse("random") == Spec.parse("random:") == Spec(Kind.RANDOM)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("ziff", "unknown kind of traffic 'ziff', did you mean 'zipf'?"),
        ("", "unknown kind of traffic '': expected random, zipf, pair, sessions"),
        ("zipf:request=1", "unknown setting 'request', did you mean 'requests'?"),
        (
            "zipf:kind=1",
            "unknown setting 'kind': expected models, requests, seconds, service, skew",
        ),
        ("zipf:models", "expected name=value, found 'models'"),
        ("zipf:models=2,", "expected name=value, found ''"),
        ("zipf:models=0", "invalid models '0': expected a whole number of at least 1"),
        ("zipf:models=2.5", "invalid models '2.5': expected a whole number of at least 1"),
        ("zipf:seconds=-1", "invalid seconds '-1': expected a number from 0 to 1,000,"),
        ("zipf:seconds=inf", "invalid seconds 'inf': expected a number from 0 to 1,000,"),
        ("zipf:seconds=nan", "invalid seconds 'nan': expected a number from 0 to 1,000,"),
        ("sessions:interruptions=2", "invalid interruptions '2': expected a number from 0 to 1"),
        ("zipf:models=5", "5 models are to be asked, but there are 4"),
    ],
)
def test_what_cannot_be_understood_is_told(text: str, problem: str) -> None:
    with pytest.raises(SpecError) as told:
        drawn(text)

    assert str(told.value).startswith(problem)


def test_nobody_can_be_asked_where_there_is_nobody() -> None:
    with pytest.raises(SpecError, match="but there are 0"):
        drawn("random", ())


def test_a_pair_takes_turns_at_equal_distances() -> None:
    a, b = MODELS[:2]

    assert drawn("pair:requests=4,seconds=8,service=3") == [
        Request(0.0, a, 3.0),
        Request(2.0, b, 3.0),
        Request(4.0, a, 3.0),
        Request(6.0, b, 3.0),
    ]
    assert {request.model for request in drawn("pair:models=3,requests=9")} == set(MODELS[:3])


@given(
    st.sampled_from([kind.value for kind in Kind]),
    st.integers(1, 4),
    st.integers(1, 60),
    st.integers(0, 99),
)
def test_the_same_seed_gives_the_same_requests_in_order(
    kind: str, models: int, requests: int, seed: int
) -> None:
    text = f"{kind}:models={models},requests={requests},seconds=30,seed={seed}"
    found = drawn(text)

    assert found == drawn(text)
    assert len(found) == requests
    assert all(one.moment <= other.moment for one, other in pairwise(found))
    assert all(0 <= request.moment < 30 for request in found)
    assert {request.model for request in found} <= set(MODELS[:models])


def shares(text: str) -> list[float]:
    counts = Counter(request.model for request in drawn(f"{text},requests=20000"))
    return [counts[model] / 20000 for model in MODELS]


def test_how_often_each_is_asked() -> None:
    assert shares("random:seed=1") == pytest.approx([0.25] * 4, abs=0.02)
    # 1 : 1/2 : 1/3 : 1/4
    assert shares("zipf:seed=1") == pytest.approx([0.48, 0.24, 0.16, 0.12], abs=0.02)
    assert shares("zipf:skew=0") == pytest.approx([0.25] * 4, abs=0.02)


def test_a_session_stays_with_one_model_but_for_interruptions() -> None:
    def changes(text: str) -> float:
        found = [request.model for request in drawn(f"sessions:requests=20000,{text}")]
        return sum(one != other for one, other in pairwise(found)) / 20000

    # Whoever is drawn anew is the same one in a quarter of the cases.
    assert changes("length=20,interruptions=0") == pytest.approx(0.05 * 0.75, abs=0.01)
    assert changes("length=1,interruptions=0") == pytest.approx(0.75, abs=0.02)
    assert changes("length=20000,interruptions=0.1") == pytest.approx(0.15 * 0.9, abs=0.03)
