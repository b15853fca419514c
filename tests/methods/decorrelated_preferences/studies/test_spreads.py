"""Spreads over seeds: as Student has them, and none for one seed."""

import numpy as np
import pytest
from scipy import stats

from consilience.methods.decorrelated_preferences.studies.spreads import difference, interval, spread

VALUES = np.array([1.0, 2.0, 4.0])


def test_an_interval_is_that_of_scipy() -> None:
    expected = stats.t.interval(0.95, 2, loc=VALUES.mean(), scale=stats.sem(VALUES))
    assert interval(VALUES) == pytest.approx(expected)


def test_a_difference_is_scaled_with_its_interval_and_has_no_bar() -> None:
    found = difference("gain", VALUES, unit="points", scale=100, note="held out")
    assert found.value == pytest.approx(100 * VALUES.mean())
    assert (found.low, found.high) == pytest.approx(tuple(100 * end for end in interval(VALUES)))
    assert not found.barred
    assert found.note == "held out; paired over 3 seeds, 95 % interval of Student's t"


def test_one_seed_has_no_spread() -> None:
    found = difference("gain", VALUES[:1])
    assert (found.value, found.low, found.high, found.note) == (1.0, None, None, "one seed")
    assert spread(VALUES[:1]) == "1.000"
