r"""Curves of growth: four ways in which quality may grow with the number of agents, fitted and compared.

====================== ==================================================================== ==========
curve                  quality at :math:`n` agents                                          parameters
====================== ==================================================================== ==========
logistic               :math:`\delta + \gamma / (1 + e^{-\beta (\log_2 n - \alpha)})`       4
log-linear             :math:`\delta + \gamma \log_2 n`                                     2
saturating exponential :math:`\delta + \gamma (1 - e^{-n / \tau})`                          3
power                  :math:`\delta + \gamma n^{\beta}`                                    3
====================== ==================================================================== ==========

All are linear in :math:`\delta` and :math:`\gamma`. So for given other parameters the best of these two is known, and
only the others are searched, on a grid that narrows: no start has to be guessed, and the same points give the same fit.

Source: the first is the collaborative scaling law of arXiv:2406.07155, whose abstract says that growth is logistic; the
others are its rivals here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf, log

import numpy as np
from jaxtyping import Float

from consilience.ground.errors import InvalidInput

__all__ = ["CURVES", "Curve", "Fit", "fit", "left_out_error"]

_NARROWINGS = 7
_FEWEST = 3
_TINY = 1e-12

Grid = Float[np.ndarray, "..."]
Points = Float[np.ndarray, " point"]


@dataclass(frozen=True)
class Curve:
    """A family of curves, linear in two of its parameters."""

    name: str
    """What it is called."""
    names: tuple[str, ...]
    """Of the other parameters."""
    spans: tuple[tuple[float, float], ...]
    """Where these are looked for."""
    shape: Callable[..., Grid]
    """What gamma multiplies, from n and those parameters."""
    steps: int
    """Of the grid, along each of them."""

    @property
    def parameters(self) -> int:
        """How many parameters there are, delta and gamma included."""
        return 2 + len(self.names)


@dataclass(frozen=True)
class Fit:
    """The best of a family for some points."""

    curve: Curve
    delta: float
    gamma: float
    others: tuple[float, ...]
    squares: float
    """Sum of the squared residuals."""
    points: int
    """How many points were fitted."""

    def __call__(self, agents: Points) -> Points:
        """Return the quality at so many agents."""
        return self.delta + self.gamma * np.asarray(self.curve.shape(np.asarray(agents, float), *self.others))

    @property
    def aicc(self) -> float:
        """Akaike's criterion, corrected for few points; the noise counts as a parameter. Less is better."""
        k, n = self.curve.parameters + 1, self.points
        if n - k < 2:  # noqa: PLR2004  the correction divides by n - k - 1
            return inf
        return n * log(max(self.squares, _TINY) / n) + 2 * k + 2 * k * (k + 1) / (n - k - 1)

    @property
    def words(self) -> str:
        """The parameters by name."""
        named = {"delta": self.delta, "gamma": self.gamma, **dict(zip(self.curve.names, self.others, strict=True))}
        return ", ".join(f"{name} {value:.3g}" for name, value in named.items())


def _logistic(n: Grid, alpha: Grid | float, beta: Grid | float) -> Grid:
    rising: Grid = 1 / (1 + np.exp(-beta * (np.log2(n) - alpha)))
    return rising


CURVES: tuple[Curve, ...] = (
    Curve("logistic", ("alpha", "beta"), ((-3.0, 12.0), (0.1, 6.0)), _logistic, 31),
    Curve("log-linear", (), (), np.log2, 1),
    Curve("saturating exponential", ("log2 tau",), ((-2.0, 12.0),), lambda n, t: 1 - np.exp(-n / 2.0**t), 201),
    Curve("power", ("beta",), ((-3.0, 3.0),), lambda n, b: n**b, 200),  # an even number, which leaves out 0
)
"""The law and its rivals."""


def fit(curve: Curve, agents: Points, quality: Points) -> Fit:
    """Return the curve of a family with the least squares.

    Parameters
    ----------
    curve
        The family.
    agents
        Numbers of agents, at least three different ones.
    quality
        One for each.

    Raises
    ------
    InvalidInput
        When there are too few points.

    Examples
    --------
    >>> agents = 2.0 ** np.arange(8)
    >>> found = fit(CURVES[0], agents, 0.1 + 0.8 / (1 + np.exp(-1.5 * (np.log2(agents) - 3))))
    >>> [round(other, 3) for other in found.others]
    [3.0, 1.5]
    """
    n, y = np.asarray(agents, float), np.asarray(quality, float)
    if len(np.unique(n)) < _FEWEST or n.shape != y.shape:
        raise InvalidInput(
            f"expected a quality for each of {_FEWEST} numbers of agents or more; got {len(n)} and {len(y)}"
        )
    best = _best(curve, n, y, ())
    spans = [(high - low) / max(curve.steps - 1, 1) for low, high in curve.spans]
    for _ in range(_NARROWINGS if spans else 0):
        around = tuple(
            (max(low, at - step), min(high, at + step))
            for at, step, (low, high) in zip(best.others, spans, curve.spans, strict=True)
        )
        best = min(best, _best(curve, n, y, around), key=lambda found: found.squares)
        spans = [step * 2 / (_fine(curve) - 1) for step in spans]
    return best


def left_out_error(curve: Curve, agents: Points, quality: Points) -> float:
    """Return the root mean square of what a curve misses each point by when it is fitted to the others."""
    misses = [
        fit(curve, np.delete(agents, at), np.delete(quality, at))(agents[at : at + 1])[0] - quality[at]
        for at in range(len(agents))
    ]
    return float(np.sqrt(np.mean(np.square(misses))))


def _fine(curve: Curve) -> int:
    return 9 if len(curve.spans) > 1 else 21


def _best(curve: Curve, n: Points, y: Points, around: tuple[tuple[float, float], ...]) -> Fit:
    """Return the best on a grid: the whole one, or a finer one around a place."""
    others = _grid(curve, around)
    columns = tuple(others[:, at, None] for at in range(len(curve.spans)))
    shape = np.broadcast_to(np.asarray(curve.shape(n[None, :], *columns)), (len(others), len(n)))
    means = shape.mean(axis=1)
    from_mean = shape - means[:, None]
    weight = np.square(from_mean).sum(axis=1)
    gammas = np.where(weight > _TINY, from_mean @ (y - y.mean()) / np.maximum(weight, _TINY), 0.0)
    squares = np.square(y - y.mean() - gammas[:, None] * from_mean).sum(axis=1)
    at = int(np.argmin(squares))
    gamma = float(gammas[at])
    delta = float(y.mean() - gamma * means[at])
    return Fit(curve, delta, gamma, tuple(map(float, others[at])), float(squares[at]), len(n))


def _grid(curve: Curve, around: tuple[tuple[float, float], ...]) -> Float[np.ndarray, "place other"]:
    steps = _fine(curve) if around else curve.steps
    axes = [np.linspace(low, high, steps) for low, high in around or curve.spans]
    if not axes:
        return np.zeros((1, 0))
    return np.stack([axis.ravel() for axis in np.meshgrid(*axes, indexing="ij")], axis=1)
