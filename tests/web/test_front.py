"""The tables that requests are looked up in."""

from __future__ import annotations

from time import time

from llamaswap.config.schema import Config, ModelConfig
from llamaswap.config.sections import UpstreamConfig
from llamaswap.web.front import Snapshot
from tests.fakes import A, B


def test_a_snapshot_knows_ids_and_aliases() -> None:
    config = Config(models={A: ModelConfig(aliases=("x", "y")), B: ModelConfig()})
    before = time()
    snapshot = Snapshot.of(config)

    assert snapshot.config is config
    assert snapshot.names.models == (A, B)
    assert [snapshot.names.resolve(name) for name in ("a", "y", "b", "z")] == [A, A, B, None]
    assert before <= snapshot.loaded_at <= time()


def test_a_snapshot_looks_for_the_paths_of_the_configuration() -> None:
    usual, own = Snapshot.of(Config()), Snapshot.of(Config(upstream=UpstreamConfig(("a", "b"))))

    assert [bool(pattern.search("/x.js")) for pattern in usual.ignored_paths] == [True]
    assert [bool(pattern.search("/b")) for pattern in own.ignored_paths] == [False, True]
