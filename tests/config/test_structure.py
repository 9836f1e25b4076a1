"""Plain values in the classes of the schema, with every fault at once."""

import math
from textwrap import dedent

import pytest

from llamaswap.config.document import Plain, Report, Timestamp
from llamaswap.config.load import load_config
from llamaswap.config.schema import CapabilitiesConfig, Config, FiltersConfig, ModelConfig
from llamaswap.config.sections import (
    SESSION_HEADERS,
    GroupSection,
    MatrixConfig,
    PeerConfig,
    PerformanceConfig,
    ProfileConfig,
    StoreConfig,
    TimeoutsConfig,
)
from llamaswap.config.structure import kept_places, structure
from llamaswap.errors import ConfigError
from llamaswap.policy.rules import ModelId

M = ("models", "m")


def test_section_becomes_a_value() -> None:
    values: dict[str, Plain] = {
        "cmd": "s",
        "cmdStop": 5,
        "env": ["A=1", None, 7],
        "ttl": 30.7,
        "unlisted": "yes",
        "useModelName": Timestamp("2024-07-18T00:00:00Z"),
        "proxy": None,
        "unknown": {},
    }
    report = Report()

    assert structure(ModelConfig, values, M, report) == ModelConfig(
        cmd="s",
        cmd_stop="5",
        env=("A=1", "7"),
        ttl=30,
        unlisted=True,
        use_model_name="2024-07-18T00:00:00Z",
    )
    assert report.faults == ()


def test_every_fault_comes_at_once_and_the_rest_is_built() -> None:
    values: dict[str, Plain] = {
        "cmd": ["srv", "--port"],
        "aliases": ["x", [], "y", {}],
        "env": {"A": "b"},
        "ttl": "30",
        "unlisted": 1,
        "name": "kept",
    }
    report = Report()

    assert structure(ModelConfig, values, M, report) == ModelConfig(name="kept")
    assert sorted(str(fault) for fault in report.faults) == [
        "models.m.aliases[1]: expected text, found a list",
        "models.m.aliases[3]: expected text, found a mapping",
        "models.m.cmd: expected text, found a list",
        "models.m.env: expected a list of texts, found a mapping",
        "models.m.ttl: expected a whole number, found the text '30'; remove the quotes",
        "models.m.unlisted: expected true or false, found 1",
    ]


def test_word_in_place_of_a_list_is_told_what_is_missing() -> None:
    report = Report()

    structure(ModelConfig, {"aliases": "x"}, M, report)

    assert [str(fault) for fault in report.faults] == [
        "models.m.aliases: expected a list of texts, found the text 'x'; put [ ] around it"
    ]


def test_advice_depends_on_what_is_written() -> None:
    text = """
        macros: {seconds: "300", three: 3, hidden: "true"}
        hooks: {on_startup: {preload: true}}
        models:
          m:
            cmd: s ${PORT}
            ttl: "${seconds}"
            unloadTimeout: "${three}0"
            unlisted: ${hidden}
            concurrencyLimit: !limit 5
            timeouts: {connect: "30", keepalive: "${env.SECONDS}"}
    """

    with pytest.raises(ConfigError) as caught:
        load_config(dedent(text), environ={"SECONDS": "30"})

    assert [(fault.path, fault.suggestion) for fault in caught.value.faults] == [
        ("hooks.on_startup.preload", ""),
        ("models.m.ttl", "remove the quotes where ${seconds} is declared"),
        ("models.m.unloadTimeout", "make one macro of all of it, declared without quotes"),
        ("models.m.unlisted", "remove the quotes where ${hidden} is declared"),
        ("models.m.concurrencyLimit", "remove !limit"),
        ("models.m.timeouts.connect", "remove the quotes"),
        ("models.m.timeouts.keepalive", "remove the quotes"),
    ]


def test_secret_of_a_wrong_kind_is_not_repeated() -> None:
    report = Report()

    structure(Config, {"apiKeys": "hush"}, (), report)
    structure(PeerConfig, {"apiKey": ["hush"]}, ("peers", "p"), report)

    assert [str(fault) for fault in report.faults] == [
        "apiKeys: expected a list of texts, found ***; put [ ] around it",
        "peers.p.apiKey: expected text, found a list",
    ]


def test_what_was_told_before_is_not_told_again() -> None:
    report = Report()
    report.taint((*M, "ttl"))

    assert structure(ModelConfig, {"ttl": "${x}"}, M, report) == ModelConfig()
    assert report.faults == ()


def test_computed_fields_are_no_keys() -> None:
    values: dict[str, Plain] = {
        "models": 5,
        "groups": 5,
        "warnings": 5,
        "sources": 5,
        "unsupported": 5,
        "startPort": 6,
        "globalTTL": 7,
    }

    assert structure(Config, values, (), Report()) == Config(start_port=6, global_ttl=7)


def test_group_takes_its_defaults() -> None:
    group = structure(GroupSection, {"members": ["a"], "swap": "no"}, (), Report())

    assert group == GroupSection(swap=False, exclusive=True, persistent=False, members=("a",))


def test_sections_are_built_below_sections() -> None:
    values: dict[str, Plain] = {
        "filters": {
            "stripParams": "a, b",
            "setParams": {"x": 1.0, "y": None},
            "setParamsByID": {"m": None, "n": {"z": [Timestamp("T"), math.inf]}},
        },
        "timeouts": {"connect": 5, "tlsHandshake": None},
        "compat": None,
        "capabilities": {"in": ["text"], "out": None, "tools": "on"},
        "metadata": {"a": {"b": [0.5]}},
        "macros": {"m": 1.5},
    }
    report = Report()

    assert structure(ModelConfig, values, M, report) == ModelConfig(
        filters=FiltersConfig(
            strip_params="a, b",
            set_params={"x": 1, "y": None},
            set_params_by_id={"m": {}, "n": {"z": ["T", ".inf"]}},
        ),
        timeouts=TimeoutsConfig(connect=5),
        capabilities=CapabilitiesConfig(inputs=("text",), tools=True),
        metadata={"a": {"b": [0.5]}},
    )
    assert structure(ModelConfig, values, M, report).macros == {"m": 1.5}
    assert report.faults == ()


def test_null_is_empty_in_mappings_of_chosen_names() -> None:
    report = Report()
    matrix: dict[str, Plain] = {"vars": {"a": None}, "evict_costs": {"a": None}, "sets": None}

    assert structure(MatrixConfig, matrix, (), report) == MatrixConfig(
        vars={"a": ModelId("")}, evict_costs={"a": 0}
    )
    assert structure(ProfileConfig, {"pins": {"a": None, "b": 5}}, (), report).pins == {
        "a": None,
        "b": "5",
    }
    assert report.faults == ()


@pytest.mark.parametrize(
    ("ui", "headers"),
    [
        (None, SESSION_HEADERS),
        ({"activity": None}, SESSION_HEADERS),
        ({"activity": {}}, SESSION_HEADERS),
        ({"activity": {"session_id": None}}, ()),
        ({"activity": {"session_id": []}}, ()),
        ({"activity": {"session_id": ["a"]}}, ("a",)),
    ],
)
def test_null_turns_sessions_off_where_it_stands_for_their_list(
    ui: Plain, headers: tuple[str, ...]
) -> None:
    config = structure(Config, {"ui": ui}, (), Report())

    assert config.ui.activity.session_id == headers


def test_optional_section_is_there_or_not() -> None:
    assert structure(Config, {"store": None}, (), Report()).store is None
    assert structure(Config, {"store": {}}, (), Report()).store == StoreConfig()


def test_fault_below_a_section_leaves_the_rest_of_it() -> None:
    values: dict[str, Plain] = {
        "filters": {
            "stripParams": ["x"],
            "setParams": {"a": "${x}", "b": 2},
            "setParamsByID": {"m": 5, "n": {"c": 3}},
        },
        "timeouts": 5,
        "compat": {"ignoreWebsockets": 1},
    }
    report = Report()
    report.taint((*M, "filters", "setParams", "a"))

    assert structure(ModelConfig, values, M, report) == ModelConfig(
        filters=FiltersConfig(set_params={"b": 2}, set_params_by_id={"n": {"c": 3}})
    )
    assert sorted(str(fault) for fault in report.faults) == [
        "models.m.compat.ignoreWebsockets: expected true or false, found 1",
        "models.m.filters.setParamsByID.m: expected a mapping of keys, found 5",
        "models.m.filters.stripParams: expected text, found a list",
        "models.m.timeouts: expected a mapping of keys, found 5",
    ]


def test_key_with_a_notation_of_its_own_is_converted() -> None:
    report = Report()

    assert structure(PerformanceConfig, {"every": "1m30s"}, (), report).every == 90
    assert structure(PerformanceConfig, {"every": 10}, ("performance",), report).every == 5
    assert [str(fault) for fault in report.faults] == [
        'performance.every: expected a duration like "90s" or "1m30s", found 10'
    ]


def test_kept_items_keep_their_places() -> None:
    assert kept_places(["a", None, "b"], ("x",)) == [("x", 0), ("x", 2)]
    assert kept_places("a", ("x",)) == []
