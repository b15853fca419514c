"""Engines side by side: every job in a process of its own, in turns, so that none has the quieter machine."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import median

from consilience.ground.errors import InvalidInput
from consilience.methods.agent_networks.graph import Network
from consilience.methods.agent_networks.studies import rivals
from consilience.methods.agent_networks.studies.rivals import Job, Outcome

__all__ = ["OURS", "require_peers", "run_apart", "run_beside", "typical"]

OURS = ("ours", "ours, with journal and events", "asyncio by hand")
"""Engines that this Python has."""

_PATIENCE_S = 600.0
_PROBE = "import langgraph.graph, langgraph.checkpoint.sqlite.aio, autogen_agentchat.teams"


def run_apart(job: Job, python: str = sys.executable) -> Outcome:
    """Run a job in a process of its own.

    Parameters
    ----------
    job
        What to run.
    python
        A Python that has the engine; our own needs this one.
    """
    ours = python == sys.executable
    command = [python, "-m", rivals.__name__] if ours else [python, "-I", str(Path(rivals.__file__).resolve())]
    done = subprocess.run(  # noqa: S603  our own module
        command, input=json.dumps(asdict(job)), capture_output=True, text=True, timeout=_PATIENCE_S, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{job.engine} ended with status {done.returncode}: {done.stderr[-2000:]}")
    return Outcome(**json.loads(done.stdout.splitlines()[-1]))


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
    found: dict[tuple[str, str], list[Outcome]] = {(name, engine): [] for name in networks for engine in engines}
    for turn in range(rounds):
        for name, network in networks.items():
            for engine in engines:
                job = Job(engine, len(network), network.edges, mean_s=mean_s, seed=seed + turn)
                python = sys.executable if engine in OURS else peers_python
                found[name, engine].append(run_apart(job, python))
    return found


def typical(outcomes: Sequence[Outcome], of: str) -> float:
    """Return the median of a field over rounds; ``"cpu_ms"`` is processor time a call, in milliseconds."""
    if of == "cpu_ms":
        return median(1e3 * one.cpu_s / one.calls for one in outcomes)
    return float(median(getattr(one, of) for one in outcomes))


def require_peers(python: str) -> None:
    """Refuse a Python that does not have the peers.

    Raises
    ------
    InvalidInput
        If there is no such Python, or it lacks one of them.
    """
    try:
        done = subprocess.run([python, "-I", "-c", _PROBE], capture_output=True, text=True, timeout=120, check=False)  # noqa: S603  named by the user
        lacks = done.stderr.strip().splitlines()[-1:] if done.returncode else []
    except OSError as error:
        lacks = [error.strerror or str(error)]
    if lacks:
        raise InvalidInput(
            f"`peers_python` must be a Python with langgraph, langgraph-checkpoint-sqlite and autogen-agentchat; "
            f"{python}: {lacks[0]}; make one with `python benchmarks/agent_networks/peers.py --setup`"
        )
