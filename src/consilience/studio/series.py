"""Series: numbers measured along the way, ready to be drawn as lines."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from consilience.studio.lines import number

__all__ = ["Chart", "Line", "charts"]

MOST_LINES = 12
"""Lines of one chart; what would be more is counted."""
MOST_POINTS = 400
"""Points of one line; of more, every so many are drawn."""

_OWN = ("time", "metric", "value")


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a chart."""

    name: str
    """What tells it apart from the others."""
    points: tuple[tuple[float, float], ...]
    """Its points, in order of the first coordinate."""
    path: str
    """The same in percent of the chart's width and height, as an SVG polyline of 100 by 100 takes it."""

    @property
    def last(self) -> float:
        """The value at its end."""
        return self.points[-1][1]


@dataclass(frozen=True, slots=True)
class Chart:
    """All lines of one metric."""

    name: str
    """The metric."""
    along: str
    """What its first coordinate is."""
    lines: tuple[Line, ...]
    """Those that are drawn."""
    left_out: int
    """How many lines are not."""
    count: int
    """How many numbers there are, not-a-number included."""
    extent: tuple[float, float, float, float]
    """Smallest and largest first coordinate, smallest and largest value."""
    logarithmic: bool
    """Whether equal steps upwards are equal ratios."""


def charts(records: Iterable[Mapping[str, Any]]) -> tuple[Chart, ...]:
    """Sort the records of a metrics file into charts, one a metric.

    The tag whose whole numbers vary most is the first coordinate; where none does, it is the order of the records. The
    other tags tell lines apart.

    Examples
    --------
    >>> records = [{"metric": "loss", "value": 2.0 / step, "step": step, "arm": "a"} for step in (1, 2, 3)]
    >>> [chart] = charts(records)
    >>> chart.name, chart.along, chart.lines[0].name, chart.lines[0].points[0]
    ('loss', 'step', 'arm a', (1.0, 2.0))
    """
    by_name: dict[str, list[Mapping[str, Any]]] = {}
    for record in records:
        if isinstance(record.get("metric"), str) and number(record.get("value")) is not None:
            by_name.setdefault(record["metric"], []).append(record)
    return tuple(_chart(name, found) for name, found in by_name.items())


def _chart(name: str, records: list[Mapping[str, Any]]) -> Chart:
    along = _along(records)
    lines: dict[str, list[tuple[float, float]]] = {}
    for record in records:
        tags = {key: value for key, value in record.items() if key not in _OWN and key != along}
        own = lines.setdefault(", ".join(f"{key} {value}" for key, value in tags.items()), [])
        own.append((float(record[along]) if along else float(len(own)), float(record["value"])))
    finite = {key: sorted(p for p in points if math.isfinite(p[1])) for key, points in lines.items()}
    drawn = {key: points for key, points in finite.items() if points}
    every = [point for points in drawn.values() for point in points]
    extent = _extent(every)
    logarithmic = extent[2] > 0 and extent[3] / extent[2] >= 100  # noqa: PLR2004  two decades
    shown = tuple(
        Line(key, tuple(points), _path(points, extent, logarithmic=logarithmic))
        for key, points in list(drawn.items())[:MOST_LINES]
    )
    left_out = max(0, len(drawn) - MOST_LINES)
    return Chart(name, along or "in order", shown, left_out, len(records), extent, logarithmic)


def _along(records: list[Mapping[str, Any]]) -> str:
    """Return the tag to draw along; empty where there is none."""
    keys = dict.fromkeys(key for record in records for key in record if key not in _OWN)
    best, most = "", 1
    for key in keys:
        values = [record.get(key) for record in records]
        whole = all(isinstance(value, int) and number(value) is not None for value in values)
        if whole and key != "seed" and len(set(values)) > most:
            best, most = key, len(set(values))
    return best


def _extent(points: list[tuple[float, float]]) -> tuple[float, float, float, float]:
    if not points:
        return 0.0, 1.0, 0.0, 1.0
    first, second = [x for x, _ in points], [y for _, y in points]
    return min(first), max(first), min(second), max(second)


def _path(points: list[tuple[float, float]], extent: tuple[float, float, float, float], *, logarithmic: bool) -> str:
    left, right, low, high = extent
    if logarithmic:
        low, high = math.log(low), math.log(high)
    every = max(1, len(points) // MOST_POINTS)
    told = []
    for x, y in [*points[::every], points[-1]]:
        across = 50.0 if right == left else 100 * (x - left) / (right - left)
        up = 50.0 if high == low else 100 * ((math.log(y) if logarithmic else y) - low) / (high - low)
        told.append(f"{across:.2f},{100 - up:.2f}")
    return " ".join(told)
