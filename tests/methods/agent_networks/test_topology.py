"""Shapes: acyclic by being made, of the stated size and number of edges, in one piece; draws repeat."""

from math import comb

import networkx as nx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consilience.ground.errors import InvalidInput, UnknownName
from consilience.methods.agent_networks import topology as module
from consilience.methods.agent_networks.topology import TOPOLOGIES, layer, random, small_world, topology

EDGES = {
    "chain": lambda n: n - 1,
    "star": lambda n: n - 1,
    "tree": lambda n: n - 1,
    "mesh": lambda n: n * (n - 1) // 2,
}


def as_networkx(network: module.Network) -> nx.DiGraph:
    graph = nx.DiGraph(network.edges)
    graph.add_nodes_from(range(len(network)))
    return graph


@given(st.sampled_from(sorted(TOPOLOGIES)), st.integers(1, 70), st.integers(0, 99), st.booleans())
def test_every_shape_is_acyclic_whole_and_of_the_stated_size(name: str, agents: int, seed: int, turned: bool) -> None:
    network = topology(name, agents, seed=seed, reverse=turned)
    graph = as_networkx(network)
    assert len(network) == agents
    assert nx.is_directed_acyclic_graph(graph)
    assert nx.is_weakly_connected(graph)
    if name in EDGES:
        assert len(network.edges) == EDGES[name](agents)
    assert topology(name, agents, seed=seed, reverse=not turned) == network.reverse()


@given(st.integers(1, 40), st.floats(0, 1), st.floats(0, 1), st.integers(0, 99))
def test_drawn_shapes_keep_to_their_budget_of_edges(agents: int, share: float, rewiring: float, seed: int) -> None:
    budget = agents - 1 + round(share * (comb(agents, 2) - (agents - 1)))
    for drawn in (
        random(agents, edges=budget, seed=seed),
        small_world(agents, edges=budget, rewiring=rewiring, seed=seed),
    ):
        assert len(drawn.edges) == budget
        assert nx.is_weakly_connected(as_networkx(drawn))
        assert all(tail < head for tail, head in drawn.edges)


@pytest.mark.parametrize("draw", [random, small_world])
def test_density_is_met_as_near_as_whole_edges_allow(draw) -> None:
    assert draw(30, density=0.4).density == pytest.approx(0.4, abs=1 / comb(30, 2))
    assert draw(30, density=1.0).density == 1.0
    assert len(draw(30, density=0.0).edges) == 29


def test_draws_repeat_under_a_seed_and_differ_between_seeds() -> None:
    for draw in (random, small_world):
        assert draw(30, edges=60, seed=3) == draw(30, edges=60, seed=3)
        assert draw(30, edges=60, seed=3) != draw(30, edges=60, seed=4)


def test_a_random_network_without_a_wish_has_any_number_of_edges() -> None:
    counts = [len(random(12, seed=seed).edges) for seed in range(200)]
    assert min(counts) < 16
    assert max(counts) > 61
    assert sum(counts) / 200 == pytest.approx((11 + 66) / 2, abs=5)


def test_random_takes_edges_from_the_mesh_in_random_order_and_never_one_that_holds_it_together() -> None:
    # literally so, for the same order of pairs
    for seed in range(20):
        chance = module.Streams(seed).child("topology").generator("random")
        order = list(module._shuffled_pairs(9, chance))
        graph = nx.Graph(order)
        for pair in reversed(order):
            if graph.number_of_edges() > 13:
                graph.remove_edge(*pair)
                if not nx.is_connected(graph):
                    graph.add_edge(*pair)
        assert {tuple(sorted(edge)) for edge in graph.edges} == set(random(9, edges=13, seed=seed).edges)


def test_pairs_of_a_large_mesh_are_drawn_without_repetition(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_DEALT_AT_ONCE", 64)
    pairs = list(module._shuffled_pairs(20, module.Streams(0).generator("pairs")))
    assert len(pairs) == len(set(pairs)) == comb(20, 2)
    assert all(lower < upper for lower, upper in pairs)


def test_layers_are_as_in_the_paper() -> None:
    sixteen = layer(16)
    assert (len(sixteen.edges), sixteen.height, sixteen.sources) == (48, 3, (0, 1, 2, 3))
    assert [layer(65).depth.count(depth) for depth in range(6)] == [15, 10, 10, 10, 10, 10]
    assert layer(2).edges == ((0, 1),)
    assert layer(3).edges == ((0, 2), (1, 2))


def test_rewiring_shortens_the_longest_path_and_loosens_neighbourhoods() -> None:
    row = small_world(48, edges=138, rewiring=0)
    assert row.edges == tuple(sorted((i, i + reach) for reach in (1, 2, 3) for i in range(48 - reach)))
    clustering = [
        nx.average_clustering(as_networkx(small_world(48, edges=138, rewiring=p, seed=1)).to_undirected())
        for p in (0.0, 0.1, 1.0)
    ]
    assert clustering[0] > clustering[1] > clustering[2] + 0.2
    heights = [small_world(48, edges=138, rewiring=p, seed=1).height for p in (0.0, 0.3, 1.0)]
    assert heights[0] == 47
    assert heights[0] > heights[1] > heights[2]


def test_edges_that_fit_only_in_part_are_spread_over_the_row() -> None:
    longest = [tail for tail, head in small_world(20, edges=19 + 9, rewiring=0).edges if head - tail == 2]
    assert longest == [0, 2, 4, 6, 8, 10, 12, 14, 16]


@pytest.mark.parametrize(
    ("name", "agents", "settings"),
    [
        ("mesh", 100_000, {}),
        ("chain", 10**12, {}),
        ("layer", 1_000_000, {}),
        ("random", 100_000, {"density": 0.9}),
        ("small-world", 10**9, {}),
    ],
)
def test_a_slip_of_the_finger_is_told_before_it_takes_all_memory(name: str, agents: int, settings: dict) -> None:
    with pytest.raises(InvalidInput, match=f"2,000,000 edges at most; got {agents:,} agents"):
        topology(name, agents, **settings)


@pytest.mark.parametrize("agents", [*range(2, 40), 64, 100])
def test_no_shape_has_more_edges_than_are_foreseen(agents: int, monkeypatch: pytest.MonkeyPatch) -> None:
    made = {name: topology(name, agents) for name in TOPOLOGIES}
    monkeypatch.setattr("consilience.methods.agent_networks.topology.MOST_EDGES", agents)
    for name, network in made.items():
        if len(network.edges) > agents:
            with pytest.raises(InvalidInput, match="edges at most"):
                topology(name, agents)


def test_names_of_shapes() -> None:
    assert topology("small_world", 9) == topology("small-world", 9) == small_world(9)
    with pytest.raises(UnknownName, match="unknown topology 'mash'; did you mean 'mesh'"):
        topology("mash", 4)


@pytest.mark.parametrize("name", sorted(TOPOLOGIES))
@pytest.mark.parametrize("agents", [0, -3])
def test_no_agents_are_no_network(name: str, agents: int) -> None:
    with pytest.raises(InvalidInput, match=f"at least one agent; got {agents}"):
        topology(name, agents)


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("mesh", {"density": 0.5}, "`density` goes with the topology random and small-world; got it for 'mesh'"),
        ("random", {"rewiring": 0.5}, "`rewiring` goes with the topology small-world; got it for 'random'"),
        ("random", {"edges": 3}, "from 4 to 10 edges; got `edges` 3"),
        ("small-world", {"edges": 11}, "from 4 to 10 edges; got `edges` 11"),
        ("random", {"density": 1.2}, "`density` must be a share from 0 to 1; got 1.2"),
        ("random", {"density": 0.5, "edges": 5}, "`edges` or `density`, not both"),
        ("small-world", {"rewiring": -0.1}, "`rewiring` must be a chance from 0 to 1; got -0.1"),
        ("random", {"seed": -1}, "`seed` must be an integer of at least 0"),
    ],
)
def test_settings_that_a_shape_cannot_have(name: str, settings: dict, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        topology(name, 5, **settings)
