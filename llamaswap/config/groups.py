"""Which groups are in force, and whether their members exist.

Pure. There are two spellings of the same section, and a switch between groups
and a matrix; nothing after this knows of either. Aliases become the models
they mean: the reference makes a second, useless entry of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from attrs import define, field, frozen

from llamaswap.config.conversions import describe, quoted
from llamaswap.config.document import KeyPath, Plain, Problem, Report
from llamaswap.config.expansion import section_at
from llamaswap.config.names import refuse_unknown
from llamaswap.config.sections import GroupSection
from llamaswap.config.structure import kept_places, structure
from llamaswap.policy.eviction import DEFAULT_GROUP, GroupRule
from llamaswap.policy.near_names import suggestion
from llamaswap.policy.rules import ModelId
from llamaswap.policy.unread import EVERYTHING_READ, Unread

_ROUTER: KeyPath = ("routing", "router")
_SETTINGS: KeyPath = (*_ROUTER, "settings")
ROUTINGS: tuple[KeyPath, ...] = (("groups",), ("matrix",), _ROUTER)
"""Where it may stand which models run together."""

_BY_GROUPS = (None, "", "group")
"""What ``use`` may be where groups decide."""


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
        text = "you cannot use both groups and matrix"
        problem = Problem(text, "groups or matrix", "both", "remove one of them")
        report.fault(("matrix",), problem)
    if router.get("use") or _is_set(settings):
        text = f"{here} and routing.router are used both, which are two styles of the same"
        advice = f"migrate {here} to routing.router.settings.{here}"
        report.fault((here,), Problem(text, f"{here} or routing.router", "both", advice))
        _check_use(router, report)
    return Routing(("groups",), old) if old else Routing(("matrix",), matrix=matrix)


def build_groups(
    routing: Routing,
    ids: Mapping[str, ModelId],
    report: Report,
    unread: Unread = EVERYTHING_READ,
) -> tuple[GroupRule, ...]:
    """Return the rules of all groups, in the order of the file, members resolved.

    Args:
        routing: the section in force.
        ids: all names of models; see `local_names`.
        report: where faults go.
        unread: names that are not among them because of a mistake.
    """
    by_id = {
        text: name
        for name, text in _named(routing.groups)
        if ids.get(text) == text and name != DEFAULT_GROUP
    }
    members = _Members(ids, by_id, unread, report)
    rules: list[GroupRule] = []
    for name, value in routing.groups.items():
        path = (*routing.path, name)
        values = section_at(value, path, report)
        group = structure(GroupSection, values, path, report)
        if name == DEFAULT_GROUP:
            # There are such files, and the reference serves them, but for the members.
            report.warn(path, _RESERVED)
            continue
        places = kept_places(values.get("members"), (*path, "members"))
        found = [
            members.claim(text, name, place)
            for text, place in zip(group.members, places, strict=False)
        ]
        known = tuple(model for model in found if model is not None)
        rules.append(GroupRule(name, known, group.swap, group.exclusive, group.persistent))
    return tuple(rules)


def _named(groups: Mapping[str, Plain]) -> Iterator[tuple[str, str]]:
    """Yield each group with each of its members, as far as they are texts."""
    for name, value in groups.items():
        members = value.get("members") if isinstance(value, dict) else None
        for text in members if isinstance(members, list) else ():
            if isinstance(text, str):
                yield name, text


_RESERVED = Problem(
    "the group name {found} is reserved for the models that are in no group: nothing that stands "
    "here has an effect",
    "another name",
    repr(DEFAULT_GROUP),
    "give the group another name",
)


@define
class _Members:
    """Which group each model belongs to."""

    ids: Mapping[str, ModelId]
    by_id: Mapping[str, str]
    """The group of each model that is a member by its id, which counts for more than an alias."""

    unread: Unread
    report: Report
    _owners: dict[ModelId, str] = field(factory=dict[ModelId, str], init=False)

    def claim(self, text: str, group: str, place: KeyPath) -> ModelId | None:
        """Return the model that ``text`` means, which ``group`` claims; ``None``: there is none."""
        model = self.ids.get(text)
        if model is None:
            refuse_unknown(text, self.ids, self.unread, place, self.report)
            return None
        if text != model and (other := self._owners.get(model, self.by_id.get(model))):
            # The reference does not know aliases here, so there are such files.
            self.report.warn(
                place, f"{text!r} is the model {model!r}, which is a member of {other!r} already"
            )
            return None
        self._check(model, group, place)
        self._owners[model] = group
        return model

    def _check(self, model: ModelId, group: str, place: KeyPath) -> None:
        owner = self._owners.get(model)
        if owner == group:
            text = "duplicate member {found} in the group {detail}"
            once = "each member once"
            self.report.fault(place, Problem(text, once, quoted(model), detail=repr(group)))
        elif owner is not None:
            text = "the model {found} is in multiple groups, {detail}: expected {expected}"
            both = f"{owner!r} and {group!r}"
            self.report.fault(place, Problem(text, "one", quoted(model), detail=both))


def _new_style(
    router: Mapping[str, Plain], settings: Mapping[str, Plain], report: Report
) -> Routing:
    use = router.get("use")
    matrix, groups = settings.get("matrix"), settings.get("groups")
    path = (*_SETTINGS, "groups")
    if use == "matrix":
        if matrix is None:
            text = "routing.router.settings.matrix is not set, but use asks for it"
            report.fault((*_ROUTER, "use"), Problem(text, "a matrix in the settings", "none"))
            return Routing(path)
        if groups:
            report.warn(path, "the groups have no effect with use: matrix")
        return Routing((*_SETTINGS, "matrix"), matrix=matrix)
    if report.is_tainted((*_ROUTER, "use")):
        return Routing(path)
    _check_use(router, report)
    if use in _BY_GROUPS and matrix is not None:
        report.warn((*_SETTINGS, "matrix"), "the matrix has no effect without use: matrix")
    return Routing(path, section_at(groups, path, report))


def _check_use(router: Mapping[str, Plain], report: Report) -> None:
    use = router.get("use")
    if use not in (*_BY_GROUPS, "matrix") and not report.is_tainted((*_ROUTER, "use")):
        text, hint = "unknown router: expected {expected}, found {found}", ""
        if isinstance(use, str):
            hint = suggestion(use, ("group", "matrix"))
        problem = Problem(text, "group or matrix", describe(use), hint)
        report.fault((*_ROUTER, "use"), problem)


def _is_set(settings: Mapping[str, Plain]) -> bool:
    return settings.get("matrix") is not None or bool(settings.get("groups"))
