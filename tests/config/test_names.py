"""Whom a name means while a file is checked."""

import pytest

from llamaswap.config.names import Base, BaseNames, full_name, local_names, suggestion
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


def test_near_name_is_suggested() -> None:
    assert suggestion("qwne", ["qwen", "llama"]) == "did you mean 'qwen'?"
    assert not suggestion("zzz", ["qwen"])


def test_full_name_names_the_peer_first() -> None:
    assert full_name("p", "org/m") == "p/org/m"
