"""What a reload does to each model, and why."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import product
from typing import Any

import pytest
from attrs import asdict, astuple, evolve
from hypothesis import given
from hypothesis import strategies as st

from llamaswap.config.fields import KeyField, keys_of
from llamaswap.config.keys import ANY, UNBUILT
from llamaswap.config.load import load_config
from llamaswap.config.schema import Config, ModelConfig
from llamaswap.fleet import fleet_of
from llamaswap.planning import foresee, keep_ports, steps_to
from llamaswap.policy.plan import Change, Plan, plan
from llamaswap.policy.rules import ModelId
from llamaswap.router import ModelSpec
from tests.fakes import A, B, C


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


def test_a_process_that_goes_is_looked_after_as_before() -> None:
    entry = evolve(RUNNING.models[A], cmd="z", cmd_stop="z", unload_timeout=3, ttl=9)

    assert foreseen(RUNNING, Config({A: entry})) == (Change(A, "replace", ("command",), ("ttl",)),)


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


def test_a_reload_away_from_a_port_that_does_not_exist_is_foreseen() -> None:
    text = "startPort: {}\nmodels: {{a: {{cmd: 's ${{PORT}}'}}}}"
    old, new = load_config(text.format(65536)), load_config(text.format(5800))

    assert foreseen(old, new) == (Change(A, "keep"),)
    assert foresee(old, new, {}) == (Change(A, "replace", ("port",)),)


OTHER_VALUES: dict[str, Any] = {
    "name": "N",
    "description": "D",
    "unlisted": True,
    "aliases": ("n",),
    "concurrency_limit": 3,
    "ttl": 9,
    "use_model_name": "n",
}
"""Of the keys that no process is told of."""


def test_no_key_of_a_model_changes_in_silence() -> None:
    edits = (EDITS | NEWS).values()
    others = {key: value for edit in edits for key, value in edit.items()} | OTHER_VALUES
    acting = {info.attribute for info in keys_of(ModelConfig) if _acts(info)}

    assert others.keys() == acting
    for attribute, value in others.items():
        entry = evolve(RUNNING.models[A], **{attribute: value})
        (change,) = foreseen(RUNNING, Config({A: entry}))
        assert change.process or change.at_once, attribute


def _acts(info: KeyField) -> bool:
    """Say whether a model's key has a behaviour of its own when it is served."""
    is_built = ("models", ANY, info.name) not in UNBUILT
    return is_built and info.name not in {"macros", "healthCheckTimeout"}


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
