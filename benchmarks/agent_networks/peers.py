"""Run the same networks with this engine, LangGraph and AutoGen in turns, and keep the numbers.

Run from the root of the repository::

    python benchmarks/agent_networks/peers.py --setup           # once: an environment of their own for the peers
    python benchmarks/agent_networks/peers.py                   # about a quarter of an hour, most of it waiting
    python benchmarks/agent_networks/peers.py --python PYTHON   # with an environment that is there already
"""

import sys
from pathlib import Path

from consilience.dialogue.trials.peers import measure_peers
from consilience.methods.agent_networks.config import Config
from consilience.methods.agent_networks.studies.makespan import makespan
from consilience.methods.agent_networks.studies.overhead import overhead
from consilience.methods.agent_networks.studies.side_by_side import PEERS

SEED = 20240611
RESULTS = Path(__file__).parent / "results" / "peers.json"
CLAIMS = {"macnet.makespan": makespan, "macnet.overhead": overhead}


def configure(python: str, rounds: int) -> Config:
    return Config(seed=SEED, makespan_rounds=rounds, overhead_rounds=rounds, peers_rounds=rounds, peers_python=python)


if __name__ == "__main__":
    sys.exit(measure_peers(PEERS, CLAIMS, configure, seed=SEED, results=RESULTS))
