# pyright: basic
# cattrs hands hooks whatever it finds and takes whatever they return: strict
# checking would report every line here and prove nothing.
"""The cattrs door: from plain values to the classes of the schema.

Left alone, cattrs calls ``str()`` on whatever it finds, and a list given for
``cmd`` becomes the command ``['llama-server', '--port']``. So each kind of field
has one strict hook. A section with a fault is built again without the faulty
keys, so that the checks that follow find all the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar, get_args, get_origin

from attrs import fields, has
from cattrs import (
    AttributeValidationNote,
    BaseValidationError,
    ClassValidationError,
    Converter,
    IterableValidationError,
    IterableValidationNote,
)
from cattrs.gen import make_dict_structure_fn, override

from llamaswap.config.conversions import (
    as_written,
    misfit,
    to_flag,
    to_integer,
    to_json,
    to_section,
    to_text,
)
from llamaswap.config.document import KeyPath, Plain, Problem, Report, problem_of
from llamaswap.config.fields import keys_of
from llamaswap.config.macros import MacroValue
from llamaswap.policy.rules import ModelId

Hook = Callable[[Any, Any], Any]
T = TypeVar("T")

_ZEROS: Mapping[Any, Any] = {str: "", ModelId: "", int: 0}
"""What null means in a mapping of chosen names, by the type of its values."""


def structure(kind: type[T], values: dict[str, Plain], path: KeyPath, report: Report) -> T:
    """Build a ``kind`` from the section that stands at ``path``.

    What cannot be used goes to ``report`` and keeps its default; so does, silently,
    what has been complained about before. Unknown keys are none of its business.
    """
    usable = _untainted(values, path, report)
    while True:
        try:
            return _CONVERTER.structure(usable, kind)
        except BaseValidationError as exc:
            # At least one key less each time, so this ends.
            for below, problem in _faults(exc):
                # What holds something tainted is looked at again, section by section.
                here = (*path, *below)
                if not report.is_told(here):
                    report.fault(here, as_written(problem, here, report))
                usable = _without(usable, below)


def kept_places(raw: Plain, path: KeyPath) -> list[KeyPath]:
    """Return where those items of a list stand that structuring keeps: all but the null ones."""
    items = raw if isinstance(raw, list) else []
    return [(*path, index) for index, item in enumerate(items) if item is not None]


def _untainted(values: Mapping[str, Plain], path: KeyPath, report: Report) -> dict[str, Plain]:
    """Return what nobody has complained about; of a list with a fault, nothing."""
    usable: dict[str, Plain] = {}
    for key, value in values.items():
        here = (*path, key)
        if not report.is_tainted(here):
            usable[key] = value
        elif isinstance(value, dict) and any(report.is_tainted((*here, name)) for name in value):
            usable[key] = _untainted(value, here, report)
    return usable


def _without(values: dict[str, Plain], path: KeyPath) -> dict[str, Plain]:
    """Return ``values`` without what stands at ``path``, or without the list that it is in."""
    first, *rest = path
    below = values.get(str(first))
    others = {key: value for key, value in values.items() if key != first}
    if rest and isinstance(below, dict):
        return {**others, str(first): _without(below, tuple(rest))}
    return others


def _faults(exc: Exception) -> Iterator[tuple[KeyPath, Problem]]:
    if not isinstance(exc, BaseValidationError):
        yield (), problem_of(exc)
        return
    is_class = isinstance(exc, ClassValidationError)
    known = {info.attribute: info for info in keys_of(exc.cl)} if is_class else {}
    for inner in exc.exceptions:
        for note in getattr(inner, "__notes__", ()):
            info = known[note.name] if isinstance(note, AttributeValidationNote) else None
            step: Any = note.index if info is None else info.name
            for below, problem in _faults(inner):
                yield (step, *below), problem


def _hook(convert: Callable[[Plain], Any]) -> Hook:
    return lambda raw, _: convert(raw)


def _is(wanted: Any) -> Callable[[Any], bool]:
    return lambda kind: kind == wanted


def _made_of(origin: type) -> Callable[[Any], bool]:
    return lambda kind: get_origin(kind) is origin


def _texts(raw: Any, kind: Any) -> tuple[str, ...]:
    """Structure a list of texts; what is null in it is dropped, as in the reference."""
    if not isinstance(raw, list):
        # A switch is no text that somebody has forgotten the brackets of.
        hint = "" if isinstance(raw, dict | bool) else "put [ ] around it"
        raise misfit("a list of texts", raw, hint)
    kept = ((index, item) for index, item in enumerate(raw) if item is not None)
    return tuple(_each(kept, to_text, kind).values())


def _table(raw: Any, kind: Any) -> dict[str, Any]:
    """Structure a mapping of chosen names to values of one type."""
    _, value_kind = get_args(kind)

    def build(item: Plain) -> Any:
        return _CONVERTER.structure(_ZEROS.get(value_kind) if item is None else item, value_kind)

    return _each(to_section(raw).items(), build, kind)


def _each(
    items: Iterable[tuple[Any, Plain]], build: Callable[[Plain], Any], kind: Any
) -> dict[Any, Any]:
    """Build every item, and raise only then."""
    built: dict[Any, Any] = {}
    problems: list[Exception] = []
    for step, item in items:
        try:
            built[step] = build(item)
        except (ValueError, BaseValidationError) as exc:
            exc.add_note(IterableValidationNote("below", step, kind))
            problems.append(exc)
    if problems:
        raise IterableValidationError("below", problems, kind)  # pyright: ignore[reportCallIssue] - sees the base's __new__
    return built


def _section(cls: Any, converter: Converter) -> Hook:
    known = {info.attribute: info for info in keys_of(cls)}
    emptied = {info.name for info in known.values() if info.key.null_empties}
    keys: dict[str, Any] = {}
    for attribute in fields(cls):
        info = known.get(attribute.name)
        if info is None or info.key.shape is not None:
            keys[attribute.name] = override(omit=True)
        else:
            convert = info.key.convert
            hook = None if convert is None else _hook(convert)
            keys[attribute.name] = override(rename=info.name, struct_hook=hook)
    build = make_dict_structure_fn(cls, converter, **keys)

    def structure_section(raw: Any, kind: Any) -> Any:
        given = {
            key: [] if value is None else value
            for key, value in to_section(raw).items()
            if value is not None or key in emptied
        }
        return build(given, kind)

    return structure_section


def _make_converter() -> Converter:
    converter = Converter()
    for kind, convert in ((str, to_text), (int, to_integer), (bool, to_flag)):
        converter.register_structure_hook(kind, _hook(convert))
    converter.register_structure_hook_func(_made_of(tuple), _texts)
    converter.register_structure_hook_func(_made_of(Mapping), _table)
    converter.register_structure_hook_func(_is(object), _hook(to_json))
    converter.register_structure_hook_func(_is(MacroValue), _hook(lambda raw: raw))
    converter.register_structure_hook_factory(has, lambda cls: _section(cls, converter))
    return converter


_CONVERTER = _make_converter()
