"""The shear on the circle: what is measured, and what is drawn."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from consilience.ground import Streams
from consilience.methods.rank_collapse.shear import Shear
from consilience.methods.rank_collapse.studies.circle import SHEARS, circle, draw_circle, measured_multiplier


def test_a_multiplier_is_measured_of_the_layer_and_not_of_the_formula(monkeypatch: pytest.MonkeyPatch) -> None:
    shear = Shear(2.0)
    before = measured_multiplier(shear, "watershed")
    monkeypatch.setattr(Shear, "multiplier", lambda *_: 99.0)
    assert measured_multiplier(shear, "watershed") == before == pytest.approx(1 + np.sqrt(0.75), abs=1e-8)


def test_a_wrong_multiplier_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Shear, "multiplier", lambda *_: 0.6)
    assert circle(100, Streams(0)).measurements[0].holds is False


def test_basins_and_multipliers_are_those_of_the_closed_forms() -> None:
    found = circle(2000, Streams(0))
    assert found.measurements[0].holds
    assert found.measurements[1].value < 1e-3
    assert 3 < found.measurements[2].value < 12
    assert [row[0] for row in found.tables[0].rows] == list(SHEARS)


def test_the_picture_shows_three_fixed_points_two_of_them_stable() -> None:
    axes = Figure().subplots()
    draw_circle(axes, Shear(2.0))
    assert {text.get_text() for text in axes.texts} == {"together", "apart", "watershed"}
    filled = [line.get_markerfacecolor() for line in axes.lines if line.get_marker() == "o"]
    assert len(filled) == 3
    assert filled.count("white") == 1
