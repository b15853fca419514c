r"""LayerNorm seen from the centre of the sphere: on a hemisphere it is a linear consensus in gnomonic coordinates.

Tokens that lie in the open hemisphere about v have coordinates :math:`p_i = x_i / \langle x_i, v \rangle` in the plane
:math:`\langle p, v \rangle = 1`. Attention followed by projection onto the sphere maps them to
:math:`p'_i = \sum_k \tilde A_{ik} p_k` with :math:`\tilde A_{ik} = A_{ik} z_k / \sum_l A_{il} z_l` and
:math:`z_k = \langle x_k, v \rangle`: the norm cancels. An orthogonal value matrix, one
for all tokens, turns tokens and v alike.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from scipy.optimize import nnls
from scipy.stats import binom

from consilience.ground.errors import InvalidInput

__all__ = ["consensus_weights", "gnomonic", "hemisphere", "wendel_probability"]


def gnomonic(
    X: Float[np.ndarray, "token feature"], axis: Float[np.ndarray, " feature"]
) -> tuple[Float[np.ndarray, "token feature"], Float[np.ndarray, " token"]]:
    """Return gnomonic coordinates of tokens, and their heights along the axis.

    Parameters
    ----------
    X
        Tokens in the open hemisphere about the axis; they need not have norm 1.
    axis
        A unit vector.

    Returns
    -------
    tuple of two arrays
        Coordinates, whose inner product with the axis is 1, and heights.

    Raises
    ------
    InvalidInput
        If a token is not in the hemisphere.
    """
    heights = X @ axis
    if not (heights > 0).all():
        raise InvalidInput(
            f"tokens must lie in the open hemisphere about the axis; {int((~(heights > 0)).sum())} of {len(X)} do not: "
            "find an axis by `hemisphere`."
        )
    return X / heights[:, None], heights


def consensus_weights(
    attention: Float[np.ndarray, "query key"], heights: Float[np.ndarray, " key"]
) -> Float[np.ndarray, "query key"]:
    """Return the row-stochastic weights by which gnomonic coordinates are averaged in one layer."""
    weighted = attention * heights
    weights: Float[np.ndarray, "query key"] = weighted / weighted.sum(axis=1, keepdims=True)
    return weights


def hemisphere(X: Float[np.ndarray, "token feature"]) -> Float[np.ndarray, " feature"] | None:
    """Find the axis of the open hemisphere in which tokens lie deepest.

    The shortest vector whose inner product with every token is at least 1 points along it. It is found by least
    distance programming (Lawson and Hanson, Solving Least Squares Problems, chapter 23): one non-negative least squares
    problem, whose residual vanishes when there is no such vector.

    Parameters
    ----------
    X
        Tokens, none of them zero; of each only the direction counts.

    Returns
    -------
    array or None
        A unit vector that has a positive inner product with every token, checked; None when there is none, or the
        tokens are so close to the edge that rounding decides.
    """
    norms = np.linalg.norm(X, axis=1, keepdims=True)
    if not (norms > 0).all():
        raise InvalidInput("tokens must be numbers and not zero; only then do they have a direction.")
    directions = X / norms
    tokens, width = X.shape
    stacked = np.vstack([directions.T, np.ones((1, tokens))])
    target = np.append(np.zeros(width), 1.0)
    weights, _ = nnls(stacked, target)
    residual = stacked @ weights - target
    length = np.linalg.norm(residual[:width])
    if length == 0:
        return None
    axis: Float[np.ndarray, " feature"] = residual[:width] / length
    rounding = 8 * (tokens + width) * np.finfo(np.float64).eps
    return axis if float((directions @ axis).min()) > rounding else None


def wendel_probability(tokens: int, width: int) -> float:
    r"""Return the probability that random directions lie in one hemisphere, by Wendel's theorem.

    .. math:: 2^{-(N-1)} \sum_{k<d} \binom{N-1}{k}

    for any law that is symmetric about the origin and puts no d of them into one hyperplane.

    Examples
    --------
    >>> wendel_probability(tokens=16, width=8), wendel_probability(tokens=128, width=768)
    (0.5, 1.0)
    """
    if tokens < 1 or width < 1:
        raise InvalidInput(f"`tokens` and `width` must be at least 1; got {tokens!r} and {width!r}.")
    return round(float(binom.cdf(width - 1, tokens - 1, 0.5)), 15)
