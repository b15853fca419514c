r"""Choose the penalty of a ridge network by closed-form leave-one-out, and say whether a linear model is enough.

Every candidate is scored from one eigendecomposition. What is left out is a *distinct* sample with all its
repetitions, so that duplicated rows do not vouch for each other. Each of them counts with its own target: their mean
squared error is that against the mean of their targets plus, whatever the fit, the variance of the targets about it.

The penalty is chosen by squared error. Whether a linear model is enough is judged by squared error for numbers, and for
classes by the log loss of probabilities: squared error on indicators also counts by how much a decision that is right
overshoots. Above `PATH_SAMPLES` distinct samples the choice is made on a systematic subsample: the penalty's natural
unit does not depend on the sample size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from jaxtyping import Float

from consilience.methods.convex_networks.arrays import to_numpy
from consilience.methods.convex_networks.calibration import calibrated_scale, log_losses
from consilience.methods.convex_networks.canonical import CanonicalSamples
from consilience.methods.convex_networks.fitting import centred, fit_network, moved, ridge_alpha, ridge_fit, ridge_path
from consilience.methods.convex_networks.gates import Gates
from consilience.methods.convex_networks.problem import Fit, Problem, Settings, prepare

__all__ = ["PATH_SAMPLES", "LinearComparison", "Selection", "select_alpha"]

PATH_SAMPLES = 4000
"""Distinct samples up to which all of them are scored."""


@dataclass(frozen=True, kw_only=True)
class LinearComparison:
    """Leave-one-out errors of the chosen network against the best linear model on the same features.

    Examples
    --------
    >>> LinearComparison(
    ...     measure="log loss", network_error=0.20, linear_error=0.19, difference=0.01, standard_error=0.02
    ... ).linear_is_enough
    True
    """

    measure: Literal["squared error", "log loss"]
    """What an error is: of a prediction, or of probabilities by one scale of the leave-one-out decisions."""
    network_error: float
    """Weighted mean leave-one-out error of the network."""
    linear_error: float
    """The same of the linear model: least squares too, at the penalty with its own smallest squared error. For classes
    logistic regression may do better."""
    difference: float
    """Network error minus linear error."""
    standard_error: float
    """Standard error of the paired difference over samples."""

    @property
    def linear_is_enough(self) -> bool:
        """Whether the network is not better by more than one standard error."""
        return self.difference > -self.standard_error


@dataclass(frozen=True, kw_only=True)
class Selection:
    """The fit at the chosen penalty, with the errors of all candidates."""

    fit: Fit
    ratio: float
    """The chosen penalty, in natural units."""
    errors: Float[np.ndarray, " k"]
    """Weighted mean squared leave-one-out error of every candidate."""
    linear: LinearComparison


def select_alpha(
    problem: Problem, settings: Settings, ratios: Sequence[float], generator: np.random.Generator, *, classifies: bool
) -> Selection:
    """Fit at the candidate with the smallest leave-one-out error.

    Parameters
    ----------
    problem : Problem
    settings : Settings
        With the ridge penalty.
    ratios : sequence of float
        Candidates, positive, in natural units.
    generator : numpy.random.Generator
    classifies : bool
        Whether targets are class indicators.

    Returns
    -------
    Selection

    Raises
    ------
    InvalidInput
        If the kernel does not fit into the memory limit.
    """
    problem, mean = centred(problem)
    scored = problem
    if problem.patterns.shape[0] > PATH_SAMPLES:
        scored = prepare(_systematic(problem.samples, generator), settings, generator, gates=problem.gates)
    path, operator, weights = ridge_path(scored, settings)
    unit = ridge_alpha(operator, weights, 1.0)
    left_outs = [to_numpy(path.left_out(ratio * unit)) for ratio in ratios]
    errors = np.array([_mean(scored.samples, _squares(scored.samples, left_out)) for left_out in left_outs])
    best = int(np.argmin(errors))
    ratio = float(ratios[best])
    if scored is problem:
        alpha = ratio * unit
        fit = ridge_fit(problem, operator, path.solution(alpha), alpha)
    else:
        fit = fit_network(problem, replace(settings, alpha_ratio=ratio), classifies=classifies, generator=generator)
    return Selection(
        fit=moved(fit, mean),
        ratio=ratio,
        errors=errors + _mean(scored.samples, scored.samples.within),
        linear=_compared(
            scored.samples, mean, left_outs[best], _linear_left_out(scored, settings, ratios), classifies=classifies
        ),
    )


def _linear_left_out(problem: Problem, settings: Settings, ratios: Sequence[float]) -> Float[np.ndarray, "n c"]:
    """Return the leave-one-out predictions of a linear model at the penalty with the smallest squared error."""
    dimension = problem.samples.features.shape[1]
    always = Gates(vectors=np.zeros((1, dimension)), offsets=np.ones(1))
    linear = replace(problem, gates=always, patterns=problem.patterns[:, :1])
    path, operator, weights = ridge_path(linear, settings)
    unit = ridge_alpha(operator, weights, 1.0)
    # A linear model has fewer directions than samples and often wants a far smaller penalty.
    candidates = [ratio * factor for factor in (1e-3, 1.0) for ratio in ratios]
    left_outs = [to_numpy(path.left_out(ratio * unit)) for ratio in candidates]
    return min(left_outs, key=lambda left_out: _mean(problem.samples, _squares(problem.samples, left_out)))


def _compared(
    samples: CanonicalSamples,
    mean: Float[np.ndarray, " c"],
    network: Float[np.ndarray, "n c"],
    linear: Float[np.ndarray, "n c"],
    *,
    classifies: bool,
) -> LinearComparison:
    """Compare leave-one-out predictions of targets that `mean` has been taken out of."""
    if classifies:
        whole = replace(samples, targets=samples.targets + mean)
        network_losses, linear_losses = (_log_losses(whole, left_out + mean) for left_out in (network, linear))
        within = 0.0  # the log loss is linear in the target
    else:
        network_losses, linear_losses = (_squares(samples, left_out) for left_out in (network, linear))
        within = _mean(samples, samples.within)
    differences = network_losses - linear_losses
    difference = _mean(samples, differences)
    mass = samples.weights / samples.weights.sum()
    variance = _mean(samples, (differences - difference) ** 2)
    return LinearComparison(
        measure="log loss" if classifies else "squared error",
        network_error=_mean(samples, network_losses) + within,
        linear_error=_mean(samples, linear_losses) + within,
        difference=difference,
        standard_error=float(np.sqrt(variance * (mass @ mass))),
    )


def _mean(samples: CanonicalSamples, losses: Float[np.ndarray, " n"]) -> float:
    return float(samples.weights @ losses / samples.weights.sum())


def _squares(samples: CanonicalSamples, left_out: Float[np.ndarray, "n c"]) -> Float[np.ndarray, " n"]:
    """Return the squared error of every sample against the mean of its targets."""
    return np.asarray(((left_out - samples.targets) ** 2).sum(axis=1))


def _log_losses(samples: CanonicalSamples, left_out: Float[np.ndarray, "n c"]) -> Float[np.ndarray, " n"]:
    """Return the log loss of every sample, at the scale that suits the predictions best."""
    return log_losses(left_out, samples.targets, calibrated_scale(left_out, samples.targets, samples.weights))


def _systematic(samples: CanonicalSamples, generator: np.random.Generator) -> CanonicalSamples:
    """Return every k-th sample in canonical (hashed, hence random) order."""
    count = samples.features.shape[0]
    chosen = np.unique(((np.arange(PATH_SAMPLES) + generator.random()) * count / PATH_SAMPLES).astype(int) % count)
    return CanonicalSamples(
        features=samples.features[chosen],
        targets=samples.targets[chosen],
        weights=samples.weights[chosen],
        within=samples.within[chosen],
        members=np.full(len(samples.members), -1),
    )
