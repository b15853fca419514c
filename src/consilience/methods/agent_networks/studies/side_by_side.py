"""Engines side by side on networks, in turns."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence

from consilience.dialogue.trials import side_by_side
from consilience.dialogue.trials.peers import Peers
from consilience.dialogue.trials.rival import Outcome
from consilience.methods.agent_networks.graph import Network
from consilience.methods.agent_networks.studies import rivals
from consilience.methods.agent_networks.studies.rivals import Job

__all__ = ["OURS", "PEERS", "run_beside"]

OURS = ("ours", "ours, with journal and events", "asyncio by hand")
"""Engines that this Python has."""

PEERS = Peers(
    packages=("langgraph", "langgraph-checkpoint-sqlite", "autogen-agentchat"),
    modules=("langgraph.graph", "langgraph.checkpoint.sqlite.aio", "autogen_agentchat.teams"),
    command="python benchmarks/agent_networks/peers.py",
)
"""What is laid beside."""


def run_beside(
    engines: Sequence[str],
    networks: Mapping[str, Network],
    rounds: int,
    peers_python: str,
    *,
    mean_s: float = 0.0,
    seed: int = 0,
) -> dict[tuple[str, str], list[Outcome]]:
    """Run every engine on every network in turns, round for round.

    Parameters
    ----------
    engines
        By name.
    networks
        By name; their nodes are numbered.
    rounds
        How often each has its turn; each round deals latencies anew, the same to all engines.
    peers_python
        A Python that has the engines which are not ours.
    mean_s
        Mean of the latency; 0 for none.
    seed
        Of the latencies.

    Returns
    -------
    dict
        By network and engine, an outcome a round.
    """

    def run(engine: str, name: str, turn: int) -> Outcome:
        job = Job(engine, len(networks[name]), networks[name].edges, mean_s=mean_s, seed=seed + turn)
        return side_by_side.run_apart(rivals, job, sys.executable if engine in OURS else peers_python)

    return side_by_side.in_turns(engines, networks, rounds, run)
