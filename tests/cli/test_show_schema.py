"""``llama-swap schema``, and the copy of it beside the examples."""

from __future__ import annotations

from pathlib import Path

import pytest

from llamaswap.__main__ import main

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_the_copy_beside_the_examples_is_up_to_date(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema"]) == 0
    # Else: llama-swap schema > examples/llama-swap.schema.json
    assert capsys.readouterr() == ((EXAMPLES / "llama-swap.schema.json").read_text(), "")


def test_the_example_tells_editors_where_the_schema_is() -> None:
    first, *_ = (EXAMPLES / "config.yaml").read_text().splitlines()

    assert first == "# yaml-language-server: $schema=llama-swap.schema.json"


def test_it_takes_no_arguments(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["schema", "x"])

    assert left.value.code == 2
    assert "usage: llama-swap schema" in capsys.readouterr().err
