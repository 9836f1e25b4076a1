"""Which keys there are: tells the unknown ones, and those without a behaviour yet.

Pure. Runs before structuring, over the whole document, sections that nobody
reads included. A key is *built* when some room acts on it.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias, get_args

from attrs import define, field, has

from llamaswap.config.document import KeyPath, Plain, Problem, Report
from llamaswap.config.fields import keys_of
from llamaswap.config.schema import OLD_STRIP_PARAMS, Config, FiltersConfig

Keys: TypeAlias = "Mapping[str, Keys | None]"
"""The keys of a section and what may stand below each; ``None``: anything. The
key `ANY` stands for every name that the author may choose."""

ANY = "*"


def _below(kind: Any) -> Keys | None:
    """Return the keys that a type of the schema knows."""
    if has(kind):
        old = (OLD_STRIP_PARAMS,) if kind is FiltersConfig else ()
        return {info.name: _below(info.kind) for info in keys_of(kind)} | dict.fromkeys(old)
    # ``X | None`` and mappings of names to sections; of all else nothing is known.
    for part in get_args(kind):
        if (below := _below(part)) is not None:
            return {ANY: below} if type(None) not in get_args(kind) else below
    return None


def _flat(names: str, *above: str) -> Iterator[KeyPath]:
    yield from ((*above, name) for name in names.split())


TOP: Keys = _below(Config) or {}
"""All keys of the file."""

UNBUILT: frozenset[KeyPath] = frozenset(
    (
        *_flat(
            "apiKeys captureBuffer includeAliasesInList logLevel logTimeFormat logToStdout "
            "metricsMaxInMemory peers performance sendLoadingState store ui"
        ),
        *_flat("capabilities compat filters metadata sendLoadingState timeouts", "models", ANY),
    )
)
"""The keys that are known, and on which no room acts yet."""


def survey(document: Mapping[str, Plain], report: Report) -> tuple[KeyPath, ...]:
    """Warn of unknown keys; return the paths of those that are known but not built."""
    walk = _Survey(report)
    walk.section(document, TOP, (), ())
    return tuple(walk.unbuilt)


@define
class _Survey:
    report: Report
    unbuilt: list[KeyPath] = field(factory=list[KeyPath], init=False)

    def section(
        self, values: Mapping[str, Plain], keys: Keys, path: KeyPath, pattern: KeyPath
    ) -> None:
        """Look at what stands at ``path``; ``pattern`` is the same with chosen names as `ANY`."""
        for key, value in values.items():
            name = key if key in keys else ANY
            if name not in keys:
                if not key.startswith("x-"):
                    self.report.warn((*path, key), _unknown(key, keys))
                continue
            # Null says nothing, so it asks for no behaviour either.
            if (*pattern, name) in UNBUILT and value is not None:
                self.unbuilt.append((*path, key))
            below = keys[name]
            if below is not None and isinstance(value, dict):
                self.section(value, below, (*path, key), (*pattern, name))


def _unknown(key: str, keys: Keys) -> Problem:
    # Other spellings of the same words first: ``cmd_stop``, ``globalTtl``.
    # Where two share their letters, the one that stands first is the one to advise.
    plain = {_folded(name): name for name in reversed(list(keys))}
    if near := difflib.get_close_matches(_folded(key), plain, n=1):
        hint = f"did you mean {plain[near[0]]!r}?"
        return Problem("unknown key {found}", "", repr(key), hint, joint=", ")
    return Problem("unknown key {found}: it has no effect here", found=repr(key))


def _folded(key: str) -> str:
    return key.replace("_", "").replace("-", "").lower()
