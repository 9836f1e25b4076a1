"""Which models a matrix lets run together, and who must leave for whom.

Pure. The sets are compiled to a graph of unions and joins and never written
out: ten factors of ten alternatives stay a hundred leaves. A model set is a
bit mask; a question looks only at the bits of the models it names. What is
dropped on the way, and in which order, decides ties: see `_keep`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from heapq import heappop, heappush
from typing import TypeAlias, assert_never

from attrs import define, field, frozen

from llamaswap.policy.matrix_language import AllOf, Name, OneOf, SetName, Step
from llamaswap.policy.matrix_links import LinkedMatrix, link
from llamaswap.policy.rules import Choice, ModelId

DEFAULT_COST = 1
"""What it costs to evict a model that is named in no ``evict_costs``."""

_Frontier: TypeAlias = dict[int, int]
"""The model sets of a node that are worth a look, in order: what each holds of
the models in question, and all that it holds. No key is a part of another."""


@frozen
class Matrix:
    """The eviction policy of a matrix, made by `compile_matrix`.

    Equal matrices give equal answers, whatever else has been asked.
    """

    _bits: Mapping[ModelId, int]
    _costs: Mapping[ModelId, int]
    _nodes: tuple[_Node, ...]
    """Each behind its parts."""

    _families: tuple[_Family, ...]
    """In the order in which they are tried."""

    def __call__(
        self,
        wanted: ModelId,
        running: AbstractSet[ModelId],
        leaving: AbstractSet[ModelId] = frozenset(),
    ) -> frozenset[ModelId]:
        """Return the members of ``running`` that must be gone before ``wanted`` may run.

        See `solve` for what it means that ``wanted`` is one of them.
        """
        return frozenset(self.solve(wanted, running, leaving).evict)

    def solve(
        self, wanted: ModelId, running: Collection[ModelId], leaving: Collection[ModelId] = ()
    ) -> Choice:
        """Choose the cheapest set that contains ``wanted``; of equal ones, the first.

        Args:
          wanted: the model that somebody asks for.
          running: starting ones too. If ``wanted`` is among them, nobody is
            evicted, even if the present combination is in no set (a reload
            may lead to that). So do not leave it out.
          leaving: those of them that go anyway: it costs nothing to be without
            them, and they must be gone if the set does not contain them.
        """
        if wanted in running:
            return Choice(None, None, tuple(sorted(running)), (), 0)
        offers = self._offers(wanted, running, leaving)
        best = min(offers, key=lambda offer: offer.cost, default=None)
        if best is None:
            return self._alone(wanted, running, leaving)
        return self._choice(best, running)

    def choices(
        self, wanted: ModelId, running: Collection[ModelId], leaving: Collection[ModelId] = ()
    ) -> tuple[Choice, ...]:
        """Return the cheapest choice of each set that contains ``wanted``.

        The first is what `solve` returns; the others follow in the order of the
        sets, and explain it.
        """
        if wanted in running:
            return (self.solve(wanted, running),)
        offers = self._offers(wanted, running, leaving)
        found = [self._choice(offer, running) for offer in offers]
        if not found:
            return (self._alone(wanted, running, leaving),)
        best = min(found, key=lambda choice: choice.cost)
        return (best, *(choice for choice in found if choice is not best))

    def _alone(
        self, wanted: ModelId, running: Collection[ModelId], leaving: Collection[ModelId]
    ) -> Choice:
        cost = sum(self._cost(model) for model in running if model not in leaving)
        return Choice(None, None, (wanted,), tuple(sorted(running)), cost)

    def can_contain_all(self, models: Iterable[ModelId]) -> bool:
        """Say whether one set contains all ``models``, so that they can run together."""
        bits = [self._bits.get(model, 0) for model in models]
        if not all(bits):
            return False
        wanted = _union(bits)
        return any(_Search(self._nodes, wanted, wanted).run(self._families))

    def _offers(
        self, wanted: ModelId, running: Collection[ModelId], leaving: Collection[ModelId]
    ) -> Iterator[_Offer]:
        bit = self._bits.get(wanted)
        if bit is None:
            return
        prices = [
            (self._bits.get(model, 0), self._cost(model))
            for model in running
            if model not in leaving
        ]
        relevant = bit | _union(held for held, _ in prices)
        for family, frontier in _Search(self._nodes, relevant, bit).run(self._families):
            costs = {
                members: sum(price for held, price in prices if not held & mask)
                for mask, members in frontier.items()
            }
            members = min(costs, key=costs.__getitem__)
            yield _Offer(family, members, costs[members])

    def _choice(self, offer: _Offer, running: Collection[ModelId]) -> Choice:
        models = tuple(sorted(model for model, bit in self._bits.items() if bit & offer.members))
        evict = tuple(sorted(set(running).difference(models)))
        return Choice(offer.family.name, offer.family.expression, models, evict, offer.cost)

    def _cost(self, model: ModelId) -> int:
        return self._costs.get(model, DEFAULT_COST)


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
        _Family(part.name, part.expression, builder.add(part.name, part.steps))
        for part in linked.sets
    )
    return Matrix(builder.bits, linked.costs, tuple(builder.nodes), families)


# The graph


@frozen
class _Node:
    """A family of model sets: of one set, or made of other families."""

    support: int
    """The models that occur in any of its sets."""

    first: int
    """Its first set. It stands for all where none of them holds a model in question."""

    parts: tuple[int, ...] = ()
    """The indices of the families it is made of; none for a single set."""

    joins: bool = False
    """Unions of one set of each part, not the sets of all parts."""

    shared: int = 0
    """The models that several parts can contribute to a join."""


@frozen
class _Family:
    """One set of the section."""

    name: str
    expression: str
    root: int
    """The index of its node."""


@frozen
class _Offer:
    family: _Family
    members: int
    cost: int


@define
class _Builder:
    """Runs the steps of the sets; equal parts become one node."""

    _linked: LinkedMatrix
    bits: dict[ModelId, int] = field(factory=dict[ModelId, int], init=False)
    nodes: list[_Node] = field(factory=list[_Node], init=False)
    _indices: dict[_Node, int] = field(factory=dict[_Node, int], init=False)
    _roots: dict[str, int] = field(factory=dict[str, int], init=False)

    def add(self, name: str, steps: Iterable[Step]) -> int:
        """Return the node of the set ``name``; those it refers to came before."""
        stack: list[int] = []
        for step in steps:
            match step:
                case Name(text):
                    model = self._linked.names[text]
                    bit = self.bits.setdefault(model, 1 << len(self.bits))
                    stack.append(self._index(_Node(bit, bit)))
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

    def _index(self, node: _Node) -> int:
        index = self._indices.setdefault(node, len(self.nodes))
        if index == len(self.nodes):
            self.nodes.append(node)
        return index

    def _compound(self, parts: tuple[int, ...], *, joins: bool) -> _Node:
        nodes = [self.nodes[part] for part in parts]
        support = shared = 0
        for node in nodes:
            shared |= support & node.support
            support |= node.support
        if not joins:
            return _Node(support, nodes[0].first, parts)
        if any(node.parts for node in nodes):
            first = _union(node.first for node in nodes)
            return _Node(support, first, parts, joins, shared)
        return _Node(support, support)


# A question


@define
class _Search:
    """Finds the sets that contain all of ``wanted``, as far as they differ in ``relevant``."""

    _nodes: tuple[_Node, ...]
    _relevant: int
    """The models in question; all others are ignored."""

    _wanted: int
    _duties: dict[int, int] = field(factory=dict[int, int], init=False)
    """The nodes that must be looked at; for each, the models without which its
    sets are of no use to anyone above."""

    _found: dict[int, _Frontier] = field(factory=dict[int, _Frontier], init=False)

    def run(self, families: Iterable[_Family]) -> Iterator[tuple[_Family, _Frontier]]:
        """Yield the ``families`` that have such sets, in order, each with its sets."""
        useful = [family for family in families if self._may_hold(family.root, self._wanted)]
        self._hand_down(frozenset(family.root for family in useful))
        for index in sorted(self._duties):
            node, duty = self._nodes[index], self._duties[index]
            frontier = self._joined(node) if node.joins else self._united(node, duty)
            self._found[index] = _holding(duty, frontier)
        for family in useful:
            # One that others refer to may have been left more than it needs itself.
            frontier = _holding(self._wanted, self._frontier(family.root))
            if frontier:
                yield family, frontier

    def _may_hold(self, index: int, models: int) -> bool:
        return not models & ~self._nodes[index].support

    def _hand_down(self, roots: Iterable[int]) -> None:
        """Find the nodes to look at, those above first, and what each must contribute.

        A part alone in being able to contribute a wanted model must do so. To
        drop its other sets at once changes no answer, and it keeps apart what
        would multiply: who asks for all hundred models of ten factors of ten
        alternatives is told "no" without a look at 10^10 sets.
        """
        heap: list[int] = []
        for root in roots:
            self._charge(heap, root, self._wanted)
        while heap:
            index = -heappop(heap)
            node, duty = self._nodes[index], self._duties[index]
            for part in node.parts:
                below = self._nodes[part].support
                if below & self._relevant and (node.joins or self._may_hold(part, duty)):
                    self._charge(heap, part, duty & below & ~node.shared)

    def _charge(self, heap: list[int], index: int, duty: int) -> None:
        if index in self._duties:
            self._duties[index] &= duty
        elif self._nodes[index].parts:
            self._duties[index] = duty
            heappush(heap, -index)

    def _frontier(self, index: int) -> _Frontier:
        found = self._found.get(index)
        if found is None:
            first = self._nodes[index].first
            return {first & self._relevant: first}
        return found

    def _united(self, node: _Node, duty: int) -> _Frontier:
        united: _Frontier = {}
        for part in node.parts:
            if self._may_hold(part, duty):
                for mask, members in self._frontier(part).items():
                    _keep(united, mask, members)
        return united

    def _joined(self, node: _Node) -> _Frontier:
        joined = {0: 0}
        for part in node.parts:
            factor = self._frontier(part)
            grown: _Frontier = {}
            for mask, members in joined.items():
                for other, more in factor.items():
                    _keep(grown, mask | other, members | more)
            joined = grown
        return joined


def _keep(frontier: _Frontier, mask: int, members: int) -> None:
    """Add a set, unless an earlier one holds as much; it replaces those that hold less.

    This is the reference's rule, in its order: a replaced set does not leave
    its place to its successor, which goes to the end. No cheaper set is lost,
    for every eviction costs something.
    """
    if mask in frontier:
        return
    for kept in frontier:
        if not mask & ~kept:
            return
    for kept in [kept for kept in frontier if not kept & ~mask]:
        del frontier[kept]
    frontier[mask] = members


def _holding(models: int, frontier: _Frontier) -> _Frontier:
    return {mask: members for mask, members in frontier.items() if not models & ~mask}


def _union(masks: Iterable[int]) -> int:
    union = 0
    for mask in masks:
        union |= mask
    return union
