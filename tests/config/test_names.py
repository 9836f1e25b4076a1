"""Whom a name means while a file is checked."""

import pytest

from llamaswap.config.names import (
    Base,
    BaseNames,
    blank,
    full_name,
    local_names,
    misnamed,
    unknown_model,
)
from llamaswap.config.schema import ModelConfig
from llamaswap.config.sections import PeerConfig
from llamaswap.policy.rules import ModelId

MODELS = {
    ModelId("a"): ModelConfig(aliases=("al", "b")),
    ModelId("b"): ModelConfig(aliases=("al",)),
}
PEERS = {"p": PeerConfig(models=("x", "y", "a")), "q": PeerConfig(models=("y",))}


def test_id_comes_before_alias_and_first_alias_counts() -> None:
    assert local_names(MODELS) == {"a": "a", "b": "b", "al": "a"}


@pytest.mark.parametrize(
    ("name", "base"),
    [
        ("a", Base("a")),
        ("al", Base("a")),
        ("b", Base("b")),
        ("p/x", Base("x", "p")),
        ("x", Base("x", "p")),
        ("p/a", Base("a", "p")),
        ("q/y", Base("y", "q")),
        ("y", None),
        ("z", None),
    ],
)
def test_name_is_resolved(name: str, base: Base | None) -> None:
    assert BaseNames.of(MODELS, PEERS).resolve(name) == base


def test_name_of_nobody_is_told_with_what_was_expected_or_meant() -> None:
    near = unknown_model("qwne", ["qwen", "llama"])
    far = unknown_model("zzz", ["qwen"])

    assert str(near) == "unknown model 'qwne', did you mean 'qwen'?"
    assert str(far) == "unknown model 'zzz': expected the id or an alias of a model"
    assert near.expected == far.expected == "the id or an alias of a model"


def test_suggestion_does_not_join_a_list_of_what_was_expected() -> None:
    text, words = "unknown way {found}: expected {expected}", ("in", "out")

    assert str(misnamed(text, "outt", words, expected="one of in, out")) == (
        "unknown way 'outt': expected one of in, out; did you mean 'out'?"
    )


def test_blank_name_is_repeated() -> None:
    problem = blank("the name of a pin", " ")

    assert (str(problem), problem.found) == ("the name of a pin cannot be empty", "' '")


def test_full_name_names_the_peer_first() -> None:
    assert full_name("p", "org/m") == "p/org/m"
