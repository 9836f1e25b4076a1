"""Selectors: names that stand for one of several models, and what each strategy needs.

Pure. Targets are looked at by what they mean, so an alias and its model are one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from attrs import frozen

from llamaswap.config.document import KeyPath, Plain, Problem, Report
from llamaswap.config.expansion import section_at
from llamaswap.config.names import Base, BaseNames, misnamed, unknown_model
from llamaswap.config.sections import SelectorConfig
from llamaswap.config.structure import kept_places, structure
from llamaswap.policy.eviction import DEFAULT_GROUP, GroupRule
from llamaswap.policy.matrix import Matrix
from llamaswap.policy.rules import ModelId

STRATEGIES = ("warm", "pin", "spillover")


@frozen
class Company:
    """Which models may run together."""

    groups: tuple[GroupRule, ...] = ()
    matrix: Matrix | None = None
    is_known: bool = True
    """It is without faults, so that what it says counts."""

    def problem(self, models: Sequence[ModelId]) -> str | None:
        """Say why ``models`` can never all run at one time; ``None``: they can."""
        if not self.is_known or len(models) < 2:  # noqa: PLR2004 - one runs with itself
            return None
        if self.matrix is not None:
            fits = self.matrix.can_contain_all(models)
            return None if fits else "its local targets must be in one expanded matrix set"
        rules = [self._group_of(model) for model in models]
        names = sorted({rule.name for rule in rules})
        if len(names) > 1:
            found = ", ".join(map(repr, names))
            return f"its local targets must be in one routing group, found {found}"
        if rules[0].swap:
            return f"the group {names[0]!r} of its local targets must have swap: false"
        return None

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
        report.fault(path, "the ID of a selector cannot be empty")
    elif base is not None and base.peer is None:
        what = "model ID" if base.model == name else f"alias of the model {base.model!r}:"
        report.fault(path, f"the selector's name conflicts with {what} {name!r}")


def _check_strategy(selector: SelectorConfig, path: KeyPath, report: Report) -> None:
    here = (*path, "strategy")
    known = ", ".join(STRATEGIES)
    if report.is_tainted(here):
        return
    if not selector.strategy:
        report.fault(here, Problem("strategy is required: expected {expected}", f"one of {known}"))
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
        report.fault(here, "targets must have at least one entry")
    found: Targets = []
    places = kept_places(values.get("targets"), here)
    for target, place in zip(selector.targets, places, strict=False):
        base = names.resolve(target)
        is_ours = base is not None and base.peer is None
        # One that is called like a model has been told above, and means the model here.
        if target in selectors and not is_ours:
            message = f"{target!r} is a selector: chaining selectors is not possible"
            report.fault(place, message)
        elif base is None:
            report.fault(place, unknown_model(target, names.bases))
        else:
            found.append((base, place))
    return found


def _check_local(targets: Targets, path: KeyPath, report: Report) -> None:
    for base, place in targets:
        if base.peer is not None:
            found = f"{base.model!r} is one of the peer {base.peer!r}"
            text = f"expected {{expected}}, since the strategy of {path[-1]!r} is warm; {{found}}"
            report.fault(place, Problem(text, "a local model", found))


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
            report.fault(place, f"duplicate resolved model {base.model!r}: list it once")
        seen.add(base)
    local = [ModelId(base.model) for base, _ in dict(targets).items() if base.peer is None]
    if problem := company.problem(local):
        report.fault((*path, "targets"), f"spillover needs targets that run together: {problem}")
