"""Sees that a child has exited, and leaves it unreaped (POSIX).

Below `spawn`, which owns the child. Whoever reaps a child gives its pid and its
group id back to the system, so nothing here may reap: no ``waitpid``, no
``Process.returncode``. Windows needs none of this: there
a handle keeps the pid.
"""

from __future__ import annotations

import math
import os
import sys
from functools import partial

import psutil
import trio
from attrs import define

assert sys.platform != "win32", "a handle keeps the pid there"


def is_zombie(pid: int) -> bool:
    """Tell whether nothing is left of a process but its exit status."""
    try:
        status = psutil.Process(pid).status()
    except psutil.Error:
        return True
    return status in {psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD}


@define(eq=False)
class ExitWatch:
    """Watches one child of ours from its start until it is reaped; see `open_watch`."""

    pid: int
    _pidfd: int | None = None

    is_lost: bool = False
    """Somebody else has reaped the child (an embedding program that waits for
    every child, or an ignored SIGCHLD): its pid may be another's by now."""

    def has_exited(self) -> bool:
        """Look, without waiting and without reaping."""
        if not self.is_lost:
            try:
                return _is_waitable(self.pid, self._pidfd)
            except ChildProcessError:
                self.is_lost = True
        return True

    async def wait(self) -> None:
        """Wait for the exit. One task at a time; may be cancelled and called again."""
        while not self.has_exited():
            if self._pidfd is not None:
                await trio.lowlevel.wait_readable(self._pidfd)
            else:
                await _wait_without_pidfd(self.pid)

    def close(self) -> None:
        """Give the descriptor back; nobody may be waiting."""
        if self._pidfd is not None:
            os.close(self._pidfd)
            self._pidfd = None


def open_watch(pid: int) -> ExitWatch:
    """Watch ``pid``, a child that nobody has reaped; `ExitWatch.close` ends it."""
    return ExitWatch(pid, _open_pidfd(pid))


if sys.platform == "linux":

    def _open_pidfd(pid: int) -> int | None:
        try:
            return os.pidfd_open(pid)
        except OSError:
            # Linux before 5.3, sandboxes that do not know the call, and no
            # descriptors left: a child must not be lost over any of them.
            return None

else:  # pragma: no cover - not on Linux

    def _open_pidfd(_: int) -> int | None:
        return None


if sys.platform == "darwin":  # pragma: no cover - macOS only
    import select

    # os.waitid came to macOS with Python 3.13; until then the state is asked for.
    def _is_waitable(pid: int, _: int | None) -> bool:
        return is_zombie(pid)

    async def _wait_without_pidfd(pid: int) -> None:
        kqueue = trio.lowlevel.current_kqueue()

        def change(flags: int) -> None:
            event = select.kevent(pid, select.KQ_FILTER_PROC, flags, select.KQ_NOTE_EXIT)
            kqueue.control([event], 0)

        def abort(_: object) -> trio.lowlevel.Abort:
            change(select.KQ_EV_DELETE)
            return trio.lowlevel.Abort.SUCCEEDED

        try:
            change(select.KQ_EV_ADD | select.KQ_EV_ONESHOT)
        except ProcessLookupError:
            # On its way out: no event can be had any more, and for a moment
            # the child is no zombie yet either. The caller looks again.
            await trio.sleep(0.001)
        else:
            await trio.lowlevel.wait_kevent(pid, select.KQ_FILTER_PROC, abort)

else:
    # One thread per living process whose system has no pidfd; the number of
    # processes bounds it, and the shared limiter of 40 must not be used up.
    _waiters = trio.CapacityLimiter(math.inf)

    def _is_waitable(pid: int, pidfd: int | None) -> bool:
        kind, number = (os.P_PID, pid) if pidfd is None else (os.P_PIDFD, pidfd)
        return os.waitid(kind, number, os.WEXITED | os.WNOWAIT | os.WNOHANG) is not None

    async def _wait_without_pidfd(pid: int) -> None:
        # A cancelled wait leaves its thread behind until the child exits.
        wait = partial(_wait_in_thread, pid)
        await trio.to_thread.run_sync(wait, abandon_on_cancel=True, limiter=_waiters)

    def _wait_in_thread(pid: int) -> None:
        try:
            os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        except ChildProcessError:
            return  # reaped by somebody else; `has_exited` finds out
