"""Every story of the house is told with its log, and leaves no process behind."""

from __future__ import annotations

import logging
from collections.abc import Generator

import pytest

from tests.processes import nothing_left


@pytest.fixture(autouse=True)
def _nothing_is_left(monkeypatch: pytest.MonkeyPatch) -> Generator[None, None, None]:
    with nothing_left(monkeypatch):
        yield


@pytest.fixture(autouse=True)
def _hear_info(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "llamaswap")
