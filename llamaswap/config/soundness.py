"""Is a configuration fit to be served, whatever it was made from?

Pure but for the look at ``store.path``. What was made or changed in Python has met
none of the loader's checks. So its types are looked at here, and then it is built
once more from what a file would say. A key without a behaviour is told by its value:
what has its default asks for nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import NoneType, UnionType
from typing import Any, Union, cast, get_args, get_origin

from attrs import evolve, fields, has

from llamaswap.config.building import build_filled
from llamaswap.config.document import KeyPath, Place, Plain, Problem, Report, path_text
from llamaswap.config.dump import document_of
from llamaswap.config.fields import keys_of
from llamaswap.config.keys import ANY, UNBUILT
from llamaswap.config.macros import RESERVED, left_over
from llamaswap.config.models import COMFY
from llamaswap.config.schema import Config, ModelConfig
from llamaswap.config.text import strip_comments
from llamaswap.errors import Fault
from llamaswap.policy.eviction import DEFAULT_GROUP

_SINGLE: Mapping[Any, tuple[tuple[type, ...], str]] = {
    str: ((str,), "a text"),
    int: ((int,), "a whole number"),
    float: ((int, float), "a number"),
    bool: ((bool,), "True or False"),
}
"""The types of single values, and how each is called."""


def without_behaviour(config: Config) -> tuple[str, ...]:
    """Return the paths of keys that ask for what nobody does yet."""
    found: list[KeyPath] = [(name,) for name in _asking(config, Config(), ())]
    plain = ModelConfig()
    for model, entry in config.models.items():
        default = plain
        if model == COMFY:
            # The loader gives it this, and no key has asked for it.
            default = evolve(plain, compat=evolve(plain.compat, ignore_websockets=True))
        found += [("models", model, name) for name in _asking(entry, default, ("models", ANY))]
    return tuple(map(path_text, found))


def unsupported(keys: tuple[str, ...], config: Config) -> Fault:
    """Say of all ``keys`` in one sentence that they have no behaviour yet."""
    # What was made in Python has no places; of one file at least the name is known.
    nowhere = Place(0, 0, str(config.sources[0]) if len(config.sources) == 1 else "")

    def place_of(key: str) -> Place:
        return config.places.get(key, nowhere)

    ordered = sorted(keys, key=lambda key: (place_of(key).file, place_of(key).line))
    place = place_of(ordered[0])
    *others, last = (f"`{key}`" for key in ordered)
    names = f"{', '.join(others)} and {last}" if others else last
    verb, hint = ("are", "remove them to serve") if others else ("is", "remove it to serve")
    message = f"{names} {verb} not supported yet; {hint}"
    path = "" if others else keys[0]
    fault = Fault(path, message, place.file, place.line, place.column)
    return evolve(fault, suggestion=hint)


def misfits(config: Config) -> tuple[Fault, ...]:
    """Return what no file could say: wrong types, or else values that loading refuses."""
    report = Report()
    for path, problem in _wrong_types(config, Config, ()):
        report.fault(path, problem)
    if not report.faults:
        _check_numbers(config, report)
        _check_references(config, report)
        _check_groups(config, report)
        build_filled(document_of(config), report, {})
    return report.faults


def _asking(section: object, default: object, above: KeyPath) -> Iterator[str]:
    for info in keys_of(type(section)):
        is_unbuilt = (*above, info.name) in UNBUILT
        if is_unbuilt and getattr(section, info.attribute) != getattr(default, info.attribute):
            yield info.name


def _check_numbers(config: Config, report: Report) -> None:
    """Look at the numbers that loading turns into others, which Python must not need."""
    if config.health_check_timeout < 0:
        problem = Problem(expected="at least 0 seconds", found=str(config.health_check_timeout))
        report.fault(("healthCheckTimeout",), problem)
    for model, entry in config.models.items():
        for key, number in (("ttl", entry.ttl), ("concurrencyLimit", entry.concurrency_limit)):
            if number is not None and number < 0:
                problem = Problem(expected="at least 0, or None", found=str(number))
                report.fault(("models", model, key), problem)


def _check_references(config: Config, report: Report) -> None:
    """Refuse what only loading fills in: a server would be given it as it stands."""
    for model, entry in config.models.items():
        texts: dict[str, Plain] = {
            "cmd": strip_comments(entry.cmd),
            "proxy": entry.proxy,
            "cmdStop": strip_comments(entry.cmd_stop),
            "checkEndpoint": entry.check_endpoint,
            "env": list(entry.env),
        }
        # Other names may be meant for a shell that the command starts.
        for path, name in dict.fromkeys(left_over(texts, ("models", model))):
            if name in RESERVED and (name != "PID" or path[-1] != "cmdStop"):
                report.fault(path, evolve(_UNFILLED[name], found=f"${{{name}}}"))


def _check_groups(config: Config, report: Report) -> None:
    """Refuse a group that a file could not have either: there it has no effect, here it would."""
    for rule in config.groups:
        if rule.name == DEFAULT_GROUP:
            text = "the group name {found} is reserved for the models that are in no group"
            report.fault(("groups", rule.name), Problem(text, "another name", repr(rule.name)))


_BY_LOADING = "only loading a file fills in {found}"

_UNFILLED: Mapping[str, Problem] = {
    "PORT": Problem(_BY_LOADING, suggestion="write the port's number, in cmd and in proxy"),
    "MODEL_ID": Problem(_BY_LOADING, suggestion="write the model's id"),
    "PID": Problem("only in cmdStop {found} is filled in", suggestion="leave it out here"),
}
"""What is wrong with each name of `RESERVED` in a configuration made in Python."""


def _wrong_types(value: Any, kind: Any, path: KeyPath) -> Iterator[tuple[KeyPath, Problem]]:
    kind = getattr(kind, "__supertype__", kind)
    origin, parts = get_origin(kind), get_args(kind)
    if origin in {Union, UnionType}:
        others = [part for part in parts if part is not NoneType]
        if value is not None and len(others) == 1:
            yield from _wrong_types(value, others[0], path)
    elif origin is tuple:
        yield from _wrong_items(value, parts[0], path)
    elif isinstance(origin, type) and issubclass(origin, Mapping):
        yield from _wrong_entries(value, parts[1], path)
    elif has(kind):
        yield from _wrong_fields(value, kind, path)
    elif kind in _SINGLE:
        allowed, words = _SINGLE[kind]
        if not isinstance(value, allowed) or (isinstance(value, bool) and kind is not bool):
            yield path, _other(words, value)


def _wrong_items(value: Any, kind: Any, path: KeyPath) -> Iterator[tuple[KeyPath, Problem]]:
    if not isinstance(value, Sequence) or isinstance(value, str):
        yield path, _other("a tuple", value)
        return
    for index, item in enumerate(cast("Iterable[Any]", value)):
        yield from _wrong_types(item, kind, (*path, index))


def _wrong_entries(value: Any, kind: Any, path: KeyPath) -> Iterator[tuple[KeyPath, Problem]]:
    if not isinstance(value, Mapping):
        yield path, _other("a mapping", value)
        return
    entries: Mapping[Any, Any] = value  # pyright: ignore[reportUnknownVariableType] - of anything
    for name, item in entries.items():
        if not isinstance(name, str):
            yield path, _other("a text as name", name)
        else:
            yield from _wrong_types(item, kind, (*path, name))


def _wrong_fields(value: Any, kind: Any, path: KeyPath) -> Iterator[tuple[KeyPath, Problem]]:
    if not isinstance(value, kind):
        yield path, _other(f"a {kind.__name__}", value)
        return
    names: dict[str, str] = {info.attribute: info.name for info in keys_of(kind)}
    for attribute in fields(kind):
        # Without keys it is no class of the schema, and all that it has counts.
        if attribute.name in names or not names:
            place = (*path, names.get(attribute.name, str(attribute.name)))
            yield from _wrong_types(getattr(value, attribute.name), attribute.type, place)


def _other(expected: str, value: object) -> Problem:
    # The value itself may be a secret.
    return Problem("expected {expected}, found {found}", expected, f"a {type(value).__name__}")
