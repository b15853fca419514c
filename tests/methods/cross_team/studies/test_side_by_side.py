"""Engines in turns on teams."""

import sys

import pytest

from consilience.dialogue.trials import side_by_side as floor
from consilience.dialogue.trials.rival import Outcome
from consilience.ground import InvalidInput
from consilience.methods.cross_team.studies import rivals
from consilience.methods.cross_team.studies.side_by_side import PEERS, run_beside


def test_peers_run_in_their_own_python_and_latencies_are_those_of_the_round(monkeypatch):
    seen = []

    def pretended(module, job, python):
        assert module is rivals
        seen.append((job.engine, job.teams, job.seed, python))
        return Outcome(10, 0.5, 0.0, 1.0, 1.0, 1.0, 1, "9.9")

    monkeypatch.setattr(floor, "run_apart", pretended)
    found = run_beside(("ours", "LangGraph subgraphs"), (8,), 2, "theirs", mean_s=0.1, seed=7)
    assert seen == [
        (engine, 8, 7 + turn, python)
        for turn in range(2)
        for engine, python in (("ours", sys.executable), ("LangGraph subgraphs", "theirs"))
    ]
    assert list(found) == [("8", "ours"), ("8", "LangGraph subgraphs")]


def test_a_python_that_lacks_the_peers_is_refused():
    with pytest.raises(InvalidInput, match=r"langgraph.*No module named.*cross_team/peers.py --setup"):
        PEERS.require(sys.executable)
