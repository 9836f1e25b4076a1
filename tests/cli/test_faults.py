"""How faults are told, on a terminal and elsewhere."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from llamaswap.cli.faults import fault_values, say_faults
from llamaswap.errors import Fault


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def told(fault: Fault, stream: io.StringIO | None = None, kind: str = "") -> str:
    stream = stream or Terminal()
    say_faults([fault], kind, stream)
    return stream.getvalue()


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "a.yaml"
    path.write_bytes("\ufeffmodels:\n\ta: 'ö'  # x\n\n".encode() + b"b: \x1b[31m\n" + b"y" * 201)
    return str(path)


def test_a_terminal_sees_the_line_and_a_caret(file: str) -> None:
    assert told(Fault("models.a", "no", file, 1, 3)) == (
        f"{file}:1:3: models.a: no\n    1 | models:\n      |   ^\n"
    )


def test_the_caret_stands_behind_tabs_too(file: str) -> None:
    assert told(Fault("models.a", "no", file, 2, 5)).splitlines()[1:] == [
        "    2 | \ta: 'ö'  # x",
        "      | \t   ^",
    ]


def test_no_terminal_sees_one_line_per_fault(file: str) -> None:
    fault = Fault("models.a", "no", file, 1, 3)

    assert told(fault, io.StringIO(), "warning") == f"warning: {file}:1:3: models.a: no\n"


@pytest.mark.parametrize("line", [0, 3, 4, 5, 6, 99])
def test_a_line_that_shows_nothing_is_left_out(file: str, line: int) -> None:
    # Unknown, empty, with control characters, too long, and not there.
    assert len(told(Fault("a", "no", file, line, 1)).splitlines()) == 1


def test_a_line_is_shown_without_its_secret_and_the_caret_moves(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("{apiKey: sk-12345678, models: x}\napiKeys:\n  - 'sk-1' sk-2\n")

    assert told(Fault("models", "no", str(path), 1, 23)).splitlines()[1:] == [
        "    1 | {apiKey: ***",
        "      |          ^",
    ]
    assert told(Fault("", "no", str(path), 3, 12)).splitlines()[1:] == [
        "    3 |   ***",
        "      |   ^",
    ]


def test_the_caret_stands_below_its_character_on_a_terminal(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("日本: e\u0301 x\n", "utf-8")

    assert told(Fault("", "no", str(path), 1, 8)).splitlines()[2] == "      | " + " " * 8 + "^"


def test_lines_are_counted_as_in_an_editor(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes("# a\u2028b\x85c\r\nx: 1\ry: 2\n".encode())

    assert "3 | y: 2\n" in told(Fault("y", "no", str(path), 3, 1))


def test_a_file_that_is_gone_or_no_text_shows_no_line(tmp_path: Path) -> None:
    (tmp_path / "b").write_bytes(b"\xff\xfe")

    assert len(told(Fault("a", "no", str(tmp_path / "b"), 1, 1)).splitlines()) == 1
    assert len(told(Fault("a", "no", str(tmp_path / "c"), 1, 1)).splitlines()) == 1
    assert len(told(Fault("a", "no", "", 1, 1)).splitlines()) == 1


def test_faults_go_to_stderr_by_default(capsys: pytest.CaptureFixture[str]) -> None:
    say_faults([Fault("a", "no")], "")

    assert capsys.readouterr() == ("", "a: no\n")


def test_programs_get_the_parts_of_a_fault() -> None:
    assert fault_values(Fault("a", "no", "f", 1, 2)) == {
        "path": "a",
        "message": "no",
        "file": "f",
        "line": 1,
        "column": 2,
        "expected": "",
        "found": "",
        "suggestion": "",
    }
