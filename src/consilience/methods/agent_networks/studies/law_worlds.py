"""Small worlds with one beginning and one end, in which only the reach of edges differs."""

from __future__ import annotations

from collections import deque

import numpy as np

from consilience.ground import Streams
from consilience.methods.agent_networks.graph import Edge, Network
from consilience.methods.agent_networks.topology import small_world

__all__ = ["clustering_and_reach", "narrow_small_world"]

_TRIES = 64


def narrow_small_world(agents: int, *, edges: int, rewiring: float, seed: int) -> Network:
    """Return a small world that still begins with its first actor only and ends with its last one.

    As edges of a row are moved at random, actors are left that nothing leads to, who then draft, and actors that lead
    nowhere, whose work is merged in the end: the network gets shorter, and it gets more drafts and more ends too. Here
    an edge stays where it is unless it can move without making either.

    Parameters
    ----------
    agents, edges, rewiring, seed
        As for `small_world`.

    Examples
    --------
    >>> narrow = narrow_small_world(48, edges=138, rewiring=1, seed=1)
    >>> narrow.sources, narrow.sinks, len(narrow.edges)
    ((0,), (47,), 138)
    """
    row = list(small_world(agents, edges=edges, rewiring=0).edges)
    chance = Streams(seed).child("topology").generator("narrow small world")
    kept = set(row)
    leaving, coming = np.bincount(np.array(row).T[0], minlength=agents), np.bincount(np.array(row).T[1])
    for edge, moves in zip(row, (chance.random(len(row)) < rewiring).tolist(), strict=True):
        if moves:
            lower, upper = new = _moved(edge, kept, chance, leaving, coming)
            kept = (kept - {edge}) | {new}
            leaving[edge[0]] -= 1
            coming[edge[1]] -= 1
            leaving[lower] += 1
            coming[upper] += 1
    return Network(tuple(map(str, range(agents))), tuple(sorted(kept)))


def _moved(edge: Edge, kept: set[Edge], chance: np.random.Generator, leaving: np.ndarray, coming: np.ndarray) -> Edge:
    """Return the edge with another upper or lower end, its own place where it has to stay."""
    stays, leaves = edge
    for end in chance.integers(len(leaving), size=_TRIES).tolist():
        lower, upper = min(stays, end), max(stays, end)
        lonely = coming[leaves] == 1 and upper != leaves
        idle = leaving[stays] == 1 and lower != stays
        if lower != upper and (lower, upper) not in kept and not lonely and not idle:
            return lower, upper
    return edge


def clustering_and_reach(network: Network) -> tuple[float, float]:
    """Return the mean clustering coefficient and the mean distance of two actors, whichever way edges point.

    Examples
    --------
    >>> clustering_and_reach(Network.of([(0, 1), (0, 2), (1, 2)]))
    (1.0, 1.0)
    """
    near: list[set[int]] = [{*network.parents(node), *network.children(node)} for node in range(len(network))]
    closed = []
    for around in near:
        pairs = len(around) * (len(around) - 1)
        closed.append(sum(len(near[one] & around) for one in around) / pairs if pairs else 0.0)
    distances = [_distances(near, node) for node in range(len(near))]
    count = len(near) * (len(near) - 1)
    return float(np.mean(closed)), sum(map(sum, distances)) / count


def _distances(near: list[set[int]], start: int) -> list[int]:
    found = {start: 0}
    waiting = deque([start])
    while waiting:
        at = waiting.popleft()
        for other in near[at] - found.keys():
            found[other] = found[at] + 1
            waiting.append(other)
    return list(found.values())
