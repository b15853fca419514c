"""Intervals for shares and their differences that stay honest where counts are small or zero.

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

LEVEL = 0.95
"""Confidence of an interval, unless told otherwise."""
_NEXT_TO = 1e-9


@dataclass(frozen=True)
class Estimate:
    """A number with its interval, and the count it rests on.

    Examples
    --------
    >>> print(wilson(7, 10))
    0.700 [0.397, 0.892] of 10
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


def wilson(count: int, of: int, *, level: float = LEVEL) -> Estimate:
    """Return the share `count / of` with Wilson's score interval.

    Of nothing, the share is NaN and may lie anywhere.

    Examples
    --------
    >>> estimate = wilson(0, 20)
    >>> estimate.low, round(estimate.high, 3)
    (0.0, 0.161)
    """
    require_level(level)
    if not 0 <= count <= of:
        raise InvalidInput(f"`count` must lie between 0 and `of`; got {count} of {of}")
    if of == 0:
        return Estimate(math.nan, 0.0, 1.0, 0)
    interval = binomtest(count, of).proportion_ci(level, method="wilson")
    return Estimate(count / of, float(interval.low), float(interval.high), of)


def newcombe_paired(kept_right: int, broken: int, fixed: int, kept_wrong: int, *, level: float = LEVEL) -> Estimate:
    r"""Return the gain in accuracy on the same items, with Newcombe's interval (his method 10).

    The Wilson limits of both shares are combined by square-and-add with the correlation :math:`\phi` of the two
    columns, for which :math:`ad - bc` is drawn towards zero by :math:`n/2` where it is positive.

    Parameters
    ----------
    kept_right, broken, fixed, kept_wrong
        Items right before and after, right before only, right after only, and never right.

    References
    ----------
    .. [1] R. G. Newcombe, "Improved confidence intervals for the difference between binomial proportions based on
       paired data", Statistics in Medicine 17 (1998).

    Examples
    --------
    >>> gain = newcombe_paired(50, 2, 14, 34)
    >>> round(gain.value, 3), gain.low > 0
    (0.12, True)
    """
    n = kept_right + broken + fixed + kept_wrong
    after, before = wilson(kept_right + fixed, n, level=level), wilson(kept_right + broken, n, level=level)
    if n == 0:
        return Estimate(math.nan, -1.0, 1.0, 0)
    phi = _correlation(kept_right, broken, fixed, kept_wrong)
    gain = after.value - before.value
    return Estimate(
        gain,
        max(-1.0, gain - _square_and_add(after.value - after.low, before.high - before.value, phi)),
        min(1.0, gain + _square_and_add(after.high - after.value, before.value - before.low, phi)),
        n,
    )


def area_interval(area: float, right: int, wrong: int, *, level: float = LEVEL) -> Estimate:
    r"""Return an area under the ROC curve with Newcombe's score interval (his method 5).

    The limits solve :math:`|A - \theta| = z \sqrt{V(\theta)}` with the variance of Hanley and McNeil for both groups at
    their mean size, which keeps the interval open where the area is 1.

    Parameters
    ----------
    area
        The area that was found.
    right, wrong
        Items of either kind.

    References
    ----------
    .. [1] R. G. Newcombe, "Confidence intervals for an effect size measure based on the Mann-Whitney statistic.
       Part 2", Statistics in Medicine 25 (2006).
    """
    require_level(level)
    if right < 1 or wrong < 1:
        return Estimate(math.nan, 0.0, 1.0, right + wrong)
    z, mean = norm.ppf(0.5 + level / 2), (right + wrong) / 2

    def gap(theta: float) -> float:
        spread = 1 + (mean - 1) * ((1 - theta) / (2 - theta) + theta / (1 + theta))
        return float((area - theta) ** 2 - z**2 * theta * (1 - theta) * spread / (right * wrong))

    inside = min(max(area, _NEXT_TO), 1 - _NEXT_TO)  # at 0 and 1 the gap has a root that is no limit
    low = 0.0 if area == 0 else float(brentq(gap, 0.0, inside))
    high = 1.0 if area == 1 else float(brentq(gap, inside, 1.0))
    return Estimate(area, low, high, right + wrong)


def _square_and_add(first: float, second: float, phi: float) -> float:
    return math.sqrt(max(0.0, first**2 - 2 * phi * first * second + second**2))


def _correlation(kept_right: int, broken: int, fixed: int, kept_wrong: int) -> float:
    n = kept_right + broken + fixed + kept_wrong
    sides = (kept_right + broken) * (fixed + kept_wrong) * (kept_right + fixed) * (broken + kept_wrong)
    if sides == 0:
        return 0.0
    cross = kept_right * kept_wrong - broken * fixed
    return (max(cross - n / 2, 0) if cross > 0 else cross) / math.sqrt(sides)


def require_level(level: float) -> None:
    """Refuse what is no level of confidence, such as 95 for 95 %."""
    if not 0 < level < 1:
        raise InvalidInput(f"`level` must lie between 0 and 1, such as 0.95; got {level!r}")
