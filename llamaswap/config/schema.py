"""What the operator asked for, as frozen values: the whole, and its models.

Numbers and texts stand here as they were meant in the file, after macros and
ports; what is inherited is computed by the methods of `Config`. ``None`` means
"not said". Nothing below the service knows these classes. The other sections
are in `llamaswap.config.sections`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from attrs import field, frozen

from llamaswap.config.document import Place
from llamaswap.config.durations import to_whole_seconds
from llamaswap.config.fields import key, section
from llamaswap.config.macros import MacroValue
from llamaswap.config.sections import (
    FifoConfig,
    GroupSection,
    HooksConfig,
    MatrixConfig,
    PeerConfig,
    PerformanceConfig,
    ProfileConfig,
    RoutingSection,
    SelectorConfig,
    StoreConfig,
    TimeoutsConfig,
    UiConfig,
    UpstreamConfig,
)
from llamaswap.errors import Fault
from llamaswap.policy.eviction import GroupRule, default_group
from llamaswap.policy.rules import ModelId

DEFAULT_CONCURRENCY = 10
"""Requests at one time where ``concurrencyLimit`` is absent or 0, as in the reference."""

LOG_LEVELS = ("debug", "info", "warn", "error")
LOG_TARGETS = ("proxy", "upstream", "both", "none")
TIME_FORMATS = (
    *("ansic", "unixdate", "rubydate", "rfc822", "rfc822z", "rfc850", "rfc1123", "rfc1123z"),
    *("rfc3339", "rfc3339nano", "kitchen", "stamp", "stampmilli", "stampmicro", "stampnano"),
)
OLD_STRIP_PARAMS = "strip_params"
"""How ``filters.stripParams`` of models was spelled once; it still counts where that is absent."""

MODALITIES = ("text", "audio", "image")


@frozen
class FiltersConfig:
    """What is changed in the JSON of a request before the model's server gets it."""

    strip_params: str = key(
        "",
        "Parameters to remove: a list with commas, paths with dots. The model's name is never "
        "removed.",
    )
    set_params: Mapping[str, object] = section(
        dict[str, object], "Parameters to set, whatever the client says: path to value."
    )
    set_params_by_id: Mapping[str, Mapping[str, object]] = section(
        dict[str, Mapping[str, object]],
        "Parameters to set for the requests that use one certain name of the model. Each name "
        "becomes an alias; macros are filled in.",
        yaml="setParamsByID",
    )


@frozen
class CompatConfig:
    """For servers that behave unusually."""

    ignore_websockets: bool = key(
        False, "Open WebSockets count neither as requests nor against idleness."
    )


@frozen
class CapabilitiesConfig:
    """What the model can do; shown in /v1/models."""

    inputs: tuple[str, ...] = key((), "What it reads.", yaml="in", choices=MODALITIES)
    outputs: tuple[str, ...] = key((), "What it makes.", yaml="out", choices=MODALITIES)
    tools: bool = key(False, "It calls tools.")
    reranker: bool = key(False, "It ranks documents.")
    context: int = key(0, "Tokens that it can look at; 0: not said.", minimum=0)


@frozen
class ModelConfig:
    """One entry of ``models``."""

    cmd: str = key(
        "",
        "The command that starts the server: no shell, comment lines are removed, ${PORT} is the "
        "port it must listen on. Without ${PORT} give proxy too.",
        offers_default=False,
    )
    proxy: str = key(
        "", "Base URL of the server that cmd starts.", absent="http://localhost:${PORT}"
    )
    cmd_stop: str = key(
        "",
        "Run to stop the model; ${PID} is filled in then. Empty: it is asked by SIGTERM. On "
        "Windows the job object that holds its processes ends it.",
    )
    check_endpoint: str = key(
        "/health", "Path that answers 200 when the model is ready; none: it is not asked."
    )
    env: tuple[str, ...] = key(
        (), "NAME=value entries that are added to our own environment; the last one wins."
    )
    aliases: tuple[str, ...] = key((), "Other names that clients may use.")
    name: str = key("", "A name for people.")
    description: str = key("", "A description for people.")
    unlisted: bool = key(False, "Leave it out of /v1/models; it stays usable.")
    ttl: int | None = key(
        None,
        "Seconds without a request until the model is stopped; 0: never; absent or -1: globalTTL.",
        minimum=-1,
        absent=-1,
        convert=to_whole_seconds,
    )
    unload_timeout: int | None = key(
        None,
        "Seconds between asking the process to end and killing it; absent or 0: the top-level "
        "unloadTimeout.",
        minimum=0,
        absent=0,
        convert=to_whole_seconds,
    )
    use_model_name: str | None = key(
        None, "What the server is told in place of the client's name for the model.", absent=""
    )
    concurrency_limit: int | None = key(
        None,
        "Requests at one time, waiting ones included; more get 429. Absent or 0: 10.",
        absent=0,
    )
    send_loading_state: bool | None = key(
        None,
        "Tell clients that stream how far the loading is. Absent: the top-level sendLoadingState.",
    )
    metadata: Mapping[str, object] = section(
        dict[str, object], "Anything; shown in /v1/models under meta.llamaswap."
    )
    filters: FiltersConfig = section(FiltersConfig, "What is changed in the JSON of a request.")
    timeouts: TimeoutsConfig = section(TimeoutsConfig, "Seconds that parts of a request may take.")
    compat: CompatConfig = section(CompatConfig, "For servers that behave unusually.")
    capabilities: CapabilitiesConfig = section(CapabilitiesConfig, "What the model can do.")
    macros: Mapping[str, MacroValue] = section(
        dict[str, MacroValue],
        "Macros of this model: ${name} stands for the value in all its fields. As written.",
        eq=False,
    )
    health_check_timeout: int | None = key(
        None, "Accepted, but without effect: the top-level healthCheckTimeout applies."
    )

    port: int | None = field(default=None, eq=False)
    """The number that stands where ``${PORT}`` is written; ``None``: it is nowhere."""

    unfilled: ModelConfig | None = field(default=None, eq=False, repr=False)
    """The same with ``${PORT}`` left in its texts, if it has a port: what a reload
    compares, and `llamaswap.config.ports.fill_port` fills with another number."""


@frozen
class Config:
    """A whole configuration.

    Made by `llamaswap.load_config`, or in Python: give each model a ``proxy``
    with its port, and a command that listens there. Two are equal if they mean the
    same, whatever they were read from.
    """

    models: Mapping[ModelId, ModelConfig] = section(
        dict[ModelId, ModelConfig],
        "The models, by the id that clients use.",
        shape=Mapping[str, ModelConfig],
    )
    groups: tuple[GroupRule, ...] = key(
        (),
        "Groups of models: the older place of routing.router.settings.groups.",
        shape=Mapping[str, GroupSection],
    )
    """As written, wherever; `all_groups` adds the default group. Empty beside a matrix."""

    matrix: MatrixConfig | None = key(
        None,
        "A matrix of models: the older place of routing.router.settings.matrix.",
        shape=MatrixConfig,
    )
    """The one in force, wherever it is written; ``None``: groups are."""

    scheduling: FifoConfig = section(
        FifoConfig,
        "Which models may run together, and who goes first.",
        yaml="routing",
        shape=RoutingSection,
    )
    """From ``routing.scheduler.settings.fifo``."""

    health_check_timeout: int = key(
        120,
        "Seconds from start to the first good health check, at least 15.",
        convert=to_whole_seconds,
    )
    start_port: int = key(5800, "The first number given out for ${PORT}.", minimum=1)
    global_ttl: int = key(
        0,
        "Seconds without a request until a model without a ttl is stopped; 0: never.",
        yaml="globalTTL",
        minimum=0,
        convert=to_whole_seconds,
    )
    unload_timeout: int = key(
        10,
        "Seconds between asking a process to end and killing it; 0 means 10.",
        minimum=0,
        convert=to_whole_seconds,
    )
    log_level: str = key("info", "What is logged; any case.", choices=LOG_LEVELS, any_case=True)
    log_time_format: str = key(
        "",
        "How a log line's time is written, any case. Empty: no time.",
        choices=("", *TIME_FORMATS),
        any_case=True,
    )
    log_to_stdout: str = key("proxy", "Whose log goes to stdout.", choices=LOG_TARGETS)
    log_requests: bool = key(False, "Accepted, but without effect.")
    metrics_max_in_memory: int = key(
        1000, "Requests that are remembered without a store; 0 or less means 1000."
    )
    capture_buffer: int = key(
        5, "Megabytes of requests and answers that are kept to look at; 0 or less: none."
    )
    send_loading_state: bool = key(
        False, "Tell clients that stream how far the loading of a model is."
    )
    include_aliases_in_list: bool = key(False, "List aliases in /v1/models, too.")
    api_keys: tuple[str, ...] = key(
        (),
        "Keys of which each request must carry one, as bearer token, basic-auth password or "
        "x-api-key. Empty: nobody is asked for one.",
        secret=True,
    )
    store: StoreConfig | None = key(
        None, "Where requests are kept. Absent: in memory, until the program ends."
    )
    ui: UiConfig = section(UiConfig, "The web page.")
    performance: PerformanceConfig = section(PerformanceConfig, "Samples of the machine.")
    hooks: HooksConfig = section(HooksConfig, "What happens at certain moments.")
    upstream: UpstreamConfig = section(UpstreamConfig, "Requests under /upstream/<model>/.")
    peers: Mapping[str, PeerConfig] = section(
        dict[str, PeerConfig],
        "Other routers that requests are passed to.",
        shape=Mapping[str, PeerConfig],
    )
    selectors: Mapping[str, SelectorConfig] = section(
        dict[str, SelectorConfig],
        "Names that stand for one of several models.",
        shape=Mapping[str, SelectorConfig],
    )
    profiles: Mapping[str, ProfileConfig] = section(
        dict[str, ProfileConfig],
        "What names mean while a profile is active; at most one is.",
        shape=Mapping[str, ProfileConfig],
    )
    macros: Mapping[str, MacroValue] = section(
        dict[str, MacroValue],
        "${name} stands for the value in all texts below; a macro may use those above it.",
        eq=False,
    )

    unsupported: tuple[str, ...] = field(default=(), eq=False)
    """Key paths that are known but have no behaviour yet. Serving is refused while
    there are any, so that nobody believes in a door that is not locked."""

    places: Mapping[str, Place] = field(factory=dict[str, Place], eq=False, repr=False)
    """Where each of `unsupported` is written, by its key path."""

    warnings: tuple[Fault, ...] = field(default=(), eq=False)
    """What is odd but harmless, such as unknown keys."""

    sources: tuple[Path, ...] = field(default=(), eq=False)
    """The files it was read from."""

    digest: str = field(default="", eq=False)
    """SHA-256 in hex of the bytes it was read from; empty: it was made in Python."""

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

    def sends_loading_state(self, model: ModelId) -> bool:
        """Say whether clients that stream are told how far the loading of ``model`` is."""
        own = self.models[model].send_loading_state
        return self.send_loading_state if own is None else own

    def all_groups(self) -> tuple[GroupRule, ...]:
        """Return the groups with the default one; none beside a matrix."""
        if self.matrix is not None:
            return ()
        return (*self.groups, default_group(self.groups, self.models))
