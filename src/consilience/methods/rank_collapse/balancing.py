r"""A change of scale under which the eigenvalues of an averaging matrix can be computed.

Averages that lean to one side, such as those of ``window(8, 1)``, have eigenvalues that a dense solver misses by half
their size: rounding is amplified by a factor that grows exponentially with the number of tokens. The similar matrix
:math:`D A D^{-1}` has the same eigenvalues, and none of that growth where each row has the sum of its column.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from scipy.linalg import solve

__all__ = ["balanced"]

_EVEN = 1e-6
"""Rows and columns are even when their sums differ by this share of the largest."""
_MOST_STEPS = 100


def balanced(matrix: Float[np.ndarray, "n n"]) -> Float[np.ndarray, "n n"]:
    r"""Return the matrix on scales on which each row has the sum of its column.

    These scales minimise the sum of all entries of :math:`D A D^{-1}`, a convex function of :math:`x = \log D`, over
    whose Newton steps no scale may change against one that it is connected to by more than a factor of e.

    Parameters
    ----------
    matrix
        Not negative, and irreducible: a walk along entries that are not zero leads from every row to every other.

    Examples
    --------
    >>> balanced(np.array([[0.5, 0.1], [0.4, 0.5]])).round(6)
    array([[0.5, 0.2],
           [0.2, 0.5]])
    """
    scale = np.zeros(len(matrix))
    off_diagonal = matrix - np.diag(np.diag(matrix))
    for _ in range(_MOST_STEPS):
        now = _rescaled(off_diagonal, scale)
        rows, columns = now.sum(axis=1), now.sum(axis=0)
        if np.abs(rows - columns).max() <= _EVEN * rows.max():
            break
        curvature = np.diag(rows + columns) - now - now.T + rows.mean() / len(matrix)  # the last: not singular
        step = solve(curvature, columns - rows, assume_a="pos")
        farthest = np.abs(step[:, None] - step[None, :])[off_diagonal > 0].max()
        scale += step / max(1.0, farthest)
    return _rescaled(matrix, scale)


def _rescaled(matrix: Float[np.ndarray, "n n"], scale: Float[np.ndarray, " n"]) -> Float[np.ndarray, "n n"]:
    exponents = np.where(matrix > 0, scale[:, None] - scale[None, :], -np.inf)
    rescaled: Float[np.ndarray, "n n"] = matrix * np.exp(exponents)
    return rescaled
