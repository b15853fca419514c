"""Pictures of rounds: points where they belong."""

import numpy as np
import pytest

from consilience.methods.self_correction.studies.rounds_drawing import HARMED, HELPED, draw_break_even, draw_curves
from consilience.methods.self_correction.studies.scripted_rounds import simulate


@pytest.fixture(scope="module")
def settings():
    rates = {
        "helps": (0.4, 0.9, 0.1, 0.8, 0.2),
        "harms": (0.9, 0.3, 0.5, 0.3, 0.9),
        "only helps": (0.5, 0.5, 0.5, 0.5, 0),
    }
    return [simulate(name, each, items=200, made=2, seed=0) for name, each in rates.items()]


def test_curves_are_the_formula_and_points_the_loop(settings) -> None:
    (axes,) = draw_curves(settings).axes
    assert axes.lines[0].get_ydata() == pytest.approx(settings[0].expected(settings[0].model))
    assert axes.lines[1].get_ydata() == pytest.approx(settings[0].simulated)
    assert {text.get_text() for text in axes.texts} == {"helps", "harms", "only helps"}


def test_points_lie_on_their_side_of_the_line(settings) -> None:
    (axes,) = draw_break_even(settings).axes
    line, helped, harmed = axes.lines
    assert (line.get_xdata() == line.get_ydata()).all()
    assert (helped.get_color(), harmed.get_color()) == (HELPED, HARMED)
    assert (helped.get_ydata() > helped.get_xdata()).all()
    assert (harmed.get_ydata() < harmed.get_xdata()).all()
    assert len(helped.get_xdata()) == len(harmed.get_xdata()) == 1  # one that breaks nothing needs no ratio
    assert np.isfinite(helped.get_xdata()).all()
