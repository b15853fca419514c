"""Intervals: against another library and published values, at their edges, and whether they cover."""

import math

import numpy as np
import pytest
from scipy import stats

from consilience.ground.errors import InvalidInput
from consilience.methods.backdoor_audits.intervals import (
    Estimate,
    Pairs,
    clustered,
    clustered_bootstrap,
    mcnemar,
    paired_difference,
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
def test_wilson_has_the_values_of_the_dossier(count: int, of: int, low: float, high: float) -> None:
    estimate = wilson(count, of)
    assert (100 * estimate.low, 100 * estimate.high) == pytest.approx((low, high), abs=0.06)


def test_of_nothing_nothing_is_known() -> None:
    assert math.isnan(wilson(0, 0).value)
    assert (wilson(0, 0).low, wilson(0, 0).high) == (0.0, 1.0)
    nothing = paired_difference(Pairs(0, 0, 0, 0))
    assert (nothing.low, nothing.high, nothing.of) == (-1.0, 1.0, 0)


def test_a_difference_is_antisymmetric_and_open_where_nothing_differs() -> None:
    there, back = paired_difference(Pairs(50, 14, 2, 34)), paired_difference(Pairs(50, 2, 14, 34))
    assert (there.low, there.high) == pytest.approx((-back.high, -back.low))
    still = paired_difference(Pairs(30, 0, 0, 20))
    assert still.low < 0 < still.high


def test_a_control_that_never_fires_leaves_the_share_itself() -> None:
    difference, alone = paired_difference(Pairs(0, 30, 0, 70)), wilson(30, 100)
    assert (difference.value, difference.high) == pytest.approx((0.3, alone.high))
    assert difference.low < alone.low


def test_a_difference_covers() -> None:
    rng, cells, held, times = np.random.default_rng(0), (0.55, 0.15, 0.05, 0.25), 0, 2000
    for counts in rng.multinomial(60, cells, times):
        held += paired_difference(Pairs(*counts.tolist())).holds(0.1)
    assert 0.935 <= held / times <= 0.985


def test_mcnemar_is_a_sign_test_of_what_changed() -> None:
    assert mcnemar(Pairs(10, 0, 0, 10)) == 1.0
    assert mcnemar(Pairs(50, 8, 1, 41)) == pytest.approx(2 * (1 + 9) / 2**9)
    assert mcnemar(Pairs(50, 8, 1, 41)) == mcnemar(Pairs(0, 1, 8, 0))


def test_one_seed_is_taken_for_itself_and_none_knows_nothing() -> None:
    assert clustered([(5, 10)]) == wilson(5, 10)
    assert clustered([(5, 10), (0, 0)]) == wilson(5, 10)
    assert clustered([]).of == 0


def test_seeds_that_differ_are_wider_than_episodes_and_more_seeds_narrower_than_few() -> None:
    alike, apart = clustered([(100, 200)] * 3), clustered([(20, 200), (100, 200), (180, 200)])
    assert alike.value == apart.value == 0.5
    assert apart.high - apart.low > 3 * (alike.high - alike.low)
    assert alike.high - alike.low > wilson(300, 600).high - wilson(300, 600).low
    ten = clustered([(20, 200), (180, 200)] * 5)
    assert ten.high - ten.low < apart.high - apart.low


@pytest.mark.parametrize("seeds", [3, 5])
def test_the_interval_over_seeds_covers_where_seeds_differ(seeds: int) -> None:
    rng, held, times = np.random.default_rng(1), 0, 600
    for _ in range(times):
        rates = rng.beta(8, 2, seeds)
        held += clustered([(int(rng.binomial(100, rate)), 100) for rate in rates]).holds(0.8)
    assert held / times >= 0.93


def test_the_bootstrap_is_as_wide_as_seeds_differ() -> None:
    rng = np.random.default_rng(2)
    alike = clustered_bootstrap([[0.0, 1.0] * 50] * 4, rng, resamples=300)
    apart = clustered_bootstrap([[0.0] * 100, [1.0] * 100] * 2, rng, resamples=300)
    assert alike.value == apart.value == 0.5
    assert apart.high - apart.low > 2 * (alike.high - alike.low)
    assert alike.of == 400


@pytest.mark.parametrize("values", [[], [[1.0], []]])
def test_a_bootstrap_of_nothing_is_refused(values: list[list[float]]) -> None:
    with pytest.raises(InvalidInput, match="one seed at least"):
        clustered_bootstrap(values, np.random.default_rng(0))


@pytest.mark.parametrize("level", [0.0, 1.0, 95.0])
def test_a_level_is_a_share(level: float) -> None:
    with pytest.raises(InvalidInput, match=r"such as 0\.95"):
        wilson(1, 2, level=level)


def test_counts_must_fit() -> None:
    with pytest.raises(InvalidInput, match="3 of 2"):
        wilson(3, 2)
    with pytest.raises(InvalidInput, match="3 of 2"):
        clustered([(3, 2)])
    with pytest.raises(InvalidInput, match="at least 0"):
        Pairs(1, -1, 0, 0)


def test_an_estimate_holds_what_is_between_its_ends() -> None:
    estimate = Estimate(0.5, 0.4, 0.6, 100)
    assert [estimate.holds(truth) for truth in (0.39, 0.4, 0.6, 0.61)] == [False, True, True, False]
