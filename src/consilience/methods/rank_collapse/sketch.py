"""Many numbers in little memory: count, mean, spread and quantiles of a stream, which merge exactly.

Quantiles come from a histogram whose cells are equally wide in the logarithm, on both sides of zero (Masson, Rim and
Lee 2019). Unlike a reservoir it draws nothing, so that batches in another order, or on several machines, give the same
answer; its error is relative, which suits numbers that run over twenty powers of ten from the first layer to the last.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from consilience.ground.errors import InvalidInput

__all__ = ["ACCURACY", "Sketch"]

ACCURACY = 0.0005
"""Largest relative error of a quantile."""

_LOG_CELL = math.log((1 + ACCURACY) / (1 - ACCURACY))
_CENTRE = 2 / (1 + math.exp(_LOG_CELL))
"""What the upper end of a cell is multiplied by, so that no number of the cell is farther away than the accuracy."""


@dataclass
class Sketch:
    """What is kept of a stream of finite numbers.

    Examples
    --------
    >>> sketch = Sketch()
    >>> sketch.add([1e-9, 1.0, 3.0])
    >>> sketch.count, sketch.mean, round(sketch.quantile(0.5), 2)
    (3, 1.3333333336666666, 1.0)
    """

    count: int = 0
    """How many numbers."""
    mean: float = 0.0
    """Their mean; 0 before the first."""
    squares: float = 0.0
    """Sum of squared distances from the mean."""
    low: float = math.inf
    """The smallest."""
    high: float = -math.inf
    """The largest."""
    above: Counter[int] = field(default_factory=Counter)
    """How many positive numbers lie in each cell."""
    below: Counter[int] = field(default_factory=Counter)
    """How many negative ones do, by their size."""

    def add(self, values: Iterable[float]) -> None:
        """Take in numbers.

        Raises
        ------
        InvalidInput
            If one is infinite or NaN: there is no quantile to give then.
        """
        new = np.array(list(values), dtype=np.float64)
        if not np.isfinite(new).all():
            raise InvalidInput(f"a sketch takes finite numbers; got {new[~np.isfinite(new)][0]}.")
        if new.size:
            mean = float(new.mean())
            self._join(int(new.size), mean, float(((new - mean) ** 2).sum()))
            self.low, self.high = min(self.low, float(new.min())), max(self.high, float(new.max()))
            self.above.update(_cells(new[new > 0]))
            self.below.update(_cells(-new[new < 0]))

    def merge(self, other: Sketch) -> None:
        """Take in all that another sketch has seen."""
        if other.count:
            self._join(other.count, other.mean, other.squares)
            self.low, self.high = min(self.low, other.low), max(self.high, other.high)
            self.above.update(other.above)
            self.below.update(other.below)

    @property
    def std(self) -> float:
        """Standard deviation of the numbers, 0 of a single one."""
        return math.sqrt(self.squares / (self.count - 1)) if self.count > 1 else 0.0

    def quantile(self, share: float) -> float:
        """Return the smallest number that this share of all numbers does not exceed, within a part of `ACCURACY`.

        Raises
        ------
        InvalidInput
            Before the first number, or if the share is not between 0 and 1.
        """
        if not self.count or not 0 <= share <= 1:
            raise InvalidInput(
                f"a quantile takes a share in [0, 1] and one number at least; got {share}, {self.count}."
            )
        if share in (0, 1):
            return self.high if share else self.low
        seen = 0
        for value, number in self._ordered():
            seen += number
            if seen and seen >= share * self.count:
                return min(max(value, self.low), self.high)
        return self.high

    def _ordered(self) -> Iterable[tuple[float, int]]:
        yield from ((-_centre(cell), self.below[cell]) for cell in sorted(self.below, reverse=True))
        yield 0.0, self.count - self.below.total() - self.above.total()
        yield from ((_centre(cell), self.above[cell]) for cell in sorted(self.above))

    def _join(self, count: int, mean: float, squares: float) -> None:
        total = self.count + count
        step = mean - self.mean
        self.squares += squares + step**2 * self.count * count / total
        self.mean += step * count / total
        self.count = total


def _cells(sizes: np.ndarray) -> list[int]:
    cells: list[int] = np.ceil(np.log(sizes) / _LOG_CELL).astype(int).tolist()
    return cells


def _centre(cell: int) -> float:
    return math.exp(cell * _LOG_CELL) * _CENTRE
