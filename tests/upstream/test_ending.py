from __future__ import annotations

import signal
import sys
import time
from pathlib import Path

import pytest
import trio
from attrs import evolve
from trio.testing import wait_all_tasks_blocked

from llamaswap.upstream.ending import describe_exit
from llamaswap.upstream.supervision import Supervision
from tests.upstream.runs import Run, fake, python, running, stopped_by

if sys.platform == "win32":
    pytest.skip("signals and groups are those of POSIX", allow_module_level=True)
assert sys.platform != "win32"  # for the type checkers

TERM = "import os, sys; os.kill(int(sys.argv[1]), 15)"
HANG = "import time; time.sleep(60)"
KILL = "import os, sys; os.kill(int(sys.argv[1]), 9)"


@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        (0, "exited with status 0"),
        (255, "exited with status 255"),
        (-signal.SIGSEGV, "was ended by SIGSEGV"),
        (-40, "was ended by signal 40"),
        (None, "ended with an unknown status"),
    ],
)
def test_the_end_in_words(status: int | None, sentence: str) -> None:
    assert describe_exit(status) == sentence


async def test_the_stop_command_asks_instead_of_a_signal() -> None:
    async with running(fake("--slow-sigterm", "0.05"), None, stopped_by(TERM)) as run:
        await run.prints("up ready")

    assert run.text.endswith("ending\nended\n")
    assert "llama-swap" not in run.text


async def test_the_stop_command_has_the_environment_of_the_model() -> None:
    code = f"import os; assert os.environ['NAME'] == 'x'; {TERM}"
    spec = evolve(fake(), env=("NAME=x",))
    async with running(spec, None, stopped_by(code)) as run:
        await run.prints("up ready")

    assert "llama-swap" not in run.text


async def test_a_stop_command_that_fails_is_told_and_a_signal_sent() -> None:
    by = stopped_by("raise SystemExit(2)")
    async with running(fake("--slow-sigterm", "0"), None, by) as run:
        await run.prints("up ready")

    note = "[llama-swap] the stop command exited with status 2, asking by signal\n"
    assert run.text.endswith(note + "ending\nended\n")


async def test_a_stop_command_that_does_not_exist_is_told_and_a_signal_sent() -> None:
    by = Supervision(("no-such-stop", "${PID}"))
    async with running(fake("--slow-sigterm", "0"), None, by) as run:
        await run.prints("up ready")

    note = (
        "[llama-swap] the stop command could not be started, asking by signal: "
        "no-such-stop: No such file or directory\n"
    )
    assert run.text.endswith(note + "ending\nended\n")


async def test_a_stop_command_that_hangs_is_killed_with_the_model_after_the_grace() -> None:
    async with running(fake(), None, stopped_by(HANG, stop_within=0.2)) as run:
        await run.prints("up ready")
        began = time.monotonic()

    assert 0.2 <= time.monotonic() - began < 2
    note = "the stop command is killed: its time is over, or another one is in force"
    assert run.text.endswith(f"[llama-swap] {note}\n")


async def test_a_stop_command_may_clean_up_after_the_model_has_ended() -> None:
    code = f"{TERM}; import time; time.sleep(0.2); open(sys.argv[2], 'w').close()"
    async with running(fake(), None, stopped_by(code)) as run:
        await run.prints("up ready")
        began = time.monotonic()

    assert time.monotonic() - began >= 0.2


async def test_the_stop_command_is_not_run_for_a_model_that_has_exited() -> None:
    async with running(python("pass"), None, stopped_by("raise SystemExit(2)")) as run:
        await run.until(lambda: run.outcome is not None)

    assert run.text == ""


@pytest.mark.parametrize(
    ("first", "then"),
    [
        (Supervision(stop_within=60), Supervision(stop_within=0.1)),
        (stopped_by(f"{TERM}; {HANG}", 60), stopped_by(KILL, 60)),
        (Supervision(stop_within=60), stopped_by(KILL, 60)),
    ],
    ids=["grace", "command", "a command for a signal"],
)
async def test_what_is_put_in_force_while_a_model_stops_counts(
    first: Supervision, then: Supervision
) -> None:
    began = time.monotonic()
    async with (
        trio.open_nursery() as nursery,
        running(fake("--slow-sigterm", "60"), None, first) as run,
    ):
        await run.prints("up ready")
        nursery.start_soon(replace_when_it_ends, run, then)

    assert time.monotonic() - began < 20
    assert "ending\n" in run.text
    assert "ended\n" not in run.text


async def test_a_stop_command_under_way_is_not_run_again_for_what_does_not_concern_it(
    tmp_path: Path,
) -> None:
    times, go_on = tmp_path / "times", tmp_path / "go on"
    code = (
        f"import os, time; open({str(times)!r}, 'a').write('x'); {TERM}\n"
        f"while not os.path.exists({str(go_on)!r}): time.sleep(0.01)\n{KILL}"
    )
    first = stopped_by(code)

    async def change(run: Run) -> None:
        await run.prints("ending")
        run.in_force.replace(first)
        run.in_force.replace(evolve(first, ready_within=1, stop_within=20))
        await wait_all_tasks_blocked()
        go_on.touch()

    server = fake("--slow-sigterm", "60")
    async with trio.open_nursery() as nursery, running(server, None, first) as run:
        await run.prints("up ready")
        nursery.start_soon(change, run)

    assert times.read_text() == "x"
    assert "llama-swap" not in run.text


async def replace_when_it_ends(run: Run, supervision: Supervision) -> None:
    await run.prints("ending")
    run.in_force.replace(supervision)
