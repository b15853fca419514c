"""Paths in a directed acyclic graph: how deep a node lies, what leads to it, how much still follows it.

A graph is two lists here: the edges of node ``v`` lead to ``heads[starts[v]:starts[v + 1]]``. Nothing recurses, so a
chain of a hundred thousand nodes is as good as any other graph.
"""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["cycle_among", "levels", "longest_after", "reachable"]


def levels(starts: Sequence[int], heads: Sequence[int]) -> list[int]:
    """Return the length of the longest path that leads to each node, or -1 for nodes on or behind a cycle.

    Parameters
    ----------
    starts
        Where the edges of each node begin in `heads`, and one entry more.
    heads
        Where the edges lead.

    Examples
    --------
    >>> levels([0, 2, 3, 3], [1, 2, 2])
    [0, 1, 2]
    >>> levels([0, 1, 2], [1, 0])
    [-1, -1]
    """
    waiting = [0] * (len(starts) - 1)
    for head in heads:
        waiting[head] += 1
    ready = [node for node, parents in enumerate(waiting) if not parents]
    depth = [-1 if parents else 0 for parents in waiting]
    for node in ready:  # a queue, which grows while it is read; so a node's last parent to be read is its deepest
        for head in heads[starts[node] : starts[node + 1]]:
            waiting[head] -= 1
            if not waiting[head]:
                depth[head] = depth[node] + 1
                ready.append(head)
    return depth


def cycle_among(starts: Sequence[int], tails: Sequence[int], depth: Sequence[int]) -> list[int]:
    """Return the nodes of one cycle in the direction of its edges, beginning at the least of them.

    Parameters
    ----------
    starts, tails
        The *reversed* graph: where the edges into each node come from.
    depth
        What `levels` returned, with at least one -1 in it.

    Examples
    --------
    >>> cycle_among([0, 1, 2, 3], [2, 0, 1], [-1, -1, -1])
    [0, 1, 2]
    """
    node = next(node for node, deep in enumerate(depth) if deep < 0)
    met: dict[int, int] = {}
    path: list[int] = []
    while node not in met:  # every unfinished node has an unfinished parent
        met[node] = len(path)
        path.append(node)
        node = next(tail for tail in tails[starts[node] : starts[node + 1]] if depth[tail] < 0)
    around = path[met[node] :][::-1]
    least = around.index(min(around))
    return around[least:] + around[:least]


def reachable(starts: Sequence[int], heads: Sequence[int], node: int) -> list[int]:
    """Return, in rising order, the nodes that a path leads to from `node`, itself excepted.

    Examples
    --------
    >>> reachable([0, 2, 3, 3, 3], [1, 2, 2], 0)
    [1, 2]
    """
    seen = bytearray(len(starts) - 1)
    seen[node] = 1
    frontier = [node]
    while frontier:
        at = frontier.pop()
        for head in heads[starts[at] : starts[at + 1]]:
            if not seen[head]:
                seen[head] = 1
                frontier.append(head)
    seen[node] = 0
    return [found for found, is_met in enumerate(seen) if is_met]


def longest_after(
    starts: Sequence[int],
    heads: Sequence[int],
    order: Sequence[int],
    node_cost: Sequence[float],
    edge_cost: Sequence[float],
) -> list[float]:
    """Return the cost of the dearest path from each node to a sink, the node's own cost included.

    Parameters
    ----------
    starts, heads
        The graph.
    order
        Its nodes, parents before children.
    node_cost
        One a node.
    edge_cost
        One an edge, in the order of `heads`.

    Examples
    --------
    >>> longest_after([0, 2, 3, 3], [1, 2, 2], [0, 1, 2], [1.0, 1.0, 1.0], [0.5, 5.0, 0.5])
    [7.0, 2.5, 1.0]
    """
    after = [0.0] * len(order)
    for node in reversed(order):
        longest = 0.0
        for edge in range(starts[node], starts[node + 1]):
            longest = max(longest, edge_cost[edge] + after[heads[edge]])
        after[node] = node_cost[node] + longest
    return after
