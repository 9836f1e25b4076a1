"""Which model a name means.

Names are exact and case-sensitive; an id wins over an alias.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Self
from urllib.parse import unquote

from attrs import frozen

from llamaswap.policy.rules import ModelId

_SLASH = re.compile("/|%2F", re.IGNORECASE)
"""Ids with slashes may come encoded; both ways end a segment."""


@frozen
class Names:
    """All names of all models."""

    models: tuple[ModelId, ...]
    """All ids, sorted."""

    _model_of: Mapping[str, ModelId]
    _most_slashes: int
    """In any name. Longer runs of segments need no look, however long the path is."""

    @classmethod
    def of(cls, models: Mapping[ModelId, Iterable[str]]) -> Self:
        """Collect the names of ``models``, a mapping from ids to aliases."""
        model_of: dict[str, ModelId] = {}
        for model, aliases in models.items():
            for alias in aliases:
                model_of.setdefault(alias, model)
        model_of |= {model: model for model in models}
        return cls(
            tuple(sorted(models)), model_of, max((name.count("/") for name in model_of), default=0)
        )

    def resolve(self, name: str) -> ModelId | None:
        """Return the model that is called ``name``, by id or alias."""
        return self._model_of.get(name)

    def split_path(self, path: str) -> tuple[ModelId, str] | None:
        """Find the model at the head of a path: the longest run of segments that names one.

        Args:
          path: what follows ``/upstream/``, percent-encoded as it came.

        Returns:
          The model, and the path behind its name with its encoding kept: empty
          if nothing followed, else with a slash in front. ``None`` if no model
          is named.
        """
        ends = [slash.start() for slash in islice(_SLASH.finditer(path), self._most_slashes + 1)]
        if len(ends) <= self._most_slashes:
            ends.append(len(path))
        for end in reversed(ends):
            model = self.resolve(unquote(path[:end]))
            if model is not None:
                rest = path[end:]
                # ``ant%2Fx`` names ant too; an upstream gets ``/%2Fx``.
                return model, rest if rest[:1] in {"", "/"} else f"/{rest}"
        return None
