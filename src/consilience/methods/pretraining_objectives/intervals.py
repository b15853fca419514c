"""Means with 95 % intervals: over seeds, and over documents that were judged in pairs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy import stats

from consilience.ground.errors import InvalidInput

__all__ = ["Mean", "mean"]

LEVEL = 0.95


@dataclass(frozen=True)
class Mean:
    """A mean and the interval that holds its expectation with 95 % confidence."""

    value: float
    low: float
    high: float


def mean(values: Float[np.ndarray, " draw"]) -> Mean:
    """Return the mean of independent values with Student's interval.

    Raises
    ------
    InvalidInput
        If there are fewer than two.

    Examples
    --------
    >>> mean(np.array([1.0, 2.0, 3.0]))
    Mean(value=2.0, low=-0.48..., high=4.48...)
    """
    if len(values) < 2:  # noqa: PLR2004 - one value has no spread
        raise InvalidInput(f"an interval takes at least two values; got {len(values)}")
    centre = float(np.mean(values))
    error = float(np.std(values, ddof=1) / np.sqrt(len(values)))
    half = float(stats.t.ppf((1 + LEVEL) / 2, len(values) - 1)) * error
    return Mean(centre, centre - half, centre + half)
