"""Finds the processes of a test, so that each test can show that it left none."""

from __future__ import annotations

import os
import sys
import time
import uuid
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest

MARK = "LLAMASWAP_TEST"
"""Environment variable that every child of a test inherits; unique for each test."""

FAKE_MODEL = (sys.executable, str(Path(__file__).with_name("fake_model.py")))
"""The command of the fake model server, without its options."""


def marked() -> list[psutil.Process]:
    """Return the living processes of this test; our own process is not one of them."""
    mark, found = os.environ[MARK], list[psutil.Process]()
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            is_ours = process.pid != os.getpid() and process.environ().get(MARK) == mark
            if is_ours and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def end_marked() -> None:
    """Kill what a test has left on purpose, and wait for its end."""
    end = time.monotonic() + 5
    while (left := marked()) and time.monotonic() < end:
        for process in left:
            with suppress(psutil.Error):
                process.kill()


@contextmanager
def nothing_left(monkeypatch: pytest.MonkeyPatch) -> Generator[None, None, None]:
    """Fail when the body leaves a process alive or unreaped."""
    monkeypatch.setenv(MARK, uuid.uuid4().hex)
    yield
    left = [f"{process.pid} {process.cmdline()}" for process in marked()]
    end_marked()
    assert not left, "the test left processes alive"
    zombies = [process.pid for process in psutil.Process().children()]
    assert not zombies, "the test left children unreaped"
