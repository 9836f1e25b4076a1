"""Which keys there are: tells the unknown ones, and those without a behaviour yet.

Pure. Runs before structuring, over the whole document, sections that nobody
reads included. A key is *built* when some room acts on it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeAlias, get_args

from attrs import define, field, has

from llamaswap.config.document import KeyPath, Plain, Problem, Report, path_text
from llamaswap.config.fields import keys_of
from llamaswap.config.schema import OLD_STRIP_PARAMS, Config, FiltersConfig
from llamaswap.config.synonyms import AT_TOP, IN_MODEL, KEYS, folded
from llamaswap.policy.near_names import are_opposites, mistyped

Keys: TypeAlias = "Mapping[str, Keys | None]"
"""The keys of a section and what may stand below each; ``None``: anything. The
key `ANY` stands for every name that the author may choose."""

ANY = "*"

_LISTED = 80
"""Characters of a list of keys that is repeated in a warning."""


def _below(kind: Any) -> Keys | None:
    """Return the keys that a type of the schema knows."""
    if has(kind):
        old = (OLD_STRIP_PARAMS,) if kind is FiltersConfig else ()
        return {info.name: _below(info.kind) for info in keys_of(kind)} | dict.fromkeys(old)
    # ``X | None`` and mappings of names to sections; of all else nothing is known.
    for part in get_args(kind):
        if (below := _below(part)) is not None:
            return {ANY: below} if type(None) not in get_args(kind) else below
    return None


def _flat(names: str, *above: str) -> Iterator[KeyPath]:
    yield from ((*above, name) for name in names.split())


TOP: Keys = _below(Config) or {}
"""All keys of the file."""

UNBUILT: frozenset[KeyPath] = frozenset(
    (
        *_flat(
            "apiKeys captureBuffer includeAliasesInList logLevel logTimeFormat logToStdout "
            "metricsMaxInMemory peers performance sendLoadingState store ui"
        ),
        *_flat("capabilities compat filters metadata sendLoadingState timeouts", "models", ANY),
    )
)
"""The keys that are known, and on which no room acts yet."""


def survey(document: Mapping[str, Plain], report: Report) -> tuple[KeyPath, ...]:
    """Warn of unknown keys; return the paths of those that are known but not built."""
    walk = _Survey(report)
    walk.section(document, TOP, (), ())
    return tuple(walk.unbuilt)


@define
class _Survey:
    report: Report
    unbuilt: list[KeyPath] = field(factory=list[KeyPath], init=False)

    def section(
        self, values: Mapping[str, Plain], keys: Keys, path: KeyPath, pattern: KeyPath
    ) -> None:
        """Look at what stands at ``path``; ``pattern`` is the same with chosen names as `ANY`."""
        for key, value in values.items():
            name = key if key in keys else ANY
            if name not in keys:
                if not key.startswith("x-"):
                    self.report.warn((*path, key), _unknown(key, keys, path, pattern))
                continue
            # Null says nothing, so it asks for no behaviour either.
            if (*pattern, name) in UNBUILT and value is not None:
                self.unbuilt.append((*path, key))
            below = keys[name]
            if below is not None and isinstance(value, dict):
                self.section(value, below, (*path, key), (*pattern, name))


def _unknown(key: str, keys: Keys, path: KeyPath, pattern: KeyPath) -> Problem:
    """Return the problem that ``key`` is none of ``keys``, with what was probably meant."""
    word = folded(key)
    # Where two share their letters, the one that stands first is the one to advise.
    plain = {folded(name): name for name in reversed(list(keys))}
    near, advice = plain.get(word), _OTHERWISE.get(pattern, {}).get(word, "")
    if near is None and not advice:
        known = (name for name in KEYS.get(word, ()) if name in keys)
        near = next(known, None) or plain.get(mistyped(word, plain) or _begun(word, plain))
    expected = _expected(keys, path, pattern)
    if near is not None:
        hint = f"did you mean {near!r}?"
        return Problem("unknown key {found}", expected, repr(key), hint, joint=", ")
    hint = advice or _opposite(word, plain) or _elsewhere(word, path, pattern)
    return Problem("unknown key {found}: it has no effect here", expected, repr(key), hint)


def _begun(word: str, known: Iterable[str]) -> str:
    """Return the only one of ``known`` that ``word`` is the beginning of, and half of it."""
    begun = [other for other in known if other.startswith(word) and len(other) <= 2 * len(word)]
    return begun[0] if len(begun) == 1 else ""


def _expected(keys: Keys, path: KeyPath, pattern: KeyPath) -> str:
    names = ", ".join(name for name in keys if name != OLD_STRIP_PARAMS)
    # A model has two dozen: nobody reads them in a sentence.
    return f"one of {names}" if len(names) <= _LISTED else f"a key of {_called(pattern, path)}"


def _opposite(word: str, plain: Mapping[str, str]) -> str:
    """Name the key that says the opposite of ``word``; empty if none does."""
    opposites = (name for other, name in plain.items() if are_opposites(word, other))
    return next((f"{name!r} is there, which says the opposite" for name in opposites), "")


def _elsewhere(word: str, path: KeyPath, pattern: KeyPath) -> str:
    """Say where ``word`` belongs, or what has this name in other tools; empty if nobody knows."""
    if places := _levels(word, pattern):
        return f"it belongs to {' or '.join(_called(place[:-1], path) for place in places)}"
    # Other sections are about one thing each, which is none of those.
    names = KEYS.get(word, ()) if pattern in _OTHERWISE else ()
    meant = [place for name in names for place in _levels(folded(name), pattern)]
    return f"did you mean {_called(meant[0], path)!r}?" if meant else ""


def _levels(word: str, pattern: KeyPath) -> list[KeyPath]:
    """Return the places of the key ``word`` that are nearest: first those below ``pattern``."""
    everywhere = _PLACES.get(word, [])
    below = [place for place in everywhere if place[: len(pattern)] == pattern]
    found = below or everywhere
    least = min(map(len, found), default=0)
    return [place for place in found if len(place) == least]


def _called(place: KeyPath, path: KeyPath) -> str:
    """Write a place of the schema for somebody who is at ``path``."""
    steps: list[str | int] = []
    for number, step in enumerate(place):
        # The names of the sections that we are in are known.
        is_shared = tuple(steps) == path[:number] and number < len(path)
        if step == ANY:
            chosen = "<id>" if steps == ["models"] else "<name>"
            steps.append(path[number] if is_shared else chosen)
        else:
            steps.append(step)
    return path_text(tuple(steps)) if steps else "the top level"


def _places(keys: Keys, above: KeyPath) -> Iterator[KeyPath]:
    for name, below in keys.items():
        if name not in {ANY, OLD_STRIP_PARAMS}:
            yield (*above, name)
        if below is not None:
            yield from _places(below, (*above, name))


def _by_word(places: Iterable[KeyPath]) -> dict[str, list[KeyPath]]:
    found: dict[str, list[KeyPath]] = {}
    for place in places:
        found.setdefault(folded(str(place[-1])), []).append(place)
    return found


_PLACES = _by_word(_places(TOP, ()))
"""Where each key stands in the schema, by its letters."""

_OTHERWISE: Mapping[KeyPath, Mapping[str, str]] = {(): AT_TOP, ("models", ANY): IN_MODEL}
"""What to do in place of a key that no section has, by the section."""
