"""Selectors: names that stand for one of several models, and what each strategy needs.

Pure. Targets are looked at by what they mean, so an alias and its model are one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from attrs import frozen

from llamaswap.config.conversions import quoted
from llamaswap.config.document import KeyPath, Plain, Problem, Report
from llamaswap.config.expansion import section_at
from llamaswap.config.names import A_BASE, Base, BaseNames, blank, misnamed, refuse_unknown
from llamaswap.config.sections import SelectorConfig
from llamaswap.config.structure import kept_places, structure
from llamaswap.policy.eviction import DEFAULT_GROUP, GroupRule
from llamaswap.policy.matrix import Matrix
from llamaswap.policy.rules import ModelId

STRATEGIES = ("warm", "pin", "spillover")

_TOGETHER = "spillover needs targets that run together"


@frozen
class Company:
    """Which models may run together."""

    groups: tuple[GroupRule, ...] = ()
    matrix: Matrix | None = None
    is_known: bool = True
    """It is without faults, so that what it says counts."""

    def problem(self, models: Sequence[ModelId]) -> Problem | None:
        """Say why ``models`` can never all run at one time; ``None``: they can."""
        if not self.is_known or len(models) < 2:  # noqa: PLR2004 - one runs with itself
            return None
        if self.matrix is not None:
            fits = self.matrix.can_contain_all(models)
            return None if fits else _apart("one expanded matrix set", "none holds", models)
        rules = [self._group_of(model) for model in models]
        names = sorted({rule.name for rule in rules})
        if len(names) > 1:
            return _apart("one routing group", "they are in", names)
        return _swapping(names[0]) if rules[0].swap else None

    def _group_of(self, model: ModelId) -> GroupRule:
        default = GroupRule(DEFAULT_GROUP)
        return next((rule for rule in self.groups if model in rule.members), default)


def build_selectors(
    sections: Mapping[str, Plain], names: BaseNames, company: Company, report: Report
) -> dict[str, SelectorConfig]:
    """Return the selectors of ``sections``, the filled ``selectors`` of the file."""
    selectors: dict[str, SelectorConfig] = {}
    for name, value in sections.items():
        path = ("selectors", name)
        values = section_at(value, path, report)
        selector = structure(SelectorConfig, values, path, report)
        selectors[name] = selector
        _check_name(name, path, names, report)
        if value is not None and not isinstance(value, dict):
            continue
        _check_strategy(selector, path, report)
        bases = _targets(selector, values, path, names, sections, report)
        if selector.strategy == "warm":
            _check_local(bases, path, report)
        elif selector.strategy == "spillover":
            _check_spillover(selector, bases, path, company, report)
    return selectors


Targets = list[tuple[Base, KeyPath]]
"""What the targets mean, and where they stand."""


def _check_name(name: str, path: KeyPath, names: BaseNames, report: Report) -> None:
    base = names.resolve(name)
    if not name.strip():
        report.fault(path, blank("the ID of a selector", name))
    elif base is not None and base.peer is None:
        what = "model ID" if base.model == name else f"alias of the model {base.model!r}:"
        text = "the selector's name conflicts with {detail} {found}"
        problem = Problem(text, "a name that no model has", quoted(name), detail=what)
        report.fault(path, problem)


def _check_strategy(selector: SelectorConfig, path: KeyPath, report: Report) -> None:
    here = (*path, "strategy")
    known = ", ".join(STRATEGIES)
    if report.is_tainted(here):
        return
    if not selector.strategy:
        text = "strategy is required: expected {expected}"
        report.fault(here, Problem(text, f"one of {known}", "nothing"))
    elif selector.strategy not in STRATEGIES:
        text = "unknown strategy {found}: expected {expected}"
        name = selector.strategy
        report.fault(here, misnamed(text, name, STRATEGIES, expected=f"one of {known}"))


def _targets(
    selector: SelectorConfig,
    values: Mapping[str, Plain],
    path: KeyPath,
    names: BaseNames,
    selectors: Iterable[str],
    report: Report,
) -> Targets:
    here = (*path, "targets")
    if not selector.targets and not report.is_tainted(here):
        text = "targets must have at least one entry"
        report.fault(here, Problem(text, "at least one target", "none"))
    found: Targets = []
    places = kept_places(values.get("targets"), here)
    for target, place in zip(selector.targets, places, strict=False):
        base = names.resolve(target)
        is_ours = base is not None and base.peer is None
        # One that is called like a model has been told above, and means the model here.
        if target in selectors and not is_ours:
            text = "{found} is a selector: chaining selectors is not possible"
            report.fault(place, Problem(text, A_BASE, quoted(target)))
        elif base is None:
            refuse_unknown(target, names.bases, names.unread, place, report, A_BASE)
        else:
            found.append((base, place))
    return found


def _check_local(targets: Targets, path: KeyPath, report: Report) -> None:
    for base, place in targets:
        if base.peer is not None:
            text = "expected {expected}, since the strategy of {detail} is warm; found {found}"
            found = f"{quoted(base.model)} of the peer {base.peer!r}"
            report.fault(place, Problem(text, "a local model", found, detail=repr(path[-1])))


def _check_spillover(
    selector: SelectorConfig, targets: Targets, path: KeyPath, company: Company, report: Report
) -> None:
    if selector.settings.spillover < 1:
        report.fault(
            (*path, "settings", "spillover"),
            Problem(expected="spillover >= 1", found=str(selector.settings.spillover)),
        )
    seen: set[Base] = set()
    for base, place in targets:
        if base in seen:
            text = "duplicate resolved model {found}: list it once"
            report.fault(place, Problem(text, "each model once", quoted(base.model)))
        seen.add(base)
    local = [ModelId(base.model) for base, _ in dict(targets).items() if base.peer is None]
    if problem := company.problem(local):
        report.fault((*path, "targets"), problem)


def _apart(expected: str, instead: str, found: Sequence[str]) -> Problem:
    text = f"{_TOGETHER}: its local targets must be in {{expected}}, but {instead} {{found}}"
    return Problem(text, expected, " and ".join(map(quoted, found)))


def _swapping(group: str) -> Problem:
    text = f"{_TOGETHER}: the group {{detail}} of its local targets must have {{expected}}"
    # Nobody can set anything of the group of those that are in none.
    hint = "list them as members of a group that has it" if group == DEFAULT_GROUP else ""
    return Problem(text, "swap: false", "swap: true", hint, detail=repr(group))
