"""Each reason is the end of a sentence."""

from __future__ import annotations

import pytest

from llamaswap.policy.reasons import Reason, Why


@pytest.mark.parametrize("why", Why)
def test_each_has_a_sentence_without_a_gap(why: Why) -> None:
    said = str(Reason(why, ("ant", "bee"), 2, 1.5))

    assert said
    assert "{" not in said


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        (Reason(Why.WANTED, requests=3), "requests waiting: 3"),
        (Reason(Why.ROOM, ("ant",), 1), "makes room for ant"),
        (Reason(Why.IDLE, seconds=60.0), "idle for 60 s"),
        (Reason(Why.SERVING, ("ant", "bee")), "ant and bee must make room and still serves"),
        (Reason(Why.VACATING, ("a", "b", "c")), "a, b and c must be gone first and will be soon"),
    ],
)
def test_it_names_whom_it_is_about(reason: Reason, said: str) -> None:
    assert str(reason) == said
