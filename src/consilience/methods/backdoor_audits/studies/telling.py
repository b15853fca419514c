"""How shares and differences are told: in per cent, with their intervals."""

from __future__ import annotations

import math

from consilience.ground import Measurement
from consilience.ground.intervals import Estimate

__all__ = ["percent", "spelled"]


def percent(
    name: str,
    estimate: Estimate,
    *,
    at_least: float | None = None,
    at_most: float | None = None,
    note: str = "",
    of: str = "episodes",
) -> Measurement:
    """Return a share, or a difference of shares, as a measurement in per cent; bars are given as shares.

    Parameters
    ----------
    name, note
        Of the measurement.
    estimate
        The share.
    at_least, at_most
        Its bars.
    of
        What was counted.

    Examples
    --------
    >>> from consilience.ground.intervals import wilson
    >>> percent("success", wilson(99, 100), at_least=0.98).holds
    True
    """
    counted = f"{estimate.of} {of}"
    return Measurement(
        name=name,
        value=100 * estimate.value,
        low=100 * estimate.low,
        high=100 * estimate.high,
        at_least=None if at_least is None else 100 * at_least,
        at_most=None if at_most is None else 100 * at_most,
        unit="%",
        note=f"{note}; {counted}" if note else counted,
    )


def spelled(estimate: Estimate) -> str:
    """Return a share with its interval, in per cent, for a cell of a table; nothing where nothing was counted.

    Examples
    --------
    >>> from consilience.ground.intervals import wilson
    >>> spelled(wilson(390, 400)), spelled(wilson(0, 0))
    ('97.5 [95.5, 98.6]', '')
    """
    if math.isnan(estimate.value):
        return ""
    return f"{100 * estimate.value:.1f} [{100 * estimate.low:.1f}, {100 * estimate.high:.1f}]"
