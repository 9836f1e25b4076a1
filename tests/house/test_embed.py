"""The example of the README: llamaswap inside another program."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest
import trio

from tests.house.commands import ROOT, write_config
from tests.house.houses import config_of, model
from tests.processes import marked

pytestmark = pytest.mark.slow


async def test_the_example_holds_a_model_ready_and_leaves_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    entry = model()
    path = write_config(tmp_path / "config.yaml", config_of(a=entry))
    example = runpy.run_path(str(ROOT / "examples" / "embed.py"))
    with trio.fail_after(10):
        await example["main"](path, "a")

    serving, ready, stopped = capsys.readouterr().out.splitlines()
    assert serving.startswith("serving on http://127.0.0.1:")
    assert ready == f"a is ready at {entry.proxy}"
    assert stopped == "all models are stopped"
    assert marked() == []
