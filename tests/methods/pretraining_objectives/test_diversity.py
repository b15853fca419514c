"""Numbers of targets that count, and graphs of classes."""

import numpy as np
import pytest

from consilience.ground import InvalidInput
from consilience.methods.pretraining_objectives.diversity import ClassJoint, effective_targets, finite_residual


def test_contexts_see_as_many_targets_as_asked_for() -> None:
    drawn = ClassJoint.drawn(np.random.default_rng(0), targets=3, classes=2, contexts=5, vocabulary=4, noise=0.0)
    seen = drawn.joint.dense() * 30
    assert seen.shape == (10, 8)
    assert seen.sum(axis=1) == pytest.approx(np.full(10, 3))
    assert seen[drawn.contexts[:, None] != drawn.targets].sum() == 0


def test_noise_lets_targets_stray() -> None:
    drawn = ClassJoint.drawn(np.random.default_rng(0), targets=5, classes=4, contexts=500, vocabulary=4, noise=0.2)
    strayed = drawn.joint.dense()[drawn.contexts[:, None] != drawn.targets].sum()
    assert strayed == pytest.approx(0.2 * 3 / 4, abs=0.01)


def test_the_law_tends_to_one_over_the_number_of_targets() -> None:
    assert finite_residual(8, 10**9, 10) == pytest.approx(1 / 8, rel=1e-3)
    assert finite_residual(2, 400, 30) == pytest.approx(0.690, abs=5e-4)


def test_bad_numbers_are_refused() -> None:
    with pytest.raises(InvalidInput, match="a context for every target"):
        finite_residual(1, 10, 30)
    with pytest.raises(InvalidInput, match="at least 1"):
        finite_residual(0, 10, 30)
    for weights in ([], [0.0], [1.0, -1.0]):
        with pytest.raises(InvalidInput, match="`weights`"):
            effective_targets(np.array(weights))
