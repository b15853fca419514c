"""Fair play: no test row decides a setting, everyone sees the same rows, and intervals are as wide as they must be."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from sklearn.datasets import load_iris
from sklearn.dummy import DummyClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from consilience.methods.convex_networks.studies.rivals import (
    CONVEX,
    FEWEST_SPLITS,
    Lead,
    Rival,
    Score,
    Split,
    grid,
    points_table,
    time_picture,
    time_ratio,
    times_table,
)


@pytest.fixture
def split() -> Split:
    features, labels = load_iris(return_X_y=True)
    return Split.draw(features, labels, seed=3)


def scores(*points: float, fit_s: float = 1.0) -> list[Score]:
    return [Score(points=value, fit_s=fit_s) for value in points]


def test_the_inner_division_is_part_of_the_training_rows() -> None:
    split = Split.draw(np.arange(80.0)[:, None], np.resize(["a", "b"], 80), seed=3)
    inner = split.inner()
    assert not set(split.X_train.ravel()) & set(split.X_test.ravel())
    assert set(inner.X_train.ravel()) | set(inner.X_test.ravel()) == set(split.X_train.ravel())
    assert sorted(split.y_test).count("a") == len(split.y_test) // 2


def test_regression_targets_are_not_stratified() -> None:
    targets = np.linspace(0.0, 1.0, 40)
    split = Split.draw(targets[:, None], targets, seed=0, classifies=False)
    assert len(split.y_test) == 10
    assert split.inner().classifies is False


def test_the_choice_does_not_see_test_rows(split: Split) -> None:
    rival = Rival(name="neighbours", estimator=KNeighborsClassifier(), grid=grid(n_neighbors=(1, 5, 25, 60)))
    spoiled = replace(split, X_test=split.X_test * 0.0, y_test=split.y_test[::-1])
    assert rival.choose(split) == rival.choose(spoiled)
    assert rival.judge(split).points != rival.judge(spoiled).points


def test_the_first_of_equal_settings_is_taken(split: Split) -> None:
    rival = Rival(name="trivial", estimator=DummyClassifier(), grid=grid(strategy=("most_frequent", "prior")))
    assert rival.choose(split) == {"strategy": "most_frequent"}


def test_randomness_inside_a_pipeline_is_that_of_the_split(split: Split) -> None:
    perceptron = Pipeline([("scale", StandardScaler()), ("model", MLPClassifier((3,), max_iter=5))])
    rival = Rival(name="perceptron", estimator=perceptron, grid=grid("model__", alpha=(1e-4,)))
    first, second = rival.judge(split), rival.judge(split)
    assert (first.points, first.described) == (second.points, "alpha=0.0001")
    assert perceptron.get_params()["model__random_state"] is None


def test_a_setting_that_does_not_exist_is_refused(split: Split) -> None:
    with pytest.raises(ValueError, match="Invalid parameter 'depth'"):
        Rival(name="trivial", estimator=DummyClassifier(), grid=grid(depth=(1,))).judge(split)


def test_the_interval_is_students_and_wider_for_overlapping_training_rows() -> None:
    differences = np.random.default_rng(0).standard_normal(12)
    low, high = stats.t.interval(0.95, 11, loc=differences.mean(), scale=stats.sem(differences))
    independent = Lead.of(differences, overlap=0.0)
    assert (independent.low, independent.high) == pytest.approx((low, high))
    overlapping = Lead.of(differences)
    assert overlapping.high - overlapping.low == pytest.approx((high - low) * math.sqrt(1 + 12 / 3))
    assert Lead.of(np.array([1.0])).high == math.inf


def test_few_splits_are_not_held_against_a_bar() -> None:
    slow, quick = scores(*[90.0] * FEWEST_SPLITS, fit_s=2.0), scores(*[91.0] * FEWEST_SPLITS, fit_s=0.5)
    enough = time_ratio("ratio", quick, slow, at_most=0.3)
    assert (enough.value, enough.holds, enough.timing) == (0.25, True, True)
    few = time_ratio("ratio", quick[:2], slow[:2], at_most=0.3)
    assert few.holds is None
    assert f"at most 0.3 is asked from {FEWEST_SPLITS} splits on" in few.note


def test_tables_keep_times_apart() -> None:
    found = {CONVEX: scores(98.0, 99.0), "other": scores(97.0, 97.0, fit_s=3.0)}
    points, times = points_table("Title", found, unit="accuracy, %", note="note"), times_table("Times", found)
    assert not points.timing
    assert times.timing
    assert points.rows[0][4] is None
    assert str(points.rows[1][4]).startswith("+1.50 (")
    assert times.rows[1][-1] == 3.0


def test_the_picture_shows_everyone_but_the_hidden() -> None:
    found = {CONVEX: scores(98.0), "other": scores(97.0), "trivial": scores(10.0)}
    legend = time_picture(found, unit="accuracy, %", hidden=("trivial",)).axes[0].get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == [CONVEX, "other"]
