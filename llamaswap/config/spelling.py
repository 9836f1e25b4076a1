"""Warns of values that YAML re-spells where a text is expected: ``1.10`` becomes ``1.1``.

Pure. Runs over one file, whose report knows the spellings; what a value is for
is asked of the schema.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import UnionType
from typing import Any, Union, get_args, get_origin

from attrs import has

from llamaswap.config.document import KeyPath, Problem, Report
from llamaswap.config.fields import keys_of
from llamaswap.config.redaction import secret_depth
from llamaswap.config.schema import Config


def warn_respelled(report: Report) -> None:
    """Warn of the re-spelled values that stand where the schema has a text."""
    for path, (spelled, text) in report.spellings.items():
        if kind_at(path) is str:
            hint = "quote it to keep it as it is"
            told = Problem("{found} is read as {detail}", "", spelled, hint, detail=repr(text))
            if secret_depth(path) is not None:
                told = Problem("the number is read as another text", suggestion=hint)
            report.warn(path, told)


def kind_at(path: KeyPath) -> Any:
    """Return the type that the schema has at ``path``; ``None``: it knows nothing there."""
    kind: Any = Config
    for step in path:
        kind = _below(kind, step)
    return _single(kind)


def _below(kind: Any, step: str | int) -> Any:
    kind = _single(kind)
    if has(kind):
        return next((info.kind for info in keys_of(kind) if info.name == step), None)
    if get_origin(kind) is Mapping:
        return get_args(kind)[1]
    return get_args(kind)[0] if get_origin(kind) is tuple else None


def _single(kind: Any) -> Any:
    """Return ``X`` for ``X | None`` and for a name of ``X``; ``None`` for other unions."""
    if get_origin(kind) in (Union, UnionType):
        kinds = [part for part in get_args(kind) if part is not type(None)]
        kind = kinds[0] if len(kinds) == 1 else None
    return getattr(kind, "__supertype__", kind)
