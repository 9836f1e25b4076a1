"""What a configuration means, as plain values that are named as in the file.

Pure. Macros and ports are filled in, and so is what is inherited: so that a
user sees what a file comes to. Commands are lists of arguments, as programs
get them. ``macros`` are left out: they have done their work.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, cast

from attrs import has

from llamaswap.config.document import Plain
from llamaswap.config.durations import to_duration, to_limit, to_seconds, to_wait
from llamaswap.config.fields import KeyField, keys_of
from llamaswap.config.masking import masked, secrets_of
from llamaswap.config.schema import Config, ModelConfig
from llamaswap.config.sections import GroupSection
from llamaswap.config.text import split_command
from llamaswap.policy.eviction import GroupRule
from llamaswap.policy.rules import ModelId


def effective(config: Config, *, show_secrets: bool = False) -> dict[str, Plain]:
    """Return what ``config`` means, with the keys of the file in the schema's order.

    Args:
        config: made by the loader, or in Python.
        show_secrets: show keys and passwords; otherwise ``***`` stands in their place.
    """
    own = ("models", "groups", "matrix", "routing", "macros")
    values: dict[str, Plain] = {
        "models": {model: _model(config, model) for model in config.models},
        **_routing(config),
        **{info.name: _field(config, info) for info in keys_of(Config) if info.name not in own},
    }
    return values if show_secrets else masked(values, secrets_of(config))


def written(info: KeyField, value: Any) -> Plain:
    """Return the ``value`` of a field as its key of the file would have it."""
    write = _WRITERS.get(info.key.convert)
    return plain(value) if write is None else write(value)


def plain(value: Any) -> Plain:
    """Return a value of the schema as lists, mappings and single values."""
    cls = value.__class__
    if has(cls):
        return {info.name: _field(value, info) for info in keys_of(cls)}
    if isinstance(value, Mapping):
        return {name: plain(item) for name, item in cast("Mapping[str, Any]", value).items()}
    if isinstance(value, tuple | list):
        return [plain(item) for item in cast("Iterable[Any]", value)]
    return cast("Plain", value)


def _field(section: Any, info: KeyField) -> Plain:
    return written(info, getattr(section, info.attribute))


def _model(config: Config, model: ModelId) -> dict[str, Plain]:
    own = config.models[model]
    inherited: dict[str, Plain] = {
        "cmd": list(split_command(own.cmd)),
        "cmdStop": list(split_command(own.cmd_stop)),
        "ttl": config.global_ttl if own.ttl is None else own.ttl,
        "unloadTimeout": config.stop_within(model),
        "concurrencyLimit": config.concurrency_limit(model),
        "sendLoadingState": config.sends_loading_state(model),
    }
    # The last two have no effect, and none any more.
    gone = ("healthCheckTimeout", "macros")
    return {
        info.name: inherited.get(info.name, _field(own, info))
        for info in keys_of(ModelConfig)
        if info.name not in gone
    }


def _routing(config: Config) -> dict[str, Plain]:
    scheduler: dict[str, Plain] = {
        "use": "fifo",
        "settings": {"fifo": plain(config.scheduling)},
    }
    routing: dict[str, Plain] = {"routing": {"scheduler": scheduler}}
    if config.matrix is not None:
        return {"matrix": plain(config.matrix), **routing}
    groups = {rule.name: _group(rule) for rule in config.all_groups()}
    return {"groups": groups, **routing}


def _group(rule: GroupRule) -> Plain:
    return plain(GroupSection(rule.swap, rule.exclusive, rule.persistent, rule.members))


def _number(seconds: float) -> int | float:
    return int(seconds) if float(seconds).is_integer() else seconds


def _duration(seconds: float) -> str:
    return f"{seconds:.9f}".rstrip("0").rstrip(".") + "s"


_WRITERS: Mapping[Any, Callable[[Any], Plain]] = {
    to_duration: _duration,
    to_seconds: _number,
    to_wait: lambda seconds: "auto" if seconds is None else _number(seconds),
    to_limit: lambda seconds: 0 if seconds is None else _number(seconds),
}
"""The other way round of each conversion that changes what is written."""
