"""The loss, against the sum over all pairs written out."""

import numpy as np
import pytest

from consilience.methods.pretraining_objectives.factorisation import factorisation_error, spectral_loss
from consilience.methods.pretraining_objectives.joint import Joint


def test_the_loss_is_the_expectation_that_it_says() -> None:
    generator = np.random.default_rng(3)
    joint = Joint.of(generator.random((4, 5)))
    f, g = generator.standard_normal((4, 2)), generator.standard_normal((5, 2))
    scores, independent = f @ g.T, np.outer(joint.contexts, joint.targets)
    expected = (-2 * joint.dense() * scores + independent * scores**2).sum()
    assert spectral_loss(joint, f, g) == pytest.approx(expected)


def test_features_of_zero_lose_nothing_and_explain_nothing() -> None:
    joint = Joint.of([[1, 2], [3, 4]])
    nothing = np.zeros((2, 3))
    assert spectral_loss(joint, nothing, nothing) == 0
    assert factorisation_error(joint, nothing, nothing) == pytest.approx((joint.normalised.toarray() ** 2).sum())
