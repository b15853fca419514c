r"""Intervals for shares and their differences that stay honest where counts are small or zero.

Wilson's score interval for a share, Newcombe's for the difference of two shares on the same items, his score interval
for an area under the ROC curve. None of them shrinks to a point when every item came out alike, as intervals from a
standard error or from resampling do.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy.optimize import brentq
from scipy.stats import binomtest, norm

from consilience.ground.errors import InvalidInput

__all__ = [
    "LEVEL",
    "Estimate",
    "Pairs",
    "area_interval",
    "mcnemar",
    "paired_difference",
    "quantile",
    "require_level",
    "share_interval",
    "wilson",
]

LEVEL = 0.95
"""Confidence of an interval, unless told otherwise."""
_NEXT_TO = 1e-9


@dataclass(frozen=True)
class Estimate:
    """A number with its interval, and the count it rests on.

    Examples
    --------
    >>> print(wilson(20, 20))
    1.000 [0.839, 1.000] of 20
    """

    value: float
    """The number; NaN where nothing was there to count."""
    low: float
    """Lower end of the interval."""
    high: float
    """Upper end of the interval."""
    of: int
    """Items that the number rests on."""

    def __str__(self) -> str:
        """Return value, interval and count."""
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}] of {self.of}"

    def holds(self, truth: float) -> bool:
        """Say whether the interval covers a value."""
        return self.low <= truth <= self.high


def wilson(count: int, of: int, *, level: float = LEVEL) -> Estimate:
    """Return the share `count / of` with Wilson's score interval.

    Of nothing, the share is NaN and may lie anywhere.

    Examples
    --------
    >>> [round(end, 3) for end in (wilson(17, 20).low, wilson(17, 20).high)]
    [0.64, 0.948]
    """
    require_level(level)
    if not 0 <= count <= of:
        raise InvalidInput(f"`count` must lie between 0 and `of`; got {count} of {of}")
    if of == 0:
        return Estimate(math.nan, 0.0, 1.0, 0)
    return Estimate(count / of, *share_interval(count / of, of, level=level), of)


def share_interval(share: float, of: float, *, level: float = LEVEL) -> tuple[float, float]:
    """Return Wilson's limits of a share of an effective number of items, which need be no whole one.

    Examples
    --------
    >>> share_interval(0.0, 12.5)[0], share_interval(1.0, 12.5)[1]
    (0.0, 1.0)
    """
    z = quantile(level)
    scale = 1 + z * z / of
    centre = (share + z * z / (2 * of)) / scale
    half = z * math.sqrt(share * (1 - share) / of + z * z / (4 * of * of)) / scale
    return (
        0.0 if share == 0 else max(0.0, centre - half),
        1.0 if share == 1 else min(1.0, centre + half),
    )


@dataclass(frozen=True)
class Pairs:
    """The same items twice, such as two models on the same tasks, by what came of them first and second."""

    both: int
    """So both times."""
    first: int
    """In the first only."""
    second: int
    """In the second only."""
    neither: int
    """So neither time."""

    def __post_init__(self) -> None:
        """Refuse negative counts."""
        if min(self.both, self.first, self.second, self.neither) < 0:
            raise InvalidInput(f"counts of pairs must be at least 0; got {self}")

    @property
    def of(self) -> int:
        """All pairs."""
        return self.both + self.first + self.second + self.neither


def paired_difference(pairs: Pairs, *, level: float = LEVEL) -> Estimate:
    r"""Return how much larger the share is in the first than in the second, with Newcombe's interval (his method 10).

    Wilson's limits of both shares are combined by square-and-add with the correlation :math:`\phi` of the two columns,
    for which :math:`ad - bc` is drawn towards zero by :math:`n/2` where it is positive.

    References
    ----------
    .. [1] R. G. Newcombe, "Improved confidence intervals for the difference between binomial proportions based on
       paired data", Statistics in Medicine 17 (1998).

    Examples
    --------
    >>> print(paired_difference(Pairs(both=0, first=19, second=0, neither=1)))
    0.950 [0.704, 0.991] of 20
    """
    n = pairs.of
    one, other = wilson(pairs.both + pairs.first, n, level=level), wilson(pairs.both + pairs.second, n, level=level)
    if n == 0:
        return Estimate(math.nan, -1.0, 1.0, 0)
    phi, gain = _correlation(pairs), one.value - other.value
    return Estimate(
        gain,
        max(-1.0, gain - _square_and_add(one.value - one.low, other.high - other.value, phi)),
        min(1.0, gain + _square_and_add(one.high - one.value, other.value - other.low, phi)),
        n,
    )


def mcnemar(pairs: Pairs) -> float:
    """Return McNemar's exact two-sided p-value, that neither of the two has it more often; 1 where nothing differs.

    It is the chance that a fair coin would send those that differ as unevenly.

    Examples
    --------
    >>> mcnemar(Pairs(both=50, first=5, second=0, neither=45))
    0.0625
    """
    changed = pairs.first + pairs.second
    return float(binomtest(pairs.first, changed).pvalue) if changed else 1.0


def area_interval(area: float, one: int, other: int, *, level: float = LEVEL) -> Estimate:
    r"""Return an area under the ROC curve with Newcombe's score interval (his method 5).

    The limits solve :math:`|A - \theta| = z \sqrt{V(\theta)}` with the variance of Hanley and McNeil for both groups at
    their mean size, which keeps the interval open where the area is 1.

    Parameters
    ----------
    area
        The area that was found.
    one, other
        Items of either kind.

    References
    ----------
    .. [1] R. G. Newcombe, "Confidence intervals for an effect size measure based on the Mann-Whitney statistic.
       Part 2", Statistics in Medicine 25 (2006).
    """
    z, mean = quantile(level), (one + other) / 2
    if one < 1 or other < 1:
        return Estimate(math.nan, 0.0, 1.0, one + other)

    def gap(theta: float) -> float:
        spread = 1 + (mean - 1) * ((1 - theta) / (2 - theta) + theta / (1 + theta))
        return float((area - theta) ** 2 - z**2 * theta * (1 - theta) * spread / (one * other))

    inside = min(max(area, _NEXT_TO), 1 - _NEXT_TO)  # at 0 and 1 the gap has a root that is no limit
    low = 0.0 if area == 0 else float(brentq(gap, 0.0, inside))
    high = 1.0 if area == 1 else float(brentq(gap, inside, 1.0))
    return Estimate(area, low, high, one + other)


def quantile(level: float) -> float:
    """Return how many standard errors an interval of that confidence reaches to either side.

    Examples
    --------
    >>> round(quantile(0.95), 2)
    1.96
    """
    require_level(level)
    return float(norm.ppf(0.5 + level / 2))


def require_level(level: float) -> None:
    """Refuse what is no level of confidence, such as 95 for 95 %."""
    if not 0 < level < 1:
        raise InvalidInput(f"`level` must lie between 0 and 1, such as 0.95; got {level!r}")


def _square_and_add(first: float, second: float, phi: float) -> float:
    return math.sqrt(max(0.0, first**2 - 2 * phi * first * second + second**2))


def _correlation(pairs: Pairs) -> float:
    n, a, d = pairs.of, pairs.both, pairs.neither
    sides = (a + pairs.first) * (pairs.second + d) * (a + pairs.second) * (pairs.first + d)
    if sides == 0:
        return 0.0
    cross = a * d - pairs.first * pairs.second
    return (max(cross - n / 2, 0.0) if cross > 0 else cross) / math.sqrt(sides)
