"""What the names in a matrix mean: vars, costs and references between sets.

Pure. Everything that is wrong with the section is found here and told at once.
What comes out has no open names, and each set stands behind those it refers
to; `matrix` relies on both.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Self

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
from llamaswap.policy.unread import EVERYTHING_READ, Unread

_VAR_CHARACTER = re.compile("[a-zA-Z0-9.-]")
_VAR_LENGTHS = range(1, 33)
_A_NAME = "a var or a model's id"


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


@frozen
class Surroundings:
    """What is known beside a matrix; it changes what is told, not what anything means."""

    aliases: Mapping[str, ModelId] = field(factory=dict[str, ModelId])
    """The other names of models, which cannot be used here."""

    models: Unread = EVERYTHING_READ
    variables: Unread = EVERYTHING_READ
    sets: Unread = EVERYTHING_READ

    def hint(self, name: str, *, in_set: bool = False) -> str:
        """Say what to write in place of an alias; empty if ``name`` is none."""
        model = self.aliases.get(name)
        if model is None:
            return ""
        if in_set and not is_name(model):
            return f"it is an alias of {model!r}: write a var for that"
        return f"it is an alias: write the id {model!r}"


NOTHING_BESIDE = Surroundings()


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
    linker = _Linker.of(variables, costs, sets, models, NOTHING_BESIDE)
    if linker.problems:
        raise MatrixError(tuple(linker.problems))
    return LinkedMatrix(
        linker.names,
        _costs_by_model(costs, linker.names),
        tuple(LinkedSet(name, trim(sets[name]), linker.steps[name]) for name in linker.order),
    )


def problems_of(
    variables: Mapping[str, ModelId],
    costs: Mapping[str, int],
    sets: Mapping[str, str],
    models: Collection[ModelId],
    beside: Surroundings,
) -> tuple[Problem, ...]:
    """Return all that is wrong with a section, of which something may be missing: see `link`."""
    return tuple(_Linker.of(variables, costs, sets, models, beside).problems)


@define
class _Linker:
    """Collects what is wrong with the section."""

    names: Mapping[str, ModelId]
    _places: Mapping[str, int]
    """Of the sets, in the order of definition."""

    _beside: Surroundings
    problems: list[Problem] = field(factory=list[Problem], init=False)
    steps: dict[str, tuple[Step, ...]] = field(factory=dict[str, "tuple[Step, ...]"], init=False)
    """Of each set: none if it cannot be parsed."""

    order: list[str] = field(factory=list[str], init=False)
    """The sets, each behind those it refers to."""

    @classmethod
    def of(
        cls,
        variables: Mapping[str, ModelId],
        costs: Mapping[str, int],
        sets: Mapping[str, str],
        models: Collection[ModelId],
        beside: Surroundings,
    ) -> Self:
        """Look at the whole section."""
        names = {str(model): model for model in models} | dict(variables)
        linker = cls(names, {name: place for place, name in enumerate(sets)}, beside)
        if not sets and not beside.sets:
            text, wanted = "at least one set is needed under 'sets'", "at least one set"
            linker.problems.append(Problem((), Finding(text, wanted, "none")))
        linker.look_at_variables(variables, models)
        linker.look_at_costs(costs)
        for name, text in sets.items():
            linker.steps[name] = linker.parsed(name, text)
        linker.put_in_order()
        return linker

    def look_at_variables(
        self, variables: Mapping[str, ModelId], models: Collection[ModelId]
    ) -> None:
        """Tell names that none can have, and models that are none."""
        for var, model in variables.items():
            if found := _var_fault(var):
                wanted = "letters (a-z, A-Z), digits, '.' and '-', 1-32 of them"
                text = f"invalid key {var!r}: found {found}; the allowed characters are {wanted}"
                self.problems.append(Problem(("vars", var), Finding(text, wanted, found)))
            if model not in models and model not in self._beside.models:
                near = self._beside.hint(model) or suggestion(model, models)
                text, hint = f"unknown model {model!r}", near or "an alias cannot be used here"
                joint = ", " if near else "; "
                finding = Finding(text, "a model's id", repr(model), hint, joint)
                self.problems.append(Problem(("vars", var), finding))

    def look_at_costs(self, costs: Mapping[str, int]) -> None:
        """Tell costs of nobody, and those that are none."""
        for name, cost in costs.items():
            if not self._is_known(name):
                text = f"unknown var or model {name!r}"
                hint = self._beside.hint(name) or suggestion(name, sorted(self.names))
                finding = Finding(text, _A_NAME, repr(name), hint)
                self.problems.append(Problem(("evict_costs", name), finding))
            if cost <= 0:
                text, wanted = "the cost must be a positive integer", "a positive integer"
                finding = Finding(f"{text}, found {cost}", wanted, str(cost))
                self.problems.append(Problem(("evict_costs", name), finding))

    def parsed(self, name: str, text: str) -> tuple[Step, ...]:
        """Return the steps of the set ``name``: none if it cannot be parsed."""
        try:
            steps = parse(text)
        except ExpressionError as error:
            self.problems.append(Problem(("sets", name), error.finding))
            return ()
        for step in steps:
            if isinstance(step, Name) and not self._is_known(step.text):
                self._unknown_name(name, step)
            elif isinstance(step, SetName) and not self._is_set(step.text):
                self._unknown_set(name, step)
        return steps

    def put_in_order(self) -> None:
        """Find out which sets refer to which; cycles are problems."""
        references = {
            name: dict.fromkeys(
                step.text for step in parts if isinstance(step, SetName) and step.text in self.steps
            )
            for name, parts in self.steps.items()
        }
        self.order, cycles = _in_order(references)
        for cycle in cycles:
            first = min(range(len(cycle)), key=lambda place: self._places[cycle[place]])
            chain = " -> ".join((*cycle[first:], *cycle[: first + 1]))
            finding = Finding(f"circular reference: {chain}", "sets without a circle", chain)
            self.problems.append(Problem(("sets", cycle[first]), finding))

    def _is_known(self, name: str) -> bool:
        return name in self.names or name in self._beside.variables or name in self._beside.models

    def _is_set(self, name: str) -> bool:
        return name in self._places or name in self._beside.sets

    def _unknown_name(self, name: str, step: Name) -> None:
        hint = self._beside.hint(step.text, in_set=True)
        hint = hint or suggestion(step.text, filter(is_name, self.names))
        if step.text in self._places and step.text != name:
            hint = f"did you mean the set, '+{step.text}'?"
        text = f"unknown var or model {step.text!r} at position {step.position}"
        finding = Finding(text, _A_NAME, repr(step.text), hint)
        self.problems.append(Problem(("sets", name), finding))

    def _unknown_set(self, name: str, step: SetName) -> None:
        others = (other for other in self._places if other != name and is_name(other))
        hint = suggestion(step.text, others)
        if step.text in self.names:
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


def _var_fault(var: str) -> str:
    wrong = [place for place, char in enumerate(var) if not _VAR_CHARACTER.match(char)]
    if wrong:
        return f"{var[wrong[0]]!r} at position {wrong[0]}"
    return "" if len(var) in _VAR_LENGTHS else f"{len(var)} characters"


def _costs_by_model(
    costs: Mapping[str, int], names: Mapping[str, ModelId]
) -> Mapping[ModelId, int]:
    by_model: dict[ModelId, int] = {}
    for name, cost in costs.items():
        model = names[name]
        by_model[model] = max(cost, by_model.get(model, 1))
    return by_model
