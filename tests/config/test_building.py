"""All sections together, from plain values to a configuration."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from llamaswap.config import keys
from llamaswap.config.building import build
from llamaswap.config.document import Plain, Report, Timestamp
from llamaswap.config.schema import Config
from llamaswap.config.sections import FifoConfig, MatrixConfig
from llamaswap.policy.eviction import GroupRule
from llamaswap.policy.rules import ModelId

A, B = ModelId("a"), ModelId("b")
MODELS: Plain = {
    "a": {"cmd": "s ${PORT}", "aliases": ["al"]},
    "b": {"cmd": "s ${PORT}", "filters": {"setParamsByID": {"b:low": {"t": 0}}}},
}


def _faults(document: Mapping[str, Plain]) -> list[str]:
    report = Report()
    build(document, report)
    return [str(fault) for fault in report.faults]


def test_nothing_is_an_empty_configuration() -> None:
    assert build({}, Report()) == Config()


NOBODY: dict[str, tuple[dict[str, Plain], list[str]]] = {
    "an empty file": ({}, [""]),
    "models of nobody": ({"models": None, "peers": {}}, ["models"]),
    "keys of another program": ({"services": {"a": None}}, ["services", ""]),
    "peers alone": ({"peers": {"p": {"proxy": "http://h", "models": ["x"]}}}, []),
    "models that cannot be read": ({"models": ["a"]}, []),
    "peers that cannot be read": ({"peers": ["a"]}, []),
}


@pytest.mark.parametrize(("document", "paths"), NOBODY.values(), ids=NOBODY)
def test_where_nobody_can_be_served_that_is_told(
    document: dict[str, Plain], paths: list[str]
) -> None:
    report = Report()

    build(document, report)

    assert [warning.path for warning in report.warnings] == paths
    said = "no models are configured, so nothing can be served: expected entries below models"
    assert [w.message for w in report.warnings if w.path != "services"] == [
        said for path in paths if path != "services"
    ]


def test_sections_know_each_other() -> None:
    report = Report()

    config = build(
        {
            "models": MODELS,
            "peers": {"p": {"proxy": "http://h", "models": ["x"]}},
            "selectors": {"s": {"strategy": "spillover", "targets": ["al", "b:low", "x"]}},
            "profiles": {"n": {"pins": {"chat": "s", "draw": "p/x", "low": "b:low"}}},
            "hooks": {"on_startup": {"preload": ["b:low", "p/x"]}},
            "routing": {
                "router": {
                    "use": "matrix",
                    "settings": {"matrix": {"sets": {"both": "a & b"}}},
                },
                "scheduler": {"settings": {"fifo": {"priority": {"b:low": 3}}}},
            },
        },
        report,
    )

    assert report.faults == ()
    assert list(config.selectors) == ["s"]
    assert list(config.profiles["n"].pins) == ["chat", "draw", "low"]
    assert config.hooks.on_startup.preload == (B,)
    assert (config.groups, config.matrix) == ((), MatrixConfig(sets={"both": "a & b"}))
    assert config.scheduling == FifoConfig({B: 3})
    assert config.unsupported == ("models.b.filters", "peers")
    assert [warning.path for warning in report.warnings] == ["hooks.on_startup.preload[1]"]


def test_old_and_new_spelling_mean_the_same() -> None:
    old = build({"models": MODELS, "groups": {"g": {"members": ["al"]}}}, Report())
    router: Plain = {"settings": {"groups": {"g": {"members": ["al"]}}}}
    new = build({"models": MODELS, "routing": {"router": router}}, Report())

    assert old.groups == (GroupRule("g", (A,)),)
    assert new == old


def test_group_that_swaps_is_no_company() -> None:
    assert _faults(
        {
            "models": MODELS,
            "selectors": {"s": {"strategy": "spillover", "targets": ["a", "b"]}},
        }
    ) == [
        (
            "selectors.s.targets: spillover needs targets that run together: the group "
            "'(default)' of its local targets must have swap: false; list them as members of "
            "a group that has it"
        )
    ]


def test_matrix_with_a_fault_makes_no_other() -> None:
    assert _faults(
        {
            "models": MODELS,
            "matrix": {"sets": {"s": "a &"}},
            "selectors": {"s": {"strategy": "spillover", "targets": ["a", "b"]}},
        }
    ) == _faults({"models": MODELS, "matrix": {"sets": {"s": "a &"}}})


def test_names_of_peers_are_checked_against_all_others() -> None:
    faults = _faults(
        {
            "models": {"p/x": {"cmd": "${PORT}", "aliases": ["p/y"]}},
            "peers": {"p": {"proxy": "http://h", "models": ["x", "y", "z", "q"]}},
            "selectors": {"p/z": {"strategy": "pin", "targets": ["p/x"]}},
            "profiles": {"n": {"pins": {"p/q": "p/x"}}},
        }
    )

    # A selector may hide a peer's bare name, but nobody its full one.
    assert [fault.partition(": ")[0] for fault in faults] == [
        f"peers.p.models[{index}]" for index in range(4)
    ]


VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(["a", "b", "al", "p/x", "5s", "auto", "", "${PORT}", "pin", "a & b"])
    | st.builds(Timestamp, st.just("2024-07-18T00:00:00Z")),
    lambda children: (
        st.lists(children, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "b", "use", "", "p/x"]), children, max_size=3)
    ),
    max_leaves=4,
)


def _sections(below: keys.Keys) -> st.SearchStrategy[Any]:
    """Draw a section with some of its keys: mostly of the right shape, with any values."""
    drawn: dict[str, st.SearchStrategy[Any]] = {}
    for name, inner in below.items():
        value = VALUES if inner is None else (_sections(inner) | VALUES)
        drawn |= dict.fromkeys(["a", "b"] if name == keys.ANY else [name], value)
    return st.fixed_dictionaries({}, optional=drawn)


@given(_sections(keys.TOP))
@example({"peers": {"a": {"proxy": {"a": "${PORT}"}}}})
@example({"routing": {"router": {"settings": {"groups": {"a": {"swap": {"a": "${PORT}"}}}}}}})
def test_any_document_is_built_or_explained(document: dict[str, Plain]) -> None:
    report = Report()

    build(document, report)

    assert len(set(report.faults)) == len(report.faults)


@given(_sections(keys.TOP))
def test_building_twice_says_the_same(document: dict[str, Plain]) -> None:
    first, second = Report(), Report()

    # What is no number equals nothing, itself included.
    assert repr(build(document, first)) == repr(build(document, second))
    assert first.faults == second.faults
