"""Run the same teams with this engine and as LangGraph subgraphs in turns, and keep the numbers.

Run from the root of the repository::

    python benchmarks/cross_team/peers.py --setup           # once: an environment of their own for the peers
    python benchmarks/cross_team/peers.py                   # some minutes
    python benchmarks/cross_team/peers.py --python PYTHON   # with an environment that is there already
"""

import sys
from pathlib import Path

from consilience.dialogue.trials.peers import measure_peers
from consilience.methods.cross_team.config import Config
from consilience.methods.cross_team.studies.makespan import makespan
from consilience.methods.cross_team.studies.overhead import overhead
from consilience.methods.cross_team.studies.side_by_side import PEERS

SEED = 20240613
RESULTS = Path(__file__).parent / "results" / "peers.json"
CLAIMS = {"ctc.makespan": makespan, "ctc.overhead": overhead}


def configure(python: str, rounds: int) -> Config:
    return Config(seed=SEED, makespan_rounds=rounds, overhead_rounds=rounds, peers_rounds=rounds, peers_python=python)


if __name__ == "__main__":
    sys.exit(measure_peers(PEERS, CLAIMS, configure, seed=SEED, results=RESULTS))
