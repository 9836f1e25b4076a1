"""What was made in Python is looked at like what was loaded."""

from collections.abc import Mapping
from typing import Any

import pytest
from attrs import evolve

from llamaswap.config.load import load_config
from llamaswap.config.schema import Config, FiltersConfig, ModelConfig
from llamaswap.config.sections import MatrixConfig, PeerConfig, StoreConfig
from llamaswap.config.soundness import misfits, without_behaviour
from llamaswap.policy.eviction import GroupRule
from llamaswap.policy.rules import ModelId

M = ModelId("m")
ENTRY = ModelConfig(cmd="x", proxy="http://127.0.0.1:1")

ASKING: dict[str, tuple[Config, tuple[str, ...]]] = {
    "nothing": (Config(), ()),
    "keys": (Config(api_keys=("k",)), ("apiKeys",)),
    "a peer": (Config(peers={"p": PeerConfig("http://h", models=("x",))}), ("peers",)),
    "a store": (Config(store=StoreConfig("x")), ("store",)),
    "filters": (
        Config({M: evolve(ENTRY, filters=FiltersConfig(strip_params="a"))}),
        ("models.m.filters",),
    ),
    "a file": (
        load_config("{logLevel: debug, apiKeys: [k], models: {m: {cmd: x 1, metadata: {a: 1}, "
        "proxy: 'http://h'}}}"),
        ("logLevel", "apiKeys", "models.m.metadata"),
    ),
    "defaults in a file": (load_config("{logLevel: info, apiKeys: [], ui: {}}"), ()),
    "a file that was changed": (evolve(load_config("apiKeys: [k]"), api_keys=()), ()),
    "what the loader gives a model": (
        load_config("models: {comfyui_auto: {cmd: 'x ${PORT}'}}"),
        (),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("config", "keys"), ASKING.values(), ids=ASKING)
def test_a_key_without_a_behaviour_is_told_by_its_value(
    config: Config, keys: tuple[str, ...]
) -> None:
    assert without_behaviour(config) == keys


def made(**values: Any) -> Config:
    """Make a configuration whose only model has these values."""
    return Config({M: evolve(ENTRY, **values)})


MISFITS: dict[str, tuple[Config, str]] = {
    "ttl": (made(ttl=-1), "models.m.ttl: expected at least 0, or None, found -1"),
    "limit": (
        made(concurrency_limit=-1),
        "models.m.concurrencyLimit: expected at least 0, or None, found -1",
    ),
    "health": (
        Config(health_check_timeout=-3),
        "healthCheckTimeout: expected at least 0 seconds, found -3",
    ),
    "member": (
        Config({M: ENTRY}, groups=(GroupRule("g", (ModelId("zz"),)),)),
        "groups.g.members[0]: unknown model 'zz': expected the id or an alias of a model",
    ),
    "reserved group": (
        Config({M: ENTRY}, groups=(GroupRule("(default)", (M,), swap=False),)),
        (
            "groups.(default): the group name '(default)' is reserved for the models that are in "
            "no group"
        ),
    ),
    "peer": (
        Config(peers={"p": PeerConfig(models=("x",))}),
        "peers.p.proxy: proxy is required: give the base URL of the peer",
    ),
    "port": (
        Config(start_port="5800"),  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
        "startPort: expected a whole number, found a str",
    ),
    "flag as number": (Config(global_ttl=True), "globalTTL: expected a whole number, found a bool"),
    "command": (made(cmd=["x"]), "models.m.cmd: expected a text, found a list"),
    "environment": (made(env="A=1"), "models.m.env: expected a tuple, found a str"),
    "item": (made(env=("A=1", 2)), "models.m.env[1]: expected a text, found a int"),
    "models": (
        Config(["m"]),  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
        "models: expected a mapping, found a list",
    ),
    "id": (
        Config({5: ENTRY}),  # type: ignore[dict-item] # pyright: ignore[reportArgumentType]
        "models: expected a text as name, found a int",
    ),
    "model": (
        Config({M: "x"}),  # type: ignore[dict-item] # pyright: ignore[reportArgumentType]
        "models.m: expected a ModelConfig, found a str",
    ),
    "matrix": (
        Config({M: ENTRY}, matrix=MatrixConfig(sets={"s": "zz"})),
        "matrix.sets.s: unknown var or model 'zz' at position 0",
    ),
}


@pytest.mark.parametrize(("config", "fault"), MISFITS.values(), ids=MISFITS)
def test_what_no_file_could_say_is_a_fault(config: Config, fault: str) -> None:
    assert [str(found) for found in misfits(config)] == [fault]


NUMBER = "only loading a file fills in ${PORT}; write the port's number, in cmd and in proxy"
ID = "only loading a file fills in ${MODEL_ID}; write the model's id"
NO_PID = "only in cmdStop ${PID} is filled in; leave it out here"


@pytest.mark.parametrize(
    ("values", "faults"),
    [
        (
            {"cmd": "x ${PORT} --port ${PORT}", "proxy": "http://127.0.0.1:${PORT}"},
            [f"models.m.cmd: {NUMBER}", f"models.m.proxy: {NUMBER}"],
        ),
        (
            {"env": ("A=1", "M=${MODEL_ID}"), "check_endpoint": "/${MODEL_ID}"},
            [f"models.m.checkEndpoint: {ID}", f"models.m.env[1]: {ID}"],
        ),
        ({"cmd": "x ${PID}", "cmd_stop": "kill ${PID}"}, [f"models.m.cmd: {NO_PID}"]),
    ],
)
def test_what_only_loading_fills_in_is_a_fault(values: dict[str, Any], faults: list[str]) -> None:
    assert [str(found) for found in misfits(made(**values))] == faults


def test_faults_of_a_matrix_have_their_parts() -> None:
    (fault,) = misfits(Config({ModelId("gemma"): ENTRY}, matrix=MatrixConfig(sets={"s": "gema"})))

    assert (fault.expected, fault.found) == ("a var or a model's id", "'gema'")
    assert fault.suggestion == "did you mean 'gemma'?"


FINE: Mapping[str, Config] = {
    "made": made(ttl=0, env=("A=${B}",), unload_timeout=None, send_loading_state=True),
    "a shell's variables": made(cmd="sh -c 'exec x ${HOME}'\n# not ${PORT}", cmd_stop="k ${PID}"),
    "short waits": Config({M: ENTRY}, health_check_timeout=1),
    "a whole number of seconds": evolve(Config(), scheduling=evolve(Config().scheduling, linger=5)),
    "loaded": load_config("models: {m: {cmd: 'x ${PORT}', ttl: -1, metadata: {a: [1, .inf]}}}"),
}


@pytest.mark.parametrize("config", FINE.values(), ids=FINE)
def test_what_is_right_has_no_faults(config: Config) -> None:
    assert misfits(config) == ()
