"""Runs one model server: start, wait until healthy, pump its output, end.

Knows no HTTP (it is given `HealthCheck`) and no model. The invariant: when
`run_upstream` is left, in whatever way, nothing of the process group lives, or
`on_stuck` has said that something does.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import TypeAlias

import trio
from attrs import frozen

from llamaswap.errors import StartError
from llamaswap.upstream.ending import (
    KILL_WITHIN,
    ask_to_end,
    describe_exit,
    describe_failure,
    sweep,
)
from llamaswap.upstream.output import Output
from llamaswap.upstream.ports import ensure_free
from llamaswap.upstream.readiness import HealthCheck, Nudge, Verdict, wait_ready
from llamaswap.upstream.spawn import Tree, environment_with, spawn
from llamaswap.upstream.supervision import InForce

PIPE_GRACE = 0.25
"""Seconds to keep reading output after the group is gone. The pipe's buffer (64 KiB)
is read in a millisecond and then ends, unless a descendant that left the group holds
it; the exit must not be reported late because of that one."""

WaitGone: TypeAlias = Callable[[], Awaitable[None]]
"""Returns when nothing lives any more of one run that was stuck."""


@frozen
class UpstreamSpec:
    """What it takes to run one model server: another one is another process."""

    argv: tuple[str, ...]
    """The program and its arguments; no shell."""

    env: tuple[str, ...] = ()
    """``NAME=value`` on top of our own environment; the last one wins."""

    address: tuple[str, int] | None = None
    """Loopback host and port that must be free before the start; ``None``: not looked at."""

    obstacle: str = ""
    """What makes it useless to run it, in a sentence; empty: nothing that is known."""


async def run_upstream(
    spec: UpstreamSpec,
    in_force: InForce,
    is_healthy: HealthCheck | None,
    on_output: Callable[[bytes], object],
    *,
    on_ready: Callable[[int], object],
    on_stuck: Callable[[str, WaitGone], object],
) -> str:
    """Run the process until it exits or this task is cancelled.

    Args:
      spec: what to run.
      in_force: how to look after it; another one counts at once.
      is_healthy: asked until it says yes, never again after that; ``None``: the
        process counts as ready once it is started.
      on_output: is handed what the process prints, as it comes, and notes of ours
        about its stop command. It must not raise and must not wait.
      on_ready: is told the process id after the first good health check.
      on_stuck: is told once, in a sentence, when the process or one of its group
        lives on `KILL_WITHIN` seconds after SIGKILL, and how to wait for its end.

    Returns:
      How it ended by itself after it was ready, like ``exited with status 3``.

    Raises:
      StartError: it could not be started, exited before it was ready, or was not
        ready in time. One plain exception; the text ends with the last output.

    Cancellation:
      Ends the whole group before ``Cancelled`` leaves this function: "cancelled"
      means "gone". The exception is what `on_stuck` was told of: a cancelled
      function cannot wait for it, and a shield would let a driver that hangs keep
      the program from leaving. Its place must stay occupied until whoever has
      cancelled has waited for its end.
    """
    environment = environment_with(spec.env)
    began = trio.current_time()
    tree = await _start(spec, environment)
    output = Output(on_output)
    verdict, status, allowed = Verdict.EXITED, None, 0.0
    async with trio.open_nursery() as nursery:
        # A server may write while it ends, so the pump outlives the cancellation;
        # its deadline comes in the `finally` below.
        pumping = trio.CancelScope(shield=True)
        nursery.start_soon(output.pump, tree.output, pumping)
        try:
            verdict = await _serve(tree, in_force, is_healthy, output.nudge, began, on_ready)
            allowed = in_force.supervision.ready_within
        finally:
            with trio.move_on_after(KILL_WITHIN, shield=True) as limit:
                await ask_to_end(tree, in_force, environment, output.note, limit)
                limit.deadline = trio.current_time() + KILL_WITHIN
                status = await sweep(tree)
            pumping.deadline = trio.current_time() + PIPE_GRACE
            if not tree.is_reaped:
                on_stuck(_complaint(tree), partial(_wait_gone, tree))
    if not tree.is_reaped:
        # Nobody has cancelled us, so there is time to wait for what does not want to go.
        status = await sweep(tree)

    if verdict is Verdict.READY:
        return describe_exit(status)
    if verdict is Verdict.EXITED:
        raise StartError(f"{describe_exit(status)} before it was ready{output.tail.quote()}")
    late = f"was still not healthy after {allowed:g} s"
    raise StartError(f"{late}{output.tail.quote()}")


async def _wait_gone(tree: Tree) -> None:
    # The run may have waited already, if it ended by itself.
    if not tree.is_reaped:
        await sweep(tree)


async def _start(spec: UpstreamSpec, environment: Mapping[str, str]) -> Tree:
    if not spec.argv:
        raise StartError("the command is empty")
    if spec.obstacle:
        raise StartError(spec.obstacle)
    if spec.address is not None:
        await ensure_free(spec.address)
    try:
        return await spawn(spec.argv, environment)
    except (OSError, ValueError) as exc:
        raise StartError(f"cannot run {spec.argv[0]}: {describe_failure(exc)}") from exc


async def _serve(
    tree: Tree,
    in_force: InForce,
    is_healthy: HealthCheck | None,
    nudge: Nudge,
    began: float,
    on_ready: Callable[[int], object],
) -> Verdict:
    """Return when the leader has exited, or has not become ready in time."""
    verdict = Verdict.READY
    if is_healthy is not None:
        verdict = await wait_ready(is_healthy, nudge, tree.wait_exit, began, in_force)
    if verdict is Verdict.READY:
        on_ready(tree.pid)
        await tree.wait_exit()
    return verdict


def _complaint(tree: Tree) -> str:
    living = tree.living() or 1
    those = "process" if living == 1 else "processes"
    return (
        f"{living} {those} of group {tree.pid} did not end within {KILL_WITHIN:g} s of SIGKILL; "
        "a driver may hang"
    )
