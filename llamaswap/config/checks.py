"""What a schema cannot say: ranges, addresses, names used twice.

Pure. Takes structured values and returns them as they are meant, with the
file's special numbers (-1, 0) turned into what they stand for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from attrs import evolve

from llamaswap.config.conversions import to_flag, to_integer, to_section
from llamaswap.config.document import KeyPath, Plain, Report
from llamaswap.config.schema import Config, ModelConfig
from llamaswap.config.structure import kept_places
from llamaswap.config.urls import url_problem
from llamaswap.policy.messages import ModelId

MIN_HEALTH_CHECK = 15
"""Seconds: less is raised to this, as in the reference, where a short time was
once a common reason for models that never became ready."""


def check_top(config: Config, document: Mapping[str, Plain], report: Report) -> Config:
    """Return ``config`` with its top-level numbers as they are meant."""
    _ignore(
        document, "logRequests", to_flag, (), why="this key has no effect any more", report=report
    )
    if config.start_port < 1:
        message = f"startPort must be greater than 0, found {config.start_port}"
        report.fault(("startPort",), message)
    for key, value in (
        ("globalTTL", config.global_ttl),
        ("unloadTimeout", config.unload_timeout),
    ):
        if value < 0:
            report.fault((key,), f"{key} must be >= 0 seconds, found {value}")
    if config.health_check_timeout < MIN_HEALTH_CHECK:
        report.warn(
            ("healthCheckTimeout",),
            f"{config.health_check_timeout} seconds are too short, {MIN_HEALTH_CHECK} are used",
        )
    return evolve(
        config,
        health_check_timeout=max(MIN_HEALTH_CHECK, config.health_check_timeout),
        unload_timeout=config.unload_timeout or Config().unload_timeout,
    )


def check_model(
    model: ModelConfig, path: KeyPath, values: Mapping[str, Plain], report: Report
) -> ModelConfig:
    """Return ``model``, which stands at ``path``, with its numbers as they are meant."""
    why = "this key has no effect in a model: the top-level healthCheckTimeout applies"
    _ignore(values, "healthCheckTimeout", to_integer, path, why=why, report=report)
    if not report.is_tainted((*path, "proxy")) and (problem := _proxy_problem(model.proxy)):
        report.fault((*path, "proxy"), problem)
    if model.ttl is not None and model.ttl < -1:
        report.fault(
            (*path, "ttl"),
            f"invalid TTL {model.ttl}: expected seconds, 0 for never, or -1 for globalTTL",
        )
    if model.unload_timeout is not None and model.unload_timeout < 0:
        report.fault(
            (*path, "unloadTimeout"),
            f"invalid unloadTimeout {model.unload_timeout}: expected seconds, or 0 for the "
            "top-level one",
        )
    limit = model.concurrency_limit
    return evolve(
        model,
        ttl=None if model.ttl == -1 else model.ttl,
        unload_timeout=model.unload_timeout or None,
        use_model_name=model.use_model_name or None,
        concurrency_limit=limit if limit is not None and limit > 0 else None,
    )


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
                owner = owners[alias]
                report.fault(place, f"duplicate alias {alias!r}: the model {owner!r} has it too")
            elif alias in models:
                report.warn(place, f"the alias {alias!r} is also a model's id, which wins")
            owners.setdefault(alias, model)


def _proxy_problem(proxy: str) -> str | None:
    if not proxy:
        return "proxy is empty: give an address, or leave it out to get http://localhost:${PORT}"
    return url_problem(proxy)


def _ignore(
    values: Mapping[str, Plain],
    key: str,
    convert: Callable[[Plain], object],
    path: KeyPath,
    *,
    why: str,
    report: Report,
) -> None:
    """Check the type of a key that nobody reads, and say that nobody does."""
    value = values.get(key)
    if value is None or report.is_tainted((*path, key)):
        return
    try:
        convert(value)
    except ValueError as exc:
        report.fault((*path, key), str(exc))
    else:
        report.warn((*path, key), why)
