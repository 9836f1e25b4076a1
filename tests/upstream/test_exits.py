from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Generator
from typing import NoReturn

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

if sys.platform == "win32":
    pytest.skip("signals and groups are those of POSIX", allow_module_level=True)
else:
    from llamaswap.upstream.exits import is_zombie, open_watch

assert sys.platform != "win32"  # for the type checkers

WAITS_FOR_INPUT = (sys.executable, "-S", "-c", "input()")


@pytest.fixture(params=["pidfd", "thread"])
def child(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Generator[subprocess.Popen[bytes], None, None]:
    """Start a child that exits with its input, on a system with or without pidfds."""

    def refuse(_: int) -> NoReturn:
        raise OSError(38, "Function not implemented")

    if request.param == "thread":
        monkeypatch.setattr(os, "pidfd_open", refuse)
    with subprocess.Popen(WAITS_FOR_INPUT, stdin=subprocess.PIPE) as process:
        yield process


def let_exit(child: subprocess.Popen[bytes]) -> None:
    assert child.stdin is not None
    child.stdin.write(b"\n")
    child.stdin.flush()


async def test_an_exit_is_seen_and_the_child_stays_a_zombie(
    child: subprocess.Popen[bytes],
) -> None:
    watch = open_watch(child.pid)
    assert not watch.has_exited()
    assert not is_zombie(child.pid)
    with trio.move_on_after(0.05) as scope:
        await watch.wait()
    assert scope.cancelled_caught

    let_exit(child)
    with trio.fail_after(5):
        await watch.wait()
        await watch.wait()

    assert watch.has_exited()
    assert is_zombie(child.pid)
    assert not watch.is_lost
    watch.close()
    watch.close()
    assert child.wait() == 0


async def test_a_child_that_somebody_else_has_reaped_has_exited(
    child: subprocess.Popen[bytes],
) -> None:
    watch = open_watch(child.pid)
    let_exit(child)
    child.wait()

    with trio.fail_after(5):
        await watch.wait()
    assert watch.has_exited()
    assert watch.is_lost
    assert is_zombie(child.pid)
    watch.close()


async def test_a_child_that_is_reaped_while_the_thread_waits_has_exited(
    child: subprocess.Popen[bytes],
) -> None:
    watch = open_watch(child.pid)
    with trio.fail_after(5):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(watch.wait)
            await wait_all_tasks_blocked()
            let_exit(child)
            await trio.to_thread.run_sync(child.wait)

    assert watch.has_exited()
    watch.close()
