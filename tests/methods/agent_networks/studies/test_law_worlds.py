import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consilience.ground.errors import InvalidInput
from consilience.methods.agent_networks.studies.law_worlds import clustering_and_reach, narrow_small_world
from consilience.methods.agent_networks.topology import mesh, small_world


@settings(max_examples=25)
@given(agents=st.integers(4, 40), share=st.floats(0, 1), rewiring=st.floats(0, 1), seed=st.integers(0, 99))
def test_there_is_one_beginning_and_one_end_and_as_many_edges(agents, share, rewiring, seed):
    edges = agents - 1 + int(share * (agents * (agents - 1) // 2 - agents + 1))
    narrow = narrow_small_world(agents, edges=edges, rewiring=rewiring, seed=seed)
    assert (narrow.sources, narrow.sinks, len(narrow.edges)) == ((0,), (agents - 1,), edges)
    assert all(lower < upper for lower, upper in narrow.edges)


def test_nothing_moved_is_the_row_and_all_moved_is_far_from_it():
    row = small_world(48, edges=138, rewiring=0)
    assert narrow_small_world(48, edges=138, rewiring=0, seed=3).edges == row.edges
    moved = narrow_small_world(48, edges=138, rewiring=1, seed=3)
    assert len(set(moved.edges) & set(row.edges)) < 0.3 * 138
    assert moved.height < 0.6 * row.height


def test_moves_go_anywhere():
    many = [narrow_small_world(24, edges=60, rewiring=1, seed=seed) for seed in range(200)]
    reach = np.bincount([upper - lower for one in many for lower, upper in one.edges], minlength=24)
    assert (reach[1:] > 0).all()


@pytest.mark.parametrize("seed", range(3))
def test_clustering_and_distance_are_those_of_networkx(seed):
    network = small_world(30, edges=70, rewiring=0.3, seed=seed)
    theirs = nx.Graph(network.edges)
    mine = clustering_and_reach(network)
    expected = nx.average_clustering(theirs), nx.average_shortest_path_length(theirs)
    assert mine == pytest.approx(expected)


def test_a_mesh_is_one_step_wide():
    assert clustering_and_reach(mesh(5)) == (1, 1)


def test_too_few_edges_are_refused():
    with pytest.raises(InvalidInput, match="from 9 to 45"):
        narrow_small_world(10, edges=8, rewiring=0.5, seed=0)
