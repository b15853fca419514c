"""The reference solver: a program whose optimum is known, and what it says when it is not installed."""

import sys

import numpy as np
import pytest

from consilience.ground import MissingDependency
from consilience.methods.convex_networks.studies.reference import reference_optimum


def test_one_sample_has_the_optimum_of_soft_thresholding() -> None:
    pytest.importorskip("cvxpy", reason="the reference solver is a development dependency")
    ones = np.ones((1, 1))
    optimum = reference_optimum(ones, ones > 0, np.array([3.0]), 0.5, fit_intercept=False)
    assert optimum == pytest.approx(0.5 * 0.5**2 + 0.5 * 2.5, rel=1e-7)


def test_missing_solver_names_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cvxpy", None)
    with pytest.raises(MissingDependency, match=r"install consilience\[peers\]"):
        reference_optimum(np.ones((1, 1)), np.ones((1, 1), dtype=bool), np.ones(1), 1.0)
