"""The study of what flows, and what it would see if something flowed wrongly."""

import asyncio

import numpy as np
import pytest

from consilience.dialogue.messages import Message, Question
from consilience.ground import Evidence, RunFolder, Streams
from consilience.methods.agent_networks.config import Config
from consilience.methods.agent_networks.graph import Network
from consilience.methods.agent_networks.studies.dataflow import (
    Witness,
    dataflow,
    drawn_network,
    followed,
    layered,
    peeled,
    upstream,
)
from consilience.methods.agent_networks.topology import topology


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    folder = RunFolder(tmp_path_factory.mktemp("run"), quiet=True)
    return dataflow(Config(dataflow_networks=12, dataflow_nodes=20), Streams(3), folder)


def test_everything_flows_where_it_belongs(evidence: Evidence) -> None:
    barred = [measurement for measurement in evidence.measurements if measurement.barred]
    assert [measurement.value for measurement in barred] == [100, 0, 0, 0, 16]
    assert all(measurement.holds for measurement in barred)


def test_another_seed_draws_other_networks(evidence: Evidence, tmp_path) -> None:
    again = dataflow(Config(dataflow_networks=12, dataflow_nodes=20), Streams(3), RunFolder(tmp_path / "a", quiet=True))
    other = dataflow(Config(dataflow_networks=12, dataflow_nodes=20), Streams(4), RunFolder(tmp_path / "b", quiet=True))
    assert again == evidence
    assert other.tables[1] != evidence.tables[1]


def test_processes_change_nothing(evidence: Evidence, tmp_path) -> None:
    config = Config(dataflow_networks=12, dataflow_nodes=20, processes=2)
    assert dataflow(config, Streams(3), RunFolder(tmp_path, quiet=True)) == evidence


@pytest.mark.parametrize(
    ("network", "left"),
    [
        (topology("mesh", 4), 2),
        (topology("mesh", 8), 2),
        (topology("mesh", 16), 2),
        (topology("tree", 16), 4),
        (topology("tree", 16, reverse=True), 8),
        (topology("star", 16), 16),
        (topology("chain", 16), 16),
        (topology("layer", 16), 16),
    ],
)
def test_peeling_loses_what_it_is_known_to_lose(network: Network, left: int) -> None:
    assert peeled(network) == left


def test_peeling_loses_nothing_where_all_parents_lie_in_one_layer() -> None:
    assert peeled(Network.of([(0, 1), (0, 2), (1, 3), (2, 3)])) == 4
    assert peeled(Network.of([(0, 1), (1, 2), (0, 2)])) < 3


def test_what_leads_to_a_node_is_found_by_closure() -> None:
    network = topology("random", 12, edges=25, seed=5)
    reach = np.eye(12, dtype=bool)
    for _ in range(12):
        for tail, head in network.edges:
            reach[head] |= reach[tail]
    for node, bits in enumerate(upstream(network)):
        assert [bits >> other & 1 for other in range(12)] == reach[node].astype(int).tolist()
        edges = [at for at, (_, head) in enumerate(network.edges) if reach[node, head]]
        assert bits >> 12 == sum(1 << at for at in edges)


def test_a_witness_sees_an_edge_that_begins_too_early() -> None:
    network = Network.of([(0, 1), (0, 2), (1, 2)])
    witness = Witness(network, np.random.default_rng(0))

    async def ask(work: int) -> str:
        messages = (Message("user", (f"<work>\n{work:x}\n</work>",)),)
        return (await witness.ask(Question("1->2", messages, occurrence=1))).text

    whole = upstream(network)[1]
    assert int(asyncio.run(ask(whole)), 16) == whole | 1 << 2 | 1 << 5
    assert witness.astray == 0
    asyncio.run(ask(whole ^ 1))  # without the draft
    asyncio.run(ask(whole | 1 << 4))  # with what it must not have
    assert witness.astray == 2


def test_a_witness_counts_edges_that_begin_twice() -> None:
    network = Network.of([(0, 1)])
    witness = Witness(network, np.random.default_rng(0))
    question = Question("0->1", (Message("user", ("<work>\n1\n</work>",)),))
    for _ in range(2):
        asyncio.run(witness.ask(question))
    assert witness.begun == {"0->1": 2}


@pytest.mark.parametrize("group", [2, 3, 5])
def test_groups_of_any_size_lose_nothing(group: int) -> None:
    flow = asyncio.run(followed(topology("mesh", 9), np.random.default_rng(1), group=group))
    assert (flow.not_once, flow.astray, flow.covered, flow.told) == (0, 0, 1.0, True)


def test_drawn_networks_are_in_one_piece_and_in_no_order() -> None:
    networks = [drawn_network(np.random.default_rng(seed), 30) for seed in range(40)]
    assert all(2 <= len(network) <= 30 and network.connected for network in networks)
    assert any(tail > head for network in networks for tail, head in network.edges)
    assert max(len(network.edges) for network in networks) > 100


def test_layered_networks_reach_back_a_little() -> None:
    edges = layered(50, np.random.default_rng(0))
    assert {head for _, head in edges} == set(range(1, 50))
    assert all(0 < head - tail <= 8 for tail, head in edges)
    assert len(set(edges)) == len(edges)
