from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from functools import partial
from typing import Any

import pytest
import trio
from attrs import evolve

from llamaswap.errors import StartError
from llamaswap.upstream import process
from llamaswap.upstream.process import UpstreamSpec, run_upstream
from llamaswap.upstream.spawn import Tree
from llamaswap.upstream.supervision import InForce, Supervision
from tests.processes import end_marked, marked
from tests.upstream.runs import Run, error_of, fake, free_port, health, never, python, running

if sys.platform == "win32":
    pytest.skip("signals and groups are those of POSIX", allow_module_level=True)
assert sys.platform != "win32"  # for the type checkers

HANGS = "import time; print('up', flush=True); time.sleep(60)"


async def test_ready_is_reported_with_the_pid_after_the_first_good_health_check() -> None:
    port = free_port()
    async with running(fake("--load", "0.2", port=port), health(port)) as run:
        assert "up ready" in run.text or await health(port)()
        assert [process.pid for process in marked()] == [run.pid]

    assert run.outcome is None


async def test_without_a_health_check_it_is_ready_once_it_is_started() -> None:
    async with running(fake("--never-healthy")) as run:
        assert os.getsid(run.pid) == run.pid
        await run.prints("up")


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("raise SystemExit(0)", "exited with status 0"),
        ("raise SystemExit(3)", "exited with status 3"),
        ("import os; os.kill(os.getpid(), 9)", "was ended by SIGKILL"),
    ],
)
async def test_the_end_of_a_ready_process_is_returned_in_a_sentence(
    code: str, sentence: str
) -> None:
    async with running(python(code)) as run:
        await run.until(lambda: run.outcome is not None)

    assert run.outcome == sentence


@pytest.mark.parametrize(
    ("spec", "error"),
    [
        (UpstreamSpec(()), "StartError: the command is empty"),
        (UpstreamSpec(("/",), obstacle="there is no port 0"), "StartError: there is no port 0"),
        (
            UpstreamSpec(("no-such-program", "--port", "1")),
            "StartError: cannot run no-such-program: No such file or directory",
        ),
        (UpstreamSpec(("/",)), "StartError: cannot run /: Permission denied"),
        (UpstreamSpec(("a\0b",)), "StartError: cannot run a\0b: embedded null byte"),
        (
            python("print('no memory'); raise SystemExit(4)"),
            "StartError: exited with status 4 before it was ready; its last output:\nno memory",
        ),
        (
            python("import os; os.kill(os.getpid(), 11)"),
            "StartError: was ended by SIGSEGV before it was ready; it printed nothing",
        ),
    ],
)
async def test_a_start_fails_with_one_plain_exception_that_says_why(
    spec: UpstreamSpec, error: str
) -> None:
    assert await error_of(partial(Run().run, spec, never)) == error


async def test_other_settings_count_for_a_process_that_runs() -> None:
    run = Run()
    with trio.fail_after(20):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(error_of, partial(run.run, fake("--ignore-sigterm"), never))
            await run.prints("up")
            run.in_force.replace(Supervision(ready_within=0, stop_within=0.2))

    assert run.text.startswith("up\n")


async def test_who_starts_it_in_a_nursery_gets_that_exception_too() -> None:
    async with trio.open_nursery() as nursery:
        start = partial(nursery.start, Run().run, python("raise SystemExit(4)"), never)
        assert (await error_of(start)).startswith("StartError: exited with status 4 before")


@pytest.mark.parametrize("failure", ["--hang", "--refuse-port", "--never-healthy"])
@pytest.mark.slow
async def test_a_server_that_is_not_healthy_in_time_is_ended(failure: str) -> None:
    port = free_port()
    run = Run(InForce(Supervision(ready_within=0.4)))

    assert await error_of(partial(run.run, fake(failure, port=port), health(port))) == (
        "StartError: was still not healthy after 0.4 s; its last output:\nup"
    )


@pytest.mark.slow
async def test_the_exit_ends_a_start_at_once_while_a_probe_hangs() -> None:
    port = free_port()
    spec = fake("--hang", "--exit", "9", "--after", "0.3", "--load", "60", port=port)
    began = time.monotonic()

    error = await error_of(partial(Run().run, spec, health(port)))

    assert error.startswith("StartError: exited with status 9 before it was ready")
    assert time.monotonic() - began < 2


async def test_a_cancellation_ends_a_start_at_once_while_a_probe_hangs() -> None:
    run, probing = Run(), trio.Event()

    async def hang() -> bool:
        probing.set()
        await trio.sleep_forever()
        return True

    with trio.fail_after(5):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(run.run, python(HANGS), hang)
            await probing.wait()
            await run.prints("up")
            nursery.cancel_scope.cancel()
        assert not marked()


async def test_a_taken_port_is_told_before_anything_is_started() -> None:
    async with running(fake()) as other:
        await other.prints("listening on ")
        port = other.word_after("listening on ")
        spec = evolve(fake(port=port), address=("localhost", port))
        error = await error_of(partial(Run().run, spec, never))
        assert len(marked()) == 1

    assert error.startswith(f"StartError: port {port} on localhost is taken by ")
    assert f"(pid {other.pid})" in error


async def test_a_model_can_be_started_again_on_its_port_at_once() -> None:
    port = free_port()
    spec = evolve(fake(port=port), address=("127.0.0.1", port))
    for _ in range(3):
        async with running(spec, health(port)):
            pass


async def test_cancelling_asks_the_server_and_reads_what_it_writes_while_it_ends() -> None:
    async with running(fake("--slow-sigterm", "0.2")) as run:
        await run.prints("up ready")

    assert run.text.endswith("ending\nended\n")


async def test_a_server_that_ignores_sigterm_is_killed_after_the_grace() -> None:
    async with running(fake("--ignore-sigterm"), None, Supervision(stop_within=0.2)) as run:
        await run.prints("up")
        began = time.monotonic()

    assert 0.2 <= time.monotonic() - began < 2
    assert run.stuck == []


async def test_a_grandchild_that_holds_the_pipe_ends_with_the_group() -> None:
    async with running(fake("--grandchild")) as run:
        await run.prints("grandchild ")
        assert len(marked()) == 2
        began = time.monotonic()

    assert time.monotonic() - began < 2


async def test_what_is_left_of_the_group_is_swept_when_the_leader_exits() -> None:
    async with running(fake("--grandchild")) as run:
        await run.prints("grandchild ")
        os.kill(run.pid, signal.SIGKILL)
        await run.until(lambda: run.outcome is not None)
        assert not marked()

    assert run.outcome == "was ended by SIGKILL"


@pytest.mark.slow
async def test_a_descendant_in_another_session_delays_nothing() -> None:
    async with running(fake("--grandchild-session")) as run:
        await run.prints("grandchild ")
        os.kill(run.pid, signal.SIGKILL)
        began = time.monotonic()
        await run.until(lambda: run.outcome is not None)
        assert time.monotonic() - began < 1
        assert [process.pid for process in marked()] == [run.word_after("grandchild ")]
    end_marked()  # to be found and ended by a sweep of its own


async def test_a_flood_of_output_holds_nothing_up() -> None:
    port = free_port()
    async with running(fake("--flood", port=port), health(port)) as run:
        await run.until(lambda: len(run.text) > 1_000_000)


async def test_the_last_words_of_a_server_are_not_lost() -> None:
    async with running(python("print('x' * 60000 + 'end')")) as run:
        await run.until(lambda: run.outcome is not None)

    assert run.text.endswith("xend\n")


async def test_standard_input_is_empty_and_the_order_of_output_is_kept() -> None:
    code = "import os, sys; os.write(2, b'1'); os.write(1, b'2%d' % len(sys.stdin.read()))"
    async with running(python(code)) as run:
        await run.until(lambda: run.outcome is not None)

    assert run.text == "120"


async def test_the_environment_is_ours_with_the_last_of_equal_names(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OURS", "1")
    names = ("MINE=2", "MINE=3=4")
    code = "import os; print(os.environ['OURS'], os.environ['MINE'])"
    async with running(evolve(python(code), env=names)) as run:
        await run.until(lambda: run.outcome is not None)

    assert run.text == "1 3=4\n"


async def test_a_cancellation_during_the_spawn_does_not_lose_the_child(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scope, spawned = trio.CancelScope(), list[int]()

    class SlowPopen(subprocess.Popen[bytes]):
        def __init__(self, *args: Any, **options: Any) -> None:
            trio.from_thread.run_sync(scope.cancel)
            super().__init__(*args, **options)
            spawned.append(self.pid)

    monkeypatch.setattr(subprocess, "Popen", SlowPopen)
    with trio.fail_after(10), scope:
        await Run().run(python(HANGS), never)

    assert scope.cancelled_caught
    assert len(spawned) == 1
    assert not marked()


async def test_an_observer_that_raises_ends_the_run_and_leaves_nothing() -> None:
    def raise_it(_: bytes) -> None:
        raise ValueError("a bug")

    with trio.fail_after(10), pytest.raises(ExceptionGroup) as caught:
        await run_upstream(
            python(HANGS), InForce(Supervision()), None, raise_it, on_ready=print, on_stuck=print
        )

    assert caught.group_contains(ValueError, match="a bug")


@pytest.fixture
def survivors(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Make believe that as many processes live on as the list is long."""
    pretended, real = [1, 2], Tree.living

    def living(tree: Tree) -> int:
        return len(pretended) or real(tree)

    monkeypatch.setattr(Tree, "living", living)
    monkeypatch.setattr(process, "KILL_WITHIN", 0.1)
    return pretended


def complaint(pid: int) -> str:
    return f"2 processes of group {pid} did not end within 0.1 s of SIGKILL; a driver may hang"


async def test_what_survives_sigkill_is_told_once_and_waited_for(survivors: list[int]) -> None:
    async with running(python("print('gone')")) as run:
        await run.until(lambda: bool(run.stuck))
        assert run.outcome is None
        survivors.clear()
        await run.until(lambda: run.outcome is not None)

    assert run.stuck == [complaint(run.pid)]
    assert run.outcome == "exited with status 0"
    assert run.wait_gone is not None
    await run.wait_gone()


async def test_a_cancelled_run_that_is_stuck_can_be_waited_for(survivors: list[int]) -> None:
    gone = trio.Event()

    async def wait() -> None:
        assert run.wait_gone is not None
        await run.wait_gone()
        gone.set()

    async with running(python(HANGS)) as run:
        await run.prints("up")
    assert run.stuck == [complaint(run.pid)]

    with trio.fail_after(5):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(wait)
            with trio.move_on_after(0.1):
                await gone.wait()
            assert not gone.is_set()
            survivors.clear()
            await gone.wait()
        await wait()


async def test_one_process_that_is_stuck_is_told_as_one(
    survivors: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    survivors.pop()
    async with running(python("pass")) as run:
        await run.until(lambda: bool(run.stuck))
        survivors.clear()
        await run.until(lambda: run.outcome is not None)

    assert run.stuck[0].startswith(f"1 process of group {run.pid} did not end")


async def test_many_starts_and_stops_leave_neither_zombies_nor_descriptors() -> None:
    spec = UpstreamSpec((sys.executable, "-S", "-c", "pass"))
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - Path keeps its own descriptor
    for _ in range(10):
        async with running(spec) as run:
            await run.until(lambda: run.outcome is not None)

    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208 - as above


def test_start_errors_are_for_clients() -> None:
    assert (StartError.status_hint, StartError.code) == (502, "model_start_failed")
