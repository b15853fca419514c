r"""How decisions fitted to class indicators become log-probabilities: by one scale that held-out decisions choose.

With decisions :math:`f` of samples that the fit has not seen, the probabilities are
:math:`\mathrm{softmax}(s f)` (for one column, of :math:`(0, f)`), and the scale :math:`s` is the most likely one. One
number cannot reorder classes, so that probabilities never contradict the decision.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp

__all__ = ["calibrated_scale", "log_losses"]

_LOG_SCALES = (-5.0, 8.0)
"""Logarithms of the smallest and the largest scale considered."""
_ACCURACY = 1e-3
"""Relative accuracy of the scale."""


def calibrated_scale(
    decisions: Float[np.ndarray, "n c"], targets: Float[np.ndarray, "n c"], weights: Float[np.ndarray, " n"]
) -> float:
    """Return the scale under which the labels of held-out samples are most probable.

    Parameters
    ----------
    decisions : array, shape (n, c)
        By fits without the sample; rows that are not a number are left out.
    targets : array, shape (n, c)
        Class indicators: one column in [-1, 1] for two classes, one-hot columns for more, or means of such rows.
    weights : array, shape (n,)
        Positive.

    Returns
    -------
    float
        Positive; where decisions separate the classes, so large that the loss is rounding.
    """
    known = np.isfinite(decisions[:, 0])
    scores, shares = _scores_and_shares(decisions[known], targets[known])
    mass = weights[known] / weights[known].sum()
    slope = float(mass @ np.einsum("nk,nk->n", shares, scores))

    def loss(log_scale: float) -> float:
        scale = float(np.exp(log_scale))
        return float(mass @ np.log(np.exp(scale * scores).sum(axis=1))) - scale * slope

    found = minimize_scalar(loss, bounds=_LOG_SCALES, method="bounded", options={"xatol": _ACCURACY})
    return float(np.exp(found.x))


def log_losses(
    decisions: Float[np.ndarray, "n c"], targets: Float[np.ndarray, "n c"], scale: float
) -> Float[np.ndarray, " n"]:
    """Return the cross-entropy, in nats, between the class shares of every sample and its probabilities.

    Examples
    --------
    A decision of zero knows nothing of two classes:

    >>> log_losses(np.array([[0.0]]), np.array([[1.0]]), scale=3.0).round(4).tolist()  # log 2
    [0.6931]
    """
    scores, shares = _scores_and_shares(decisions, targets)
    return np.asarray(logsumexp(scale * scores, axis=1) - scale * np.einsum("nk,nk->n", shares, scores))


def _scores_and_shares(
    decisions: Float[np.ndarray, "n c"], targets: Float[np.ndarray, "n c"]
) -> tuple[Float[np.ndarray, "n k"], Float[np.ndarray, "n k"]]:
    """Return one score a class, relative to the largest so that nothing overflows at any scale, and class shares."""
    if decisions.shape[1] == 1:
        scores = np.column_stack([np.zeros(len(decisions)), decisions[:, 0]])
        positive = (targets[:, 0] + 1.0) / 2.0
        shares = np.column_stack([1.0 - positive, positive])
    else:
        scores, shares = decisions, targets
    return scores - scores.max(axis=1, keepdims=True), shares
