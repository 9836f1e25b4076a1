from __future__ import annotations

import os
import signal
import sys

import psutil
import pytest
import trio

from llamaswap.upstream import spawn as spawn_module
from llamaswap.upstream.ending import sweep
from llamaswap.upstream.spawn import environment_with, kill_all, spawn
from tests.upstream.runs import fake, python, running, stopped_by

if sys.platform == "win32":
    pytest.skip("signals and groups are those of POSIX", allow_module_level=True)
assert sys.platform != "win32"  # for the type checkers

WAITS = (sys.executable, "-S", "-c", "import time; time.sleep(60)")


def test_the_last_of_equal_names_wins_over_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OURS", "1")

    merged = environment_with(("OURS=2", "MINE=a=b", "MINE=", "EMPTY"))

    assert (merged["OURS"], merged["MINE"], merged["EMPTY"]) == ("2", "", "")
    assert merged["PATH"] == os.environ["PATH"]
    assert os.environ["OURS"] == "1"


def fail(*_: object) -> None:
    raise AssertionError("a signal was sent")


async def test_a_tree_is_asked_killed_and_reaped() -> None:
    with trio.fail_after(5):
        tree = await spawn(WAITS, environment_with(()), piped=False)
        assert tree.output is None
        assert os.getpgid(tree.pid) == os.getsid(tree.pid) == tree.pid
        assert (tree.has_exited(), tree.living(), tree.is_reaped) == (False, 1, False)

        tree.ask()
        await tree.wait_exit()
        assert (tree.has_exited(), tree.living(), tree.is_reaped) == (True, 0, False)
        assert tree.reap() == -signal.SIGTERM

    assert tree.is_reaped


async def test_no_signal_is_sent_after_the_reaping(monkeypatch: pytest.MonkeyPatch) -> None:
    with trio.fail_after(5):
        tree = await spawn(WAITS, environment_with(()), piped=False)
        await sweep(tree)

    monkeypatch.setattr(os, "killpg", fail)
    tree.ask()
    tree.kill()
    kill_all()
    assert tree.living() == 0


async def test_no_signal_is_sent_to_what_somebody_else_has_reaped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with trio.fail_after(5):
        tree = await spawn(WAITS, environment_with(()), piped=False)
        tree.kill()
        await trio.to_thread.run_sync(os.waitpid, tree.pid, 0)
        await tree.wait_exit()
        monkeypatch.setattr(os, "killpg", fail)

        assert await sweep(tree) is None


async def test_kill_all_ends_models_with_their_groups_and_stop_commands() -> None:
    spec, by = fake("--ignore-sigterm"), stopped_by("import time; time.sleep(60)")
    with trio.fail_after(20):
        async with running(fake("--grandchild")) as model, trio.open_nursery() as nursery:

            async def be_stopped() -> None:
                async with running(spec, None, by) as other:
                    await other.prints("up")

            nursery.start_soon(be_stopped)
            await model.prints("grandchild ")
            while len(spawn_module._live) < 3:
                await trio.lowlevel.checkpoint()

            kill_all()
            await model.until(lambda: model.outcome is not None)

    assert model.outcome == "was ended by SIGKILL"


async def test_a_group_that_is_gone_can_be_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError

    with trio.fail_after(5):
        tree = await spawn(python("pass").argv, environment_with(()), piped=False)
        await tree.wait_exit()
        monkeypatch.setattr(os, "killpg", refuse)
        assert await sweep(tree) == 0


async def test_a_process_that_ends_while_the_table_is_read_is_no_member(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with trio.fail_after(5):
        tree = await spawn(WAITS, environment_with(()), piped=False)
        monkeypatch.setattr(psutil, "pids", lambda: [tree.pid, 2**22 + 1])
        assert tree.living() == 1
        await sweep(tree)


async def test_what_cannot_be_run_raises_and_is_not_kept() -> None:
    with pytest.raises(FileNotFoundError), trio.fail_after(5):
        await spawn(("no-such-program",), environment_with(()))
    with pytest.raises(ValueError, match="null byte"), trio.fail_after(5):
        await spawn(("a\0",), environment_with(()), piped=False)
    kill_all()


async def test_a_group_is_killed_again_until_nothing_of_it_lives() -> None:
    # The leader is gone at once; the member it leaves behind would outlive it.
    code = "import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'input()'], stdin=-1)"
    with trio.fail_after(10):
        tree = await spawn((sys.executable, "-c", code), environment_with(()), piped=False)
        await tree.wait_exit()
        assert await sweep(tree) == 0
