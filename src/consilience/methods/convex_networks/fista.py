r"""FISTA for every loss: accelerated proximal gradient with restart and gap-safe screening.

Source: Beck and Teboulle 2009; restart by O'Donoghue and Candès 2015 (gradient scheme); gap-safe
spheres by Ndiaye et al. 2017.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from consilience.methods.convex_networks.arrays import Array, array_namespace, like
from consilience.methods.convex_networks.certificate import check_alpha
from consilience.methods.convex_networks.program import BlockSolution, Program

__all__ = ["solve_fista"]

CHECK_EVERY = 10
"""Steps between two duality gaps."""
MEASURABLE = 1e4
"""A gain that a difference of two losses can tell from rounding, in units of the last place."""


def solve_fista(
    program: Program,
    alpha: float,
    *,
    tolerance: float = 1e-4,
    max_iterations: int = 2000,
    start: BlockSolution | None = None,
    screen: bool = True,
) -> BlockSolution:
    r"""Minimise any loss with a norm penalty by accelerated proximal gradient steps.

    The intercept is minimised exactly at every point, the curvature found by backtracking. A gate
    with :math:`\Omega^\circ(\Phi_g^TwV/W) + \|\sqrt w\Phi_g\|\sqrt{2\gamma\,\mathrm{gap}/W} <
    \alpha` is zero at the optimum (:math:`\gamma` the loss's curvature) and is dropped for good.

    Parameters
    ----------
    program : Program
    alpha : float
        Positive penalty.
    tolerance : float
        Relative duality gap to stop at; checked every ten steps.
    max_iterations : int
    start : BlockSolution, optional
        Where to begin.
    screen : bool
        Drop gates that are provably zero.

    Returns
    -------
    BlockSolution
        The best point seen at a check. Its ``certificate.relative_gap`` exceeds `tolerance` where the steps ran out.

    Raises
    ------
    InvalidInput
        If `alpha` is not positive and finite.
    """
    check_alpha(alpha)
    total, gates = program.total, program.shape[0]
    norms = program.operator.gate_norms(program.weights) if screen else None
    kept = np.arange(gates)
    iterate = _Iterate(program, alpha, start)
    best: BlockSolution | None = None
    dual_bound = -math.inf
    iterations = 0
    while True:
        if iterations % CHECK_EVERY == 0 or iterations >= max_iterations:
            prediction = iterate.prediction()
            certificate, correlation, scale = program.certify(iterate.blocks, prediction, alpha)
            dual_bound = max(dual_bound, certificate.dual_bound)
            if best is None or certificate.objective < best.certificate.objective:
                found = BlockSolution(
                    blocks=iterate.blocks, intercept=iterate.shift, certificate=certificate, iterations=iterations
                )
                best = found if len(kept) == gates else found.put_gates(kept, gates)
            best = best.with_bound(dual_bound)
            if best.certificate.relative_gap <= tolerance or iterations >= max_iterations:
                return replace(best, iterations=iterations)
            if norms is not None:
                radius = math.sqrt(2.0 * program.loss.curvature * certificate.gap / total)
                alive = program.polar(correlation) * scale + norms[kept] * radius >= alpha
                if alive.any() and not alive.all():
                    kept = kept[alive]
                    program = program.take_gates(np.flatnonzero(alive))
                    iterate.restrict(program, np.flatnonzero(alive))
        iterate.step()
        iterations += 1


class _Iterate:
    """Blocks, the extrapolated point, and the predictions of both (linear, so carried along)."""

    def __init__(self, program: Program, alpha: float, start: BlockSolution | None) -> None:
        self.program, self.alpha = program, alpha
        self.blocks = program.zeros() if start is None else start.blocks
        self.shift = program.constant() if start is None else start.intercept
        self.curvature = program.loss.curvature * program.operator.largest_eigenvalue(program.weights) / program.total
        self._begin()

    def _begin(self) -> None:
        self.fitted = self.program.operator.forward_nonzero(self.blocks)
        self.point, self.fitted_point, self.momentum = self.blocks, self.fitted, 1.0

    def restrict(self, program: Program, gates: np.ndarray) -> None:
        """Go on with some of the gates; the others are zero at the optimum."""
        index = like(gates, self.blocks, dtype=array_namespace(self.blocks).int64)
        self.program = program
        self.blocks = self.blocks[index, ...]
        self._begin()

    def prediction(self) -> Array:
        """Return the prediction of the blocks with the intercept optimal for them."""
        return self._with_intercept(self.fitted)

    def step(self) -> None:
        """Take one accelerated step."""
        xp = array_namespace(self.blocks)
        prediction = self._with_intercept(self.fitted_point)
        value = self.program.mean_loss(prediction)
        gradient = self.program.correlation(prediction)
        # Near the optimum the gain of a step drowns in the rounding of losses: only the bound below can tell.
        rounding = MEASURABLE * float(xp.finfo(self.blocks.dtype).eps) * abs(value)
        self.curvature *= 0.95
        while True:
            target = self.point - gradient / self.curvature
            trial = self.program.penalty.prox(target, self.alpha / self.curvature)
            fitted = self.program.operator.forward_nonzero(trial)
            moved = trial - self.point
            square = float(xp.sum(moved**2))
            if self._curvature_of(fitted - self.fitted_point) <= self.curvature * square:
                break
            rise = float(xp.sum(gradient * moved)) + 0.5 * self.curvature * square
            reached = self.program.mean_loss(self._with_intercept(fitted))
            if rounding < 0.5 * self.curvature * square and reached <= value + rise:
                break
            self.curvature *= 1.3
        uphill = float(xp.sum((self.point - trial) * (trial - self.blocks))) > 0.0
        faster = 1.0 if uphill else (1.0 + math.sqrt(1.0 + 4.0 * self.momentum**2)) / 2.0
        pull = 0.0 if uphill else (self.momentum - 1.0) / faster
        self.point = trial + pull * (trial - self.blocks)
        self.fitted_point = fitted + pull * (fitted - self.fitted)
        self.blocks, self.fitted, self.momentum = trial, fitted, faster

    def _curvature_of(self, change: Array) -> float:
        """Bound the second-order change of the mean loss, times two, along a change of the fitted values."""
        xp = array_namespace(change)
        share = (self.program.weights / self.program.total)[:, None]
        # The intercept takes up the mean of the change.
        centred = change - xp.sum(share * change, axis=0)
        return self.program.loss.curvature * float(xp.sum(share * centred**2))

    def _with_intercept(self, fitted: Array) -> Array:
        program = self.program
        self.shift = program.loss.intercept(fitted, program.target, program.weights, self.shift)
        return fitted + self.shift
