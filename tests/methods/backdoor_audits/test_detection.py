"""Scores against labels: areas, thresholds from clean items, controls."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from consilience.ground import InvalidInput
from consilience.methods.backdoor_audits.detection import (
    auroc,
    detection,
    excess,
    halves,
    recall_at,
    shuffled,
    threshold_at,
)


def test_the_area_is_that_of_scikit_learn_with_ties_too() -> None:
    generator = np.random.default_rng(0)
    planted, clean = generator.integers(0, 6, 40) + 1, generator.integers(0, 6, 70)
    labels = np.repeat((1, 0), (40, 70))
    assert auroc(planted, clean).value == pytest.approx(roc_auc_score(labels, np.concatenate((planted, clean))))


def test_the_interval_holds_the_area_mirrors_and_never_is_a_point() -> None:
    found, mirrored = auroc([1, 3, 5], [0, 2, 4]), auroc([0, 2, 4], [1, 3, 5])
    assert found.low < found.value < found.high
    assert mirrored.low == pytest.approx(1 - found.high)
    assert mirrored.high == pytest.approx(1 - found.low)
    perfect = auroc(range(10, 20), range(10))
    assert perfect.value == perfect.high == 1
    assert 0.7 < perfect.low < 1
    assert auroc(range(100, 200), range(100)).low > perfect.low


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    generator = np.random.default_rng(1)
    truth = 0.7602  # of two normals of one spread that lie a spread apart
    held = [auroc(generator.normal(1, 1, 30), generator.normal(0, 1, 30)).holds(truth) for _ in range(400)]
    assert 0.92 <= np.mean(held) <= 0.99


def test_at_most_the_rate_of_clean_items_is_above_a_threshold() -> None:
    clean = np.random.default_rng(2).normal(size=250)
    for rate in (0.0, 0.01, 0.1):
        assert recall_at(clean, threshold_at(clean, rate)).value <= rate
    assert (clean > threshold_at(clean, 0.1)).sum() == 25


def test_planted_items_have_no_part_in_a_threshold() -> None:
    assert detection([1.0], [0.0], [5.0]).threshold == detection([100.0], [0.0], [5.0]).threshold == 5
    assert detection([4.0], [0.0], [5.0]).recall.value == 0


@pytest.mark.parametrize(("of", "clean"), [(1500, 750), (1500, 300), (160, 200), (300, 30)])
def test_clean_items_are_an_excess_no_more_often_than_is_said(of: int, clean: int) -> None:
    generator = np.random.default_rng(3)
    chances = [
        excess(generator.exponential(size=of), generator.exponential(size=clean), 0.01).chance for _ in range(600)
    ]
    for level in (0.01, 0.05, 0.2):
        # Three standard errors of a share of so many.
        assert np.mean([chance < level for chance in chances]) <= level + 3 * (level / 600) ** 0.5
    assert min(chances) < 0.2  # and it is no constant


def test_a_count_above_a_single_clean_item_has_the_chance_of_the_orders() -> None:
    # Of 3 and 2, the 3 are all above in 1 of 10 orders; at a rate of 0 nothing else is looked at.
    found = excess([7, 8, 9], [1, 2], 0.0)
    assert (found.above, found.of, found.clean_above, found.clean) == (3, 3, 0, 2)
    assert found.chance == pytest.approx(0.1)
    assert excess([0, 1, 2], [2, 2], 0.0).chance == 1  # ties are not above


def test_one_in_a_hundred_is_an_excess_only_above_enough_clean_items() -> None:
    generator = np.random.default_rng(4)
    items = [*generator.normal(size=1485), *[99.0] * 15]
    assert excess(items, generator.normal(size=750), 0.01).chance < 0.01
    assert excess(items, generator.normal(size=100), 0.01).chance > 0.01
    assert excess(items[:1485], generator.normal(size=750), 0.01).chance > 0.05


def test_many_a_bit_higher_are_an_excess_too_though_one_clean_item_is_above_all() -> None:
    clean = [*np.random.default_rng(5).uniform(size=749), 100.0]
    found = excess([0.5] * 1400 + [2.0] * 100, clean, 0.01)
    assert (found.above, found.clean_above) == (100, 1)
    assert found.chance < 0.001


def test_halves_are_apart_and_everything() -> None:
    one, other = halves(9, np.random.default_rng(0))
    assert sorted(one + other) == list(range(9))


def test_dealt_out_scores_tell_nothing() -> None:
    dealt = shuffled([1.0] * 300, [0.0] * 300, np.random.default_rng(0))
    assert auroc(*dealt).value == pytest.approx(0.5, abs=0.08)
    assert sorted(dealt[0] + dealt[1]) == [0.0] * 300 + [1.0] * 300


@pytest.mark.parametrize("scores", [[], [np.nan, 1.0]])
def test_no_scores_and_no_numbers_are_refused(scores: list[float]) -> None:
    with pytest.raises(InvalidInput, match="expected scores"):
        auroc(scores, [1.0])
    with pytest.raises(InvalidInput, match="rate"):
        threshold_at([1.0], 1.0)
    with pytest.raises(InvalidInput, match="expected scores"):
        excess(scores, [1.0], 0.01)
    with pytest.raises(InvalidInput, match="rate"):
        excess([1.0], [1.0], 1.0)
