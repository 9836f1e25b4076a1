"""Profiles, and where their pins lead."""

import pytest

from llamaswap.config.document import Plain, Report
from llamaswap.config.names import Base, BaseNames
from llamaswap.config.profiles import build_profiles
from llamaswap.config.sections import ProfileConfig

NAMES = BaseNames({"a": Base("a"), "p/x": Base("x", "p")})


def test_pins_lead_to_models_peers_selectors_or_nowhere() -> None:
    report = Report()
    night: Plain = {
        "description": "quiet",
        "pins": {"chat": "a", "far": "p/x", "any": "sel", "draw": None, "sing": ""},
    }

    assert build_profiles({"night": night}, NAMES, {"sel"}, report) == {
        "night": ProfileConfig(
            "quiet", {"chat": "a", "far": "p/x", "any": "sel", "draw": None, "sing": None}
        )
    }
    assert report.faults == ()


REFUSED: dict[str, tuple[dict[str, Plain], list[str]]] = {
    "the old form": (
        {"x": ["a"]},
        [
            (
                "profiles.x: this is a legacy list of models, which profiles were once: use "
                "groups for models that run together, or give the profile pins: {name: model}"
            )
        ],
    ),
    "no pins": (
        {"x": {}},
        ["profiles.x.pins: pins must have at least one entry, a name and its model"],
    ),
    "nothing": (
        {"x": None},
        ["profiles.x.pins: pins must have at least one entry, a name and its model"],
    ),
    "no mapping": ({"x": 5}, ["profiles.x: expected a mapping of keys, found 5"]),
    "pins of another kind": (
        {"x": {"pins": ["a"]}},
        ["profiles.x.pins: expected a mapping of keys, found a list"],
    ),
    "unknown target": (
        {"x": {"pins": {"b": "p/y", "c": "zzz", "d": "slector"}}},
        [
            "profiles.x.pins.b: unknown model 'p/y', did you mean 'p/x'?",
            (
                "profiles.x.pins.c: unknown model 'zzz': expected a model, a peer's model or a "
                "selector"
            ),
            "profiles.x.pins.d: unknown model 'slector', did you mean 'selector'?",
        ],
    ),
    "blank names": (
        {" ": {"pins": {"": "a"}}},
        [
            "profiles. : the name of a profile cannot be empty",
            "profiles. .pins.: the name of a pin cannot be empty",
        ],
    ),
}


@pytest.mark.parametrize(("sections", "faults"), REFUSED.values(), ids=REFUSED)
def test_impossible_profile_is_refused(sections: dict[str, Plain], faults: list[str]) -> None:
    report = Report()

    build_profiles(sections, NAMES, {"selector"}, report)

    assert [str(fault) for fault in report.faults] == faults
