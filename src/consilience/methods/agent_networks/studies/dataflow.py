"""Whether each edge works once, on all that leads to it and nothing else, whatever comes first.

Every artifact is the set of nodes and edges whose work is in it, so that whoever is asked can see what an edge works
on. The order in which replies come is drawn anew for every question.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from consilience.dialogue.messages import Question, Reply
from consilience.dialogue.work.kinds.text import Text
from consilience.ground import Evidence, Measurement, RunFolder, Streams, Table
from consilience.ground.sharing import shared
from consilience.methods.agent_networks.config import Config
from consilience.methods.agent_networks.graph import Network
from consilience.methods.agent_networks.result import Result
from consilience.methods.agent_networks.topology import topology
from consilience.methods.agent_networks.traversal import traverse

__all__ = ["Flow", "Witness", "drawn_network", "followed", "layered", "peeled", "upstream"]

NAMED = {
    "mesh of 4": topology("mesh", 4),
    "mesh of 8": topology("mesh", 8),
    "mesh of 16": topology("mesh", 16),
    "tree of 16": topology("tree", 16),
    "tree of 16, reversed": topology("tree", 16, reverse=True),
    "star of 16": topology("star", 16),
    "chain of 16": topology("chain", 16),
    "layers of 16": topology("layer", 16),
}
"""Networks that are also peeled as the released program does."""

KINDS = ("random", "layered", "small-world")
GROUPS = (2, 3, 4)
MOST_TURNS = 4
"""Turns of the event loop, below which the delay of a reply is drawn."""

_WORK = re.compile(r"<work>\n([0-9a-f]+)\n</work>")
_FEWEST = 2


@dataclass(frozen=True, kw_only=True)
class Flow:
    """What was seen of a run."""

    nodes: int
    """Of the network."""
    edges: int
    """Of the network."""
    not_once: int
    """Edges that did not work exactly once."""
    astray: int
    """Questions of edges on anything but the whole work of all that leads to their parent, and nothing else."""
    covered: float
    """Share of the nodes and edges whose work is in the final artifact."""
    told: bool
    """Whether the engine says as much of the ancestry of that artifact."""


@dataclass
class Witness:
    """Answers with the set of all that went into a work, and looks at what edges are given.

    Parameters
    ----------
    network
        Whose agents ask.
    rng
        Draws how long a reply takes.
    """

    network: Network
    rng: np.random.Generator
    begun: Counter[str] = field(default_factory=Counter)
    """How often each edge began."""
    astray: int = 0
    """Questions of edges on something else than what leads to them."""

    def __post_init__(self) -> None:
        """Find what leads to each edge, without the engine."""
        network = self.network
        above = upstream(network)
        self._edges = {
            f"{network.nodes[tail]}->{network.nodes[head]}": at for at, (tail, head) in enumerate(network.edges)
        }
        self._given = [above[tail] for tail, _ in network.edges]
        self._made = [1 << len(network) + at | 1 << head for at, (_, head) in enumerate(network.edges)]
        self._places = {name: at for at, name in enumerate(network.nodes)}
        self._delays: list[int] = []

    async def ask(self, question: Question, *, priority: float = 0.0, caused_by: tuple[str, ...] = ()) -> Reply:
        """Answer, some turns of the event loop later."""
        del priority, caused_by
        for _ in range(self._delay()):
            await asyncio.sleep(0)
        return Reply(text=self._say(question), model="witness")

    def last_event(self, element: str) -> tuple[str, ...]:
        """There are no events."""
        del element
        return ()

    def _say(self, question: Question) -> str:
        name = question.element
        works = [int(work, 16) for work in _WORK.findall(question.messages[-1].text)]
        edge = self._edges.get(name)
        if edge is None:
            made = 0 if "+" in name else 1 << self._places[name]
            for work in works:
                made |= work
            return f"{made:x}"
        self.astray += works != [self._given[edge]]
        if question.occurrence % 2 == 0:  # the critic of the edge
            self.begun[name] += question.occurrence == 0
            return "Go on."
        return f"{works[0] | self._made[edge]:x}"

    def _delay(self) -> int:
        if not self._delays:
            self._delays = self.rng.integers(MOST_TURNS, size=1024).tolist()
        return self._delays.pop()


def dataflow(config: Config, streams: Streams, folder: RunFolder) -> Evidence:
    """Measure the claim ``macnet.dataflow``.

    Parameters
    ----------
    config
        ``dataflow_networks``, ``dataflow_nodes``; ``processes``, among which the networks are shared.
    streams
        For networks, groups, and the order of replies.
    folder
        For the record.
    """
    flows = _flows(config, streams)
    folder.record("dataflow", networks=len(flows))
    named = {name: asyncio.run(followed(network, streams.generator(name))) for name, network in NAMED.items()}
    return Evidence(
        measurements=(*_laws(flows), *_released(named)),
        tables=(_released_table(named), _networks_table(flows)),
    )


def _flows(config: Config, streams: Streams) -> list[Flow]:
    one, numbers = partial(_drawn_flow, streams, config.dataflow_nodes), range(config.dataflow_networks)
    return shared(one, numbers, config.processes)


def _drawn_flow(streams: Streams, nodes: int, number: int) -> Flow:
    rng = streams.child("network").generator(str(number))
    network = drawn_network(rng, nodes)
    return asyncio.run(followed(network, rng, group=int(rng.choice(GROUPS))))


async def followed(network: Network, rng: np.random.Generator, *, group: int = 2) -> Flow:
    """Run a network and watch what flows.

    Parameters
    ----------
    network
        Which.
    rng
        Of the order in which replies come.
    group
        How many pieces are merged at once.
    """
    witness = Witness(network, rng)
    result: Result = await traverse(network, "Pass it on.", witness, kind=Text(), rounds=1, group=group)
    final = int(result.artifact.text, 16) if result.artifact else 0
    return Flow(
        nodes=len(network),
        edges=len(network.edges),
        not_once=len(network.edges) - sum(times == 1 for times in witness.begun.values()),
        astray=witness.astray,
        covered=final.bit_count() / network.agents,
        told=result.ancestry == network.nodes,
    )


def upstream(network: Network) -> list[int]:
    """Return the nodes and edges that lead to each node, itself included, as the bits of a number.

    Node i is bit i, edge number k is bit n + k.

    Examples
    --------
    >>> [f"{bits:05b}" for bits in upstream(topology("chain", 3))]
    ['00001', '01011', '11111']
    """
    above = [1 << node for node in range(len(network))]
    leading: list[list[tuple[int, int]]] = [[] for _ in above]
    for at, (tail, head) in enumerate(network.edges):
        leading[head].append((at, tail))
    left, done = set(range(len(network))), set()
    while left:
        ready = [node for node in left if all(tail in done for _, tail in leading[node])]
        for node in ready:
            for at, tail in leading[node]:
                above[node] |= above[tail] | 1 << len(network) + at
        done.update(ready)
        left.difference_update(ready)
    return above


def drawn_network(rng: np.random.Generator, most: int) -> Network:
    """Draw a network: random, layered or a small world, of 2 to `most` nodes whose numbers say nothing of the order.

    Edges are few or many on a scale of ratios: as many networks have between 200 and 400 as between 2,000 and 4,000.
    """
    nodes = int(rng.integers(_FEWEST, most + 1))
    kind = str(rng.choice(KINDS))
    if kind == "layered":
        edges = layered(nodes, rng)
    else:
        budget = round(np.exp(rng.uniform(np.log(nodes - 1), np.log(nodes * (nodes - 1) / 2))))
        rewiring = float(rng.random()) if kind == "small-world" else None
        seed = int(rng.integers(2**31))
        edges = list(topology(kind, nodes, edges=budget, rewiring=rewiring, seed=seed).edges)
    names = rng.permutation(nodes)
    return Network.of([(int(names[tail]), int(names[head])) for tail, head in edges], range(nodes))


def layered(nodes: int, rng: np.random.Generator) -> list[tuple[int, int]]:
    """Draw edges to each node but the first from up to five of the eight before it: deep, and uneven in depth."""
    edges = []
    for head in range(1, nodes):
        near = np.arange(max(0, head - 8), head)
        tails = rng.choice(near, size=int(rng.integers(1, min(5, len(near)) + 1)), replace=False)
        edges += [(int(tail), head) for tail in sorted(tails)]
    return edges


def peeled(network: Network, unit: int = 2) -> int:
    """Return how many nodes' work is left in the end where a network is peeled as the released program does.

    This is the described behaviour in our own words. Nodes without parents form a layer; each hands its work to its
    children, one after another. Then each child that was touched makes one of all it has received so far if that is as
    much as it has parents left, and at least `unit`; otherwise the first that it received is its work. Then the layer
    goes, with its edges: so a child whose parents lie in several layers has fewer parents left than it has received,
    and falls back to the first.

    Examples
    --------
    >>> peeled(topology("mesh", 16)), peeled(topology("star", 16))
    (2, 16)
    """
    nodes = len(network)
    source, sink = nodes, nodes + 1
    below: list[list[int]] = [list(network.children(node)) or [sink] for node in range(nodes)]
    below += [list(network.sources), []]
    above: list[set[int]] = [set(network.parents(node)) or {source} for node in range(nodes)]
    above += [set(), set(network.sinks)]
    work, received = [0] * (nodes + 2), [list[int]() for _ in range(nodes + 2)]
    left = set(range(nodes + 2))
    while left:
        layer = sorted((node for node in left if not above[node]), key=lambda node: (node != source, node))
        for node in layer:
            for child in below[node]:
                received[child].append(work[node] | (1 << child if child < nodes else 0))
        for child in dict.fromkeys(child for node in layer for child in below[node]):
            work[child] = received[child][0]
            if unit <= len(received[child]) == len(above[child]):
                work[child] = int(np.bitwise_or.reduce(np.array(received[child], dtype=object)))
        for node in layer:
            for child in below[node]:
                above[child].discard(node)
        left.difference_update(layer)
    return work[sink].bit_count()


def _laws(flows: list[Flow]) -> Iterator[Measurement]:
    edges = sum(flow.edges for flow in flows)
    note = (
        f"{len(flows)} random networks of up to {max(flow.nodes for flow in flows)} nodes, {edges} edges; replies come "
        "in random order"
    )
    yield Measurement(
        name="nodes and edges whose work is in the final artifact, in the worst of all runs",
        value=100 * min(flow.covered for flow in flows),
        at_least=100,
        unit="%",
        note=note,
    )
    for name, value in (
        ("edges that did not work exactly once", sum(flow.not_once for flow in flows)),
        (
            "questions of edges on anything but the whole work of all that leads to their parent",
            sum(flow.astray for flow in flows),
        ),
        ("runs whose told ancestry differs", sum(not flow.told for flow in flows)),
    ):
        yield Measurement(name=name, value=value, at_most=0, note=note)


def _released(named: dict[str, Flow]) -> Iterator[Measurement]:
    network = "mesh of 16"
    yield Measurement(
        name="of 16 nodes of a mesh, those whose work is in the final artifact",
        value=round(16 * named[network].covered),
        at_least=16,
    )
    yield Measurement(
        name="the same where the network is peeled as the released program does",
        value=peeled(NAMED[network]),
        note="peeling is built here after its described behaviour",
    )


def _released_table(named: dict[str, Flow]) -> Table:
    return Table(
        title="Nodes whose work is in the final artifact",
        columns=("network", "nodes", "this engine", "peeled as the released program does"),
        rows=tuple(
            (name, flow.nodes, round(flow.nodes * flow.covered), peeled(NAMED[name])) for name, flow in named.items()
        ),
        note="Where parents lie in layers of different depth, peeling goes on with the first that a node received.",
    )


def _networks_table(flows: list[Flow]) -> Table:
    nodes, edges = np.array([flow.nodes for flow in flows]), np.array([flow.edges for flow in flows])
    return Table(
        title="The random networks",
        columns=("of", "least", "median", "most"),
        rows=tuple(
            (name, int(found.min()), int(np.median(found)), int(found.max()))
            for name, found in (("nodes", nodes), ("edges", edges))
        ),
    )
