"""Run the same networks with this engine, LangGraph and AutoGen in turns, and keep the numbers.

Run from the root of the repository::

    python benchmarks/agent_networks/peers.py --setup           # once: an environment of their own for the peers
    python benchmarks/agent_networks/peers.py                   # about a quarter of an hour, most of it waiting
    python benchmarks/agent_networks/peers.py --python PYTHON   # with an environment that is there already
"""

import argparse
import json
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from pydantic import TypeAdapter

from consilience.ground import Evidence, RunFolder, Streams
from consilience.ground.folder import write_whole
from consilience.ground.machine import machine, versions
from consilience.methods.agent_networks.config import Config
from consilience.methods.agent_networks.studies.makespan import makespan
from consilience.methods.agent_networks.studies.overhead import overhead
from consilience.methods.agent_networks.studies.side_by_side import require_peers

SEED = 20240611
PEERS = ("langgraph", "langgraph-checkpoint-sqlite", "autogen-agentchat")
HOME = Path("build/peers")
RESULTS = Path(__file__).parent / "results"
CLAIMS = {"macnet.makespan": makespan, "macnet.overhead": overhead}


def commit() -> str:
    command = ["git", "describe", "--always", "--dirty", "--abbrev=12"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip() or "unknown"


def set_up() -> None:
    venv.create(HOME, with_pip=True, clear=True)
    subprocess.run([HOME / "bin" / "python", "-m", "pip", "install", "--quiet", *PEERS], check=True)


def peer_versions(python: str) -> dict[str, str]:
    probe = f"import importlib.metadata as m, json; print(json.dumps({{n: m.version(n) for n in {PEERS}}}))"
    found = subprocess.run([python, "-I", "-c", probe], capture_output=True, text=True, check=True).stdout
    return dict(json.loads(found))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--setup", action="store_true", help="make the environment of the peers, and do nothing else")
    parser.add_argument("--python", default=str(HOME / "bin" / "python"), help="a Python that has the peers")
    parser.add_argument("--rounds", type=int, default=5, help="in which everyone has a turn; 5 if left out")
    parser.add_argument("--claim", choices=CLAIMS, action="append", help="measure only this one")
    parser.add_argument("--out", type=Path, default=RESULTS / "peers.json", help="where the numbers go")
    words = parser.parse_args()
    if words.setup:
        set_up()
        return 0
    require_peers(words.python)
    config = Config(
        seed=SEED,
        makespan_rounds=words.rounds,
        overhead_rounds=words.rounds,
        peers_rounds=words.rounds,
        peers_python=words.python,
    )
    claims = {}
    with tempfile.TemporaryDirectory() as scratch:
        folder = RunFolder(scratch, quiet=True)
        for name in words.claim or CLAIMS:
            claims[name] = evidence = CLAIMS[name](config, Streams(SEED).child(name), folder)
            for measurement in evidence.measurements:
                print(f"{name}  {measurement.name}: {measurement.value}  ({measurement.bar or 'no bar'})", flush=True)
    record = {
        "commit": commit(),
        "seed": SEED,
        "rounds": words.rounds,
        "machine": machine(),
        "versions": versions() | peer_versions(words.python),
        "claims": {
            name: TypeAdapter(Evidence).dump_python(evidence, mode="json", exclude={"figures"})
            for name, evidence in claims.items()
        },
    }
    print(f"wrote {write_whole(words.out, json.dumps(record, indent=2) + chr(10))}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
