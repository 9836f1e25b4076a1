"""The activity that is kept on disk, read as a trace."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

import pytest

from llamaswap.observe.store import Activity, StoreError, read_activity

SCHEMA = """
CREATE TABLE activity (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    ts_created INTEGER NOT NULL,
    model_id TEXT NOT NULL,
    req_path TEXT NOT NULL DEFAULT '',
    resp_content_type TEXT NOT NULL DEFAULT '',
    resp_status_code INTEGER NOT NULL DEFAULT 0,
    cache_tokens INTEGER NOT NULL DEFAULT 0,
    draft_tokens INTEGER NOT NULL DEFAULT 0,
    draft_acc_tokens INTEGER NOT NULL DEFAULT 0,
    input_tokens INTEGER NOT NULL DEFAULT 0,
    output_tokens INTEGER NOT NULL DEFAULT 0,
    prompt_per_second REAL NOT NULL DEFAULT 0,
    tokens_per_second REAL NOT NULL DEFAULT 0,
    duration_ms INTEGER NOT NULL DEFAULT 0,
    error_msg TEXT NOT NULL DEFAULT '',
    metadata_json TEXT NOT NULL DEFAULT ''
)
"""
INSERT = """
INSERT INTO activity (ts_created, model_id, resp_status_code, duration_ms,
    input_tokens, prompt_per_second, output_tokens, tokens_per_second)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)
"""


def opened(path: Path, rows: Iterable[tuple[object, ...]]) -> sqlite3.Connection:
    """Make a store, and keep it open as a running instance does."""
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(SCHEMA)
    connection.executemany(INSERT, rows)
    connection.commit()
    return connection


def row(
    end: int,
    milliseconds: int,
    *,
    model: str = "a",
    status: int = 200,
    prompt: tuple[int, float] = (0, 0),
    generated: tuple[int, float] = (0, 0),
) -> tuple[object, ...]:
    return (end, model, status, milliseconds, *prompt, *generated)


def test_requests_come_in_the_order_of_their_begin(tmp_path: Path) -> None:
    path = tmp_path / "activity.db"
    opened(path, [row(100, 1500), row(101, 60_000, model="b"), row(102, 0)]).close()

    assert list(read_activity(path)) == [
        Activity(41.0, "b", 60.0),
        Activity(98.5, "a", 1.5),
        Activity(102.0, "a", 0.0),
    ]


@pytest.mark.parametrize(
    ("kept", "worked"),
    [
        # 100 tokens at 50 a second, and 30 at 10.
        (row(100, 60_000, prompt=(100, 50.0), generated=(30, 10.0)), 5.0),
        (row(100, 60_000, prompt=(100, -1.0), generated=(30, 10.0)), 3.0),
        (row(100, 60_000, prompt=(-1, 50.0), generated=(30, 0.0)), 60.0),
        # More work than time is a mistake of the speeds.
        (row(100, 2_000, generated=(30, 10.0)), 2.0),
        (row(100, 60_000, status=502), None),
        (row(100, 10, status=429, generated=(30, 10.0)), None),
    ],
)
def test_the_work_is_told_from_the_wait(
    tmp_path: Path, kept: tuple[object, ...], worked: float | None
) -> None:
    path = tmp_path / "activity.db"
    opened(path, [kept]).close()

    assert [activity.worked for activity in read_activity(path)] == [worked]


def test_a_store_in_use_is_read_without_holding_anybody_up(tmp_path: Path) -> None:
    path = tmp_path / "activity.db"
    with closing(opened(path, [row(100, 1000)])) as writer:
        writer.execute(INSERT, row(101, 1000))  # and not committed yet
        reading = read_activity(path)

        assert next(reading) == Activity(99.0, "a", 1.0)
        writer.commit()
        assert list(reading) == []
    assert len(list(read_activity(path))) == 2


def test_to_look_leaves_no_traces(tmp_path: Path) -> None:
    path = tmp_path / "a store?#.db"
    opened(path, [row(100, 1000)]).close()
    before = path.read_bytes()

    assert len(list(read_activity(path))) == 1
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    assert path.read_bytes() == before


def test_what_is_no_store_is_told(tmp_path: Path) -> None:
    text, other = tmp_path / "text", tmp_path / "other.db"
    text.write_text("models: {}\n" * 100)
    with closing(sqlite3.connect(other)) as connection:
        connection.execute("CREATE TABLE t (x)")

    with pytest.raises(StoreError, match=r"no such file|is no file: expected an activity store"):
        list(read_activity(tmp_path / "missing.db"))
    with pytest.raises(StoreError, match="text cannot be read as an activity store: file is not"):
        list(read_activity(text))
    with pytest.raises(StoreError, match="no such table: activity"):
        list(read_activity(other))
