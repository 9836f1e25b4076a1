"""Every test of this room leaves no process behind."""

from collections.abc import Generator

import pytest

from tests.processes import nothing_left


@pytest.fixture(autouse=True)
def _nothing_is_left(monkeypatch: pytest.MonkeyPatch) -> Generator[None, None, None]:
    with nothing_left(monkeypatch):
        yield
