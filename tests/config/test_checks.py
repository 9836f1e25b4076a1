"""Numbers as they are meant, addresses that exist, names used once."""

import pytest

from llamaswap.config.checks import check_aliases, check_model, check_top
from llamaswap.config.document import Plain, Report
from llamaswap.config.schema import Config, ModelConfig
from llamaswap.policy.messages import ModelId

M = ("models", "m")
URL = "http://localhost:1"


def test_good_numbers_stay_as_they_are() -> None:
    report = Report()
    config = Config(health_check_timeout=15, start_port=1, global_ttl=5, unload_timeout=3)

    assert check_top(config, {}, report) == config
    assert report.faults == ()
    assert report.warnings == ()


def test_special_numbers_become_what_they_stand_for() -> None:
    report = Report()

    config = check_top(Config(health_check_timeout=3, unload_timeout=0), {}, report)

    assert config == Config(health_check_timeout=15, unload_timeout=10)
    assert [str(warning) for warning in report.warnings] == [
        "healthCheckTimeout: 3 seconds are too short, 15 are used"
    ]


@pytest.mark.parametrize(
    ("config", "fault"),
    [
        (Config(start_port=0), "startPort: startPort must be greater than 0, found 0"),
        (Config(global_ttl=-1), "globalTTL: globalTTL must be >= 0 seconds, found -1"),
        (Config(unload_timeout=-1), "unloadTimeout: unloadTimeout must be >= 0 seconds, found -1"),
    ],
)
def test_number_out_of_range_is_refused(config: Config, fault: str) -> None:
    report = Report()

    check_top(config, {}, report)

    assert [str(fault) for fault in report.faults] == [fault]


def test_model_is_meant_as_it_is_said() -> None:
    model = ModelConfig(proxy=URL, ttl=0, unload_timeout=5, use_model_name="x", concurrency_limit=3)

    assert check_model(model, M, {}, Report()) == model


def test_special_numbers_of_a_model_mean_that_nothing_is_said() -> None:
    model = ModelConfig(
        proxy=URL, ttl=-1, unload_timeout=0, use_model_name="", concurrency_limit=-4
    )

    assert check_model(model, M, {}, Report()) == ModelConfig(proxy=URL)


@pytest.mark.parametrize(
    ("model", "fault"),
    [
        (
            ModelConfig(proxy=URL, ttl=-2),
            "models.m.ttl: invalid TTL -2: expected seconds, 0 for never, or -1 for globalTTL",
        ),
        (
            ModelConfig(proxy=URL, unload_timeout=-1),
            (
                "models.m.unloadTimeout: invalid unloadTimeout -1: expected seconds, or 0 for the "
                "top-level one"
            ),
        ),
        (
            ModelConfig(proxy=""),
            (
                "models.m.proxy: proxy is empty: give an address, or leave it out to get "
                "http://localhost:${PORT}"
            ),
        ),
        (
            ModelConfig(proxy="gpu:1"),
            (
                "models.m.proxy: invalid proxy URL 'gpu:1': expected http:// or https:// in front; "
                "did you mean 'http://gpu:1'?"
            ),
        ),
    ],
)
def test_impossible_model_is_refused(model: ModelConfig, fault: str) -> None:
    report = Report()

    check_model(model, M, {}, report)

    assert [str(fault) for fault in report.faults] == [fault]


def test_proxy_that_was_told_before_is_not_told_again() -> None:
    report = Report()
    report.taint((*M, "proxy"))

    check_model(ModelConfig(), M, {}, report)

    assert report.faults == ()


def test_keys_without_effect_are_checked_and_named() -> None:
    report = Report()

    check_top(Config(), {"logRequests": "yes"}, report)
    check_model(ModelConfig(proxy=URL), M, {"healthCheckTimeout": 600}, report)
    check_model(ModelConfig(proxy=URL), ("models", "n"), {"healthCheckTimeout": "1"}, report)
    check_model(ModelConfig(proxy=URL), ("models", "o"), {"healthCheckTimeout": None}, report)
    report.taint(("models", "p", "healthCheckTimeout"))
    check_model(ModelConfig(proxy=URL), ("models", "p"), {"healthCheckTimeout": "${x}"}, report)

    assert [str(warning) for warning in report.warnings] == [
        "logRequests: this key has no effect any more",
        (
            "models.m.healthCheckTimeout: this key has no effect in a model: "
            "the top-level healthCheckTimeout applies"
        ),
    ]
    assert [str(fault) for fault in report.faults] == [
        (
            "models.n.healthCheckTimeout: expected a whole number, found the text '1'; "
            "remove the quotes"
        )
    ]


def test_alias_belongs_to_one_model_once() -> None:
    report = Report()
    sections: dict[str, Plain] = {
        "a": {"aliases": ["x", None, "y", "x"]},
        "b": {"aliases": ["y"]},
    }
    models = {
        ModelId("a"): ModelConfig(aliases=("x", "y", "x")),
        ModelId("b"): ModelConfig(aliases=("y",)),
    }

    check_aliases(models, sections, report)

    assert [str(fault) for fault in report.faults] == [
        "models.a.aliases[3]: duplicate alias 'x': the model 'a' has it too",
        "models.b.aliases[0]: duplicate alias 'y': the model 'a' has it too",
    ]


def test_alias_that_an_id_hides_is_a_warning() -> None:
    report = Report()
    models = {ModelId("a"): ModelConfig(aliases=("b",)), ModelId("b"): ModelConfig()}

    check_aliases(models, {"a": {"aliases": ["b"]}, "b": {}}, report)

    assert report.faults == ()
    assert [str(warning) for warning in report.warnings] == [
        "models.a.aliases[0]: the alias 'b' is also a model's id, which wins"
    ]
