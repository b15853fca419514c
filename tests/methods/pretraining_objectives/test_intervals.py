"""Student's interval, against scipy's."""

import numpy as np
import pytest
from scipy import stats

from consilience.ground import InvalidInput
from consilience.methods.pretraining_objectives.intervals import mean


def test_the_interval_is_students() -> None:
    values = np.random.default_rng(0).standard_normal(7)
    found, expected = mean(values), stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    assert found.value == pytest.approx(values.mean())


def test_one_value_has_no_interval() -> None:
    with pytest.raises(InvalidInput, match="at least two values; got 1"):
        mean(np.array([1.0]))
