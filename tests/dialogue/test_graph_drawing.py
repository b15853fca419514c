"""Where nodes stand and how edges run."""

import re
from itertools import combinations, pairwise

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consilience.dialogue.graph_drawing import draw, layers_of, longest_path
from consilience.ground.errors import InvalidInput


@st.composite
def graphs(draw_: st.DrawFn) -> tuple[list[str], list[tuple[str, str]]]:
    """Acyclic graphs of up to 24 nodes, named in no order."""
    count = draw_(st.integers(0, 24))
    names = draw_(st.permutations([f"n{index}" for index in range(count)]))
    chosen = draw_(st.lists(st.booleans(), min_size=count * (count - 1) // 2, max_size=count * (count - 1) // 2))
    sorted_names = sorted(names)
    return list(names), [pair for pair, kept in zip(combinations(sorted_names, 2), chosen, strict=True) if kept]


def mesh(count: int) -> tuple[list[str], list[tuple[str, str]]]:
    names = [str(index) for index in range(count)]
    return names, list(combinations(names, 2))


def layered(*sizes: int) -> tuple[list[str], list[tuple[str, str]]]:
    layers = [[f"{depth}.{index}" for index in range(size)] for depth, size in enumerate(sizes)]
    edges = [(u, v) for upper, lower in pairwise(layers) for u in upper for v in lower]
    return [name for layer in layers for name in layer], edges


SHAPES = {
    "mesh": mesh(16),
    "star": (list("0123456789"), [("0", str(leaf)) for leaf in range(1, 10)]),
    "layer": layered(10, 10, 10, 10),
    "chain": layered(*[1] * 40),
    "tree": ([str(n) for n in range(31)], [(str((n - 1) // 2), str(n)) for n in range(1, 31)]),
    "apart": (list("abc"), []),
    "one": (["a"], []),
}


@given(graphs())
def test_edges_lead_to_deeper_layers_and_every_node_has_one(graph: tuple[list[str], list[tuple[str, str]]]) -> None:
    nodes, edges = graph
    layers = layers_of(nodes, edges)
    depth = {node: level for level, layer in enumerate(layers) for node in layer}
    assert sorted(depth) == sorted(nodes)
    assert sum(map(len, layers)) == len(nodes)
    assert all(depth[source] < depth[target] for source, target in edges)
    if edges:
        assert len(layers) == nx.dag_longest_path_length(nx.DiGraph(edges)) + 1


@given(graphs(), st.integers(0, 2**32 - 1))
def test_the_longest_path_is_networkx_s(graph: tuple[list[str], list[tuple[str, str]]], seed: int) -> None:
    nodes, edges = graph
    generator = np.random.default_rng(seed)
    cost = {node: float(generator.integers(9)) for node in nodes}
    edge_cost = {pair: float(generator.integers(9)) for pair in edges}
    length, path, pairs = longest_path(nodes, edges, cost, edge_cost)
    assert length == sum(cost[node] for node in path) + sum(edge_cost[pair] for pair in pairs)
    peer = nx.DiGraph()
    for node in nodes:
        peer.add_edge((node, "in"), (node, "out"), weight=cost[node])
    for source, target in edges:
        peer.add_edge((source, "out"), (target, "in"), weight=edge_cost[source, target])
    assert length == nx.dag_longest_path_length(peer)


@pytest.mark.parametrize("shape", SHAPES)
def test_no_two_nodes_touch_and_all_is_within_the_frame(shape: str) -> None:
    nodes, edges = SHAPES[shape]
    drawing = draw(nodes, edges, dict.fromkeys(nodes, 1.0))
    for one, other in combinations(drawing.places.values(), 2):
        assert np.hypot(one.x - other.x, one.y - other.y) > one.radius + other.radius
    for place in drawing.places.values():
        assert place.radius < place.x < drawing.width - place.radius
        assert place.radius < place.y < drawing.height - place.radius
    for (source, target), route in drawing.routes.items():
        numbers = list(map(float, re.findall(r"-?[\d.]+", route.path)))
        assert numbers[:2] == [drawing.places[source].x, drawing.places[source].y]
        assert numbers[-2:] == [drawing.places[target].x, drawing.places[target].y]
        assert 0 < route.x < drawing.width
        assert 0 < route.y < drawing.height


@pytest.mark.parametrize("shape", ["mesh", "star", "layer", "tree"])
def test_no_two_edges_are_marked_at_one_place(shape: str) -> None:
    drawing = draw(*SHAPES[shape], {})
    marks = [(route.x, route.y) for route in drawing.routes.values()]
    assert len(set(marks)) == len(marks)


def test_a_graph_is_drawn_wide_rather_than_high() -> None:
    for nodes, edges in SHAPES.values():
        drawing = draw(nodes, edges, {})
        assert drawing.width >= drawing.height or len(nodes) == 1


def test_a_tree_s_parents_stand_between_their_children() -> None:
    places = draw(*SHAPES["tree"], {}).places
    for parent in range(15):
        children = [places[str(2 * parent + 1)].x, places[str(2 * parent + 2)].x]
        assert places[str(parent)].x == pytest.approx(np.mean(children), abs=1.0)


def test_area_grows_with_weight() -> None:
    places = draw(["a", "b", "c"], [], {"a": 0.0, "b": 0.5, "c": 1.0}).places
    assert places["a"].radius < places["b"].radius < places["c"].radius


def test_what_is_no_acyclic_graph_is_named() -> None:
    with pytest.raises(InvalidInput, match="'a' -> 'z' names 'z'"):
        draw(["a"], [("a", "z")], {})
    with pytest.raises(InvalidInput, match="in a circle; 'b' is on one"):
        draw(["a", "b", "c"], [("a", "b"), ("b", "c"), ("c", "b")], {})
