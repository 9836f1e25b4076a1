"""The JSON Schema of the file, for editors: which keys there are and what they take.

Pure. Made from the classes of the schema, so it knows what the loader knows. It
lets ``${macro}`` stand for any value, null for an absent one, and refuses unknown
keys, of which the loader only warns.
"""

from __future__ import annotations

import types
from collections.abc import Mapping
from typing import Any, Union, get_args, get_origin

from attrs import define, field, has

from llamaswap.config.durations import to_duration
from llamaswap.config.effective import written
from llamaswap.config.fields import KeyField, keys_of
from llamaswap.config.macros import MacroValue
from llamaswap.config.schema import OLD_STRIP_PARAMS, Config, FiltersConfig

Schema = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"

_FILLED: Schema = {"type": "string", "pattern": r"\$\{[^}]+\}"}
"""A text in which a macro or the environment is filled in: it may become anything."""

_COMMON: Schema = {
    "filled": _FILLED,
    "text": {"type": ["string", "number", "boolean", "null"]},
    "integer": {"anyOf": [{"type": ["number", "null"]}, {"$ref": "#/$defs/filled"}]},
    "flag": {
        "anyOf": [
            {"type": ["boolean", "null"]},
            {"enum": [*"yn", "yes", "no", "on", "off"]},
            {"enum": [*"YN", "Yes", "No", "On", "Off", "YES", "NO", "ON", "OFF"]},
            {"$ref": "#/$defs/filled"},
        ]
    },
    "duration": {"type": ["string", "null"]},
    "seconds": {"type": ["number", "string", "null"]},
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
        return {
            "description": (cls.__doc__ or "").split("\n\n")[0],
            "type": ["object", "null"],
            "properties": properties,
            "patternProperties": {"^x-": True},
            "additionalProperties": False,
        }

    def _key(self, info: KeyField) -> Schema:
        schema = {**self._values(info), "description": info.key.doc}
        default = written(info, info.default)
        # What an absent or empty one means is said in words.
        shown = isinstance(default, str | int | float) or (default and isinstance(default, list))
        return {**schema, "default": default} if shown else schema

    def _values(self, info: KeyField) -> Schema:
        if info.key.convert is not None:
            name = "duration" if info.key.convert is to_duration else "seconds"
            return {"$ref": f"#/$defs/{name}"}
        if not info.key.choices:
            return self._kind(info.kind)
        chosen = _chosen(info.key.choices)
        return _list(chosen) if get_origin(info.kind) is tuple else chosen

    def _kind(self, kind: Any) -> Schema:
        """Return what may stand for a type of the schema."""
        kind = getattr(kind, "__supertype__", kind)
        if kind == MacroValue:
            return {"type": ["string", "number", "boolean"]}
        if get_origin(kind) in (Union, types.UnionType):
            return self._kind(next(part for part in get_args(kind) if part is not type(None)))
        if get_origin(kind) is tuple:
            return _list(self._kind(get_args(kind)[0]))
        if get_origin(kind) is Mapping:
            items = self._kind(get_args(kind)[1])
            return {"type": ["object", "null"], "additionalProperties": items}
        return self._single(kind)

    def _single(self, kind: Any) -> Schema:
        if not has(kind):
            names: Mapping[Any, str] = {str: "text", int: "integer", bool: "flag"}
            return {"$ref": f"#/$defs/{names[kind]}"} if kind in names else {}
        if kind.__name__ not in self.sections:
            self.sections[kind.__name__] = self.section(kind)
        return {"$ref": f"#/$defs/{kind.__name__}"}


def _list(items: Schema) -> Schema:
    return {"type": ["array", "null"], "items": items}


def _chosen(words: tuple[str, ...]) -> Schema:
    # The words are for completion; the pattern takes them in any case, as the loader does.
    letters = ("".join(f"[{char}{char.upper()}]" for char in word) for word in words)
    pattern = f"^(?:{'|'.join(letters)})?$"
    lenient = {"type": ["string", "null"], "pattern": pattern}
    return {"anyOf": [{"enum": list(words)}, lenient, {"$ref": "#/$defs/filled"}]}
