"""Where the nodes of a directed acyclic graph stand on a page, and how its edges run.

Layers by longest path, order within a layer by barycentres, places as near to the neighbours as the order allows. A
graph that is wider than deep is drawn downwards, a long chain is folded, and an edge that leaps over layers bows out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from consilience.ground.errors import InvalidInput

__all__ = ["Drawing", "Place", "Route", "draw", "layers_of", "longest_path"]

_SWEEPS = 6
_WIDE, _TALL = 1040.0, 480.0
_MARGIN = 34.0
_MARKED_AT = 0.36
"""How far along an edge its mark is: between two layers that are joined in full, the middles of many edges coincide."""
_FOLD = 16
"""A chain of more nodes than this is folded into rows."""

Pair = tuple[str, str]
Point = tuple[float, float]
Curve = tuple[Point, Point, Point, Point]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a node stands, in pixels."""

    x: float
    y: float
    radius: float


@dataclass(frozen=True, slots=True)
class Route:
    """How an edge runs."""

    path: str
    """As SVG writes it."""
    x: float
    """Where a mark of it may stand."""
    y: float
    """Likewise."""
    arrow: str
    """A small triangle at its end, as SVG writes it."""


@dataclass(frozen=True, slots=True)
class Drawing:
    """Places and routes, within a frame."""

    width: float
    height: float
    places: Mapping[str, Place]
    routes: Mapping[Pair, Route]
    flows: str
    """In words, which way the edges run."""


def layers_of(nodes: Sequence[str], edges: Sequence[Pair]) -> list[list[str]]:
    """Return the nodes by the length of the longest path that leads to them, sources just before their first child.

    Raises
    ------
    InvalidInput
        When an edge names a node that is not there, or edges run in a circle.

    Examples
    --------
    >>> layers_of(["a", "b", "c", "late"], [("a", "b"), ("b", "c"), ("late", "c")])
    [['a'], ['b', 'late'], ['c']]
    """
    children, parents = _neighbours(nodes, edges)
    depth = dict.fromkeys(nodes, 0)
    for node in _ordered(nodes, children, parents):
        for child in children[node]:
            depth[child] = max(depth[child], depth[node] + 1)
    for node in nodes:
        if children[node] and not parents[node]:
            depth[node] = min(depth[child] for child in children[node]) - 1
    layers: list[list[str]] = [[] for _ in range(max(depth.values(), default=-1) + 1)]
    for node in nodes:
        layers[depth[node]].append(node)
    return layers


def longest_path(
    nodes: Sequence[str], edges: Sequence[Pair], cost: Mapping[str, float], edge_cost: Mapping[Pair, float]
) -> tuple[float, list[str], list[Pair]]:
    """Return the costliest way through the graph: its cost, its nodes, its edges.

    Examples
    --------
    >>> longest_path(["a", "b", "c"], [("a", "c"), ("b", "c")], {"a": 1, "b": 2, "c": 1}, {("a", "c"): 3})
    (5, ['a', 'c'], [('a', 'c')])
    """
    if not nodes:
        return 0.0, [], []
    children, parents = _neighbours(nodes, edges)
    reached = {node: cost.get(node, 0.0) for node in nodes}
    via: dict[str, str] = {}
    for node in _ordered(nodes, children, parents):
        for child in children[node]:
            found = reached[node] + edge_cost.get((node, child), 0.0) + cost.get(child, 0.0)
            if child not in via or found > reached[child]:
                reached[child], via[child] = found, node
    last = max(nodes, key=reached.__getitem__)
    path = [last]
    while path[-1] in via:
        path.append(via[path[-1]])
    path.reverse()
    return reached[last], path, list(pairwise(path))


def draw(nodes: Sequence[str], edges: Sequence[Pair], weight: Mapping[str, float]) -> Drawing:
    """Place the nodes and route the edges.

    Parameters
    ----------
    nodes
        Names, each once.
    edges
        Pairs of names, without circles.
    weight
        What makes a node large, 0 to 1; area grows with it.
    """
    layers = layers_of(nodes, edges)
    width = max(map(len, layers), default=0)
    if width == 1 and len(layers) > _FOLD and len(edges) == len(nodes) - 1:
        return _folded([layer[0] for layer in layers], weight)
    across = _across(layers, *_neighbours(nodes, edges))
    breadth = max(across.values(), default=0.0) - min(across.values(), default=0.0)
    down = breadth > 2.5 * (len(layers) - 1)  # a page is wider than high
    step = _step(len(layers), _TALL if down else _WIDE, 80.0 if down else 26.0, 150.0 if down else 190.0)
    gap = _step(breadth + 1, _WIDE if down else _TALL, 24.0, 96.0 if down else 72.0)
    largest = min(19.0, 0.4 * min(gap, step))
    depth = {node: level for level, layer in enumerate(layers) for node in layer}
    centres = {node: (depth[node] * step, across[node] * gap) for node in nodes}
    curves: dict[Pair, Curve] = {}
    for source, target in edges:
        start, end = centres[source], centres[target]
        curves[source, target] = _curve(start, end, _bend(start, end, depth[target] - depth[source], width, gap))
    stood = {node: (y, x) if down else (x, y) for node, (x, y) in centres.items()}
    if down:
        curves = {pair: _turned(curve) for pair, curve in curves.items()}
    flows = "from top to bottom" if down else "from left to right"
    return _framed(stood, curves, weight, largest, flows, marked_at=0.5 if width == 1 else _MARKED_AT)


def _neighbours(nodes: Sequence[str], edges: Sequence[Pair]) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    children: dict[str, list[str]] = {node: [] for node in nodes}
    parents: dict[str, list[str]] = {node: [] for node in nodes}
    for source, target in edges:
        for name in (source, target):
            if name not in children:
                raise InvalidInput(f"edges must join nodes of the graph; {source!r} -> {target!r} names {name!r}")
        children[source].append(target)
        parents[target].append(source)
    return children, parents


def _ordered(nodes: Sequence[str], children: Mapping[str, list[str]], parents: Mapping[str, list[str]]) -> list[str]:
    missing = {node: len(parents[node]) for node in nodes}
    order = [node for node in nodes if not missing[node]]
    for node in order:  # grows as it is walked
        for child in children[node]:
            missing[child] -= 1
            if not missing[child]:
                order.append(child)
    if len(order) < len(nodes):
        stuck = next(node for node in nodes if missing[node])
        raise InvalidInput(f"edges must not run in a circle; {stuck!r} is on one or behind one")
    return order


def _across(
    layers: list[list[str]], children: Mapping[str, list[str]], parents: Mapping[str, list[str]]
) -> dict[str, float]:
    """Return where each node stands across the layers, in steps from the middle: no two of a layer within one step."""
    at = {node: place - (len(layer) - 1) / 2 for layer in layers for place, node in enumerate(layer)}
    for sweep in range(2 * _SWEEPS):
        near = parents if sweep % 2 == 0 else children
        for layer in layers if sweep % 2 == 0 else reversed(layers):
            wish = {node: _mean([at[other] for other in near[node]], at[node]) for node in layer}
            layer.sort(key=wish.__getitem__)
            at.update(zip(layer, _apart([wish[node] for node in layer]), strict=True))
    middle = (max(at.values(), default=0.0) + min(at.values(), default=0.0)) / 2
    return {node: place - middle for node, place in at.items()}


def _mean(values: list[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise


def _apart(wishes: list[float]) -> list[float]:
    """Return the places nearest to sorted wishes, in squares, that are at least one apart: pool adjacent violators."""
    pools: list[tuple[float, int]] = []
    for index, wish in enumerate(wishes):
        total, count = wish - index, 1
        while pools and pools[-1][0] / pools[-1][1] >= total / count:
            before, members = pools.pop()
            total, count = total + before, count + members
        pools.append((total, count))
    levels = [total / count for total, count in pools for _ in range(count)]
    return [level + index for index, level in enumerate(levels)]


def _step(count: float, room: float, least: float, most: float) -> float:
    return min(most, max(least, room / max(count - 1, 1)))


def _bend(start: Point, end: Point, span: int, width: int, gap: float) -> float:
    """How far an edge bows out of its straight way: not at all to the next layer, over the others in a mesh."""
    if span < 2:  # noqa: PLR2004
        return 0.0
    length = end[0] - start[0]
    if width == 1:
        return -0.5 * length
    side = 1.0 if start[1] + end[1] > 0 else -1.0
    return side * min(0.16 * length, 1.4 * gap)


def _curve(start: Point, end: Point, bend: float) -> Curve:
    reach = 0.42 * (end[0] - start[0]) if not bend else 0.25 * (end[0] - start[0])
    return start, (start[0] + reach, start[1] + bend), (end[0] - reach, end[1] + bend), end


def _turned(curve: Curve) -> Curve:
    (x0, y0), (x1, y1), (x2, y2), (x3, y3) = curve
    return (y0, x0), (y1, x1), (y2, x2), (y3, x3)


def _folded(chain: list[str], weight: Mapping[str, float]) -> Drawing:
    """A chain in rows that run to and fro, as an ox ploughs."""
    rows = max(2, round(math.sqrt(len(chain) / 5)))
    columns = max(-(-len(chain) // rows), 2)
    step = _step(columns, _WIDE, 30.0, 66.0)
    stood: dict[str, Point] = {}
    for index, node in enumerate(chain):
        row, column = divmod(index, columns)
        stood[node] = ((column if row % 2 == 0 else columns - 1 - column) * step, row * 62.0)
    curves: dict[Pair, Curve] = {}
    for source, target in pairwise(chain):
        start, end = stood[source], stood[target]
        out = 0.0 if start[1] == end[1] else math.copysign(22.0, start[0] - step)
        third = 0.0 if out else (end[0] - start[0]) / 3
        first, second = (start[0] + out + third, start[1]), (end[0] + out - third, end[1])
        curves[source, target] = (start, first, second, end)
    return _framed(stood, curves, weight, min(17.0, 0.38 * step), "along the rows, to and fro")


def _framed(
    stood: Mapping[str, Point],
    curves: Mapping[Pair, Curve],
    weight: Mapping[str, float],
    largest: float,
    flows: str,
    *,
    marked_at: float = 0.5,
) -> Drawing:
    middles = {pair: _along(curve, marked_at) for pair, curve in curves.items()}
    points = [*stood.values(), *middles.values()] or [(0.0, 0.0)]
    left, top = min(x for x, _ in points) - _MARGIN, min(y for _, y in points) - _MARGIN
    right, bottom = max(x for x, _ in points) + _MARGIN, max(y for _, y in points) + _MARGIN
    radius = {node: largest * (0.55 + 0.45 * math.sqrt(weight.get(node, 0.0))) for node in stood}
    places = {
        node: Place(round(x - left, 1), round(y - top, 1), round(radius[node], 1)) for node, (x, y) in stood.items()
    }
    routes: dict[Pair, Route] = {}
    for pair, curve in curves.items():
        moved = [(round(x - left, 1), round(y - top, 1)) for x, y in curve]
        path = "M{:g} {:g}C{:g} {:g} {:g} {:g} {:g} {:g}".format(*(value for point in moved for value in point))
        x, y = middles[pair]
        arrow = _arrow(moved[2], moved[3], radius[pair[1]] + 2.0)
        routes[pair] = Route(path, round(x - left, 1), round(y - top, 1), arrow)
    return Drawing(round(right - left, 1), round(bottom - top, 1), places, routes, flows)


def _along(curve: Curve, share: float) -> Point:
    rest = 1.0 - share
    factors = (rest**3, 3 * share * rest**2, 3 * share**2 * rest, share**3)
    return (
        sum(factor * x for factor, (x, _) in zip(factors, curve, strict=True)),
        sum(factor * y for factor, (_, y) in zip(factors, curve, strict=True)),
    )


def _arrow(origin: Point, end: Point, off: float) -> str:
    dx, dy = end[0] - origin[0], end[1] - origin[1]
    length = math.hypot(dx, dy) or 1.0
    dx, dy = dx / length, dy / length
    tip = (end[0] - off * dx, end[1] - off * dy)
    foot = (tip[0] - 6.5 * dx, tip[1] - 6.5 * dy)
    corners = (*tip, foot[0] - 3 * dy, foot[1] + 3 * dx, foot[0] + 3 * dy, foot[1] - 3 * dx)
    return "M{:.1f} {:.1f}L{:.1f} {:.1f}L{:.1f} {:.1f}Z".format(*corners)
