"""The models: built from the filled document, their numbers as they are meant.

Pure. The file's special numbers (-1, 0) are turned into what they stand for.
"""

from __future__ import annotations

from collections.abc import Mapping

from attrs import evolve

from llamaswap.config.commands import control_character, oddities
from llamaswap.config.conversions import quoted, to_section, value_at
from llamaswap.config.document import KeyPath, Plain, Problem, Report
from llamaswap.config.filters import UNSHARED, with_automatic_aliases
from llamaswap.config.names import misnamed
from llamaswap.config.ports import PortSlot
from llamaswap.config.schema import MODALITIES, CapabilitiesConfig, ModelConfig
from llamaswap.config.structure import kept_places, structure
from llamaswap.config.text import split_command
from llamaswap.config.urls import check_url
from llamaswap.policy.rules import ModelId

COMFY = "comfyui_auto"
"""The id of a model whose web page opens many connections and one long WebSocket."""

COMFY_CONCURRENCY = 50
"""Requests at one time that such a model takes at least, as in the reference."""

NO_CHECK = "none"
"""The word in place of a path that lets a model count as ready without a question."""

_NO_CHECKS = frozenset({NO_CHECK, "false", "off", "no", "null", "disabled", "skip"})


def build_models(sections: Mapping[str, Plain], report: Report) -> dict[ModelId, ModelConfig]:
    """Return the models of ``sections``, the filled ``models`` of the file, in its order."""
    models: dict[ModelId, ModelConfig] = {}
    for name, value in sections.items():
        path, values = ("models", name), to_section(value)
        model = structure(ModelConfig, values, path, report)
        models[ModelId(name)] = check_model(model, path, values, report)
    check_aliases(models, sections, report)
    return with_automatic_aliases(models, report)


def with_slots(
    models: Mapping[ModelId, ModelConfig], slots: Mapping[str, PortSlot]
) -> dict[ModelId, ModelConfig]:
    """Return ``models`` with what `fill_port` needs to give them another port."""
    return {
        model: config if slot is None else _with_slot(model, config, slot)
        for model, config in models.items()
        for slot in (slots.get(model),)
    }


def _with_slot(model: ModelId, config: ModelConfig, slot: PortSlot) -> ModelConfig:
    # What is wrong with it has been told of the filled one.
    unheard = Report()
    blank = structure(ModelConfig, slot.fields, ("models", model), unheard)
    blank = with_automatic_aliases({model: blank}, unheard)[model]
    unfilled = evolve(
        config,
        cmd=blank.cmd,
        proxy=blank.proxy,
        cmd_stop=blank.cmd_stop,
        check_endpoint=blank.check_endpoint,
        env=blank.env,
        aliases=blank.aliases,
        name=blank.name,
        description=blank.description,
        use_model_name=blank.use_model_name or None,
        metadata=blank.metadata,
        filters=blank.filters,
    )
    return evolve(config, port=slot.number, unfilled=unfilled)


def check_model(
    model: ModelConfig, path: KeyPath, values: Mapping[str, Plain], report: Report
) -> ModelConfig:
    """Return ``model``, which stands at ``path``, as it is meant."""
    if model.health_check_timeout is not None:
        report.warn(
            (*path, "healthCheckTimeout"),
            "this key has no effect in a model: the top-level healthCheckTimeout applies",
        )
    if not report.is_tainted((*path, "proxy")):
        check_url(model.proxy, (*path, "proxy"), report, "so the model cannot be started")
    _check_endpoint(model.check_endpoint, (*path, "checkEndpoint"), report)
    _check_numbers(model, path, report)
    _check_capabilities(model.capabilities, path, values, report)
    _check_commands(model, path, report)
    _check_environment(model.env, path, values, report)
    limit = model.concurrency_limit
    meant = evolve(
        model,
        ttl=None if model.ttl == -1 else model.ttl,
        unload_timeout=model.unload_timeout or None,
        use_model_name=model.use_model_name or None,
        concurrency_limit=limit if limit is not None and limit > 0 else None,
        health_check_timeout=None,
    )
    return _comfy(meant) if path[-1] == COMFY else meant


def check_aliases(
    models: Mapping[ModelId, ModelConfig], sections: Mapping[str, Plain], report: Report
) -> None:
    """Tell aliases that two models claim, and those that a model's id hides.

    Args:
        models: what was built.
        sections: what it was built from; it knows where each alias stands.
        report: where faults and warnings go.
    """
    owners: dict[str, ModelId] = {}
    for model, config in models.items():
        raw = to_section(sections[model]).get("aliases")
        places = kept_places(raw, ("models", model, "aliases"))
        for alias, place in zip(config.aliases, places, strict=False):
            if alias in owners:
                report.fault(place, _duplicate(alias, owners[alias], model))
            elif alias in models:
                report.warn(place, f"the alias {alias!r} is also a model's id, which wins")
            owners.setdefault(alias, model)


def _duplicate(alias: str, owner: ModelId, model: ModelId) -> Problem:
    if owner == model:
        text = "duplicate alias {found}: the model {detail} has it already"
        return Problem(text, "each alias once", quoted(alias), detail=repr(owner))
    text = "duplicate alias {found}: the model {detail} has it too"
    return Problem(text, UNSHARED, quoted(alias), detail=repr(owner))


def _comfy(model: ModelConfig) -> ModelConfig:
    return evolve(
        model,
        concurrency_limit=max(COMFY_CONCURRENCY, model.concurrency_limit or 0),
        compat=evolve(model.compat, ignore_websockets=True),
    )


def _check_numbers(model: ModelConfig, path: KeyPath, report: Report) -> None:
    if model.ttl is not None and model.ttl < -1:
        report.fault(
            (*path, "ttl"),
            Problem(
                "invalid TTL {found}: expected {expected}",
                "seconds, 0 for never, or -1 for globalTTL",
                str(model.ttl),
            ),
        )
    if model.unload_timeout is not None and model.unload_timeout < 0:
        report.fault(
            (*path, "unloadTimeout"),
            Problem(
                "invalid unloadTimeout {found}: expected {expected}",
                "seconds, or 0 for the top-level one",
                str(model.unload_timeout),
            ),
        )


def _check_endpoint(endpoint: str, path: KeyPath, report: Report) -> None:
    word = endpoint.strip()
    if word != NO_CHECK and word.lower() in _NO_CHECKS:
        text, hint = "{found} is taken for a path", f"write {NO_CHECK} if the model is not asked"
        report.warn(path, Problem(text, f"a path, or {NO_CHECK}", quoted(word), hint))


def _check_capabilities(
    capabilities: CapabilitiesConfig, path: KeyPath, values: Mapping[str, Plain], report: Report
) -> None:
    here = (*path, "capabilities")
    for key, words in (("in", capabilities.inputs), ("out", capabilities.outputs)):
        places = kept_places(value_at(values.get("capabilities"), (key,)), (*here, key))
        for word, place in zip(words, places, strict=False):
            if word not in MODALITIES:
                known = ", ".join(MODALITIES)
                text = "unknown capability {found}: expected {expected}"
                report.fault(place, misnamed(text, word, MODALITIES, expected=f"one of {known}"))
    if capabilities.context < 0:
        problem = Problem(expected="at least 0 tokens", found=str(capabilities.context))
        report.fault((*here, "context"), problem)


def _check_environment(
    entries: tuple[str, ...], path: KeyPath, values: Mapping[str, Plain], report: Report
) -> None:
    places = kept_places(values.get("env"), (*path, "env"))
    for entry, place in zip(entries, places, strict=False):
        if "=" not in entry:
            report.warn(place, Problem(expected="NAME=value", found=quoted(entry)))
        _check_letters(entry, place, report)


def _check_letters(text: str, path: KeyPath, report: Report) -> None:
    if problem := control_character(text):
        report.warn(path, problem)


def _check_commands(model: ModelConfig, path: KeyPath, report: Report) -> None:
    """Warn of what is odd about both commands; nobody needs one that stops."""
    for key, command in (("cmd", model.cmd), ("cmdStop", model.cmd_stop)):
        here = (*path, key)
        if report.is_tainted(here):
            continue
        _check_letters(command, here, report)
        if split_command(command):
            for problem in oddities(
                command, is_stop=key == "cmdStop", is_folded=here in report.folded
            ):
                report.warn(here, problem)
        elif key == "cmd":
            report.warn(here, "the command is empty: the model cannot be started")
