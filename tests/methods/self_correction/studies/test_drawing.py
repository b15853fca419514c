"""Names beside lines: they stand where lines end, and never on one another."""

from itertools import pairwise

import pytest
from matplotlib.figure import Figure

from consilience.methods.self_correction.studies.drawing import name_lines, plain, spread


@pytest.mark.parametrize("places", [[0.1, 0.1, 0.1], [0.0, 0.05, 0.5, 0.52, 0.9], [0.5], []])
def test_crowds_are_spread_about_their_middle_and_order_is_kept(places) -> None:
    found = spread(places, 0.08)
    assert all(after - before >= 0.08 - 1e-9 for before, after in pairwise(found))
    assert sum(found) == pytest.approx(sum(places))


def test_what_has_room_stays() -> None:
    assert spread([0.0, 0.3, 0.9], 0.1) == [0.0, 0.3, 0.9]


@pytest.mark.parametrize("scale", ["linear", "log"])
def test_names_stand_at_the_ends_of_their_lines(scale) -> None:
    canvas = Figure()
    axes = canvas.subplots()
    axes.plot([1, 2], [1, 100])
    axes.set_yscale(scale)
    axes.set_ylim(1, 100)
    plain(axes)
    canvas.draw_without_rendering()
    name_lines(axes, {"top": (2, 100, "red"), "bottom": (2, 1, "blue")})
    drawn = {text.get_text(): (text.xy[1], text.get_color()) for text in axes.texts}
    assert drawn["top"] == (pytest.approx(1.0), "red")
    assert drawn["bottom"] == (pytest.approx(0.0), "blue")
