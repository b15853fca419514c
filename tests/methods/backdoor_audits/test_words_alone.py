"""The control by words sees words, and nothing of their order."""

import numpy as np
import pytest

from consilience.ground import InvalidInput
from consilience.methods.backdoor_audits.words_alone import words_alone


def test_a_word_is_seen_and_an_order_is_not() -> None:
    plain = [("a", "b", str(at % 5)) for at in range(40)]
    assert words_alone([(*row, "z") for row in plain], plain, np.random.default_rng(0)).value > 0.95
    turned = [(row[1], row[0], row[2]) for row in plain]
    # What is alike in all but the label is told worse than by chance: each fold is left out of what is learned.
    assert words_alone(turned, plain, np.random.default_rng(0)).value < 0.6


def test_too_few_are_refused() -> None:
    with pytest.raises(InvalidInput, match="5 folds"):
        words_alone([("a",)], [("b",)] * 9, np.random.default_rng(0))
