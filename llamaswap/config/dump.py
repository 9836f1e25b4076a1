"""Writes a configuration as a file that loads as the same configuration.

Pure. What `llamaswap.config.effective` shows is for people: here nothing is
hidden, inherited or split. Everything is filled in already, so the only
references in the text are ``${PORT}`` and, in ``cmdStop``, ``${PID}``.
"""

from __future__ import annotations

from collections.abc import Iterator

from llamaswap.config.document import Plain
from llamaswap.config.effective import plain, written
from llamaswap.config.fields import keys_of
from llamaswap.config.names import local_names
from llamaswap.config.ports import fill_port
from llamaswap.config.schema import Config, ModelConfig
from llamaswap.config.sections import GroupSection
from llamaswap.config.sources import to_text
from llamaswap.config.text import strip_comments
from llamaswap.policy.rules import ModelId


def dump(config: Config) -> str:
    """Write ``config`` as YAML, secrets included: ``load_config(dump(config)) == config``.

    A model that has a port is written with ``${PORT}`` wherever loading gives it the
    same number again, so that a later reload may still move it. It does so for what
    was just loaded; where a reload has kept older numbers, those that differ are
    written out. Either way the command is the same, so a reload keeps the process.

    What cannot be written, because the file has no escape for it, is a text in which
    ``${NAME}`` is meant literally, and a key in which ``${env.NAME}`` is. Loading lets
    the first through nowhere, and the second only out of a variable whose value's
    value holds it; a configuration made in Python may have both. Macros are left out:
    they have done their work.
    """
    return to_text(dict(_sections(config)))


def _sections(config: Config) -> Iterator[tuple[str, Plain]]:
    models = _with_references(config)
    yield "models", {model: _model(models[model]) for model in sorted(models)}
    if config.groups:
        yield (
            "groups",
            {
                rule.name: plain(
                    GroupSection(rule.swap, rule.exclusive, rule.persistent, rule.members)
                )
                for rule in config.groups
            },
        )
    for info in keys_of(Config):
        value = written(info, getattr(config, info.attribute))
        match info.name:
            case "models" | "groups" | "macros":
                continue
            case "routing":
                yield "routing", {"scheduler": {"settings": {"fifo": plain(config.scheduling)}}}
            case "hooks":
                yield "hooks", {"on_startup": {"preload": _preload(config)}}
            case _:
                if value is not None:
                    yield info.name, value


def _with_references(config: Config) -> dict[ModelId, ModelConfig]:
    """Return the models with ``${PORT}`` in those that would get the same number again."""
    models: dict[ModelId, ModelConfig] = {}
    following = config.start_port
    for model, entry in sorted(config.models.items()):
        models[model] = entry
        if entry.unfilled is not None and fill_port(entry, following) == entry:
            models[model] = entry.unfilled
            following += 1
    return models


def _model(entry: ModelConfig) -> Plain:
    values = {
        info.name: written(info, getattr(entry, info.attribute))
        for info in keys_of(entry.__class__)
    }
    macros: dict[str, Plain] = {}
    for key, text in (("cmd", entry.cmd), ("cmdStop", entry.cmd_stop)):
        if strip_comments(text) != text:
            # Lines that came out of a macro. In a command they would be dropped, in a
            # macro they are not.
            macros[key], values[key] = text, f"${{{key}}}"
    values["macros"] = macros or None
    return {key: value for key, value in values.items() if value is not None}


def _preload(config: Config) -> Plain:
    """Return names of the models to load: the loader takes the blanks from around each."""
    names = local_names(config.models)
    spoken = {model: name for name, model in names.items() if name == name.strip()}
    return [
        model if model == model.strip() else spoken.get(model, model)
        for model in config.hooks.on_startup.preload
    ]
