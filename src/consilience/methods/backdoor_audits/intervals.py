"""Intervals for shares, their differences on the same tasks, and shares over several seeds.

None of them shrinks to a point when every episode came out alike. Seeds are not episodes: where a share rests on
several trainings, its interval says how they differ.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from consilience.ground.errors import InvalidInput

__all__ = ["LEVEL", "Estimate", "Pairs", "clustered", "clustered_bootstrap", "mcnemar", "paired_difference", "wilson"]

LEVEL = 0.95
"""Confidence of an interval, unless told otherwise."""


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
    """Episodes that the number rests on."""

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
    _require_counts(count, of)
    return _score(float(count), float(of), of, _quantile(level))


@dataclass(frozen=True)
class Pairs:
    """Episodes of two policies on the same tasks, by what came of them in the first and in the second."""

    both: int
    first: int
    """In the first only."""
    second: int
    """In the second only."""
    neither: int

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
    if n == 0:
        return Estimate(math.nan, -1.0, 1.0, 0)
    one = wilson(pairs.both + pairs.first, n, level=level)
    other = wilson(pairs.both + pairs.second, n, level=level)
    gain = one.value - other.value
    phi = _correlation(pairs)
    return Estimate(
        gain,
        max(-1.0, gain - _square_and_add(one.value - one.low, other.high - other.value, phi)),
        min(1.0, gain + _square_and_add(one.high - one.value, other.value - other.low, phi)),
        n,
    )


def mcnemar(pairs: Pairs) -> float:
    """Return the exact two-sided p-value of McNemar's test that neither of two policies does it more often.

    Examples
    --------
    >>> mcnemar(Pairs(both=50, first=5, second=0, neither=45))
    0.0625
    """
    changed = pairs.first + pairs.second
    return float(stats.binomtest(pairs.first, changed).pvalue) if changed else 1.0


def clustered(counts: Sequence[tuple[int, int]], *, level: float = LEVEL) -> Estimate:
    r"""Return a share over several seeds, with an interval that is as wide as seeds differ and as they are few.

    Wilson's interval for an effective number of episodes :math:`n / d`, with the design effect :math:`d \ge 1` from the
    spread of seeds about the share, and narrowed down once more for the degrees of freedom that so many seeds leave
    (Korn and Graubard 1998). With one seed the interval holds for that seed alone.

    Parameters
    ----------
    counts
        For each seed how many, of how many.
    level
        Its confidence.

    Examples
    --------
    >>> print(clustered([(200, 200), (200, 200), (200, 200)]))
    1.000 [0.970, 1.000] of 600
    """
    for count, of in counts:
        _require_counts(count, of)
    full = [(count, of) for count, of in counts if of]
    total, n = sum(count for count, _ in full), sum(of for _, of in full)
    if len(full) < 2:  # noqa: PLR2004  one seed has no spread
        return wilson(total, n, level=level)
    share, seeds = total / n, len(full)
    spread = sum((count - share * of) ** 2 for count, of in full) * seeds / (seeds - 1) / n**2
    alone = share * (1 - share) / n
    design = max(1.0, spread / alone) if alone > 0 else 1.0
    z = _quantile(level)
    freedom = (z / float(stats.t.ppf((1 + level) / 2, seeds - 1))) ** 2
    effective = n / design * freedom
    return _score(share * effective, effective, n, z)


def clustered_bootstrap(
    values: Sequence[Sequence[float]],
    source: np.random.Generator,
    *,
    level: float = LEVEL,
    resamples: int = 2000,
) -> Estimate:
    """Return a mean over several seeds with the percentiles of a bootstrap of seeds, and of episodes within them.

    It is for what is no share, such as followed steps; with few seeds it is too narrow, which `clustered` is not.

    Parameters
    ----------
    values
        For each seed the values of its episodes.
    source
        Its chance.
    level
        Its confidence.
    resamples
        How often it is drawn.

    Raises
    ------
    InvalidInput
        If there is no seed, or a seed without values.
    """
    if not values or not all(len(row) for row in values):
        raise InvalidInput("a clustered interval takes one seed at least, with one value at least for each")
    rows = [np.asarray(row, dtype=float) for row in values]
    means = np.empty(resamples)
    for at in range(resamples):
        drawn = [rows[seed] for seed in source.integers(len(rows), size=len(rows))]
        sums = [(float(row[source.integers(len(row), size=len(row))].sum()), len(row)) for row in drawn]
        means[at] = sum(total for total, _ in sums) / sum(size for _, size in sums)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    everything = np.concatenate(rows)
    return Estimate(float(everything.mean()), float(low), float(high), len(everything))


def _score(count: float, of: float, said: int, z: float) -> Estimate:
    if of == 0:
        return Estimate(math.nan, 0.0, 1.0, 0)
    share = count / of
    scale = 1 + z * z / of
    centre = (share + z * z / (2 * of)) / scale
    half = z * math.sqrt(share * (1 - share) / of + z * z / (4 * of * of)) / scale
    low = 0.0 if share == 0 else max(0.0, centre - half)
    high = 1.0 if share == 1 else min(1.0, centre + half)
    return Estimate(share, low, high, said)


def _square_and_add(first: float, second: float, phi: float) -> float:
    return math.sqrt(max(0.0, first**2 - 2 * phi * first * second + second**2))


def _correlation(pairs: Pairs) -> float:
    n, a, d = pairs.of, pairs.both, pairs.neither
    sides = (a + pairs.first) * (pairs.second + d) * (a + pairs.second) * (pairs.first + d)
    if sides == 0:
        return 0.0
    cross = a * d - pairs.first * pairs.second
    return (max(cross - n / 2, 0.0) if cross > 0 else cross) / math.sqrt(sides)


def _quantile(level: float) -> float:
    if not 0 < level < 1:
        raise InvalidInput(f"`level` must lie between 0 and 1, such as 0.95; got {level!r}")
    return float(stats.norm.ppf(0.5 + level / 2))


def _require_counts(count: int, of: int) -> None:
    if not 0 <= count <= of:
        raise InvalidInput(f"`count` must lie between 0 and `of`; got {count} of {of}")
