r"""ADMM for any loss: predictions are split off as well, so that every step has a closed form or nearly.

.. math:: \min\ \tfrac1W\sum_i w_i\ell(F_i,y_i)+\alpha\sum_g\Omega(Z_g)
          \quad\text{subject to}\quad F=\Phi U+1t,\ Z=U.

The step in (U, t) is a least-squares problem solved by Woodbury with the gate kernel, as in `admm`; the step in F is a
proximal map a sample, a few Newton steps; the step in Z is the penalty's proximal map. Where features of gates are
strongly correlated, as they always are, this needs far fewer steps than a gradient method.
"""

from __future__ import annotations

import math
from dataclasses import replace

from jaxtyping import Float

from consilience.methods.convex_networks.admm import RELAXATION, RHO_SCALE, rebalance
from consilience.methods.convex_networks.arrays import Array, CholeskyFactor, array_namespace, norm, shifted
from consilience.methods.convex_networks.certificate import check_alpha
from consilience.methods.convex_networks.losses import Squared
from consilience.methods.convex_networks.program import BlockSolution, Program

__all__ = ["LossSplitting", "solve_loss_splitting"]

CHECK_EVERY = 8
"""Steps between two duality gaps."""
FIRST_BALANCE = 12
"""Steps before the penalty parameters are first reconsidered; then ever more rarely."""
REFRESH = 50
"""Steps after which images carried along by linearity are computed anew."""


def solve_loss_splitting(
    program: Program,
    alpha: float,
    *,
    tolerance: float = 1e-4,
    max_iterations: int = 2000,
    start: BlockSolution | None = None,
) -> BlockSolution:
    """Minimise any loss with a norm penalty by over-relaxed ADMM on coefficients and predictions.

    Parameters
    ----------
    program : Program
        With n samples whose n x n kernel fits into memory.
    alpha : float
        Positive penalty.
    tolerance : float
        Relative duality gap to stop at; checked every eight steps.
    max_iterations : int
    start : BlockSolution, optional
        A solution of a nearby program over the same gates.

    Returns
    -------
    BlockSolution
        The best point seen. Check ``certificate.relative_gap``: it exceeds `tolerance` where the steps ran out.

    Raises
    ------
    InvalidInput
        If `alpha` is not positive and finite.
    """
    return LossSplitting(program).solve(alpha, tolerance=tolerance, max_iterations=max_iterations, start=start)


class LossSplitting:
    """Loss splitting on one program for many penalties: the kernel is kept between solves.

    Parameters
    ----------
    program : Program
        With n samples whose n x n kernel fits into memory.
    """

    def __init__(self, program: Program) -> None:
        self._program = program
        self._kernel = program.operator.kernel()
        self._alpha_max = program.alpha_max()

    def solve(
        self,
        alpha: float,
        *,
        tolerance: float = 1e-4,
        max_iterations: int = 2000,
        start: BlockSolution | None = None,
    ) -> BlockSolution:
        """Solve at one penalty; parameters as in `solve_loss_splitting`."""
        check_alpha(alpha)
        depth = min(alpha / (self._alpha_max or alpha), 1.0)
        state = _State(self._program, self._kernel, alpha, depth, start)
        best: BlockSolution | None = None
        dual_bound = -math.inf
        iterations = 0
        while True:
            if iterations % CHECK_EVERY == 0 or iterations >= max_iterations:
                solution = state.solution(iterations)
                dual_bound = max(dual_bound, solution.certificate.dual_bound)
                if best is None or solution.certificate.objective < best.certificate.objective:
                    best = solution
                best = best.with_bound(dual_bound)
                if best.certificate.relative_gap <= tolerance or iterations >= max_iterations:
                    return replace(best, iterations=iterations)
            state.step()
            iterations += 1


class _State:
    """The iterate; images of blocks under the operator are carried along by linearity."""

    def __init__(
        self,
        program: Program,
        kernel: Float[Array, "n n"],
        alpha: float,
        depth: float,
        start: BlockSolution | None,
    ) -> None:
        xp = array_namespace(program.target)
        self.program, self.alpha = program, alpha
        self.blocks = program.zeros() if start is None else start.blocks
        self.shift = program.constant() if start is None else start.intercept
        self.kernel = kernel
        mean_eigenvalue = float(xp.sum(xp.linalg.diagonal(self.kernel))) / program.operator.samples
        curvature = program.loss.typical_curvature / program.total
        self.rho_blocks = RHO_SCALE * mean_eigenvalue * curvature * depth or 1.0
        # The smaller the penalty, the better samples are fitted and the flatter are their losses.
        flatness = 1.0 if isinstance(program.loss, Squared) else depth
        self.rho_predictions = program.loss.curvature * flatness / program.total
        self.ones = xp.ones_like(program.target[:, :1])
        self.fitted_blocks = program.operator.forward_nonzero(self.blocks)
        self.predictions = self.fitted_blocks + self.shift
        # Multipliers at the optimum: the gradient of the loss, and the correlations with it.
        gradient = program.loss.gradient(self.predictions, program.target)
        share = (program.weights / program.total)[:, None]
        self.slack = share * gradient / self.rho_predictions if start is not None else xp.zeros_like(program.target)
        self.multipliers = program.zeros()
        if start is not None and start.correlation is not None:
            self.multipliers = -start.correlation / self.rho_blocks
        self.fitted_multipliers = program.operator.forward_nonzero(self.multipliers)
        self.iterations, self.next_balance = 0, FIRST_BALANCE
        self._factorise()

    def step(self) -> None:
        """Take one ADMM step."""
        program, ratio = self.program, self.rho_blocks / self.rho_predictions
        base = self.blocks - self.multipliers
        goal = self.predictions - self.slack
        solved = self.factor.solve(goal - (self.fitted_blocks - self.fitted_multipliers))
        shift = (self.ones.T @ solved) / self.border_weight
        dual = solved - self.border * shift
        correction = program.operator.adjoint(dual)
        predicted = goal - ratio * dual
        stretch = 1.0 - RELAXATION
        relaxed = RELAXATION * (base + correction) + stretch * self.blocks
        fitted_relaxed = RELAXATION * (predicted - shift) + stretch * self.fitted_blocks
        relaxed_predictions = RELAXATION * predicted + stretch * self.predictions
        blocks = program.penalty.prox(relaxed + self.multipliers, self.alpha / self.rho_blocks)
        weight = program.weights / (program.total * self.rho_predictions)
        point = relaxed_predictions + self.slack
        predictions = program.loss.prox(point, program.target, weight, self.predictions)
        residuals = (
            norm(relaxed - blocks),
            norm(blocks - self.blocks),
            norm(relaxed_predictions - predictions),
            norm(predictions - self.predictions),
        )
        self.multipliers = self.multipliers + relaxed - blocks
        self.slack = point - predictions
        self.blocks, self.predictions = blocks, predictions
        self.shift = RELAXATION * shift[0, :] + stretch * self.shift
        self.iterations += 1
        fitted_blocks = program.operator.forward_nonzero(blocks)
        if self.iterations % REFRESH:
            self.fitted_multipliers = self.fitted_multipliers + fitted_relaxed - fitted_blocks
        else:
            self.fitted_multipliers = program.operator.forward_nonzero(self.multipliers)
        self.fitted_blocks = fitted_blocks
        if self.iterations >= self.next_balance:
            self.next_balance = math.ceil(self.next_balance * 1.6)
            self._balance(*residuals)

    def solution(self, iterations: int) -> BlockSolution:
        """Return the sparse blocks with their optimal intercept and certificate."""
        program = self.program
        intercept = program.loss.intercept(self.fitted_blocks, program.target, program.weights, self.shift)
        certificate, correlation, _ = program.certify(self.blocks, self.fitted_blocks + intercept, self.alpha)
        return BlockSolution(
            blocks=self.blocks,
            intercept=intercept,
            certificate=certificate,
            iterations=iterations,
            correlation=correlation,
        )

    def _balance(self, primal: float, change: float, missed: float, moved: float) -> None:
        blocks = rebalance(primal, change, norm(self.blocks), norm(self.multipliers))
        predictions = rebalance(missed, moved, norm(self.predictions), norm(self.slack))
        if blocks == 1.0 and predictions == 1.0:
            return
        self.rho_blocks *= blocks
        self.multipliers = self.multipliers / blocks
        self.fitted_multipliers = self.fitted_multipliers / blocks
        self.rho_predictions *= predictions
        self.slack = self.slack / predictions
        self._factorise()

    def _factorise(self) -> None:
        xp = array_namespace(self.kernel)
        ratio = self.rho_blocks / self.rho_predictions
        self.factor = CholeskyFactor(shifted(xp.asarray(self.kernel, copy=True), ratio))
        self.border = self.factor.solve(self.ones)
        self.border_weight = float(xp.sum(self.border))
