r"""Penalties on the blocks of a gated network, each with its proximal map and its polar norm.

A block :math:`U_g` (features x outputs) belongs to one gate. The three norms are equal for one output and differ for
more: `Nuclear` is the exact weight-decay penalty of a vector-output gated network (rank-one factors are neurons),
`Columns` treats every output on its own, and `Frobenius` selects gates for all outputs together. `Ridge` is half the
squared Frobenius norm.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from jaxtyping import Float

from consilience.methods.convex_networks.arrays import Array, array_namespace

__all__ = ["Columns", "Frobenius", "NormPenalty", "Nuclear", "Penalty", "Ridge"]


@runtime_checkable
class Penalty(Protocol):
    """What a solver needs to know of a penalty."""

    def value(self, blocks: Float[Array, "g p c"]) -> Float[Array, " g"]:
        """Return the penalty of every block."""
        ...

    def prox(self, blocks: Float[Array, "g p c"], step: float) -> Float[Array, "g p c"]:
        """Return argmin_Z step * penalty(Z) + |Z - blocks|^2 / 2, block by block."""
        ...


@runtime_checkable
class NormPenalty(Penalty, Protocol):
    """A penalty that is a norm, so that its conjugate is the indicator of the polar ball."""

    def polar(self, blocks: Float[Array, "g p c"]) -> Float[Array, " g"]:
        """Return the polar (dual) norm of every block."""
        ...


class Ridge:
    """Half the squared Frobenius norm of a block."""

    def value(self, blocks: Float[Array, "g p c"]) -> Float[Array, " g"]:
        """Return half the sum of squares."""
        xp = array_namespace(blocks)
        return 0.5 * xp.sum(blocks**2, axis=(1, 2))

    def prox(self, blocks: Float[Array, "g p c"], step: float) -> Float[Array, "g p c"]:
        """Shrink towards zero."""
        return blocks / (1.0 + step)


class Frobenius:
    """The Frobenius norm of a block: a gate lives or dies for all outputs together.

    Examples
    --------
    >>> import numpy as np
    >>> block = np.array([[[3.0, 0.0], [0.0, 4.0]]])
    >>> Frobenius().prox(block, 2.5)[0].tolist()
    [[1.5, 0.0], [0.0, 2.0]]
    """

    def value(self, blocks: Float[Array, "g p c"]) -> Float[Array, " g"]:
        """Return the Frobenius norm."""
        xp = array_namespace(blocks)
        return xp.sqrt(xp.sum(blocks**2, axis=(1, 2)))

    def prox(self, blocks: Float[Array, "g p c"], step: float) -> Float[Array, "g p c"]:
        """Shorten every block by `step`, to zero if it is shorter."""
        return blocks * _shrink(self.value(blocks), step)[:, None, None]

    def polar(self, blocks: Float[Array, "g p c"]) -> Float[Array, " g"]:
        """Return the Frobenius norm, which is its own polar."""
        return self.value(blocks)


class Columns:
    """The sum of the Euclidean norms of a block's columns: one-vs-all."""

    def value(self, blocks: Float[Array, "g p c"]) -> Float[Array, " g"]:
        """Return the sum over outputs."""
        xp = array_namespace(blocks)
        return xp.sum(_column_norms(blocks), axis=1)

    def prox(self, blocks: Float[Array, "g p c"], step: float) -> Float[Array, "g p c"]:
        """Shorten every column by `step`, to zero if it is shorter."""
        return blocks * _shrink(_column_norms(blocks), step)[:, None, :]

    def polar(self, blocks: Float[Array, "g p c"]) -> Float[Array, " g"]:
        """Return the longest column's norm."""
        xp = array_namespace(blocks)
        return xp.max(_column_norms(blocks), axis=1)


class Nuclear:
    """The sum of the singular values of a block: weight decay of a vector-output network."""

    def value(self, blocks: Float[Array, "g p c"]) -> Float[Array, " g"]:
        """Return the nuclear norm."""
        xp = array_namespace(blocks)
        return xp.sum(xp.linalg.svdvals(blocks), axis=1)

    def prox(self, blocks: Float[Array, "g p c"], step: float) -> Float[Array, "g p c"]:
        """Shorten the singular values by `step`, to zero where they are smaller."""
        xp = array_namespace(blocks)
        left, singular, right = xp.linalg.svd(blocks, full_matrices=False)
        return (left * xp.clip(singular - step, 0.0, None)[:, None, :]) @ right

    def polar(self, blocks: Float[Array, "g p c"]) -> Float[Array, " g"]:
        """Return the largest singular value."""
        xp = array_namespace(blocks)
        return xp.max(xp.linalg.svdvals(blocks), axis=1)


def _column_norms(blocks: Array) -> Array:
    xp = array_namespace(blocks)
    return xp.sqrt(xp.sum(blocks**2, axis=1))


def _shrink(norm: Array, step: float) -> Array:
    xp = array_namespace(norm)
    return xp.clip(1.0 - step / xp.where(norm > 0, norm, 1.0), 0.0, None)
