from __future__ import annotations

from collections.abc import Mapping

import pytest
from attrs import evolve, field, frozen
from hypothesis import given
from hypothesis import strategies as st

from llamaswap.policy.matrix_links import (
    LinkedMatrix,
    MatrixError,
    Problem,
    Surroundings,
    link,
)
from llamaswap.policy.matrix_links import problems_of as all_problems
from llamaswap.policy.rules import ModelId
from llamaswap.policy.unread import ANY_NAME, Unread

MODELS = tuple(ModelId(name) for name in ("ant", "bee", "org/cat:7b"))
ANT, BEE, CAT = MODELS


@frozen
class Section:
    """A matrix as somebody writes it."""

    sets: Mapping[str, str] = field(factory=lambda: {"s": "ant"})
    variables: Mapping[str, ModelId] = field(factory=dict[str, ModelId])
    costs: Mapping[str, int] = field(factory=dict[str, int])

    def link(self) -> LinkedMatrix:
        return link(self.variables, self.costs, self.sets, MODELS)


def problems_of(section: Section) -> tuple[Problem, ...]:
    with pytest.raises(MatrixError) as caught:
        section.link()
    return caught.value.problems


Told = tuple[tuple[str, ...], str]
"""Where, and the message."""


def _key(var: str, found: str) -> Told:
    message = (
        f"invalid key {var!r}: {found}; the allowed characters are "
        "letters (a-z, A-Z), digits, '.' and '-', 1-32 of them"
    )
    return ("vars", var), message


def _set(name: str, message: str) -> Told:
    return ("sets", name), message


LONG = "v" * 33

FAULTS: dict[str, tuple[Section, list[Told]]] = {
    "no sets": (Section({}), [((), "at least one set is needed under 'sets'")]),
    "a character that no var has": (
        Section(variables={"a_b": ANT}),
        [_key("a_b", "found '_' at position 1")],
    ),
    "a var that is too long": (
        Section(variables={LONG: ANT}),
        [_key(LONG, "found 33 characters")],
    ),
    "a var without a name": (Section(variables={"": ANT}), [_key("", "found 0 characters")]),
    "a line break behind a var": (
        Section(variables={"a\n": ANT}),
        [_key("a\n", r"found '\n' at position 1")],
    ),
    "a var of a model that is not there": (
        Section(variables={"a": ModelId("ent")}),
        [(("vars", "a"), "unknown model 'ent', did you mean 'ant'?")],
    ),
    "a var of what may be an alias": (
        Section(variables={"a": ModelId("gpt")}),
        [(("vars", "a"), "unknown model 'gpt'; an alias cannot be used here")],
    ),
    "nothing": (
        Section(costs={"ant": 0}),
        [(("evict_costs", "ant"), "the cost must be a positive integer, found 0")],
    ),
    "the cost of nobody": (
        Section(costs={"aunt": 1}),
        [(("evict_costs", "aunt"), "unknown var or model 'aunt', did you mean 'ant'?")],
    ),
    "an expression that is none": (
        Section({"s": "ant &"}),
        [
            _set(
                "s",
                "unexpected token: the expression ends where a model, a '+set' or '(' is expected",
            )
        ],
    ),
    "a name that means nothing": (
        Section({"s": "ant & zz"}),
        [_set("s", "unknown var or model 'zz' at position 6")],
    ),
    "a name that nearly means a var": (
        Section({"s": " cut"}, {"cat": CAT}),
        [_set("s", "unknown var or model 'cut' at position 0, did you mean 'cat'?")],
    ),
    "a set that is not there": (
        Section({"s": "ant & (bee | +base)", "bases": "ant"}),
        [_set("s", "references undefined set 'base' at position 13, did you mean 'bases'?")],
    ),
    "a set that refers to itself": (
        Section({"s": "ant | +s"}),
        [_set("s", "circular reference: s -> s")],
    ),
    "a cycle, begun at the set that stands first": (
        Section({"out": "+y", "x": "+y", "y": "+z & ant", "z": "bee | +x"}),
        [_set("x", "circular reference: x -> y -> z -> x")],
    ),
    "two cycles through one set": (
        Section({"a": "+b | +c", "b": "+a", "c": "+a & +b"}),
        [
            _set("a", "circular reference: a -> b -> a"),
            _set("a", "circular reference: a -> c -> a"),
        ],
    ),
    "not each of the many cycles": (
        Section({"a": "+b | +c", "b": "+c", "c": "+a & +b"}),
        [_set("a", "circular reference: a -> b -> c -> a")],
    ),
    "a reference to a set that cannot be parsed is no fault of its own": (
        Section({"s": "+t", "t": "("}),
        [
            _set(
                "t",
                "unexpected token: the expression ends where a model, a '+set' or '(' is expected",
            )
        ],
    ),
    "everything at once": (
        Section(
            {"s": "x & y | +t", "t": "ant, bee", "u": "+u"},
            {"_": ModelId("?")},
            {"w": -1},
        ),
        [
            _key("_", "found '_' at position 0"),
            (("vars", "_"), "unknown model '?'; an alias cannot be used here"),
            (("evict_costs", "w"), "unknown var or model 'w'"),
            (("evict_costs", "w"), "the cost must be a positive integer, found -1"),
            _set("s", "unknown var or model 'x' at position 0"),
            _set("s", "unknown var or model 'y' at position 4"),
            _set(
                "t",
                "unexpected character ',' at position 3: names are letters, digits, '_', '-' and "
                "'.'; a model id with other characters needs a var",
            ),
            _set("u", "circular reference: u -> u"),
        ],
    ),
}


@pytest.mark.parametrize(("section", "problems"), FAULTS.values(), ids=FAULTS)
def test_all_problems_are_told_at_once(section: Section, problems: list[Told]) -> None:
    assert [(problem.key, problem.message) for problem in problems_of(section)] == problems


# What is wrong, and for each problem: what was expected, what was found, what is suggested.
MODEL = "a var or a model's id"
PARTS: dict[str, tuple[Section, list[tuple[str, str, str]]]] = {
    "no sets": (Section({}), [("at least one set", "none", "")]),
    "a wrong var": (
        Section(variables={"a_b": ModelId("bees")}),
        [
            ("letters (a-z, A-Z), digits, '.' and '-', 1-32 of them", "'_' at position 1", ""),
            ("a model's id", "'bees'", "did you mean 'bee'?"),
        ],
    ),
    "a var of nobody": (
        Section(variables={"a": ModelId("gpt")}),
        [("a model's id", "'gpt'", "an alias cannot be used here")],
    ),
    "costs": (
        Section(costs={"aunt": 0}),
        [(MODEL, "'aunt'", "did you mean 'ant'?"), ("a positive integer", "0", "")],
    ),
    "a name that is nearly an id": (
        Section({"s": "beee"}),
        [(MODEL, "'beee'", "did you mean 'bee'?")],
    ),
    "an id that no expression can name is not suggested": (
        Section({"s": "org.cat.7b", "t": "sett", "set:t": "ant"}),
        [(MODEL, "'org.cat.7b'", ""), (MODEL, "'sett'", "")],
    ),
    "a set without its plus": (
        Section({"s": "base", "base": "ant"}),
        [(MODEL, "'base'", "did you mean the set, '+base'?")],
    ),
    "a set that is nearly there": (
        Section({"s": "+bases", "base": "ant"}),
        [("the name of a set", "'bases'", "did you mean 'base'?")],
    ),
    "a set that no expression can name is not suggested": (
        Section({"s": "+set.t", "set:t": "ant"}),
        [("the name of a set", "'set.t'", "")],
    ),
    "a set is not suggested to itself": (
        Section({"sett": "sett | +set"}),
        [(MODEL, "'sett'", ""), ("the name of a set", "'set'", "")],
    ),
    "a model with a plus": (
        Section({"s": "+ant & +v"}, {"v": BEE}),
        [
            ("the name of a set", "'ant'", "did you mean the model, 'ant' without the '+'?"),
            ("the name of a set", "'v'", "did you mean the model, 'v' without the '+'?"),
        ],
    ),
    "a circle": (
        Section({"a": "+b", "b": "+a"}),
        [("sets without a circle", "a -> b -> a", "")],
    ),
    "no expression": (
        Section({"s": "org/cat"}),
        [
            (
                "letters, digits, '_', '-' and '.'",
                "'/' at position 3",
                "a model id with other characters needs a var",
            )
        ],
    ),
}


@pytest.mark.parametrize(("section", "parts"), PARTS.values(), ids=PARTS)
def test_problems_have_parts(section: Section, parts: list[tuple[str, str, str]]) -> None:
    findings = [problem.finding for problem in problems_of(section)]

    assert [(found.expected, found.found, found.suggestion) for found in findings] == parts


def test_a_problem_says_where() -> None:
    with pytest.raises(MatrixError) as caught:
        link({}, {"ant": 0}, {}, MODELS)

    assert str(caught.value) == (
        "matrix: at least one set is needed under 'sets'\n"
        "matrix.evict_costs.ant: the cost must be a positive integer, found 0"
    )


def test_a_var_hides_a_model() -> None:
    linked = Section(variables={"ant": BEE, "v" * 32: CAT}).link()

    assert linked.names == {"ant": BEE, "bee": BEE, "org/cat:7b": CAT, "v" * 32: CAT}


def test_the_highest_of_several_costs_counts_in_any_order() -> None:
    section = Section(variables={"a": ANT}, costs={"ant": 3, "a": 5, "org/cat:7b": 2})
    turned = evolve(section, costs=dict(reversed(list(section.costs.items()))))

    assert section.link().costs == turned.link().costs == {ANT: 5, CAT: 2}


ORDERS = {
    "as defined": ({"b": "ant", "a": "ant", "a10": "ant", "a9": "ant"}, ["b", "a", "a10", "a9"]),
    "a reference is moved ahead": ({"s": "ant | +u", "t": "ant", "u": "ant"}, ["u", "s", "t"]),
    "first mention first, depth first": (
        {"s": "+v & +u", "t": "ant", "u": "+t", "v": "+w", "w": "ant"},
        ["w", "v", "t", "u", "s"],
    ),
    "forward, backward and twice": ({"a": "ant", "b": "+a | +c | +a", "c": "+a"}, ["a", "c", "b"]),
}


@pytest.mark.parametrize(("sets", "order"), ORDERS.values(), ids=ORDERS)
def test_sets_stand_behind_those_they_refer_to(sets: dict[str, str], order: list[str]) -> None:
    assert [part.name for part in Section(sets).link().sets] == order


def test_a_set_keeps_its_words() -> None:
    assert Section({"s": "\n ant|bee "}).link().sets[0].expression == "ant|bee"


def test_no_chain_exhausts_the_stack() -> None:
    length = 3_000
    chain = {f"s{n}": f"ant | +s{n + 1}" for n in range(length)}

    assert len(Section(chain | {f"s{length}": "bee"}).link().sets) == length + 1
    assert len(problems_of(Section(chain | {f"s{length}": "+s0"}))) == 1


texts = st.text() | st.text(alphabet="ab+&|( )")


@given(
    st.dictionaries(texts, st.sampled_from([*MODELS, ModelId("")]), max_size=3),
    st.dictionaries(texts, st.integers(), max_size=3),
    st.dictionaries(texts, texts, max_size=5),
)
def test_whatever_is_written_links_or_has_problems(
    variables: dict[str, ModelId], costs: dict[str, int], sets: dict[str, str]
) -> None:
    try:
        found = {part.name for part in link(variables, costs, sets, MODELS).sets}
    except MatrixError as error:
        found = {problem.key[0] for problem in error.problems if problem.key}
        assert found <= {"vars", "evict_costs", "sets"}
    else:
        assert found == sets.keys()


def test_an_alias_is_told_with_the_id_to_write() -> None:
    beside = Surroundings({"formica": ANT, "kitty": CAT})

    found = all_problems(
        {"v": ModelId("formica")}, {"kitty": 2}, {"s": "formica & bee"}, MODELS, beside
    )

    assert [str(problem) for problem in found] == [
        "matrix.vars.v: unknown model 'formica', it is an alias: write the id 'ant'",
        (
            "matrix.evict_costs.kitty: unknown var or model 'kitty', "
            "it is an alias: write the id 'org/cat:7b'"
        ),
        (
            "matrix.sets.s: unknown var or model 'formica' at position 0, "
            "it is an alias: write the id 'ant'"
        ),
    ]


def test_of_an_id_that_no_set_can_name_a_var_is_asked() -> None:
    found = all_problems({}, {}, {"s": "kitty"}, MODELS, Surroundings({"kitty": CAT}))

    assert [problem.finding.suggestion for problem in found] == [
        "it is an alias of 'org/cat:7b': write a var for that"
    ]


def test_nothing_is_said_of_names_that_could_not_be_read() -> None:
    some = Unread(frozenset({"v", "s"}))
    sets = {"t": "v & +s", "u": "x & +y"}

    beside = Surroundings(variables=some, sets=some)
    assert [str(problem) for problem in all_problems({}, {"v": 1}, sets, MODELS, beside)] == [
        "matrix.sets.u: unknown var or model 'x' at position 0",
        "matrix.sets.u: references undefined set 'y' at position 4",
    ]
    beside = Surroundings(models=ANY_NAME, sets=ANY_NAME)
    assert all_problems({"v": ModelId("x")}, {"y": 1}, sets, MODELS, beside) == ()
    assert all_problems({}, {}, {}, MODELS, beside) == ()
