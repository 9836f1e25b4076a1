"""Which files are read, in which order, and what is told of those that cannot be."""

import hashlib
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from llamaswap.config import files
from llamaswap.config.document import Report
from llamaswap.config.files import Source


def _gathered(*given: object, folder: Path | None = None) -> tuple[list[str], list[str]]:
    """Return the names of what can be read, without folders, and what is told."""
    report = Report()
    source: Any = given[0] if len(given) == 1 else given or None
    found = files.gather(source, folder, report)
    names = [Path(each.name).name for each in found if each.obstacle is None]
    return names, [str(fault) for fault in report.faults]


def test_files_come_first_then_the_folder_in_the_order_of_bytes(tmp_path: Path) -> None:
    folder = tmp_path / "d"
    for name in ("sub.yaml", "d2/x.yaml", "sub/x.yaml"):
        (folder / name).mkdir(parents=True)
    for name in ("b.yaml", "B.yml", "a.yaml", ".tmp.yaml", "ü.yaml", "c.YAML", "d.yaml.bak"):
        (folder / name).write_text("")
    (folder / "link.yaml").symlink_to("a.yaml")
    (tmp_path / "z.yaml").write_text("")
    (tmp_path / "y.yaml").write_text("")
    listed = [".tmp.yaml", "B.yml", "a.yaml", "b.yaml", "link.yaml", "ü.yaml"]

    assert _gathered(folder=folder) == (listed, [])
    assert _gathered(tmp_path / "z.yaml", folder=folder) == (["z.yaml", *listed], [])
    assert _gathered(tmp_path / "z.yaml", tmp_path / "y.yaml") == (["z.yaml", "y.yaml"], [])
    assert _gathered("a: 1", folder=folder) == (["<text>", *listed], [])


def test_an_empty_folder_adds_nothing_but_is_nothing_by_itself(tmp_path: Path) -> None:
    file, folder = tmp_path / "c.yaml", tmp_path / "d"
    file.write_text("")
    folder.mkdir()

    assert _gathered(file, folder=folder) == (["c.yaml"], [])
    none = "there are no configuration sources"
    assert _gathered(folder=folder) == (
        [],
        [f"{folder}: {none}: no *.yml or *.yaml file is in this folder"],
    )


def test_nothing_at_all_is_told() -> None:
    assert _gathered() == (
        [],
        ["there is no configuration: give at least one of a file and a folder"],
    )


def test_a_file_that_is_also_in_the_folder_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.yaml").write_text("")
    monkeypatch.chdir(tmp_path)

    file = tmp_path / "a.yaml"
    assert _gathered(Path("x/../a.yaml"), folder=tmp_path)[1] != []
    assert _gathered(Path("a.yaml"), folder=tmp_path) == (
        ["a.yaml"],
        [f"{file}: this file is also present in the folder {tmp_path}: give it once"],
    )


def test_everything_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "broken.yaml").symlink_to("nowhere")
    (tmp_path / "folder.yaml").symlink_to(tmp_path)
    (tmp_path / "good.yaml").write_text("")
    read = "the file cannot be read"

    assert _gathered(tmp_path / "none", folder=tmp_path) == (
        ["good.yaml"],
        [
            f"{tmp_path / 'none'}: {read}: No such file or directory",
            f"{tmp_path / 'broken.yaml'}: {read}: No such file or directory",
            f"{tmp_path / 'folder.yaml'}: {read}: Is a directory",
        ],
    )
    assert _gathered(folder=tmp_path / "none") == (
        [],
        [f"{tmp_path / 'none'}: the folder cannot be read: No such file or directory"],
    )


def test_a_file_that_is_being_edited_is_not_taken_for_one_more(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("")
    (tmp_path / ".#a.yaml").symlink_to("somebody@home.1234:1700000000")
    (tmp_path / ".#b.yaml").symlink_to("a.yaml")

    assert _gathered(folder=tmp_path) == ([".#b.yaml", "a.yaml"], [])


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX's")
def test_nobody_waits_for_a_pipe_that_lies_in_a_folder(tmp_path: Path) -> None:
    if sys.platform != "win32":
        os.mkfifo(tmp_path / "a.yaml")
    told = f"{tmp_path / 'a.yaml'}: the file cannot be read: it is a pipe"

    assert _gathered(folder=tmp_path) == ([], [told])


def test_file_and_folder_that_are_mixed_up_are_told(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("")

    _, (told,) = _gathered(tmp_path)
    assert told.endswith("; give a folder with -config-dir")
    _, (told,) = _gathered(folder=file)
    assert told.endswith("; give a file with -config")


def test_paths_that_no_system_takes_are_told() -> None:
    _, (told,) = _gathered(Path("a\0b"))
    assert "the file cannot be read: " in told

    _, (told,) = _gathered(folder=Path("a\0b"))
    assert "the folder cannot be read: " in told


def test_a_digest_is_what_sha256sum_prints() -> None:
    one, two = Source("a", b"x"), Source("b", b"y")
    lines = "".join(f"{hashlib.sha256(s.raw).hexdigest()}  {s.name}\n" for s in (one, two))

    assert files.digest_of([one]) == hashlib.sha256(b"x").hexdigest()
    assert files.digest_of([one, two]) == hashlib.sha256(lines.encode()).hexdigest()


def test_what_is_told_of_files_has_parts(tmp_path: Path) -> None:
    report = Report()
    (tmp_path / "a.yaml").touch()
    (tmp_path / "b").mkdir()

    files.gather(None, None, report)
    files.gather((tmp_path / "a.yaml", tmp_path / "c"), tmp_path, report)
    files.gather(None, tmp_path / "b" / "c", report)
    files.gather(None, tmp_path / "b", empty := Report())

    assert [(f.found, f.expected, f.suggestion) for f in (*report.faults, *empty.faults)] == [
        ("neither", "a file and a folder", ""),
        (str(tmp_path), "each file once", "give it once"),
        ("No such file or directory", "a file that can be read", ""),
        ("No such file or directory", "a folder that can be read", ""),
        ("none", "*.yml or *.yaml file", ""),
    ]
