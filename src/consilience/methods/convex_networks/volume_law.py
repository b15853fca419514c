r"""The exact law of a sketched volume: a product of independent chi-square variables.

For `k` independent vectors and a Gaussian sketch `S` with `m` rows, the squared volume of the sketched vectors, divided
by its expectation, is distributed as

.. math:: T = \prod_{i=0}^{k-1} \frac{\chi^2_{m-i}}{m-i}

whatever the vectors are (the determinant of a Wishart matrix; Anderson, *An Introduction to Multivariate Statistical
Analysis*, 7.5). So it is a pivot, and its quantiles give intervals for volumes that are exact at every sketch size.
"""

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from jaxtyping import Complex, Float
from scipy.optimize import brentq
from scipy.special import loggamma

from consilience.ground.errors import InvalidInput
from consilience.ground.intervals import require_level

# Probability neglected, in the tails and by truncation: below the rounding error of the sums.
_NEGLIGIBLE = 40.0


@dataclass(frozen=True)
class SketchedVolumeLaw:
    r"""Law of the relative squared volume `T` of `k` vectors under a Gaussian sketch of size `m`.

    The distribution function is the Fourier inversion of the characteristic function of :math:`\log T`,

    .. math:: \varphi(t) = \prod_{i<k} \Big(\frac{2}{m-i}\Big)^{it} \frac{\Gamma((m-i)/2 + it)}{\Gamma((m-i)/2)} ,

    by the midpoint rule (Gil-Pelaez 1951; Davies 1973), which converges geometrically here: some hundred terms give it
    to about 1e-14, or 1e-11 for sketches of a million rows.

    Parameters
    ----------
    grade
        Number of vectors `k`, at least 1.
    size
        Number of rows `m` of the sketch, at least `grade`.

    Raises
    ------
    InvalidInput
        If not `1 <= grade <= size`.

    Examples
    --------
    For two vectors, Legendre's duplication formula gives the law in closed form, :math:`\chi^2_m \chi^2_{m-1} \sim
    (\chi^2_{2m-2})^2 / 4`:

    >>> from scipy.stats import chi2
    >>> law = SketchedVolumeLaw(grade=2, size=7)
    >>> bool(abs(law.quantile(0.975) - chi2(12).ppf(0.975) ** 2 / (4 * 7 * 6)) < 1e-10)
    True
    """

    grade: int
    size: int

    def __post_init__(self) -> None:
        """Check that the sketch is large enough to keep the volume."""
        if not 1 <= self.grade <= self.size:
            raise InvalidInput(
                f"a sketch keeps the volume of 1 to `size` vectors; got {self.grade} vectors and size {self.size}. "
                "Use a larger sketch"
            )

    @property
    def degrees_of_freedom(self) -> Float[np.ndarray, " k"]:
        """Degrees of freedom of the chi-square factors, `m - i` for `i < k`."""
        return self.size - np.arange(self.grade, dtype=np.float64)

    @property
    def variance(self) -> float:
        r"""Variance :math:`\prod_{i<k} (1 + 2/(m-i)) - 1` of `T`, whose mean is 1; about `2 k / m` for large `m`."""
        return float(np.expm1(np.log1p(2 / self.degrees_of_freedom).sum()))

    @property
    def log_factor(self) -> float:
        r"""Logarithm of the factor :math:`m! / ((m-k)! \, m^k)` of an average sketched squared volume."""
        return float(np.log(self.degrees_of_freedom / self.size).sum())

    def distribution(self, value: float) -> float:
        """Return the probability that `T` is at most `value`."""
        return self._log_distribution(math.log(value)) if value > 0 else 0.0

    def quantile(self, probability: float) -> float:
        """Return the value that `T` stays below with the given probability, between 0 and 1.

        Raises
        ------
        InvalidInput
            If the probability is not between 0 and 1.
        """
        if not 0 < probability < 1:
            raise InvalidInput(f"`probability` must be between 0 and 1; got {probability}")
        low, high = self._range
        return math.exp(brentq(lambda log: self._log_distribution(log) - probability, low, high, xtol=1e-14))

    def _log_distribution(self, log_value: float) -> float:
        low, high = self._range
        if not low < log_value < high:
            return float(log_value >= high)
        half_steps = np.arange(len(self._characteristic)) + 0.5
        turned = self._characteristic * np.exp(-1j * half_steps * self._step * log_value)
        return float(0.5 - np.sum(turned.imag / half_steps) / math.pi)

    @cached_property
    def _step(self) -> float:
        # The rule sees the law repeated with this period: one copy must not reach into the next.
        low, high = self._range
        return 2 * math.pi / (high - low)

    @cached_property
    def _characteristic(self) -> Complex[np.ndarray, " nodes"]:
        """Characteristic function of `log T` at the midpoints, up to where it is negligible."""
        number = 16
        while self._log_moment(1j * self._step * number).real > -_NEGLIGIBLE:
            number *= 2
        logs = [self._log_moment(1j * self._step * (node + 0.5)) for node in range(number)]
        return np.asarray(np.exp(logs))

    @cached_property
    def _range(self) -> tuple[float, float]:
        """Interval that holds `log T` but for a negligible probability, by Chernoff's bound on either side."""
        below = np.linspace(0, 1, 66)[1:-1] * self.degrees_of_freedom[-1] / 2
        above = np.geomspace(1e-3, 1e6, 128) * math.sqrt(self.size / self.grade)
        low = max(-(self._log_moment(-power).real + _NEGLIGIBLE) / power for power in below.tolist())
        high = min((self._log_moment(power).real + _NEGLIGIBLE) / power for power in above.tolist())
        return low, high

    def _log_moment(self, power: complex | float) -> complex:
        """Logarithm of the expectation of `T ** power`."""
        halves = self.degrees_of_freedom / 2
        return complex(np.sum(loggamma(halves + power) - loggamma(halves) - power * np.log(halves)))


@lru_cache(maxsize=256)
def interval(grade: int, size: int, level: float) -> tuple[float, float]:
    """Return the equal-tailed interval that `T` falls into with probability `level`.

    Raises
    ------
    InvalidInput
        If not `1 <= grade <= size`, or `level` is not between 0 and 1.
    """
    require_level(level)
    law = SketchedVolumeLaw(grade, size)
    return law.quantile((1 - level) / 2), law.quantile((1 + level) / 2)
