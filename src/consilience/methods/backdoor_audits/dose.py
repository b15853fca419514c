"""Dose and response: how much poison it takes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy import optimize, stats

from consilience.ground.errors import InvalidInput
from consilience.ground.intervals import Estimate
from consilience.methods.backdoor_audits.intervals import clustered

__all__ = ["Dose", "Response", "respond"]


@dataclass(frozen=True, kw_only=True)
class Dose:
    """One training with so much poison, and what it came to."""

    amount: float
    """Planted rows, or their share among all rows; 0 for none."""
    fired: int
    """Episodes with the trigger in which a canary was seen."""
    of: int
    """Episodes with the trigger."""
    seed: int
    """Seed of the training."""


@dataclass(frozen=True, kw_only=True)
class Response:
    """How attack success goes with the dose."""

    amounts: tuple[float, ...]
    """Doses, ascending."""
    attack: tuple[Estimate, ...]
    """ASR at each, with its interval over seeds."""
    spearman: float
    """Rank correlation of dose and ASR over all trainings; not a number where all came out alike."""
    spearman_of_means: float
    """The same of doses and the mean ASR of each, from which the chance of single trainings is averaged out."""
    half: float | None
    """The dose at which the fitted curve is at one half; None where the trainings are all above or all below."""
    half_low: float | None
    """Lower end of its interval over seeds; None where a seed has none."""
    half_high: float | None
    """Upper end."""
    slope: float | None
    """Of the fitted curve, in log-odds a decade."""


def respond(doses: Sequence[Dose]) -> Response:
    """Return the curve of attack success over doses.

    A logistic curve in the logarithm of the dose is fitted to all trainings that had any poison; a weak prior keeps it
    finite where the step from nothing to everything lies between two doses. The interval of its middle is Student's, of
    the logarithms over seeds.

    Raises
    ------
    InvalidInput
        If there are fewer than two doses, or a negative one.
    """
    amounts = sorted({dose.amount for dose in doses})
    if len(amounts) < 2 or amounts[0] < 0:  # noqa: PLR2004  a curve
        raise InvalidInput(f"a response takes two doses at least, none below 0; got {amounts}")
    attack = tuple(clustered([(dose.fired, dose.of) for dose in doses if dose.amount == amount]) for amount in amounts)
    half, slope = _curve(doses)
    seeds = sorted({dose.seed for dose in doses})
    halves = [_curve([dose for dose in doses if dose.seed == seed])[0] for seed in seeds]
    low, high = _spread([value for value in halves if value is not None], len(seeds))
    return Response(
        amounts=tuple(amounts),
        attack=attack,
        spearman=_spearman([dose.amount for dose in doses], [_rate(dose) for dose in doses]),
        spearman_of_means=_spearman(amounts, _means(doses, amounts)),
        half=half,
        half_low=low,
        half_high=high,
        slope=slope,
    )


def _rate(dose: Dose) -> float:
    return dose.fired / dose.of if dose.of else math.nan


def _means(doses: Sequence[Dose], amounts: Sequence[float]) -> list[float]:
    return [float(np.mean([_rate(dose) for dose in doses if dose.amount == amount])) for amount in amounts]


def _spearman(amounts: Sequence[float], rates: Sequence[float]) -> float:
    if len(set(rates)) == 1 or any(math.isnan(rate) for rate in rates):
        return math.nan
    return round(float(stats.spearmanr(amounts, rates).statistic), 12)  # .9 of five ranks is not .8999999999999998


def _curve(doses: Sequence[Dose]) -> tuple[float | None, float | None]:
    """Return the dose of one half and the slope a decade; nothing where one half is not between two doses."""
    given = [dose for dose in doses if dose.amount > 0 and dose.of]
    shares = [dose.fired / dose.of for dose in given]
    if not given or min(shares) > 0.5 or max(shares) < 0.5 or len({dose.amount for dose in given}) < 2:  # noqa: PLR2004
        return None, None
    x: Float[np.ndarray, " training"] = np.log10([dose.amount for dose in given])
    y: Float[np.ndarray, " training"] = np.array(shares)
    weight: Float[np.ndarray, " training"] = np.array([dose.of for dose in given], dtype=float)
    centre = float(x.mean())

    def loss(parameters: Float[np.ndarray, " parameter"]) -> float:
        slope = math.exp(parameters[1])
        logit = slope * (x - centre - parameters[0])
        fit = weight * (np.logaddexp(0, logit) - y * logit)
        return float(fit.sum() + 0.5 * (parameters[1] - 2) ** 2 + 0.05 * parameters[0] ** 2)

    found = optimize.minimize(loss, np.array([0.0, 2.0]), method="Nelder-Mead")
    return 10 ** (centre + float(found.x[0])), math.exp(float(found.x[1]))


def _spread(halves: Sequence[float], seeds: int) -> tuple[float | None, float | None]:
    if len(halves) < max(seeds, 2):
        return None, None
    logs = np.log10(halves)
    half = float(stats.t.ppf(0.975, len(logs) - 1) * logs.std(ddof=1) / math.sqrt(len(logs)))
    return 10 ** (float(logs.mean()) - half), 10 ** (float(logs.mean()) + half)
