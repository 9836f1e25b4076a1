"""Who must leave for whom.

Pure functions from a wanted model and the running ones to those that must be
gone. An alternative to `Groups` has the same signature (`EvictionPolicy`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Self

from attrs import frozen

from llamaswap.policy.messages import ModelId

DEFAULT_GROUP = "(default)"
"""The group of all models that are named in no other."""


@frozen
class GroupRule:
    """One group: which of its members, and of other groups', may run together."""

    name: str
    members: tuple[ModelId, ...] = ()
    swap: bool = True
    """Only one member runs at a time."""

    exclusive: bool = True
    """Starting a member stops the members of all groups that are not persistent."""

    persistent: bool = False
    """Members are not stopped by other groups."""


def default_group(rules: Iterable[GroupRule], models: Iterable[ModelId]) -> GroupRule:
    """Return the group of those ``models`` that are in none of ``rules``; it may be empty."""
    grouped = {member for rule in rules for member in rule.members}
    return GroupRule(DEFAULT_GROUP, tuple(sorted(set(models) - grouped)))


@frozen
class Groups:
    """The eviction policy of groups.

    Exclusivity is a matter of the wanted model's group alone: a model of a
    group that is not exclusive starts beside whatever runs, an exclusive one
    included, and the exclusive one's next request evicts it again.
    """

    _group_of: dict[ModelId, GroupRule]

    @classmethod
    def of(cls, rules: Iterable[GroupRule], models: Iterable[ModelId]) -> Self:
        """Make the policy; ``models`` without a group form `DEFAULT_GROUP`."""
        rules = tuple(rules)
        default = default_group(rules, models)
        return cls({member: rule for rule in (*rules, default) for member in rule.members})

    def __call__(self, wanted: ModelId, running: frozenset[ModelId]) -> frozenset[ModelId]:
        """Return the members of ``running`` that must be gone before ``wanted`` may run."""
        group = self._group_of[wanted]
        return frozenset(model for model in running - {wanted} if self._must_go(model, group))

    def _must_go(self, model: ModelId, wanted: GroupRule) -> bool:
        group = self._group_of.get(model)
        if group is None:
            # A model that a reload removed and that still winds down.
            return wanted.exclusive
        if group.name == wanted.name:
            return wanted.swap
        return wanted.exclusive and not group.persistent
