"""A run under load, alone in its process: what it costs the processor and the memory when nothing has to be waited for.

``python -m consilience.methods.agent_networks.studies.load SHAPE NODES ROUNDS WAY`` runs one, and says on its last line
what came of it.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import cast

from consilience.dialogue.trials.apart import said_apart
from consilience.dialogue.trials.load import Always, Way, asked
from consilience.dialogue.work.kinds.text import Text
from consilience.ground.machine import peak_memory_mb
from consilience.methods.agent_networks.graph import Network
from consilience.methods.agent_networks.result import Result
from consilience.methods.agent_networks.topology import topology
from consilience.methods.agent_networks.traversal import traverse

__all__ = ["Weight", "main", "network_of", "weigh", "weigh_apart"]

_EDGES_A_NODE = 3


@dataclass(frozen=True, kw_only=True)
class Weight:
    """What a run weighed."""

    agents: int
    """Actors and critics."""
    edges: int
    """Of the network."""
    calls: int
    """Questions that were answered."""
    built_cpu_s: float
    """Processor time of building the network."""
    cpu_s: float
    """Processor time of the run, all threads; a journal is opened and closed within."""
    grown_mb: float
    """Memory that network and run took at their peak, above what the libraries hold."""
    largest_prompt: int
    """Characters of the longest question."""
    tokens: int
    """Of all questions, four characters each."""
    complete: bool
    """Whether the work of every node is in the final artifact."""

    @property
    def cpu_ms(self) -> float:
        """Processor time of the run a call, in milliseconds."""
        return 1e3 * self.cpu_s / self.calls


def network_of(shape: str, nodes: int) -> Network:
    """Return a network by its name; a ``"sparse"`` one is random with three edges a node.

    Examples
    --------
    >>> len(network_of("sparse", 100).edges)
    300
    """
    if shape == "sparse":
        return topology("random", nodes, edges=_EDGES_A_NODE * nodes, seed=1)
    if shape == "random":
        return topology("random", nodes, density=0.1, seed=1)
    return topology(shape, nodes)


def weigh(shape: str, nodes: int, rounds: int, way: Way) -> Weight:
    """Run a network in this process, and weigh it."""
    asyncio.run(_run(network_of("mesh", 4), 1, way))  # loads what there is to load
    gc.collect()
    held = peak_memory_mb()
    begun_s = time.process_time()
    network = network_of(shape, nodes)
    built_s = time.process_time()
    result = asyncio.run(_run(network, rounds, way))
    ended_s = time.process_time()
    spent = result.spent
    return Weight(
        agents=network.agents,
        edges=len(network.edges),
        calls=spent.calls,
        built_cpu_s=built_s - begun_s,
        cpu_s=ended_s - built_s,
        grown_mb=peak_memory_mb() - held,
        largest_prompt=result.largest_prompt,
        tokens=spent.input_tokens,
        complete=result.ancestry == network.nodes,
    )


def weigh_apart(shape: str, nodes: int, rounds: int = 3, way: Way = "session") -> Weight:
    """Run a network in a process of its own, and weigh it.

    Parameters
    ----------
    shape
        As `network_of` takes it.
    nodes
        How many.
    rounds
        Comments and refinements of each edge.
    way
        One of `consilience.dialogue.trials.load.WAYS`.
    """
    return Weight(**json.loads(said_apart(["-m", __name__, shape, str(nodes), str(rounds), way])))


async def _run(network: Network, rounds: int, way: Way) -> Result:
    with asked(way, Always()) as (asks, journal, events):
        return await traverse(network, "Say it.", asks, kind=Text(), rounds=rounds, journal=journal, transcript=events)


def main(words: Sequence[str] | None = None) -> int:
    """Weigh one run, and return the exit status."""
    shape, nodes, rounds, way = sys.argv[1:] if words is None else words
    sys.stdout.write(f"{json.dumps(asdict(weigh(shape, int(nodes), int(rounds), cast('Way', way))))}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
