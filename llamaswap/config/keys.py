"""Which keys there are: tells the unknown ones, and those without a behaviour yet.

Pure. Runs before structuring, over the whole document, sections that nobody
reads included. A key is *built* when some room acts on it.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import TypeAlias

from attrs import define, field

from llamaswap.config.document import KeyPath, Plain, Report, path_text

Keys: TypeAlias = "Mapping[str, Keys | None]"
"""The keys of a section and what may stand below each; ``None``: anything. The
key `ANY` stands for every name that the author may choose."""

ANY = "*"


def _leaves(names: str) -> dict[str, Keys | None]:
    return dict.fromkeys(names.split())


_TIMEOUTS = _leaves("connect keepalive responseHeader tlsHandshake expectContinue idleConn")
_GROUPS: Keys = {ANY: _leaves("swap exclusive persistent members")}
_MATRIX: Keys = _leaves("vars evict_costs sets")

_MODEL: Keys = _leaves(
    "cmd cmdStop proxy checkEndpoint ttl unloadTimeout aliases env name description unlisted "
    "useModelName concurrencyLimit sendLoadingState macros metadata healthCheckTimeout"
) | {
    "filters": _leaves("stripParams strip_params setParams setParamsByID"),
    "timeouts": _TIMEOUTS,
    "compat": _leaves("ignoreWebsockets"),
    "capabilities": _leaves("in out tools reranker context"),
}

_PEER: Keys = _leaves("proxy models apiKey") | {
    "filters": _leaves("stripParams setParams setParamsByID"),
    "timeouts": _TIMEOUTS,
}

_SELECTOR: Keys = _leaves("strategy targets name description unlisted metadata") | {
    "settings": _leaves("spillover"),
}

_ROUTING: Keys = {
    "router": {"use": None, "settings": {"groups": _GROUPS, "matrix": _MATRIX}},
    "scheduler": {"use": None, "settings": {"fifo": _leaves("priority")}},
}

TOP: Keys = _leaves(
    "macros healthCheckTimeout startPort globalTTL unloadTimeout logLevel logTimeFormat "
    "logToStdout logRequests metricsMaxInMemory captureBuffer sendLoadingState "
    "includeAliasesInList apiKeys"
) | {
    "models": {ANY: _MODEL},
    "store": _leaves("path"),
    "ui": {"activity": _leaves("session_id")},
    "performance": _leaves("disabled every"),
    "hooks": {"on_startup": _leaves("preload")},
    "upstream": _leaves("ignorePaths"),
    "groups": _GROUPS,
    "matrix": _MATRIX,
    "routing": _ROUTING,
    "peers": {ANY: _PEER},
    "selectors": {ANY: _SELECTOR},
    "profiles": {ANY: _leaves("description pins")},
}
"""All keys of the file."""

_UNBUILT: frozenset[KeyPath] = (
    frozenset(
        (name,)
        for name in _leaves(
            "apiKeys captureBuffer hooks includeAliasesInList logLevel logTimeFormat logToStdout "
            "matrix metricsMaxInMemory peers performance profiles selectors sendLoadingState store "
            "ui upstream"
        )
    )
    | frozenset(
        ("models", ANY, name)
        for name in _leaves("capabilities compat filters metadata sendLoadingState timeouts")
    )
    | {("routing", "scheduler")}
)


def survey(document: Mapping[str, Plain], report: Report) -> tuple[str, ...]:
    """Warn of unknown keys; return the paths of those that are known but not built."""
    walk = _Survey(report)
    walk.section(document, TOP, (), ())
    return tuple(walk.unbuilt)


@define
class _Survey:
    report: Report
    unbuilt: list[str] = field(factory=list[str], init=False)

    def section(
        self, values: Mapping[str, Plain], keys: Keys, path: KeyPath, pattern: KeyPath
    ) -> None:
        """Look at what stands at ``path``; ``pattern`` is the same with chosen names as `ANY`."""
        for key, value in values.items():
            name = key if key in keys else ANY
            if name not in keys:
                if not key.startswith("x-"):
                    self.report.warn((*path, key), f"unknown key {key!r}{_advice(key, keys)}")
                continue
            # Null says nothing, so it asks for no behaviour either.
            if (*pattern, name) in _UNBUILT and value is not None:
                self.unbuilt.append(path_text((*path, key)))
            below = keys[name]
            if below is not None and isinstance(value, dict):
                self.section(value, below, (*path, key), (*pattern, name))


def _advice(key: str, keys: Keys) -> str:
    # Other spellings of the same words first: ``cmd_stop``, ``globalTtl``.
    # Where two share their letters, the one that stands first is the one to advise.
    plain = {_folded(name): name for name in reversed(list(keys))}
    if near := difflib.get_close_matches(_folded(key), plain, n=1):
        return f", did you mean {plain[near[0]]!r}?"
    return ": it has no effect here"


def _folded(key: str) -> str:
    return key.replace("_", "").replace("-", "").lower()
