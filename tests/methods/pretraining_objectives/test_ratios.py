"""Distributions of the hidden share."""

import numpy as np
import pytest
from scipy.stats import beta

from consilience.ground import InvalidInput
from consilience.methods.pretraining_objectives.ratios import (
    BetaRatio,
    FixedRatio,
    UniformRatio,
    as_ratio,
)

LEVELS = np.linspace(0.01, 0.99, 50)


def test_a_beta_ratio_is_scipys() -> None:
    assert BetaRatio(2, 5).at(LEVELS) == pytest.approx(beta(2, 5).ppf(LEVELS), abs=1e-9)
    assert BetaRatio(2, 5).mean == pytest.approx(2 / 7)


def test_counts_of_a_uniform_ratio_lie_between_its_ends_and_reach_them() -> None:
    levels = np.linspace(0, 1 - 1e-9, 1001)
    counts = UniformRatio(0.2, 0.6).counts(levels, np.full(1001, 10), levels)
    assert (counts.min(), counts.max()) == (2, 6)
    assert np.bincount(counts)[2:].std() < 2


def test_counts_of_a_fixed_ratio_round_up_as_often_as_the_fraction_says() -> None:
    rounding = np.linspace(0, 1 - 1e-9, 1000)
    counts = FixedRatio(0.15).counts(rounding, np.full(1000, 10), rounding)
    assert sorted(set(counts.tolist())) == [1, 2]
    assert counts.mean() == pytest.approx(1.5, abs=0.002)


@pytest.mark.parametrize(
    ("given", "ratio"),
    [
        (0.15, FixedRatio(0.15)),
        ("0.15", FixedRatio(0.15)),
        (1, FixedRatio(1.0)),
        (("uniform", 0.1, 0.9), UniformRatio(0.1, 0.9)),
        ("uniform", UniformRatio()),
        ("beta:2:5", BetaRatio(2, 5)),
        (BetaRatio(1, 2), BetaRatio(1, 2)),
    ],
)
def test_ratios_are_read_as_people_write_them(given, ratio) -> None:
    assert as_ratio(given) == ratio


@pytest.mark.parametrize("wrong", ["gaussian:1:2", "uniform:a:b", "uniform:0:1:2", "much", ("beta",) * 2])
def test_what_is_no_ratio_says_what_one_is(wrong) -> None:
    with pytest.raises(InvalidInput, match="`ratio` must be a share such as"):
        as_ratio(wrong)


@pytest.mark.parametrize("wrong", [0, 1.5, -0.1, "uniform:0.5:0.2", "uniform:0:0", "beta:0:1", float("nan")])
def test_numbers_out_of_range_are_refused(wrong) -> None:
    with pytest.raises(InvalidInput, match="must"):
        as_ratio(wrong)
