"""A run as a picture: the network laid out over time, and on it the path that everything waited for."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from jaxtyping import Float
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure as Canvas

from consilience.dialogue.trials.rival import Visit

__all__ = ["critical_path", "draw_run", "finished"]

GREY, LIGHT, PATH, NODE = "#888888", "#bbbbbb", "#d9722e", "#3b7dd8"
_CURVE = np.linspace(0.0, 1.0, 10)
_CALM = 30
"""How often heights are drawn towards those of neighbours."""


def finished(nodes: int, visits: Sequence[Visit]) -> list[float]:
    """Return when each node's work was there, in seconds since the first question, by the log of who was asked.

    Parameters
    ----------
    nodes
        How many there are; they are numbered.
    visits
        The calls: of a node without parents ``"3"``, of an edge ``"1->3"``, of a merge at a node ``"3+0.1"``.
    """
    begun = min(visit.arrived_s for visit in visits)
    done = [0.0] * nodes
    for visit in visits:
        node = _node_of(visit.element)
        if node is not None:
            done[node] = max(done[node], visit.finished_s - begun)
    return done


def critical_path(nodes: int, edges: Sequence[Sequence[int]], visits: Sequence[Visit]) -> list[int]:
    """Return the nodes that the run waited for, in their order, by when work was there.

    Going back from the last node, it was waiting for the parent along whose edge work came last.

    Examples
    --------
    >>> calls = [Visit("0", 0, 1), Visit("0->1", 1, 2), Visit("0->2", 1, 4), Visit("1->3", 2, 3), Visit("2->3", 4, 5)]
    >>> critical_path(4, [(0, 1), (0, 2), (1, 3), (2, 3)], calls)
    [0, 2, 3]
    """
    along: dict[str, float] = {}
    for visit in visits:
        along[visit.element] = max(along.get(visit.element, 0.0), visit.finished_s)
    parents: dict[int, list[int]] = {}
    for tail, head in edges:
        parents.setdefault(head, []).append(tail)
    done = finished(nodes, visits)
    path = [max(range(nodes), key=done.__getitem__)]
    while path[-1] in parents:
        head = path[-1]
        path.append(max(parents[head], key=lambda tail: along[f"{tail}->{head}"]))
    return path[::-1]


def draw_run(nodes: int, edges: Sequence[Sequence[int]], visits: Sequence[Visit]) -> Canvas:
    """Draw every node where its work was there, every edge as a thread, and the critical path over them."""
    at = np.array(finished(nodes, visits))
    height = _heights(nodes, edges)
    path = critical_path(nodes, edges, visits)
    canvas = Canvas(figsize=(6.4, 3.8), layout="constrained")
    axes = canvas.subplots()
    threads = [_thread(at, height, tail, head) for tail, head in edges]
    axes.add_collection(LineCollection(threads, colors=LIGHT, linewidths=0.5, alpha=0.6))
    first = np.array([(0.0, height[path[0]]), (at[path[0]], height[path[0]])])
    way = [first, *(_thread(at, height, tail, head) for tail, head in pairwise(path))]
    axes.add_collection(LineCollection(way, colors=PATH, linewidths=2.4))
    others = [node for node in range(nodes) if node not in set(path)]
    axes.plot(at[others], height[others], "o", color=NODE, markersize=4)
    axes.plot(at[path], height[path], "o", color=PATH, markersize=5.5)
    axes.set_xlabel("seconds until a node's work is there", color=GREY)
    axes.text(0.0, 1.02, f"{nodes} nodes, {len(edges)} edges", color=NODE, transform=axes.transAxes)
    axes.text(1.0, 1.02, "what everything waits for", color=PATH, ha="right", transform=axes.transAxes)
    axes.set(yticks=[], ylim=(-0.05, 1.05), xlim=(0, 1.03 * at.max()))
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(GREY)
    axes.tick_params(colors=GREY)
    return canvas


def _node_of(element: str) -> int | None:
    """Return whose work a call adds to; None for the merge of all that the network ends in."""
    head = element.rpartition("->")[2].partition("+")[0]
    return int(head) if head else None


def _heights(nodes: int, edges: Sequence[Sequence[int]]) -> Float[np.ndarray, " node"]:
    """Spread nodes over the height so that neighbours are near each other; the same for the same network."""
    near = np.zeros((nodes, nodes))
    for tail, head in edges:
        near[tail, head] = near[head, tail] = 1.0
    near += np.eye(nodes)
    near /= near.sum(axis=1, keepdims=True)
    height: Float[np.ndarray, " node"] = np.modf(0.5 + np.arange(nodes) * 0.6180339887)[0]
    for _ in range(_CALM):
        height = near @ height
        height = height.argsort().argsort() / max(1, nodes - 1)
    return height


def _thread(
    at: Float[np.ndarray, " node"], height: Float[np.ndarray, " node"], tail: int, head: int
) -> Float[np.ndarray, "point 2"]:
    ease = _CURVE**2 * (3 - 2 * _CURVE)
    return np.stack([at[tail] + (at[head] - at[tail]) * _CURVE, height[tail] + (height[head] - height[tail]) * ease], 1)
