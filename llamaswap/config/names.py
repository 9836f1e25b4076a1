"""Whom a name means while a file is checked, and how one is told that means nobody.

Pure. Names are exact; a model's id comes before an alias, and both come before
a peer's bare name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Self

from attrs import evolve, frozen

from llamaswap.config.conversions import quoted
from llamaswap.config.document import KeyPath, Problem, Report
from llamaswap.config.schema import ModelConfig
from llamaswap.config.sections import PeerConfig
from llamaswap.policy.near_names import suggestion
from llamaswap.policy.rules import ModelId
from llamaswap.policy.unread import EVERYTHING_READ, Unread

A_MODEL = "the id or an alias of a model"
"""What is expected where only our own models can be meant."""

A_BASE = "a model or a peer's model"
"""What is expected where peers' models can be meant, too."""

_UNLIKE_ANY = "unknown model {found}: expected {expected}"


def local_names(models: Mapping[ModelId, ModelConfig]) -> dict[str, ModelId]:
    """Return all ids and aliases with the models they mean."""
    names: dict[str, ModelId] = {}
    for model, config in models.items():
        for alias in config.aliases:
            names.setdefault(alias, model)
    return names | {str(model): model for model in models}


def misnamed(text: str, name: str, known: Iterable[str], *, expected: str = "") -> Problem:
    """Return the problem that ``name`` is none of ``known``.

    Args:
        text: the sentence; see `Problem`.
        name: what was found.
        known: what was possible.
        expected: that in words; ``text`` need not have a place for it.
    """
    hint = suggestion(name, known)
    joint = "; " if text.endswith("{expected}") else ", "
    return Problem(text, expected, quoted(name), hint, joint)


def unknown_model(name: str, known: Iterable[str], expected: str = A_MODEL) -> Problem:
    """Return the problem that ``name`` is none of ``known``, which are ``expected``."""
    problem = misnamed("unknown model {found}", name, known, expected=expected)
    # A name that is near says as well what was expected.
    return problem if problem.suggestion else evolve(problem, text=_UNLIKE_ANY)


def refuse_unknown(
    name: str,
    known: Iterable[str],
    unread: Unread,
    place: KeyPath,
    report: Report,
    expected: str = A_MODEL,
) -> None:
    """Tell that ``name`` is none of ``known``, unless a mistake may have hidden it."""
    if name in unread:
        report.taint(place)
    else:
        report.fault(place, unknown_model(name, known, expected))


def blank(what: str, name: str) -> Problem:
    """Return the problem that ``name``, which is ``what``, has no letter."""
    return Problem(f"{what} cannot be empty", "a name that is not blank", quoted(name))


@frozen
class Base:
    """What is left of a name when it has been resolved."""

    model: str
    peer: str | None = None
    """The peer whose model it is; ``None``: ours."""


@frozen
class BaseNames:
    """Every name of a local model or a peer's."""

    bases: Mapping[str, Base]
    unread: Unread = EVERYTHING_READ
    """Names that are not there because of a mistake."""

    @classmethod
    def of(
        cls,
        models: Mapping[ModelId, ModelConfig],
        peers: Mapping[str, PeerConfig],
        unread: Unread = EVERYTHING_READ,
    ) -> Self:
        """Collect all names; bare ones that several peers offer mean nobody."""
        full: dict[str, Base] = {}
        bare: dict[str, Base] = {}
        offered: dict[str, set[str]] = {}
        for peer, config in peers.items():
            for model in config.models:
                full.setdefault(full_name(peer, model), Base(model, peer))
                bare[model] = Base(model, peer)
                offered.setdefault(model, set()).add(peer)
        alone = {name: base for name, base in bare.items() if len(offered[name]) == 1}
        local = {name: Base(model) for name, model in local_names(models).items()}
        return cls(alone | full | local, unread)

    def resolve(self, name: str) -> Base | None:
        """Return what ``name`` means; ``None``: nobody is called that."""
        return self.bases.get(name)


def full_name(peer: str, model: str) -> str:
    """Return the name of a peer's model that no other peer can take."""
    return f"{peer}/{model}"
