"""Where the load times are kept."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from llamaswap.cli.state import state_file

ON_LINUX = pytest.mark.skipif(sys.platform != "linux", reason="XDG is for Linux and its like")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("STATE_DIRECTORY", "XDG_STATE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    return tmp_path


def test_the_folder_that_systemd_gives_comes_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = [str(tmp_path / "one"), str(tmp_path / "two")]
    monkeypatch.setenv("STATE_DIRECTORY", os.pathsep.join(given))

    assert state_file() == tmp_path / "one" / "load-times.json"


@ON_LINUX
def test_then_comes_the_one_that_the_user_has_chosen(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/var/mine")
    assert state_file() == Path("/var/mine/llamaswap/load-times.json")

    monkeypatch.setenv("XDG_STATE_HOME", "relative")
    assert state_file() == home / ".local/state/llamaswap/load-times.json"


@ON_LINUX
def test_then_comes_the_usual_one(home: Path) -> None:
    assert state_file() == home / ".local/state/llamaswap/load-times.json"


def test_macos_and_windows_have_places_of_their_own(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert state_file() == home / "Library/Application Support/llamaswap/load-times.json"

    monkeypatch.setattr(sys, "platform", "win32")
    assert state_file() == home / "AppData/Local/llamaswap/load-times.json"
    monkeypatch.setenv("LOCALAPPDATA", str(home / "local"))
    assert state_file() == home / "local/llamaswap/load-times.json"


def test_who_has_no_home_keeps_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", homeless)

    assert state_file() is None
