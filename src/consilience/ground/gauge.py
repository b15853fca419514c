"""A gauge: where a measured value and its interval lie with respect to the bar, ready to be drawn."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from consilience.ground.claims import Measurement, spell

_MARGIN = 0.12
_LOG_FROM_RATIO = 50.0


@dataclass(frozen=True, kw_only=True)
class Gauge:
    """Positions along a horizontal axis, in percent of its length from the left.

    Examples
    --------
    >>> gauge = draw(Measurement(name="accuracy", value=99.0, low=98.5, high=99.5, at_least=98.0, unit="%"))
    >>> gauge.pass_from < gauge.low < gauge.value < gauge.high < gauge.pass_to
    True
    """

    value: float
    """The measured value."""
    low: float
    """Lower end of the interval; the value itself when there is none."""
    high: float
    """Upper end of the interval; the value itself when there is none."""
    pass_from: float
    """Where the region that clears the bar begins."""
    pass_to: float
    """Where it ends."""
    logarithmic: bool
    """Whether equal steps along the axis are equal ratios."""
    words: str
    """The same for who cannot see it."""


def draw(measurement: Measurement) -> Gauge | None:
    """Place a measurement against its bar; None without a bar or without a finite value.

    The axis turns logarithmic when all marks are positive and their extremes are a factor of 50 or more apart.
    """
    value = measurement.value
    if value is None or not measurement.barred or not math.isfinite(value):
        return None
    low = value if measurement.low is None else measurement.low
    high = value if measurement.high is None else measurement.high
    bars = [bar for bar in (measurement.at_least, measurement.at_most) if bar is not None]
    marks = [mark for mark in (value, low, high, *bars) if math.isfinite(mark)]
    logarithmic = min(marks) > 0 and max(marks) / min(marks) >= _LOG_FROM_RATIO
    place = _axis(marks, math.log if logarithmic else float)
    return Gauge(
        value=place(value),
        low=place(low),
        high=place(high),
        pass_from=0.0 if measurement.at_least is None else place(measurement.at_least),
        pass_to=100.0 if measurement.at_most is None else place(measurement.at_most),
        logarithmic=logarithmic,
        words=f"{measurement.name}: {spell(value, measurement.unit)}, bar {measurement.bar}",
    )


def _axis(marks: list[float], scale: Callable[[float], float]) -> Callable[[float], float]:
    """Return the map from values to percent that keeps a margin on both sides of all marks."""
    first, last = scale(min(marks)), scale(max(marks))
    margin = _MARGIN * (last - first) if last > first else 0.5 * (abs(first) or 1.0)
    start, length = first - margin, last - first + 2 * margin

    def place(value: float) -> float:
        if not math.isfinite(value):
            return 100.0 if value > 0 else 0.0
        return round(min(100.0, max(0.0, 100 * (scale(value) - start) / length)), 2)

    return place
