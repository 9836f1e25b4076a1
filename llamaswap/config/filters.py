"""``filters``: parameters that are removed or set, and the names that choose them.

Pure. A name under ``setParamsByID`` is the one kind of key in which macros and
the port are filled in, and it becomes an alias of its model.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from attrs import evolve

from llamaswap.config.conversions import quoted
from llamaswap.config.document import KeyPath, Plain, Problem, Report
from llamaswap.config.schema import OLD_STRIP_PARAMS, ModelConfig
from llamaswap.policy.rules import ModelId

BY_ID: KeyPath = ("filters", "setParamsByID")

UNSHARED = "a name that no other model has"
"""What is expected of an alias."""


def stripped_parameters(text: str) -> tuple[str, ...]:
    """Return what ``stripParams`` removes, sorted; never the model's name."""
    names = {name.strip() for name in text.split(",")}
    return tuple(sorted(names - {"", "model"}))


def translate_old(value: Plain, path: KeyPath, report: Report) -> Plain:
    """Return the ``filters`` that stand at ``path`` in the words of today."""
    if not isinstance(value, dict) or OLD_STRIP_PARAMS not in value:
        return value
    filters = dict(value)
    old = filters.pop(OLD_STRIP_PARAMS)
    if filters.get("stripParams") in (None, ""):
        filters["stripParams"] = old
        _moved((*path, OLD_STRIP_PARAMS), (*path, "stripParams"), report)
    return filters


def rename_by_id(
    fields: Mapping[str, Plain], rename: Callable[[str], str], path: KeyPath, report: Report
) -> dict[str, Plain]:
    """Return a model's ``fields`` with its names under ``setParamsByID`` renamed."""
    filters = fields.get("filters")
    by_id = filters.get("setParamsByID") if isinstance(filters, dict) else None
    if not isinstance(filters, dict) or not isinstance(by_id, dict):
        return dict(fields)
    renamed: dict[str, Plain] = {}
    origins: dict[str, str] = {}
    for name, content in by_id.items():
        new = rename(name)
        if new in renamed:
            message = f"the names {origins[new]!r} and {name!r} resolve to the same value {new!r}"
            problem = Problem.told(message, "names that stay different", quoted(new))
            report.fault((*path, *BY_ID, name), problem)
            continue
        renamed[new], origins[new] = content, name
        _moved((*path, *BY_ID, name), (*path, *BY_ID, new), report)
    return {**fields, "filters": {**filters, "setParamsByID": renamed}}


def with_automatic_aliases(
    models: Mapping[ModelId, ModelConfig], report: Report
) -> dict[ModelId, ModelConfig]:
    """Return ``models`` with the names under ``setParamsByID`` among their aliases."""
    owners: dict[str, ModelId] = {}
    for model, config in models.items():
        for alias in config.aliases:
            owners.setdefault(alias, model)
    complete: dict[ModelId, ModelConfig] = {}
    for model, config in models.items():
        added: list[str] = []
        for name in config.filters.set_params_by_id:
            if name == model:
                # No alias comes of it, and one of another model that is alike means nobody.
                continue
            place = ("models", model, *BY_ID, name)
            owner = owners.get(name, model)
            if name in models:
                text = (
                    "the name {found} conflicts with an existing model ID: parameters are set for "
                    "a model's own names only"
                )
                report.fault(place, Problem(text, UNSHARED, quoted(name)))
            elif owner != model:
                text = (
                    "duplicate alias {found}: the model {detail} has it too, and each name here "
                    "becomes an alias"
                )
                report.fault(place, Problem(text, UNSHARED, quoted(name), detail=repr(owner)))
            elif name not in config.aliases:
                owners[name] = model
                added.append(name)
        complete[model] = evolve(config, aliases=(*config.aliases, *added))
    return complete


def _moved(old: KeyPath, new: KeyPath, report: Report) -> None:
    """Let what stands at ``new`` be found where ``old`` is written."""
    if old in report.places:
        report.places.setdefault(new, report.places[old])
