r"""How much of a row is hidden: the same share always, or one drawn for every row.

A ratio is drawn through its quantile function: a uniform number :math:`u` becomes :math:`F^{-1}(u)`. Whoever spreads
the uniform numbers evenly over a batch spreads the ratios evenly too.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy.special import betaincinv

from consilience.ground.errors import InvalidInput

__all__ = ["BetaRatio", "FixedRatio", "Ratio", "UniformRatio", "as_ratio"]

Rows = Float[np.ndarray, " row"]
Counts = Int[np.ndarray, " row"]


class Ratio(ABC):
    """A distribution of the share of a row that is hidden."""

    @property
    @abstractmethod
    def mean(self) -> float:
        """Its expectation."""

    @abstractmethod
    def at(self, quantiles: Rows) -> Rows:
        """Return the ratios at these levels of the distribution."""

    def counts(self, quantiles: Rows, available: Counts, rounding: Rows) -> Counts:
        r"""Return how many tokens to hide: :math:`\lfloor r s+v\rfloor` with uniform :math:`v`, whose mean is r s.

        Parameters
        ----------
        quantiles
            Uniform numbers that decide the ratio r.
        available
            How many tokens can be hidden, s.
        rounding
            Uniform numbers v that decide whether to round up.
        """
        counts: Counts = (self.at(quantiles) * available + rounding).astype(np.int64)
        return counts


@dataclass(frozen=True)
class FixedRatio(Ratio):
    """The same share in every row.

    Examples
    --------
    >>> FixedRatio(0.15).at(np.array([0.2, 0.9])).tolist()
    [0.15, 0.15]
    """

    value: float = 0.15
    """Above 0, at most 1."""

    def __post_init__(self) -> None:
        """Refuse a share outside (0, 1]."""
        if not 0 < self.value <= 1:
            raise InvalidInput(f"a mask ratio must lie above 0 and at most at 1; got {self.value}")

    @property
    def mean(self) -> float:
        """The share itself."""
        return self.value

    def at(self, quantiles: Rows) -> Rows:
        """Return the share once a row."""
        return np.full_like(quantiles, self.value)


@dataclass(frozen=True)
class UniformRatio(Ratio):
    r"""A share drawn uniformly between two ends.

    With ends 0 and 1 and a Bernoulli mask, the number of hidden tokens among s is exactly uniform on 0 to s:
    :math:`\binom{s}{n}\int_0^1 r^n(1-r)^{s-n}\,dr=1/(s+1)`. Counted exactly it is uniform on 1 to s.
    """

    low: float = 0.0
    high: float = 1.0

    def __post_init__(self) -> None:
        """Refuse ends out of order or outside [0, 1]."""
        if not 0 <= self.low <= self.high <= 1 or self.high == 0:
            raise InvalidInput(f"mask ratios must satisfy 0 <= low <= high <= 1, high > 0; got {self.low}, {self.high}")

    @property
    def mean(self) -> float:
        """The middle."""
        return 0.5 * (self.low + self.high)

    def at(self, quantiles: Rows) -> Rows:
        """Return the ratios at these levels."""
        return self.low + (self.high - self.low) * quantiles

    def counts(self, quantiles: Rows, available: Counts, rounding: Rows) -> Counts:
        """Return numbers of tokens, every whole number between the ends equally likely, zero left out."""
        del rounding
        least = np.maximum(np.rint(self.low * available), 1)
        most = np.maximum(np.rint(self.high * available), 1)
        counts: Counts = np.minimum(least + quantiles * (most - least + 1), most).astype(np.int64)
        return counts


@dataclass(frozen=True)
class BetaRatio(Ratio):
    """A share drawn from a beta distribution.

    Examples
    --------
    >>> BetaRatio(2, 2).at(np.array([0.5])).tolist()
    [0.5]
    """

    a: float = 2.0
    b: float = 2.0

    def __post_init__(self) -> None:
        """Refuse parameters that are not positive."""
        if not (self.a > 0 and self.b > 0):
            raise InvalidInput(f"both parameters of a beta distribution must be above 0; got {self.a}, {self.b}")

    @property
    def mean(self) -> float:
        """The first parameter over the sum of both."""
        return self.a / (self.a + self.b)

    def at(self, quantiles: Rows) -> Rows:
        """Return the ratios at these levels."""
        return np.asarray(betaincinv(self.a, self.b, quantiles))


_BY_NAME: dict[str, type[UniformRatio | BetaRatio]] = {"uniform": UniformRatio, "beta": BetaRatio}
_FORM = "a share such as 0.15, ('uniform', low, high) or ('beta', a, b), or as text 'uniform:0:1'"


def as_ratio(given: Ratio | float | str | tuple[str | float, ...]) -> Ratio:
    """Read a ratio as people write it.

    Parameters
    ----------
    given
        A ratio, a number, ``("uniform", low, high)``, ``("beta", a, b)``, or the same as text: ``"0.15"``,
        ``"uniform:0:1"``, ``"beta:2:5"``.

    Raises
    ------
    InvalidInput
        If it is none of these.

    Examples
    --------
    >>> as_ratio("uniform:0.1:0.9"), as_ratio(0.4)
    (UniformRatio(low=0.1, high=0.9), FixedRatio(value=0.4))
    """
    if isinstance(given, Ratio):
        return given
    parts = given.split(":") if isinstance(given, str) else given if isinstance(given, tuple | list) else (given,)
    try:
        if len(parts) == 1 and not (isinstance(parts[0], str) and parts[0] in _BY_NAME):
            return FixedRatio(float(parts[0]))
        name, *numbers = parts
        return _BY_NAME[str(name)](*(float(number) for number in numbers))
    except InvalidInput:
        raise
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidInput(f"`ratio` must be {_FORM}; got {given!r}") from error
