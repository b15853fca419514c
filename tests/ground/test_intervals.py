"""Intervals: against another library and published values, against their definitions, at their edges; they cover."""

import math

import numpy as np
import pytest
from scipy import stats
from scipy.stats import norm

from consilience.ground.errors import InvalidInput
from consilience.ground.intervals import (
    Estimate,
    Pairs,
    area_interval,
    mcnemar,
    paired_difference,
    share_interval,
    wilson,
)


@pytest.mark.parametrize(("count", "of"), [(0, 10), (3, 10), (10, 10), (17, 200), (1, 1)])
@pytest.mark.parametrize("level", [0.8, 0.95])
def test_wilson_is_that_of_scipy(count: int, of: int, level: float) -> None:
    ours, theirs = wilson(count, of, level=level), stats.binomtest(count, of).proportion_ci(level, method="wilson")
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=1e-12)


@pytest.mark.parametrize(
    ("count", "of", "low", "high"),
    [(17, 20, 64.0, 94.8), (20, 20, 83.9, 100), (12, 12, 75.7, 100), (31, 36, 71.3, 93.9), (396, 400, 97.5, 99.6)],
)
def test_wilson_has_published_values(count: int, of: int, low: float, high: float) -> None:
    estimate = wilson(count, of)
    assert (100 * estimate.low, 100 * estimate.high) == pytest.approx((low, high), abs=0.06)


def test_of_nothing_nothing_is_known() -> None:
    for estimate in (wilson(0, 0), area_interval(math.nan, 5, 0)):
        assert math.isnan(estimate.value)
        assert (estimate.low, estimate.high) == (0.0, 1.0)
    nothing = paired_difference(Pairs(0, 0, 0, 0))
    assert (nothing.low, nothing.high, nothing.of) == (-1.0, 1.0, 0)


def test_a_difference_is_antisymmetric_and_open_where_nothing_differs() -> None:
    there, back = paired_difference(Pairs(50, 14, 2, 34)), paired_difference(Pairs(50, 2, 14, 34))
    assert (there.low, there.high) == pytest.approx((-back.high, -back.low))
    still = paired_difference(Pairs(30, 0, 0, 20))
    assert still.low < 0 < still.high


def test_a_second_that_never_has_it_leaves_the_share_itself() -> None:
    """Where one column is constant there is no correlation, and the limits are those of Wilson put together."""
    difference, alone, never = paired_difference(Pairs(0, 30, 0, 70)), wilson(30, 100), wilson(0, 100)
    assert (difference.value, difference.high) == pytest.approx((0.3, alone.high))
    assert difference.low == pytest.approx(0.3 - math.hypot(0.3 - alone.low, never.high))


def test_a_difference_covers() -> None:
    rng, cells, held, times = np.random.default_rng(0), (0.55, 0.15, 0.05, 0.25), 0, 2000
    for counts in rng.multinomial(60, cells, times):
        held += paired_difference(Pairs(*counts.tolist())).holds(0.1)
    assert 0.935 <= held / times <= 0.985


def test_mcnemar_is_a_sign_test_of_what_changed() -> None:
    assert mcnemar(Pairs(10, 0, 0, 10)) == 1.0
    assert mcnemar(Pairs(50, 8, 1, 41)) == pytest.approx(2 * (1 + 9) / 2**9)
    assert mcnemar(Pairs(50, 8, 1, 41)) == mcnemar(Pairs(0, 1, 8, 0))


@pytest.mark.parametrize("level", [0.0, 1.0, 95.0])
def test_a_level_is_a_share(level: float) -> None:
    for asked in (lambda: wilson(1, 2, level=level), lambda: paired_difference(Pairs(1, 0, 0, 1), level=level)):
        with pytest.raises(InvalidInput, match=r"such as 0\.95"):
            asked()
    with pytest.raises(InvalidInput, match=r"such as 0\.95"):
        area_interval(0.5, 2, 2, level=level)


def test_counts_must_fit() -> None:
    with pytest.raises(InvalidInput, match="3 of 2"):
        wilson(3, 2)
    with pytest.raises(InvalidInput, match="at least 0"):
        Pairs(1, -1, 0, 0)


def test_an_estimate_holds_what_is_between_its_ends() -> None:
    estimate = Estimate(0.5, 0.4, 0.6, 100)
    assert [estimate.holds(truth) for truth in (0.39, 0.4, 0.6, 0.61)] == [False, True, True, False]


def test_wilson_solves_its_equation_for_shares_of_no_whole_number_too() -> None:
    z = norm.ppf(0.95)
    for share, of in ((0.3, 10.0), (0.085, 17.5), (0.5, 0.7)):
        for limit in share_interval(share, of, level=0.9):
            assert abs(share - limit) == pytest.approx(z * math.sqrt(limit * (1 - limit) / of))


def test_the_area_s_interval_is_open_at_its_edges_and_covers() -> None:
    perfect = area_interval(1.0, 20, 20)
    assert perfect.high == 1.0
    assert 0.8 < perfect.low < 1.0
    worst = area_interval(0.0, 20, 20)
    assert (worst.low, worst.high) == (0.0, pytest.approx(1 - perfect.low))
    rng, held, times = np.random.default_rng(0), 0, 1000
    truth = float(norm.cdf(1 / math.sqrt(2)))
    for _ in range(times):
        right, wrong = rng.normal(1, 1, 25), rng.normal(0, 1, 15)
        estimate = area_interval(float((right[:, None] > wrong).mean()), 25, 15)
        held += estimate.holds(truth)
    assert 0.93 <= held / times <= 0.985
