"""Which curve growth follows: the law and its rivals, fitted to each shape and to every resample of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from consilience.methods.agent_networks.curves import CURVES, Curve, Fit, fit, left_out_error
from consilience.methods.agent_networks.studies.law_sweep import Point

__all__ = ["Growth", "at_calls", "growth", "powers_of_two", "reference"]


@dataclass(frozen=True)
class Growth:
    """How quality grows with the actors of one shape, under one solver."""

    solver: str
    shape: str
    sizes: int
    """How many numbers of actors there are."""
    fits: tuple[Fit, ...]
    """One for each of `CURVES`."""
    missed: tuple[float, ...]
    """By how much each of them misses a point that it was not fitted to."""
    winners: Int[np.ndarray, " resample"]
    """Which of them has the least AICc, in each resample."""

    @property
    def best(self) -> int:
        """Which curve has the least AICc."""
        return int(np.argmin([found.aicc for found in self.fits]))

    @property
    def closest(self) -> int:
        """Which curve misses points least that it was not fitted to."""
        return int(np.argmin(self.missed))

    def share(self, curve: Curve) -> float:
        """Return in which share of resamples a curve wins."""
        return float(np.mean(self.winners == CURVES.index(curve)))


def growth(points: Sequence[Point], means: Callable[..., Float[np.ndarray, " resample"]]) -> Growth:
    """Fit the points of one shape under one solver.

    Parameters
    ----------
    points
        In the order of their size.
    means
        Of cells, in each resample.
    """
    actors = np.array([point.actors for point in points], dtype=float)
    quality = np.array([point.quality.mean() for point in points])
    drawn = np.array([means(point.quality) for point in points]).T
    return Growth(
        solver=points[0].solver,
        shape=points[0].shape,
        sizes=len(points),
        fits=tuple(fit(curve, actors, quality) for curve in CURVES),
        missed=tuple(left_out_error(curve, actors, quality) for curve in CURVES),
        winners=np.array([_winner(actors, row) for row in drawn]),
    )


def powers_of_two(points: Sequence[Point]) -> list[Point]:
    """Return the points whose numbers of actors are powers of two."""
    return [point for point in points if point.actors.bit_count() == 1]


def _winner(actors: Float[np.ndarray, " point"], quality: Float[np.ndarray, " point"]) -> int:
    return int(np.argmin([fit(curve, actors, quality).aicc for curve in CURVES]))


def reference(points: Sequence[Point]) -> float:
    """Return how many calls the dearest network of each shape makes at least, rounded down to a power of two.

    At so many calls, every shape can be compared with every other.
    """
    shapes = {point.shape for point in points}
    most = [max(point.calls.mean() for point in points if point.shape == shape) for shape in shapes]
    return float(2 ** int(np.log2(min(most))))


def at_calls(
    points: Sequence[Point], calls: float, values: Sequence[Float[np.ndarray, " value"]]
) -> Float[np.ndarray, " value"]:
    """Return values of one shape at a number of calls, between its sizes linearly in the logarithm of calls."""
    known = np.log([point.calls.mean() for point in points])
    rows = np.array(values)
    return np.array([np.interp(np.log(calls), known, column) for column in rows.T])
