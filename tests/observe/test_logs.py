"""The last lines of every source, and feeds that miss nothing."""

from __future__ import annotations

import logging

import pytest
import trio
import trio.testing

from llamaswap.observe.logs import COMBINED, PROXY, RING_BYTES, UPSTREAM, LogBook, run_log_keeping
from llamaswap.service import open_layer

logger = logging.getLogger("llamaswap.test")


def test_what_models_print_is_kept_per_model_and_together() -> None:
    book = LogBook()
    book.hear("a", b"one\n")
    book.hear("b", b"two\n")
    book.say("three")

    assert book.of_model("a").history == b"one\n"
    histories = {
        name: log.history for name in (PROXY, UPSTREAM, COMBINED) if (log := book.source(name))
    }
    assert histories == {PROXY: b"three\n", UPSTREAM: b"one\ntwo\n", COMBINED: b"three\n"}


def test_a_model_that_never_ran_has_an_empty_log() -> None:
    assert LogBook().of_model("a").history == b""


def test_other_sources_do_not_exist() -> None:
    assert LogBook().source("other") is None


def test_the_oldest_bytes_are_forgotten() -> None:
    log = LogBook().of_model("a")
    for number in range(30):
        log.write(b"%d" % (number % 10) * 10_000)

    assert len(log.history) <= RING_BYTES
    assert log.history.endswith(b"9" * 10_000)


def test_a_write_larger_than_the_ring_leaves_its_end() -> None:
    log = LogBook().of_model("a")
    log.write(b"x" * RING_BYTES + b"end")

    assert len(log.history) == RING_BYTES
    assert log.history.endswith(b"xend")


async def test_a_feed_goes_on_where_the_history_ends() -> None:
    log = LogBook().of_model("a")
    log.write(b"before")
    with log.follow() as (history, feed):
        log.write(b"after")

        assert history == b"before"
        assert (await feed.receive()).items == (b"after",)


async def test_records_of_this_package_become_lines_from_any_thread(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "llamaswap")
    lines: list[str] = []
    async with open_layer(run_log_keeping, lines.append, grace=1):
        logger.info("one")
        logger.warning("two %d", 2)
        await trio.to_thread.run_sync(logger.error, "three")
        await trio.testing.wait_all_tasks_blocked()
    logger.info("nobody keeps this")

    assert lines == ["[INFO] one", "[WARN] two 2", "[ERROR] three"]


async def test_a_record_is_the_same_line_to_all_who_keep_it(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.INFO, "llamaswap")
    told: list[int] = []

    class Counted:
        def __str__(self) -> str:
            told.append(1)
            return "so"

    kept: list[str] = []
    shown: list[str] = []
    # Nobody beside the two, who would write it for himself.
    monkeypatch.setattr(logging.getLogger("llamaswap"), "propagate", False)
    async with (
        open_layer(run_log_keeping, kept.append, grace=1),
        open_layer(run_log_keeping, shown.append, grace=1),
    ):
        logger.info("it was %s", Counted())

    assert kept == shown == ["[INFO] it was so"]
    assert told == [1]


async def test_a_fault_brings_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "llamaswap")
    lines: list[str] = []
    async with open_layer(run_log_keeping, lines.append, grace=1):
        try:
            int("why")
        except ValueError:
            logger.exception("it failed")

    (line,) = lines
    assert line.startswith("[ERROR] it failed\nTraceback (most recent call last):\n")
    assert line.endswith("\nValueError: invalid literal for int() with base 10: 'why'")
