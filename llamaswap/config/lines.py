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
from llamaswap.config.redaction import Secret, hidden_line, secrets_in

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
    def secrets(self) -> tuple[Secret, ...]:
        """The parts that are never shown; most files are never asked for them."""
        return secrets_in(self.text)

    def is_secret(self, place: Place) -> bool:
        """Say whether a place is inside of a secret."""
        at = self.index(place) if place.line else -1
        return any(secret.start <= at < secret.end for secret in self.secrets)

    def shown(self, place: Place) -> tuple[str, int]:
        """Return the line of a place without secrets, and the column there, counted from 0."""
        line, start = self.line(place.line), self.start(place.line)
        return hidden_line(line, start, self.secrets, max(0, place.column - 1))

    def line(self, number: int) -> str:
        """Return a line, counted from 1, without its end; nothing where there is none."""
        if not 0 < number <= len(self.starts):
            return ""
        start = self.start(number)
        end = _END.search(self.text, start)
        return self.text[start : end.start() if end else len(self.text)]
