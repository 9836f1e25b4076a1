"""``${NAME}``: what is declared under ``macros``, and where it goes.

Pure. A scope is applied from its last macro to its first, each exactly once: so
a macro may use those above it, never those below, and nothing can go round in
circles. Places that hold an unknown name are told, and left as they are.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TypeAlias

from attrs import field, frozen

from llamaswap.config.conversions import describe, macro_text, quoted
from llamaswap.config.document import KeyPath, MisfitError, Plain, Problem, Report, problem_of
from llamaswap.config.environment import REFERENCE as ENVIRONMENT
from llamaswap.policy.near_names import nearest
from llamaswap.policy.unread import ANY_NAME, EVERYTHING_READ, Unread

MacroValue: TypeAlias = str | int | float | bool

RESERVED = ("PORT", "PID", "MODEL_ID")
"""Names that get their values here, not in the file."""

MAX_NAME = 63
"""Bytes of a macro's name."""

MAX_EXPANDED = 1_000_000
"""Characters of one value: far beyond any command line, and reached in twenty
lines by macros that each use the one above twice."""

_NAME = re.compile("[a-zA-Z0-9_-]+")
_UNCLOSED = re.compile(r"\$\{([a-zA-Z0-9_-]+)(?![a-zA-Z0-9_-])(?!\})")
_LEFT_OVER = re.compile(r"\$\{([a-zA-Z0-9_-]+)\}")

_TOO_LONG = Problem(
    "the macros unfold to {found}: expected {expected}",
    f"at most {MAX_EXPANDED}",
    f"more than {MAX_EXPANDED} characters",
)


@frozen
class Scope:
    """The macros that one part of the file may use."""

    macros: Mapping[str, MacroValue] = field(factory=dict[str, MacroValue])
    """In the order of declaration."""

    broken: Unread = EVERYTHING_READ
    """Declared too, but wrongly, which has been told."""

    own: frozenset[str] = frozenset()
    """Those of ``macros`` that only one model has."""

    environment: frozenset[str] = frozenset()
    """The names of the environment, for the advice."""

    def within(self, model: str, own: Scope) -> Scope:
        """Return the scope of a model's fields: its id, these macros, its ``own``.

        An own macro takes the place of a global one with its name, in order too.
        """
        macros: dict[str, MacroValue] = {"MODEL_ID": model, **self.macros, **own.macros}
        broken = self.broken | own.broken
        return Scope(macros, broken, frozenset(own.macros), self.environment)


def declare(value: Plain, path: KeyPath, report: Report) -> Scope:
    """Return the macros that are declared at ``path``; wrong ones go to ``report``."""
    if value is None:
        return Scope()
    if not isinstance(value, dict):
        text = "macros must be {expected}, found {found}"
        report.fault(path, Problem(text, "a mapping of names to values", describe(value)))
        return Scope(broken=ANY_NAME)
    macros: dict[str, MacroValue] = {}
    broken: set[str] = set()
    for name, content in value.items():
        try:
            macros[name] = _checked(name, content)
        except ValueError as exc:
            broken.add(name)
            report.fault((*path, name), problem_of(exc))
    return Scope(macros, Unread(frozenset(broken), is_all=report.is_told(path)))


def substitute(value: Plain, scope: Scope, path: KeyPath, report: Report) -> Plain:
    """Return ``value`` with the macros of ``scope`` filled in, at any depth.

    Keys stay as they are. A text that is one reference and nothing else takes the
    macro's type.
    """
    match value:
        case str():
            expanded = expand(value, scope.macros)
            if expanded is None:
                report.fault(path, _TOO_LONG)
            elif expanded != value:
                report.filled[path] = value
            return expanded
        case list():
            return [
                substitute(item, scope, (*path, index), report) for index, item in enumerate(value)
            ]
        case dict():
            return {
                key: substitute(item, scope, (*path, key), report) for key, item in value.items()
            }
        case _:
            return value


def expand(text: str, macros: Mapping[str, MacroValue]) -> MacroValue | None:
    """Return what ``text`` becomes; ``None`` if that is longer than `MAX_EXPANDED`."""
    for name in reversed(list(macros)):
        reference, content = f"${{{name}}}", macros[name]
        if text != reference:
            uses = text.count(reference)
            if uses and len(text) + uses * len(macro_text(content)) > MAX_EXPANDED:
                return None
            text = text.replace(reference, macro_text(content))
        elif isinstance(content, str):
            text = content
        else:
            return content
    return text


def left_over(value: Plain, path: KeyPath) -> Iterator[tuple[KeyPath, str]]:
    """List the references that are still in ``value``: where, and what stands in the braces."""
    for place, text in _texts(value, path):
        for pattern, prefix in ((_LEFT_OVER, ""), (ENVIRONMENT, "env.")):
            for found in pattern.finditer(text):
                yield place, prefix + found[1]


def _texts(value: Plain, path: KeyPath) -> Iterator[tuple[KeyPath, str]]:
    """List all texts in ``value`` with their places."""
    match value:
        case str():
            yield path, value
        case list():
            for index, item in enumerate(value):
                yield from _texts(item, (*path, index))
        case dict():
            for key, item in value.items():
                yield from _texts(item, (*path, key))
        case _:
            pass


def warn_unclosed(value: Plain, scope: Scope, path: KeyPath, report: Report) -> None:
    """Warn of references in ``value`` whose brace is not closed: they stay as they are."""
    for place, text in _texts(value, path):
        for found in _UNCLOSED.finditer(text):
            if found[1] in (*scope.macros, *RESERVED):
                whole = f"{found[0]}}}"
                told = "{found} is not closed, so nothing is filled in"
                report.warn(place, Problem(told, whole, found[0], f"write {whole}"))


def refuse_left_over(
    value: Plain,
    scope: Scope,
    path: KeyPath,
    report: Report,
    *,
    later: frozenset[str] = frozenset(),
) -> None:
    """Tell every reference in ``value`` that no macro has filled.

    Args:
        value: what stands at ``path``, substituted.
        scope: what it was substituted with; gives the advice.
        path: where it stands.
        report: where faults go.
        later: names that get their values in a later step.
    """
    for place, name in left_over(value, path):
        if name in scope.broken or (name.startswith("env.") and report.is_tainted(place)):
            report.taint(place)
        elif name not in later:
            report.fault(place, _unknown(name, scope, later))


def _checked(name: str, content: Plain) -> MacroValue:
    length = len(name.encode())
    if length > MAX_NAME:
        text = "the macro's name exceeds the maximum length: expected {expected}, found {found}"
        raise MisfitError(Problem(text, f"at most {MAX_NAME} bytes", f"{length} bytes"))
    if _NAME.fullmatch(name) is None:
        text = "the macro name {found} has invalid characters: {expected} are possible"
        raise MisfitError(Problem(text, "letters, digits, '_' and '-'", quoted(name)))
    if not isinstance(content, str | int | float):
        text = f"the macro {name!r} must be {{expected}}, found {{found}}"
        expected = "a scalar (text, number, true or false)"
        raise MisfitError(Problem(text, expected, describe(content)))
    if isinstance(content, str) and f"${{{name}}}" in content:
        text = "the macro {detail} has a self-reference: it cannot use itself"
        itself = f"${{{name}}}"
        raise MisfitError(Problem(text, f"a value without {itself}", itself, detail=repr(name)))
    if name in RESERVED:
        text = "the macro name {found} is reserved: it gets its value by itself"
        raise MisfitError(Problem(text, f"a name other than {_listed(RESERVED)}", repr(name)))
    return content


def _unknown(name: str, scope: Scope, later: Collection[str]) -> Problem:
    found = f"${{{name}}}"
    if name.startswith("env."):
        text = (
            "unknown macro {found}: environment variables are filled in before macros, "
            "none comes out of one"
        )
        return Problem(text, "a reference that is written out", found)
    if name in scope.macros:
        return _declared_too_late(name, scope)
    given = [other for other in RESERVED if other in (*scope.macros, *later)]
    expected = _listed(("a declared macro", *given), "or")
    if name == "PID":
        text = "unknown macro {found}: it is known in cmdStop only, when the model is stopped"
        return Problem(text, expected, found)
    if name in RESERVED:
        return Problem("unknown macro {found}: it is known inside models only", expected, found)
    if near := _nearest(name, scope, later):
        return Problem("unknown macro {found}", expected, found, f"did you mean ${{{near}}}?")
    return Problem("unknown macro {found}: expected {expected}", expected, found)


def _nearest(name: str, scope: Scope, later: Collection[str]) -> str | None:
    """Return what was probably meant by ``name``, as it stands in braces."""
    variable = f"env.{name}"
    if name in scope.environment and ENVIRONMENT.fullmatch(f"${{{variable}}}"):
        return variable
    return nearest(name, (*scope.macros, *later))


def _declared_too_late(name: str, scope: Scope) -> Problem:
    found, expected = f"${{{name}}}", "a macro that is declared above"
    names = list(scope.macros)
    above = names[: names.index(name)]
    user = next((other for other in above if name in _used_by(other, scope)), None)
    rule = "a macro can use only those above itself"
    if user is None:
        # It was put together, like ``${x${y}}``, or is too long to be filled in.
        text = "unknown macro {found}: what uses it stands above it, and " + rule
        return Problem(text, expected, found, "move the declaration up")
    if user in _reached_from(name, scope):
        text = "unknown macro {found}: the macros {detail} lead to each other"
        both = f"{user!r} and {name!r}"
        return Problem(text, expected, found, "write one of them out", detail=both)
    text = "unknown macro {found}: the macro {detail} uses it and stands above it, and " + rule
    hint = f"move {name!r} above {user!r}"
    if name in scope.own and user not in scope.own:
        hint = f"declare {name!r} among the macros of all models, above {user!r}"
    return Problem(text, expected, found, hint, detail=repr(user))


def _used_by(name: str, scope: Scope) -> set[str]:
    """Return what the text of a macro refers to."""
    content = scope.macros.get(name)
    return set(_LEFT_OVER.findall(content)) if isinstance(content, str) else set()


def _reached_from(name: str, scope: Scope) -> set[str]:
    """Return what a macro refers to, itself or through others."""
    reached: set[str] = set()
    unseen = _used_by(name, scope)
    while unseen:
        reached |= unseen
        unseen = {used for other in unseen for used in _used_by(other, scope)} - reached
    return reached


def _listed(names: Sequence[str], last: str = "and") -> str:
    """List names as a sentence does, at least one: ``a, b and c``."""
    *others, end = names
    return f"{', '.join(others)} {last} {end}" if others else end
