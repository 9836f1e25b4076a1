"""What is inherited from the top level."""

import pytest

from llamaswap.config.schema import Config, ModelConfig
from llamaswap.config.sections import MatrixConfig
from llamaswap.policy.eviction import GroupRule
from llamaswap.policy.rules import ModelId

M = ModelId("m")


@pytest.mark.parametrize(
    ("ttl", "global_ttl", "idle_after"),
    [(None, 0, None), (None, 300, 300), (0, 300, None), (60, 300, 60)],
)
def test_ttl_of_a_model_wins(ttl: int | None, global_ttl: int, idle_after: float | None) -> None:
    config = Config({M: ModelConfig(ttl=ttl)}, global_ttl=global_ttl)

    assert config.idle_after(M) == idle_after


@pytest.mark.parametrize(("own", "stop_within"), [(None, 25), (45, 45)])
def test_unload_timeout_of_a_model_wins(own: int | None, stop_within: float) -> None:
    config = Config({M: ModelConfig(unload_timeout=own)}, unload_timeout=25)

    assert config.stop_within(M) == stop_within


@pytest.mark.parametrize(("own", "limit"), [(None, 10), (3, 3)])
def test_ten_requests_are_taken_where_nothing_is_said(own: int | None, limit: int) -> None:
    config = Config({M: ModelConfig(concurrency_limit=own)})

    assert config.concurrency_limit(M) == limit


@pytest.mark.parametrize(
    ("own", "shared", "sends"), [(None, True, True), (None, False, False), (False, True, False)]
)
def test_loading_state_of_a_model_wins(own: bool | None, shared: bool, sends: bool) -> None:  # noqa: FBT001 - a table
    config = Config({M: ModelConfig(send_loading_state=own)}, send_loading_state=shared)

    assert config.sends_loading_state(M) is sends


def test_groups_are_shown_with_the_default_one() -> None:
    rule = GroupRule("g", (M,))
    models = dict.fromkeys((ModelId("z"), M, ModelId("b")), ModelConfig())

    assert Config(models, (rule,)).all_groups() == (
        rule,
        GroupRule("(default)", (ModelId("b"), ModelId("z"))),
    )
    assert Config(models, matrix=MatrixConfig(sets={"s": "m"})).all_groups() == ()


def test_macros_are_how_it_is_written_and_not_what_it_means() -> None:
    assert Config(macros={"a": 1}) == Config()
    assert ModelConfig(macros={"a": 1}) == ModelConfig()
