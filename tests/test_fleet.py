"""What the rooms are told of the configuration."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from attrs import asdict, astuple, evolve
from hypothesis import given
from hypothesis import strategies as st

from llamaswap.config.load import load_config
from llamaswap.config.schema import Config, ModelConfig
from llamaswap.config.sections import MatrixConfig
from llamaswap.errors import ConfigError, Fault
from llamaswap.fleet import fleet_of, foresee, keep_ports, steps_to, usable
from llamaswap.policy.messages import Target
from llamaswap.policy.plan import Change, Plan, plan
from llamaswap.policy.rules import Fairness, ModelId
from llamaswap.router import ModelSpec
from llamaswap.upstream.process import Supervision, UpstreamSpec
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


def test_a_reload_away_from_a_port_that_does_not_exist_is_foreseen() -> None:
    text = "startPort: {}\nmodels: {{a: {{cmd: 's ${{PORT}}'}}}}"
    old, new = load_config(text.format(65536)), load_config(text.format(5800))

    assert foreseen(old, new) == (Change(A, "keep"),)
    assert foresee(old, new, {}) == (Change(A, "replace", ("port",)),)


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


def written(**models: str) -> Config:
    """Load models of which each has a port, and a command."""
    entries = [f"  {name}: {{cmd: '{cmd} ${{PORT}}'}}\n" for name, cmd in models.items()]
    return load_config("models:\n" + "".join(entries))


def ports(config: Config) -> dict[str, int | None]:
    return {model: entry.port for model, entry in config.models.items()}


def test_a_model_more_moves_nobody_else_to_another_port() -> None:
    old = written(b="x", c="y")
    new = keep_ports(old, written(a="z", b="x", c="y"))

    assert plan(fleet_of(old).models, fleet_of(new).models) == Plan(keep=(B, C), add=(A,))
    assert ports(new) == {"a": 5802, "b": 5800, "c": 5801}


def test_a_port_goes_to_nobody_else_while_its_process_may_run() -> None:
    old = written(a="x", b="y", c="z")
    new = keep_ports(old, written(b="changed", c="z"))

    assert plan(fleet_of(old).models, fleet_of(new).models) == Plan(
        keep=(C,), replace=(B,), remove=(A,)
    )
    assert ports(new) == {"b": 5801, "c": 5802}
    assert new.models[B].cmd == "changed 5801"
    assert ports(keep_ports(new, written(a="x", b="changed", c="z"))) == {
        "a": 5800,
        "b": 5801,
        "c": 5802,
    }


def test_a_reload_of_the_same_file_keeps_everybody() -> None:
    old = written(a="x", b="y")
    new = keep_ports(old, written(a="x", b="y"))

    assert new == old
    assert plan(fleet_of(old).models, fleet_of(new).models) == Plan(keep=(A, B))


def test_who_names_the_ports_keeps_them() -> None:
    config = Config({A: ModelConfig(cmd="x 1", proxy="http://127.0.0.1:1")})

    assert keep_ports(written(b="x"), config) is config


RUNNING = Config({A: ModelConfig(cmd="x", proxy="http://127.0.0.1:1", cmd_stop="y")})

EDITS: dict[str, dict[str, Any]] = {
    "command": {"cmd": "z"},
    "environment": {"env": ("A=1",)},
    "address": {"proxy": "http://127.0.0.1:0"},
}

NEWS: dict[str, dict[str, Any]] = {
    "stop command": {"cmd_stop": "z"},
    "health check": {"check_endpoint": "/ready"},
    "time limits": {"unload_timeout": 3},
}
"""What a process that runs is told of."""


def foreseen(old: Config, new: Config) -> tuple[Change, ...]:
    """Say what a reload would do while nothing runs that is not as ``old`` says."""
    return foresee(old, keep_ports(old, new), {})


@pytest.mark.parametrize(("part", "edit"), EDITS.items(), ids=EDITS)
def test_the_part_of_the_process_that_differs_is_named(part: str, edit: dict[str, Any]) -> None:
    entry = evolve(RUNNING.models[A], **edit)

    assert foreseen(RUNNING, Config({A: entry})) == (Change(A, "replace", (part,)),)


@pytest.mark.parametrize(("part", "edit"), NEWS.items(), ids=NEWS)
def test_how_a_process_is_looked_after_is_no_reason_to_replace_it(
    part: str, edit: dict[str, Any]
) -> None:
    entry = evolve(RUNNING.models[A], **edit)

    assert foreseen(RUNNING, Config({A: entry})) == (Change(A, "keep", (), (part,)),)


def test_another_health_check_timeout_is_no_reason_to_replace_a_process() -> None:
    new = evolve(RUNNING, health_check_timeout=30)

    assert foreseen(RUNNING, new) == (Change(A, "keep", (), ("time limits",)),)


def test_no_part_of_the_specification_is_without_a_name() -> None:
    edits = (EDITS | NEWS).values()
    edited = {key: value for edit in edits for key, value in edit.items()}
    old = fleet_of(RUNNING).models[A].specification
    new = (
        fleet_of(Config({A: evolve(RUNNING.models[A], **edited)}, health_check_timeout=30))
        .models[A]
        .specification
    )
    assert isinstance(old, ModelSpec)
    assert isinstance(new, ModelSpec)

    assert all(was != becomes for was, becomes in zip(leaves(old), leaves(new), strict=True))


def leaves(specification: ModelSpec) -> tuple[object, ...]:
    """Return every field of a specification but the model's id."""
    process = astuple(specification.upstream, recurse=False)
    care = astuple(specification.supervision, recurse=False)
    return (*process, *care, specification.target.url, specification.check_path)


def test_what_leaves_the_process_alone_is_named_too() -> None:
    entry = evolve(RUNNING.models[A], concurrency_limit=3, ttl=9, aliases=("b",), name="N")
    new = Config({A: entry, B: entry})

    assert foreseen(RUNNING, new) == (
        Change(A, "keep", (), ("limit", "ttl", "aliases", "name")),
        Change(B, "add"),
    )
    assert foreseen(new, RUNNING)[1] == Change(B, "remove")


def test_another_port_is_no_reason_to_replace_a_model() -> None:
    old = written(b="x", c="y")
    new = written(a="z", b="changed", c="y")

    assert foreseen(old, new) == (
        Change(A, "add"),
        Change(B, "replace", ("command",)),
        Change(C, "keep"),
    )


def running(config: Config, *models: ModelId) -> dict[ModelId, object]:
    """Return what processes of an earlier configuration were started with."""
    return {model: fleet_of(config).models[model].specification for model in models}


def test_what_runs_counts_and_not_what_was_wanted_last() -> None:
    first = written(a="x", b="y", c="z")
    second = keep_ports(first, written(a="changed", c="z"))
    drains = running(first, A, B)

    assert foresee(second, first, drains) == (
        Change(A, "keep"),
        Change(B, "keep"),
        Change(C, "keep"),
    )
    assert steps_to(second, first, drains) == Plan(keep=(A, B, C))
    assert foresee(second, second, drains) == (
        Change(A, "replace", ("command",)),
        Change(C, "keep"),
    )
    assert foresee(second, written(b="new", c="z"), drains) == (
        Change(A, "remove"),
        Change(B, "replace", ("command",)),
        Change(C, "replace", ("port",)),
    )


def test_what_is_foreseen_is_what_a_reload_does() -> None:
    configurations = [
        written(a="x", b="y"),
        written(b="y", c="x"),
        written(c="z", a="x"),
        load_config("{models: {a: {cmd: x 5800, proxy: 'http://localhost:5800'}}}"),
        Config(),
    ]
    for old, new in product(configurations, repeat=2):
        steps = plan(fleet_of(old).models, fleet_of(keep_ports(old, new)).models)
        words = {change.model: change.step for change in foreseen(old, new)}
        assert words == {model: step for step, ms in asdict(steps).items() for model in ms}


def entry_of(cmd: str, env: str, ttl: int) -> dict[str, object]:
    """Write a model; one with a port has it in its address, too."""
    proxy = "http://localhost:${PORT}" if "${PORT}" in cmd else "http://127.0.0.1:1"
    return {"cmd": cmd, "proxy": proxy, "env": [env], "ttl": ttl}


FILES = st.dictionaries(
    st.sampled_from("abcde"),
    st.builds(
        entry_of,
        st.sampled_from(["x ${PORT}", "y ${PORT}", "z 1"]),
        st.sampled_from(["A=1", "A=2"]),
        st.integers(0, 2),
    ),
    max_size=5,
)
"""What may stand under ``models``."""


def loaded(models: Mapping[str, Mapping[str, object]]) -> Config:
    """Load a file of these models."""
    return load_config(json.dumps({"models": models}))


@given(st.lists(FILES, min_size=1, max_size=4))
def test_the_same_file_again_changes_nothing(versions: list[dict[str, dict[str, object]]]) -> None:
    in_force = loaded(versions[0])
    for version in versions[1:]:
        in_force = keep_ports(in_force, loaded(version))
    again = keep_ports(in_force, loaded(versions[-1]))

    assert again == in_force
    assert plan(fleet_of(in_force).models, fleet_of(again).models) == Plan(
        keep=tuple(sorted(in_force.models))
    )
    assert foreseen(in_force, loaded(versions[-1])) == tuple(
        Change(model, "keep") for model in sorted(in_force.models)
    )


@given(FILES, FILES)
def test_ports_that_are_kept_stay_where_they_are(
    old: dict[str, dict[str, object]], new: dict[str, dict[str, object]]
) -> None:
    before = loaded(old)
    kept = keep_ports(before, loaded(new))

    assert keep_ports(before, kept) == kept
    assert keep_ports(kept, kept) == kept


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
