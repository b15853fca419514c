r"""Choose the penalty of a ridge network by closed-form leave-one-out, and say whether a linear model is enough.

Every candidate is scored from one eigendecomposition. What is left out is a *distinct* sample with all its
repetitions, so that duplicated rows do not vouch for each other. Above `PATH_SAMPLES` distinct samples the choice is
made on a systematic subsample: the penalty's natural unit does not depend on the sample size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from consilience.methods.convex_networks.arrays import to_numpy
from consilience.methods.convex_networks.canonical import CanonicalSamples
from consilience.methods.convex_networks.fitting import (
    Fit,
    Problem,
    Settings,
    centred,
    fit_network,
    moved,
    prepare,
    ridge_alpha,
    ridge_fit,
    ridge_path,
)
from consilience.methods.convex_networks.gates import Gates

__all__ = ["PATH_SAMPLES", "LinearComparison", "Selection", "select_alpha"]

PATH_SAMPLES = 4000
"""Distinct samples up to which all of them are scored."""


@dataclass(frozen=True, kw_only=True)
class LinearComparison:
    """Leave-one-out errors of the chosen network against the best linear model on the same features.

    Examples
    --------
    >>> LinearComparison(network_error=0.20, linear_error=0.19, difference=0.01, standard_error=0.02).linear_is_enough
    True
    """

    network_error: float
    """Weighted mean squared leave-one-out error of the network."""
    linear_error: float
    """The same of the linear model at its own best penalty."""
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
    squares = [_squares(scored.samples, to_numpy(path.left_out(ratio * unit))) for ratio in ratios]
    mass = scored.samples.weights / scored.samples.weights.sum()
    errors = np.array([mass @ square for square in squares])
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
        errors=errors,
        linear=_against_linear(scored, settings, ratios, squares[best]),
    )


def _against_linear(
    problem: Problem, settings: Settings, ratios: Sequence[float], squares: Float[np.ndarray, " n"]
) -> LinearComparison:
    dimension = problem.samples.features.shape[1]
    always = Gates(vectors=np.zeros((1, dimension)), offsets=np.ones(1))
    linear = replace(problem, gates=always, patterns=problem.patterns[:, :1])
    path, operator, weights = ridge_path(linear, settings)
    unit = ridge_alpha(operator, weights, 1.0)
    mass = problem.samples.weights / problem.samples.weights.sum()
    # A linear model has fewer directions than samples and often wants a far smaller penalty.
    candidates = [ratio * factor for factor in (1e-3, 1.0) for ratio in ratios]
    others = [_squares(problem.samples, to_numpy(path.left_out(ratio * unit))) for ratio in candidates]
    best = min(others, key=lambda square: float(mass @ square))
    difference = squares - best
    mean = float(mass @ difference)
    variance = float(mass @ (difference - mean) ** 2)
    return LinearComparison(
        network_error=float(mass @ squares),
        linear_error=float(mass @ best),
        difference=mean,
        standard_error=float(np.sqrt(variance * (mass @ mass))),
    )


def _squares(samples: CanonicalSamples, left_out: Float[np.ndarray, "n c"]) -> Float[np.ndarray, " n"]:
    return np.asarray(((left_out - samples.targets) ** 2).sum(axis=1))


def _systematic(samples: CanonicalSamples, generator: np.random.Generator) -> CanonicalSamples:
    """Return every k-th sample in canonical (hashed, hence random) order."""
    count = samples.features.shape[0]
    chosen = np.unique(((np.arange(PATH_SAMPLES) + generator.random()) * count / PATH_SAMPLES).astype(int) % count)
    return CanonicalSamples(
        features=samples.features[chosen],
        targets=samples.targets[chosen],
        weights=samples.weights[chosen],
        members=np.full(len(samples.members), -1),
    )
