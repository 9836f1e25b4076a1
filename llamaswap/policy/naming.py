"""Whom a name means: a model, or a selector's choice of several.

Names are exact and case-sensitive. A pin of the active profile comes first,
then a selector, a model's id, an alias; a pin leads to any of these, and not to
another pin.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Self, TypeVar
from urllib.parse import quote, unquote

from attrs import evolve, field, frozen

from llamaswap.policy.rules import ModelId, Selection, Strategy

_SLASH = re.compile("/|%2F", re.IGNORECASE)
"""Ids with slashes may come encoded; both ways end a segment."""

T = TypeVar("T")


@frozen
class SelectorRule:
    """A name for several models, as it was written."""

    strategy: Strategy
    targets: tuple[str, ...]
    """Ids or aliases, the preferred ones first."""

    spillover: int = 1


@frozen
class Meaning:
    """Whom a name means."""

    wanted: ModelId | Selection
    name: str
    """The name that was resolved: the client's own, or what a pin has made of it."""

    spelled: Mapping[ModelId, str] = field(factory=dict[ModelId, str])
    """The names of a selector's targets, as they were written."""

    def name_of(self, model: ModelId) -> str:
        """Return the name that ``model``, once it is chosen, goes by in the request."""
        return self.spelled.get(model, self.name)


@frozen
class Names:
    """All names of all models and selectors, while one profile is active or none."""

    models: tuple[ModelId, ...]
    """All ids, sorted."""

    _model_of: Mapping[str, ModelId]
    _most_slashes: int
    """In any name. Longer runs of segments need no look, however long the path is."""

    _meanings: Mapping[str, Meaning]
    """Of all these names, and of selectors: made once, because each request asks."""

    _pins: Mapping[str, str | None] = field(factory=dict[str, "str | None"])

    @classmethod
    def of(
        cls,
        models: Mapping[ModelId, Iterable[str]],
        selectors: Mapping[str, SelectorRule] | None = None,
    ) -> Self:
        """Collect the names of ``models``, a mapping from ids to aliases, and of ``selectors``.

        Targets of selectors that nobody is called are left out.
        """
        model_of: dict[str, ModelId] = {}
        for model, aliases in models.items():
            for alias in aliases:
                model_of.setdefault(alias, model)
        model_of |= {model: model for model in models}
        meanings = {name: Meaning(model, name) for name, model in model_of.items()}
        for name, rule in (selectors or {}).items():
            if spelled := _spelled(rule.targets, model_of):
                selection = Selection(name, rule.strategy, tuple(spelled), rule.spillover)
                meanings[name] = Meaning(selection, name, spelled)
        return cls(tuple(sorted(models)), model_of, _most_slashes(model_of), meanings)

    def under(self, pins: Mapping[str, str | None]) -> Self:
        """Return the names while a profile with these ``pins`` is active."""
        return evolve(self, pins=pins)

    def is_disabled(self, name: str) -> bool:
        """Say whether the active profile lets nobody be called ``name``."""
        return name in self._pins and not self._pins[name]

    def meaning(self, name: str) -> Meaning | None:
        """Return whom ``name`` means; ``None``: nobody."""
        return self._meanings.get(self._pins.get(name, name) or "")

    def resolve(self, name: str) -> ModelId | None:
        """Return the model that is called ``name``, by id or alias, whatever the profile says."""
        return self._model_of.get(name)

    def split_path(self, path: str) -> tuple[ModelId, str] | None:
        """Find the model at the head of a path: the longest run of segments that names one.

        Selectors are not looked at. The longest pin is, before that.

        Args:
          path: what follows ``/upstream/``, percent-encoded as it came.

        Returns:
          The model, and the path behind its name with its encoding kept: empty
          if nothing followed, else with a slash in front. ``None`` if no model
          is named.
        """
        if self._pins:
            pinned = _longest_name(path, self._pins, _most_slashes(self._pins))
            if pinned is not None:
                target, rest = pinned
                path = quote(target or "", safe="") + rest
        found = _longest_name(path, self._model_of, self._most_slashes)
        if found is None:
            return None
        model, rest = found
        # ``ant%2Fx`` names ant too; an upstream gets ``/%2Fx``.
        return model, rest if rest[:1] in {"", "/"} else f"/{rest}"


def _spelled(targets: Iterable[str], model_of: Mapping[str, ModelId]) -> dict[ModelId, str]:
    """Return the models that ``targets`` mean, each with the first of its names there."""
    spelled: dict[ModelId, str] = {}
    for target in targets:
        if target in model_of:
            spelled.setdefault(model_of[target], target)
    return spelled


def _most_slashes(names: Iterable[str]) -> int:
    return max((name.count("/") for name in names), default=0)


def _longest_name(path: str, names: Mapping[str, T], most_slashes: int) -> tuple[T, str] | None:
    """Find the longest run of segments that is one of ``names``.

    Returns:
      What the name stands for, and the rest of the path.
    """
    ends = [slash.start() for slash in islice(_SLASH.finditer(path), most_slashes + 1)]
    if len(ends) <= most_slashes:
        ends.append(len(path))
    for end in reversed(ends):
        name = unquote(path[:end])
        if name in names:
            return names[name], path[end:]
    return None
