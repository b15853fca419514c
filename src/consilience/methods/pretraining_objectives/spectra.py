r"""Singular values of a co-occurrence matrix: how much an objective connects contexts that share targets.

The best features of width k are :math:`f(c) = (U_k S_k)_c / \sqrt{p(c)}`; what lies beyond is lost to them. The sooner
the singular values fall, the more contexts are drawn together and the more a linear probe can promise.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float
from scipy import sparse
from scipy.sparse.linalg import svds

from consilience.ground.errors import InvalidInput, UnknownName
from consilience.methods.pretraining_objectives.joint import Joint, inverse_root

__all__ = ["Method", "Spectrum", "spectrum"]

Method = Literal["auto", "exact", "sparse", "sampled"]
"""How singular values are found."""

FEW = 4
"""Lanczos' iteration is worth it where less than one in so many singular values is asked for."""


@dataclass(frozen=True)
class Spectrum:
    """The largest singular values of a normalised co-occurrence matrix, and their vectors."""

    joint: Joint
    """Whose matrix; that of the sample, if one was drawn."""
    values: Float[np.ndarray, " rank"]
    """Largest first; the first is 1 up to rounding."""
    left: Float[np.ndarray, "context rank"]
    right: Float[np.ndarray, "target rank"]
    total: float
    """Sum of the squares of all singular values, those left out too."""

    @property
    def rank(self) -> int:
        """How many there are."""
        return len(self.values)

    def tail(self, rank: int) -> float:
        """Return the sum of the squares of all singular values after the first `rank`."""
        self._require(rank)
        return max(self.total - float((self.values[:rank] ** 2).sum()), 0.0)

    def residual(self, rank: int) -> float:
        r"""Return :math:`s_{k+1}`, the largest singular value that features of width `rank` do not have.

        Raises
        ------
        InvalidInput
            If it was not computed.
        """
        if rank == min(self.joint.shape):
            return 0.0
        self._require(rank + 1)
        return float(self.values[rank])

    def features(self, rank: int) -> Float[np.ndarray, "context rank"]:
        """Return the best features of every context; zeros for contexts that never occurred."""
        self._require(rank)
        return np.asarray(self.left[:, :rank] * self.values[:rank] * inverse_root(self.joint.contexts)[:, None])

    def _require(self, rank: int) -> None:
        if not 1 <= rank <= self.rank:
            raise InvalidInput(f"`rank` must lie between 1 and the {self.rank} singular values there are; got {rank}")


def spectrum(
    joint: Joint, rank: int | None = None, *, method: Method = "auto", pairs: int | None = None, seed: int = 0
) -> Spectrum:
    """Compute the largest singular values of a joint distribution's normalised matrix.

    Parameters
    ----------
    joint
    rank
        How many; all unless given. With it one more is computed, which a bound for features of this width needs.
    method
        ``"exact"`` computes all singular values densely and keeps the first; ``"sparse"`` computes the first by
        Lanczos' iteration and never forms the matrix; ``"sampled"`` draws pairs first, as training does, and shows what
        so many pairs can tell: noise adds to the tail.
        ``"auto"`` takes the second where few singular values are asked for, else the first.
    pairs
        For ``"sampled"``: how many.
    seed
        Of the sample and of the first vector of Lanczos' iteration.

    Raises
    ------
    InvalidInput
        If `rank` is below 1, there are too few singular values, or pairs are given without being drawn.
    UnknownName
        If there is no such method.

    Examples
    --------
    >>> spectrum(Joint.of([[2, 1], [1, 2]])).values.round(3).tolist()
    [1.0, 0.333]
    """
    if (pairs is not None) != (method == "sampled"):
        raise InvalidInput("`pairs` must be given with method 'sampled' and with no other")
    generator = np.random.default_rng(seed)
    if pairs is not None:
        return spectrum(joint.sample(pairs, generator), rank, seed=seed)
    most = min(joint.shape)
    wanted = most if rank is None else min(rank + 1, most)
    if rank is not None and not 1 <= rank <= most:
        raise InvalidInput(f"`rank` must lie between 1 and {most}, the smaller side of the matrix; got {rank}")
    if method == "auto":
        method = "sparse" if FEW * wanted < most else "exact"
    if method == "exact":
        return _kept(joint, *np.linalg.svd(joint.normalised.toarray(), full_matrices=False), wanted)
    if method == "sparse":
        if wanted == most:
            raise InvalidInput(f"Lanczos' iteration needs `rank` below {most - 1}; got {rank}: use method 'exact'")
        return _kept(joint, *_lanczos(joint.normalised, wanted, generator), wanted)
    raise UnknownName("method", method, ("auto", "exact", "sampled", "sparse"))


def _lanczos(
    matrix: sparse.csr_array, rank: int, generator: np.random.Generator
) -> tuple[Float[np.ndarray, "context rank"], Float[np.ndarray, " rank"], Float[np.ndarray, "rank target"]]:
    left, values, right = svds(matrix, k=rank, v0=generator.standard_normal(min(matrix.shape)))
    order = np.argsort(-values)
    return left[:, order], values[order], right[order]


def _kept(
    joint: Joint,
    left: Float[np.ndarray, "context rank"],
    values: Float[np.ndarray, " rank"],
    right: Float[np.ndarray, "rank target"],
    wanted: int,
) -> Spectrum:
    total = float((joint.normalised.data**2).sum())
    return Spectrum(joint, values[:wanted], left[:, :wanted], np.ascontiguousarray(right[:wanted].T), total)
