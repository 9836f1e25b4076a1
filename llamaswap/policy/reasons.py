"""Why a request is served or waits, and why a process starts or stops.

Values: the log line, the metric's label and the answers of ``/api/queue`` and
``explain`` are all made from them. ``str()`` of one is the end of a sentence.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

from attrs import frozen


class Why(Enum):
    """What kind of reason it is; the values are words for programs."""

    # A request is served.
    READY = "ready"
    LOADED = "loaded"

    # A process starts.
    WANTED = "wanted"

    # A process is stopped.
    ROOM = "room"
    IDLE = "idle"
    UNLOADED = "unloaded"
    REPLACED = "replaced"
    REMOVED = "removed"
    LEAVING = "leaving"

    # A request waits.
    LOADING = "loading"
    NEXT = "next"
    VACATING = "vacating"
    ENDING = "ending"
    SERVING = "serving"
    SWAPPING = "swapping"
    TURN = "turn"
    LINGER = "linger"
    RESIDENCY = "residency"
    PORT = "port"


@frozen
class Reason:
    """One reason. Which fields mean something is a matter of ``why``."""

    why: Why
    models: tuple[str, ...] = ()
    """The other models that it is about, sorted."""

    requests: int = 0
    """How many wait."""

    seconds: float = 0.0
    """A time limit: of idleness, of a lingering model's place."""

    def __str__(self) -> str:
        return _SENTENCES[self.why].format(
            models=_listed(self.models), requests=self.requests, seconds=self.seconds
        )


_SENTENCES = {
    Why.READY: "the model was ready",
    Why.LOADED: "the model has been loaded for it",
    Why.WANTED: "requests waiting: {requests}",
    Why.ROOM: "makes room for {models}",
    Why.IDLE: "idle for {seconds:g} s",
    Why.UNLOADED: "unloaded",
    Why.REPLACED: "replaced by the new configuration",
    Why.REMOVED: "removed from the configuration",
    Why.LEAVING: "the program is leaving",
    Why.LOADING: "the model is loading",
    Why.NEXT: "the model's turn has come only now",
    Why.VACATING: "{models} must be gone first and will be soon",
    Why.ENDING: "the model's last process is ending",
    Why.SERVING: "{models} must make room and still serves",
    Why.SWAPPING: "{models} was first and is loading",
    Why.TURN: "it is the turn of {models}, which has waited too long",
    Why.LINGER: "{models} must make room and expects its next request",
    Why.RESIDENCY: "{models} must make room and has just been loaded",
    Why.PORT: "the port still belongs to a process of {models} that is ending",
}


def _listed(models: Sequence[str]) -> str:
    if len(models) < 2:  # noqa: PLR2004 - nothing to join
        return "".join(models)
    return f"{', '.join(models[:-1])} and {models[-1]}"


READY = Reason(Why.READY)
LOADED = Reason(Why.LOADED)
UNLOADED = Reason(Why.UNLOADED)
REPLACED = Reason(Why.REPLACED)
REMOVED = Reason(Why.REMOVED)
LEAVING = Reason(Why.LEAVING)
LOADING = Reason(Why.LOADING)
NEXT = Reason(Why.NEXT)
ENDING = Reason(Why.ENDING)
