"""Shapes of networks: who refines whose work, for any number of actors.

Definitions are those of the paper's generators: n actors, numbered from 0, and edges from lower to higher numbers.
Where the paper's text and its released program differ, or the program fails, the docstring says what is done here.

Source: "Scaling Large Language Model-based Multi-Agent Collaboration", arXiv:2406.07155, by the code
released with it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from itertools import combinations, pairwise, product
from types import MappingProxyType

import numpy as np

from consilience.ground.errors import InvalidInput, UnknownName
from consilience.ground.seeds import Streams
from consilience.methods.agent_networks.graph import MOST_EDGES, Edge, Network

__all__ = ["TOPOLOGIES", "chain", "layer", "mesh", "random", "small_world", "star", "topology", "tree"]

_DEALT_AT_ONCE = 1 << 20
"""Pairs of nodes up to this many are shuffled as a whole; of more, some are drawn."""


def chain(agents: int) -> Network:
    r"""Return :math:`i \to i + 1`: everyone refines what the last one left.

    Examples
    --------
    >>> chain(3).edges
    ((0, 1), (1, 2))
    """
    return _numbered(agents, list(pairwise(range(agents))))


def star(agents: int) -> Network:
    r"""Return :math:`0 \to i`, the paper's wide tree: one draft, refined by all others apart.

    Examples
    --------
    >>> star(3).edges
    ((0, 1), (0, 2))
    """
    return _numbered(agents, [(0, node) for node in range(1, agents)])


def tree(agents: int) -> Network:
    r"""Return :math:`i \to 2i + 1, 2i + 2`, the paper's deep tree: a binary heap, also for a single agent.

    Examples
    --------
    >>> tree(4).edges
    ((0, 1), (0, 2), (1, 3))
    """
    return _numbered(agents, [((node - 1) // 2, node) for node in range(1, agents)])


def mesh(agents: int) -> Network:
    r"""Return :math:`i \to j` for all :math:`i < j`: everyone hears everyone before.

    Examples
    --------
    >>> mesh(64).agents
    2080
    """
    return _numbered(agents, list(combinations(range(agents), 2)))


def layer(agents: int) -> Network:
    r"""Return layers joined in full, as in a perceptron: :math:`\lfloor \log_2 n \rfloor` of them.

    Each has as many actors as fit, and the first takes the rest. Two and three actors make two layers here: in the
    released program they make one, and no edge.

    Examples
    --------
    >>> layer(5).edges
    ((0, 3), (0, 4), (1, 3), (1, 4), (2, 3), (2, 4))
    >>> len(layer(16).edges)
    48
    """
    if agents < 2:  # noqa: PLR2004  one actor is no layer
        return _numbered(agents, [])
    depth = max(2, agents.bit_length() - 1)
    width = agents // depth
    bounds = [0, *range(agents - (depth - 1) * width, agents + 1, width)]
    layers = [range(start, end) for start, end in pairwise(bounds)]
    return _numbered(agents, [edge for here, there in pairwise(layers) for edge in product(here, there)])


def random(agents: int, *, edges: int | None = None, density: float | None = None, seed: int = 0) -> Network:
    """Return a mesh from which edges were taken in random order, never one without which it would fall apart.

    That is what the paper describes; its program draws edges at random and may leave actors out. Sparse results are
    not uniform among all connected networks of that size, just as a random spanning tree made this way is not.

    Parameters
    ----------
    agents
        Number of actors.
    edges
        How many edges to leave, from n - 1 to n(n - 1)/2; left out, a number drawn from that range.
    density
        Instead of `edges`: their share of all pairs, 0 to 1; what keeps the network together is always left.
    seed
        Of both draws.

    Examples
    --------
    >>> drawn = random(20, edges=30, seed=1)
    >>> len(drawn.edges), drawn.connected
    (30, True)
    """
    _require_agents(agents)
    chance = Streams(seed).child("topology").generator("random")
    budget = _budget(agents, edges, density)
    if budget is None:
        budget = int(chance.integers(agents - 1, math.comb(agents, 2) + 1)) if agents > 1 else 0
    return _numbered(agents, _last_to_go(agents, budget, chance))


def small_world(
    agents: int, *, edges: int | None = None, density: float | None = None, rewiring: float = 0.1, seed: int = 0
) -> Network:
    """Return a network of neighbours, some of whose edges were moved to somewhere far away.

    Actors stand in a row, and each refines the work of the nearest before it, as many as the budget of edges allows.
    Then each edge keeps its lower end and, by chance, gets another end at random: never one it has already, and never
    so that the network falls apart. The number of edges stays what it was, so that only their reach differs.

    Parameters
    ----------
    agents
        Number of actors.
    edges
        The budget, from n - 1 to n(n - 1)/2; left out, three a node where there is room.
    density
        Instead of `edges`: their share of all pairs, 0 to 1.
    rewiring
        Chance that an edge is moved: 0 leaves the row, 1 moves every edge that can be.
    seed
        Of what is moved and where.

    Examples
    --------
    >>> row = small_world(48, edges=138, rewiring=0)
    >>> row.height, row.children(0)
    (47, (1, 2, 3))
    >>> small_world(48, edges=138, rewiring=1).height < 30
    True
    """
    _require_agents(agents)
    if not 0 <= rewiring <= 1:
        raise InvalidInput(f"`rewiring` must be a chance from 0 to 1; got {rewiring}.")
    budget = _budget(agents, edges, density)
    if budget is None:
        budget = min(3 * agents - 6, math.comb(agents, 2)) if agents > 3 else math.comb(agents, 2)  # noqa: PLR2004
    chance = Streams(seed).child("topology").generator("small world")
    return _numbered(agents, _rewired(agents, _row(agents, budget), rewiring, chance))


TOPOLOGIES: MappingProxyType[str, Callable[..., Network]] = MappingProxyType(
    {
        "chain": chain,
        "star": star,
        "tree": tree,
        "mesh": mesh,
        "layer": layer,
        "random": random,
        "small-world": small_world,
    }
)
"""Every shape by its name on the command line."""

_DRAWN = {"random": {"edges", "density"}, "small-world": {"edges", "density", "rewiring"}}


def topology(
    name: str,
    agents: int,
    *,
    seed: int = 0,
    edges: int | None = None,
    density: float | None = None,
    rewiring: float | None = None,
    reverse: bool = False,
) -> Network:
    """Return a network by the name of its shape.

    Parameters
    ----------
    name
        One of `TOPOLOGIES`; ``-`` and ``_`` are the same.
    agents
        Number of actors, the nodes. With the critics on the edges there are `Network.agents` in all.
    seed
        Of shapes that are drawn.
    edges, density
        How many edges, or which share of all pairs, for shapes that are drawn; the others have the edges they have.
    rewiring
        Chance that an edge of a small world is moved.
    reverse
        Whether to turn every edge round, so that what diverges converges.

    Raises
    ------
    UnknownName
        For a shape that is not there.
    InvalidInput
        For fewer agents than one, more than `MOST_EDGES` edges, a setting that the shape does not have, or one out of
        range.

    Examples
    --------
    >>> topology("star", 3, reverse=True).edge_names
    ('1->0', '2->0')
    """
    shape = name.replace("_", "-")
    if shape not in TOPOLOGIES:
        raise UnknownName("topology", name, TOPOLOGIES)
    given = {"edges": edges, "density": density, "rewiring": rewiring}
    settings = {setting: value for setting, value in given.items() if value is not None}
    unfit = sorted(settings.keys() - _DRAWN.get(shape, set()))
    if unfit:
        having = " and ".join(other for other in _DRAWN if unfit[0] in _DRAWN[other])
        raise InvalidInput(f"`{unfit[0]}` goes with the topology {having}; got it for {name!r}: leave it out.")
    if shape in _DRAWN:
        settings["seed"] = seed
    wanted = _edges_at_most(shape, agents, edges, density)
    if wanted > MOST_EDGES:
        raise InvalidInput(
            f"a network by a word must have {MOST_EDGES:,} edges at most; got {agents:,} agents, which as {shape} have "
            f"up to {wanted:,}: name fewer, or another shape."
        )
    made = TOPOLOGIES[shape](agents, **settings)
    return made.reverse() if reverse else made


def _edges_at_most(shape: str, agents: int, edges: int | None, density: float | None) -> int:
    """Return how many edges a shape has at most, before any of them is made."""
    if edges is not None:
        return max(edges, agents - 1)
    pairs = math.comb(max(agents, 0), 2)
    if density is not None:
        return max(math.ceil(min(density, 1) * pairs), agents - 1)
    match shape:
        case "mesh" | "random":
            return pairs
        case "layer":
            depth = max(2, agents.bit_length() - 1)
            width = agents // depth
            return width * (agents - width)
        case "small-world":
            return 3 * agents
        case _:
            return agents - 1


def _require_agents(agents: int) -> None:
    if agents < 1:
        raise InvalidInput(f"a network must have at least one agent; got {agents}.")


def _numbered(agents: int, edges: list[Edge]) -> Network:
    _require_agents(agents)
    return Network(tuple(map(str, range(agents))), tuple(edges))


def _budget(agents: int, edges: int | None, density: float | None) -> int | None:
    """Return how many edges were asked for, or None for no wish."""
    most = math.comb(agents, 2)
    if edges is not None and density is not None:
        raise InvalidInput("give `edges` or `density`, not both.")
    if density is not None:
        if not 0 <= density <= 1:
            raise InvalidInput(f"`density` must be a share from 0 to 1; got {density}.")
        return max(round(density * most), agents - 1)
    if edges is not None and not agents - 1 <= edges <= most:
        raise InvalidInput(
            f"{agents} connected agents must have from {agents - 1} to {most} edges; got `edges` {edges}."
        )
    return edges


def _last_to_go(agents: int, budget: int, chance: np.random.Generator) -> list[Edge]:
    """Return the edges that are left of a mesh when they are taken away in random order.

    Read backwards, the order of removal says which come first: an edge stays if it is the first to join two parts,
    and of the others those stay that would have been the last to go.
    """
    kept: list[Edge] = []
    part = list(range(agents))
    parts, spare = agents, budget - (agents - 1)
    if budget < 1:
        return kept
    for edge in _shuffled_pairs(agents, chance):
        ends = _root(part, edge[0]), _root(part, edge[1])
        if ends[0] != ends[1]:
            part[ends[0]] = ends[1]
            parts -= 1
        elif spare:
            spare -= 1
        else:
            continue
        kept.append(edge)
        if parts == 1 and not spare:
            break
    return kept


def _root(part: list[int], node: int) -> int:
    while part[node] != node:
        part[node] = part[part[node]]
        node = part[node]
    return node


def _shuffled_pairs(agents: int, chance: np.random.Generator) -> Iterator[Edge]:
    """Yield all pairs, the lower first, in random order."""
    if math.comb(agents, 2) <= _DEALT_AT_ONCE:
        lower, upper = np.triu_indices(agents, 1)
        dealt = chance.permutation(lower.size)
        yield from zip(lower[dealt].tolist(), upper[dealt].tolist(), strict=True)
        return
    met: set[Edge] = set()
    while len(met) < math.comb(agents, 2):
        for one, other in chance.integers(agents, size=(_DEALT_AT_ONCE >> 4, 2)).tolist():
            pair = (min(one, other), max(one, other))
            if one != other and pair not in met:
                met.add(pair)
                yield pair


def _row(agents: int, budget: int) -> list[Edge]:
    """Return the shortest edges of a row; of the longest kind that fit only in part, those spread evenly."""
    edges: list[Edge] = []
    for reach in range(1, agents):
        room = min(budget - len(edges), agents - reach)
        edges.extend((start, start + reach) for start in (turn * (agents - reach) // room for turn in range(room)))
        if len(edges) == budget:
            break
    return edges


def _rewired(agents: int, row: list[Edge], rewiring: float, chance: np.random.Generator) -> list[Edge]:
    near: list[set[int]] = [set() for _ in range(agents)]
    for lower, upper in row:
        near[lower].add(upper)
        near[upper].add(lower)
    for (lower, upper), moves in zip(row, (chance.random(len(row)) < rewiring).tolist(), strict=True):
        if moves:
            near[lower].remove(upper)
            near[upper].remove(lower)
            end = _new_end(near, lower, upper, chance)
            near[lower].add(end)
            near[end].add(lower)
    return [(node, other) for node, others in enumerate(near) for other in others if node < other]


def _new_end(near: list[set[int]], lower: int, upper: int, chance: np.random.Generator) -> int:
    """Return where the edge from `lower` leads instead: anywhere new that keeps both ends in one piece."""
    side, is_lower = _split_off(near, lower, upper)
    for end in chance.integers(len(near), size=64).tolist():
        joins = not side or (end in side) != is_lower
        if joins and end not in (lower, upper) and end not in near[lower]:
            return int(end)
    return upper


def _split_off(near: list[set[int]], one: int, other: int) -> tuple[set[int], bool]:
    """Return the smaller piece, if `one` and `other` lie in two, and whether it is that of `one`.

    Both are searched in turns, so that the cost is that of the smaller piece.
    """
    sides = ({one}, {other})
    edge_of = ([one], [other])
    turn = 0
    while edge_of[turn]:
        for found in near[edge_of[turn].pop()]:
            if found in sides[1 - turn]:
                return set(), False
            if found not in sides[turn]:
                sides[turn].add(found)
                edge_of[turn].append(found)
        turn = 1 - turn
    return sides[turn], turn == 0
