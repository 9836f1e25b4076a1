"""The top level as it is meant: numbers, words, patterns, keys, the store."""

from pathlib import Path

import pytest

from llamaswap.config.checks import check_preload, check_top
from llamaswap.config.document import Plain, Report
from llamaswap.config.schema import Config
from llamaswap.config.sections import (
    IGNORED_PATHS,
    ActivityConfig,
    HooksConfig,
    OnStartupConfig,
    PerformanceConfig,
    StoreConfig,
    UiConfig,
    UpstreamConfig,
)
from llamaswap.policy.rules import ModelId


def test_good_numbers_stay_as_they_are() -> None:
    report = Report()
    config = Config(health_check_timeout=15, start_port=1, global_ttl=5, unload_timeout=3)

    assert check_top(config, {}, report) == config
    assert report.faults == ()
    assert report.warnings == ()


def test_special_numbers_become_what_they_stand_for() -> None:
    report = Report()

    config = Config(
        health_check_timeout=3, unload_timeout=0, metrics_max_in_memory=-1, capture_buffer=-1
    )

    assert check_top(config, {}, report) == Config(
        health_check_timeout=15, unload_timeout=10, metrics_max_in_memory=1000, capture_buffer=0
    )
    assert [str(warning) for warning in report.warnings] == [
        "healthCheckTimeout: 3 seconds are too short, 15 are used"
    ]


@pytest.mark.parametrize(
    ("config", "fault"),
    [
        (Config(start_port=0), "startPort: startPort must be greater than 0, found 0"),
        (Config(global_ttl=-1), "globalTTL: globalTTL must be >= 0 seconds, found -1"),
        (Config(unload_timeout=-1), "unloadTimeout: unloadTimeout must be >= 0 seconds, found -1"),
        (
            Config(log_to_stdout="Both"),
            (
                "logToStdout: logToStdout must be one of proxy, upstream, both, none; "
                "found 'Both', did you mean 'both'?"
            ),
        ),
        (
            Config(performance=PerformanceConfig(every=4)),
            "performance.every: expected at least 5s, or 0s for 5s, found 4 seconds",
        ),
        (
            Config(store=StoreConfig()),
            (
                "store.path: store.path is empty: give a file, or remove the store to keep "
                "requests in memory"
            ),
        ),
    ],
)
def test_value_out_of_range_is_refused(config: Config, fault: str) -> None:
    report = Report()

    check_top(config, {}, report)

    assert [str(fault) for fault in report.faults] == [fault]


def test_words_of_the_log_are_taken_in_any_case_and_others_left_alone() -> None:
    good = check_top(Config(log_level=" WARN ", log_time_format="RFC3339"), {}, Report())
    assert (good.log_level, good.log_time_format) == ("warn", "rfc3339")

    report = Report()
    bad = check_top(Config(log_level="waring", log_time_format="kitchn"), {}, report)
    check_top(Config(log_level="loud"), {}, report)
    assert (bad.log_level, bad.log_time_format) == ("info", "")
    assert [str(warning) for warning in report.warnings] == [
        "logLevel: unknown logLevel 'waring': info is used, did you mean 'warn'?",
        "logTimeFormat: unknown logTimeFormat 'kitchn': none is used, did you mean 'kitchen'?",
        (
            "logLevel: unknown logLevel 'loud': info is used; "
            "expected one of debug, info, warn, error"
        ),
    ]


def test_key_without_effect_is_named_once() -> None:
    report = Report()

    check_top(Config(), {"logRequests": True}, report)
    check_top(Config(), {"logRequests": None}, report)
    report.taint(("logRequests",))
    check_top(Config(), {"logRequests": "5"}, report)

    assert [str(warning) for warning in report.warnings] == [
        "logRequests: this key has no effect any more"
    ]


def test_api_key_that_is_none_is_refused_and_never_shown() -> None:
    report = Report()
    document: dict[str, Plain] = {"apiKeys": [None, "", "secret", "sec ret", "tab\t"]}

    check_top(Config(api_keys=("", "secret", "sec ret", "tab\t")), document, report)

    assert [str(fault) for fault in report.faults] == [
        "apiKeys[1]: empty api key: anybody could guess it",
        "apiKeys[3]: an api key cannot contain spaces",
    ]


def test_store_that_was_told_before_is_not_told_again() -> None:
    report = Report()
    report.taint(("store", "path"))

    check_top(Config(store=StoreConfig()), {}, report)

    assert report.faults == ()


def test_store_that_can_be_written_is_fine(tmp_path: Path) -> None:
    report = Report()
    config = Config(store=StoreConfig(str(tmp_path / "x.db")))

    assert check_top(config, {}, report) == config
    assert report.faults == ()


def test_session_headers_are_kept_once_in_their_first_spelling() -> None:
    ui = UiConfig(ActivityConfig((" X-A ", "x-a", "", "X-B")))

    assert check_top(Config(ui=ui), {}, Report()).ui.activity.session_id == ("X-A", "X-B")


def test_samples_are_taken_every_five_seconds_where_nothing_is_said() -> None:
    performance = PerformanceConfig(every=0)

    assert check_top(Config(performance=performance), {}, Report()).performance.every == 5


def test_pattern_that_go_would_refuse_is_refused() -> None:
    report = Report()
    patterns = (r"\.js$", "[a(", "(?=x)")
    document: dict[str, Plain] = {"upstream": {"ignorePaths": [None, *patterns]}}

    checked = check_top(Config(upstream=UpstreamConfig(patterns)), document, report)

    assert checked.upstream.ignore_paths == patterns
    assert [str(fault) for fault in report.faults] == [
        "upstream.ignorePaths[2]: invalid regular expression '[a(': missing ]: [a(",
        (
            "upstream.ignorePaths[3]: invalid regular expression '(?=x)': invalid perl operator: "
            "(?=; look-ahead, look-behind, atomic and conditional groups are not possible"
        ),
    ]


def test_no_pattern_means_the_usual_one() -> None:
    checked = check_top(Config(upstream=UpstreamConfig(())), {}, Report())

    assert checked.upstream.ignore_paths == IGNORED_PATHS


def test_preloaded_models_are_resolved_and_others_told() -> None:
    report = Report()
    a = ModelId("a")
    named = ("al", "a ", "ax", "")
    hooks = HooksConfig(OnStartupConfig(tuple(map(ModelId, named))))
    document: dict[str, Plain] = {"hooks": {"on_startup": {"preload": list(named)}}}

    checked = check_preload(hooks, {"a": a, "al": a}, document, report)

    assert checked.on_startup.preload == (a, a)
    assert [str(warning) for warning in report.warnings] == [
        ("hooks.on_startup.preload[2]: 'ax' is no model here and is not loaded, did you mean 'a'?")
    ]
