r"""Whether training covers the lengths that testing asks for.

A model that continues text sees prefixes of every length l, with probability p(l). In training it sees a number of
visible tokens with probability q(l). Whatever it does wrong on average at length l, the mean over test lengths is at
most :math:`\max_l p(l)/q(l)` times the mean over training. A fixed mask ratio makes this astronomic; a ratio drawn
uniformly makes visible counts exactly uniform, :math:`\binom{s}{l}\int_0^1 r^{s-l}(1-r)^l\,dr = 1/(s+1)`.

Counts are not all: a prefix is one of :math:`\binom{s}{l}` ways to see l tokens. Hiding a suffix in a share
:math:`\eta` of the rows bounds that as well.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy import stats
from scipy.special import roots_legendre

from consilience.ground.errors import InvalidInput

__all__ = ["BetaVisible", "Coverage", "EveryPrefix", "FixedVisible", "UniformVisible", "Visible", "coverage"]

Counts = Float[np.ndarray, " count"]


class Visible(ABC):
    """A law of how many of s tokens are visible in training."""

    @abstractmethod
    def probabilities(self, length: int) -> Counts:
        """Return the probability of 0, 1, ..., s visible tokens."""


@dataclass(frozen=True)
class EveryPrefix(Visible):
    """Prefixes of every length below s equally often, as in predicting the next token everywhere."""

    def probabilities(self, length: int) -> Counts:
        """Return 1/s for each, and nothing for all s, where there is nothing left to predict."""
        return np.append(np.full(length, 1 / length), 0.0)


@dataclass(frozen=True)
class FixedVisible(Visible):
    """Every token hidden with the same probability."""

    ratio: float

    def __post_init__(self) -> None:
        """Refuse what is no ratio between 0 and 1."""
        if not 0 < self.ratio < 1:
            raise InvalidInput(f"`ratio` must lie between 0 and 1; got {self.ratio}")

    def probabilities(self, length: int) -> Counts:
        """Return a binomial law."""
        return np.asarray(stats.binom.pmf(np.arange(length + 1), length, 1 - self.ratio))


@dataclass(frozen=True)
class UniformVisible(Visible):
    """A ratio drawn uniformly for every row, then every token hidden with that probability."""

    low: float = 0.0
    high: float = 1.0

    def __post_init__(self) -> None:
        """Refuse ends out of order."""
        if not 0 <= self.low < self.high <= 1:
            raise InvalidInput(f"ratios must satisfy 0 <= low < high <= 1; got {self.low} and {self.high}")

    def probabilities(self, length: int) -> Counts:
        """Integrate binomial laws; Gauss' rule is exact for polynomials of this degree."""
        nodes, weights = roots_legendre(length // 2 + 1)
        ratios = self.low + (self.high - self.low) * (nodes + 1) / 2
        laws = stats.binom.pmf(np.arange(length + 1)[:, None], length, 1 - ratios)
        return np.asarray(laws @ (weights / 2))


@dataclass(frozen=True)
class BetaVisible(Visible):
    """A ratio drawn from a beta distribution for every row."""

    a: float
    b: float

    def __post_init__(self) -> None:
        """Refuse parameters that are not positive."""
        if not (self.a > 0 and self.b > 0):
            raise InvalidInput(f"both parameters of a beta distribution must be above 0; got {self.a}, {self.b}")

    def probabilities(self, length: int) -> Counts:
        """Return a beta-binomial law."""
        return np.asarray(stats.betabinom.pmf(np.arange(length + 1), length, self.b, self.a))


@dataclass(frozen=True, kw_only=True)
class Coverage:
    """How training's lengths compare with those of testing."""

    length: int
    """Tokens of a row, s."""
    worst_ratio: float
    """Largest p(l)/q(l): factor between the mean errors in testing and in training."""
    total_variation: float
    """Distance of the two laws, from 0 (the same) to 1 (apart)."""
    short: float
    """Share of training rows in which less than half of the tokens is visible."""
    prefix_ratio: float
    """The same factor when not only the number but the pattern must be covered: visible tokens are a prefix."""


def coverage(length: int, training: Visible, *, suffix_share: float = 0.0) -> Coverage:
    """Compare what is visible in training with prefixes of 0 to s - 1 tokens, all equally likely.

    Parameters
    ----------
    length
        Tokens of a row, s; at least 2.
    training
        Law of visible tokens in rows masked at random.
    suffix_share
        Share of rows that are masked as suffixes instead, of every length equally often.

    Raises
    ------
    InvalidInput
        If a number is out of range.

    Examples
    --------
    >>> round(coverage(64, UniformVisible()).worst_ratio, 3)
    1.016
    >>> coverage(64, FixedVisible(0.15)).worst_ratio > 1e50
    True
    """
    if length < 2 or not 0 <= suffix_share <= 1:  # noqa: PLR2004 - a prefix and something after it
        raise InvalidInput(f"`length` must be at least 2 and `suffix_share` in [0, 1]; got {length}, {suffix_share}")
    tested = EveryPrefix().probabilities(length)
    at_random, as_suffix = (1 - suffix_share) * training.probabilities(length), suffix_share * tested
    seen = at_random + as_suffix
    if isinstance(training, EveryPrefix):
        seen_prefixes = seen
    else:
        ways = np.exp(-_log_binomials(length))
        seen_prefixes = at_random * ways + as_suffix
    asked = tested > 0
    with np.errstate(divide="ignore"):
        worst, prefixes = (float((tested[asked] / law[asked]).max()) for law in (seen, seen_prefixes))
    return Coverage(
        length=length,
        worst_ratio=worst,
        total_variation=float(np.abs(tested - seen).sum() / 2),
        short=float(seen[np.arange(length + 1) < length / 2].sum()),
        prefix_ratio=prefixes,
    )


def _log_binomials(length: int) -> Counts:
    """Return the logarithm of the number of ways to see 0, 1, ..., s of s tokens."""
    logs = np.append(0.0, np.cumsum(np.log(np.arange(1, length + 1))))
    return np.asarray(logs[-1] - logs - logs[::-1])
