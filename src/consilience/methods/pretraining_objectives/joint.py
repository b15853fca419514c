r"""How often a context meets a target: the joint distribution that an objective trains on.

With :math:`p(c, t)` the joint and :math:`p(c), p(t)` its margins, the normalised matrix is
:math:`\bar A_{ct} = p(c, t) / \sqrt{p(c)\,p(t)}`. Its largest singular value is 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from scipy import sparse

from consilience.ground.errors import InvalidInput
from consilience.methods.pretraining_objectives.targets import Targets, as_targets, joined

__all__ = ["Joint", "cooccurrence"]

Matrix = Float[np.ndarray, "context target"]


@dataclass(frozen=True)
class Joint:
    """A joint distribution of contexts and targets.

    Contexts and targets that never occur are rows and columns of zeros, so that numbers of tokens stay what they are.

    Parameters
    ----------
    probabilities
        Sparse, not negative, with sum 1.
    """

    probabilities: sparse.csr_array

    @classmethod
    def of(cls, counts: Any) -> Joint:
        """Normalise a matrix of counts, dense or sparse.

        Raises
        ------
        InvalidInput
            If it is no matrix, a count is negative or not finite, or all are zero.
        """
        matrix = sparse.csr_array(counts, dtype=np.float64)
        matrix.sum_duplicates()
        total = float(matrix.sum())
        if matrix.ndim != 2 or not np.isfinite(total) or total <= 0 or matrix.data.min(initial=0.0) < 0:  # noqa: PLR2004 - rows and columns
            raise InvalidInput("counts must be a matrix of numbers of at least 0 with a positive sum; got none such")
        return cls(sparse.csr_array(matrix / total))

    @property
    def shape(self) -> tuple[int, int]:
        """Numbers of contexts and of targets."""
        contexts, targets = self.probabilities.shape
        return int(contexts), int(targets)

    @cached_property
    def contexts(self) -> Float[np.ndarray, " context"]:
        """Probability of each context."""
        return np.asarray(self.probabilities.sum(axis=1)).ravel()

    @cached_property
    def targets(self) -> Float[np.ndarray, " target"]:
        """Probability of each target."""
        return np.asarray(self.probabilities.sum(axis=0)).ravel()

    @cached_property
    def normalised(self) -> sparse.csr_array:
        """The matrix whose singular values tell how contexts hang together."""
        left, right = (sparse.diags_array(inverse_root(margin)) for margin in (self.contexts, self.targets))
        return sparse.csr_array(left @ self.probabilities @ right)

    def dense(self) -> Matrix:
        """Return the probabilities as an array."""
        return np.asarray(self.probabilities.toarray())

    def sample(self, pairs: int, generator: np.random.Generator) -> Joint:
        """Return the frequencies of `pairs` pairs drawn from this distribution, as training sees them.

        Raises
        ------
        InvalidInput
            If no pair is to be drawn.
        """
        if pairs < 1:
            raise InvalidInput(f"`pairs` must be at least 1; got {pairs}")
        drawn = self.probabilities.copy()
        # Rounding leaves the sum a hair above 1, which a multinomial refuses.
        drawn.data = generator.multinomial(pairs, drawn.data / drawn.data.sum()).astype(np.float64)
        drawn.eliminate_zeros()
        return Joint.of(drawn)


def cooccurrence(documents: Sequence[Int[np.ndarray, " _"]], targets: Targets | str, *, size: int) -> Joint:
    """Count which tokens meet which under an objective, one token being the context.

    Parameters
    ----------
    documents
        Numbers of tokens, an array a document; pairs never cross documents.
    targets
        Where the targets of a token lie, such as ``"ahead:1"`` or ``"around:32"``.
    size
        Of the vocabulary.

    Raises
    ------
    InvalidInput
        If there is no document or no pair, or a token lies outside the vocabulary.

    Examples
    --------
    >>> joint = cooccurrence([np.array([0, 1, 0, 1])], "ahead:1", size=2)
    >>> joint.dense().round(2).tolist()
    [[0.0, 0.67], [0.33, 0.0]]
    """
    where = as_targets(targets) if isinstance(targets, str) else targets
    if not documents or not sum(map(len, documents)):
        raise InvalidInput("expected at least one document with tokens; got an empty corpus")
    tokens, document = joined(documents)
    if tokens.min() < 0 or tokens.max() >= size:
        raise InvalidInput(f"tokens must lie between 0 and {size - 1}; got {tokens.min()} to {tokens.max()}")
    counts = where.counts(tokens, document, size)
    if not counts.sum() > 0:
        raise InvalidInput(f"no token has a target under {where.name!r}; every document is too short")
    return Joint.of(counts)


def inverse_root(margin: Float[np.ndarray, " state"]) -> Float[np.ndarray, " state"]:
    """Return one over the square root, and 0 where there is no probability."""
    there = margin > 0
    return np.where(there, 1 / np.sqrt(np.where(there, margin, 1.0)), 0.0)
