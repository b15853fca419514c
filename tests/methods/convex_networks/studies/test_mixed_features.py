"""Mixed features: the measure of patterns is what it says, and cross products do not notice a mixture."""

import numpy as np
import pytest

from consilience.ground import Streams
from consilience.methods.convex_networks.gates import PointCloud, draw_gates
from consilience.methods.convex_networks.studies import mixed_features as study
from consilience.methods.convex_networks.studies.mixed_features import CROSS, DATUM, Mixture


def test_equal_components_count_as_many() -> None:
    corners = np.array([[(corner >> bit) & 1 for bit in range(5)] for corner in range(32)], dtype=bool)
    assert study.pattern_spread(corners) == pytest.approx((5.0, 5.0))


def test_complements_and_constants_do_not_matter() -> None:
    patterns = np.random.default_rng(0).random((40, 12)) < 0.4
    flipped = patterns ^ (np.arange(12) % 2 == 0)
    constant = np.column_stack([patterns, np.ones(40, dtype=bool)])
    assert study.pattern_spread(flipped) == pytest.approx(study.pattern_spread(patterns))
    assert study.pattern_spread(constant) == pytest.approx(study.pattern_spread(patterns))


@pytest.mark.parametrize("condition", [1e2, 1e4])
def test_cross_products_of_mixed_points_keep_the_spread_of_their_patterns(condition: float) -> None:
    generator = np.random.default_rng(100)
    points = generator.standard_normal((80, 5))
    mixture = np.linalg.qr(generator.standard_normal((5, 5)))[0] * np.geomspace(1.0, 1.0 / condition, 5)
    plain, mixed = (
        draw_gates(CROSS, PointCloud(features, np.ones(80)), 40, np.random.default_rng(1))[1][:, 1:]
        for features in (points, points @ mixture)
    )
    # The samples that a boundary goes through are on its active side, whichever side that is.
    assert study.pattern_spread(mixed)[0] == pytest.approx(study.pattern_spread(plain)[0], rel=0.05)


def test_labels_are_balanced_and_do_not_depend_on_the_mixture() -> None:
    points = np.random.default_rng(0).standard_normal((200, 10))
    first, second = (study._labels(points, Streams(100).generator("points")) for _ in range(2))
    assert first.sum() == 100
    assert (first == second).all()


def mixtures(*, cross_ratio: float, datum_ratio: float) -> study.Mixtures:
    found: study.Mixtures = {}
    for condition in study.CONDITIONS:
        bad = condition == study.JUDGED
        for kind, ratio in ((CROSS, cross_ratio), (DATUM, datum_ratio)):
            spread = 20.0 * (ratio if bad else 1.0)
            draws = [
                Mixture(spread=spread, entropy=spread, accuracy=80.0 + draw * (kind == CROSS)) for draw in range(3)
            ]
            found[kind, condition] = draws
    return found


def test_both_bars_can_fail() -> None:
    kept, fallen = study.spread_measurements(mixtures(cross_ratio=0.995, datum_ratio=0.2))
    assert kept.value == pytest.approx(0.5)
    assert (kept.holds, fallen.value, fallen.holds) == (True, pytest.approx(5.0), True)
    lost, steady = study.spread_measurements(mixtures(cross_ratio=0.9, datum_ratio=0.5))
    assert (lost.holds, steady.holds) == (False, False)


def test_draws_count_as_independent() -> None:
    lead = study.mixed_accuracy(mixtures(cross_ratio=1.0, datum_ratio=0.2))
    assert lead.value == pytest.approx(1.0)
    assert lead.low == pytest.approx(1.0 - 4.302653 / np.sqrt(3.0))
    assert not lead.barred
