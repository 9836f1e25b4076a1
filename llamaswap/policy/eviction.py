"""Who must leave for whom.

Pure: from a wanted model and the running ones to those that must be gone. An
alternative to `Groups` is an `EvictionPolicy`, like `matrix.Matrix`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import Self

from attrs import define, field, frozen

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

    group_of: Mapping[ModelId, GroupRule]
    _spared: Mapping[str, frozenset[ModelId]]
    """By exclusive group: the models that its members never stop."""

    @classmethod
    def of(cls, rules: Iterable[GroupRule], models: Iterable[ModelId]) -> Self:
        """Make the policy; ``models`` without a group form `DEFAULT_GROUP`."""
        models = tuple(models)
        rules = tuple(rules)
        rules += (default_group(rules, models),)
        group_of = {member: rule for rule in rules for member in rule.members}
        persistent = {member for rule in rules if rule.persistent for member in rule.members}
        spared: dict[str, frozenset[ModelId]] = {}
        for rule in rules:
            if rule.exclusive:
                own: set[ModelId] = set() if rule.swap else set(rule.members)
                spared[rule.name] = frozenset(persistent.difference(rule.members) | own)
        return cls(group_of, spared)

    @property
    def effort(self) -> int:
        """What a question costs: there is no cheaper sort."""
        return 1

    def at(
        self, running: AbstractSet[ModelId], leaving: AbstractSet[ModelId] = frozenset()
    ) -> GroupSituation:
        """Answer for the moment at which ``running`` run; ``leaving`` makes no difference."""
        del leaving  # each is judged by itself
        return GroupSituation(self, frozenset(running))

    def stopped_by(self, group: GroupRule, running: frozenset[ModelId]) -> frozenset[ModelId]:
        """Return those of ``running`` that a member of ``group`` stops, itself included."""
        if group.exclusive:
            # The one that a reload removed and that still winds down is in no group.
            return running - self._spared[group.name]
        return running & frozenset(group.members) if group.swap else _NOBODY


@define(eq=False)
class GroupSituation:
    """What the groups say while the same models run."""

    _groups: Groups
    _running: frozenset[ModelId]
    _stopped: dict[str, frozenset[ModelId]] = field(
        factory=dict[str, frozenset[ModelId]], init=False
    )
    """By group: equal answers are one object."""

    def __call__(self, wanted: ModelId) -> frozenset[ModelId]:
        """Return those that run and must be gone before ``wanted`` may."""
        group = self._groups.group_of[wanted]
        stopped = self._stopped.get(group.name)
        if stopped is None:
            stopped = self._stopped[group.name] = self._groups.stopped_by(group, self._running)
        return stopped - {wanted} if wanted in stopped else stopped

    def would_evict(self, wanted: ModelId, newcomer: ModelId) -> bool:
        """Say whether ``newcomer``, had it come first, would have to be gone for ``wanted``."""
        group = self._groups.group_of[wanted]
        return bool(self._groups.stopped_by(group, frozenset({newcomer})))

    def tolerates(self, wanted: ModelId, others: AbstractSet[ModelId]) -> bool:
        """Say whether ``wanted`` stops none of ``others``."""
        return not self._groups.stopped_by(self._groups.group_of[wanted], frozenset(others))

    def choices(self, wanted: ModelId) -> tuple[Choice, ...]:
        """Return the only choice that there is."""
        evict = self(wanted)
        together = tuple(sorted((self._running | {wanted}) - evict))
        name = self._groups.group_of[wanted].name
        return (Choice(name, None, together, tuple(sorted(evict)), len(evict)),)


_NOBODY: frozenset[ModelId] = frozenset()
