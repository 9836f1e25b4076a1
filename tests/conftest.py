"""Settings of all tests: hypothesis profiles, and a log level of each test's own."""

import logging
import os
from collections.abc import Callable, Generator

import pytest
import trio
from hypothesis import HealthCheck, settings

settings.register_profile("dev", max_examples=25, deadline=None)
settings.register_profile(
    "ci",
    max_examples=200,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))


@pytest.fixture(autouse=True)
def _own_log_level() -> Generator[None, None, None]:
    """Take back the level that a command sets for its whole process."""
    logger = logging.getLogger("llamaswap")
    level = logger.level
    yield
    logger.setLevel(level)


@pytest.fixture
def no_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a reload do at once what it does in threads: a mock clock waits for none."""

    async def do_now(work: Callable[[], object]) -> object:
        await trio.lowlevel.checkpoint()
        return work()

    monkeypatch.setattr("llamaswap.reload.do_aside", do_now)
