"""The rules of a fleet: without a word, everything is as in the reference, but fair."""

from __future__ import annotations

from llamaswap.policy.eviction import Groups
from llamaswap.policy.rules import Fairness, Fleet, ModelId, ModelRule

A = ModelId("a")


def test_the_defaults_are_those_of_the_configuration() -> None:
    fleet = Fleet({A: ModelRule("run a")}, Groups.of((), [A]))

    assert fleet.models[A] == ModelRule("run a", 10, None, 0, None)
    assert fleet.fairness == Fairness(None, None, 0.0, None)
