"""Who must leave for whom.

Pure functions from a wanted model and the running ones to those that must be
gone. An alternative to `Groups` has the same signature (`EvictionPolicy`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import Self

from attrs import frozen

from llamaswap.policy.rules import Choice, ModelId

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

    _group_of: Mapping[ModelId, GroupRule]
    _spared: Mapping[str, frozenset[ModelId] | None]
    """By group: the models that its members never stop; ``None``: they stop nobody."""

    @classmethod
    def of(cls, rules: Iterable[GroupRule], models: Iterable[ModelId]) -> Self:
        """Make the policy; ``models`` without a group form `DEFAULT_GROUP`."""
        models = tuple(models)
        rules = tuple(rules)
        rules += (default_group(rules, models),)
        group_of = {member: rule for rule in rules for member in rule.members}
        persistent = {member for rule in rules if rule.persistent for member in rule.members}
        spared: dict[str, frozenset[ModelId] | None] = {}
        for rule in rules:
            if rule.exclusive:
                own: set[ModelId] = set() if rule.swap else set(rule.members)
                spared[rule.name] = frozenset(persistent.difference(rule.members) | own)
            else:
                spared[rule.name] = frozenset(group_of.keys() - rule.members) if rule.swap else None
        return cls(group_of, spared)

    def __call__(
        self,
        wanted: ModelId,
        running: AbstractSet[ModelId],
        leaving: AbstractSet[ModelId] = frozenset(),
    ) -> frozenset[ModelId]:
        """Return the members of ``running`` that must be gone before ``wanted`` may run."""
        del leaving  # each is judged by itself
        group = self._group_of[wanted]
        spared = self._spared[group.name]
        if spared is None:
            return _NOBODY
        # The one that a reload removed and that still winds down is in no group.
        evict = running - spared
        if not group.exclusive:
            evict &= self._group_of.keys()
        return frozenset(evict - {wanted})

    def choices(
        self, wanted: ModelId, running: Collection[ModelId], leaving: Collection[ModelId] = ()
    ) -> tuple[Choice, ...]:
        """Return the only choice that there is."""
        evict = self(wanted, frozenset(running), frozenset(leaving))
        together = tuple(sorted((set(running) | {wanted}) - evict))
        name = self._group_of[wanted].name
        return (Choice(name, None, together, tuple(sorted(evict)), len(evict)),)


_NOBODY: frozenset[ModelId] = frozenset()
