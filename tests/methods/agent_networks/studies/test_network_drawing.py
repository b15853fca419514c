"""The picture of a run: nodes where their work was there, and the path that everything waited for."""

import asyncio
from itertools import pairwise

import pytest

from consilience.dialogue.faults import Latency
from consilience.dialogue.trials.rival import Visit
from consilience.methods.agent_networks.studies.makespan import course
from consilience.methods.agent_networks.studies.network_drawing import PATH, critical_path, draw_run, finished
from consilience.methods.agent_networks.topology import topology

EDGES = [(0, 1), (0, 2), (1, 3), (2, 3)]
CALLS = [
    Visit("0", 10.0, 11.0), Visit("0->1", 11.0, 12.0), Visit("0->2", 11.0, 14.0), Visit("1->3", 12.0, 13.0),
    Visit("2->3", 14.0, 15.0), Visit("3+0.0", 15.0, 16.5),
]  # fmt: skip


def test_work_of_a_node_is_there_when_its_last_merge_is() -> None:
    assert finished(4, CALLS) == [1.0, 2.0, 4.0, 6.5]


def test_the_path_goes_back_along_what_came_last() -> None:
    assert critical_path(4, EDGES, CALLS) == [0, 2, 3]


def test_the_merge_of_several_ends_belongs_to_no_node() -> None:
    assert finished(2, [Visit("0", 0.0, 1.0), Visit("1", 0.0, 2.0), Visit("+0.0", 2.0, 3.0)]) == [1.0, 2.0]


@pytest.mark.parametrize("shape", ["chain", "mesh", "layer", "random"])
def test_the_path_of_a_run_follows_edges_from_a_source_to_the_last_node(shape: str) -> None:
    network = topology(shape, 9)
    visits = asyncio.run(course(network, Latency.lognormal(0.004, 0.8))).visits
    path = critical_path(len(network), network.edges, visits)
    done = finished(len(network), visits)
    assert set(pairwise(path)) <= {tuple(edge) for edge in network.edges}
    assert path[0] not in {head for _, head in network.edges}
    assert done[path[-1]] == max(done)


def test_all_edges_are_threads_and_the_path_is_over_them() -> None:
    threads, way = draw_run(4, EDGES, CALLS).axes[0].collections
    assert len(threads.get_segments()) == 4
    assert way.get_segments()[0][-1][0] == 1.0
    assert way.get_segments()[-1][-1][0] == 6.5
    others, on_path = draw_run(4, EDGES, CALLS).axes[0].lines
    assert (len(others.get_xdata()), len(on_path.get_xdata()), on_path.get_color()) == (1, 3, PATH)
