"""The sets of a matrix as a graph: who can be together, and which sets there are of the wanted."""

from __future__ import annotations

import pytest

from llamaswap.policy.matrix import Matrix, compile_matrix
from llamaswap.policy.matrix_graph import Found, Frontier, Graph, Node
from llamaswap.policy.rules import ModelId

LETTERS = [ModelId(letter) for letter in "abcdefxyz"]


def matrix(**sets: str) -> Matrix:
    return compile_matrix({}, {}, sets, LETTERS)


def mask_of(policy: Matrix, letters: str) -> int:
    return sum(policy.bits[ModelId(letter)] for letter in letters)


def letters_of(policy: Matrix, mask: int) -> str:
    return "".join(sorted(model for model, bit in policy.bits.items() if bit & mask))


def told(policy: Matrix, frontier: Frontier) -> list[tuple[str, str]]:
    """Spell each set: what it holds of the models in question, and all of it."""
    return [
        (letters_of(policy, mask), letters_of(policy, members))
        for mask, members in frontier.items()
    ]


Spelled = tuple[str, list[list[tuple[str, str]]], str]
"""A family's name, the sets of each factor, and the others."""


def spell(policy: Matrix, found: Found) -> Spelled:
    factors = [told(policy, frontier) for frontier in found.factors]
    return (found.family.name, factors, letters_of(policy, found.others))


def asked(policy: Matrix, wanted: str, running: str) -> list[Spelled]:
    found = policy.graph.sets_with(mask_of(policy, wanted), mask_of(policy, running))
    return [spell(policy, one) for one in found]


COMPANIONS = {
    "those of a single set": (matrix(s="a & b"), "a", "ab"),
    "of alternatives only those of its own": (matrix(s="a & b | c & d"), "a", "ab"),
    "of a join all of the other parts": (matrix(s="(a | b) & (c | d)"), "a", "acd"),
    "not its alternatives": (matrix(s="(a | b) & c"), "b", "bc"),
    "also its alternatives where it comes in twice": (matrix(s="(a | b) & (a | b)"), "a", "ab"),
    "of a part that has several": (matrix(s="(a & b | c) & (d | e & f)"), "b", "abdef"),
    "of all families": (matrix(s="a & b", t="a & c", u="b & d"), "a", "abc"),
    "of a family that another refers to": (matrix(s="a | b & c", t="+s & d"), "b", "bcd"),
    "itself where it is alone": (matrix(s="a | b"), "a", "a"),
}


@pytest.mark.parametrize(("policy", "model", "together"), COMPANIONS.values(), ids=COMPANIONS)
def test_companions(policy: Matrix, model: str, together: str) -> None:
    bit = mask_of(policy, model)

    assert letters_of(policy, policy.graph.companions(bit)) == together
    assert letters_of(policy, policy.graph.companions(bit)) == together, "remembered"


def test_whoever_is_in_no_set_has_no_companions() -> None:
    policy = matrix(s="a & b")

    assert policy.graph.companions(1 << 20) == 0


SETS: dict[str, tuple[Matrix, str, str, list[Spelled]]] = {
    "a single set": (
        matrix(s="a & b & c"),
        "a",
        "b",
        [("s", [[("ab", "abc")]], "")],
    ),
    "of a union those with the wanted one": (
        matrix(s="a & b | a & c | b & c"),
        "a",
        "bc",
        [("s", [[("ab", "ab"), ("ac", "ac")]], "")],
    ),
    "of a union those that hold less than another are left out": (
        matrix(s="a & b | a & c | a & b & c"),
        "a",
        "bc",
        [("s", [[("abc", "abc")]], "")],
    ),
    "of a union that does not differ in what runs the first": (
        matrix(s="a & b | a & c"),
        "a",
        "",
        [("s", [[("a", "ab")]], "")],
    ),
    "of a join without shared models only the factor of the wanted one": (
        matrix(s="(a | b) & (c | d)"),
        "a",
        "cd",
        [("s", [[("a", "a")]], "cd")],
    ),
    "in that factor all sets with the wanted one": (
        matrix(s="(a & e | a & f | b) & (c | d)"),
        "a",
        "cdef",
        [("s", [[("ae", "ae"), ("af", "af")]], "cd")],
    ),
    "of a join with shared models whole sets": (
        matrix(s="(a | b) & (a | c)"),
        "a",
        "bc",
        [("s", [[("ac", "ac"), ("ab", "ab")]], "")],
    ),
    "of a join with shared models whoever of them is wanted": (
        matrix(s="(a | b) & (a | c) & (d | e)"),
        "d",
        "abc",
        [("s", [[("acd", "acd"), ("abd", "abd"), ("bcd", "bcd")]], "")],
    ),
    "of all families in order, without those that cannot hold it": (
        matrix(s="a & b", t="c & d", u="a | c"),
        "a",
        "b",
        [("s", [[("ab", "ab")]], ""), ("u", [[("a", "a")]], "")],
    ),
    "a family that another refers to answers for both, and comes first": (
        matrix(t="+s & (e | f) | x", s="(a | b) & (c | d)"),
        "a",
        "cdf",
        [
            ("s", [[("a", "a")]], "cd"),
            ("t", [[("acf", "acf"), ("adf", "adf")]], ""),
        ],
    ),
    "of a part that another refers to only what holds the wanted one": (
        matrix(s="a | b", t="+s & c"),
        "a",
        "bc",
        [("s", [[("a", "a")]], ""), ("t", [[("a", "a")]], "c")],
    ),
    "a part of which one family needs more than another is left with all": (
        matrix(s="a | b", t="+s & (a | c)"),
        "a",
        "bc",
        [("s", [[("a", "a")]], ""), ("t", [[("ac", "ac"), ("ab", "ab")]], "")],
    ),
    "several wanted of one factor": (
        matrix(s="(a & b | a & c | b) & (d | e)"),
        "ab",
        "cde",
        [("s", [[("ab", "ab")]], "de")],
    ),
    "several wanted of several factors": (
        matrix(s="(a | b) & (c | d) & (e | f)"),
        "ad",
        "ef",
        [("s", [[("a", "a")], [("d", "d")]], "ef")],
    ),
    "several wanted of all factors": (
        matrix(s="(a | b) & (c | d)"),
        "ad",
        "",
        [("s", [[("a", "a")], [("d", "d")]], "")],
    ),
    "several wanted that exclude each other": (matrix(s="(a | b) & (c | d)"), "ab", "cd", []),
    "several wanted of different families": (matrix(s="a & b", t="c & d"), "ac", "", []),
    "several wanted of which one set has all": (
        matrix(s="a | b", t="a & b"),
        "ab",
        "",
        [("t", [[("ab", "ab")]], "")],
    ),
}


@pytest.mark.parametrize(("policy", "wanted", "running", "found"), SETS.values(), ids=SETS)
def test_sets_with(policy: Matrix, wanted: str, running: str, found: list[Spelled]) -> None:
    assert asked(policy, wanted, running) == found
    assert asked(policy, wanted, running) == found, "what is remembered changes nothing"


def test_the_other_factors_are_told_whoever_is_wanted() -> None:
    policy = matrix(s="(a | b) & (c | d) & e")
    (family,) = policy.graph.families
    running = mask_of(policy, "bcd")

    factors = [told(policy, one) for one in policy.graph.factors(family, running)]
    assert factors == [[("b", "b")], [("c", "c"), ("d", "d")], [("", "e")]]


def test_what_is_remembered_of_a_node_is_replaced_when_others_of_its_models_run() -> None:
    policy = matrix(s="(a | b | c) & (d | e | f)")
    graph = policy.graph
    left, right = graph.nodes[graph.families[0].root].parts

    def sets_of(part: int, running: str) -> list[tuple[str, str]]:
        return told(policy, graph.plain(part, mask_of(policy, running)))

    assert sets_of(left, "ab") == [("a", "a"), ("b", "b")]
    remembered = graph.plain(left, mask_of(policy, "ab"))
    assert sets_of(right, "abef") == [("e", "e"), ("f", "f")]
    # What runs elsewhere makes no difference, and the answer is the same object.
    assert graph.plain(left, mask_of(policy, "abdef")) is remembered

    assert sets_of(left, "bc") == [("b", "b"), ("c", "c")]
    assert sets_of(left, "ab") == [("a", "a"), ("b", "b")]
    assert graph.plain(left, mask_of(policy, "ab")) is not remembered
    assert graph._plain.keys() == {left, right}, "one answer a node"


def test_a_part_that_stands_in_a_set_twice_is_worked_out_once() -> None:
    policy = matrix(s="(a | b) & (a | b)")
    root = policy.graph.families[0].root

    assert told(policy, policy.graph.plain(root, mask_of(policy, "ab"))) == [("ab", "ab")]


def test_of_what_does_not_run_the_first_set_stands_for_all() -> None:
    policy = matrix(s="(a | b) & (c | d)")
    root = policy.graph.families[0].root

    assert told(policy, policy.graph.plain(root, 0)) == [("", "ac")]
    assert not policy.graph._plain


def test_ways_are_remembered_of_single_models_only() -> None:
    policy = matrix(s="(a | b) & (c | d)")
    for wanted in ("a", "ac", "ad", "a"):
        asked(policy, wanted, "")

    assert policy.graph._ways.keys() == {mask_of(policy, "a")}


def test_what_a_graph_remembers_makes_it_no_other() -> None:
    policy, other = matrix(s="(a | b) & (c | d)"), matrix(s="(a | b) & (c | d)")
    asked(policy, "a", "bcd")

    assert policy.graph == other.graph
    assert repr(policy.graph) == repr(other.graph)


@pytest.mark.parametrize(
    ("node", "has_factors"),
    [
        (Node(0b11, 0b11), False),
        (Node(0b11, 0b01, (0, 1)), False),
        (Node(0b11, 0b11, (0, 1), joins=True), True),
        (Node(0b11, 0b11, (0, 1), joins=True, shared=0b01), False),
    ],
    ids=["a single set", "a union", "a join", "a join that shares"],
)
def test_only_joins_of_strangers_have_factors(node: Node, *, has_factors: bool) -> None:
    assert node.has_factors == has_factors


def test_a_graph_without_sets_has_none() -> None:
    assert list(Graph((), ()).sets_with(1, 0)) == []
