"""The study of the theorem: its claim holds on a few problems, and says so when the reference solver is missing."""

import sys
from pathlib import Path

import numpy as np
import pytest

from consilience.ground import RunFolder, Streams
from consilience.methods.convex_networks.config import Config
from consilience.methods.convex_networks.studies.theorem import Problem, theorem


def test_theorem_holds_on_a_few_problems(tmp_path: Path) -> None:
    pytest.importorskip("cvxpy", reason="the reference solver is a development dependency")
    evidence = theorem(Config(theorem_problems=4), Streams(0), RunFolder(tmp_path, quiet=True))
    assert [measurement.holds for measurement in evidence.measurements] == [True] * 4
    assert len(evidence.tables[0].rows) == 4


def test_without_the_reference_solver_its_comparison_is_not_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "cvxpy", None)
    compared, *others = theorem(Config(theorem_problems=2), Streams(0), RunFolder(tmp_path, quiet=True)).measurements
    assert compared.value is None
    assert "cvxpy" in compared.note
    assert all(other.value is not None for other in others)


def test_problems_are_reproducible_and_their_penalty_leaves_neurons() -> None:
    first, second = (Problem.draw(np.random.default_rng(5), bias=True) for _ in range(2))
    np.testing.assert_array_equal(first.samples, second.samples)
    assert first.features.shape[1] == first.samples.shape[1] + 1
    assert first.lasso("l1", coordinates=True) < 0.5 * np.var(first.targets)
