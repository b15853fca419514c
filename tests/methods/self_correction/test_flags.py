"""Flags: each rate among the answers that it is about."""

import numpy as np
import pytest

from consilience.methods.self_correction.flags import flag_rates, know_the_truth

RIGHT = np.array([[1, 1, 0], [1, 0, 0], [0, 1, 1], [0, 0, 1]], dtype=np.bool_)
FLAGGED = np.array([[0, 1], [1, 0], [1, 0], [0, 1]], dtype=np.bool_)


def test_rates_are_over_all_rounds() -> None:
    rates = flag_rates(RIGHT, FLAGGED, 0.95)
    assert (rates.tpr.value, rates.tpr.of) == (0.5, 4)
    assert (rates.fpr.value, rates.fpr.of) == (0.5, 4)
    assert (rates.fix.value, rates.fix.of) == (1.0, 2)
    assert (rates.spoil.value, rates.spoil.of) == (1.0, 2)
    assert (rates.unflagged_moved.value, rates.unflagged_moved.of) == (0.0, 4)


@pytest.mark.parametrize("change", [False, True])
def test_flags_made_from_labels_are_told(change: bool) -> None:
    flagged = ~RIGHT[:, :-1]
    flagged[0, 0] ^= change
    assert know_the_truth(RIGHT, flagged) is not change
