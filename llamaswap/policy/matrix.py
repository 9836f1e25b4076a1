"""Which models a matrix lets run together, and who must leave for whom.

Pure. `matrix_graph` finds the sets; here they are priced, and the cheapest is chosen.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import assert_never

from attrs import define, field, frozen

from llamaswap.policy.matrix_graph import Family, Frontier, Graph, Node
from llamaswap.policy.matrix_language import AllOf, Name, OneOf, SetName, Step
from llamaswap.policy.matrix_links import LinkedMatrix, link
from llamaswap.policy.rules import Choice, ModelId

DEFAULT_COST = 1
"""What it costs to evict a model that is named in no ``evict_costs``."""

NODES_PER_EFFORT = 80
"""Found with ``tests/bench/scheduling.py``: with it, the steps of a hundred factors of ten
models take no longer than others."""

_NOBODY: frozenset[ModelId] = frozenset()


@frozen
class Matrix:
    """The eviction policy of a matrix, made by `compile_matrix`.

    Equal matrices give equal answers, whatever else has been asked.
    """

    bits: Mapping[ModelId, int]
    """Each model that is in a set, and its bit."""

    costs: Mapping[ModelId, int]
    """What an eviction costs, where it is not `DEFAULT_COST`."""

    graph: Graph

    @property
    def effort(self) -> int:
        """What a question costs, compared with one to groups."""
        return 1 + len(self.graph.nodes) // NODES_PER_EFFORT

    def at(
        self, running: AbstractSet[ModelId], leaving: AbstractSet[ModelId] = _NOBODY
    ) -> MatrixSituation:
        """Answer for the moment at which ``running`` run, of which ``leaving`` go anyway."""
        return MatrixSituation(self, frozenset(running), frozenset(leaving))

    def can_contain_all(self, models: Iterable[ModelId]) -> bool:
        """Say whether one set contains all ``models``, so that they can run together."""
        bits = [self.bits.get(model, 0) for model in models]
        return all(bits) and any(self.graph.sets_with(_union(bits), 0))

    def can_share(self, model: ModelId, other: ModelId) -> bool:
        """Say whether one set contains both."""
        bits = self.bits
        if model not in bits or other not in bits:
            return False
        return bool(self.graph.companions(bits[model]) & bits[other])

    def cost(self, model: ModelId) -> int:
        """Return what it costs to evict ``model``."""
        return self.costs.get(model, DEFAULT_COST)


@define(eq=False)
class MatrixSituation:
    """What a matrix says while the same models run."""

    _matrix: Matrix
    _running: frozenset[ModelId]
    _leaving: frozenset[ModelId]
    _mask: int = field(init=False)
    """Those that run, as far as they are in a set."""

    _staying: int = field(init=False)
    """Those of them that do not go anyway."""

    _prices: dict[int, int] = field(init=False)
    """By their bits, what it costs to be without them."""

    _lost: int = field(init=False)
    """What is to be paid in any case: for those that are in no set."""

    _victims: dict[int, frozenset[ModelId]] = field(
        factory=dict[int, frozenset[ModelId]], init=False
    )
    """Those that run, by what of them stays: equal answers are one object."""

    _cheapest: dict[int, tuple[int, int]] = field(factory=dict[int, tuple[int, int]], init=False)
    """By family's root: what its cheapest set holds of those that run, and all of it."""

    _later: dict[ModelId, MatrixSituation] = field(
        factory=dict[ModelId, "MatrixSituation"], init=False
    )
    """By newcomer: when it has started, and whoever had to leave for it has left."""

    def __attrs_post_init__(self) -> None:
        bits, cost = self._matrix.bits, self._matrix.cost
        self._mask = _union(bits.get(model, 0) for model in self._running)
        staying = self._running - self._leaving
        self._prices = {bits[model]: cost(model) for model in staying if model in bits}
        self._staying = _union(self._prices)
        self._lost = sum(cost(model) for model in staying if model not in bits)

    def __call__(self, wanted: ModelId) -> frozenset[ModelId]:
        """Return those that run and must be gone before ``wanted`` may: the cheapest set decides.

        Nobody, if ``wanted`` runs itself, even if the present combination is in no set
        (a reload may lead to that). So do not leave it out of those that run.
        """
        if wanted in self._running:
            return _NOBODY
        best = min(self._offers(wanted), key=_cost_of, default=None)
        kept = 0 if best is None else best.members & self._mask
        victims = self._victims.get(kept)
        if victims is None:
            victims = self._victims[kept] = frozenset(self._without(kept))
        return victims

    def would_evict(self, wanted: ModelId, newcomer: ModelId) -> bool:
        """Say whether ``newcomer``, had it come first, would have to be gone for ``wanted``."""
        if not self._matrix.can_share(wanted, newcomer):
            return True
        later = self._later.get(newcomer)
        if later is None:
            running = self._running - self(newcomer) | {newcomer}
            later = self._later[newcomer] = self._matrix.at(running, self._leaving & running)
        return newcomer in later(wanted)

    def tolerates(self, wanted: ModelId, others: AbstractSet[ModelId]) -> bool:
        """Say whether one set contains ``wanted`` and ``others``."""
        return self._matrix.can_contain_all({wanted, *others})

    def choices(self, wanted: ModelId) -> tuple[Choice, ...]:
        """Return the cheapest choice of each set that contains ``wanted``.

        The first is the one that is made: the cheapest, of equal ones the first in
        the order of the sets. The others follow in that order, and explain it.
        """
        if wanted in self._running:
            return (Choice(None, None, tuple(sorted(self._running)), (), 0),)
        found = [self._choice(offer) for offer in self._offers(wanted)]
        if not found:
            lost = tuple(sorted(self._running))
            return (Choice(None, None, (wanted,), lost, self._lost + self._price(self._mask)),)
        best = min(found, key=lambda choice: choice.cost)
        return (best, *(choice for choice in found if choice is not best))

    def _offers(self, wanted: ModelId) -> Iterator[_Offer]:
        bit = self._matrix.bits.get(wanted)
        if bit is None:
            return
        for family, factors, others in self._matrix.graph.sets_with(bit, self._mask):
            mask, members = self._best_of_all(family) if others else (0, 0)
            mask, members = mask & others, members & others
            for frontier in factors:
                best, more = self._best(frontier)
                mask |= best
                members |= more
            yield _Offer(family, members, self._lost + self._price(self._mask & ~mask))

    def _best_of_all(self, family: Family) -> tuple[int, int]:
        """Return the cheapest set of a family that has factors, whoever is wanted."""
        known = self._cheapest.get(family.root)
        if known is None:
            mask = members = 0
            for frontier in self._matrix.graph.factors(family, self._mask):
                best, more = self._best(frontier)
                mask |= best
                members |= more
            known = self._cheapest[family.root] = (mask, members)
        return known

    def _best(self, frontier: Frontier) -> tuple[int, int]:
        """Return the set that keeps most; of equal ones, the first."""
        best = next(iter(frontier)) if len(frontier) == 1 else max(frontier, key=self._price)
        return best, frontier[best]

    def _price(self, models: int) -> int:
        """Return what it costs to be without ``models``."""
        price = 0
        models &= self._staying
        while models:
            bit = models & -models
            price += self._prices[bit]
            models ^= bit
        return price

    def _choice(self, offer: _Offer) -> Choice:
        bits = self._matrix.bits.items()
        models = tuple(sorted(model for model, bit in bits if bit & offer.members))
        evict = tuple(sorted(self._without(offer.members)))
        return Choice(offer.family.name, offer.family.expression, models, evict, offer.cost)

    def _without(self, members: int) -> Iterator[ModelId]:
        bits = self._matrix.bits
        return (model for model in self._running if not bits.get(model, 0) & members)


@frozen
class _Offer:
    family: Family
    members: int
    cost: int


def _cost_of(offer: _Offer) -> int:
    return offer.cost


def compile_matrix(
    vars: Mapping[str, ModelId],  # noqa: A002 - the key's name, as in the file
    costs: Mapping[str, int],
    sets: Mapping[str, str],
    models: Collection[ModelId],
) -> Matrix:
    """Make the policy of a matrix section.

    Args:
      vars: short names for models; they hide models of the same name.
      costs: what an eviction costs, by var or id; where one model has several
        entries, the highest counts.
      sets: expressions by name, in the order of definition.
      models: all that are configured.

    Raises:
      MatrixError: with all problems of the section.
    """
    linked = link(vars, costs, sets, models)
    builder = _Builder(linked)
    families = tuple(
        Family(part.name, part.expression, builder.add(part.name, part.steps))
        for part in linked.sets
    )
    return Matrix(builder.bits, linked.costs, Graph(tuple(builder.nodes), families))


@define
class _Builder:
    """Runs the steps of the sets; equal parts become one node."""

    _linked: LinkedMatrix
    bits: dict[ModelId, int] = field(factory=dict[ModelId, int], init=False)
    nodes: list[Node] = field(factory=list[Node], init=False)
    _indices: dict[Node, int] = field(factory=dict[Node, int], init=False)
    _roots: dict[str, int] = field(factory=dict[str, int], init=False)

    def add(self, name: str, steps: Iterable[Step]) -> int:
        """Return the node of the set ``name``; those it refers to came before."""
        stack: list[int] = []
        for step in steps:
            match step:
                case Name(text):
                    model = self._linked.names[text]
                    bit = self.bits.setdefault(model, 1 << len(self.bits))
                    stack.append(self._index(Node(bit, bit)))
                case SetName(text):
                    stack.append(self._roots[text])
                case AllOf(count) | OneOf(count):
                    parts = tuple(stack[-count:])
                    del stack[-count:]
                    stack.append(self._index(self._compound(parts, joins=isinstance(step, AllOf))))
                case _:
                    assert_never(step)
        self._roots[name] = stack.pop()
        return self._roots[name]

    def _index(self, node: Node) -> int:
        index = self._indices.setdefault(node, len(self.nodes))
        if index == len(self.nodes):
            self.nodes.append(node)
        return index

    def _compound(self, parts: tuple[int, ...], *, joins: bool) -> Node:
        nodes = [self.nodes[part] for part in parts]
        support = shared = 0
        for node in nodes:
            shared |= support & node.support
            support |= node.support
        if not joins:
            return Node(support, nodes[0].first, parts)
        if any(node.parts for node in nodes):
            first = _union(node.first for node in nodes)
            return Node(support, first, parts, joins, shared)
        return Node(support, support)


def _union(masks: Iterable[int]) -> int:
    union = 0
    for mask in masks:
        union |= mask
    return union
