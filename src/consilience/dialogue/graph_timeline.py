"""When the elements of a run were at work: spans packed into rows, and round times beside them."""

from __future__ import annotations

import heapq
from collections.abc import Sequence

__all__ = ["area", "packed", "seconds", "ticks"]

_BINS = 240
_ROUND_MINUTES = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1440, 2880)


def packed(spans: Sequence[tuple[float, float]]) -> tuple[int, list[int]]:
    """Give spans, sorted by start, rows so that none overlap: as many rows as ever run at once, lowest first."""
    free: list[int] = []
    busy: list[tuple[float, int]] = []
    rows, lanes = 0, []
    for start, end in spans:
        while busy and busy[0][0] <= start:
            heapq.heappush(free, heapq.heappop(busy)[1])
        if not free:
            heapq.heappush(free, rows)
            rows += 1
        lane = heapq.heappop(free)
        heapq.heappush(busy, (end, lane))
        lanes.append(lane)
    return rows, lanes


def _steps(spans: Sequence[tuple[float, float]]) -> list[tuple[float, int]]:
    return sorted([(start, 1) for start, _ in spans] + [(end, -1) for _, end in spans])


def area(spans: Sequence[tuple[float, float]], start: float, length: float) -> list[tuple[float, float]]:
    """How many ran at a time, at most, in each of many slices: (percent of time, percent of the peak)."""
    steps = _steps(spans)
    running, index, tops = 0, 0, []
    for slice_ in range(_BINS):
        top = running
        while index < len(steps) and steps[index][0] <= start + length * (slice_ + 1) / _BINS:
            running += steps[index][1]
            top = max(top, running)
            index += 1
        tops.append(top)
    peak = max(*tops, 1)
    return [(round(100 * place / _BINS, 2), round(100 * top / peak, 2)) for place, top in enumerate(tops)]


def ticks(length: float) -> list[tuple[float, str]]:
    """Return round times within a length, as (percent, words)."""
    units = [base * 10.0**power for power in range(-4, 2) for base in (1, 2, 5)]
    units = [unit for unit in units if unit < 60] + [60.0 * minutes for minutes in _ROUND_MINUTES]  # noqa: PLR2004
    unit = next((unit for unit in units if length / unit <= 6), length)  # noqa: PLR2004  ticks that fit a phone
    return [(round(100 * unit * step / length, 2), seconds(unit * step)) for step in range(int(length / unit) + 1)]


def seconds(value: float | None) -> str:
    """Return seconds in words that suit their size."""
    if value is None:
        return "–"
    if value == 0:
        return "0 s"
    if value < 1:
        return f"{1000 * value:.3g} ms"
    if value < 120:  # noqa: PLR2004
        return f"{value:.3g} s"
    if value < 7200:  # noqa: PLR2004
        return f"{value / 60:.3g} min"
    return f"{value / 3600:.3g} h"
