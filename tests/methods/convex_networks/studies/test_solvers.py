"""The study of solvers: gaps certified over all gates, ratios of paired times, one seed one answer."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from consilience.ground import Evidence, RunFolder, Streams
from consilience.methods.convex_networks.config import Config
from consilience.methods.convex_networks.studies import solvers as study


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    features, labels = study.load_digits(return_X_y=True)
    monkeypatch.setattr(study, "load_digits", lambda return_X_y: (features[:160], labels[:160]))
    monkeypatch.setattr(study, "_FISTA_STEPS", 60)
    monkeypatch.setattr(study, "PATH_POINTS", 6)


def measured(path: Path) -> Evidence:
    return study.solvers(replace(Config(), solver_repeats=1), Streams(2), RunFolder(path, quiet=True))


@pytest.mark.usefixtures("quick")
def test_times_are_ratios_and_gaps_are_certified(tmp_path: Path) -> None:
    evidence = measured(tmp_path / "once")
    barred = {measurement.name: measurement for measurement in evidence.measurements if measurement.barred}
    assert [measurement.at_most for measurement in barred.values()] == [1.0, 4.0, study.TOLERANCE]
    assert [measurement.timing for measurement in barred.values()] == [True, True, False]
    gap = barred["largest certified relative gap, cold and along the path"]
    assert gap.holds
    assert (tmp_path / "once" / evidence.figures[0].file).exists()
    times, found, path = evidence.tables
    assert times.timing
    assert [row[0] for row in times.rows] == [row[0] for row in found.rows]
    assert path.rows[0][1] == 0
    again = measured(tmp_path / "again")
    assert again.tables[1:] == (found, path)


def test_a_solution_is_judged_as_its_network(monkeypatch: pytest.MonkeyPatch) -> None:
    features, labels = study.load_digits(return_X_y=True)
    monkeypatch.setattr(study, "load_digits", lambda return_X_y: (features[:300], labels[:300]))
    task = study.Task.draw(4, n_gates=10)
    solution = study.solve_admm(task.program, 0.05 * task.program.alpha_max(), tolerance=1e-3)
    fitted = task.program.operator.forward(solution.blocks) + solution.intercept
    network = task.problem.network(solution.blocks, solution.intercept)
    assert np.allclose(network.decision(task.problem.samples.features), fitted, atol=1e-9)
    assert 60.0 < task.accuracy(solution) <= 100.0
