import pytest

from consilience.methods.agent_networks.stand_ins import Solver
from consilience.methods.agent_networks.studies import law_runs
from consilience.methods.agent_networks.studies.law_runs import checked_runs
from consilience.methods.agent_networks.studies.law_sweep import SHAPES, SOLVERS


def test_runs_end_as_simulated_and_score_as_read(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(law_runs, "SIZES", (1, 4))
    found = checked_runs(range(200, 201), 7)
    assert len(found) == len(SOLVERS) * len(SHAPES) * 2
    assert all(one.same and one.read == one.executed and one.calls >= 1 for one in found)


def test_a_run_that_differs_from_its_simulation_is_told(monkeypatch: pytest.MonkeyPatch):
    simulate = law_runs.simulate
    monkeypatch.setattr(law_runs, "SIZES", (3,))
    monkeypatch.setattr(law_runs, "SHAPES", ("chain",))
    monkeypatch.setattr(law_runs, "SOLVERS", {"lasting": Solver()})
    monkeypatch.setattr(law_runs, "simulate", lambda *args, **more: simulate(*args, **{**more, "seed": 8}))
    assert not all(one.same for one in checked_runs(range(200, 204), 7))
