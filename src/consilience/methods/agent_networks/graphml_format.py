"""Networks in GraphML and as networkx graphs; networkx reads and writes them."""

from __future__ import annotations

import warnings
from typing import Any
from xml.etree import ElementTree as ET

from consilience.ground.errors import InvalidInput
from consilience.ground.late import late_module
from consilience.methods.agent_networks.blueprint import SETTINGS, Blueprint, Sketch

__all__ = ["from_graphml", "from_networkx", "to_graphml", "to_networkx"]


def to_networkx(blueprint: Blueprint) -> Any:
    """Return a `networkx.DiGraph` of names, with notes as attributes.

    Examples
    --------
    >>> from consilience.methods.agent_networks.topology import chain
    >>> list(to_networkx(Blueprint(chain(3))).edges)
    [('0', '1'), ('1', '2')]
    """
    network, notes = blueprint.network, blueprint.notes
    graph = _networkx().DiGraph()
    for name in network.nodes:
        graph.add_node(name, **(notes[name].settings if name in notes else {}))
    for (tail, head), called in zip(network.edges, network.edge_names, strict=True):
        settings = notes[called].settings if called in notes else {}
        graph.add_edge(network.nodes[tail], network.nodes[head], **settings)
    return graph


def from_networkx(graph: Any) -> Blueprint:
    """Return the network of a directed networkx graph; attributes other than those of `SETTINGS` are passed over.

    Raises
    ------
    InvalidInput
        When edges have no direction, or it is no network.

    Examples
    --------
    >>> import networkx
    >>> from_networkx(networkx.DiGraph([(0, 1), (1, 2)])).network.edge_names
    ('0->1', '1->2')
    """
    if not graph.is_directed():
        raise InvalidInput("the edges of a network must have a direction; got an undirected graph.")
    sketch = Sketch(open_ended=False)
    for name, attributes in graph.nodes(data=True):
        sketch.only_node(str(name), settings=_settings(attributes))
    for tail, head, attributes in graph.edges(data=True):
        sketch.edge(str(tail), str(head), settings=_settings(attributes))
    return sketch.blueprint(in_order=True)


def to_graphml(blueprint: Blueprint) -> str:
    """Write a network as GraphML, notes as data.

    Examples
    --------
    >>> from consilience.methods.agent_networks.topology import chain
    >>> from_graphml(to_graphml(Blueprint(chain(3)))).network == chain(3)
    True
    """
    written = "\n".join(_networkx().generate_graphml(to_networkx(blueprint)))
    return f'<?xml version="1.0" encoding="utf-8"?>\n{written}\n'


def from_graphml(text: str) -> Blueprint:
    """Read a network from GraphML; only the first graph of a file is read.

    Raises
    ------
    InvalidInput
        When the text is no GraphML, or no network; with the line, where it is no XML.
    """
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise InvalidInput(
            f"line {_line_of(text, '<!')}: GraphML must do without definitions of its own; take them out."
        )
    try:
        root = ET.fromstring(text)  # noqa: S314  nothing expands without definitions
    except ET.ParseError as error:
        raise InvalidInput(f"line {error.position[0]}: this is not GraphML; {error}.") from error
    _require_named(root)
    networkx = _networkx()
    try:
        with warnings.catch_warnings():  # that a key has no type: it is a text then, as all are in the end
            warnings.simplefilter("ignore", UserWarning)
            graph = networkx.parse_graphml(text)
    except (networkx.NetworkXError, KeyError, ValueError, IndexError, StopIteration) as error:
        raise InvalidInput(f"this is not GraphML that networkx can read; {error}.") from error
    return from_networkx(graph)


def _require_named(root: ET.Element) -> None:
    """Refuse edges of nodes that are not there: networkx would make them up."""
    space = root.tag[: root.tag.index("}") + 1] if "}" in root.tag else ""
    named = {node.get("id") for node in root.iter(f"{space}node")}
    for edge in root.iter(f"{space}edge"):
        for end in (edge.get("source"), edge.get("target")):
            if end not in named:
                called = f"{edge.get('source')}->{edge.get('target')}"
                raise InvalidInput(f"every edge must join two nodes of the network; got {called}, but no node {end!r}.")


def _line_of(text: str, mark: str) -> int:
    return text.count("\n", 0, text.index(mark)) + 1


def _settings(attributes: dict[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in attributes.items() if name in SETTINGS}


def _networkx() -> Any:
    return late_module("networkx", "graphs of others need {missing}; install consilience[agents]", usually="networkx")
