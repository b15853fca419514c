"""Detection: how well scores tell planted from clean, and thresholds, which come from clean items only."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from consilience.ground.errors import InvalidInput
from consilience.ground.intervals import LEVEL, Estimate, area_interval, wilson

__all__ = [
    "Detection",
    "Excess",
    "auroc",
    "detection",
    "excess",
    "halves",
    "recall_at",
    "shuffled",
    "threshold_at",
]

Scores = Float[NDArray[np.float64], " item"]


def auroc(planted: ArrayLike, clean: ArrayLike, *, level: float = LEVEL) -> Estimate:
    """Return how often a planted item scores above a clean one, ties counted half.

    The interval is Newcombe's fifth, which does not shrink to a point where all planted ones are above all clean ones.

    Parameters
    ----------
    planted, clean
        Scores, the higher the more suspect.
    level
        Confidence of the interval.

    Examples
    --------
    >>> print(auroc([3, 4, 5, 6, 7], [0, 1, 2, 2, 1]))
    1.000 [0.643, 1.000] of 10
    """
    above, below = _finite(planted), _finite(clean)
    m, n = len(above), len(below)
    ranks = stats.rankdata(np.concatenate((above, below)))
    found = float((ranks[:m].sum() - m * (m + 1) / 2) / (m * n))
    return area_interval(found, m, n, level=level)


def threshold_at(clean: ArrayLike, rate: float) -> float:
    """Return the lowest score above which at most a share `rate` of clean items lies.

    What scores *above* it is taken for planted. With few clean items it is the highest of them.

    Examples
    --------
    >>> threshold_at(range(100), 0.01), threshold_at([1.0, 2.0], 0.01)
    (98.0, 2.0)
    """
    ordered = np.sort(_finite(clean))
    return float(ordered[len(ordered) - 1 - _allowed(rate, len(ordered))])


def recall_at(planted: ArrayLike, threshold: float, *, level: float = LEVEL) -> Estimate:
    """Return the share of planted items above a threshold; of clean ones it is the rate of false positives."""
    scores = _finite(planted)
    return wilson(int((scores > threshold).sum()), len(scores), level=level)


@dataclass(frozen=True)
class Excess:
    """How many items lie above a threshold that rests on clean ones, and how often chance puts as many there."""

    above: int
    """Items above the threshold at which they are most out of the ordinary."""
    of: int
    """All of them."""
    clean_above: int
    """Clean items above that threshold."""
    clean: int
    """All of those."""
    chance: float
    """Probability of so many or more if the items are clean, at any of the thresholds that were looked at."""
    looks: int = 1
    """How many these were."""

    def least(self, chance: float) -> int:
        """Return how many items, all of them above all clean ones, would have had less than this chance."""
        return int(stats.betabinom.isf(chance / self.looks, self.of, 1, self.clean)) + 1


def excess(scores: ArrayLike, clean: ArrayLike, rate: float) -> Excess:
    r"""Return whether more items lie above clean ones than would if they were clean as well.

    A threshold that rests on clean items is uncertain itself: of :math:`n` items as good as :math:`m` clean ones, the
    number above the :math:`(k+1)`-th highest of these is beta-binomial, with :math:`n`, :math:`k + 1` and
    :math:`m - k`, whatever the scores are distributed like; ties make it smaller. Few items far above everything show
    at the highest thresholds, many a bit higher at lower ones, so that several are looked at: those with 0, 1, 3, 7 and
    so on clean items above, and the one with the share `rate` of them. The least probability is multiplied by how many
    these are.

    Parameters
    ----------
    scores
        Of items, the higher the more suspect.
    clean
        Of clean items that had no part in what scores them.
    rate
        Share of clean items that may lie above the lowest threshold.

    Examples
    --------
    >>> found = excess([*range(85), *[1000] * 15], range(100), 0.01)
    >>> found.above, found.clean_above, found.chance < 0.001
    (15, 0, True)
    >>> round(excess(range(100), range(100), 0.01).chance, 3)
    1.0
    """
    items, ordered = _finite(scores), np.sort(_finite(clean))
    n, m = len(items), len(ordered)
    most = _allowed(rate, m)
    looks = []
    for k in sorted({most, *(2**step - 1 for step in range((most + 1).bit_length()))}):
        above = int((items > ordered[m - 1 - k]).sum())
        looks.append((float(stats.betabinom.sf(above - 1, n, k + 1, m - k)), above, k))
    chance, above, k = min(looks)
    return Excess(above, n, int((ordered > ordered[m - 1 - k]).sum()), m, min(1.0, chance * len(looks)), len(looks))


@dataclass(frozen=True)
class Detection:
    """What a detector comes to on items of either kind."""

    area: Estimate
    """AUROC."""
    recall: Estimate
    """Share of planted ones above the threshold."""
    false: Estimate
    """Share of clean ones above it that had no part in it."""
    threshold: float
    """From clean items that were set apart."""

    def __str__(self) -> str:
        """Return the three numbers."""
        return f"AUROC {self.area.value:.3f}, recall {self.recall.value:.3f} at {self.false.value:.3f} false"


def detection(planted: ArrayLike, clean: ArrayLike, calibration: ArrayLike, *, rate: float = 0.01) -> Detection:
    """Measure a detector whose threshold is that of clean items which it is not measured on.

    Examples
    --------
    >>> print(detection([5, 6], [1, 2], [0, 1, 3]))
    AUROC 1.000, recall 1.000 at 0.000 false
    """
    threshold = threshold_at(calibration, rate)
    return Detection(auroc(planted, clean), recall_at(planted, threshold), recall_at(clean, threshold), threshold)


def halves(count: int, source: np.random.Generator) -> tuple[list[int], list[int]]:
    """Split places into two halves by chance."""
    order = source.permutation(count).tolist()
    return sorted(order[: count // 2]), sorted(order[count // 2 :])


def shuffled(
    planted: Sequence[float], clean: Sequence[float], source: np.random.Generator
) -> tuple[list[float], list[float]]:
    """Deal all scores out anew: a control that has to come out near a half."""
    every = [*planted, *clean]
    order = source.permutation(len(every)).tolist()
    dealt = [every[place] for place in order]
    return dealt[: len(planted)], dealt[len(planted) :]


def _allowed(rate: float, count: int) -> int:
    if not 0 <= rate < 1:
        raise InvalidInput(f"`rate` must lie in [0, 1); got {rate}")
    return math.floor(rate * count)


def _finite(scores: ArrayLike) -> Scores:
    found = np.asarray(scores, dtype=float).ravel()
    if not len(found) or np.isnan(found).any():
        raise InvalidInput(f"expected scores, at least one and none of them NaN; got {len(found)}")
    return found
