"""What a schema cannot say of the top level: ranges, words, patterns, keys.

Pure but for `store_problem`. Takes structured values and returns them as they
are meant, with the file's special numbers turned into what they stand for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from attrs import evolve

from llamaswap.config.conversions import value_at
from llamaswap.config.document import KeyPath, MisfitError, Plain, Problem, Report
from llamaswap.config.names import A_MODEL, misnamed
from llamaswap.config.patterns import compile_pattern
from llamaswap.config.schema import LOG_LEVELS, LOG_TARGETS, TIME_FORMATS, Config
from llamaswap.config.sections import (
    IGNORED_PATHS,
    HooksConfig,
    OnStartupConfig,
    PerformanceConfig,
    UiConfig,
    UpstreamConfig,
)
from llamaswap.config.store import store_problem
from llamaswap.config.structure import kept_places
from llamaswap.policy.rules import ModelId
from llamaswap.policy.unread import EVERYTHING_READ, Unread

MIN_HEALTH_CHECK = 15
"""Seconds: less is raised to this, as in the reference, where a short time was
once a common reason for models that never became ready."""

MIN_EVERY = 5.0
"""Seconds between two samples of the machine, at least."""

_DEFAULTS = Config()


def check_top(config: Config, document: Mapping[str, Plain], report: Report) -> Config:
    """Return ``config`` with its own keys, those outside of named sections, as they are meant."""
    if document.get("logRequests") is not None and not report.is_tainted(("logRequests",)):
        report.warn(("logRequests",), "this key has no effect any more")
    _check_numbers(config, report)
    _check_keys(config, document, report)
    _check_store(config, report)
    return evolve(
        config,
        health_check_timeout=max(MIN_HEALTH_CHECK, config.health_check_timeout),
        unload_timeout=config.unload_timeout or _DEFAULTS.unload_timeout,
        metrics_max_in_memory=(
            config.metrics_max_in_memory
            if config.metrics_max_in_memory > 0
            else _DEFAULTS.metrics_max_in_memory
        ),
        capture_buffer=max(0, config.capture_buffer),
        log_level=_word(config.log_level, LOG_LEVELS, "logLevel", _DEFAULTS.log_level, report),
        log_time_format=_word(config.log_time_format, TIME_FORMATS, "logTimeFormat", "", report),
        log_to_stdout=_log_target(config.log_to_stdout, report),
        ui=_checked_ui(config.ui),
        performance=_checked_performance(config.performance, report),
        upstream=_checked_upstream(config.upstream, document, report),
    )


def check_preload(
    hooks: HooksConfig,
    ids: Mapping[str, ModelId],
    document: Mapping[str, Plain],
    report: Report,
    unread: Unread = EVERYTHING_READ,
) -> HooksConfig:
    """Return ``hooks`` with what is preloaded as ids; names of nobody are dropped, and told.

    Args:
        hooks: what was built.
        ids: all names of models; see `local_names`.
        document: what it was built from; it knows where each name stands.
        report: where warnings go.
        unread: names that are not among ``ids`` because of a mistake.
    """
    models: list[ModelId] = []
    path = ("hooks", "on_startup", "preload")
    for name, place in _items(hooks.on_startup.preload, document, path):
        bare = name.strip()
        if not bare:
            continue
        if bare in ids:
            models.append(ids[bare])
        elif bare not in unread:
            text = "{found} is no model here and is not loaded"
            report.warn(place, misnamed(text, bare, ids, expected=A_MODEL))
    return HooksConfig(OnStartupConfig(tuple(models)))


def _check_numbers(config: Config, report: Report) -> None:
    if config.start_port < 1:
        text = "startPort must be {expected}, found {found}"
        report.fault(("startPort",), Problem(text, "greater than 0", str(config.start_port)))
    for key, value in (
        ("globalTTL", config.global_ttl),
        ("unloadTimeout", config.unload_timeout),
    ):
        if value < 0:
            text = f"{key} must be {{expected}}, found {{found}}"
            report.fault((key,), Problem(text, ">= 0 seconds", str(value)))
    if config.health_check_timeout < MIN_HEALTH_CHECK:
        report.warn(
            ("healthCheckTimeout",),
            f"{config.health_check_timeout} seconds are too short, {MIN_HEALTH_CHECK} are used",
        )


def _check_keys(config: Config, document: Mapping[str, Plain], report: Report) -> None:
    # A key is never repeated in a fault.
    for secret, place in _items(config.api_keys, document, ("apiKeys",)):
        if not secret:
            text = "empty api key: anybody could guess it"
            report.fault(place, Problem(text, "a key", "an empty text", is_discreet=True))
        elif " " in secret:
            text = "an api key cannot contain spaces"
            wanted, found = "a key without spaces", "a text with spaces"
            report.fault(place, Problem(text, wanted, found, is_discreet=True))


def _check_store(config: Config, report: Report) -> None:
    path = ("store", "path")
    if config.store is None or report.is_tainted(path):
        return
    if problem := store_problem(config.store.path):
        report.fault(path, problem)


def _word(text: str, known: tuple[str, ...], key: str, default: str, report: Report) -> str:
    """Return the one of ``known`` that is meant; others count as ``default``."""
    word = text.strip().lower()
    if word in known or word == default:
        return word
    used = f"{default} is used" if default else "none is used"
    sentence, expected = f"unknown {key} {{found}}: {used}", f"one of {', '.join(known)}"
    problem = misnamed(sentence, text, known, expected=expected)
    # A word that is near says as well what was expected.
    told = (
        problem
        if problem.suggestion
        else evolve(problem, text=f"{sentence}; expected {{expected}}")
    )
    report.warn((key,), told)
    return default


def _log_target(text: str, report: Report) -> str:
    if text in LOG_TARGETS:
        return text
    report.fault(
        ("logToStdout",),
        misnamed(
            "logToStdout must be {expected}; found {found}",
            text,
            LOG_TARGETS,
            expected=f"one of {', '.join(LOG_TARGETS)}",
        ),
    )
    return _DEFAULTS.log_to_stdout


def _checked_ui(ui: UiConfig) -> UiConfig:
    headers: dict[str, str] = {}
    for text in ui.activity.session_id:
        header = text.strip()
        headers.setdefault(header.lower(), header)
    kept = tuple(header for header in headers.values() if header)
    return evolve(ui, activity=evolve(ui.activity, session_id=kept))


def _checked_performance(performance: PerformanceConfig, report: Report) -> PerformanceConfig:
    every = performance.every or MIN_EVERY
    if every < MIN_EVERY:
        report.fault(
            ("performance", "every"),
            Problem(expected="at least 5s, or 0s for 5s", found=f"{every:.10g} seconds"),
        )
    return evolve(performance, every=every)


def _checked_upstream(
    upstream: UpstreamConfig, document: Mapping[str, Plain], report: Report
) -> UpstreamConfig:
    for pattern, place in _items(upstream.ignore_paths, document, ("upstream", "ignorePaths")):
        try:
            compile_pattern(pattern)
        except MisfitError as exc:
            report.fault(place, exc.problem)
    return evolve(upstream, ignore_paths=upstream.ignore_paths or IGNORED_PATHS)


def _items(
    values: tuple[str, ...], document: Mapping[str, Plain], path: KeyPath
) -> Iterator[tuple[str, KeyPath]]:
    """List what was built from the list at ``path``, with its places; nothing of a default."""
    raw = value_at(dict(document), path)
    return zip(values, kept_places(raw, path), strict=False)
