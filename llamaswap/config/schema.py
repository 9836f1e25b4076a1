"""What the operator asked for, as frozen values: one class per section.

Numbers and texts stand here as they were meant in the file, after macros and
ports; what is inherited is computed by the methods of `Config`. ``None`` means
"not said". Nothing below the service knows these classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from attrs import field, frozen

from llamaswap.errors import Fault
from llamaswap.policy.eviction import GroupRule
from llamaswap.policy.messages import ModelId

DEFAULT_CONCURRENCY = 10
"""Requests at one time where ``concurrencyLimit`` is absent or 0, as in the reference."""


@frozen
class ModelConfig:
    """One entry of ``models``."""

    cmd: str = ""
    """``cmd``: the command, comment lines removed; split when the model starts."""

    proxy: str = ""
    """``proxy``: base URL of the server that ``cmd`` starts."""

    cmd_stop: str = ""
    """``cmdStop``: run to stop the model; ``${PID}`` is filled in then. Empty: SIGTERM.
    On Windows there is no default either (the reference's is ``taskkill``): the job
    object that holds the process tree ends it without a command."""

    check_endpoint: str = "/health"
    """``checkEndpoint``: path that answers 200 when the model is ready; ``none``: no check."""

    env: tuple[str, ...] = ()
    """``env``: ``NAME=value`` entries added to our own environment; the last one wins."""

    aliases: tuple[str, ...] = ()
    """``aliases``: other names that clients may use."""

    name: str = ""
    description: str = ""

    unlisted: bool = False
    """``unlisted``: leave the model out of ``/v1/models``; it stays usable."""

    ttl: int | None = None
    """``ttl``: seconds without a request until the model is stopped; 0: never;
    ``None``: ``globalTTL`` applies."""

    unload_timeout: int | None = None
    """``unloadTimeout``: seconds between asking the process to end and killing it;
    ``None``: the global one applies."""

    use_model_name: str | None = None
    """``useModelName``: what the server is told in place of the client's model name."""

    concurrency_limit: int | None = None
    """``concurrencyLimit``: requests at one time, waiting ones included."""


@frozen
class Config:
    """A whole configuration.

    Made by `llamaswap.load_config`, or in Python: give each model a ``proxy``
    with its port, and a command that listens there.
    """

    models: Mapping[ModelId, ModelConfig] = field(factory=dict[ModelId, ModelConfig])
    groups: tuple[GroupRule, ...] = ()
    """As written; `groups_of` adds the default group."""

    health_check_timeout: int = 120
    """``healthCheckTimeout``: seconds from start to the first good health check, at least 15."""

    start_port: int = 5800
    """``startPort``: the first number given out for ``${PORT}``."""

    global_ttl: int = 0
    """``globalTTL``: seconds; 0: models without a ``ttl`` are never stopped for idleness."""

    unload_timeout: int = 10
    """``unloadTimeout``: seconds between asking a process to end and killing it."""

    unsupported: tuple[str, ...] = ()
    """Key paths that are known but have no behaviour yet. Serving is refused while
    there are any, so that nobody believes in a door that is not locked."""

    warnings: tuple[Fault, ...] = ()
    """What is odd but harmless, such as unknown keys."""

    sources: tuple[Path, ...] = ()
    """The files it was read from."""

    def idle_after(self, model: ModelId) -> float | None:
        """Return the seconds without a request until ``model`` is stopped; ``None``: never."""
        ttl = self.models[model].ttl
        return (self.global_ttl if ttl is None else ttl) or None

    def stop_within(self, model: ModelId) -> float:
        """Return the seconds that ``model`` has between being asked to end and being killed."""
        return self.models[model].unload_timeout or self.unload_timeout

    def concurrency_limit(self, model: ModelId) -> int:
        """Return how many requests ``model`` takes at one time."""
        return self.models[model].concurrency_limit or DEFAULT_CONCURRENCY
