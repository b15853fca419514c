import numpy as np
import pytest

from consilience.ground import Streams
from consilience.methods.agent_networks.config import Config
from consilience.methods.agent_networks.studies import law_sweep
from consilience.methods.agent_networks.studies.law_sweep import (
    REWIRINGS,
    SHAPES,
    SOLVERS,
    WORLDS,
    batches,
    control_points,
    interval,
    points,
    resamples,
    sizes,
    worlds,
)

CONFIG = Config(law_batches=3, law_tasks=2, law_resamples=400)
DRAWN = batches(CONFIG, Streams(0))


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(law_sweep, "sizes", lambda _: [1, 2, 12])
    monkeypatch.setattr(law_sweep, "REWIRINGS", REWIRINGS[::3])


def test_batches_share_neither_seeds_nor_tasks():
    assert len(set(DRAWN.seeds)) == 3
    assert len({number for tasks in DRAWN.tasks for number in tasks}) == 6


def test_sizes_hold_every_power_of_two():
    assert {2**power for power in range(8)} < set(sizes(Config(law_doublings=7)))
    assert max(sizes(Config(law_doublings=7))) == 128


def test_every_shape_size_and_solver_is_a_point_and_starts_alike():
    found = list(points(CONFIG, DRAWN))
    assert [(one.solver, one.shape, one.actors) for one in found] == [
        (solver, shape, size) for solver in SOLVERS for shape in SHAPES for size in (1, 2, 12)
    ]
    alone = [one for one in found if one.actors == 1]
    assert all(np.array_equal(one.quality, alone[0].quality) for one in alone)
    assert all((one.calls >= one.turns).all() for one in found)
    chains = [one for one in found if one.shape == "chain"]
    assert all((one.calls == one.turns).all() for one in chains)


def test_drawn_shapes_differ_from_batch_to_batch():
    found = next(one for one in points(CONFIG, DRAWN) if (one.shape, one.actors) == ("random", 12))
    assert len({row.mean() for row in found.calls}) == 3


def test_worlds_have_all_ends_rewirings_and_solvers_and_one_row():
    found = list(worlds(DRAWN))
    assert len(found) == len(WORLDS) * len(REWIRINGS[::3]) * len(SOLVERS)
    rows = [world for world in found if world.rewiring == 0 and world.point.solver == "lasting"]
    assert np.array_equal(rows[0].point.quality, rows[1].point.quality)
    moved = [world for world in found if world.rewiring == 1]
    assert all(world.reach < rows[0].reach and world.clustering < rows[0].clustering for world in moved)


def test_controls_come_for_every_budget():
    found = control_points(DRAWN, "lasting", 3)
    assert [one.actors for one in found] == [1, 2, 4, 8] * 3
    assert found[0].quality.shape == (3, 2)


def test_resamples_draw_batches_and_tasks_alike_for_all():
    means = resamples(CONFIG, Streams(1))
    cells = np.random.default_rng(0).random((3, 2))
    assert means(cells + 1) == pytest.approx(means(cells) + 1)
    assert means(cells).mean() == pytest.approx(cells.mean(), abs=0.03)
    spread = np.array([[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]])
    assert means(spread).var() == pytest.approx(spread.mean(axis=1).var() / 3, rel=0.3)


def test_an_interval_is_the_middle_of_what_was_drawn():
    assert interval(np.arange(1001.0)) == (25.0, 975.0)
