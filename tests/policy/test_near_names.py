"""Which known name was probably meant."""

import pytest

from llamaswap.policy.near_names import nearest, suggestion


@pytest.mark.parametrize(
    ("name", "known", "meant"),
    [
        ("qwne", ["qwen", "llama"], "qwen"),
        ("zzz", ["qwen"], None),
        ("zzz", [], None),
        # Only the case differs, so that hardly a letter is the same.
        ("port", ["MODEL_ID", "PORT"], "PORT"),
        ("GPT-4", ["GPT-5", "gpt-4"], "gpt-4"),
        ("POTR", ["port", "PORT"], "PORT"),
        ("potr", ["PORT", "port"], "port"),
    ],
)
def test_nearest_name(name: str, known: list[str], meant: str | None) -> None:
    assert nearest(name, known) == meant


def test_near_name_is_suggested() -> None:
    assert suggestion("qwne", iter(["qwen", "llama"])) == "did you mean 'qwen'?"
    assert not suggestion("zzz", ["qwen"])
