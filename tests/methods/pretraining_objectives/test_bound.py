"""What is promised to a probe, and what it does."""

import numpy as np
import pytest

from consilience.ground import InvalidInput
from consilience.methods.pretraining_objectives.bound import probe_bound
from consilience.methods.pretraining_objectives.joint import Joint
from consilience.methods.pretraining_objectives.spectra import Spectrum, spectrum


@pytest.fixture
def found() -> Spectrum:
    return spectrum(Joint.of(np.random.default_rng(5).gamma(0.4, size=(12, 9))))


def test_alpha_and_errors_are_the_expectations_that_they_say(found: Spectrum) -> None:
    joint, generator = found.joint, np.random.default_rng(1)
    y, z = generator.integers(3, size=12), generator.integers(3, size=9)
    y[0] = z[0] = 2
    bound = probe_bound(found, y, z, rank=4)
    assert bound.alpha == pytest.approx((joint.dense() * (y[:, None] != z)).sum())
    kept = (found.left[:, :4] * found.values[:4]) @ found.right[:, :4].T
    predicted = kept @ (np.sqrt(joint.targets)[:, None] * np.eye(3)[z]) / np.sqrt(joint.contexts)[:, None]
    assert bound.squared_error == pytest.approx(joint.contexts @ ((predicted - np.eye(3)[y]) ** 2).sum(axis=1))
    assert bound.error == pytest.approx(joint.contexts @ (predicted.argmax(axis=1) != y))
    assert bound.residual == pytest.approx(found.values[4])
    assert bound.holds


def test_distributions_of_certain_labels_are_labels(found: Spectrum) -> None:
    y = np.arange(12) % 3
    assert probe_bound(found, y, rank=2) == probe_bound(found, np.eye(3)[y], rank=2)


def test_targets_say_what_the_contexts_around_them_say(found: Spectrum) -> None:
    y = np.arange(12) % 3
    dense = found.joint.dense()
    hints = (dense.T @ np.eye(3)[y]) / found.joint.targets[:, None]
    given, induced = probe_bound(found, y, hints, rank=2), probe_bound(found, y, rank=2)
    assert given.alpha == pytest.approx(induced.alpha)
    assert given.squared_error == pytest.approx(induced.squared_error)


def test_labels_that_do_not_fit_are_refused(found: Spectrum) -> None:
    with pytest.raises(InvalidInput, match="one for each of 12; got 5"):
        probe_bound(found, np.arange(5), rank=2)
    with pytest.raises(InvalidInput, match="at least 2 kinds; got 1"):
        probe_bound(found, np.zeros(12, dtype=np.int64), rank=2)
    with pytest.raises(InvalidInput, match="below 2"):
        probe_bound(found, np.arange(12) % 2, np.arange(9), rank=2)
    with pytest.raises(InvalidInput, match="whole numbers from 0"):
        probe_bound(found, np.arange(12) - 1, rank=2)
    with pytest.raises(InvalidInput, match="sum to 1, row by row"):
        probe_bound(found, np.ones((12, 2)), rank=2)
    with pytest.raises(InvalidInput, match="sum to 1, row by row"):
        probe_bound(found, np.arange(12) % 2, np.full((9, 2), np.nan), rank=2)
