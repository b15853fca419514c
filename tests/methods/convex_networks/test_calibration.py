"""One scale: it finds what made the labels, leaves out what is unknown, and is where the log loss is least."""

import numpy as np
import pytest
from sklearn.metrics import log_loss

from consilience.methods.convex_networks.calibration import calibrated_scale, log_losses
from consilience.methods.convex_networks.network import ProbabilityLink


def two_classes(count: int = 20_000) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    scores = rng.standard_normal((count, 1))
    return scores, np.where(rng.random((count, 1)) < 1.0 / (1.0 + np.exp(-3.0 * scores)), 1.0, -1.0)


def three_classes(count: int = 20_000) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    scores = rng.standard_normal((count, 3))
    # The largest of scores with Gumbel noise is a draw from their softmax.
    return scores, np.eye(3)[np.argmax(3.0 * scores + rng.gumbel(size=scores.shape), axis=1)]


@pytest.mark.parametrize("made", [two_classes, three_classes])
def test_the_scale_is_the_one_that_made_the_labels(made) -> None:
    scores, targets = made()
    weights = np.ones(len(scores))
    assert calibrated_scale(scores, targets, weights) == pytest.approx(3.0, rel=0.05)
    unknown = scores.copy()
    unknown[::2] = np.nan
    assert calibrated_scale(unknown, targets, weights) == pytest.approx(3.0, rel=0.07)


def test_a_weight_of_two_is_a_repetition() -> None:
    scores, targets = two_classes(50)
    weights = np.tile([1.0, 2.0], 25)
    rows = np.repeat(np.arange(50), weights.astype(int))
    repeated = calibrated_scale(scores[rows], targets[rows], np.ones(75))
    assert calibrated_scale(scores, targets, weights) == pytest.approx(repeated, rel=1e-6)


@pytest.mark.parametrize("made", [two_classes, three_classes])
def test_losses_are_those_of_the_link_and_least_at_the_calibrated_scale(made) -> None:
    scores, targets = made(200)
    labels = targets.argmax(axis=1) if targets.shape[1] > 1 else targets[:, 0] > 0
    scale = calibrated_scale(scores, targets, np.ones(200))
    losses = log_losses(scores, targets, scale)
    probabilities = ProbabilityLink(scale=scale, bias=np.zeros(scores.shape[1])).probabilities(scores)
    assert losses.shape == (200,)
    assert losses.mean() == pytest.approx(log_loss(labels, probabilities), rel=1e-12)
    for other in (0.9 * scale, 1.1 * scale):
        assert log_losses(scores, targets, other).mean() > losses.mean()


def test_separated_classes_and_huge_decisions_do_not_overflow() -> None:
    scores = np.array([[1e8], [-1e8], [1.0], [-1.0]])
    targets = np.sign(scores)
    scale = calibrated_scale(scores, targets, np.ones(4))
    assert scale > 20.0
    assert log_losses(scores, targets, scale).max() < 1e-9
    wrong = log_losses(-scores, targets, 1.0)
    assert np.isfinite(wrong).all()
    assert wrong[0] == pytest.approx(1e8)


def test_a_merged_sample_of_both_classes_has_the_entropy_of_its_share() -> None:
    even = log_losses(np.array([[0.0]]), np.array([[0.0]]), 1.0)
    assert even[0] == pytest.approx(np.log(2.0))
