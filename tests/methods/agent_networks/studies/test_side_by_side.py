"""Engines in turns on networks."""

import sys

import pytest

from consilience.dialogue.trials import side_by_side as floor
from consilience.dialogue.trials.rival import Outcome
from consilience.ground.errors import InvalidInput
from consilience.methods.agent_networks.studies import rivals
from consilience.methods.agent_networks.studies.rivals import Job
from consilience.methods.agent_networks.studies.side_by_side import PEERS, run_beside
from consilience.methods.agent_networks.topology import topology


def test_peers_run_in_their_own_python_and_latencies_are_those_of_the_round(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def pretended(module: object, job: Job, python: str) -> Outcome:
        assert module is rivals
        seen.append((job.engine, job.nodes, job.seed, python))
        return Outcome(10, 0.5, 0.0, 1.0, 1.0, 1.0, 1, "9.9")

    monkeypatch.setattr(floor, "run_apart", pretended)
    found = run_beside(("ours", "LangGraph"), {"chain": topology("chain", 3)}, 2, "theirs", mean_s=0.1, seed=7)
    assert seen == [
        (engine, 3, 7 + turn, python)
        for turn in range(2)
        for engine, python in (("ours", sys.executable), ("LangGraph", "theirs"))
    ]
    assert {key: len(outcomes) for key, outcomes in found.items()} == {("chain", "ours"): 2, ("chain", "LangGraph"): 2}


def test_a_python_that_lacks_the_peers_is_refused() -> None:
    with pytest.raises(InvalidInput, match=r"langgraph.*No module named.*peers.py --setup"):
        PEERS.require(sys.executable)
