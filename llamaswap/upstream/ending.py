"""Ends a process tree: asks, waits, kills, and takes the status last.

Beside `process`, which says when, and whose shield has the deadlines. The one shield
here lets a stop command be killed that took too long, or was replaced. `sweep` is the last step of
every way out, and the only one that reaps.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping, Sequence

import trio

from llamaswap.upstream.spawn import Tree, spawn
from llamaswap.upstream.supervision import InForce

KILL_WITHIN = 5.0
"""Seconds from SIGKILL until a process counts as stuck. The kernel needs some
milliseconds, and seconds to give back a hundred gigabytes; longer than this only a
driver takes that hangs."""

FIRST_LOOK = 0.001
LAST_LOOK = 0.05
"""Seconds between two looks at a killed group, doubled each time: the members are
not our children, so nobody tells us of their end."""

Note = Callable[[str], object]
"""Takes a sentence about the stop for the model's log."""


async def ask_to_end(
    tree: Tree,
    in_force: InForce,
    environment: Mapping[str, str],
    note: Note,
    shield: trio.CancelScope,
) -> None:
    """Ask the tree to end and return at its leader's exit, or when the grace is over.

    Args:
      tree: what shall end; nothing happens if its leader has exited already.
      in_force: the command that asks, and the seconds for all of this. A command that
        outlives the leader has the rest of them to clean up, then it is killed. Another
        command is run, and another grace counts, as soon as it is in force.
      environment: of the command.
      note: is told what went wrong with it.
      shield: the caller's; its deadline is moved to where all of this must be over.
    """
    began = trio.current_time()

    async def ask_by(argv: tuple[str, ...]) -> None:
        with trio.CancelScope() as asking:

            def follow() -> None:
                asking.deadline = began + in_force.supervision.stop_within
                shield.deadline = asking.deadline + KILL_WITHIN
                # A command that is under way is let alone by what does not concern it.
                if in_force.supervision.stop_argv != argv:
                    asking.cancel()

            follow()
            with in_force.watched_by(follow):
                await _ask(tree, argv, environment, note)
                await tree.wait_exit()

    while not tree.has_exited() and trio.current_time() < began + in_force.supervision.stop_within:
        await ask_by(in_force.supervision.stop_argv)


async def _ask(
    tree: Tree, stop_argv: Sequence[str], environment: Mapping[str, str], note: Note
) -> None:
    """Run the command; without one, or if it fails, send SIGTERM to the group."""
    argv = [word.replace("${PID}", str(tree.pid)) for word in stop_argv]
    if not argv or not await _run_stop_command(argv, environment, note):
        tree.ask()


async def sweep(tree: Tree) -> int | None:
    """Kill what is left of the tree, wait until it is gone, and reap its leader.

    Returns:
      The leader's exit status; see `Tree.reap`.

    Cancellation:
      Leaves the leader unreaped; call it again.
    """
    tree.kill()
    await tree.wait_exit()
    pause = FIRST_LOOK
    while tree.living():
        # Again, because a member may have forked while the others were killed.
        tree.kill()
        await trio.sleep(pause)
        pause = min(2 * pause, LAST_LOOK)
    return tree.reap()


def describe_exit(status: int | None) -> str:
    """Say how a process ended, to follow its name."""
    if status is None:
        return "ended with an unknown status"
    if status >= 0:
        return f"exited with status {status}"
    try:
        return f"was ended by {signal.Signals(-status).name}"
    except ValueError:
        return f"was ended by signal {-status}"


async def _run_stop_command(
    argv: Sequence[str], environment: Mapping[str, str], note: Note
) -> bool:
    """Run it to its end and tell whether it succeeded; killed when cancelled."""
    try:
        command = await spawn(argv, environment, piped=False)
    except (OSError, ValueError) as exc:
        why = f"{argv[0]}: {describe_failure(exc)}"
        note(f"the stop command could not be started, asking by signal: {why}")
        return False
    status = None
    try:
        await command.wait_exit()
    finally:
        if not command.has_exited():
            note("the stop command is killed: its time is over, or another one is in force")
        with trio.move_on_after(KILL_WITHIN, shield=True):
            status = await sweep(command)
    if status:
        note(f"the stop command {describe_exit(status)}, asking by signal")
    return status == 0


def describe_failure(exc: OSError | ValueError) -> str:
    """Return the system's words for why a program cannot be run."""
    return (exc.strerror if isinstance(exc, OSError) else None) or str(exc)
