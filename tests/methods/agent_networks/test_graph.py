"""Networks: laws on random graphs, networkx beside, and every fault of a graph told by name."""

import pickle
from itertools import pairwise
from time import process_time

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consilience.ground.errors import InvalidInput
from consilience.methods.agent_networks.graph import Cycle, Network

SHAPES = st.tuples(st.integers(1, 25), st.sampled_from([0.02, 0.1, 0.3, 0.9]), st.integers(0, 2**16))


def drawn(n_nodes: int, share: float, seed: int) -> Network:
    """Any network, whose positions say nothing about the direction of its edges."""
    chance = np.random.default_rng(seed)
    joined = np.triu(chance.random((n_nodes, n_nodes)) < share, 1)
    for node in range(n_nodes):
        if n_nodes > 1 and not (joined[node].any() or joined[:, node].any()):
            lower = min(node, n_nodes - 2)
            joined[lower, lower + 1] = True
    places = chance.permutation(n_nodes).tolist()
    edges = [(places[tail], places[head]) for tail, head in np.argwhere(joined).tolist()]
    return Network(tuple(f"n{place}" for place in range(n_nodes)), tuple(edges))


def beside(network: Network) -> nx.DiGraph:
    graph = nx.DiGraph()
    graph.add_nodes_from(range(len(network)))
    graph.add_edges_from(network.edges)
    return graph


@given(SHAPES)
def test_order_respects_edges_and_has_every_node_once(shape: tuple[int, float, int]) -> None:
    network = drawn(*shape)
    assert sorted(network.order) == list(range(len(network)))
    rank = {node: place for place, node in enumerate(network.order)}
    assert all(rank[tail] < rank[head] for tail, head in network.edges)


@given(SHAPES)
def test_reversing_twice_changes_nothing(shape: tuple[int, float, int]) -> None:
    network = drawn(*shape)
    turned = network.reverse()
    assert turned.reverse() == network
    assert turned.edges == tuple(sorted((head, tail) for tail, head in network.edges))
    assert (turned.sources, turned.sinks) == (network.sinks, network.sources)


@given(SHAPES)
def test_neighbours_ends_and_ancestors_are_those_of_networkx(shape: tuple[int, float, int]) -> None:
    network = drawn(*shape)
    graph = beside(network)
    assert network.connected == nx.is_weakly_connected(graph)
    for node in graph:
        assert network.children(node) == tuple(sorted(graph.successors(node)))
        assert network.parents(node) == tuple(sorted(graph.predecessors(node)))
        assert network.ancestors(node) == tuple(sorted(nx.ancestors(graph, node)))
        assert [network.edges[edge] for edge in network.outgoing(node)] == [(node, to) for to in network.children(node)]
        assert [network.edges[edge] for edge in network.incoming(node)] == [(up, node) for up in network.parents(node)]
    assert network.sources == tuple(node for node in graph if not graph.in_degree(node))
    assert network.sinks == tuple(node for node in graph if not graph.out_degree(node))


@given(SHAPES)
def test_depth_is_the_longest_path_that_leads_there(shape: tuple[int, float, int]) -> None:
    network = drawn(*shape)
    graph = beside(network)
    for depth, generation in enumerate(nx.topological_generations(graph)):
        assert {network.depth[node] for node in generation} == {depth}
    assert network.height == nx.dag_longest_path_length(graph)


@given(SHAPES, st.integers(0, 2**16))
def test_what_remains_is_the_longest_path_of_networkx(shape: tuple[int, float, int], seed: int) -> None:
    network = drawn(*shape)
    chance = np.random.default_rng(seed)
    own, between = chance.integers(1, 9, len(network)).tolist(), chance.integers(1, 9, len(network.edges)).tolist()
    remaining = network.remaining(own, between)
    for node in range(len(network)):
        graph = beside(network).subgraph({node, *nx.descendants(beside(network), node)}).copy()
        for (tail, head), cost in zip(network.edges, between, strict=True):
            if tail in graph and head in graph:
                graph[tail][head]["weight"] = cost + own[tail]
        graph.add_edges_from(((sink, "end") for sink in set(network.sinks) & set(graph)), weight=0)
        for sink in set(network.sinks) & set(graph):
            graph[sink]["end"]["weight"] = own[sink]
        assert remaining[node] == nx.dag_longest_path_length(graph)


def test_edges_are_kept_in_order_whatever_order_they_came_in() -> None:
    edges = ((0, 2), (0, 1), (1, 2))
    assert Network(("a", "b", "c"), edges) == Network(("a", "b", "c"), edges[::-1])
    assert Network(("a", "b", "c"), edges).edges == ((0, 1), (0, 2), (1, 2))


def test_a_single_agent_is_a_network() -> None:
    alone = Network.of([], ["only"])
    assert (alone.agents, alone.order, alone.sources, alone.sinks, alone.density) == (1, (0,), (0,), (0,), 0.0)
    assert alone.connected
    assert alone.height == 0
    assert alone.reverse() == alone


def test_counts_and_density() -> None:
    full = Network.of([(0, 1), (0, 2), (1, 2)])
    assert (full.agents, full.density, len(full)) == (6, 1.0, 3)
    assert repr(full) == "<Network of 3 nodes and 3 edges>"
    assert full.positions == {"0": 0, "1": 1, "2": 2}


def test_names_that_are_numbers_stand_in_their_order_and_others_as_they_come() -> None:
    assert Network.of([(10, 9), ("9", 2)]).nodes == ("2", "9", "10")
    assert Network.of([("write", "test"), ("plan", "write")]).nodes == ("write", "test", "plan")
    assert Network.of([("b", "a")], ["a", "b"]).edges == ((1, 0),)


@given(SHAPES, st.integers(0, 2**16))
def test_a_cycle_is_told_with_its_path(shape: tuple[int, float, int], seed: int) -> None:
    network = drawn(*shape)
    closing = [(head, ancestor) for head in range(len(network)) for ancestor in network.ancestors(head)]
    if not closing:
        return
    edges = {*network.edges, closing[seed % len(closing)]}
    with pytest.raises(Cycle) as caught:
        Network(network.nodes, tuple(edges))
    path = [network.nodes.index(name) for name in caught.value.path]
    assert path[0] == path[-1] == min(path)
    assert len(set(path)) == len(path) - 1
    assert all(edge in edges for edge in pairwise(path))


def test_the_message_of_a_cycle_is_short_and_crosses_processes() -> None:
    with pytest.raises(Cycle, match="the cycle plan -> write -> plan: take one of its edges away") as caught:
        Network.of([("plan", "write"), ("write", "plan"), ("write", "ship")])
    assert pickle.loads(pickle.dumps(caught.value)).path == ("plan", "write", "plan")
    with pytest.raises(Cycle, match=r"0 -> 1 .* -> \.\.\. \(990 more\) \.\.\. -> 999 -> 0:") as caught:
        Network.of([(node, (node + 1) % 1000) for node in range(1000)])
    assert len(str(caught.value)) < 250


@pytest.mark.parametrize(
    ("edges", "nodes", "message"),
    [
        ([], [], "at least one agent; got 0"),
        ([], None, "at least one agent; got 0"),
        ([("a", "a"), ("a", "b")], None, "must join two different nodes; got a->a"),
        ([("a", "b"), ("a", "b")], None, "must be given once; got a->b more than once"),
        ([("a", "b"), ("b", "plam")], ["a", "b", "plan"], "got b->plam, but no 'plam'; did you mean 'plan'"),
        ([("a", "b"), ("b", "z")], ["a", "b"], "but no 'z'; name it among the nodes"),
        ([("a", "b")], ["a", "b", "c", "d"], "got 2 without one: 'c', 'd'. Join them or leave them out"),
        ([], ["a", "b"], "got 2 without one: 'a', 'b'"),
        ([("a", "b")], ["a", "b", "a"], "must each be named once; got 'a' twice"),
        ([("a", "")], None, "must be printable text"),
        ([("a", "b+c")], None, r"must be printable text .*got 'b\+c'"),
        ([("a", "b->c")], None, "must be printable text .*got 'b->c'"),
        ([("a", "b\n")], None, "must be printable text"),
        ([("a", " b")], None, "must be printable text"),
    ],
)
def test_what_is_wrong_is_said(edges: list, nodes: list | None, message: str) -> None:
    with pytest.raises(InvalidInput, match=message) as caught:
        Network.of(edges, nodes)
    assert "\n" not in str(caught.value)


@pytest.mark.usefixtures("past_the_types")
@pytest.mark.parametrize(
    ("edges", "message"),
    [
        (((0, 3),), r"numbered 0 to 2; got \(0, 3\)"),
        (((-1, 0),), r"numbered 0 to 2; got \(-1, 0\)"),
        (((0, 1), (1,)), "some that are not pairs"),
        (((0, 1.5),), r"pairs of whole numbers.*got such as \(0, 1.5\)"),
        (((0, 1, 2),), "pairs of whole numbers"),
        ((0, 1), "pairs of whole numbers"),
    ],
)
def test_positions_that_lead_nowhere_are_refused(edges: tuple, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        Network(("a", "b", "c"), edges)


def test_costs_must_be_as_many_as_what_they_are_for() -> None:
    network = Network.of([(0, 1), (1, 2)])
    with pytest.raises(InvalidInput, match="`node_cost` must be one number, or 3 of them; got 2"):
        network.remaining([1.0, 1.0])
    with pytest.raises(InvalidInput, match="`edge_cost` must be one number, or 2 of them; got 1"):
        network.remaining(edge_cost=[1.0])


def test_a_long_chain_is_checked_sooner_than_networkx_builds_it() -> None:
    edges = tuple((node, node + 1) for node in range(99_999))
    started = process_time()
    chain = Network(tuple(map(str, range(100_000))), edges)
    ours = process_time() - started
    started = process_time()
    assert nx.is_directed_acyclic_graph(nx.DiGraph(edges))
    assert ours < process_time() - started
    assert (chain.height, chain.remaining()[0], len(chain.ancestors(99_999))) == (99_999, 100_000, 99_999)
