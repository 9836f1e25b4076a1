from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llamaswap.policy.eviction import GroupRule, Groups
from llamaswap.policy.rules import ModelId

A, B, C, D, E, F = (ModelId(name) for name in "abcdef")
REMOVED = ModelId("removed")

GROUPS = Groups.of(
    [
        GroupRule("swap", (A, B)),
        GroupRule("free", (C, D), swap=False, exclusive=False),
        GroupRule("kept", (E,), exclusive=False, persistent=True),
    ],
    [A, B, C, D, E, F],
)


@pytest.mark.parametrize(
    ("wanted", "running", "evicted"),
    [
        (A, {B}, {B}),
        (A, {A}, set[ModelId]()),
        (A, set[ModelId](), set[ModelId]()),
        (C, {D}, set[ModelId]()),
        (A, {C, D}, {C, D}),
        (C, {A, F}, set[ModelId]()),
        (A, {E}, set[ModelId]()),
        (E, {A, C}, set[ModelId]()),
        (F, {A, C, E}, {A, C}),
        (F, {REMOVED}, {REMOVED}),
        (C, {REMOVED}, set[ModelId]()),
    ],
    ids=[
        "members of a swap group stop each other",
        "a model does not stop itself",
        "nobody runs",
        "members of a free group run together",
        "an exclusive group stops others",
        "a group that is not exclusive stops nobody",
        "a persistent group is not stopped by others",
        "a persistent group that is not exclusive stops nobody",
        "models in no group are an exclusive group that swaps",
        "an exclusive group stops what a reload has removed",
        "a group that is not exclusive does not",
    ],
)
def test_groups(wanted: ModelId, running: set[ModelId], evicted: set[ModelId]) -> None:
    assert GROUPS.at(running)(wanted) == evicted


@given(st.sampled_from([A, B, C, D, E, F]), st.frozensets(st.sampled_from([A, B, C, D, E, F])))
def test_only_others_that_run_are_evicted(wanted: ModelId, running: frozenset[ModelId]) -> None:
    assert GROUPS.at(running)(wanted) <= running - {wanted}
