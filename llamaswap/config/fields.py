"""How a field of the schema names, describes and reads its key of the file.

Every key is described once, where its field is declared: the loader, the list
of known keys, ``llama-swap schema`` and ``llama-swap config`` all read it there
through `keys_of`. A field that is declared without `key` or `section` is no key.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from attrs import field, fields, frozen, resolve_types

from llamaswap.config.document import Plain

T = TypeVar("T")

_KEY = "key"
"""Where attrs' metadata of a field holds its `Key`."""


@frozen
class Key:
    """What is known of one key beside the type and the default of its field."""

    doc: str
    """What it is for, in sentences, with the unit and what absence means."""

    yaml: str = ""
    """Its name in the file, if that is not the field's in camel case."""

    shape: Any = None
    """What stands in the file, where that is not the type of the field. Such a
    field is not structured: a step of its own builds it."""

    convert: Callable[[Plain], Any] | None = None
    """Makes the value, where the type alone does not tell how."""

    choices: tuple[str, ...] = ()
    """The words that are possible; empty: any."""

    any_case: bool = False
    """The words are taken in any case and with blanks around."""

    required: bool = False
    """It must be there, and not be empty."""

    minimum: int | None = None
    """The least number that is taken; ``None``: any."""

    absent: Plain = None
    """What its absence means, in the words of the file, where the field's default
    is not that; ``None``: the default tells."""

    offers_default: bool = True
    """The default is a value that somebody may want to write down."""

    secret: bool = False
    """Never shown unless asked for."""

    null_empties: bool = False
    """Null means an empty list here; everywhere else it keeps the default."""


@frozen
class KeyField:
    """A `Key` and the field that carries it."""

    attribute: str
    name: str
    """In the file."""

    kind: Any
    """What stands in the file: a type of the schema."""

    default: Any
    """The value of an absent key."""

    key: Key


def key(
    default: T,
    doc: str,
    *,
    yaml: str = "",
    shape: Any = None,
    convert: Callable[[Plain], T] | None = None,
    choices: tuple[str, ...] = (),
    any_case: bool = False,
    required: bool = False,
    minimum: int | None = None,
    absent: Plain = None,
    offers_default: bool = True,
    secret: bool = False,
    null_empties: bool = False,
    eq: bool = True,
) -> T:
    """Declare a field that is a key of the file; see `Key`."""
    about = Key(
        doc,
        yaml=yaml,
        shape=shape,
        convert=convert,
        choices=choices,
        any_case=any_case,
        required=required,
        minimum=minimum,
        absent=absent,
        offers_default=offers_default,
        secret=secret,
        null_empties=null_empties,
    )
    return field(default=default, eq=eq, repr=not secret, metadata={_KEY: about})


def section(
    factory: Callable[[], T],
    doc: str,
    *,
    yaml: str = "",
    shape: Any = None,
    required: bool = False,
    eq: bool = True,
) -> T:
    """Declare a field that is a section of the file: a mapping, or keys of a class."""
    return field(factory=factory, eq=eq, metadata={_KEY: Key(doc, yaml, shape, required=required)})


def keys_of(cls: type) -> tuple[KeyField, ...]:
    """Return the keys of a class of the schema, in order."""
    resolve_types(cls)
    found: list[KeyField] = []
    for attribute in fields(cls):
        about: Key | None = attribute.metadata.get(_KEY)
        if about is not None:
            name = about.yaml or _camel_case(attribute.name)
            kind = about.shape or attribute.type
            default = _value(attribute.default)
            found.append(KeyField(attribute.name, name, kind, default, about))
    return tuple(found)


def _value(default: Any) -> Any:
    factory: Callable[[], Any] | None = getattr(default, "factory", None)
    return default if factory is None else factory()


def _camel_case(attribute: str) -> str:
    first, *rest = attribute.split("_")
    return first + "".join(word.title() for word in rest)
