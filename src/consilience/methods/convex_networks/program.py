r"""The convex program of a gated network, and what its solvers return.

.. math:: \min_{U,t}\ \tfrac1W\sum_i w_i\,\ell((\Phi U)_i + t, y_i) + \alpha\sum_g\Omega(U_g),
          \qquad \Phi U=\sum_g s_gD_g\tilde XU_g .

Source: Pilanci and Ergen's convex reformulation, as used in arXiv:2406.02806; gated (unconstrained) form.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from consilience.methods.convex_networks.arrays import Array, array_namespace, like, to_numpy
from consilience.methods.convex_networks.certificate import Certificate, norm_certificate
from consilience.methods.convex_networks.losses import Loss
from consilience.methods.convex_networks.operator import GatedOperator
from consilience.methods.convex_networks.penalties import NormPenalty

__all__ = ["BlockSolution", "Program"]


@dataclass(frozen=True, kw_only=True)
class BlockSolution:
    """A solution of a penalised program."""

    blocks: Float[Array, "g p c"]
    """Coefficients of every gate, in the operator's features."""
    intercept: Float[Array, " c"]
    """The unpenalised output intercept, optimal for the blocks."""
    certificate: Certificate
    """Objective and dual bound."""
    iterations: int
    """Steps taken."""
    correlation: Float[Array, "g p c"] | None = None
    """Gradient of the mean loss in the blocks, for warm starts and screening."""

    @property
    def active(self) -> np.ndarray:
        """Indices of the gates whose block is not zero."""
        return nonzero_blocks(self.blocks)

    def with_bound(self, dual_bound: float) -> BlockSolution:
        """Return the solution with another proven lower bound of the optimum."""
        bound = min(dual_bound, self.certificate.objective)
        return replace(self, certificate=replace(self.certificate, dual_bound=bound))

    def take_gates(self, gates: np.ndarray) -> BlockSolution:
        """Return the part of the solution that belongs to some gates."""
        index = like(gates, self.blocks, dtype=array_namespace(self.blocks).int64)
        correlation = None if self.correlation is None else self.correlation[index, ...]
        return replace(self, blocks=self.blocks[index, ...], correlation=correlation)

    def put_gates(self, gates: np.ndarray, count: int) -> BlockSolution:
        """Return the solution over `count` gates of which this one covers some, zero elsewhere."""
        index = like(gates, self.blocks, dtype=array_namespace(self.blocks).int64)
        full = like(np.zeros((count, *self.blocks.shape[1:])), self.blocks)
        full[index, ...] = self.blocks
        return replace(self, blocks=full, correlation=None)


@dataclass(frozen=True, kw_only=True)
class Program:
    """A loss and a norm penalty over gates; the penalty's strength is given to the solver.

    Examples
    --------
    Above ``alpha_max`` nothing but the intercept is left:

    >>> from consilience.methods.convex_networks.losses import Squared
    >>> from consilience.methods.convex_networks.operator import DenseFeatures
    >>> from consilience.methods.convex_networks.penalties import Frobenius
    >>> x = np.array([[1.0], [2.0], [4.0]])
    >>> program = Program(
    ...     operator=GatedOperator(DenseFeatures(x), np.ones((3, 1), dtype=bool)),
    ...     target=x,
    ...     weights=np.ones(3),
    ...     loss=Squared(),
    ...     penalty=Frobenius(),
    ... )
    >>> round(program.alpha_max(), 4)  # the variance of x
    1.5556
    """

    operator: GatedOperator
    """The gated linear operator of n samples."""
    target: Float[Array, "n c"]
    """Targets of ``c`` outputs."""
    weights: Float[Array, " n"]
    """Positive sample weights."""
    loss: Loss
    """The loss of a sample."""
    penalty: NormPenalty
    """The norm of a block."""

    @property
    def total(self) -> float:
        """The sum of the weights."""
        return float(array_namespace(self.weights).sum(self.weights))

    @property
    def shape(self) -> tuple[int, int, int]:
        """The shape of the coefficients: gates, features, outputs."""
        return (*self.operator.block_shape, int(self.target.shape[1]))

    def take_gates(self, gates: np.ndarray) -> Program:
        """Return the program over some of the gates."""
        return replace(self, operator=self.operator.take_gates(gates))

    def zeros(self) -> Float[Array, "g p c"]:
        """Return blocks of zeros."""
        return like(np.zeros(self.shape), self.target)

    def constant(self) -> Float[Array, " c"]:
        """Return the best constant prediction."""
        xp = array_namespace(self.target)
        flat = xp.zeros_like(self.target)
        return self.loss.intercept(flat, self.target, self.weights, flat[0, :])

    def mean_loss(self, prediction: Float[Array, "n c"]) -> float:
        """Return the weighted mean loss of predictions."""
        xp = array_namespace(self.target)
        losses = self.loss.value(prediction, self.target)
        return float(xp.sum(self.weights * losses)) / self.total

    def penalty_value(self, blocks: Float[Array, "g p c"]) -> float:
        """Return the sum of the penalties of all blocks."""
        xp = array_namespace(blocks)
        return float(xp.sum(self.penalty.value(blocks))) if blocks.shape[0] else 0.0

    def correlation(self, prediction: Float[Array, "n c"]) -> Float[Array, "g p c"]:
        """Return the gradient of the mean loss in the blocks."""
        gradient = self.loss.gradient(prediction, self.target)
        return self.operator.adjoint((self.weights / self.total)[:, None] * gradient)

    def polar(self, correlation: Float[Array, "g p c"]) -> Float[np.ndarray, " g"]:
        """Return the polar norm of every block, on the host."""
        return to_numpy(self.penalty.polar(correlation))

    def largest_polar(self, correlation: Float[Array, "g p c"]) -> float:
        """Return the largest polar norm of a block, zero without blocks."""
        return float(self.polar(correlation).max(initial=0.0))

    def alpha_max(self) -> float:
        """Return the smallest penalty at which every block is zero."""
        xp = array_namespace(self.target)
        prediction = xp.zeros_like(self.target) + self.constant()
        return self.largest_polar(self.correlation(prediction))

    def certify(
        self,
        blocks: Float[Array, "g p c"],
        prediction: Float[Array, "n c"],
        alpha: float,
    ) -> tuple[Certificate, Float[Array, "g p c"], float]:
        """Bound the suboptimality of blocks whose predictions hold their optimal intercept.

        Returns
        -------
        certificate : Certificate
        correlation : array, shape (g, p, c)
            Gradient of the mean loss.
        scale : float
            Factor that takes the residual to the dual point.
        """
        correlation = self.correlation(prediction)
        certificate, scale = norm_certificate(
            loss=self.loss,
            alpha=alpha,
            penalty_value=self.penalty_value(blocks),
            largest_polar=self.largest_polar(correlation),
            prediction=prediction,
            target=self.target,
            weights=self.weights,
        )
        return certificate, correlation, scale


def nonzero_blocks(blocks: Float[Array, "g p c"]) -> np.ndarray:
    """Return the indices of blocks that are not zero."""
    xp = array_namespace(blocks)
    return np.flatnonzero(to_numpy(xp.any(blocks != 0, axis=(1, 2))))
