"""The study of gates: all kinds on the same splits, and the released code's sketch as what it is."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_wine

from consilience.ground import RunFolder, Streams
from consilience.methods.convex_networks.config import Config
from consilience.methods.convex_networks.gates import PointCloud, draw_gates
from consilience.methods.convex_networks.studies import gate_kinds as study
from consilience.methods.convex_networks.studies import mixed_features


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(study, "TABLES", {"wine": (load_wine, True)})
    for module in (study, mixed_features):
        monkeypatch.setattr(module, "CONDITIONS", (1.0, 1e3))
    monkeypatch.setattr(mixed_features, "_POINTS", 60)
    monkeypatch.setattr(mixed_features, "_TEST_POINTS", 60)
    monkeypatch.setattr(mixed_features, "_GATES", 30)


@pytest.mark.usefixtures("small")
def test_two_runs_agree_to_the_bit(tmp_path: Path) -> None:
    config = replace(Config(), gates_splits=2, n_gates=10)
    evidence, again = (
        study.gate_kinds(config, Streams(100), RunFolder(tmp_path / name, quiet=True)) for name in ("one", "two")
    )
    assert again == evidence
    assert [measurement.barred for measurement in evidence.measurements] == [True, True, False, False]
    assert evidence.measurements[0].holds
    assert [row[0] for row in evidence.tables[0].rows] == [*study.KINDS, study.TRIVIAL]
    assert len(evidence.tables[1].rows) == 2
    pictures = [(tmp_path / name / evidence.figures[0].file).read_bytes() for name in ("one", "two")]
    assert pictures[0] == pictures[1]


def test_the_sketch_goes_through_points_and_ignores_half_of_the_features() -> None:
    features = np.random.default_rng(0).standard_normal((50, 9))
    features[:, 4] = 2.0
    gates = study.coordinate_sketch(PointCloud(features, np.ones(50)), 6, np.random.default_rng(1))
    used = gates.vectors.any(axis=0)
    assert used.sum() == 4
    assert not used[4]
    on_boundary = np.abs(features @ gates.vectors.T + gates.offsets) < 1e-9
    assert (on_boundary.sum(axis=0) == 4).all()


def test_the_sketch_is_a_source_of_gates() -> None:
    features = np.random.default_rng(0).standard_normal((50, 9))
    source: Any = study.coordinate_sketch
    gates, patterns = draw_gates(source, PointCloud(features, np.ones(50)), 6, np.random.default_rng(1))
    assert patterns[:, 0].all()
    assert len(gates.vectors) == patterns.shape[1] <= 7
