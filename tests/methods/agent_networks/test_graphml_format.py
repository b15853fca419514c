"""GraphML and networkx: what they hold becomes a network, or is told to be none."""

import networkx as nx
import pytest

from consilience.ground.errors import InvalidInput
from consilience.methods.agent_networks.blueprint import Blueprint, Note
from consilience.methods.agent_networks.graph import Network
from consilience.methods.agent_networks.graphml_format import from_graphml, from_networkx, to_graphml, to_networkx
from consilience.methods.agent_networks.topology import mesh

HEAD = '<graphml xmlns="http://graphml.graphdrawing.org/xmlns">\n'


def written(body: str, direction: str = "directed") -> str:
    return f'{HEAD}<graph edgedefault="{direction}">\n{body}\n</graph></graphml>'


def test_networkx_reads_what_is_written_with_its_types() -> None:
    noted = Blueprint(Network.of([("a", "b")]), {"b": Note(quorum=1, approval=True), "a->b": Note(failure="skip")})
    graph = nx.parse_graphml(to_graphml(noted).encode())
    assert dict(graph.nodes(data=True)) == {"a": {}, "b": {"quorum": 1, "approval": True}}
    assert list(graph.edges(data=True)) == [("a", "b", {"failure": "skip"})]


def test_a_header_without_its_address_is_read() -> None:
    text = written('<node id="a"/><node id="b"/><edge source="a" target="b"/>').replace(HEAD, "<graphml>")
    assert from_graphml(text).network.edge_names == ("a->b",)


def test_a_note_whose_key_says_no_type_is_a_text() -> None:
    key = '<key id="k" for="edge" attr.name="failure"/>'
    text = written('<node id="a"/><node id="b"/><edge source="a" target="b"><data key="k">skip</data></edge>')
    assert from_graphml(text.replace(HEAD, HEAD + key)).notes == {"a->b": Note(failure="skip")}


def test_a_graph_of_networkx_becomes_a_network_and_comes_back() -> None:
    graph = nx.DiGraph([(0, 1), (0, 2), (1, 2)])
    graph.nodes[2]["label"] = "passed over"
    read = from_networkx(graph)
    assert read == Blueprint(mesh(3))
    assert nx.utils.graphs_equal(to_networkx(read), nx.DiGraph([("0", "1"), ("0", "2"), ("1", "2")]))


@pytest.mark.parametrize(
    ("graph", "message"),
    [
        (nx.Graph([(0, 1)]), "must have a direction; got an undirected graph"),
        (nx.MultiDiGraph([(0, 1), (0, 1)]), "^an edge must be given once; got 0->1 also before"),
        (nx.DiGraph([(1, "1")]), "^every node must be named once; got '1' also before"),
        (nx.DiGraph([(0, 0)]), "^an edge must join two different nodes; got 0->0"),
        (nx.DiGraph([(0, 1), (1, 0)]), "the cycle 0 -> 1 -> 0"),
        (nx.DiGraph(), "at least one agent; got 0"),
    ],
)
def test_graphs_that_are_no_network(graph: nx.Graph, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        from_networkx(graph)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1: this is not GraphML; no element found"),
        (f"{HEAD}<graph>\n<node>\n</graph>", "line 4: this is not GraphML; mismatched tag"),
        ("<svg/>", "this is not GraphML"),
        (f"{HEAD}</graphml>", "this is not GraphML"),
        (written('<node id="a"/><edge source="a" target="b"/>'), "got a->b, but no node 'b'"),
        (written('<node id="a"/><node id="b"/><edge source="a" target="b"/>', "undirected"), "must have a direction"),
        ('<?xml version="1.0"?>\n<!DOCTYPE x [<!ENTITY a "b">]>\n<x/>', "line 2: GraphML must do without definitions"),
    ],
)
def test_what_is_wrong_is_told(text: str, message: str) -> None:
    with pytest.raises(InvalidInput, match=message) as caught:
        from_graphml(text)
    assert "\n" not in str(caught.value)
