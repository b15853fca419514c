import numpy as np
import pytest

from consilience.ground import Streams
from consilience.methods.agent_networks.config import Config
from consilience.methods.agent_networks.curves import CURVES
from consilience.methods.agent_networks.studies.law_growth import at_calls, growth, powers_of_two, reference
from consilience.methods.agent_networks.studies.law_sweep import Point, resamples

SIZES = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)
MEANS = resamples(Config(law_batches=4, law_tasks=8, law_resamples=30), Streams(0))


def point(actors, quality, *, shape="mesh", calls=None):
    cells = quality + 0.01 * np.random.default_rng(actors).standard_normal((4, 8))
    counts = np.full((4, 8), calls or actors)
    return Point("lasting", shape, actors, actors, cells, counts, counts)


def logistic(actors):
    return 0.1 + 0.8 / (1 + np.exp(-2 * (np.log2(actors) - 3)))


def test_a_logistic_is_found_to_be_one_in_every_resample():
    found = growth([point(actors, logistic(actors)) for actors in SIZES], MEANS)
    assert (found.best, found.closest, found.sizes) == (0, 0, len(SIZES))
    assert found.share(CURVES[0]) == 1
    assert sum(found.share(curve) for curve in CURVES) == pytest.approx(1)


def test_a_straight_line_is_not_taken_for_a_logistic():
    found = growth([point(actors, 0.1 + 0.1 * np.log2(actors)) for actors in SIZES], MEANS)
    assert CURVES[found.best].name == "log-linear"
    assert found.share(CURVES[1]) > 0.7


def test_powers_of_two_are_kept():
    kept = powers_of_two([point(actors, 0.5) for actors in SIZES])
    assert [one.actors for one in kept] == [1, 2, 4, 8, 16, 32, 64]


def test_all_shapes_reach_the_number_of_calls_that_they_are_compared_at():
    some = [point(n, 0.5, shape="chain", calls=3 * n) for n in SIZES] + [point(n, 0.5, calls=n * n) for n in SIZES]
    assert reference(some) == 128


def test_values_lie_between_those_of_the_sizes_around():
    own = [point(1, 0.1, calls=10), point(2, 0.3, calls=1000)]
    values = [np.array([0.1, 1.0]), np.array([0.3, 3.0])]
    assert at_calls(own, 100, values) == pytest.approx([0.2, 2.0])
    assert at_calls(own, 1000, values) == pytest.approx([0.3, 3.0])
