"""A network of agents as a directed acyclic graph, checked before anybody is asked anything.

An actor sits on each node and a critic on each edge. Whatever is wrong with a graph is found when it is made, and said
with names: a cycle with its path, the edge that leads nowhere, the node that nothing touches.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from jaxtyping import Int

from consilience.ground.errors import InvalidInput, nearest
from consilience.methods.agent_networks.depth import cycle_among, levels, longest_after, reachable

__all__ = ["MOST_EDGES", "Cycle", "Edge", "Name", "Network"]

MOST_EDGES = 2_000_000
"""More edges than this, asked for in a word, are a slip of the finger: each is several calls."""

Edge = tuple[int, int]
"""Positions of two nodes, the first before the second."""

Name = str | int
"""A node as people write it; 7 and "7" are the same node."""

_NAMED = 5
_SHOWN_OF_A_CYCLE = 12


class Cycle(InvalidInput):
    """The edges run in a circle; `path` has its nodes, the first one again at the end, and `where` the file, if any."""

    def __init__(self, path: Sequence[str], where: str = "") -> None:
        self.path = tuple(path)
        self.where = where
        steps = list(self.path)
        if len(steps) > _SHOWN_OF_A_CYCLE:
            steps[_SHOWN_OF_A_CYCLE - 3 : -2] = [f"... ({len(steps) - _SHOWN_OF_A_CYCLE + 1} more) ..."]
        super().__init__(
            f"{where}the edges of a network must not run in a circle; got the cycle {' -> '.join(steps)}: take one of "
            "its edges away or turn it round."
        )

    def __reduce__(self) -> tuple[type[Cycle], tuple[tuple[str, ...], str]]:
        """Pickle by the arguments, so that the error crosses a process boundary whole."""
        return type(self), (self.path, self.where)


@dataclass(frozen=True, repr=False)
class Network:
    """Agents on a directed acyclic graph; nodes are addressed by their position, and named for people.

    Parameters
    ----------
    nodes
        Names, each once. They may hold neither ``->`` nor ``+``, with which edges and merges are named.
    edges
        Pairs of positions in `nodes`, kept in rising order.

    Raises
    ------
    InvalidInput
        For no node at all, a name twice or not fit to be one, an edge that leads to no node, an edge from a node to
        itself, an edge twice, or a node without an edge where there are others.
    Cycle
        When edges run in a circle.

    See Also
    --------
    Network.of : Takes edges by name.

    Examples
    --------
    >>> diamond = Network(("draft", "left", "right", "end"), ((0, 1), (0, 2), (1, 3), (2, 3)))
    >>> diamond.parents(3), diamond.order, diamond.agents
    ((1, 2), (0, 1, 2, 3), 8)
    >>> diamond.edge_names[0]
    'draft->left'
    """

    nodes: tuple[str, ...]
    edges: tuple[Edge, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "nodes", tuple(self.nodes))
        _require_names(self.nodes)
        array = _require_edges(self.nodes, self.edges)
        object.__setattr__(self, "edges", tuple(zip(*array.T.tolist(), strict=True)))
        if min(self._levels) < 0:
            around = cycle_among(self._starts_in, self._tails, self._levels)
            raise Cycle([self.nodes[node] for node in (*around, around[0])])

    @classmethod
    def of(cls, edges: Iterable[tuple[Name, Name]], nodes: Iterable[Name] | None = None) -> Network:
        """Make a network from edges by name.

        Parameters
        ----------
        edges
            Pairs of names, parent first.
        nodes
            All names in the order wanted. Left out, they are those that the edges name: in the order of numbers where
            all are numbers, else as they first appear.

        Raises
        ------
        InvalidInput
            As `Network` does, and for an edge that names a node which `nodes` does not.

        Examples
        --------
        >>> Network.of([(10, 2), (2, 7)]).nodes
        ('2', '7', '10')
        >>> Network.of([("plan", "write"), ("write", "plan")])
        Traceback (most recent call last):
        ...
        consilience.methods.agent_networks.graph.Cycle: the edges ... got the cycle plan -> write -> plan: ...
        """
        pairs = [(str(tail), str(head)) for tail, head in edges]
        named = _names_in(pairs) if nodes is None else tuple(map(str, nodes))
        place = {name: position for position, name in enumerate(named)}
        try:
            return cls(named, tuple((place[tail], place[head]) for tail, head in pairs))
        except KeyError as error:
            missing = str(error.args[0])
            tail, head = next(pair for pair in pairs if missing in pair)
            near = nearest(missing, named)
            hint = f"did you mean {near!r}?" if near else "name it among the nodes, or take the edge away."
            raise InvalidInput(
                f"every edge must join two nodes of the network; got {tail}->{head}, but no {missing!r}; {hint}"
            ) from None

    def __repr__(self) -> str:
        return f"<Network of {len(self.nodes)} nodes and {len(self.edges)} edges>"

    def __len__(self) -> int:
        """Return the number of nodes."""
        return len(self.nodes)

    @property
    def agents(self) -> int:
        """An actor on each node and a critic on each edge: :math:`|V| + |E|`."""
        return len(self.nodes) + len(self.edges)

    @property
    def density(self) -> float:
        """Share of all pairs that an edge joins, :math:`2 |E| / (n (n - 1))`; 0 for a single node."""
        pairs = len(self.nodes) * (len(self.nodes) - 1) / 2
        return len(self.edges) / pairs if pairs else 0.0

    @cached_property
    def positions(self) -> dict[str, int]:
        """Where each name stands in `nodes`."""
        return {name: position for position, name in enumerate(self.nodes)}

    @cached_property
    def edge_names(self) -> tuple[str, ...]:
        """The edges as they are called everywhere, such as ``"3->7"``."""
        return tuple(f"{self.nodes[tail]}->{self.nodes[head]}" for tail, head in self.edges)

    def children(self, node: int) -> tuple[int, ...]:
        """Return the nodes that the edges of `node` lead to, in rising order."""
        return self._heads[self._starts_out[node] : self._starts_out[node + 1]]

    def parents(self, node: int) -> tuple[int, ...]:
        """Return the nodes whose edges lead to `node`, in rising order."""
        return self._tails[self._starts_in[node] : self._starts_in[node + 1]]

    def outgoing(self, node: int) -> range:
        """Return the positions in `edges` of the edges from `node`, in the order of `children`."""
        return range(self._starts_out[node], self._starts_out[node + 1])

    def incoming(self, node: int) -> tuple[int, ...]:
        """Return the positions in `edges` of the edges to `node`, in the order of `parents`."""
        return self._edges_in[self._starts_in[node] : self._starts_in[node + 1]]

    @property
    def depth(self) -> tuple[int, ...]:
        """Edges on the longest path that leads to each node."""
        return self._levels

    @cached_property
    def height(self) -> int:
        """Edges on the longest path of all."""
        return max(self._levels)

    @cached_property
    def order(self) -> tuple[int, ...]:
        """All nodes, every one after its parents: by depth, and by position where that is equal."""
        return tuple(np.argsort(self._levels, kind="stable").tolist())

    @cached_property
    def sources(self) -> tuple[int, ...]:
        """Nodes without parents."""
        return tuple(node for node, (start, end) in enumerate(pairwise(self._starts_in)) if start == end)

    @cached_property
    def sinks(self) -> tuple[int, ...]:
        """Nodes without children."""
        return tuple(node for node, (start, end) in enumerate(pairwise(self._starts_out)) if start == end)

    @property
    def connected(self) -> bool:
        """Whether any node leads to any other when edges are followed both ways."""
        around = [sorted((*self.parents(node), *self.children(node))) for node in range(len(self))]
        starts = np.cumsum([0, *map(len, around)]).tolist()
        return len(reachable(starts, [one for many in around for one in many], 0)) == len(self) - 1

    def reverse(self) -> Network:
        """Return the network with every edge turned round: what diverged converges.

        Examples
        --------
        >>> Network.of([(0, 1), (0, 2)]).reverse().edge_names
        ('1->0', '2->0')
        """
        return Network(self.nodes, tuple((head, tail) for tail, head in self.edges))

    def ancestors(self, node: int) -> tuple[int, ...]:
        """Return the nodes from which a path leads to `node`, in rising order, itself excepted.

        Examples
        --------
        >>> Network.of([(0, 1), (1, 2), (3, 2)]).ancestors(2)
        (0, 1, 3)
        """
        return tuple(reachable(self._starts_in, self._tails, node))

    def remaining(
        self, node_cost: float | Sequence[float] = 1.0, edge_cost: float | Sequence[float] = 0.0
    ) -> tuple[float, ...]:
        """Return the cost of the dearest path from each node to a sink: what goes first, when not all can.

        Parameters
        ----------
        node_cost
            One for all, or one a node; a path from a node begins with the cost of that node itself.
        edge_cost
            One for all, or one an edge. From an edge on, its own cost and what remains at its head are to be paid.

        Raises
        ------
        InvalidInput
            When there are not as many costs as nodes or edges.

        Examples
        --------
        >>> Network.of([(0, 1), (1, 2), (0, 2)]).remaining(edge_cost=2)
        (7.0, 4.0, 1.0)
        """
        return tuple(
            longest_after(
                self._starts_out,
                self._heads,
                self.order,
                _costs("node_cost", node_cost, len(self.nodes)),
                _costs("edge_cost", edge_cost, len(self.edges)),
            )
        )

    @cached_property
    def _array(self) -> Int[np.ndarray, "edge 2"]:
        return np.array(self.edges, dtype=np.int64).reshape(-1, 2)

    @cached_property
    def _starts_out(self) -> tuple[int, ...]:
        return _starts(self._array[:, 0], len(self.nodes))

    @cached_property
    def _heads(self) -> tuple[int, ...]:
        return tuple(self._array[:, 1].tolist())

    @cached_property
    def _starts_in(self) -> tuple[int, ...]:
        return _starts(self._array[:, 1], len(self.nodes))

    @cached_property
    def _edges_in(self) -> tuple[int, ...]:
        return tuple(np.argsort(self._array[:, 1], kind="stable").tolist())

    @cached_property
    def _tails(self) -> tuple[int, ...]:
        return tuple(self._array[list(self._edges_in), 0].tolist())

    @cached_property
    def _levels(self) -> tuple[int, ...]:
        return tuple(levels(self._starts_out, self._heads))


def _names_in(pairs: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(name for pair in pairs for name in pair))
    if all(name.isascii() and name.isdecimal() for name in names):
        return tuple(sorted(names, key=int))
    return names


def _starts(ends: Int[np.ndarray, " edge"], n_nodes: int) -> tuple[int, ...]:
    return (0, *np.cumsum(np.bincount(ends, minlength=n_nodes)).tolist())


def _costs(called: str, cost: float | Sequence[float], count: int) -> Sequence[float]:
    if isinstance(cost, int | float):
        return [float(cost)] * count
    if len(cost) != count:
        raise InvalidInput(f"`{called}` must be one number, or {count} of them; got {len(cost)}.")
    return [float(one) for one in cost]


def _require_names(nodes: tuple[str, ...]) -> None:
    if not nodes:
        raise InvalidInput("a network must have at least one agent; got 0.")
    if len(set(nodes)) < len(nodes):
        twice = next(name for position, name in enumerate(nodes) if name in nodes[:position])
        raise InvalidInput(f"the nodes of a network must each be named once; got {twice!r} twice.")
    for name in nodes:
        if not name or not name.isprintable() or name != name.strip() or "->" in name or "+" in name:
            raise InvalidInput(
                f"a node's name must be printable text without '->', '+', or blanks around it; got {name!r}."
            )


def _require_edges(nodes: tuple[str, ...], edges: Sequence[Edge]) -> Int[np.ndarray, "edge 2"]:
    """Return the edges in rising order, each of them fit to be one."""
    array = _pairs_of(edges)
    outside = np.flatnonzero(((array < 0) | (array >= len(nodes))).any(axis=1))
    if outside.size:
        tail, head = array[outside[0]].tolist()
        raise InvalidInput(
            f"every edge must join two nodes of the network, numbered 0 to {len(nodes) - 1}; got ({tail}, {head})."
        )
    array = array[np.lexsort((array[:, 1], array[:, 0]))]
    loops = array[array[:, 0] == array[:, 1]]
    if len(loops):
        raise InvalidInput(f"an edge must join two different nodes; got {_listed(nodes, loops)}.")
    doubled = array[1:][(array[1:] == array[:-1]).all(axis=1)]
    if len(doubled):
        raise InvalidInput(f"an edge must be given once; got {_listed(nodes, doubled)} more than once.")
    alone = np.flatnonzero(np.bincount(array.ravel(), minlength=len(nodes)) == 0).tolist()
    if alone and len(nodes) > 1:
        listed = ", ".join(repr(nodes[node]) for node in alone[:_NAMED]) + (", ..." if len(alone) > _NAMED else "")
        raise InvalidInput(
            f"every node must have an edge, or its work is lost; got {len(alone)} without one: {listed}. Join them or "
            "leave them out."
        )
    return array


def _pairs_of(edges: Sequence[Edge]) -> Int[np.ndarray, "edge 2"]:
    try:
        array = np.array(edges)
    except ValueError as error:  # pairs and others mixed
        raise InvalidInput("`edges` must be pairs of positions; got some that are not pairs.") from error
    if not array.size:
        return np.empty((0, 2), dtype=np.int64)
    if array.shape[1:] != (2,) or array.dtype.kind not in "iu":
        raise InvalidInput(f"`edges` must be pairs of whole numbers, positions of nodes; got such as {edges[0]!r}.")
    return array.astype(np.int64)


def _listed(nodes: Sequence[str], edges: Int[np.ndarray, "edge 2"]) -> str:
    shown = [f"{nodes[tail]}->{nodes[head]}" for tail, head in edges[:_NAMED].tolist()]
    return ", ".join(shown) + (", ..." if len(edges) > _NAMED else "")
