"""Means over seeds and what is known of their spread, which takes two seeds or more."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from scipy import stats

from consilience.ground import Measurement

__all__ = ["difference", "interval", "spread"]

Values = Float[np.ndarray, " seed"]


def interval(values: Values) -> tuple[float, float] | None:
    """Return the 95 % interval of the mean by Student's t; None for a single value.

    Examples
    --------
    >>> interval(np.array([1.0])) is None
    True
    """
    if len(values) < 2:  # noqa: PLR2004  a pair
        return None
    half = float(stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / len(values) ** 0.5)
    return float(values.mean()) - half, float(values.mean()) + half


def spread(values: Values) -> str:
    """Write the mean of values, with their standard deviation where there are two or more.

    Examples
    --------
    >>> spread(np.array([1.0, 2.0])), spread(np.array([1.0]))
    ('1.500 ± 0.707', '1.000')
    """
    return f"{values.mean():.3f}" + (f" ± {values.std(ddof=1):.3f}" if len(values) > 1 else "")


def difference(name: str, values: Values, *, unit: str = "", scale: float = 1.0, note: str = "") -> Measurement:
    """Return the mean of paired differences as a measurement without a bar.

    Parameters
    ----------
    name
    values
        One for each seed.
    unit
    scale
        Factor to that unit.
    note
    """
    ends = interval(values)
    told = f"paired over {len(values)} seeds, 95 % interval of Student's t" if ends else "one seed"
    return Measurement(
        name=name,
        value=scale * values.mean(),
        low=scale * ends[0] if ends else None,
        high=scale * ends[1] if ends else None,
        unit=unit,
        note="; ".join(filter(None, [note, told])),
    )
