"""Profiles: what names mean while one is active.

Pure. A pin leads to a model, a peer's model or a selector; pins lead to no other pins.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from attrs import evolve

from llamaswap.config.document import KeyPath, Plain, Problem, Report
from llamaswap.config.expansion import section_at
from llamaswap.config.names import BaseNames, blank, refuse_unknown
from llamaswap.config.sections import ProfileConfig
from llamaswap.config.structure import structure
from llamaswap.policy.unread import Unread

_LEGACY = Problem(
    "this is a legacy list of models, which profiles were once: use groups for models "
    "that run together, or give the profile pins: {name: model}",
    "a mapping with pins",
    "a list",
)


def build_profiles(
    sections: Mapping[str, Plain], names: BaseNames, selectors: Collection[str], report: Report
) -> dict[str, ProfileConfig]:
    """Return the profiles of ``sections``, the filled ``profiles``; null pins disable a name."""
    unread = names.unread | Unread(is_all=report.is_told(("selectors",)))
    profiles: dict[str, ProfileConfig] = {}
    for name, value in sections.items():
        path = ("profiles", name)
        if not name.strip():
            report.fault(path, blank("the name of a profile", name))
        if isinstance(value, list):
            report.fault(path, _LEGACY)
            continue
        profile = structure(ProfileConfig, section_at(value, path, report), path, report)
        _check_pins(profile.pins, (*path, "pins"), names, selectors, unread, report)
        pins = {pin: target or None for pin, target in profile.pins.items()}
        profiles[name] = evolve(profile, pins=pins)
    return profiles


def _check_pins(
    pins: Mapping[str, str | None],
    path: KeyPath,
    names: BaseNames,
    selectors: Collection[str],
    unread: Unread,
    report: Report,
) -> None:
    if not pins and not report.is_tainted(path[:-1]):
        text = "pins must have at least one entry, a name and its model"
        report.fault(path, Problem(text, "at least one pin", "none"))
    for pin, target in pins.items():
        if not pin.strip():
            report.fault((*path, pin), blank("the name of a pin", pin))
        elif target and target not in selectors and names.resolve(target) is None:
            known, expected = (*names.bases, *selectors), "a model, a peer's model or a selector"
            refuse_unknown(target, known, unread, (*path, pin), report, expected)
