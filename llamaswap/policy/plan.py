"""What a reload does to each model.

A pure comparison of two sets of rules. Only what it takes to run the process
counts: a new limit or alias keeps it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Literal, TypeAlias

from attrs import frozen

from llamaswap.policy.rules import ModelId, ModelRule


@frozen
class Plan:
    """Every model of the old and the new configuration, in one of four lists; each sorted."""

    keep: tuple[ModelId, ...] = ()
    """In both, with equal processes: nothing happens to the process."""

    replace: tuple[ModelId, ...] = ()
    """In both, with different processes: the old process must go first."""

    remove: tuple[ModelId, ...] = ()
    """Only in the old one."""

    add: tuple[ModelId, ...] = ()
    """Only in the new one."""


Step: TypeAlias = Literal["keep", "replace", "remove", "add"]
"""What happens to one model; the words are those of `Plan`."""


@frozen
class Change:
    """What a reload would do to one model, and why. Names parts, never their values."""

    model: ModelId
    step: Step
    process: tuple[str, ...] = ()
    """The parts of the process that differ: why it is replaced, and empty otherwise."""

    at_once: tuple[str, ...] = ()
    """What else differs; it changes at once and leaves the process alone."""


def assign_ports(
    wanted: Iterable[ModelId],
    start: int,
    old: Mapping[ModelId, int] | None = None,
    kept: Collection[ModelId] = (),
) -> dict[ModelId, int]:
    """Give every model that wants one a port.

    Args:
        wanted: those that want one.
        start: the first number to give out.
        old: who had which number. The processes of all of them may still run, so a
            number goes to nobody else.
        kept: those whose process stays, and so its number.

    Returns:
        The numbers; with nothing old, one after the other in the order of ids.
    """
    old = old or {}
    owners = {number: model for model, number in old.items()}
    ports: dict[ModelId, int] = {}
    number = start
    for model in sorted(wanted):
        if model in kept and model in old:
            ports[model] = old[model]
            continue
        while owners.get(number, model) != model:
            number += 1
        ports[model] = number
        number += 1
    return ports


def plan(old: Mapping[ModelId, ModelRule], new: Mapping[ModelId, ModelRule]) -> Plan:
    """Say what turns ``old`` into ``new``."""
    both = sorted(old.keys() & new.keys())
    equal = [model for model in both if old[model].process == new[model].process]
    return Plan(
        keep=tuple(equal),
        replace=tuple(sorted(set(both) - set(equal))),
        remove=tuple(sorted(old.keys() - new.keys())),
        add=tuple(sorted(new.keys() - old.keys())),
    )
