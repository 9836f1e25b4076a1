"""What the front of the house holds: the tables it reads, and whom it can ask.

The tables of one configuration are one frozen `Snapshot`; a reload swaps it in
one assignment, so no request sees half of two configurations.
"""

from __future__ import annotations

from collections.abc import Mapping
from time import time
from typing import Protocol

import trio
from attrs import define, field, frozen

from llamaswap.broadcast import Broadcast
from llamaswap.config.patterns import Pattern, compile_pattern
from llamaswap.config.schema import Config
from llamaswap.errors import Fault
from llamaswap.inbox import RouterClient
from llamaswap.observe.logs import LogBook
from llamaswap.policy.naming import Names, SelectorRule
from llamaswap.policy.plan import Change, Plan
from llamaswap.policy.rules import Strategy
from llamaswap.relay.client import Pool


@frozen
class Snapshot:
    """The tables of one configuration."""

    config: Config
    names: Names
    """While no profile is active."""

    profiled: Mapping[str, Names] = field(factory=dict[str, Names])
    """By profile: the names while it is active."""

    ignored_paths: tuple[Pattern, ...] = ()
    """Paths behind ``/upstream/<model>`` that load no model."""

    loaded_at: float = field(factory=time)
    """Unix time, for people."""

    @classmethod
    def of(cls, config: Config) -> Snapshot:
        """Make the tables that requests are looked up in."""
        aliases = {model: entry.aliases for model, entry in config.models.items()}
        names = Names.of(aliases, _selector_rules(config))
        profiled = {name: names.under(profile.pins) for name, profile in config.profiles.items()}
        ignored = tuple(map(compile_pattern, config.upstream.ignore_paths))
        return cls(config, names, profiled, ignored)


def _selector_rules(config: Config) -> dict[str, SelectorRule]:
    return {
        name: SelectorRule(
            Strategy(selector.strategy), selector.targets, selector.settings.spillover
        )
        for name, selector in config.selectors.items()
    }


class Reloading(Protocol):
    """The sending end of whoever reloads."""

    async def reload(self) -> Plan:
        """Read the configuration again, and return when it is in force."""
        ...

    async def foresee(self, config: Config | None) -> tuple[Change, ...]:
        """Say what putting ``config``, or what stands in the files, in force would do."""
        ...


@define(eq=False)
class Front:
    """What every handler is given."""

    snapshot: Snapshot
    router: RouterClient
    pool: Pool
    book: LogBook
    leaving: trio.Event = field(factory=trio.Event)
    """Set when the program leaves: feeds end, new requests are refused."""

    reloader: Reloading | None = None
    """``None``: a program gave the configuration, and gives the next one."""

    faults: tuple[Fault, ...] | None = None
    """Why the configuration that was tried last is not in force; ``None``: it is."""

    changes: Broadcast[None] = field(factory=Broadcast[None])
    """Told when the state of a model or the configuration has changed: time to look."""

    _profile: str | None = field(default=None, init=False)
    """The one that was chosen last."""

    @property
    def profile(self) -> str | None:
        """The active profile.

        A reload keeps it, other than in the reference; but it is only active while
        the configuration has it.
        """
        return self._profile if self._profile in self.snapshot.profiled else None

    @property
    def names(self) -> Names:
        """Whom names mean in requests, by the active profile."""
        profile = self.profile
        return self.snapshot.names if profile is None else self.snapshot.profiled[profile]

    def choose_profile(self, profile: str | None) -> None:
        """Make ``profile``, or none, the active one."""
        before, self._profile = self.profile, profile
        if self.profile != before:
            self.changes.tell(None)
