"""Which texts of a configuration are secrets, and how they are hidden.

Pure. A secret may have reached other texts through a macro, so it is hidden
wherever it stands. Variables and arguments of commands that are called like
one count as well, and passwords in URLs, their queries and headers: they are no
keys of ours, but nobody wants to publish them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from llamaswap.config.document import Plain
from llamaswap.config.schema import Config, ModelConfig
from llamaswap.config.text import split_command

MASK = "***"

_LONG = 8
"""Characters from which on a secret is hidden inside of words, too: shorter ones
would spoil words that have nothing to do with it."""

_WORDS = "key|token|secret|password"
_VARIABLE = re.compile(rf"(?i)(?:\w*_)?(?:api)?(?:{_WORDS})=(.+)", re.DOTALL)
_OPTION = re.compile(rf"(?i)--?(?:[\w-]*[-_])?(?:api)?(?:{_WORDS})(?:=(.*))?", re.DOTALL)

_IN_URL = re.compile(r"(?i)[a-z][a-z0-9+.-]*://[^\s/?#@:]*:([^\s/?#@]+)@")
_IN_QUERY = re.compile(rf"(?i)[?&](?:[\w-]*[_-])?(?:api)?(?:{_WORDS})=([^\s&#\"']+)")
_IN_HEADER = re.compile(r"(?i)\bauthorization:\s*\w+\s+([^\s\"']+)")


def secrets_of(config: Config) -> frozenset[str]:
    """Return the texts that nobody is shown unless they ask for them."""
    found = set(config.api_keys)
    for peer in config.peers.values():
        found.update((peer.api_key, *_IN_URL.findall(peer.proxy)))
    for model in config.models.values():
        found.update(_secrets_of_model(model))
    return frozenset(found - {""})


def masked(values: dict[str, Plain], secrets: Iterable[str]) -> dict[str, Plain]:
    """Return ``values`` with `MASK` for each of ``secrets``, at any depth; keys stay."""
    # The longest first: one may be part of another.
    ordered = sorted(secrets, key=lambda secret: (-len(secret), secret))
    if not ordered:
        return values
    pattern = re.compile("|".join(map(_pattern, ordered)))
    return {name: _hidden(value, pattern) for name, value in values.items()}


def _secrets_of_model(model: ModelConfig) -> Iterator[str]:
    for text in (model.proxy, model.check_endpoint, model.cmd, model.cmd_stop, *model.env):
        for form in (_IN_URL, _IN_QUERY, _IN_HEADER):
            yield from form.findall(text)
    for entry in model.env:
        if found := _VARIABLE.fullmatch(entry):
            yield found[1]
    for command in (model.cmd, model.cmd_stop):
        words = split_command(command)
        for word, following in zip(words, (*words[1:], ""), strict=False):
            if found := _OPTION.fullmatch(word):
                yield following if found[1] is None else found[1]


def _pattern(secret: str) -> str:
    escaped = re.escape(secret)
    return escaped if len(secret) >= _LONG else rf"(?<!\w){escaped}(?!\w)"


def _hidden(value: Plain, pattern: re.Pattern[str]) -> Plain:
    match value:
        case str():
            return pattern.sub(MASK, value)
        case list():
            return [_hidden(item, pattern) for item in value]
        case dict():
            return {name: _hidden(item, pattern) for name, item in value.items()}
        case _:
            return value
