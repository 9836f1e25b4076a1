"""Which groups are in force, and whether their members exist.

Pure. There are two spellings of the same section, and a switch between groups
and a matrix; nothing after this knows of either. Aliases become the models
they mean: the reference makes a second, useless entry of them.
"""

from __future__ import annotations

from collections.abc import Mapping

from attrs import define, field, frozen

from llamaswap.config.conversions import describe
from llamaswap.config.document import KeyPath, Plain, Problem, Report
from llamaswap.config.expansion import section_at
from llamaswap.config.names import unknown_model
from llamaswap.config.sections import GroupSection
from llamaswap.config.structure import kept_places, structure
from llamaswap.policy.eviction import DEFAULT_GROUP, GroupRule
from llamaswap.policy.rules import ModelId

_ROUTER: KeyPath = ("routing", "router")
_SETTINGS: KeyPath = (*_ROUTER, "settings")


@frozen
class Routing:
    """The section that says which models may run together."""

    path: KeyPath
    """Where it stands."""

    groups: Mapping[str, Plain] = field(factory=dict[str, Plain])
    matrix: Plain = None
    """The matrix in force; ``None``: groups are."""


def find_routing(document: Mapping[str, Plain], report: Report) -> Routing:
    """Return the section in force; contradictions go to ``report``."""
    old = section_at(document.get("groups"), ("groups",), report)
    matrix = document.get("matrix")
    routing = section_at(document.get("routing"), ("routing",), report)
    router = section_at(routing.get("router"), _ROUTER, report)
    settings = section_at(router.get("settings"), _SETTINGS, report)
    if not old and matrix is None:
        return _new_style(router, settings, report)
    here = "groups" if old else "matrix"
    if old and matrix is not None:
        report.fault(("matrix",), "you cannot use both groups and matrix; remove one of them")
    if router.get("use") or _is_set(settings):
        report.fault(
            (here,),
            f"{here} and routing.router are used both, which are two styles of the same; "
            f"migrate {here} to routing.router.settings.{here}",
        )
    return Routing(("groups",), old) if old else Routing(("matrix",), matrix=matrix)


def build_groups(
    routing: Routing, ids: Mapping[str, ModelId], report: Report
) -> tuple[GroupRule, ...]:
    """Return the rules of all groups, in the order of the file, members resolved.

    Args:
        routing: the section in force.
        ids: all names of models; see `local_names`.
        report: where faults go.
    """
    members = _Members(ids, report)
    rules: list[GroupRule] = []
    for name, value in routing.groups.items():
        path = (*routing.path, name)
        if name == DEFAULT_GROUP:
            report.fault(path, f"the group name {name!r} is reserved for models without a group")
            continue
        values = section_at(value, path, report)
        group = structure(GroupSection, values, path, report)
        places = kept_places(values.get("members"), (*path, "members"))
        found = [
            members.claim(text, name, place)
            for text, place in zip(group.members, places, strict=False)
        ]
        known = tuple(model for model in found if model is not None)
        rules.append(GroupRule(name, known, group.swap, group.exclusive, group.persistent))
    return tuple(rules)


@define
class _Members:
    """Which group each model belongs to."""

    ids: Mapping[str, ModelId]
    report: Report
    _owners: dict[ModelId, str] = field(factory=dict[ModelId, str], init=False)

    def claim(self, text: str, group: str, place: KeyPath) -> ModelId | None:
        """Return the model that ``text`` means, which ``group`` claims; ``None``: there is none."""
        model = self.ids.get(text)
        if model is None:
            self.report.fault(place, unknown_model(text, self.ids))
            return None
        owner = self._owners.get(model)
        if owner == group:
            self.report.fault(place, f"duplicate member {model!r} in the group {group!r}")
        elif owner is not None:
            self.report.fault(
                place,
                f"the model {model!r} is in multiple groups, {owner!r} and {group!r}: "
                "a model belongs to one",
            )
        self._owners[model] = group
        return model


def _new_style(
    router: Mapping[str, Plain], settings: Mapping[str, Plain], report: Report
) -> Routing:
    use = router.get("use")
    matrix, groups = settings.get("matrix"), settings.get("groups")
    path = (*_SETTINGS, "groups")
    if use == "matrix":
        if matrix is None:
            report.fault(
                (*_ROUTER, "use"), "routing.router.settings.matrix is not set, but use asks for it"
            )
            return Routing(path)
        here = (*_SETTINGS, "matrix")
        return Routing(here, matrix=matrix)
    if report.is_tainted((*_ROUTER, "use")):
        return Routing(path)
    if use not in (None, "", "group"):
        report.fault(
            (*_ROUTER, "use"),
            Problem(
                "unknown router: expected {expected}, found {found}",
                "group or matrix",
                describe(use),
            ),
        )
    elif matrix is not None:
        report.warn((*_SETTINGS, "matrix"), "the matrix has no effect without use: matrix")
    return Routing(path, section_at(groups, path, report))


def _is_set(settings: Mapping[str, Plain]) -> bool:
    return settings.get("matrix") is not None or bool(settings.get("groups"))
