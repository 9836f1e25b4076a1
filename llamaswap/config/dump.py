"""Writes a configuration as a file that loads as the same configuration.

Pure. What `llamaswap.config.effective` shows is for people: here nothing is
hidden, inherited or split. Everything is filled in already, so the only
references in the text are ``${PORT}`` and, in ``cmdStop``, ``${PID}``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from llamaswap.config.document import KeyPath, Plain, path_text
from llamaswap.config.effective import plain, written
from llamaswap.config.environment import REFERENCE as ENVIRONMENT
from llamaswap.config.fields import keys_of
from llamaswap.config.filters import BY_ID
from llamaswap.config.macros import left_over
from llamaswap.config.names import local_names
from llamaswap.config.ports import fill_port
from llamaswap.config.schema import Config, ModelConfig
from llamaswap.config.sections import GroupSection
from llamaswap.config.sources import to_text
from llamaswap.config.text import strip_comments
from llamaswap.errors import ConfigError, Fault
from llamaswap.policy.rules import ModelId

_MODEL_KEY = 2
"""The place of a model's key in a path: behind ``models`` and the id."""


def dump(config: Config) -> str:
    """Write ``config`` as YAML, secrets included: ``load_config(dump(config)) == config``.

    A model that has a port is written with ``${PORT}`` wherever loading gives it the
    same number again, so that a later reload may still move it. It does so for what
    was just loaded; where a reload has kept older numbers, those that differ are
    written out. Either way the command is the same, so a reload keeps the process.
    Macros are left out: they have done their work.

    The file has no way to say ``${NAME}`` literally: macros are filled in once each,
    and whatever reference is there in the end is a mistake, where it came from does not
    matter. So loading lets none through into a value, and a configuration has one only
    if Python put it there. In keys, only ``${env.NAME}`` is filled in; one that the
    value of a variable's value holds is let through.

    Raises:
        ConfigError: a text holds ``${NAME}`` or ``${env.NAME}``, other than ``${PID}`` in
            a ``cmdStop``; or a key holds ``${env.NAME}``; or a name under
            ``setParamsByID`` either; or a key is ``<<``. There is a fault for each.
    """
    if faults := tuple(_unwritable(config)):
        raise ConfigError(faults)
    return _text(config)


def document_of(config: Config) -> dict[str, Plain]:
    """Return the keys of a file that says what ``config`` says, each text as it is."""
    return dict(_sections(config, config.models))


def _text(config: Config) -> str:
    return to_text(dict(_sections(config, _with_references(config))))


def _unwritable(config: Config) -> Iterator[Fault]:
    """List what would be filled in, or refused, where it is meant literally."""
    # With their ports: in a file, one's number may not become part of a name either.
    models: Plain = {model: _fields(entry) for model, entry in config.models.items()}
    document: dict[str, Plain] = {**dict(_sections(config, {})), "models": models}
    for place, name in (*left_over(document, ()), *_in_keys(document, ())):
        if name != "PID" or (place[0], *place[_MODEL_KEY:]) != ("models", "cmdStop"):
            message = (
                f"${{{name}}} cannot be written: a file has no way to say it literally, "
                "it would be filled in or refused"
            )
            yield Fault(path_text(place), message, found=f"${{{name}}}")
    for place in _merges(document, ()):
        message = "the key << cannot be written: a file has no way to say it literally, it merges"
        yield Fault(path_text(place), message, expected="another name", found="<<")


def _merges(value: Plain, path: KeyPath) -> Iterator[KeyPath]:
    """List where ``<<`` is a key."""
    items = value.items() if isinstance(value, dict) else enumerate(_items(value))
    for step, item in items:
        if step == "<<":
            yield (*path, step)
        yield from _merges(item, (*path, step))


def _items(value: Plain) -> list[Plain]:
    return value if isinstance(value, list) else []


def _in_keys(value: Plain, path: KeyPath) -> Iterator[tuple[KeyPath, str]]:
    """List the references in keys that loading would look at, with the path of each key."""
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _in_keys(item, (*path, index))
    elif isinstance(value, dict):
        has_macros = path[:1] == ("models",) and path[_MODEL_KEY:] == BY_ID
        for key, item in value.items():
            place = (*path, key)
            if has_macros:
                yield from left_over(key, place)
            else:
                yield from ((place, f"env.{found[1]}") for found in ENVIRONMENT.finditer(key))
            yield from _in_keys(item, place)


def _sections(config: Config, models: Mapping[ModelId, ModelConfig]) -> Iterator[tuple[str, Plain]]:
    yield "models", {model: _model(models[model]) for model in sorted(models)}
    spoken = _spoken(config)
    if config.groups:
        groups: dict[str, Plain] = {}
        for rule in config.groups:
            members = tuple(ModelId(spoken.get(member, member)) for member in rule.members)
            section = GroupSection(rule.swap, rule.exclusive, rule.persistent, members)
            groups[rule.name] = plain(section)
        yield "groups", groups
    for info in keys_of(Config):
        value = written(info, getattr(config, info.attribute))
        match info.name:
            case "models" | "groups" | "macros":
                continue
            case "logRequests" if not config.log_requests:
                continue  # whoever loads a key without effect is warned of it
            case "routing":
                yield "routing", {"scheduler": {"settings": {"fifo": plain(config.scheduling)}}}
            case "hooks":
                preload = config.hooks.on_startup.preload
                names: list[Plain] = [spoken.get(model, model) for model in preload]
                yield "hooks", {"on_startup": {"preload": names}}
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


def _fields(entry: ModelConfig) -> dict[str, Plain]:
    return {
        info.name: written(info, getattr(entry, info.attribute))
        for info in keys_of(ModelConfig)
        if info.name != "macros"
    }


def _model(entry: ModelConfig) -> Plain:
    values = _fields(entry)
    macros: dict[str, Plain] = {}
    for key, text in (("cmd", entry.cmd), ("cmdStop", entry.cmd_stop)):
        if strip_comments(text) != text:
            # Lines that came out of a macro. In a command they would be dropped, in a
            # macro they are not.
            macros[key], values[key] = text, f"${{{key}}}"
    if macros:
        values["macros"] = macros
    return {key: value for key, value in values.items() if value is not None}


def _spoken(config: Config) -> dict[ModelId, str]:
    """Return the models' names that loading takes as they stand: ids, else aliases.

    From some values it takes the blanks around, and in all of them a reference would
    be filled in; an id, which is a key, may have both.
    """
    spoken: dict[ModelId, str] = {}
    for name, model in local_names(config.models).items():
        if name == name.strip() and not any(left_over(name, ())) and spoken.get(model) != model:
            spoken[model] = name
    return spoken
