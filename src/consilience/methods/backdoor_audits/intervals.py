"""Intervals over several seeds: where a share rests on several trainings, its interval says how they differ.

Seeds are not episodes: many episodes of few trainings are few trainings. Intervals of a single share, and of a
difference on the same tasks, are the house's (`consilience.ground.intervals`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import stats

from consilience.ground.errors import InvalidInput
from consilience.ground.intervals import LEVEL, Estimate, quantile, share_interval, wilson

__all__ = ["clustered", "clustered_bootstrap"]


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
        wilson(count, of)  # refuses counts that do not fit
    full = [(count, of) for count, of in counts if of]
    total, n = sum(count for count, _ in full), sum(of for _, of in full)
    if len(full) < 2:  # noqa: PLR2004  one seed has no spread
        return wilson(total, n, level=level)
    share, seeds = total / n, len(full)
    spread = sum((count - share * of) ** 2 for count, of in full) * seeds / (seeds - 1) / n**2
    alone = share * (1 - share) / n
    design = max(1.0, spread / alone) if alone > 0 else 1.0
    freedom = (quantile(level) / float(stats.t.ppf((1 + level) / 2, seeds - 1))) ** 2
    return Estimate(share, *share_interval(share, n / design * freedom, level=level), n)


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
