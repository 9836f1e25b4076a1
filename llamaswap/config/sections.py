"""The sections of the file beside the models, as frozen values: one class each.

Where a section of the file only wraps another one, so does its class. Classes
whose name ends in ``Section`` say what stands in the file and nothing else: the
values that are made of them stand in `llamaswap.config.schema`.
"""

from __future__ import annotations

from collections.abc import Mapping

from attrs import frozen

from llamaswap.config.durations import to_duration, to_limit, to_seconds, to_wait, to_whole_seconds
from llamaswap.config.fields import key, section
from llamaswap.policy.rules import ModelId

IGNORED_PATHS = (r".*\.(js|json|css|png|gif|jpg|jpeg|ico|txt)$",)
"""Paths that a page of a model server asks for beside its API."""

SESSION_HEADERS = ("X-Session-ID", "X-Litellm-Session-Id")


@frozen
class StoreConfig:
    """Where requests are kept; without this section they are kept in memory."""

    path: str = key(
        "", "A file for the history of requests. Required in this section.", required=True
    )


@frozen
class ActivityConfig:
    """The activity page."""

    session_id: tuple[str, ...] = key(
        SESSION_HEADERS,
        "Request headers that tell to which session a request belongs; the first one that a "
        "request carries counts. An empty list turns sessions off.",
        yaml="session_id",
        null_empties=True,
    )


@frozen
class UiConfig:
    """The web page."""

    activity: ActivityConfig = section(ActivityConfig, "The activity page.")


@frozen
class PerformanceConfig:
    """Samples of the machine: processor, memory, graphics cards."""

    disabled: bool = key(False, "Take no samples.")
    every: float = key(
        5.0,
        'The time between two samples, as a duration like "15s"; at least 5 s, and "0s" means 5 s.',
        convert=to_duration,
    )


@frozen
class OnStartupConfig:
    """What happens when the program starts, and after a reload."""

    preload: tuple[ModelId, ...] = key(
        (), "Models to load at once, one after the other, by id or alias."
    )


@frozen
class HooksConfig:
    """What happens at certain moments."""

    on_startup: OnStartupConfig = section(
        OnStartupConfig, "When the program starts, and after a reload.", yaml="on_startup"
    )


@frozen
class UpstreamConfig:
    """Requests under ``/upstream/<model>/``."""

    ignore_paths: tuple[str, ...] = key(
        IGNORED_PATHS,
        "Regular expressions (RE2) for paths behind /upstream/<model>: a request for one of them "
        "loads no model that is not loaded. An empty list means the default.",
    )


@frozen
class TimeoutsConfig:
    """Seconds that parts of a request to a model server may take; 0: no limit."""

    connect: int = key(30, "Seconds until a connection stands.", convert=to_whole_seconds)
    keepalive: int = key(
        30,
        "Seconds between TCP keep-alive probes; 0: the system's; negative: no probes.",
        convert=to_whole_seconds,
    )
    response_header: int = key(
        0, "Seconds until the head of the answer arrives.", convert=to_whole_seconds
    )
    tls_handshake: int = key(10, "Seconds for the TLS handshake.", convert=to_whole_seconds)
    expect_continue: int = key(
        1,
        "Seconds to wait for ``100 Continue`` where the client asks for one.",
        convert=to_whole_seconds,
    )
    idle_conn: int = key(90, "Seconds that an unused connection is kept.", convert=to_whole_seconds)


@frozen
class PeerTimeoutsConfig(TimeoutsConfig):
    """Seconds that parts of a request to a peer may take; 0: no limit."""

    response_header: int = key(
        60, "Seconds until the head of the answer arrives.", convert=to_whole_seconds
    )


@frozen
class PeerFiltersConfig:
    """What is changed in the JSON of a request before it is passed on."""

    strip_params: str = key("", "Parameters to remove: a list with commas, paths with dots.")
    set_params: Mapping[str, object] = section(
        dict[str, object], "Parameters to set, whatever the client says: path to value."
    )
    set_params_by_id: Mapping[str, Mapping[str, object]] = section(
        dict[str, Mapping[str, object]],
        "Parameters to set for the requests that use one certain name of the model.",
        yaml="setParamsByID",
    )


@frozen
class PeerConfig:
    """One entry of ``peers``: another router that requests are passed to."""

    proxy: str = key("", "Base URL of the peer. Required.", required=True)
    models: tuple[str, ...] = key(
        (),
        "The models that the peer offers, at least one. Each is called ``<peer>/<model>`` here, "
        "and by its bare name where no other peer offers it.",
        required=True,
    )
    api_key: str = key("", "Sent to the peer as bearer token and x-api-key.", secret=True)
    filters: PeerFiltersConfig = section(
        PeerFiltersConfig, "What is changed in the JSON of a request."
    )
    timeouts: PeerTimeoutsConfig = section(PeerTimeoutsConfig, "Seconds that parts may take.")


@frozen
class SelectorSettings:
    """Numbers of a strategy."""

    spillover: int = key(
        1, "For the strategy spillover: requests per target before the next one is used."
    )


@frozen
class SelectorConfig:
    """One entry of ``selectors``: a name that stands for one of several models."""

    strategy: str = key(
        "",
        "How a target is chosen. pin: the first; warm: the first that is ready, else starting, "
        "else the first; spillover: fill those that run, then the next one. Required.",
        choices=("warm", "pin", "spillover"),
        required=True,
    )
    targets: tuple[str, ...] = key(
        (), "Models by id, alias or a peer's name; at least one.", required=True
    )
    settings: SelectorSettings = section(SelectorSettings, "Numbers of the strategy.")
    name: str = key("", "A name for people.")
    description: str = key("", "A description for people.")
    unlisted: bool = key(False, "Leave it out of /v1/models; it stays usable.")
    metadata: Mapping[str, object] = section(
        dict[str, object], "Anything; shown in /v1/models under meta.llamaswap."
    )


@frozen
class ProfileConfig:
    """One entry of ``profiles``: what some names mean while it is active."""

    description: str = key("", "A description for people.")
    pins: Mapping[str, str | None] = section(
        dict[str, str | None],
        "The name that a client uses, and the model or selector it means; null or empty: nobody "
        "is called that. At least one.",
        required=True,
    )


@frozen
class GroupSection:
    """One group: which of its members, and of other groups', may run together."""

    swap: bool = key(True, "Only one member runs at a time.")
    exclusive: bool = key(
        True, "Starting a member stops the members of all groups that are not persistent."
    )
    persistent: bool = key(False, "Members are not stopped by other groups.")
    members: tuple[str, ...] = key((), "Models by id or alias.")


@frozen
class MatrixConfig:
    """Which models may run together, as expressions; compiled by `llamaswap.policy.matrix`."""

    vars: Mapping[str, ModelId] = section(dict[str, ModelId], "Short names for model ids.")
    evict_costs: Mapping[str, int] = section(
        dict[str, int],
        "How bad it is to stop a model (by variable or id), at least 1. Absent: 1.",
        yaml="evict_costs",
    )
    sets: Mapping[str, str] = section(
        dict[str, str], "Expressions over models with & | ( ) and +set. At least one."
    )


@frozen
class FifoConfig:
    """How waiting requests are served."""

    priority: Mapping[ModelId, int] = section(
        dict[ModelId, int],
        "A model, by id or alias, and its priority; the highest that waits goes first. Absent: 0.",
    )
    max_wait: float | None = key(
        None,
        "Seconds, or a duration, that a request may wait for a running model before that takes "
        "no new requests. auto: three times the usual load time of both, 3 s to 120 s; 0: off.",
        convert=to_wait,
    )
    linger: float | None = key(
        None,
        "Seconds, or a duration, that an idle model keeps its place against a waiting one. auto: "
        "while its next request is expected sooner than loading it again would take; 0: off.",
        convert=to_wait,
    )
    min_residency: float = key(
        0.0,
        "Seconds, or a duration, that a model which has just been loaded serves at least.",
        convert=to_seconds,
    )
    queue_timeout: float | None = key(
        None,
        "Seconds, or a duration, after which a waiting request is answered with 503. 0: never.",
        convert=to_limit,
    )


@frozen
class SchedulerSettingsSection:
    """The settings of each scheduler."""

    fifo: FifoConfig = section(FifoConfig, "Settings of the scheduler.")


@frozen
class SchedulerSection:
    """Who goes first."""

    use: str = key("fifo", "The scheduler.", choices=("fifo", ""))
    settings: SchedulerSettingsSection = section(SchedulerSettingsSection, "Its settings.")


@frozen
class RouterSettingsSection:
    """The settings of each router."""

    groups: Mapping[str, GroupSection] = section(
        dict[str, GroupSection], "Groups of models, for use: group."
    )
    matrix: MatrixConfig | None = key(None, "A matrix of models, for use: matrix.")


@frozen
class RouterSection:
    """Who must leave for whom."""

    use: str = key("group", "Which of the settings is in force.", choices=("group", "matrix", ""))
    settings: RouterSettingsSection = section(RouterSettingsSection, "The settings of each.")


@frozen
class RoutingSection:
    """Which models may run together, and who goes first."""

    router: RouterSection = section(RouterSection, "Who must leave for whom.")
    scheduler: SchedulerSection = section(SchedulerSection, "Who goes first.")
