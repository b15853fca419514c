r"""Upper bounds of mu over depth, with every constant given.

Throughout, :math:`\epsilon` is a lower bound of the attention weights that the mask allows, and r is the depth from
`Connectivity`: a product of r attention matrices has a column whose entries are all at least :math:`\epsilon^r`. Such a
product brings the largest and the smallest value of any coordinate closer by the factor :math:`1-\epsilon^r`
(Dobrushin), and N numbers within an interval of length o have :math:`\sum_i (x_i - \bar x)^2 \le N o^2/4` (Popoviciu).
The one value matrix of a layer acts from the other side and commutes with all of this. So the bounds are those of one
head without skip connection: heads with values of their own, or a skip, are outside of them.

Without LayerNorm no smaller bound holds for these constants: a search over weights and starts comes within 1e-6 of it.
These are guarantees, not predictions: for wide graphs :math:`\epsilon^r` is tiny, and tokens collapse far earlier.
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float

from consilience.ground.errors import InvalidInput
from consilience.methods.rank_collapse.consensus import gnomonic

__all__ = ["collapse_bound", "hemisphere_bound", "smallest_weight_bound"]

_ROUNDING = 1e-9


def collapse_bound(
    X: Float[np.ndarray, "token feature"], smallest_weight: float, depth: int, layers: int, *, value_gain: float = 1.0
) -> Float[np.ndarray, " layer"]:
    r"""Bound mu of attention without normalisation.

    .. math:: \mu(X_t) \le \tfrac{\sqrt N}{2}\, \|\mathrm{osc}(X_0)\|_2\, M\, (1-\epsilon^r)^{\lfloor t/r \rfloor}

    Parameters
    ----------
    X
        Tokens at the start.
    smallest_weight
        :math:`\epsilon`, in (0, 1].
    depth
        r, at least 1.
    layers
        Number of layers.
    value_gain
        M, the largest spectral norm of a product of the first value matrices, of none of them (1) included.

    Returns
    -------
    array
        The bound after 0, 1, ..., `layers` layers.
    """
    return value_gain * _contracted(X, smallest_weight, depth, layers)


def hemisphere_bound(
    X: Float[np.ndarray, "token feature"],
    axis: Float[np.ndarray, " feature"],
    smallest_weight: float,
    depth: int,
    layers: int,
) -> Float[np.ndarray, " layer"]:
    r"""Bound mu of attention with projection onto the sphere and orthogonal value matrices, from within a hemisphere.

    Gnomonic coordinates :math:`p_i = x_i/\langle x_i, v\rangle` follow a linear consensus on the same graph, with
    weights of at least :math:`\epsilon z`, where z is the smallest :math:`\langle x_i, v\rangle` at the start and never
    falls. Going back to the sphere moves no two points further apart, so that `collapse_bound` of the coordinates holds
    with :math:`\epsilon z` in the place of :math:`\epsilon`.

    Parameters
    ----------
    X
        Tokens on the unit sphere at the start; heights of longer ones would not be what the proof needs.
    axis
        v, a unit vector with which all tokens have a positive inner product, such as `hemisphere` finds.
    smallest_weight, depth, layers
        As in `collapse_bound`.

    Returns
    -------
    array
        The bound after 0, 1, ..., `layers` layers.

    Raises
    ------
    InvalidInput
        If tokens or the axis do not have norm 1, or tokens are not in that hemisphere.
    """
    norms = np.linalg.norm(np.vstack([X, axis]), axis=1)
    if not (np.abs(norms - 1) < _ROUNDING).all():
        raise InvalidInput(
            f"tokens and axis must have norm 1; norms go from {norms.min():.6g} to {norms.max():.6g}: apply `Sphere`."
        )
    coordinates, heights = gnomonic(X, axis)
    return _contracted(coordinates, smallest_weight * float(heights.min()), depth, layers)


def smallest_weight_bound(
    neighbours: int, *, query_norm: float, key_norm: float, token_norm: float, temperature: float
) -> float:
    r"""Bound the smallest attention weight from below by norms of the weight matrices.

    .. math:: \epsilon \ge \tfrac1n \exp\!\left(-2 \|W_Q\| \|W_K\| R^2 / \sqrt{d_{QK}}\right)

    as logits are at most :math:`\|W_Q\| \|W_K\| R^2/\sqrt{d_{QK}}` in absolute value. Averages are never longer than
    what they average, so that R of the start serves all layers, times the gain of the value matrices.

    Parameters
    ----------
    neighbours
        n, the most tokens that a token attends to.
    query_norm, key_norm
        Largest spectral norms of the matrices.
    token_norm
        R, the largest Euclidean norm of a token.
    temperature
        :math:`d_{QK}`, positive.

    Raises
    ------
    InvalidInput
        If a number is out of range.

    Examples
    --------
    >>> smallest_weight_bound(4, query_norm=0.0, key_norm=1.0, token_norm=1.0, temperature=16)
    0.25
    """
    if neighbours < 1 or not temperature > 0 or not all(norm >= 0 for norm in (query_norm, key_norm, token_norm)):
        raise InvalidInput(
            "`neighbours` must be at least 1, `temperature` positive and norms not negative; got "
            f"{neighbours!r}, {temperature!r} and {(query_norm, key_norm, token_norm)!r}."
        )
    return math.exp(-2 * query_norm * key_norm * token_norm**2 / math.sqrt(temperature)) / neighbours


def _contracted(
    X: Float[np.ndarray, "token feature"], smallest_weight: float, depth: int, layers: int
) -> Float[np.ndarray, " layer"]:
    if not 0 < smallest_weight <= 1 or depth < 1:
        raise InvalidInput(
            f"`smallest_weight` must be in (0, 1] and `depth` at least 1; got {smallest_weight!r} and {depth!r}."
        )
    oscillation = np.linalg.norm(X.max(axis=0) - X.min(axis=0))
    rounds = np.arange(layers + 1) // depth
    kept: Float[np.ndarray, " layer"] = (1 - smallest_weight**depth) ** rounds
    if smallest_weight**depth < 0.5:  # noqa: PLR2004  one minus it would round
        kept = np.exp(rounds * np.log1p(-(smallest_weight**depth)))
    return math.sqrt(len(X)) / 2 * float(oscillation) * kept
