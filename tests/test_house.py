"""The rules of the house that no other tool checks."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "llamaswap"
TESTS = ROOT / "tests"
ARCHITECTURE = ROOT / "docs" / "architecture.md"

MODULES = sorted(path.relative_to(ROOT).as_posix() for path in PACKAGE.rglob("*.py"))
TEST_FILES = sorted(path.relative_to(ROOT).as_posix() for path in TESTS.rglob("*.py"))

LONGEST_FILE = 400
"""Lines; a file beyond has two ideas."""

TESTED_ELSEWHERE = {
    "llamaswap/__main__.py": "tests/cli/test_main.py",
    "llamaswap/_version.py": "tests/cli/test_main.py",
    "llamaswap/cli/demo_server.py": "tests/cli/test_demo.py",
    "llamaswap/cli/signals.py": "tests/house/test_signals.py",
    "llamaswap/errors.py": "tests/config/test_load.py",
    "llamaswap/policy/messages.py": "tests/policy/test_scheduler.py",
}
"""Modules without a test file of their own: the way in, whose file is named
after its function; values without behaviour, which are seen in the tests of
those who use them; a program that runs only as a child of the demo; signals,
which only a real command receives."""

CLOCK = re.compile(r"autojump_clock|MockClock")
SLEEPS = {"trio.sleep", "time.sleep"}


@pytest.mark.parametrize("module", MODULES)
def test_a_module_has_one_idea_and_is_not_too_long(module: str) -> None:
    assert len((ROOT / module).read_text().splitlines()) <= LONGEST_FILE


@pytest.mark.parametrize("module", MODULES)
def test_a_module_begins_with_its_plate(module: str) -> None:
    plate = ast.get_docstring(ast.parse((ROOT / module).read_text()))

    assert plate
    assert plate.split("\n\n")[0].endswith((".", "?"))


@pytest.mark.parametrize("module", [m for m in MODULES if not m.endswith("/__init__.py")])
def test_a_module_has_its_test_file(module: str) -> None:
    room, _, name = module.removeprefix("llamaswap/").rpartition("/")
    mirrored = f"tests/{room}/test_{name}" if room else f"tests/test_{name}"

    assert TESTED_ELSEWHERE.get(module, mirrored) in TEST_FILES


def test_no_exception_outlives_its_reason() -> None:
    assert set(TESTED_ELSEWHERE) <= set(MODULES)


@pytest.mark.parametrize("test", [t for t in TEST_FILES if "/test_" in t])
def test_no_test_sleeps_in_real_time(test: str) -> None:
    text = (ROOT / test).read_text()
    # What a child process does, whose program is a text here, is its own affair.
    calls = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]
    sleeps = [call.lineno for call in calls if ast.unparse(call.func) in SLEEPS]

    assert not sleeps or CLOCK.search(text)


# The tree of the architecture page: `name   what it is`, two spaces a level.

TREE = re.compile(r"^```\w*\n(llamaswap/.*?)^```", re.MULTILINE | re.DOTALL)


def files_of(tree: str) -> list[str]:
    """Return the paths that a drawn tree shows, sorted; folders are not listed."""
    folders: list[str] = []
    files: list[str] = []
    for line in tree.splitlines():
        name = line.split()[0]
        level = (len(line) - len(line.lstrip(" "))) // 2
        path = "".join(folders[:level]) + name
        if name.endswith("/"):
            folders[level:] = [name]
        else:
            files.append(path)
    return sorted(files)


def test_a_drawn_tree_is_read() -> None:
    tree = "llamaswap/\n  a.py    one\n  room/   a room\n    b.py  two\n  c.py    three\n"

    assert files_of(tree) == ["llamaswap/a.py", "llamaswap/c.py", "llamaswap/room/b.py"]


def test_the_architecture_page_shows_the_files_that_there_are() -> None:
    found = TREE.search(ARCHITECTURE.read_text())
    assert found is not None
    shown = [file for file in files_of(found[1]) if file.endswith(".py")]

    plates = {module for module in MODULES if module.endswith("/__init__.py")}
    assert set(shown) - plates == set(MODULES) - plates
    assert len(shown) == len(set(shown))
