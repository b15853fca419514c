"""Engines side by side on teams, in turns."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from consilience.dialogue.trials import side_by_side
from consilience.dialogue.trials.peers import Peers
from consilience.dialogue.trials.rival import Outcome
from consilience.methods.cross_team.studies import rivals
from consilience.methods.cross_team.studies.rivals import Job

__all__ = ["PEERS", "run_beside"]

PEERS = Peers(
    packages=("langgraph", "langgraph-checkpoint-sqlite"),
    modules=("langgraph.graph", "langgraph.checkpoint.sqlite.aio"),
    command="python benchmarks/cross_team/peers.py",
)
"""What is laid beside."""

_THEIRS = "LangGraph"


def run_beside(
    engines: Sequence[str],
    counts: Sequence[int],
    rounds: int,
    peers_python: str,
    *,
    mean_s: float = 0.0,
    seed: int = 0,
) -> dict[tuple[str, str], list[Outcome]]:
    """Run every engine with every number of teams in turns, round for round.

    Parameters
    ----------
    engines
        By name.
    counts
        Numbers of teams.
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
        By number of teams, as text, and engine, an outcome a round.
    """

    def run(engine: str, count: str, turn: int) -> Outcome:
        job = Job(engine, int(count), mean_s=mean_s, seed=seed + turn)
        return side_by_side.run_apart(rivals, job, peers_python if engine.startswith(_THEIRS) else sys.executable)

    return side_by_side.in_turns(engines, [str(count) for count in counts], rounds, run)
