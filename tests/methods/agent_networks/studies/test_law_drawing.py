import numpy as np

from consilience.ground import Streams
from consilience.methods.agent_networks.config import Config
from consilience.methods.agent_networks.curves import CURVES
from consilience.methods.agent_networks.studies.law_drawing import COLOURS, MARKS, draw_cost, draw_growth
from consilience.methods.agent_networks.studies.law_growth import growth
from consilience.methods.agent_networks.studies.law_sweep import SHAPES, Point, resamples

SIZES = (1, 2, 4, 8, 16, 32, 64)
MEANS = resamples(Config(law_batches=4, law_tasks=8, law_resamples=20), Streams(0))


def points(shape):
    for actors in SIZES:
        quality = 0.1 + 0.1 * np.log2(actors) + 0.01 * np.random.default_rng(actors).standard_normal((4, 8))
        yield Point("lasting", shape, actors, actors, quality, np.full((4, 8), 3 * actors), np.full((4, 8), actors))


FOUND = [point for shape in SHAPES for point in points(shape)]


def test_every_shape_has_a_panel_that_says_which_curve_is_best():
    grown = [growth([one for one in FOUND if one.shape == shape], MEANS) for shape in SHAPES]
    panels = draw_growth(grown, FOUND, MEANS).axes
    assert [axes.get_title(loc="left") for axes in panels] == [
        f"{shape}: {CURVES[one.best].name}" for shape, one in zip(SHAPES, grown, strict=True)
    ]
    for axes, shape in zip(panels, SHAPES, strict=True):
        coloured = [line for line in axes.lines if line.get_color() == COLOURS[shape] and len(line.get_xdata()) == 200]
        assert len(coloured) == 1


def test_calls_have_every_control_and_turns_only_the_one_that_is_a_tree():
    controls = [point for control in MARKS for point in points(control)]
    calls, turns = draw_cost(FOUND, controls).axes
    assert {line.get_label() for line in calls.lines} == {*SHAPES, *MARKS}
    assert {line.get_label() for line in turns.lines} == {*SHAPES, "drafts merged"}
    star = next(line for line in calls.lines if line.get_label() == "star")
    assert list(star.get_xdata()) == [3 * actors for actors in SIZES]
