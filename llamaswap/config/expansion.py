"""Fills a document: macros, the default proxy, ports, in the one order they work in.

Pure. Takes and returns plain values; every path stays where it was. After this
no step needs to know that there were macros.
"""

from __future__ import annotations

from collections.abc import Mapping

from llamaswap.config import keys
from llamaswap.config.conversions import describe, to_integer, to_section
from llamaswap.config.document import KeyPath, Plain, Report
from llamaswap.config.macros import Scope, declare, refuse_left_over, substitute
from llamaswap.config.ports import DEFAULT_PROXY, Ports
from llamaswap.config.schema import Config
from llamaswap.config.text import strip_comments

_AT_START = frozenset({"PORT"})
_AT_STOP = frozenset({"PORT", "PID"})


def expand_document(document: Mapping[str, Plain], report: Report) -> dict[str, Plain]:
    """Return the known sections of ``document`` without ``macros``, everything filled in."""
    scope = declare(document.get("macros"), ("macros",), report)
    expanded: dict[str, Plain] = {
        key: _filled(value, scope, (key,), report)
        for key, value in document.items()
        # Unknown sections are nobody's, so nobody minds what is undefined there.
        if key in keys.TOP and key not in {"macros", "models"}
    }
    ports = Ports(_first_port(expanded.get("startPort")))
    models = section_at(document.get("models"), ("models",), report)
    # By id, not by place in the file: so do the reference's port numbers run.
    expanded["models"] = {
        model: _filled_model(model, models[model], scope, ports, report) for model in sorted(models)
    }
    return expanded


def section_at(value: Plain, path: KeyPath, report: Report) -> dict[str, Plain]:
    """Return the mapping that stands at ``path``; an empty one, and a fault, for others."""
    try:
        return to_section(value)
    except ValueError as exc:
        report.fault(path, str(exc))
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
    refuse_left_over(filled, scope, path, report, later=later)
    return filled


def _filled_model(
    model: str, value: Plain, shared: Scope, ports: Ports, report: Report
) -> dict[str, Plain]:
    path = ("models", model)
    if value is not None and not isinstance(value, dict):
        report.fault(path, f"expected a mapping of keys, found {describe(value)}")
        report.taint((*path, "proxy"))
        return {}
    fields = dict(value or {})
    scope = shared.within(model, declare(fields.pop("macros", None), (*path, "macros"), report))
    if fields.get("proxy") is None:
        fields["proxy"] = DEFAULT_PROXY
    for key, content in fields.items():
        if key in {"cmd", "cmdStop"} and isinstance(content, str):
            # Before macros, so that what is commented out may be undefined.
            content = strip_comments(content)  # noqa: PLW2901 - the same field, cleaner
        later = _AT_STOP if key == "cmdStop" else _AT_START
        fields[key] = _filled(content, scope, (*path, key), report, later)
    return ports.fill(fields, path, report)
