"""The JSON Schema of the file, for editors: which keys there are and what they take.

Pure. Made from the classes of the schema, so it knows what the loader knows. It
lets ``${macro}`` stand for any value, null for an absent one, and refuses unknown
keys and unknown words of the log, of which the loader only warns.
"""

from __future__ import annotations

import types
from collections.abc import Mapping
from typing import Any, Union, get_args, get_origin

from attrs import define, field, has

from llamaswap.config.durations import (
    LONGEST,
    PATTERN,
    to_duration,
    to_limit,
    to_seconds,
    to_wait,
    to_whole_seconds,
)
from llamaswap.config.effective import written
from llamaswap.config.fields import Key, KeyField, keys_of
from llamaswap.config.macros import MAX_NAME, RESERVED, MacroValue
from llamaswap.config.schema import OLD_STRIP_PARAMS, Config, FiltersConfig
from llamaswap.config.sections import PeerConfig

Schema = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"

_FILLED: Schema = {"type": "string", "pattern": r"\$\{[^}]+\}"}
"""A text in which a macro or the environment is filled in: it may become anything."""

_WHOLE: Schema = {"type": ["number", "null"], "minimum": -(2**63), "exclusiveMaximum": 2**63}
"""Fractions are taken, too, and truncated toward zero."""

_DURATION: Schema = {"type": "string", "pattern": f"^(?:{PATTERN})$"}
_SECONDS: Schema = {"type": ["number", "null"], "minimum": 0, "maximum": LONGEST}

_COMMON: Schema = {
    "filled": _FILLED,
    "text": {"type": ["string", "number", "boolean", "null"]},
    "integer": {"anyOf": [_WHOLE, {"$ref": "#/$defs/filled"}]},
    "flag": {
        "anyOf": [
            {"type": ["boolean", "null"]},
            {"enum": [*"yn", "yes", "no", "on", "off"]},
            {"enum": [*"YN", "Yes", "No", "On", "Off", "YES", "NO", "ON", "OFF"]},
            {"$ref": "#/$defs/filled"},
        ]
    },
    "duration": {"anyOf": [{"type": "null"}, _DURATION, {"$ref": "#/$defs/filled"}]},
    "seconds": {"anyOf": [_SECONDS, _DURATION, {"$ref": "#/$defs/filled"}]},
    "wait": {"anyOf": [{"const": "auto"}, {"$ref": "#/$defs/seconds"}]},
    "macros": {
        "type": ["object", "null"],
        "propertyNames": {
            "pattern": f"^[a-zA-Z0-9_-]{{1,{MAX_NAME}}}$",
            "not": {"enum": list(RESERVED)},
        },
        "additionalProperties": {"type": ["string", "number", "boolean"]},
    },
}


def json_schema() -> Schema:
    """Return the schema of the whole file."""
    maker = _Maker()
    top = maker.section(Config)
    return {
        "$schema": DIALECT,
        "title": "The configuration of llama-swap",
        **top,
        "$defs": _COMMON | dict(sorted(maker.sections.items())),
    }


@define
class _Maker:
    sections: dict[str, Schema] = field(factory=dict[str, Schema], init=False)
    """The classes that were met, by their names."""

    def section(self, cls: Any) -> Schema:
        """Return what a mapping with the keys of ``cls`` looks like."""
        properties = {info.name: self._key(info) for info in keys_of(cls)}
        if cls is FiltersConfig:
            about = {"description": "The old name of stripParams.", "deprecated": True}
            properties[OLD_STRIP_PARAMS] = {"$ref": "#/$defs/text", **about}
        required = [info.name for info in keys_of(cls) if info.key.required]
        return {
            "description": (cls.__doc__ or "").split("\n\n")[0],
            "type": ["object", "null"],
            "properties": properties,
            **({"required": required} if required else {}),
            "patternProperties": {"^x-": True},
            "additionalProperties": False,
        }

    def _key(self, info: KeyField) -> Schema:
        schema = {**self._values(info), "description": info.key.doc}
        if info.key.minimum is not None:
            schema |= _least(info.key.minimum)
        if info.key.required:
            return schema | _fullness(info)
        default = _default(info)
        return schema if default is None else {**schema, "default": default}

    def _values(self, info: KeyField) -> Schema:
        if info.key.convert is not None:
            return {"$ref": f"#/$defs/{_CONVERTED[info.key.convert]}"}
        if not info.key.choices:
            return self._kind(info.kind)
        chosen = _chosen(info.key)
        return _list(chosen) if get_origin(info.kind) is tuple else chosen

    def _kind(self, kind: Any) -> Schema:
        """Return what may stand for a type of the schema."""
        kind = getattr(kind, "__supertype__", kind)
        if get_origin(kind) in (Union, types.UnionType):
            return self._kind(next(part for part in get_args(kind) if part is not type(None)))
        if get_origin(kind) is tuple:
            return _list(self._kind(get_args(kind)[0]))
        if get_origin(kind) is Mapping:
            if get_args(kind)[1] == MacroValue:
                return {"$ref": "#/$defs/macros"}
            entry = get_args(kind)[1]
            items = self._kind(entry)
            # A peer of which nothing is said is left out.
            if entry is not PeerConfig and any(info.key.required for info in _keys_in(entry)):
                items = {**items, "type": "object"}
            return {"type": ["object", "null"], "additionalProperties": items}
        return self._single(kind)

    def _single(self, kind: Any) -> Schema:
        if not has(kind):
            names: Mapping[Any, str] = {str: "text", int: "integer", bool: "flag"}
            return {"$ref": f"#/$defs/{names[kind]}"} if kind in names else {}
        if kind.__name__ not in self.sections:
            self.sections[kind.__name__] = self.section(kind)
        return {"$ref": f"#/$defs/{kind.__name__}"}


_CONVERTED: Mapping[Any, str] = {
    to_duration: "duration",
    to_wait: "wait",
    to_seconds: "seconds",
    to_limit: "seconds",
    to_whole_seconds: "integer",
}


def _list(items: Schema) -> Schema:
    return {"type": ["array", "null"], "items": items}


def _default(info: KeyField) -> Any:
    """Return what the absence of a key means; ``None``: words say that."""
    if not info.key.offers_default:
        return None
    if info.key.absent is not None:
        return info.key.absent
    if get_origin(info.kind) is Mapping:
        return {}
    default = written(info, info.default)
    return default if isinstance(default, str | int | float | list) else None


def _keys_in(kind: Any) -> tuple[KeyField, ...]:
    return keys_of(kind) if has(kind) else ()


def _least(number: int) -> Schema:
    """Say that a value is at least ``number`` after its fraction is gone."""
    return {"minimum": number} if number > 0 else {"exclusiveMinimum": number - 1}


def _fullness(info: KeyField) -> Schema:
    """Say that a value is there and not empty."""
    if info.key.choices:
        # None of the words is empty.
        return {"type": "string"}
    if get_origin(info.kind) is tuple:
        return {"type": "array", "minItems": 1}
    if get_origin(info.kind) is Mapping:
        return {"type": "object", "minProperties": 1}
    return {"type": ["string", "number", "boolean"], "minLength": 1}


def _chosen(key: Key) -> Schema:
    words: list[Schema] = [{"enum": [*key.choices, None]}, {"$ref": "#/$defs/filled"}]
    if key.any_case:
        # The words are for completion; the pattern takes them as the loader does.
        letters = ("".join(f"[{char}{char.upper()}]" for char in word) for word in key.choices)
        words.insert(1, {"type": "string", "pattern": rf"^\s*(?:{'|'.join(letters)})\s*$"})
    return {"anyOf": words}
