"""The study of the cone program: every bar is cleared, and a missing reference solver is said to be missing."""

import sys

import pytest

from consilience.ground import Streams
from consilience.methods.convex_networks.config import Config
from consilience.methods.convex_networks.studies.cone_programs import cone_programs


def test_cone_programs_clear_every_bar() -> None:
    pytest.importorskip("cvxpy", reason="the reference solver is a development dependency")
    assert [measurement.holds for measurement in cone_programs(Config(optimal_problems=3), Streams(0))] == [True] * 5


def test_without_the_reference_solver_the_comparisons_are_not_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cvxpy", None)
    measurements = cone_programs(Config(optimal_problems=1), Streams(0))
    assert [measurement.value is None for measurement in measurements] == [True, False, False, True, False]
