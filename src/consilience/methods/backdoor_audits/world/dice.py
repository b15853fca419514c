"""Dice: the few draws that a world needs, fast, from one generator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

__all__ = ["Dice"]

_BLOCK = 128
_T = TypeVar("_T")


class Dice:
    """Draws from a generator, which is asked for many numbers at once.

    Parameters
    ----------
    source
        Whose numbers these are.

    Examples
    --------
    >>> dice = Dice(np.random.default_rng(0))
    >>> dice.below(1), len(dice.some("abcd", 3))
    (0, 3)
    """

    def __init__(self, source: np.random.Generator) -> None:
        self._source = source
        self._units: list[float] = []

    def unit(self) -> float:
        """Return a number in [0, 1)."""
        if not self._units:
            self._units = self._source.random(_BLOCK).tolist()
        return self._units.pop()

    def chance(self, probability: float) -> bool:
        """Return whether something of this probability happens."""
        return self.unit() < probability

    def below(self, bound: int) -> int:
        """Return an integer in [0, bound)."""
        return int(self.unit() * bound)

    def pick(self, choices: Sequence[_T]) -> _T:
        """Return one of the choices."""
        return choices[int(self.unit() * len(choices))]

    def some(self, choices: Sequence[_T], count: int) -> list[_T]:
        """Return `count` of the choices, each at most once, in any order."""
        left = list(choices)
        for at in range(count):
            other = at + int(self.unit() * (len(left) - at))
            left[at], left[other] = left[other], left[at]
        return left[:count]
