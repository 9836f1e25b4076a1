"""What the names in a matrix mean: vars, costs and references between sets.

Pure. Everything that is wrong with the section is found here and told at once.
What comes out has no open names, and each set stands behind those it refers
to; `matrix` relies on both.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping

from attrs import define, field, frozen

from llamaswap.errors import SwapError
from llamaswap.policy.matrix_language import (
    ExpressionError,
    Finding,
    Name,
    SetName,
    Step,
    is_name,
    parse,
    trim,
)
from llamaswap.policy.near_names import suggestion
from llamaswap.policy.rules import ModelId

_VAR_CHARACTER = re.compile("[a-zA-Z0-9.-]")
_VAR_LENGTHS = range(1, 33)


@frozen
class Problem:
    """One thing that is wrong with a matrix."""

    key: tuple[str, ...]
    """Where, from the matrix section on: ``("sets", "s1")``; empty for the section."""

    finding: Finding

    @property
    def message(self) -> str:
        """What was found and what was expected, with a suggestion."""
        return str(self.finding)

    def __str__(self) -> str:
        """Say it in one line, the place first."""
        return ": ".join((".".join(("matrix", *self.key)), self.message))


class MatrixError(SwapError):
    """A matrix cannot be used; ``problems`` holds every reason at once."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


@frozen
class LinkedSet:
    """One set, whose names all mean something."""

    name: str
    expression: str
    """As it was written, trimmed."""

    steps: tuple[Step, ...]


@frozen
class LinkedMatrix:
    """A matrix without problems, ready to be compiled."""

    names: Mapping[str, ModelId]
    """What each var and each id means."""

    costs: Mapping[ModelId, int]
    sets: tuple[LinkedSet, ...]
    """In the order of definition, but each behind the sets it refers to."""


def link(
    variables: Mapping[str, ModelId],
    costs: Mapping[str, int],
    sets: Mapping[str, str],
    models: Collection[ModelId],
) -> LinkedMatrix:
    """Parse all sets and find out what every name in the section means.

    A var that is called like a model hides it. Where costs are given for one
    model under several names, the highest counts.

    Raises:
      MatrixError: with all problems of the section.
    """
    names = {str(model): model for model in models} | dict(variables)
    problems = [*_var_problems(variables, models), *_cost_problems(costs, names)]
    if not sets:
        text, wanted = "at least one set is needed under 'sets'", "at least one set"
        problems.insert(0, Problem((), Finding(text, wanted, "none")))
    linker = _Linker(names, {name: place for place, name in enumerate(sets)})
    steps = {name: linker.parsed(name, text) for name, text in sets.items()}
    order = linker.ordered(steps)
    problems += linker.problems
    if problems:
        raise MatrixError(tuple(problems))
    return LinkedMatrix(
        names,
        _costs_by_model(costs, names),
        tuple(LinkedSet(name, trim(sets[name]), steps[name]) for name in order),
    )


@define
class _Linker:
    """Collects what is wrong with the sets."""

    _names: Mapping[str, ModelId]
    _places: Mapping[str, int]
    """Of the sets, in the order of definition."""

    problems: list[Problem] = field(factory=list[Problem], init=False)

    def parsed(self, name: str, text: str) -> tuple[Step, ...]:
        """Return the steps of the set ``name``: none if it cannot be parsed."""
        try:
            steps = parse(text)
        except ExpressionError as error:
            self.problems.append(Problem(("sets", name), error.finding))
            return ()
        for step in steps:
            if isinstance(step, Name) and step.text not in self._names:
                self._unknown_name(name, step)
            elif isinstance(step, SetName) and step.text not in self._places:
                self._unknown_set(name, step)
        return steps

    def ordered(self, steps: Mapping[str, tuple[Step, ...]]) -> list[str]:
        """Return the sets, each behind those it refers to; cycles are problems."""
        references = {
            name: dict.fromkeys(
                step.text for step in parts if isinstance(step, SetName) and step.text in steps
            )
            for name, parts in steps.items()
        }
        order, cycles = _in_order(references)
        for cycle in cycles:
            first = min(range(len(cycle)), key=lambda place: self._places[cycle[place]])
            chain = " -> ".join((*cycle[first:], *cycle[: first + 1]))
            finding = Finding(f"circular reference: {chain}", "sets without a circle", chain)
            self.problems.append(Problem(("sets", cycle[first]), finding))
        return order

    def _unknown_name(self, name: str, step: Name) -> None:
        hint = suggestion(step.text, filter(is_name, self._names))
        if step.text in self._places and step.text != name:
            hint = f"did you mean the set, '+{step.text}'?"
        text = f"unknown var or model {step.text!r} at position {step.position}"
        finding = Finding(text, "a var or a model's id", repr(step.text), hint)
        self.problems.append(Problem(("sets", name), finding))

    def _unknown_set(self, name: str, step: SetName) -> None:
        others = (other for other in self._places if other != name and is_name(other))
        hint = suggestion(step.text, others)
        if step.text in self._names:
            hint = f"did you mean the model, {step.text!r} without the '+'?"
        text = f"references undefined set {step.text!r} at position {step.position}"
        finding = Finding(text, "the name of a set", repr(step.text), hint)
        self.problems.append(Problem(("sets", name), finding))


def _in_order(
    references: Mapping[str, Iterable[str]],
) -> tuple[list[str], list[tuple[str, ...]]]:
    """Walk depth first, without recursion; return the order of leaving, and cycles.

    Of cycles that share members, as many are returned as are needed to name
    each member: all of them may be too many.
    """
    order: dict[str, None] = {}
    cycles: list[tuple[str, ...]] = []
    named: set[str] = set()
    for root in references:
        path = {} if root in order else {root: iter(references[root])}
        while path:
            here = next(reversed(path))
            there = next(path[here], None)
            if there is None:
                path.popitem()
                order[here] = None
            elif there in path:
                if not named.issuperset({here, there}):
                    walked = list(path)
                    cycles.append(tuple(walked[walked.index(there) :]))
                    named.update(cycles[-1])
            elif there not in order:
                path[there] = iter(references[there])
    return list(order), cycles


def _var_problems(
    variables: Mapping[str, ModelId], models: Collection[ModelId]
) -> Iterator[Problem]:
    for var, model in variables.items():
        if found := _var_fault(var):
            wanted = "letters (a-z, A-Z), digits, '.' and '-', 1-32 of them"
            text = f"invalid key {var!r}: found {found}; the allowed characters are {wanted}"
            yield Problem(("vars", var), Finding(text, wanted, found))
        if model not in models:
            near = suggestion(model, models)
            yield Problem(
                ("vars", var),
                Finding(
                    f"unknown model {model!r}",
                    "a model's id",
                    repr(model),
                    near or "an alias cannot be used here",
                    joint=", " if near else "; ",
                ),
            )


def _var_fault(var: str) -> str:
    wrong = [place for place, char in enumerate(var) if not _VAR_CHARACTER.match(char)]
    if wrong:
        return f"{var[wrong[0]]!r} at position {wrong[0]}"
    return "" if len(var) in _VAR_LENGTHS else f"{len(var)} characters"


def _cost_problems(costs: Mapping[str, int], names: Iterable[str]) -> Iterator[Problem]:
    known = frozenset(names)
    for name, cost in costs.items():
        if name not in known:
            text, hint = f"unknown var or model {name!r}", suggestion(name, sorted(known))
            finding = Finding(text, "a var or a model's id", repr(name), hint)
            yield Problem(("evict_costs", name), finding)
        if cost <= 0:
            text, wanted = "the cost must be a positive integer", "a positive integer"
            finding = Finding(f"{text}, found {cost}", wanted, str(cost))
            yield Problem(("evict_costs", name), finding)


def _costs_by_model(
    costs: Mapping[str, int], names: Mapping[str, ModelId]
) -> Mapping[ModelId, int]:
    by_model: dict[ModelId, int] = {}
    for name, cost in costs.items():
        model = names[name]
        by_model[model] = max(cost, by_model.get(model, 1))
    return by_model
