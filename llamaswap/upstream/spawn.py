"""How this system starts, asks and kills a whole process tree.

The same functions on every system, so that no other file branches by platform:
a `Tree` is a process group in a session of its own (POSIX) or a Job Object
(Windows). It knows nothing of models and decides nothing. A tree is in `_live`
from its start until it is reaped, and no signal is sent to one that is not:
after the reaping its pid and its group id may be somebody else's.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress

import psutil
import trio
from attrs import define, field

_live: dict[int, Tree] = {}


def kill_all() -> None:
    """Kill every tree that is running, stop commands included, and wait for nothing.

    For a program that must leave now: it may be called at any moment in the
    thread of the event loop, and it is not held up by anybody's shield. A process
    that a worker thread is about to create is not in the table yet.
    """
    for tree in list(_live.values()):
        tree.kill()


def environment_with(entries: Iterable[str]) -> dict[str, str]:
    """Return our own environment with ``NAME=value`` entries on top; the last one wins."""
    merged = dict(os.environ)
    for entry in entries:
        name, _, value = entry.partition("=")
        # Windows has one variable for all spellings, and os.environ shows it so.
        merged[name.upper() if sys.platform == "win32" else name] = value
    return merged


async def spawn(argv: Sequence[str], environment: Mapping[str, str], *, piped: bool = True) -> Tree:
    """Start a program without a shell, as the leader of a tree of its own.

    Standard input is the null device. Standard output and error are one pipe, so
    that their order is kept.

    A worker thread creates the process, because a program on a slow disk may
    hold up the call. That makes 2.3 ms of 1.4 ms (medians, ``/bin/true``).

    Args:
      argv: the program and its arguments, not empty.
      environment: all of it.
      piped: whether the output is wanted; otherwise it goes to the null device.

    Raises:
      OSError: the program cannot be run.
      ValueError: a word or a variable that no system can hand over.

    Cancellation:
      Before the process is created, or not at all: once it exists, it is returned.
    """
    process = await _open(argv, environment, subprocess.PIPE if piped else subprocess.DEVNULL)
    tree = _hold(process)
    _live[tree.pid] = tree
    return tree


@define(eq=False)
class _Started:
    """What a tree is on every system: a leader that is reaped by `reap` and nobody else.

    Reading ``trio.Process.returncode`` reaps, and so do its ``poll()`` and
    ``wait()``. While the leader is a zombie nobody can be given its pid or its
    group id, and the rest of the group is still reached by it. So the only place
    that reads the status is `reap`, after everything else.
    """

    _process: trio.Process

    @property
    def pid(self) -> int:
        """The leader's process id, on POSIX also that of its group and session."""
        return self._process.pid

    @property
    def output(self) -> trio.abc.ReceiveStream | None:
        """Our end of the pipe; whoever reads it closes it."""
        return self._process.stdout

    @property
    def is_reaped(self) -> bool:
        """Whether `reap` has been called: the tree is gone and cannot be signalled."""
        return _live.get(self.pid) is not self

    def _take_status(self) -> int:
        status = self._process.returncode
        assert status is not None, "reaped before its exit"
        del _live[self.pid]
        return status


if sys.platform == "win32":
    from functools import cache

    from llamaswap.upstream.winjob import CREATE_SUSPENDED, Job, load_kernel, open_job

    _kernel = cache(load_kernel)

    async def _open(
        argv: Sequence[str], environment: Mapping[str, str], output: int
    ) -> trio.Process:
        return await trio.lowlevel.open_process(
            list(argv),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
            creationflags=subprocess.CREATE_NO_WINDOW | CREATE_SUSPENDED,
        )

    def _hold(process: trio.Process) -> Tree:
        """Put a suspended process into a job of its own, then let it run."""
        try:
            job = open_job(_kernel())
            try:
                job.assign(process.pid)
                psutil.Process(process.pid).resume()
            except (OSError, psutil.Error):
                job.close()
                raise
        except (OSError, psutil.Error) as exc:
            process.kill()
            raise OSError(f"no job for the process: {exc}") from exc
        return Tree(process, job)

    @define(eq=False)
    class Tree(_Started):
        """A Job Object with the program that was named and all it has started."""

        _job: Job
        _died: bool = field(default=False, init=False)

        def has_exited(self) -> bool:
            """Look whether the leader has ended; our handle keeps its pid."""
            return self._process.poll() is not None

        async def wait_exit(self) -> None:
            """Wait for the leader's end, whoever holds its pipe. One task at a time."""
            await self._process.wait()

        def ask(self) -> None:
            """End the tree: Windows has no polite way that reaches a whole one."""
            self.kill()

        def kill(self) -> None:
            """End every process of the tree."""
            if not self.is_reaped:
                with suppress(OSError):
                    self._job.terminate()

        def living(self) -> int:
            """Return how many processes of the tree have not ended."""
            return 0 if self.is_reaped else self._job.living()

        def reap(self) -> int | None:
            """Take the leader's exit status and forget the tree, once nothing lives."""
            status = self._take_status()
            self._job.close()
            return status

else:
    import signal

    from llamaswap.upstream.exits import ExitWatch, is_zombie, open_watch

    async def _open(
        argv: Sequence[str], environment: Mapping[str, str], output: int
    ) -> trio.Process:
        return await trio.lowlevel.open_process(
            list(argv),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,
        )

    def _hold(process: trio.Process) -> Tree:
        return Tree(process, open_watch(process.pid))

    def _is_member(pid: int, group: int) -> bool:
        try:
            return os.getpgid(pid) == group and not is_zombie(pid)
        except OSError:
            return False

    @define(eq=False)
    class Tree(_Started):
        """A process group that we started, led by the program that was named."""

        _watch: ExitWatch

        def has_exited(self) -> bool:
            """Look whether the leader has ended; it stays unreaped."""
            return self._watch.has_exited()

        async def wait_exit(self) -> None:
            """Wait for the leader's end, whoever holds its pipe. One task at a time."""
            await self._watch.wait()

        def ask(self) -> None:
            """Ask every process of the tree to end: SIGTERM."""
            self._signal(signal.SIGTERM)

        def kill(self) -> None:
            """End every process of the tree: SIGKILL."""
            self._signal(signal.SIGKILL)

        def living(self) -> int:
            """Return how many processes of the tree have not ended.

            Zombies do not count: in a container without an init nobody reaps
            the orphans. Reading the process table costs 3 us a process.
            """
            if self.is_reaped or self._watch.is_lost:
                return 0
            return sum(_is_member(pid, self.pid) for pid in psutil.pids())

        def reap(self) -> int | None:
            """Take the leader's exit status and forget the tree, once nothing lives.

            Returns:
              The status, negative for the signal that ended it; ``None`` when
              somebody else has taken it.
            """
            status = self._take_status()
            self._watch.close()
            return None if self._watch.is_lost else status

        def _signal(self, number: signal.Signals) -> None:
            if self.is_reaped or self._watch.is_lost:
                return
            # macOS refuses with EPERM where only zombies are left.
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, number)
