from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from itertools import combinations, product
from typing import TypeAlias

import pytest
from attrs import frozen
from hypothesis import assume, example, given
from hypothesis import strategies as st

from llamaswap.policy.matrix import Matrix, compile_matrix
from llamaswap.policy.matrix_links import MatrixError
from llamaswap.policy.rules import Choice, EvictionPolicy, ModelId

A, B, C, D, E, Z = MODELS = tuple(ModelId(name) for name in "abcdez")
T = ModelId("t")
REMOVED = ModelId("removed")


def matrix(
    *expressions: str, sets: Mapping[str, str] | None = None, costs: Mapping[str, int] | None = None
) -> Matrix:
    """Compile ``sets``, or expressions that are called 1, 2, 3 and so on."""
    numbered = {str(number): text for number, text in enumerate(expressions, 1)}
    return compile_matrix({}, costs or {}, sets or numbered, [*MODELS, T])


def solve(
    policy: EvictionPolicy,
    wanted: ModelId,
    running: Collection[ModelId],
    leaving: Collection[ModelId] = (),
) -> Choice:
    """Return the choice that is made; whoever must leave is named without explanation too."""
    situation = policy.at(frozenset(running), frozenset(leaving))
    choice = situation.choices(wanted)[0]
    assert situation(wanted) == frozenset(choice.evict)
    return choice


EVICTIONS = {
    "the cheaper one goes": (matrix("a&c", "a&b", costs={"b": 10, "c": 1}), "a", "bc", "b"),
    "models of different sets do not run together": (matrix("a", "b"), "b", "a", ""),
    "models of one set do": (matrix("a&b"), "b", "a", "a"),
    "a model in no set runs alone": (matrix("a&b"), "z", "ab", ""),
    "an alternative that holds more replaces one that holds less": (
        matrix("t & (d | (d & e))"),
        "t",
        "de",
        "de",
    ),
    "a part of a set may run": (matrix("a & b & c"), "a", "c", "c"),
    "a set that is mentioned comes first": (
        matrix(sets={"alpha": "(a & c) | +zed", "zed": "a & b"}),
        "a",
        "bc",
        "b",
    ),
    "the first of equal alternatives wins": (matrix("a & (b | c)"), "a", "bc", "b"),
    "the last factor varies fastest": (matrix("(a | b) & (a | c)"), "a", "bc", "c"),
    "a replaced alternative goes to the end": (
        matrix("t & (b | c & d | b & e)"),
        "t",
        "bcde",
        "cd",
    ),
    "a set named twice gives pairs": (matrix(sets={"s": "+p & +p", "p": "a | b"}), "a", "b", "b"),
    "a repeated model is one": (matrix("a & a"), "a", "b", ""),
    "and binds tighter than or": (matrix("a | b & c"), "b", "ac", "c"),
    "nobody runs": (matrix("a"), "a", "", ""),
}


@pytest.mark.parametrize(
    ("policy", "wanted", "running", "stays"), EVICTIONS.values(), ids=EVICTIONS
)
def test_evictions(policy: EvictionPolicy, wanted: str, running: str, stays: str) -> None:
    gone = frozenset(map(ModelId, set(running) - set(stays)))

    assert policy.at(frozenset(map(ModelId, running)))(ModelId(wanted)) == gone


def test_a_model_that_runs_evicts_nobody() -> None:
    policy = matrix("a", "b")

    assert solve(policy, A, {A, B}) == Choice(None, None, (A, B), (), 0)


def test_a_choice_tells_the_set_that_decides() -> None:
    policy = matrix(sets={"x": "a & b", "y": " a & (c | d) & e\n"}, costs={"b": 2, "d": 3})

    assert solve(policy, A, [B, C, D]) == Choice("y", "a & (c | d) & e", (A, D, E), (B, C), 3)
    assert policy.at(frozenset([B, C, D])).choices(A) == (
        Choice("y", "a & (c | d) & e", (A, D, E), (B, C), 3),
        Choice("x", "a & b", (A, B), (C, D), 4),
    )
    assert policy.at(frozenset([A, B])).choices(A) == (Choice(None, None, (A, B), (), 0),)


def test_where_nobody_runs_the_first_alternative_is_chosen() -> None:
    assert solve(matrix("a & (d | e)"), A, []).models == (A, D)


def test_a_choice_of_no_set_is_to_run_alone() -> None:
    policy = matrix("a", costs={"b": 2})

    assert solve(policy, Z, [C, B]) == Choice(None, None, (Z,), (B, C), 3)
    assert policy.at(frozenset([C, B])).choices(Z) == (Choice(None, None, (Z,), (B, C), 3),)


def test_whoever_goes_anyway_costs_nothing_and_must_be_gone_all_the_same() -> None:
    policy = matrix("a & b | a & c", costs={"b": 5})

    assert solve(policy, A, [B, C]) == Choice("1", "a & b | a & c", (A, B), (C,), 1)
    assert solve(policy, A, [B, C], [B]) == Choice("1", "a & b | a & c", (A, C), (B,), 0)
    assert solve(policy, Z, [B, C], [B]) == Choice(None, None, (Z,), (B, C), 1)


def test_a_model_that_a_reload_removed_is_in_no_set() -> None:
    assert solve(matrix("a & b"), A, [B, REMOVED]) == Choice("1", "a & b", (A, B), (REMOVED,), 1)


def test_a_var_and_its_id_are_one_model() -> None:
    model = ModelId("org/a:7b")
    policy = compile_matrix({"v": model}, {"v": 5}, {"s": "v & b", "r": "b & c"}, [model, B, C])

    assert solve(policy, B, [model, C]).evict == (C,)
    assert policy.can_contain_all([model, B])


def test_a_section_that_cannot_be_used_is_refused() -> None:
    with pytest.raises(MatrixError) as caught:
        compile_matrix({}, {}, {"s": "nobody"}, MODELS)

    (problem,) = caught.value.problems
    assert str(problem) == "matrix.sets.s: unknown var or model 'nobody' at position 0"


def test_coexistence() -> None:
    policy = matrix("a & (b | c)", "d", "e & (a | b | c) & (a | b | c)")

    assert policy.can_contain_all([])
    assert policy.can_contain_all([A, C])
    assert policy.can_contain_all([B, C, E])
    assert not policy.can_contain_all([A, B, C])
    assert not policy.can_contain_all([A, D])
    assert not policy.can_contain_all([D, Z])
    assert not policy.can_contain_all([REMOVED])


NEWCOMERS = {
    "no set has both": (matrix("a & b", "c"), "a", "c", "", True),
    "one that is in no set": (matrix("a & b"), "a", "z", "", True),
    "one set has both": (matrix("a & b", "c"), "a", "b", "", False),
    "who had to leave for the newcomer makes no difference": (
        matrix("a & b", "a & c"),
        "a",
        "b",
        "c",
        False,
    ),
    "one set has both, and a cheaper one has who runs": (
        matrix("a & b", "a & d", "b & d", costs={"d": 5}),
        "a",
        "b",
        "d",
        True,
    ),
}


@pytest.mark.parametrize(
    ("policy", "wanted", "newcomer", "running", "evicted"), NEWCOMERS.values(), ids=NEWCOMERS
)
def test_newcomers(
    policy: Matrix, wanted: str, newcomer: str, running: str, *, evicted: bool
) -> None:
    situation = policy.at(frozenset(map(ModelId, running)))

    assert situation.would_evict(ModelId(wanted), ModelId(newcomer)) == evicted
    assert situation.would_evict(ModelId(wanted), ModelId(newcomer)) == evicted, "remembered"


def test_nothing_is_written_out() -> None:
    models = [ModelId(f"m{number}") for number in range(100)]
    factors = [models[start : start + 10] for start in range(0, 100, 10)]
    text = " & ".join(f"({' | '.join(factor)})" for factor in factors)
    policy = compile_matrix({}, {}, {"s": text}, models)
    row = [factor[0] for factor in factors]

    assert solve(policy, models[1], row).evict == (models[0],)
    assert policy.can_contain_all(row)
    assert not policy.can_contain_all(models)


def test_references_that_double_do_not_explode() -> None:
    doubling = {f"s{n}": f"+s{n + 1} & (+s{n + 1} | z)" for n in range(200)}

    assert solve(matrix(sets=doubling | {"s200": "a | b"}), A, [B, C]).evict == (C,)


def test_no_chain_exhausts_the_stack() -> None:
    chain = {f"s{n}": f"a & (d | +s{n + 1})" for n in range(2_000)}

    assert solve(matrix(sets=chain | {"s2000": "b"}), A, [B, C]).evict == (C,)


# A naive expansion agrees.

Tree: TypeAlias = str | tuple[str, tuple["Tree", ...]]
"""A name, or an operator with its operands."""

ModelSet: TypeAlias = frozenset[ModelId]

FEW = (A, B, C, D)
NAMES: list[str] = [*FEW, "v"]
SETS = ("s0", "s1", "s2", "s3")


@frozen
class Written:
    """A matrix that is written out in full to answer."""

    trees: dict[str, Tree]
    costs: dict[str, int]

    def compiled(self) -> Matrix:
        sets = {name: text_of(tree) for name, tree in self.trees.items()}
        return compile_matrix({"v": A}, self.costs, sets, MODELS)

    def cost(self, running: ModelSet, members: ModelSet) -> int:
        return sum(self.costs.get(model, 1) for model in running - members)

    def order(self) -> list[str]:
        order: dict[str, None] = {}

        def visit(name: str) -> None:
            for leaf in leaves_of(self.trees[name]):
                if leaf.startswith("+"):
                    visit(leaf[1:])
            order.setdefault(name)

        for name in self.trees:
            visit(name)
        return list(order)

    def expand(self, tree: Tree, relevant: ModelSet) -> list[ModelSet]:
        """Write out, with the reference's rule of what is dropped."""
        if isinstance(tree, str):
            if tree.startswith("+"):
                return self.expand(self.trees[tree[1:]], relevant)
            return [frozenset({A if tree == "v" else ModelId(tree)})]
        operator, parts = tree
        families = [self.expand(part, relevant) for part in parts]
        if operator == "|":
            return without_less([one for family in families for one in family], relevant)
        joined = families[0]
        for family in families[1:]:
            joined = without_less([one | more for one in joined for more in family], relevant)
        return joined

    def solve(self, wanted: ModelId, running: ModelSet) -> Choice:
        if wanted in running:
            return Choice(None, None, tuple(sorted(running)), (), 0)
        choices = [
            Choice(
                name,
                text_of(self.trees[name]),
                tuple(sorted(members)),
                tuple(sorted(running - members)),
                self.cost(running, members),
            )
            for name in self.order()
            for members in self.expand(self.trees[name], running | {wanted})
            if wanted in members
        ]
        alone = Choice(
            None, None, (wanted,), tuple(sorted(running)), self.cost(running, frozenset())
        )
        return min(choices, key=lambda choice: choice.cost, default=alone)

    def all_sets(self) -> set[ModelSet]:
        everything = frozenset(MODELS)
        return {one for tree in self.trees.values() for one in self.expand(tree, everything)}


def subsets(models: Collection[ModelId]) -> Iterator[ModelSet]:
    for count in range(len(models) + 1):
        yield from map(frozenset, combinations(models, count))


def without_less(family: list[ModelSet], relevant: ModelSet) -> list[ModelSet]:
    kept: list[ModelSet] = []
    for one in family:
        if not any(one & relevant <= other & relevant for other in kept):
            kept = [other for other in kept if not other & relevant <= one & relevant] + [one]
    return kept


def text_of(tree: Tree) -> str:
    if isinstance(tree, str):
        return tree
    operator, parts = tree
    return f" {operator} ".join(
        text if isinstance(part, str) else f"({text})"
        for part, text in ((part, text_of(part)) for part in parts)
    )


def leaves_of(tree: Tree) -> Iterator[str]:
    if isinstance(tree, str):
        yield tree
    else:
        for part in tree[1]:
            yield from leaves_of(part)


def trees(leaves: list[str]) -> st.SearchStrategy[Tree]:
    def grow(parts: st.SearchStrategy[Tree]) -> st.SearchStrategy[Tree]:
        operands = st.lists(parts, min_size=2, max_size=4).map(tuple)
        return st.tuples(st.sampled_from("&|"), operands)

    return st.recursive(st.sampled_from(leaves), grow, max_leaves=10)


@st.composite
def written(draw: st.DrawFn) -> Written:
    """Draw any small matrix: a set refers to those behind it in `SETS`, defined in any order."""
    order = draw(st.permutations(SETS[: draw(st.integers(1, 4))]))
    found: dict[str, Tree] = {}
    for name in order:
        behind = [f"+{other}" for other in order if other > name]
        found[name] = draw(trees([*NAMES, *behind, *behind]))
    costs = draw(st.dictionaries(st.sampled_from(NAMES[:-1]), st.integers(1, 3)))
    return Written(found, costs)


models = st.sampled_from(FEW)
WEAKER = Written(
    {"s1": ("&", ("+s2", ("|", ("a", "c")))), "s2": ("|", ("b", "a"))},
    {},
)


@given(written())
@example(WEAKER)
def test_a_naive_expansion_chooses_the_same(naive: Written) -> None:
    compiled = naive.compiled()

    for wanted, running in product(FEW, subsets([*FEW, REMOVED])):
        choice = solve(compiled, wanted, running)
        assert choice == naive.solve(wanted, running)


@given(written(), models, st.frozensets(models))
def test_no_set_is_cheaper(naive: Written, wanted: ModelId, running: ModelSet) -> None:
    running -= {wanted}
    costs = [naive.cost(running, one) for one in naive.all_sets() if wanted in one]
    alone = naive.cost(running, frozenset())

    assert solve(naive.compiled(), wanted, running).cost == min(costs, default=alone)


@given(written())
def test_coexistence_is_to_be_in_one_set(naive: Written) -> None:
    compiled, sets = naive.compiled(), naive.all_sets()

    for some in subsets(FEW):
        assert compiled.can_contain_all(some) == any(some <= one for one in sets)


@given(written())
def test_to_share_a_set_is_to_be_in_one_together(naive: Written) -> None:
    compiled, sets = naive.compiled(), naive.all_sets()

    for one, other in combinations([*FEW, REMOVED], 2):
        assert compiled.can_share(one, other) == any({one, other} <= some for some in sets)


@given(written(), st.lists(st.tuples(models, st.frozensets(models)), max_size=5))
def test_what_was_asked_before_changes_no_answer(
    naive: Written, questions: list[tuple[ModelId, ModelSet]]
) -> None:
    compiled = naive.compiled()

    for wanted, running in questions:
        assert solve(compiled, wanted, running) == solve(naive.compiled(), wanted, running)
    assert compiled == naive.compiled()


@given(written(), models, models, st.frozensets(models))
def test_a_newcomer_is_evicted_if_it_would_be_once_it_runs(
    naive: Written, wanted: ModelId, newcomer: ModelId, running: ModelSet
) -> None:
    assume(wanted != newcomer)
    compiled = naive.compiled()
    before = compiled.at(running - {wanted, newcomer})
    later = running - {wanted} - before(newcomer) | {newcomer}

    evicted = newcomer in compiled.at(later)(wanted)
    assert before.would_evict(wanted, newcomer) == evicted
    assert before.would_evict(wanted, newcomer) == evicted


@given(written(), models, st.frozensets(models))
def test_what_stays_may_run_together(naive: Written, wanted: ModelId, running: ModelSet) -> None:
    compiled = naive.compiled()
    running -= {wanted}
    stays = (running - compiled.at(running)(wanted)) | {wanted}

    assert len(stays) == 1 or compiled.can_contain_all(stays)
