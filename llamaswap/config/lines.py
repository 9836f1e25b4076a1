"""Where something stands in a text, as editors count lines.

Pure. YAML 1.1 also ends a line at U+0085, U+2028 and U+2029, and its parsers count so; no
editor does, and a person looks with an editor.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from functools import cached_property

from attrs import frozen

from llamaswap.config.document import Place
from llamaswap.config.redaction import MASK, behind_name, hidden_lines

_END = re.compile("\r\n|\r|\n")


@frozen
class Lines:
    """A text, with the beginnings of its lines."""

    text: str
    starts: tuple[int, ...]

    @classmethod
    def of(cls, text: str) -> Lines:
        """Find the lines of ``text``; there is at least one."""
        return cls(text, (0, *(end.end() for end in _END.finditer(text))))

    def place(self, index: int) -> Place:
        """Return the place of the character at ``index``."""
        line = bisect_right(self.starts, index)
        return Place(line, index - self.starts[line - 1] + 1)

    def index(self, place: Place) -> int:
        """Return the index of the character at ``place``."""
        return self.start(place.line) + place.column - 1

    def start(self, number: int) -> int:
        """Return where a line begins, counted from 1; behind the last one, the text's end."""
        return self.starts[number - 1] if number <= len(self.starts) else len(self.text)

    @cached_property
    def _shown(self) -> list[str]:
        """The lines without their secrets; most files are never asked for them."""
        return hidden_lines([self.line(number + 1) for number in range(len(self.starts))])

    def shown(self, place: Place) -> tuple[str, int]:
        """Return the line of a place without secrets, and the column there, counted from 0.

        What stands behind something hidden is where that is.
        """
        if not 0 < place.line <= len(self.starts):
            return "", 0
        line, column = self._shown[place.line - 1], max(0, place.column - 1)
        is_whole = line == self.line(place.line)
        return line, column if is_whole else min(column, line.index(MASK))

    def is_secret(self, place: Place) -> bool:
        """Say whether something is called a secret in front of a place in its line."""
        begin = behind_name(self.line(place.line))
        return begin is not None and place.column > begin

    def line(self, number: int) -> str:
        """Return a line, counted from 1, without its end; nothing where there is none."""
        if not 0 < number <= len(self.starts):
            return ""
        start = self.start(number)
        end = _END.search(self.text, start)
        return self.text[start : end.start() if end else len(self.text)]
