"""When idle models are stopped.

A queue of alarms, one per model at most: a model that is used a thousand times a
second does not set a thousand. An alarm that goes off too early is set anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from heapq import heapify, heappop, heappush

from attrs import define, field

from llamaswap.policy.places import Place
from llamaswap.policy.rules import ModelId


@define(eq=False)
class IdleTimes:
    """Which idle model is stopped next, and when."""

    _places: Mapping[ModelId, Place]
    _alarms: list[tuple[float, ModelId]] = field(factory=list[tuple[float, ModelId]], init=False)
    _set: set[ModelId] = field(factory=set[ModelId], init=False)

    def watch(self, place: Place) -> None:
        """Set an alarm for ``place``, if it has become idle."""
        end = idle_end(place)
        if end is not None and place.model not in self._set:
            self._set.add(place.model)
            heappush(self._alarms, (end, place.model))

    def watch_anew(self, places: Iterable[Place]) -> None:
        """Set all alarms again: the times have changed."""
        ends = [(idle_end(place), place.model) for place in places]
        self._alarms = [(end, model) for end, model in ends if end is not None]
        self._set = {model for _, model in self._alarms}
        heapify(self._alarms)

    @property
    def next_end(self) -> float | None:
        """The moment of the next stop, as things are now."""
        while self._alarms:
            alarm, model = self._alarms[0]
            end = self._end_of(model)
            if end == alarm:
                return end
            heappop(self._alarms)
            self._set.discard(model)
            if end is not None:
                self._set.add(model)
                heappush(self._alarms, (end, model))
        return None

    def due(self, now: float) -> list[Place]:
        """Return those whose time is over, sorted by id."""
        over: list[Place] = []
        while (end := self.next_end) is not None and end <= now:
            _, model = heappop(self._alarms)
            self._set.discard(model)
            over.append(self._places[model])
        return sorted(over, key=lambda place: place.model)

    def _end_of(self, model: ModelId) -> float | None:
        place = self._places.get(model)
        return None if place is None else idle_end(place)


def idle_end(place: Place) -> float | None:
    """Return the moment at which ``place`` is stopped if nobody comes; ``None``: never."""
    if not place.is_idle or place.rule.idle_after is None or place.idle_since is None:
        return None
    return place.idle_since + place.rule.idle_after
