"""What this package raises on purpose, each with the status a client should hear.

One class per reaction, not per place. ``str()`` of each is a sentence for the
person who must act.
"""

from __future__ import annotations

from attrs import frozen


class SwapError(Exception):
    """Base of what this package raises on purpose."""

    status_hint: int = 500
    """The HTTP status a client should hear, if this ends a request."""

    code: str = "internal_error"
    """The ``error.code`` of the answer: one word for programs."""

    retry_after: float | None = None
    """Seconds after which it may be worth to ask again, where that is known."""


class StartError(SwapError):
    """A model did not become ready. ``str()`` says why, with its last output."""

    status_hint = 502
    code = "model_start_failed"


class UnknownModelError(SwapError):
    """Nobody here serves the model that was named."""

    status_hint = 404
    code = "model_not_found"


class BusyError(SwapError):
    """The model has as many requests as its ``concurrencyLimit`` allows."""

    status_hint = 429
    code = "concurrency_limit"


class UnavailableError(SwapError):
    """The model was unloaded, or the program is leaving: ask again later."""

    status_hint = 503
    code = "service_unavailable"


class QueueTimeoutError(UnavailableError):
    """The request has waited as long as ``queueTimeout`` allows; ``str()`` says for what."""

    code = "queue_timeout"


class UpstreamError(SwapError):
    """A model server broke off, or answered what is no HTTP."""

    status_hint = 502
    code = "bad_gateway"


class RequestError(SwapError):
    """The request cannot be understood; the sender must change it."""

    status_hint = 400
    code = "bad_request"


class ListenError(SwapError):
    """An address to listen on is taken or not ours."""


@frozen
class Fault:
    """One thing that is wrong with a configuration."""

    path: str
    """Where: the keys from the top, like ``models.a.ttl``; empty for the whole file."""

    message: str
    """What was found and what was expected, in the words of the file's author."""

    file: str = ""
    line: int = 0
    """Counted from 1; 0 where the place is not known."""

    column: int = 0

    expected: str = ""
    """What would be right, and `found` what is there instead: the parts of the
    message for programs, as far as it has such parts."""

    found: str = ""
    suggestion: str = ""
    """What was probably meant, or what to do about it."""

    def __str__(self) -> str:
        """Say it in one line: the place, the key, the advice."""
        place = self.file
        if self.line:
            place += f":{self.line}:{self.column}"
        return ": ".join(part for part in (place, self.path, self.message) if part)


class ConfigError(SwapError):
    """A configuration cannot be used; ``faults`` holds every reason at once."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        super().__init__("\n".join(str(fault) for fault in faults))
        self.faults = faults
