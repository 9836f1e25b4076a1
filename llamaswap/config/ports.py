"""``${PORT}``: which model gets which number, and where nobody gets one.

Pure. A model takes a number if its command asks for one, and no other way: a
proxy address with a port that no command was told would never answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast

from attrs import define, evolve, field, fields, frozen

from llamaswap.config.conversions import misfit, value_at
from llamaswap.config.document import KeyPath, Plain, Problem, Report, path_text
from llamaswap.config.filters import BY_ID, rename_by_id
from llamaswap.config.macros import left_over
from llamaswap.config.schema import FiltersConfig, ModelConfig
from llamaswap.config.urls import MAX_PORT

_COMMAND = "a cmd that uses ${PORT}"

DEFAULT_PROXY = "http://localhost:${PORT}"
"""The ``proxy`` of a model that names none."""

BEARERS = (
    "cmd",
    "proxy",
    "cmd_stop",
    "check_endpoint",
    "env",
    "aliases",
    "name",
    "description",
    "use_model_name",
    "metadata",
    "filters",
)
"""The fields of a model that may have a port in them: texts, and what holds texts."""

_COMPARED = tuple(attribute.name for attribute in fields(ModelConfig) if attribute.eq)


@frozen
class PortSlot:
    """A port that was given out, and the place it was made for."""

    number: int
    fields: dict[str, Plain]
    """The model's, with ``${PORT}`` left in them."""


@define
class Ports:
    """Hands out one number after the other."""

    next: int
    """The number that the next model gets."""

    slots: dict[str, PortSlot] = field(factory=dict[str, PortSlot], init=False)
    """By model."""

    def fill(self, model: dict[str, Plain], path: KeyPath, report: Report) -> dict[str, Plain]:
        """Return the ``model`` that stands at ``path`` with its port in all its fields."""
        command = model.get("cmd")
        if not isinstance(command, str) or "${PORT}" not in command:
            _refuse(model, path, report)
            return model
        port, self.next = self.next, self.next + 1
        self.slots[str(path[-1])] = PortSlot(port, model)
        if port > MAX_PORT and "${PORT}" not in str(model.get("proxy")):
            # Else it is told of the address, which leads nowhere.
            text = (
                "there is no port left for this model: ${PORT} is {found}, the last is {expected}"
            )
            told = Problem(text, str(MAX_PORT), str(port), "choose a lower startPort")
            report.warn((*path, "cmd"), told)
        filled = {key: _with_port(value, port) for key, value in model.items()}
        _refuse_composed(model, filled, path, report)

        def rename(name: str) -> str:
            new = _written(name, port)
            _refuse_composed(name, new, (*path, *BY_ID, name), report)
            return new

        return rename_by_id(filled, rename, path, report)


def fill_port(model: ModelConfig, number: int) -> ModelConfig:
    """Return ``model`` with ``number`` for its port; without a port, as it is.

    A number that is written as ``${PORT}`` where no text is expected, like a
    ``ttl``, keeps its first value.
    """
    blank = model.unfilled
    if blank is None:
        return model
    filled = {bearer: _filled(getattr(blank, bearer), number) for bearer in BEARERS}
    return evolve(blank, **filled, port=number, unfilled=blank)


def heed_edits(model: ModelConfig) -> ModelConfig:
    """Return ``model`` so that `fill_port` keeps what was changed in Python since it was loaded.

    Where a change has written over its port, the model has no port to fill in any more.
    """
    blank, number = model.unfilled, model.port
    loaded = model if number is None else fill_port(model, number)
    edits = {
        attribute: value
        for attribute in _COMPARED
        if (value := getattr(model, attribute)) != getattr(loaded, attribute)
    }
    if number is None or blank is None or any(_bears_port(blank, loaded, edit) for edit in edits):
        return evolve(model, port=None, unfilled=None)
    return evolve(model, unfilled=evolve(blank, **edits))


def _bears_port(blank: ModelConfig, filled: ModelConfig, attribute: str) -> bool:
    return bool(getattr(blank, attribute) != getattr(filled, attribute))


def _filled(value: object, port: int) -> Any:
    """Return what stands in one of `BEARERS`, with the port in it."""
    match value:
        case str():
            return _written(value, port)
        case tuple():
            return tuple(_written(text, port) for text in cast("tuple[str, ...]", value))
        case FiltersConfig():
            by_id = {
                _written(name, port): _with_port_in_json(params, port)
                for name, params in value.set_params_by_id.items()
            }
            set_params = _with_port_in_json(value.set_params, port)
            return FiltersConfig(_written(value.strip_params, port), set_params, by_id)
        case Mapping():
            return _with_port_in_json(cast("Mapping[str, object]", value), port)
        case _:
            return value


def _written(text: str, port: int) -> str:
    return text.replace("${PORT}", str(port))


def _with_port_in_json(values: Mapping[str, object], port: int) -> dict[str, object]:
    # What JSON can write is what stands in a file, but for dates.
    return {name: _with_port(cast("Plain", value), port) for name, value in values.items()}


def _with_port(value: Plain, port: int) -> Plain:
    match value:
        case "${PORT}":
            return port
        case str():
            return _written(value, port)
        case list():
            return [_with_port(item, port) for item in value]
        case dict():
            return {key: _with_port(item, port) for key, item in value.items()}
        case _:
            return value


def _refuse_composed(before: Plain, after: Plain, path: KeyPath, report: Report) -> None:
    """Tell the references that a port's number has completed, like ``${x${PORT}}``."""
    known = set(left_over(before, path))
    for place, name in left_over(after, path):
        if (place, name) not in known:
            text = "unknown macro {found}: a port's number cannot be part of {expected}"
            told = Problem(text, "a macro's name", f"${{{name}}}", "give the macro another name")
            report.fault(place, told)


def _refuse(model: dict[str, Plain], path: KeyPath, report: Report) -> None:
    # A command that could not be read may well have asked for a port. A number or a date
    # is the text of it, and did not.
    command = model.get("cmd")
    is_known = not isinstance(command, list | dict) and not report.is_tainted((*path, "cmd"))
    for place, name in (*left_over(model, path), *_left_in_names(model, path)):
        if name != "PORT":
            continue
        if place[: len(path) + 1] == (*path, "cmd"):
            continue  # A list, which is told of when it is read as a command.
        if not is_known or report.is_told(place):
            report.taint(place)
        elif place == (*path, "proxy"):
            report.taint(place)
            _refuse_proxy(command, path, report)
        else:
            text = "unknown macro {found}: the model has no port, because its cmd does not use it"
            report.fault(place, Problem(text, _COMMAND, "${PORT}", "put ${PORT} into cmd"))


def _refuse_proxy(command: Plain, path: KeyPath, report: Report) -> None:
    if isinstance(command, str) and command.strip():
        text = "proxy uses {found}, but cmd does not"
        hint = "put ${PORT} into cmd, or give proxy the address where the command listens"
        told = Problem(text, _COMMAND, "${PORT}", hint, joint=": ")
        report.fault((*path, "proxy"), told)
    elif command is not None and not isinstance(command, str):
        report.fault((*path, "cmd"), misfit("the text of a command", command).problem)
    else:
        text = f"{path_text(path)} has {{found}}: give {{expected}}"
        told = Problem(text, "the command that starts its server", "no cmd")
        report.fault((*path, "cmd"), told)


def _left_in_names(model: dict[str, Plain], path: KeyPath) -> Iterator[tuple[KeyPath, str]]:
    names = value_at(model, BY_ID)
    for name in names if isinstance(names, dict) else ():
        yield from left_over(name, (*path, *BY_ID, name))
