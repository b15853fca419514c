import numpy as np
import pytest

from consilience.ground import Streams
from consilience.methods.cross_team.studies.phases import (
    ABILITIES,
    AXES,
    INTERFERENCES,
    RECOGNISES,
    SEEN,
    alike_table,
    as_csv,
    cells,
    gain,
    growth,
    phases_table,
)
from consilience.methods.cross_team.studies.phases_drawing import draw_growth, draw_judges, draw_phases


@pytest.fixture(scope="module")
def found():
    return cells(40, Streams(3))


def test_every_setting_is_there_once_and_both_sides_have_the_same_calls(found):
    settings = [tuple(getattr(cell, axis) for axis in AXES) for cell in found]
    assert len(set(settings)) == len(settings)
    ways = {(cell.teams, cell.group, cell.pruned): cell.calls for cell in found}
    assert len(found) == len(ABILITIES) * len(INTERFERENCES) * len(RECOGNISES) * len(SEEN) * len(ways)
    assert (ways[8, 2, True], ways[8, 2, False], ways[8, 8, False], ways[2, 2, False]) == (11, 15, 9, 3)


def test_merges_that_can_tell_what_is_right_do_better_than_those_that_cannot(found):
    def mean(recognises):
        return np.mean([cell.best.mean for cell in found if cell.recognises == recognises])

    assert mean(1.0) > mean(0.5) > mean(0.0)


def test_the_table_counts_every_cell_on_every_axis(found):
    table = phases_table(found)
    for axis in AXES:
        assert sum(row[2] for row in table.rows if row[0] == axis) == len(found)
    assert table.rows[-1][:3] == ("all", "", len(found))
    assert all(row[3] + row[4] <= 101 for row in table.rows)


def test_all_cells_are_written(found):
    header, *lines = as_csv(found).splitlines()
    assert len(lines) == len(found)
    assert all(line.count(",") == header.count(",") for line in lines)


def test_how_the_work_is_shared_changes_nothing(found):
    assert cells(40, Streams(3), processes=2) == found


def test_a_gain_is_won_only_beyond_its_interval():
    ones, noise = np.ones(100), np.random.default_rng(0).standard_normal(100)
    assert gain(ones, ones * 0.5).verdict == "wins"
    assert gain(noise, -noise).verdict == "undecided"
    assert gain(noise - 9, noise).verdict == "loses"


def test_the_guard_never_lets_more_teams_do_worse_in_the_mean_than_one():
    grown = {(one.name, one.guarded): one.score for one in growth(100, Streams(0))}
    for (name, guarded), scores in grown.items():
        assert len(scores) == 16
        assert not guarded or min(scores) >= scores[0] - 0.02, name
    assert grown["all at once", False][-1] < 0.1 < grown["all at once", True][-1]


def test_a_majority_loses_what_it_had_where_mistakes_are_alike():
    apart, _, alike = alike_table(200, Streams(0)).rows
    assert apart[3] > alike[3]


def test_pictures_are_drawn(found):
    for canvas in (draw_phases(found), draw_phases(found, "majority")):
        assert len(canvas.axes) == 10
        assert len(canvas.axes[0].texts) == 16
    assert len(draw_judges(found).axes) == 4
    left, right = draw_growth(growth(10, Streams(0))).axes
    assert len(left.get_lines()) == len(right.get_lines()) == 7
