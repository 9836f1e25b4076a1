"""What is kept of a model server's output."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from llamaswap.upstream.output import Tail

TAILS: dict[str, tuple[Callable[[], list[bytes]], list[str]]] = {
    "nothing": (list, []),
    "no line end": (lambda: [b"a\nb"], ["a", "b"]),
    "empty lines are left out": (lambda: [b"\n\na\r\n\n"], ["a"]),
    "pieces are joined": (lambda: [b"a", b"b\nc", b"\n"], ["ab", "c"]),
    "twenty lines": (
        lambda: [b"%d\n" % n for n in range(50)],
        [str(n) for n in range(30, 50)],
    ),
    "a line that is cut is left out": (lambda: [b"x" * 3000 + b"\nlast\n"], ["last"]),
    "but not the only one": (lambda: [b"y" * 3000], ["y" * 2048]),
    "nor one that is whole": (
        lambda: [b"gone\n", (b"z" * 1023 + b"\n") * 2],
        ["z" * 1023, "z" * 1023],
    ),
    "no text": (lambda: [b"\xff\n"], ["\ufffd"]),
}


@pytest.mark.parametrize(("chunks", "lines"), TAILS.values(), ids=TAILS)
def test_the_tail_is_the_last_whole_lines(
    chunks: Callable[[], list[bytes]], lines: list[str]
) -> None:
    tail = Tail()
    for chunk in chunks():
        tail.feed(chunk)

    assert tail.lines() == lines
