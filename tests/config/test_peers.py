"""Peers, and whose names they must not take."""

import pytest

from llamaswap.config.document import Plain, Report
from llamaswap.config.peers import build_peers, check_full_names, taken_names
from llamaswap.config.schema import ModelConfig
from llamaswap.config.sections import (
    PeerConfig,
    PeerFiltersConfig,
    PeerTimeoutsConfig,
    ProfileConfig,
    SelectorConfig,
)
from llamaswap.policy.rules import ModelId

URL = "http://h"


def test_peer_is_built_with_its_own_defaults() -> None:
    report = Report()
    section: Plain = {
        "proxy": URL,
        "models": ["x", None, "y", "x"],
        "apiKey": "k",
        "filters": {"setParamsByID": {"x": {"t": 1}}},
        "timeouts": {"connect": 5},
    }

    assert build_peers({"p": section}, report) == {
        "p": PeerConfig(
            URL,
            ("x", "y"),
            "k",
            PeerFiltersConfig(set_params_by_id={"x": {"t": 1}}),
            PeerTimeoutsConfig(connect=5, response_header=60),
        )
    }
    assert report.faults == ()


REFUSED: dict[str, tuple[Plain, list[str]]] = {
    "nothing in it": (
        {},
        [
            "peers.p.proxy: proxy is required: give the base URL of the peer",
            "peers.p.models: peer models can not be empty: list the models that it offers",
        ],
    ),
    "a bad address": (
        {"proxy": "1:1", "models": ["x"]},
        [
            (
                "peers.p.proxy: invalid peer proxy URL '1:1': expected http:// or https:// in "
                "front; did you mean 'http://1:1'?"
            )
        ],
    ),
    "wrong types": (
        {"proxy": [], "models": "x"},
        [
            "peers.p.proxy: expected text, found a list",
            "peers.p.models: expected a list of texts, found the text 'x'; put [ ] around it",
        ],
    ),
    "no mapping": ("x", ["peers.p: expected a mapping of keys, found the text 'x'"]),
}


@pytest.mark.parametrize(("section", "faults"), REFUSED.values(), ids=REFUSED)
def test_impossible_peer_is_refused(section: Plain, faults: list[str]) -> None:
    report = Report()

    build_peers({"p": section}, report)

    assert sorted(str(fault) for fault in report.faults) == sorted(faults)


def test_a_peer_of_which_nothing_is_said_is_left_out() -> None:
    report = Report()

    assert build_peers({"p": None}, report) == {}
    assert report.faults == ()
    assert [str(warning) for warning in report.warnings] == [
        "peers.p: nothing is said of this peer, so it is left out: expected its proxy and models"
    ]


def _check(peers: Plain, taken: dict[str, str]) -> list[str]:
    report = Report()
    built = build_peers(peers if isinstance(peers, dict) else {}, report)
    check_full_names(built, {"peers": peers}, taken, report)
    return [str(fault) for fault in report.faults]


def test_full_name_belongs_to_one_peer() -> None:
    peers: Plain = {
        "a": {"proxy": URL, "models": ["b/c", "b/c"]},
        "a/b": {"proxy": URL, "models": ["d", "c"]},
    }

    assert _check(peers, {}) == [
        (
            "peers.a/b.models[1]: the fully qualified name 'a/b/c' is ambiguous: "
            "the peers 'a' and 'a/b' both have it"
        )
    ]


def test_full_name_is_nobody_elses() -> None:
    peers: Plain = {"p": {"proxy": URL, "models": ["x", None, "y", "y"]}}

    assert _check(peers, {"p/y": "the model ID", "x": "the model ID"}) == [
        (
            "peers.p.models[2]: the model ID 'p/y' conflicts with fully qualified peer model name "
            "'p/y'"
        )
    ]


def test_every_other_name_is_taken() -> None:
    taken = taken_names(
        {ModelId("m"): ModelConfig(aliases=("al", "pin"))},
        {"s": SelectorConfig()},
        {"night": ProfileConfig(pins={"pin": "m", "q": None})},
    )

    assert taken == {
        "m": "the model ID",
        "al": "the alias of 'm',",
        "pin": "the alias of 'm',",
        "s": "the selector ID",
        "q": "the pin of the profile 'night',",
    }


def test_peer_that_nobody_can_reach_is_told_in_a_warning() -> None:
    report = Report()

    peers = build_peers({"p": {"proxy": "gpu:1", "models": ["x"]}}, report)

    assert peers["p"].proxy == "gpu:1"
    assert report.faults == ()
    assert [str(warning) for warning in report.warnings] == [
        (
            "peers.p.proxy: invalid peer proxy URL 'gpu:1': expected http:// or https:// in front, "
            "so the peer cannot be reached; did you mean 'http://gpu:1'?"
        )
    ]
