"""Intervals: against published values, against their definitions, and at their edges."""

import math

import numpy as np
import pytest
from scipy.stats import norm

from consilience.ground import InvalidInput
from consilience.methods.self_correction.intervals import area_interval, newcombe_paired, wilson


@pytest.mark.parametrize(("count", "of"), [(0, 10), (3, 10), (10, 10), (17, 200)])
def test_wilson_solves_its_equation(count: int, of: int) -> None:
    estimate, z = wilson(count, of, level=0.9), norm.ppf(0.95)
    for limit in (estimate.low, estimate.high):
        if 0 < limit < 1:
            assert abs(estimate.value - limit) == pytest.approx(z * math.sqrt(limit * (1 - limit) / of))


def test_of_nothing_nothing_is_known() -> None:
    for estimate in (wilson(0, 0), area_interval(math.nan, 5, 0)):
        assert math.isnan(estimate.value)
        assert (estimate.low, estimate.high) == (0.0, 1.0)
    assert (newcombe_paired(0, 0, 0, 0).low, newcombe_paired(0, 0, 0, 0).high) == (-1.0, 1.0)


def test_newcombe_is_antisymmetric_and_open_where_nothing_moved() -> None:
    there, back = newcombe_paired(50, 2, 14, 34), newcombe_paired(50, 14, 2, 34)
    assert (there.low, there.high) == pytest.approx((-back.high, -back.low))
    still = newcombe_paired(30, 0, 0, 20)
    assert still.low < 0 < still.high


def test_newcombe_without_correlation_is_the_interval_of_two_samples() -> None:
    """Where one column is constant there is no correlation, and the limits are those of Wilson put together."""
    estimate, after = newcombe_paired(0, 0, 30, 70), wilson(30, 100)
    before = wilson(0, 100)
    assert estimate.high == pytest.approx(0.3 + math.hypot(after.high - 0.3, 0.0))
    assert estimate.low == pytest.approx(0.3 - math.hypot(0.3 - after.low, before.high))


def test_newcombe_covers() -> None:
    rng, cells, held, times = np.random.default_rng(0), (0.55, 0.05, 0.15, 0.25), 0, 2000
    for counts in rng.multinomial(60, cells, times):
        estimate = newcombe_paired(*counts.tolist())
        held += estimate.low <= 0.1 <= estimate.high
    assert 0.935 <= held / times <= 0.985


def test_the_area_s_interval_is_open_at_its_edges_and_covers() -> None:
    perfect = area_interval(1.0, 20, 20)
    assert perfect.high == 1.0
    assert 0.8 < perfect.low < 1.0
    worst = area_interval(0.0, 20, 20)
    assert (worst.low, worst.high) == (0.0, pytest.approx(1 - perfect.low))
    rng, held, times = np.random.default_rng(0), 0, 1000
    truth = norm.cdf(1 / math.sqrt(2))
    for _ in range(times):
        right, wrong = rng.normal(1, 1, 25), rng.normal(0, 1, 15)
        estimate = area_interval(float((right[:, None] > wrong).mean()), 25, 15)
        held += estimate.low <= truth <= estimate.high
    assert 0.93 <= held / times <= 0.985


@pytest.mark.parametrize("level", [0.0, 1.0, 95.0])
def test_a_level_is_a_share(level: float) -> None:
    with pytest.raises(InvalidInput, match=r"such as 0\.95"):
        wilson(1, 2, level=level)


def test_counts_must_fit() -> None:
    with pytest.raises(InvalidInput, match="3 of 2"):
        wilson(3, 2)
