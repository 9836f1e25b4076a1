"""Traffic that nobody has sent: requests drawn from a short description.

Pure: the caller brings the chance. A description is a kind and its settings, like
``zipf:models=6,requests=1000,seconds=600,service=0.5,seed=1``.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Callable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from enum import Enum
from itertools import accumulate
from typing import Any, TypeAlias, TypeVar

from attrs import evolve, fields, frozen

from llamaswap.policy.rules import ModelId
from llamaswap.policy.simulation import Request

Chance: TypeAlias = Callable[[], float]
"""Draws a number from 0 to below 1."""

T = TypeVar("T")


class SpecError(Exception):
    """A description cannot be understood; ``str()`` says what is expected."""


class Kind(Enum):
    """What the traffic is like; the values are the words of a description."""

    RANDOM = "random"
    """Any model at any time."""

    ZIPF = "zipf"
    """The first model is asked for most, the n-th an n-th as often."""

    PAIR = "pair"
    """Models in turn, at equal distances: two of them, if it is not said otherwise."""

    SESSIONS = "sessions"
    """Somebody stays with one model for a while, and now and then another one is asked."""


@frozen
class Spec:
    """A description of traffic."""

    kind: Kind
    models: int | None = None
    """The first so many of the configuration; ``None``: two for a pair, else all."""

    requests: int = 1000
    seconds: float = 600.0
    """In which they come."""

    service: float | None = None
    """Seconds for each; ``None``: as long as the model usually takes."""

    skew: float = 1.0
    """Of ``zipf``: the n-th model is asked for ``1 / n ** skew`` as often as the first."""

    length: int = 20
    """Of ``sessions``: how many requests one has on average."""

    interruptions: float = 0.1
    """Of ``sessions``: the part of the requests that is for another model."""

    seed: int = 1

    @classmethod
    def parse(cls, text: str) -> Spec:
        """Read a description.

        Raises:
          SpecError: it says what was found and what is expected.
        """
        word, _, rest = text.partition(":")
        spec = cls(_known(word.strip(), {kind.value: kind for kind in Kind}, "kind of traffic"))
        for part in rest.split(",") if rest.strip() else ():
            name, equals, value = (piece.strip() for piece in part.partition("="))
            if not equals:
                raise SpecError(f"expected name=value, found {part.strip()!r}")
            _known(name, {name: name for name in _SETTINGS}, "setting")
            number: Any = _number(name, value)
            spec = evolve(spec, **{name: number})
        return spec


_WHOLE = frozenset({"models", "requests", "length", "seed"})
_SETTINGS = tuple(field.name for field in fields(Spec) if field.name != "kind")
_LEAST = {"models": 1, "requests": 1, "length": 1}
_MOST = {"interruptions": 1, "requests": 10_000_000, "seconds": 10**12, "service": 10**12}
"""More requests than these would take most of an hour, and gigabytes; far beyond these
seconds, a sum of times is infinite or stands still."""


def _known(word: str, known: Mapping[str, T], what: str) -> T:
    if word in known:
        return known[word]
    near = get_close_matches(word, known, n=1)
    hint = f", did you mean {near[0]!r}?" if near else ""
    raise SpecError(f"unknown {what} {word!r}{hint or ': expected ' + ', '.join(known)}")


def _number(name: str, value: str) -> float:
    what = "a whole number" if name in _WHOLE else "a number"
    least, most = _LEAST.get(name, 0), _MOST.get(name)
    try:
        number = int(value) if name in _WHOLE else float(value)
    except ValueError:
        number = float("nan")
    if number >= least and (most is None or number <= most) and number != float("inf"):
        return number
    limit = f"of at least {least}" if most is None else f"from {least} to {most:,}"
    raise SpecError(f"invalid {name} {value!r}: expected {what} {limit}")


def traffic(spec: Spec, models: Sequence[ModelId], chance: Chance) -> Iterator[Request]:
    """Yield the requests that ``spec`` describes, in order.

    Args:
      models: those that may be asked for; the first ``spec.models`` are.

    Raises:
      SpecError: there are fewer models than are to be asked for.
    """
    wanted = spec.models or (2 if spec.kind is Kind.PAIR else len(models))
    if not 0 < wanted <= len(models):
        raise SpecError(f"{wanted} models are to be asked, but there are {len(models)}")
    return _drawn(spec, models[:wanted], chance)


def _drawn(spec: Spec, models: Sequence[ModelId], chance: Chance) -> Iterator[Request]:
    if spec.kind is Kind.PAIR:
        distance = spec.seconds / spec.requests
        for number in range(spec.requests):
            yield Request(number * distance, models[number % len(models)], spec.service)
        return
    draw = _DRAWS[spec.kind](spec, models, chance)
    moments = sorted(chance() * spec.seconds for _ in range(spec.requests))
    for moment in moments:
        yield Request(moment, next(draw), spec.service)


def _any(_: Spec, models: Sequence[ModelId], chance: Chance) -> Iterator[ModelId]:
    while True:
        yield models[int(chance() * len(models))]


def _by_rank(spec: Spec, models: Sequence[ModelId], chance: Chance) -> Iterator[ModelId]:
    sums = list(accumulate(rank**-spec.skew for rank in range(1, len(models) + 1)))
    while True:
        yield models[bisect(sums, chance() * sums[-1])]


def _in_sessions(spec: Spec, models: Sequence[ModelId], chance: Chance) -> Iterator[ModelId]:
    anybody = _any(spec, models, chance)
    stays = next(anybody)
    while True:
        yield next(anybody) if chance() < spec.interruptions else stays
        if chance() * spec.length < 1:
            stays = next(anybody)


_DRAWS = {Kind.RANDOM: _any, Kind.ZIPF: _by_rank, Kind.SESSIONS: _in_sessions}
