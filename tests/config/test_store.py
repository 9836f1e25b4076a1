"""Files that can be written, and those that cannot."""

import os
from pathlib import Path

import pytest

from llamaswap.config.store import store_problem


def _nobody(path: object, mode: int) -> bool:
    return False


def test_store_may_be_new_or_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = tmp_path / "old.db"
    old.touch()
    monkeypatch.chdir(tmp_path)

    assert store_problem(str(old)) is None
    assert store_problem(str(tmp_path / "new.db")) is None
    assert store_problem(" new.db ") is None
    assert store_problem("nowhere/../new.db") is None


def test_store_that_cannot_be_is_refused(tmp_path: Path) -> None:
    assert str(store_problem(" ")) == (
        "store.path is empty: give a file, or remove the store to keep requests in memory"
    )
    assert str(store_problem(str(tmp_path))) == (
        f"store.path {str(tmp_path)!r} is a directory: give a file in it"
    )
    assert str(store_problem(f"{tmp_path}/new/")) == (
        f"store.path {str(tmp_path / 'new')!r} is a directory: give a file in it"
    )
    assert str(store_problem(str(tmp_path / "no" / "x"))) == (
        f"the directory {str(tmp_path / 'no')!r} of store.path is not writable: it does not exist"
    )
    assert "cannot be looked at, so it is not writable" in str(store_problem("x" * 5000))


def test_store_that_is_not_ours_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "x"
    # As root everything is writable, whatever its mode is.
    monkeypatch.setattr(os, "access", _nobody)

    assert str(store_problem(str(file))) == (
        f"the directory {str(tmp_path)!r} of store.path is not writable"
    )
    file.touch()
    assert str(store_problem(str(file))) == f"store.path {str(file)!r} is not writable"
