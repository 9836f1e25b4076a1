# pyright: basic, reportMissingTypeStubs=false
# (the wheel of google-re2 carries no types)
r"""Regular expressions of the file, in RE2's syntax and by RE2 itself. The re2 door.

Pure. Configurations are written for Go's ``regexp``, which is RE2 written once
more. Python's ``re`` takes other expressions, reads some of the same in another
way, and may need longer than anybody waits for a text that was made for it; RE2
needs a time that grows with the text alone. What the two RE2s take differently
is told in the decision record 11.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Protocol, cast

import re2

from llamaswap.config.conversions import quoted
from llamaswap.config.document import MisfitError, Problem

_HALF = re.compile("[\ud800-\udfff]")
_TOKEN = re.compile(r"\\Q.*?(?:\\E|\Z)|\\.", re.DOTALL)
"""What a backslash begins."""

_NO_AROUND = "look-ahead, look-behind, atomic and conditional groups are not possible"
_NO_BACK = "back-references are not possible"

_HINTS = (
    *((f"invalid perl operator: (?{mark}", _NO_AROUND) for mark in "=!<>("),
    ("invalid perl operator: (?P", _NO_BACK),
    ("invalid perl operator", "the flags are i, m, s and U, as in (?i) and (?s-i:a)"),
    ("bad repetition operator", "possessive quantifiers, or two in a row, are not possible"),
    ("invalid repetition size", "the counts rise, and 1000 is the most, nested ones multiplied"),
    (r"invalid character class range: \p", r"categories are like \p{Lu}, scripts like \p{Greek}"),
    (r"invalid character class range: \P", r"categories are like \P{Lu}, scripts like \P{Greek}"),
    *((rf"invalid escape sequence: \{mark}", _NO_BACK) for mark in "k123456789"),
    (r"invalid escape sequence: \Z", r"the end of the text is \z"),
    (r"invalid escape sequence: \u", r"a character by its number is like \x{1F600}"),
)
"""By the beginning of what RE2 says: what those need to know who come from elsewhere."""

_EXPECTED = "a regular expression in the syntax of RE2"


class Pattern(Protocol):
    """A regular expression that is ready for use."""

    def search(self, text: str, /) -> object | None:
        """Look for it anywhere in ``text``; ``None``: it is not there."""
        ...


def compile_pattern(text: str) -> Pattern:
    """Make a regular expression ready for use.

    Raises:
        MisfitError: RE2, or Go, does not take it; the sentence says why.
    """
    if _HALF.search(text):
        raise _refusal(text, "it holds half of a character")
    if any(token[0] == r"\C" for token in _TOKEN.finditer(text)):
        # RE2 would look for a single byte, which a text has not.
        raise _refusal(text, r"invalid escape sequence: \C")
    try:
        return cast("Pattern", re2.compile(text, _options()))
    except re2.error as exc:
        raise _refusal(text, _said(exc)) from exc


def is_any_in(patterns: Iterable[Pattern], text: str) -> bool:
    """Tell whether one of ``patterns`` is somewhere in ``text``."""
    return any(pattern.search(text) is not None for pattern in patterns)


def _options() -> re2.Options:
    options = re2.Options()
    # It would write to stderr by itself.
    options.log_errors = False
    # Nobody asks what a group has found, and many groups take much memory.
    options.never_capture = True
    return options


def _said(exc: Exception) -> str:
    (said,) = exc.args
    return said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)


def _refusal(text: str, reason: str) -> MisfitError:
    hint = next((hint for start, hint in _HINTS if reason.startswith(start)), "")
    sentence = "invalid regular expression {found}: {detail}"
    return MisfitError(Problem(sentence, _EXPECTED, quoted(text), hint, detail=reason))
