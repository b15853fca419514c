"""Engines in turns."""

import sys

import pytest

from consilience.ground.errors import InvalidInput
from consilience.methods.agent_networks.studies import side_by_side
from consilience.methods.agent_networks.studies.rivals import Job, Outcome, run
from consilience.methods.agent_networks.studies.side_by_side import require_peers, run_apart, run_beside, typical
from consilience.methods.agent_networks.topology import topology


def test_a_process_of_its_own_asks_what_this_one_asks() -> None:
    job = Job("ours", 4, [(0, 1), (1, 2), (2, 3)], rounds=2)
    assert run_apart(job).calls == run(job).calls == 1 + 4 * 3


def test_an_engine_that_is_not_there_is_told() -> None:
    with pytest.raises(RuntimeError, match="another"):
        run_apart(Job("another", 2, [(0, 1)]))


def test_all_have_their_turn_before_anyone_has_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def pretended(job: Job, python: str) -> Outcome:
        seen.append((job.engine, job.seed, python))
        return Outcome(10, job.seed + 0.5, 0.0, 1.0, 1.0, 1.0, 1, "9.9")

    monkeypatch.setattr(side_by_side, "run_apart", pretended)
    found = run_beside(("ours", "LangGraph"), {"chain": topology("chain", 3)}, 3, "theirs", mean_s=0.1, seed=7)
    assert seen == [
        (engine, 7 + turn, python)
        for turn in range(3)
        for engine, python in (("ours", sys.executable), ("LangGraph", "theirs"))
    ]
    assert typical(found["chain", "ours"], "cpu_ms") == pytest.approx(1e3 * 8.5 / 10)
    assert typical(found["chain", "ours"], "makespan_s") == 1.0


def test_a_python_that_lacks_the_peers_is_refused() -> None:
    with pytest.raises(InvalidInput, match="No module named"):
        require_peers(sys.executable)
    with pytest.raises(InvalidInput, match="No such file"):
        require_peers("/nowhere/python")
