"""What the rooms are told of the configuration."""

from __future__ import annotations

from pathlib import Path

import pytest
from attrs import evolve

from llamaswap.config.load import load_config
from llamaswap.config.schema import Config, ModelConfig
from llamaswap.config.sections import MatrixConfig
from llamaswap.errors import ConfigError, Fault
from llamaswap.fleet import fleet_of, usable
from llamaswap.policy.messages import Target
from llamaswap.policy.rules import Fairness
from llamaswap.router import ModelSpec
from llamaswap.upstream.process import UpstreamSpec
from llamaswap.upstream.supervision import Supervision
from tests.fakes import A, B, C
from tests.house.houses import group


def test_the_router_is_told_what_it_takes_to_run_a_model() -> None:
    entry = ModelConfig(
        cmd="llama-server --port 5800 -m 'a b.gguf'",
        proxy="http://localhost:5800",
        cmd_stop="docker stop ${PID}",
        check_endpoint=" /ready ",
        env=("A=1",),
        ttl=60,
        unload_timeout=3,
        concurrency_limit=4,
    )
    rule = fleet_of(Config({A: entry}, health_check_timeout=30)).models[A]

    assert rule.specification == ModelSpec(
        UpstreamSpec(
            argv=("llama-server", "--port", "5800", "-m", "a b.gguf"),
            env=("A=1",),
            address=("localhost", 5800),
        ),
        Target(A, "http://localhost:5800"),
        Supervision(stop_argv=("docker", "stop", "${PID}"), ready_within=30, stop_within=3),
        "/ready",
    )
    assert (rule.concurrency_limit, rule.idle_after) == (4, 60)


def test_what_is_not_said_has_the_defaults_of_the_reference() -> None:
    fleet = fleet_of(Config({A: ModelConfig(cmd="x", proxy="http://127.0.0.1:1")}))
    rule = fleet.models[A]
    assert isinstance(rule.specification, ModelSpec)

    assert (rule.concurrency_limit, rule.idle_after) == (10, None)
    assert rule.specification.check_path == "/health"
    assert rule.specification.supervision == Supervision(ready_within=120, stop_within=10)


def test_a_model_without_a_health_check_is_ready_when_it_runs() -> None:
    entry = ModelConfig(cmd="x", proxy="http://127.0.0.1:1", check_endpoint=" none ")
    specification = fleet_of(Config({A: entry})).models[A].specification
    assert isinstance(specification, ModelSpec)

    assert specification.check_path is None


ADDRESSES = {
    "http://localhost:5800": ("localhost", 5800),
    "http://127.0.0.2:5800/base": ("127.0.0.2", 5800),
    "http://[::1]:5800": ("::1", 5800),
    "http://localhost": ("localhost", 80),
    "https://localhost": ("localhost", 443),
    "http://192.0.2.7:5800": None,
    "http://models.example": None,
    "http://localhost:65536": None,
    "http://localhost:0": None,
    "localhost:5800": None,
}


@pytest.mark.parametrize(("url", "address"), ADDRESSES.items(), ids=ADDRESSES)
def test_only_a_port_of_this_machine_is_looked_at_before_a_start(
    url: str, address: tuple[str, int] | None
) -> None:
    specification = fleet_of(Config({A: ModelConfig(cmd="x", proxy=url)})).models[A].specification
    assert isinstance(specification, ModelSpec)

    assert specification.upstream.address == address


def test_a_model_whose_address_leads_nowhere_is_not_worth_a_start() -> None:
    config = load_config("startPort: 65535\nmodels: {a: {cmd: 's ${PORT}'}, b: {cmd: 's ${PORT}'}}")
    assert usable(config, is_loaded=True) == usable(config)
    rules = fleet_of(config).models
    good, bad = rules[A].specification, rules[B].specification
    assert isinstance(good, ModelSpec)
    assert isinstance(bad, ModelSpec)

    assert good.upstream.obstacle == ""
    assert bad.upstream.obstacle == (
        "invalid proxy URL 'http://localhost:65536': expected a port from 1 to 65535; choose a "
        "lower startPort, or write another port"
    )
    assert rules[B].port is None


def test_the_groups_say_who_must_go() -> None:
    entry = ModelConfig(cmd="x", proxy="http://127.0.0.1:1")
    models = {A: entry, B: entry, C: entry}
    fleet = fleet_of(Config(models, (group("a", "b", swap=False),)))

    assert fleet.evictions.at(frozenset({B, C}))(A) == {C}
    assert fleet.evictions.at(frozenset({A, B}))(C) == {A, B}


def test_keys_without_behaviour_are_refused_in_a_sentence() -> None:
    config = Config(api_keys=("k",))
    with pytest.raises(ConfigError) as caught:
        usable(config)

    assert str(caught.value) == "apiKeys: `apiKeys` is not supported yet; remove it to serve"


def test_one_sentence_names_all_keys_without_behaviour() -> None:
    with pytest.raises(ConfigError) as caught:
        usable(load_config("apiKeys: [k]\nlogLevel: debug\nincludeAliasesInList: true"))

    assert str(caught.value) == (
        "<text>:1:1: `apiKeys`, `logLevel` and `includeAliasesInList` are not supported yet; "
        "remove them to serve"
    )


def test_a_key_without_behaviour_is_told_where_it_stands() -> None:
    config = load_config("models: {}\napiKeys: [x]\n")
    with pytest.raises(ConfigError) as caught:
        usable(config)

    assert caught.value.faults == (
        Fault(
            "apiKeys",
            "`apiKeys` is not supported yet; remove it to serve",
            "<text>",
            line=2,
            column=1,
            suggestion="remove it to serve",
        ),
    )


def test_the_file_of_a_key_without_behaviour_is_named_where_there_is_one_only() -> None:
    config = Config(log_level="debug", sources=(Path("a.yaml"),))
    with pytest.raises(ConfigError, match=r"^a\.yaml: logLevel: "):
        usable(config)
    with pytest.raises(ConfigError, match=r"^logLevel: "):
        usable(evolve(config, sources=(Path("a.yaml"), Path("b.yaml"))))


def test_a_matrix_says_who_must_go() -> None:
    entry = ModelConfig(cmd="x", proxy="http://127.0.0.1:1")
    matrix = MatrixConfig(evict_costs={"b": 5}, sets={"s": "a & b"})
    fleet = fleet_of(Config({A: entry, B: entry, C: entry}, matrix=matrix))

    assert fleet.evictions.at(frozenset({B, C}))(A) == {C}
    assert fleet.evictions.at(frozenset({A, B}))(C) == {A, B}


def test_a_matrix_made_in_python_is_looked_at() -> None:
    config = Config({}, matrix=MatrixConfig(sets={"s": "a &"}))
    with pytest.raises(ConfigError) as caught:
        usable(config)

    assert [fault.path for fault in caught.value.faults] == ["matrix.sets.s"]


def test_the_scheduler_is_told_who_goes_first_and_how_long_one_waits() -> None:
    text = """\
routing:
  scheduler:
    settings:
      fifo: {priority: {a: 2}, maxWait: 5, linger: 1s, minResidency: 3, queueTimeout: 1m}
models: {a: {cmd: "x ${PORT}"}, b: {cmd: x, proxy: "http://192.0.2.1:80"}}
"""
    fleet = fleet_of(load_config(text))

    assert fleet.fairness == Fairness(5.0, 1.0, 3.0, 60.0)
    assert {model: (rule.priority, rule.port) for model, rule in fleet.models.items()} == {
        A: (2, 5800),
        B: (0, None),
    }
