r"""One canonical form of a weighted sample: order, duplication and zero weights leave no trace.

scikit-learn asks that a weight of two equals a repeated row and a weight of zero an absent one. A
method that draws training points at random can only keep that promise if it first forgets how the
sample was written down. Rows of weight zero go; equal rows become one, with the sum of their
weights and the weighted mean of their targets (all our losses are linear in the target up to a
constant, so the program keeps its minimiser); what remains is ordered by a hash of its content.

The hash adds up over features in integer arithmetic, so that it is exact, ignores zeros, and gives
dense and CSR matrices the same order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias, TypeGuard

import numpy as np
from jaxtyping import Float, Int
from scipy import sparse

__all__ = ["CanonicalSamples", "Matrix", "canonical_samples", "is_sparse", "without_mean"]

MEAN_ROUNDING = 8.0
"""Distance from the mean of the targets, in units of its last place, that counts as none."""

Matrix: TypeAlias = Float[np.ndarray, "n d"] | sparse.csr_matrix | sparse.csr_array
"""Samples in rows: a dense array or a CSR matrix."""


def is_sparse(matrix: Matrix) -> TypeGuard[sparse.csr_array]:
    """Tell whether samples are a CSR matrix, of either of scipy's two interfaces."""
    return bool(sparse.issparse(matrix))


@dataclass(frozen=True, kw_only=True)
class CanonicalSamples:
    """Distinct samples with positive weight, in canonical order."""

    features: Matrix
    """Distinct rows, m of them."""
    targets: Float[np.ndarray, "m c"]
    """Weighted mean of the targets of equal rows."""
    weights: Float[np.ndarray, " m"]
    """Sum of the weights of equal rows, positive."""
    within: Float[np.ndarray, " m"]
    """Weighted mean squared distance of the targets of equal rows from their mean, summed over columns."""
    members: Int[np.ndarray, " given"]
    """For every sample given, its row here; -1 where its weight is zero."""


def canonical_samples(
    features: Matrix, targets: Float[np.ndarray, "n c"], weights: Float[np.ndarray, " n"]
) -> CanonicalSamples:
    """Merge equal rows, drop rows of weight zero, and order by content.

    Parameters
    ----------
    features : array or CSR, shape (n, d)
        Finite float64. CSR matrices must have sorted, unique indices.
    targets : array, shape (n, c)
    weights : array, shape (n,)
        Not negative, at least one positive.

    Returns
    -------
    CanonicalSamples

    Examples
    --------
    >>> x, y = np.array([[1.0], [2.0], [1.0]]), np.array([[0.0], [1.0], [1.0]])
    >>> same = canonical_samples(x, y, np.ones(3))
    >>> sorted(zip(same.features.ravel().tolist(), same.targets.ravel().tolist(), same.weights))
    [(1.0, 0.5, np.float64(2.0)), (2.0, 1.0, np.float64(1.0))]
    """
    kept = np.flatnonzero(weights > 0)
    rows = features[kept]
    keys = _content_hash(rows)
    order = np.lexsort((keys[:, 1], keys[:, 0]))
    ordered = keys[order]
    new = np.ones(len(order), dtype=bool)
    new[1:] = np.any(ordered[1:] != ordered[:-1], axis=1)
    groups = np.cumsum(new) - 1
    group_of = np.empty(len(order), dtype=np.int64)
    group_of[order] = groups
    members = np.full(features.shape[0], -1, dtype=np.int64)
    members[kept] = group_of
    count = int(groups[-1]) + 1
    chosen = order[new]
    if count == len(kept):
        merged, means, within = weights[kept][chosen], targets[kept][chosen], np.zeros(count)
    else:
        merged = _sum_by_group(weights[kept][:, None], group_of, count)[:, 0]
        sums = _sum_by_group(targets[kept] * weights[kept][:, None], group_of, count)
        means = sums / merged[:, None]
        squares = ((targets[kept] - means[group_of]) ** 2).sum(axis=1)
        within = _sum_by_group((squares * weights[kept])[:, None], group_of, count)[:, 0] / merged
    return CanonicalSamples(features=rows[chosen], targets=means, weights=merged, within=within, members=members)


def without_mean(
    targets: Float[np.ndarray, "n c"], shares: Float[np.ndarray, " n"]
) -> tuple[Float[np.ndarray, "n c"], Float[np.ndarray, " c"]]:
    """Take the weighted mean out of targets, so that no solver rounds against it, and return both.

    Parameters
    ----------
    targets : array, shape (n, c)
    shares : array, shape (n,)
        Weights that add up to one.

    Examples
    --------
    What is constant up to rounding becomes exactly zero:

    >>> without_mean(np.full((3, 1), 0.1), np.array([0.2, 0.3, 0.5]))[0].ravel().tolist()
    [0.0, 0.0, 0.0]
    """
    mean = shares @ targets
    left = targets - mean
    left[np.abs(left) <= MEAN_ROUNDING * np.finfo(np.float64).eps * np.abs(mean)] = 0.0
    return left, mean


def _sum_by_group(
    values: Float[np.ndarray, "n c"], group_of: Int[np.ndarray, " n"], count: int
) -> Float[np.ndarray, "m c"]:
    """Add up rows by group in an order of the values, so that the order given has no say."""
    order = np.lexsort((*values.T, group_of))
    sums = np.zeros((count, values.shape[1]))
    np.add.at(sums, group_of[order], values[order])
    return sums


def _content_hash(rows: Matrix) -> Int[np.ndarray, "n 2"]:
    multipliers = np.random.default_rng(20240606).integers(
        1, 2**63, size=(2, rows.shape[1]), dtype=np.uint64
    ) * np.uint64(2) + np.uint64(1)
    keys = np.empty((rows.shape[0], 2), dtype=np.uint64)
    if is_sparse(rows):
        mixed = _mix(rows.data)
        for k in range(2):
            terms = sparse.csr_array(
                ((mixed * multipliers[k][rows.indices]).view(np.int64), rows.indices, rows.indptr),
                shape=rows.shape,
            )
            keys[:, k] = np.asarray(terms.sum(axis=1)).ravel().view(np.uint64)
    else:
        mixed = _mix(rows)
        for k in range(2):
            keys[:, k] = mixed @ multipliers[k]
    return keys.view(np.int64)


def _mix(values: Float[np.ndarray, "*shape"]) -> np.ndarray:
    """Scramble the bits of floats so that sums of multiples separate rows; zero stays zero."""
    bits = (np.asarray(values, dtype=np.float64) + 0.0).view(np.uint64)
    bits = bits ^ (bits >> np.uint64(32))
    bits = bits * np.uint64(0xD6E8FEB86659FD93)
    mixed: np.ndarray = bits ^ (bits >> np.uint64(32))
    return mixed
