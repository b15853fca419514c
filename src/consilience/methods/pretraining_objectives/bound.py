r"""What a linear probe on the best features of an objective can promise.

Let contexts and targets have labels, known for sure or as distributions; :math:`q(y \mid t)` is that of a target.
:math:`\alpha` is the probability that context and target disagree, each drawing its label by itself. Features are the
best of width k (`spectrum`), and the probe predicts :math:`m(c) = \sum_t \bar A^{(k)}_{ct} \sqrt{p(t)}\, q(\cdot \mid
t) / \sqrt{p(c)}`. Then

.. math::
    \sqrt{\mathrm{E} \|e_y - m(c)\|^2} \le \sqrt{2 \alpha} + s_{k+1}, \qquad
    \Pr[\text{wrong}] \le 2\, \mathrm{E} \|e_y - m(c)\|^2 .

The first term is Jensen's inequality, the second the truncated singular values, and a wrong largest entry costs a
squared error of at least one half. The same holds for the mean of m over the tokens of a document, by Jensen once more,
with documents weighted by their tokens. Derived here; the paper's own constants are not public where we could look.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from consilience.ground.errors import InvalidInput
from consilience.methods.pretraining_objectives.joint import Joint, inverse_root
from consilience.methods.pretraining_objectives.spectra import Spectrum

__all__ = ["ProbeBound", "probe_bound"]

Labels = Int[np.ndarray, " _"] | Float[np.ndarray, "_ _"]
"""A label for each context or target, or a distribution over labels for each."""


@dataclass(frozen=True, kw_only=True)
class ProbeBound:
    """What is promised, and what the probe that the promise is about does."""

    rank: int
    """Width of the features."""
    alpha: float
    """Probability that a context and its target disagree in their labels."""
    residual: float
    """First singular value that the features do not have."""
    squared_error: float
    """Of the probe, exactly."""
    error: float
    """Probability that its largest entry is not the label, exactly."""

    @property
    def squared_error_bound(self) -> float:
        """What the squared error cannot exceed."""
        return float((np.sqrt(2 * self.alpha) + self.residual) ** 2)

    @property
    def error_bound(self) -> float:
        """What the probability of an error cannot exceed; it says nothing from 1 on."""
        return 2 * self.squared_error_bound

    @property
    def holds(self) -> bool:
        """Whether both bounds hold, up to rounding."""
        slack = 1e-9
        return self.squared_error <= self.squared_error_bound + slack and self.error <= self.error_bound + slack


def probe_bound(found: Spectrum, contexts: Labels, targets: Labels | None = None, *, rank: int) -> ProbeBound:
    """Bound the error of a linear probe on features of width `rank`, and compute the error itself.

    Parameters
    ----------
    found
        Singular values, one more than `rank` unless these are all.
    contexts
        Labels of the contexts: whole numbers from 0, or distributions, a row a context.
    targets
        Labels of the targets; what contexts around them say unless given.
    rank

    Raises
    ------
    InvalidInput
        If labels do not fit, or there is one label only.

    Examples
    --------
    >>> from consilience.methods.pretraining_objectives.spectra import spectrum
    >>> joint = Joint.of(np.kron(np.eye(2), np.ones((3, 3))))
    >>> bound = probe_bound(spectrum(joint), np.repeat([0, 1], 3), rank=2)
    >>> round(bound.alpha, 6), round(bound.residual, 6), round(bound.error_bound, 6)
    (0.0, 0.0, 0.0)
    """
    joint = found.joint
    truth = _distributions(contexts, joint.shape[0], "contexts")
    hints = (
        _induced(joint, truth)
        if targets is None
        else _distributions(targets, joint.shape[1], "targets", truth.shape[1])
    )
    told = np.asarray(joint.probabilities @ hints)
    predicted = found.features(rank) @ (found.right[:, :rank].T @ (hints * np.sqrt(joint.targets)[:, None]))
    return ProbeBound(
        rank=rank,
        alpha=max(1.0 - float((told * truth).sum()), 0.0),
        residual=found.residual(rank),
        squared_error=_squared_error(joint, truth, predicted),
        error=max(1.0 - float(joint.contexts @ truth[np.arange(len(truth)), predicted.argmax(axis=1)]), 0.0),
    )


def _squared_error(
    joint: Joint, truth: Float[np.ndarray, "context label"], predicted: Float[np.ndarray, "context label"]
) -> float:
    """Return the expectation of the squared distance between a drawn label's unit vector and the prediction."""
    missed = 1.0 - 2.0 * (truth * predicted).sum(axis=1) + (predicted**2).sum(axis=1)
    return float(joint.contexts @ missed)


def _induced(joint: Joint, truth: Float[np.ndarray, "context label"]) -> Float[np.ndarray, "target label"]:
    """Return for every target the distribution of labels among its contexts."""
    mean = np.asarray(joint.probabilities.T @ truth)
    return np.asarray(mean * (inverse_root(joint.targets) ** 2)[:, None])


def _distributions(
    labels: Labels, count: int, what: str, classes: int | None = None
) -> Float[np.ndarray, "state label"]:
    given = np.asarray(labels)
    if len(given) != count:
        raise InvalidInput(f"labels of {what} must be one for each of {count}; got {len(given)}")
    if given.ndim == 1:
        if given.min() < 0 or (classes is not None and given.max() >= classes):
            raise InvalidInput(f"labels of {what} must be whole numbers from 0, below {classes}; got {given.min()}...")
        given = np.eye(classes or int(given.max()) + 1)[given]
    if given.shape[1] < 2 or (classes is not None and given.shape[1] != classes):  # noqa: PLR2004 - two labels at least
        raise InvalidInput(f"labels of {what} must be of {classes or 'at least 2'} kinds; got {given.shape[1]}")
    if not (given >= 0).all() or not np.allclose(given.sum(axis=1), 1.0):
        raise InvalidInput(f"distributions of labels of {what} must be numbers of at least 0 that sum to 1, row by row")
    return np.asarray(given, dtype=np.float64)
