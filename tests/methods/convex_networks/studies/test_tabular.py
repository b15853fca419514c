"""The study of tables: every peer on every table, the best of them as the bar, and what a linear model can do."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from consilience.ground import Evidence, RunFolder, Streams
from consilience.methods.convex_networks.config import Config
from consilience.methods.convex_networks.studies import tabular as study
from consilience.methods.convex_networks.studies.rivals import CONVEX, Score


def bent(**_: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return a regression that no linear model can do."""
    features = np.random.default_rng(0).standard_normal((80, 2))
    return features, np.abs(features[:, 0])


def straight(**_: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return a classification that a linear model does."""
    features = np.random.default_rng(1).standard_normal((80, 2))
    return features, features[:, 0] > 0


@pytest.fixture
def small_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    tables = (study.Problem(name="straight", load=straight), study.Problem(name="bent", load=bent, classifies=False))
    monkeypatch.setattr(study, "TABLES", tables)


def run(folder: Path) -> Evidence:
    config = replace(Config(), tabular_splits=2, n_gates=20)
    return study.tabular(config, Streams(100), RunFolder(folder, quiet=True))


@pytest.mark.usefixtures("small_tables")
def test_only_times_differ_between_runs_and_a_bend_is_seen(tmp_path: Path) -> None:
    evidence, again = run(tmp_path), run(tmp_path / "again")
    assert [m for m in again.measurements if not m.timing] == [m for m in evidence.measurements if not m.timing]
    assert again.tables[::2] == evidence.tables[::2]
    assert [table.timing for table in evidence.tables] == [False, True] * 2
    assert not any(measurement.barred for measurement in evidence.measurements)
    assert (tmp_path / evidence.figures[0].file).exists()
    assert evidence.measurements[-1].name.startswith("bent")
    assert evidence.measurements[-1].value == 0.0  # no linear model is enough for a bend
    for table in evidence.tables[::2]:
        assert [row[0] for row in table.rows] == [CONVEX, *study.PEERS, study.TRIVIAL]


def outcome(convex: float, linear: float, kernel: float) -> study.Outcome:
    means = {CONVEX: convex, study.LINEAR: linear, study.KERNEL: kernel, study.PERCEPTRON: 80.0, study.BOOSTING: 80.0}
    jitter = (-0.1, 0.0, 0.1, 0.0, -0.1)
    scores = {
        name: [Score(points=mean + sign * shift, fit_s=1.0) for shift in jitter]
        for (name, mean), sign in zip(means.items(), (1, -1, 2, 1, 1), strict=True)
    }
    return study.Outcome(problem=study.TABLES[0], scores=scores, votes=[False] * 5)


def test_the_bar_is_the_best_peer_in_hindsight() -> None:
    found = outcome(convex=96.0, linear=95.0, kernel=97.5)
    assert found.best_peer == study.KERNEL
    lead = study._lead(found)
    assert lead.value == pytest.approx(-1.5, abs=0.1)
    assert lead.holds is False
    assert not found.linear_is_enough
    assert "a linear model is not enough" in study._votes(found).note


def test_where_a_linear_model_is_enough_the_table_says_so() -> None:
    found = outcome(convex=96.0, linear=96.0, kernel=96.0)
    assert found.linear_is_enough
    assert "A linear model is enough here" in study._tables(found)[0].note
