"""The sets of a matrix as a graph of unions and joins, which is never written out.

Pure. Ten factors of ten alternatives stay a hundred leaves. A model set is a bit
mask; a question looks only at the bits of the models it names, and only at the
nodes through which the wanted ones can come in: what the others hold of those that
run is remembered, until others run. What is dropped on the way, and in which order,
decides ties: see `_keep`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from heapq import heappop, heappush
from typing import NamedTuple, TypeAlias

from attrs import define, field, frozen

Frontier: TypeAlias = Mapping[int, int]
"""The model sets of a node that are worth a look, in order: what each holds of
the models in question, and all that it holds. No key is a part of another."""


@frozen
class Node:
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

    @property
    def has_factors(self) -> bool:
        """Whether it is a join whose parts share no models.

        What is best of each is best together then, and nothing need be multiplied.
        """
        return self.joins and not self.shared


@frozen
class Family:
    """One set of the section."""

    name: str
    expression: str
    root: int
    """The index of its node."""


class Found(NamedTuple):
    """The sets of a family that contain all wanted models."""

    family: Family
    factors: tuple[Frontier, ...]
    """Each set is made of one of each; they share no models."""

    others: int
    """The models of which it holds what the other factors of the family do, whatever
    is chosen here: see `Graph.factors`; 0: there are no others."""


class _Duty(NamedTuple):
    """What a node must contribute to a question."""

    of: int
    """The node's index."""

    models: int
    """Sets without these are of no use to anyone above."""

    inside: tuple[int, ...]
    """The parts through which wanted models can come in; where it has a duty, those
    that can fulfil it."""


class _Way(NamedTuple):
    """Where wanted models can come in."""

    families: tuple[tuple[Family, tuple[int, ...]], ...]
    """Those that may contain them all; for each, the parts through which they come in."""

    duties: tuple[_Duty, ...]
    """The nodes to look at, parts first."""


@define
class Graph:
    """All sets of a matrix. What it remembers changes no answer."""

    nodes: tuple[Node, ...]
    """Each behind its parts."""

    families: tuple[Family, ...]
    """In the order in which they are tried."""

    _ways: dict[int, _Way] = field(factory=dict[int, _Way], init=False, eq=False, repr=False)
    """By wanted model: as many as there are models."""

    _plain: dict[int, tuple[int, Frontier]] = field(
        factory=dict[int, tuple[int, Frontier]], init=False, eq=False, repr=False
    )
    """By node: what of its models ran when it was last asked, and its sets as far as
    they differ in that."""

    _companions: dict[int, int] = field(factory=dict[int, int], init=False, eq=False, repr=False)
    """By model."""

    def sets_with(self, wanted: int, running: int) -> Iterator[Found]:
        """Yield the families that have sets with all of ``wanted``, in order, each with those sets.

        Args:
          wanted: one model or several.
          running: the other models in question; all others are ignored.
        """
        way = self._way(wanted)
        question = _Question(self, wanted, running)
        for duty in way.duties:
            question.found[duty.of] = question.sets_of(duty)
        for family, inside in way.families:
            found = question.found_in(family, inside)
            if all(found.factors):
                yield found

    def factors(self, family: Family, running: int) -> Iterator[Frontier]:
        """Yield the sets of each factor of a family, as far as they differ in ``running``."""
        return (self.plain(part, running) for part in self.nodes[family.root].parts)

    def companions(self, model: int) -> int:
        """Return the models that are in one set with ``model``, itself included."""
        known = self._companions.get(model)
        if known is None:
            known = 0
            beside: dict[int, int] = {}
            for index, node in enumerate(self.nodes):
                if node.support & model:
                    beside[index] = self._beside(node, model, beside)
            for family in self.families:
                known |= beside.get(family.root, 0)
            self._companions[model] = known
        return known

    def _beside(self, node: Node, model: int, beside: Mapping[int, int]) -> int:
        if not node.parts:
            return node.support
        together = _union(beside.get(part, 0) for part in node.parts)
        if node.joins:
            # Whatever one part has beside it, the others add any of their sets.
            supports = [self.nodes[part].support for part in node.parts]
            for place, support in enumerate(supports):
                if support & model:
                    together |= _union(supports[:place] + supports[place + 1 :])
        return together

    def plain(self, index: int, running: int) -> Frontier:
        """Return the sets of a node as far as they differ in ``running``."""
        node = self.nodes[index]
        running &= node.support
        if not running or not node.parts:
            return {node.first & running: node.first}
        known = self._plain.get(index)
        if known is None or known[0] != running:
            self._work_out(index, running)
            known = self._plain[index]
        return known[1]

    def _work_out(self, index: int, running: int) -> None:
        """Answer for all parts first: so no chain of sets exhausts the stack."""
        stack = [index]
        while stack:
            index = stack[-1]
            node = self.nodes[index]
            unknown = [part for part in node.parts if not self._is_known(part, running)]
            if unknown:
                stack += unknown
                continue
            stack.pop()
            if not self._is_known(index, running):
                frontier = _Question(self, 0, running).sets_of(_Duty(index, 0, ()))
                self._plain[index] = (running & node.support, frontier)

    def _is_known(self, index: int, running: int) -> bool:
        node = self.nodes[index]
        running &= node.support
        if not running or not node.parts:
            return True
        known = self._plain.get(index)
        return known is not None and known[0] == running

    # Where to look

    def _way(self, wanted: int) -> _Way:
        way = self._ways.get(wanted)
        if way is None:
            families = [one for one in self.families if self._may_hold(one.root, wanted)]
            duties = self._duties({family.root for family in families}, wanted)
            roots = [self.nodes[family.root] for family in families]
            inside = [tuple(self._inside(root, wanted, wanted)) for root in roots]
            way = _Way(tuple(zip(families, inside, strict=True)), duties)
            if not wanted & (wanted - 1):
                self._ways[wanted] = way
        return way

    def _duties(self, roots: Collection[int], wanted: int) -> tuple[_Duty, ...]:
        """Find the nodes to look at, those above first, and what each must contribute.

        A part alone in being able to contribute a wanted model must do so. To
        drop its other sets at once changes no answer, and it keeps apart what
        would multiply: who asks for all hundred models of ten factors of ten
        alternatives is told "no" without a look at 10^10 sets.
        """
        owed: dict[int, int] = {}
        heap: list[int] = []
        for root in roots:
            self._charge(owed, heap, root, wanted)
        duties: list[_Duty] = []
        joined: set[int] = set()
        while heap:
            index = -heappop(heap)
            node, models = self.nodes[index], owed[index]
            inside = tuple(self._inside(node, models, wanted))
            if index in joined or not node.has_factors:
                duties.append(_Duty(index, models, inside))
            joined.update(inside)
            for part in inside:
                below = self.nodes[part].support
                self._charge(owed, heap, part, models & below & ~node.shared)
        return tuple(reversed(duties))

    def _charge(self, owed: dict[int, int], heap: list[int], index: int, models: int) -> None:
        if index in owed:
            owed[index] &= models
        elif self.nodes[index].parts:
            owed[index] = models
            heappush(heap, -index)

    def _inside(self, node: Node, duty: int, wanted: int) -> Iterator[int]:
        for part in node.parts:
            if self.nodes[part].support & wanted and (node.joins or self._may_hold(part, duty)):
                yield part

    def _may_hold(self, index: int, models: int) -> bool:
        return not models & ~self.nodes[index].support


@define
class _Question:
    """Which sets there are, as far as they differ in ``wanted`` and ``running``."""

    _graph: Graph
    _wanted: int
    _running: int
    found: dict[int, Frontier] = field(factory=dict[int, Frontier], init=False)
    """The answers of the nodes through which wanted models can come in."""

    def found_in(self, family: Family, inside: tuple[int, ...]) -> Found:
        """Return the sets of ``family``; wanted models come in through the parts ``inside``."""
        node = self._graph.nodes[family.root]
        if not node.has_factors:
            # One that others refer to may have been left more than it needs itself.
            return Found(family, (_holding(self._wanted, self._part(family.root)),), 0)
        factors: list[Frontier] = []
        others = node.support
        for part in inside:
            own = self._graph.nodes[part].support
            others &= ~own
            factors.append(_holding(self._wanted & own, self._part(part)))
        return Found(family, tuple(factors), others)

    def sets_of(self, duty: _Duty) -> Frontier:
        """Return the sets of a node that are of use; its parts have answered."""
        node = self._graph.nodes[duty.of]
        if node.joins:
            return _holding(duty.models, self._joined(node.parts))
        parts = duty.inside if duty.models else node.parts
        return _holding(duty.models, self._united(parts))

    def _part(self, index: int) -> Frontier:
        found = self.found.get(index)
        if found is not None:
            return found
        node = self._graph.nodes[index]
        if not node.support & self._wanted:
            return self._graph.plain(index, self._running)
        return {node.first & (self._wanted | self._running): node.first}

    def _united(self, parts: Iterable[int]) -> Frontier:
        united: dict[int, int] = {}
        relevant = self._wanted | self._running
        for part in parts:
            if united and not self._graph.nodes[part].support & relevant:
                continue  # it holds no more than any other
            for mask, members in self._part(part).items():
                _keep(united, mask, members)
        return united

    def _joined(self, parts: Iterable[int]) -> Frontier:
        joined = {0: 0}
        for part in parts:
            factor = self._part(part)
            grown: dict[int, int] = {}
            for mask, members in joined.items():
                for other, more in factor.items():
                    _keep(grown, mask | other, members | more)
            joined = grown
        return joined


def _keep(frontier: dict[int, int], mask: int, members: int) -> None:
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


def _holding(models: int, frontier: Frontier) -> Frontier:
    if not models:
        return frontier
    return {mask: members for mask, members in frontier.items() if not models & ~mask}


def _union(masks: Iterable[int]) -> int:
    union = 0
    for mask in masks:
        union |= mask
    return union
