"""Fixtures of this room."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import pytest

from tests.relay import wires as wires_module
from tests.relay.wires import Wires


@pytest.fixture
async def wires() -> AsyncGenerator[Wires, None]:
    """Connections whose far ends belong to the test."""
    with wires_module.wires() as made:
        yield made
