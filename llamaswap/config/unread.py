"""Which names may be declared in what could not be read, so that nobody calls them unknown.

Pure. One mistake in ``aliases`` is one fault, not one more for each use of an alias.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from llamaswap.config.conversions import value_at
from llamaswap.config.document import KeyPath, Plain, Report
from llamaswap.config.filters import BY_ID
from llamaswap.config.names import full_name
from llamaswap.policy.unread import ANY_NAME, EVERYTHING_READ, Unread


def unread_keys(value: Plain, path: KeyPath, report: Report) -> Unread:
    """Return the keys of the mapping at ``path`` that have been complained about."""
    if report.is_told(path):
        return ANY_NAME
    names = value if isinstance(value, dict) else ()
    return Unread(frozenset(name for name in names if report.is_tainted((*path, name))))


def unread_models(document: Mapping[str, Plain], report: Report) -> Unread:
    """Return the names of our own models that may be missing among those that are known."""
    if report.is_told(("models",)):
        return ANY_NAME
    unread = EVERYTHING_READ
    for model, fields in _entries(document, "models"):
        for below in (("aliases",), BY_ID):
            if report.is_tainted(("models", model, *below)):
                unread |= Unread(frozenset(_words(value_at(fields, below))))
    return unread


def unread_peers(document: Mapping[str, Plain], report: Report) -> Unread:
    """Return the names of peers' models that may be missing among those that are known."""
    if report.is_told(("peers",)):
        return ANY_NAME
    unread = EVERYTHING_READ
    for peer, fields in _entries(document, "peers"):
        if report.is_told(("peers", peer)):
            return ANY_NAME
        if report.is_tainted(("peers", peer, "models")):
            words = list(_words(value_at(fields, ("models",))))
            unread |= Unread(frozenset((*words, *(full_name(peer, word) for word in words))))
    return unread


def _entries(document: Mapping[str, Plain], section: str) -> Iterator[tuple[str, Plain]]:
    entries = document.get(section)
    yield from entries.items() if isinstance(entries, dict) else ()


def _words(value: Plain) -> Iterator[str]:
    """List the texts and keys in ``value``: one of them was meant as a name."""
    match value:
        case str():
            yield value
        case list():
            for item in value:
                yield from _words(item)
        case dict():
            for key, item in value.items():
                yield key
                yield from _words(item)
        case _:
            pass
