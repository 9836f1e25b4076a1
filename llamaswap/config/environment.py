"""``${env.NAME}``: the environment's values in the file's texts.

Pure; the environment is handed in. References are filled in after parsing,
scalar by scalar: so a value with a colon or a quote in it cannot change what
the rest of the file means, and a comment is never looked at. What is not quoted
is read again then: see `nodes`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from llamaswap.config.document import MisfitError, Problem
from llamaswap.policy.near_names import nearest

REFERENCE = re.compile(r"\$\{env\.([a-zA-Z_][a-zA-Z0-9_]*)\}")

# Inside ``[…]`` and ``{…}`` YAML reads a brace as its own. While it parses, the
# three marks are noncharacters, which no text holds and which are as long.
_HIDDEN = re.compile("\ufdd0\ufdd1(env\\.[a-zA-Z_][a-zA-Z0-9_]*)\ufdd2")


def hide(text: str) -> str:
    """Make the references in a whole file harmless to a YAML parser; no position moves."""
    return REFERENCE.sub("\ufdd0\ufdd1env.\\1\ufdd2", text)


def reveal(text: str) -> str:
    """Undo `hide` in a piece of the file."""
    return _HIDDEN.sub(r"${\1}", text)


def fill(text: str, environ: Mapping[str, str]) -> tuple[str, tuple[Problem, ...]]:
    """Replace every reference in ``text`` by the variable's value.

    A value that itself holds a reference is filled in once more, not further.

    Returns:
        The text, in which what cannot be filled stays as it is, and a problem
        for each variable that is not set or cannot be used.
    """
    problems: dict[str, Problem] = {}

    def replaced(found: re.Match[str]) -> str:
        try:
            return _value(found[1], environ)
        except MisfitError as exc:
            problems[found[1]] = exc.problem
            return found[0]

    filled = REFERENCE.sub(replaced, REFERENCE.sub(replaced, text))
    return filled, tuple(problems.values())


def _value(name: str, environ: Mapping[str, str]) -> str:
    value = environ.get(name)
    if value is None:
        near = nearest(name, environ)
        hint = f"did you mean {near}?" if near else ""
        text = "the environment variable {found} is not set"
        told = Problem(text, "a variable that is set", name, hint, is_discreet=True)
        raise MisfitError(told)
    if any(mark in value for mark in "\n\r\0"):
        # The value itself may be a secret.
        text = f"the value of the environment variable {name} holds {{found}}"
        found = "newlines or NUL characters"
        raise MisfitError(Problem(text, "a value of one line", found, is_discreet=True))
    return value
