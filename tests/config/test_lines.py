"""Where lines begin and end, and what stands at a place."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llamaswap.config.document import Place
from llamaswap.config.lines import Lines

TEXTS = st.text(st.sampled_from("ab\r\n\x85\u2028"))


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"])
def test_a_line_ends_as_in_an_editor(end: str) -> None:
    lines = Lines.of(f"a{end}b\u2028\x85c{end}")

    assert [lines.line(number) for number in range(5)] == ["", "a", "b\u2028\x85c", "", ""]
    assert lines.place(len(f"a{end}b\u2028")) == Place(2, 3)


@given(TEXTS, st.data())
def test_a_place_leads_back_to_its_index(text: str, data: st.DataObject) -> None:
    lines = Lines.of(text)
    index = data.draw(st.integers(0, len(text)))

    assert lines.index(lines.place(index)) == index


@given(TEXTS)
def test_lines_make_the_text(text: str) -> None:
    lines = Lines.of(text)

    assert lines.start(len(lines.starts) + 1) == len(text)
    assert [lines.line(number + 1) for number in range(len(lines.starts))] == (
        text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    )


def test_a_place_may_be_in_a_secret() -> None:
    lines = Lines.of("token: abc\nttl: 5")
    holds = lines.is_secret

    assert [holds(Place(1, 8)), holds(Place(1, 10))] == [True, True]
    assert not any(map(holds, (Place(0, 0), Place(1, 1), Place(1, 7), Place(2, 1))))
    assert lines.shown(Place(1, 9)) == ("token: ***", 7)
    assert lines.shown(Place(2, 3)) == ("ttl: 5", 2)
    assert lines.shown(Place(3, 1)) == ("", 0)
