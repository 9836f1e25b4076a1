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

from collections.abc import Callable, Iterator
from typing import Any, TypeVar, get_args, get_origin

from attrs import fields, has
from cattrs import (
    AttributeValidationNote,
    BaseValidationError,
    Converter,
    IterableValidationError,
    IterableValidationNote,
)
from cattrs.gen import make_dict_structure_fn, override

from llamaswap.config.conversions import describe, to_flag, to_integer, to_text
from llamaswap.config.document import KeyPath, Plain, Report
from llamaswap.config.schema import Config

Hook = Callable[[Any, Any], Any]
T = TypeVar("T")

_IRREGULAR = {"global_ttl": "globalTTL"}

_COMPUTED = {Config: ("models", "groups", "unsupported", "warnings", "sources")}
"""Fields that are no keys of their section."""


def yaml_name(attribute: str) -> str:
    """Return the key in the file for an attribute of the schema: ``cmdStop``."""
    first, *rest = attribute.split("_")
    return _IRREGULAR.get(attribute) or first + "".join(word.title() for word in rest)


def structure(kind: type[T], values: dict[str, Plain], path: KeyPath, report: Report) -> T:
    """Build a ``kind`` from the section that stands at ``path``.

    What cannot be used goes to ``report`` and keeps its default; so does, silently,
    what has been complained about before. Unknown keys are none of its business.
    """
    usable: dict[str, Plain] = {
        key: value
        for key, value in values.items()
        if value is not None and not report.is_tainted((*path, key))
    }
    try:
        return _CONVERTER.structure(usable, kind)
    except BaseValidationError as exc:
        for below, message in _faults(exc):
            report.fault((*path, *below), message)
        # The keys that failed are tainted now, so this ends.
        return structure(kind, usable, path, report)


def kept_places(raw: Plain, path: KeyPath) -> list[KeyPath]:
    """Return where those items of a list stand that structuring keeps: all but the null ones."""
    items = raw if isinstance(raw, list) else []
    return [(*path, index) for index, item in enumerate(items) if item is not None]


def _faults(exc: BaseException) -> Iterator[tuple[KeyPath, str]]:
    if not isinstance(exc, BaseValidationError):
        yield (), str(exc)
        return
    for inner in exc.exceptions:
        for note in getattr(inner, "__notes__", ()):
            is_field = isinstance(note, AttributeValidationNote)
            step = yaml_name(note.name) if is_field else note.index
            for below, message in _faults(inner):
                yield (step, *below), message


def _hook(convert: Callable[[Plain], Any]) -> Hook:
    return lambda raw, _: convert(raw)


def _is_tuple(kind: Any) -> bool:
    origin: object = get_origin(kind)
    return origin is tuple


def _texts(raw: Any, kind: Any) -> tuple[str, ...]:
    """Structure a list of texts; what is null in it is dropped, as in the reference."""
    if not isinstance(raw, list):
        hint = "" if isinstance(raw, dict) else "; put [ ] around it"
        raise ValueError(f"expected a list of texts, found {describe(raw)}{hint}")  # noqa: TRY004 - becomes a fault
    texts: list[str] = []
    problems: list[Exception] = []
    for index, item in enumerate(raw):
        try:
            texts += () if item is None else (to_text(item),)
        except ValueError as exc:
            exc.add_note(IterableValidationNote("in a list", index, get_args(kind)[0]))
            problems.append(exc)
    if problems:
        raise IterableValidationError("a list", problems, kind)  # pyright: ignore[reportCallIssue] - sees the base's __new__
    return tuple(texts)


def _make_converter() -> Converter:
    converter = Converter()
    for kind, convert in ((str, to_text), (int, to_integer), (bool, to_flag)):
        converter.register_structure_hook(kind, _hook(convert))
    converter.register_structure_hook_func(_is_tuple, _texts)

    @converter.register_structure_hook_factory(has)
    def structure_section(cls: Any) -> Hook:
        omitted = _COMPUTED.get(cls, ())
        keys: dict[str, Any] = {
            attribute.name: override(
                rename=yaml_name(attribute.name), omit=attribute.name in omitted
            )
            for attribute in fields(cls)
        }
        return make_dict_structure_fn(cls, converter, **keys)

    return converter


_CONVERTER = _make_converter()
