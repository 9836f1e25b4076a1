"""Settings of all tests: hypothesis profiles, and a log level of each test's own."""

import logging
import os
from collections.abc import Generator

import pytest
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
