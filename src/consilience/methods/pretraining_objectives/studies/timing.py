"""Times of several ways to do one thing, taken side by side."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

__all__ = ["Ratio", "against", "interleaved"]

Seconds = Float[np.ndarray, " round"]


@dataclass(frozen=True)
class Ratio:
    """A ratio of times: the median over rounds, and order statistics that hold it with a probability of 95 %."""

    median: float
    low: float
    high: float


def interleaved(
    ways: Mapping[str, Callable[[], object]], rounds: int, order: np.random.Generator
) -> dict[str, Seconds]:
    """Return the processor time of every way in every round.

    In a round each way runs once, in an order drawn anew; a round before the first warms up. Processor time, on one
    thread, so that what else the machine does matters little.
    """
    names = list(ways)
    for way in ways.values():
        way()
    times: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(rounds):
        for place in order.permutation(len(names)):
            begun = time.process_time()
            ways[names[place]]()
            times[names[place]].append(time.process_time() - begun)
    return {name: np.array(found) for name, found in times.items()}


def against(times: Seconds, other: Seconds) -> Ratio:
    """Return how many times longer one way takes than another, round by round."""
    ratios = np.sort(times / other)
    half = 0.98 * len(ratios) ** 0.5
    first = max(0, int(np.floor(len(ratios) / 2 - half)))
    return Ratio(float(np.median(ratios)), float(ratios[first]), float(ratios[len(ratios) - 1 - first]))
