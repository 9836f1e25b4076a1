"""What is inherited from the top level."""

import pytest

from llamaswap.config.schema import Config, ModelConfig
from llamaswap.policy.messages import ModelId

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
