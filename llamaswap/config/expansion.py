"""Fills a document: macros, the default proxy, ports, in the one order they work in.

Pure. Takes and returns plain values; every path stays where it was. After this
no step needs to know that there were macros.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from attrs import evolve, field, frozen

from llamaswap.config import keys
from llamaswap.config.conversions import macro_text, misfit, to_integer, to_section
from llamaswap.config.document import KeyPath, Plain, Problem, Report, problem_of
from llamaswap.config.filters import BY_ID, rename_by_id, translate_old
from llamaswap.config.macros import (
    Scope,
    declare,
    expand,
    refuse_left_over,
    substitute,
    warn_unclosed,
)
from llamaswap.config.ports import DEFAULT_PROXY, Ports, PortSlot
from llamaswap.config.schema import Config
from llamaswap.config.text import strip_comments

_AT_START = frozenset({"PORT"})
_AT_STOP = frozenset({"PORT", "PID"})

_SWALLOWED = Problem(
    "the comment swallows what follows it: a text that begins with > joins its lines",
    suggestion="use | there",
)


@frozen
class Expansion:
    """A document with everything filled in."""

    document: dict[str, Plain]
    """The known sections, all but ``macros`` filled in."""

    slots: Mapping[str, PortSlot] = field(factory=dict[str, PortSlot])
    """The models that have a port."""


def expand_document(
    document: Mapping[str, Plain], report: Report, environment: Collection[str] = ()
) -> Expansion:
    """Fill what is known of ``document``; what cannot be filled goes to ``report``.

    ``environment`` has the names of variables, for the advice.
    """
    scope = declare(document.get("macros"), ("macros",), report)
    scope = evolve(scope, environment=frozenset(environment))
    expanded: dict[str, Plain] = {
        key: _filled(value, scope, (key,), report)
        for key, value in document.items()
        # Unknown sections are nobody's, so nobody minds what is undefined there.
        if key in keys.TOP and key not in {"macros", "models"}
    }
    if document.get("macros") is not None:
        expanded["macros"] = document["macros"]
    ports = Ports(_first_port(expanded.get("startPort")))
    models = section_at(document.get("models"), ("models",), report)
    # By id, not by place in the file: so do the reference's port numbers run.
    expanded["models"] = {
        model: _filled_model(model, models[model], scope, ports, report) for model in sorted(models)
    }
    return Expansion(expanded, ports.slots)


def section_at(value: Plain, path: KeyPath, report: Report) -> dict[str, Plain]:
    """Return the mapping that stands at ``path``; an empty one, and a fault, for others."""
    try:
        return to_section(value)
    except ValueError as exc:
        if not report.is_tainted(path):
            report.fault(path, problem_of(exc))
        return {}


def _first_port(value: Plain) -> int:
    try:
        port = to_integer(value)
    except ValueError:
        port = 0
    # What is wrong with it is told by who reads the field.
    return port if port > 0 else Config().start_port


def _filled(
    value: Plain,
    scope: Scope,
    path: KeyPath,
    report: Report,
    later: frozenset[str] = frozenset(),
) -> Plain:
    filled = substitute(value, scope, path, report)
    warn_unclosed(filled, scope, path, report)
    refuse_left_over(filled, scope, path, report, later=later)
    return filled


def _filled_model(
    model: str, value: Plain, shared: Scope, ports: Ports, report: Report
) -> dict[str, Plain]:
    path = ("models", model)
    if value is None:
        # As in the reference it has no default, so it loads; that it has no command is told.
        report.taint((*path, "proxy"))
        return {}
    if not isinstance(value, dict):
        if not report.is_tainted(path):
            report.fault(path, misfit("a mapping of keys", value).problem)
        for key in ("cmd", "proxy"):
            report.taint((*path, key))
        return {}
    fields = dict(value)
    macros = fields.pop("macros", None)
    scope = shared.within(model, declare(macros, (*path, "macros"), report))
    if "filters" in fields:
        fields["filters"] = translate_old(fields["filters"], (*path, "filters"), report)
    if fields.get("proxy") is None:
        fields["proxy"] = DEFAULT_PROXY
    for key, content in fields.items():
        if key in {"cmd", "cmdStop"} and isinstance(content, str):
            # Before macros, so that what is commented out may be undefined.
            content = _uncommented(content, (*path, key), report)  # noqa: PLW2901 - the same field, cleaner
        later = _AT_STOP if key == "cmdStop" else _AT_START
        fields[key] = _filled(content, scope, (*path, key), report, later)
    _check_comment(value.get("cmd"), fields, (*path, "cmd"), report)
    fields = _renamed(fields, scope, path, report)
    filled = ports.fill(fields, path, report)
    return filled if macros is None else {**filled, "macros": macros}


def _uncommented(text: str, path: KeyPath, report: Report) -> str:
    bare = strip_comments(text)
    if bare != text and bare.strip() and path in report.folded:
        report.warn(path, _SWALLOWED)
    return bare


def _check_comment(
    written: Plain, fields: Mapping[str, Plain], path: KeyPath, report: Report
) -> None:
    """Tell a command of which nothing is left, because all of it is a comment."""
    if not isinstance(written, str) or not written.strip() or strip_comments(written).strip():
        return
    is_folded = path in report.folded
    if "${PORT}" in str(fields["proxy"]):
        text = "cmd holds only {found}: give {expected}"
        hint = "with | in place of > lines stay whole" if is_folded else ""
        report.fault(path, Problem(text, "the command that starts the server", "a comment", hint))
    elif is_folded:
        report.warn(path, _SWALLOWED)


def _renamed(
    fields: dict[str, Plain], scope: Scope, path: KeyPath, report: Report
) -> dict[str, Plain]:
    """Return a model's fields with macros filled in the one kind of keys that have them."""

    def rename(name: str) -> str:
        filled = expand(name, scope.macros)
        # A name that is too long stays as it is, and is told like any other left-over.
        text = name if filled is None else macro_text(filled)
        refuse_left_over(text, scope, (*path, *BY_ID, name), report, later=_AT_START)
        return text

    return rename_by_id(fields, rename, path, report)
