"""Keys of an entry that stand beside it, because they are indented too little.

Pure. Under ``models:`` the lines ``a:`` and ``cmd: x``, indented alike, are two models,
and one of them is a text. Said of each alone, that sends the author astray.
"""

from __future__ import annotations

from collections.abc import Mapping

from llamaswap.config.conversions import misfit
from llamaswap.config.document import KeyPath, Plain, Report
from llamaswap.config.keys import ANY, TOP, Keys


def refuse_misplaced(document: Mapping[str, Plain], report: Report) -> None:
    """Tell the keys of models, peers and the like that stand beside what they belong to."""
    for section, below in TOP.items():
        values = document.get(section)
        known = None if below is None else below.get(ANY)
        if known is not None and isinstance(values, dict):
            _refuse_beside(values, known, (section,), report)


def _refuse_beside(values: Mapping[str, Plain], known: Keys, path: KeyPath, report: Report) -> None:
    owner: str | None = None
    for name, value in values.items():
        if name not in known or isinstance(value, dict):
            owner = name
        elif owner is not None and value is not None:
            hint = f"indent it deeper than {owner!r} if it is a key of it"
            report.fault((*path, name), misfit("a mapping of keys", value, hint).problem)
            # It is there, so nobody shall say that it is missing.
            report.taint((*path, owner, name))
