"""Which texts of a configuration are secrets, and how they are hidden.

Pure. A secret may have reached other texts through a macro, so it is hidden
wherever it stands. Variables and arguments of commands that are called like
one count as well, what stands so in `metadata` and in parameters of requests, and
passwords in URLs, their queries and headers: they are no keys of ours, but nobody
wants to publish them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import cast

from llamaswap.config.document import Plain
from llamaswap.config.redaction import is_secret_name, masking
from llamaswap.config.schema import Config, FiltersConfig, ModelConfig
from llamaswap.config.sections import PeerFiltersConfig
from llamaswap.config.text import split_command

_IN_URL = re.compile(r"(?i)[a-z][a-z0-9+.-]*://[^\s/?#@:]*:([^\s/?#@]+)@")
_IN_QUERY = re.compile(r"[?&]([\w-]+)=([^\s&#\"']+)")
_IN_HEADER = re.compile(r"(?i)\bauthorization:\s*\w+\s+([^\s\"']+)")

_VARIABLE = re.compile(r"^(?:--[\w-]+=|-e)?([A-Za-z_]\w*)=(.*)", re.DOTALL)
"""As it is given to a container: ``-e NAME=value``, ``--env=NAME=value``."""


def secrets_of(config: Config) -> frozenset[str]:
    """Return the texts that nobody is shown unless they ask for them."""
    found = set(config.api_keys)
    for peer in config.peers.values():
        found.update((peer.api_key, *_in_text(peer.proxy), *_in_filters(peer.filters)))
    for model in config.models.values():
        found.update(_secrets_of_model(model))
    return frozenset(found - {""})


def masked(values: dict[str, Plain], secrets: Iterable[str]) -> dict[str, Plain]:
    """Return ``values`` with `MASK` for each of ``secrets``, at any depth; keys stay."""
    hide = masking(frozenset(secrets))
    return {name: _hidden(value, hide) for name, value in values.items()}


def _secrets_of_model(model: ModelConfig) -> Iterator[str]:
    for text in (model.proxy, model.check_endpoint, model.cmd, model.cmd_stop, *model.env):
        yield from _in_text(text)
    for entry in model.env:
        name, _, value = entry.partition("=")
        if is_secret_name(name):
            yield value
    yield from _in_named(model.metadata)
    yield from _in_filters(model.filters)
    for command in (model.cmd, model.cmd_stop):
        yield from _in_command(command)


def _in_command(command: str) -> Iterator[str]:
    words = split_command(command)
    for word, following in zip(words, (*words[1:], ""), strict=False):
        option, given, value = word.partition("=")
        if word.startswith("-") and is_secret_name(option.lstrip("-")):
            yield value if given else following
        for name, variable in _VARIABLE.findall(word):
            if is_secret_name(name):
                yield variable


def _in_filters(filters: FiltersConfig | PeerFiltersConfig) -> Iterator[str]:
    yield from _in_named(filters.set_params)
    yield from _in_named(filters.set_params_by_id)


def _in_named(values: Mapping[str, object]) -> Iterator[str]:
    """Find the texts whose names say that they are secrets, at any depth of mappings."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _in_named(cast("Mapping[str, object]", value))
        elif isinstance(value, str) and is_secret_name(name):
            yield value


def _in_text(text: str) -> Iterator[str]:
    for form in (_IN_URL, _IN_HEADER):
        yield from form.findall(text)
    for name, value in _IN_QUERY.findall(text):
        if is_secret_name(name):
            yield value


def _hidden(value: Plain, hide: Callable[[str], str]) -> Plain:
    match value:
        case str():
            return hide(value)
        case list():
            return [_hidden(item, hide) for item in value]
        case dict():
            return {name: _hidden(item, hide) for name, item in value.items()}
        case _:
            return value
