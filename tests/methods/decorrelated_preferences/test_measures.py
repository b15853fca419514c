"""Measures: against other ways of computing them, and what changes them when features grow."""

import numpy as np
import pytest
from scipy import stats

torch = pytest.importorskip("torch", reason="the preferences extra is not installed")

from consilience.ground.errors import InvalidInput  # noqa: E402
from consilience.methods.decorrelated_preferences.measures import (  # noqa: E402
    MEASURES,
    class_selectivity,
    decorrelation,
    effective_rank,
    hoyer,
    kurtosis,
    l0,
    measured,
    relative_variance,
    variance,
)

Z = torch.randn(7, 12, generator=torch.Generator().manual_seed(0))
OF_SIZE = {"variance": 9.0, "norm": 3.0}
"""Measures that follow the size of features, and by what factor when it triples."""


def test_decorrelation_is_over_pairs_of_different_rows() -> None:
    cosines = [float(torch.cosine_similarity(Z[i], Z[j], dim=0)) for i in range(7) for j in range(7) if i != j]
    assert decorrelation(Z) == pytest.approx(1 - np.mean(cosines), abs=1e-6)


def test_kurtosis_and_variance_are_those_of_scipy_and_numpy() -> None:
    rows = Z.double().numpy()
    assert kurtosis(Z) == pytest.approx(float(stats.kurtosis(rows, axis=1, fisher=False).mean()), rel=1e-9)
    assert variance(Z) == pytest.approx(float(rows.var(axis=1).mean()), rel=1e-9)


@pytest.mark.parametrize("name", [name for name in MEASURES if name not in OF_SIZE])
def test_features_may_be_very_small(name) -> None:
    assert MEASURES[name](1e-5 * Z.double()) == pytest.approx(MEASURES[name](Z.double()), rel=1e-6)


@pytest.mark.parametrize("name", MEASURES)
def test_only_two_measures_follow_the_size_of_features(name) -> None:
    assert MEASURES[name](3 * Z) == pytest.approx(OF_SIZE.get(name, 1.0) * MEASURES[name](Z), rel=1e-5)


def test_variance_over_features_is_little_else_than_size() -> None:
    assert relative_variance(Z) == pytest.approx(1, abs=0.2)


def test_the_effective_rank_counts_equal_directions() -> None:
    corners = torch.cat([torch.eye(4), -torch.eye(4)])
    assert effective_rank(corners) == pytest.approx(4)


def test_features_that_speak_are_counted_by_the_largest_of_their_row() -> None:
    assert l0(torch.tensor([[1.0, -0.2, 0.05, 0.0], [100.0, 9.0, 11.0, 0.0]])) == 0.5


def test_selectivity_is_nought_where_classes_are_alike() -> None:
    classes = torch.tensor([0, 1, 2, 0, 1, 2])
    assert class_selectivity(torch.ones(6, 3), classes) == 0
    assert class_selectivity(torch.eye(3).repeat(2, 1), classes) == 1


def test_zeros_are_measured() -> None:
    assert hoyer(torch.zeros(3, 4)) == 0
    assert all(np.isfinite(value) for value in measured(torch.zeros(3, 4)).values())


def test_nothing_to_compare_is_refused() -> None:
    with pytest.raises(InvalidInput, match="two rows or more; got 1"):
        decorrelation(Z[:1])
    with pytest.raises(InvalidInput, match="two classes or more; got 1"):
        measured(Z, torch.zeros(7, dtype=torch.long))
