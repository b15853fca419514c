"""Pictures lose half of their frame and keep a grey that reads on light and on dark."""

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from consilience.methods.convex_networks.studies.drawing import COLOURS, GREY, log_abscissa, plain


def test_plain_axes_and_colours_between_light_and_dark() -> None:
    axes = Figure().subplots()
    plain(axes)
    assert [axes.spines[side].get_visible() for side in ("top", "right", "left", "bottom")] == [
        False,
        False,
        True,
        True,
    ]
    for colour in (*COLOURS, GREY):
        assert 0.25 < sum(to_rgb(colour)) / 3 < 0.75


@pytest.mark.parametrize("low", [0.0012, 0.03, 0.33, 1.0, 7.0])
@pytest.mark.parametrize("factor", [1.5, 3.0, 8.0, 30.0, 150.0, 2e4])
def test_numbers_of_a_logarithmic_axis_are_two_or_more_and_do_not_overlap(low: float, factor: float) -> None:
    figure = Figure(figsize=(4.6, 3.0), layout="constrained")
    canvas = FigureCanvasAgg(figure)
    axes = figure.subplots()
    axes.scatter([low, factor * low], [0.0, 1.0])
    log_abscissa(axes)
    canvas.draw()
    left, right = axes.get_xlim()
    shown = [label for label in axes.get_xticklabels() if left <= label.get_position()[0] <= right]
    assert len(shown) >= 2
    boxes = np.array(sorted(label.get_window_extent().intervalx.tolist() for label in shown))
    assert (boxes[1:, 0] > boxes[:-1, 1]).all()
    assert not any(label.get_text() for label in axes.get_xticklabels(minor=True))
