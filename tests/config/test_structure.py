"""Plain values in the classes of the schema, with every fault at once."""

import pytest

from llamaswap.config.document import Plain, Report, Timestamp
from llamaswap.config.schema import Config, ModelConfig
from llamaswap.config.structure import kept_places, structure, yaml_name
from llamaswap.policy.eviction import GroupRule
from llamaswap.policy.messages import ModelId

M = ("models", "m")


@pytest.mark.parametrize(
    ("attribute", "key"),
    [("cmd", "cmd"), ("cmd_stop", "cmdStop"), ("global_ttl", "globalTTL")],
)
def test_attribute_has_its_key(attribute: str, key: str) -> None:
    assert yaml_name(attribute) == key


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
    rule = structure(GroupRule, {"name": "g", "members": ["a"], "swap": "no"}, (), Report())

    assert rule == GroupRule("g", (ModelId("a"),), swap=False, exclusive=True, persistent=False)


def test_kept_items_keep_their_places() -> None:
    assert kept_places(["a", None, "b"], ("x",)) == [("x", 0), ("x", 2)]
    assert kept_places("a", ("x",)) == []
