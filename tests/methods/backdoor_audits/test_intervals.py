"""Intervals over seeds: at their edges, and whether they cover."""

import numpy as np
import pytest

from consilience.ground.errors import InvalidInput
from consilience.ground.intervals import wilson
from consilience.methods.backdoor_audits.intervals import clustered, clustered_bootstrap


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


def test_counts_must_fit() -> None:
    with pytest.raises(InvalidInput, match="3 of 2"):
        clustered([(3, 2)])
