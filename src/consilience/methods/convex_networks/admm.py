r"""ADMM for the squared loss with a norm penalty a gate.

The split is U = Z. With :math:`B=Z-\Lambda` the U-step minimises the loss plus
:math:`\tfrac\rho2\|U-B\|^2`; its optimality condition says that the correlation of every gate with
the residual is :math:`-\rho(U-B)`, already at hand. So every step yields a dual point, and with it
the duality gap, at no extra cost. The step is solved in whichever space is smaller: by Woodbury
with the gate kernel (n x n), or in the coefficients of few gates.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from consilience.ground.errors import InvalidInput
from consilience.methods.convex_networks.arrays import Array, CholeskyFactor, array_namespace, norm, shifted
from consilience.methods.convex_networks.certificate import Certificate, check_alpha
from consilience.methods.convex_networks.losses import Squared
from consilience.methods.convex_networks.program import BlockSolution, Program

__all__ = ["ADMM_SAMPLES", "AdmmSolver", "solve_admm"]

ADMM_SAMPLES = 8000
"""Distinct samples up to which an n x n kernel is affordable, here and in `loss_splitting`."""
RELAXATION = 1.7
"""Over-relaxation of the U-step; values of 1.5 to 1.8 are usual (Boyd et al. 2011, 3.4.3)."""
RHO_SCALE = 8.0
"""First rho, in units of the mean eigenvalue of the normal matrix times alpha / alpha_max. Found
on one split of digits, where the steps needed vary by two between 4 and 16 for alpha / alpha_max
from 0.5 to 0.003; rho adapts from there."""
REFACTOR = 2.0
"""A factor on rho that is not worth a new factorisation."""
FIRST_BALANCE = 16
"""Steps before rho is first reconsidered; then ever more rarely."""
REFRESH = 50
"""Steps after which images carried along by linearity are computed anew."""


def solve_admm(
    program: Program,
    alpha: float,
    *,
    tolerance: float = 1e-4,
    max_iterations: int = 2000,
    start: BlockSolution | None = None,
) -> BlockSolution:
    r"""Minimise the squared loss with a norm penalty by over-relaxed ADMM.

    Parameters
    ----------
    program : Program
        With a squared loss and a norm penalty.
    alpha : float
        Positive penalty.
    tolerance : float
        Relative duality gap to stop at.
    max_iterations : int
    start : BlockSolution, optional
        A solution of a nearby program over the same gates.

    Returns
    -------
    BlockSolution
        Check ``certificate.relative_gap``: it exceeds `tolerance` where the steps ran out.

    Raises
    ------
    InvalidInput
        If `alpha` is not positive and finite, or the loss is not squared.
    """
    return AdmmSolver(program).solve(alpha, tolerance=tolerance, max_iterations=max_iterations, start=start)


class AdmmSolver:
    """ADMM on one program for many penalties: kernel and factorisation are kept between solves.

    Parameters
    ----------
    program : Program
        With a squared loss and a norm penalty.

    Raises
    ------
    InvalidInput
        If the loss is not squared: `solve_loss_splitting` and `solve_fista` take the others.
    """

    def __init__(self, program: Program) -> None:
        if not isinstance(program.loss, Squared):
            raise InvalidInput(f"ADMM takes the squared loss; got {type(program.loss).__name__}: use FISTA.")
        gates, features = program.operator.block_shape
        few = gates * features <= program.operator.samples
        self._program = program
        self._alpha_max = program.alpha_max()
        self._step: _LinearStep = _GramStep(program) if few else _KernelStep(program)

    def solve(
        self,
        alpha: float,
        *,
        tolerance: float = 1e-4,
        max_iterations: int = 2000,
        start: BlockSolution | None = None,
    ) -> BlockSolution:
        """Solve at one penalty; parameters as in `solve_admm`."""
        check_alpha(alpha)
        if alpha >= self._alpha_max:
            return self._constant(alpha)
        program, step, penalty = self._program, self._step, self._program.penalty
        rho = self._factorised(alpha)
        copy = program.zeros() if start is None else start.blocks
        known = None if start is None else start.correlation
        multipliers = program.zeros() if known is None else -known / rho
        image_copy, image_multipliers = step.image(copy), step.image(multipliers)
        dual_bound = -math.inf
        iterations, next_balance = 0, FIRST_BALANCE
        correlation = None
        while True:
            objective = step.loss(copy, image_copy) + alpha * program.penalty_value(copy)
            certificate = Certificate(
                objective=objective,
                dual_bound=min(dual_bound, objective),
                scope="sampled program",
            )
            if certificate.relative_gap <= tolerance or iterations >= max_iterations:
                break
            base = copy - multipliers
            solved = step.solve(base, image_copy - image_multipliers)
            correlation = -rho * solved.correction
            dual_bound = max(dual_bound, _dual_bound(program, alpha, solved, correlation))
            relaxed = RELAXATION * (base + solved.correction) + (1.0 - RELAXATION) * copy
            image_relaxed = RELAXATION * solved.image + (1.0 - RELAXATION) * image_copy
            moved = penalty.prox(relaxed + multipliers, alpha / rho)
            primal, change = norm(relaxed - moved), norm(moved - copy)
            multipliers = multipliers + relaxed - moved
            copy = moved
            iterations += 1
            image_copy = step.image(copy)
            if iterations % REFRESH:
                image_multipliers = image_multipliers + image_relaxed - image_copy
            else:
                image_multipliers = step.image(multipliers)
            if iterations >= next_balance:
                next_balance = math.ceil(next_balance * 1.6)
                factor = rebalance(primal, change, norm(copy), norm(multipliers))
                if factor != 1.0:
                    rho *= factor
                    multipliers = multipliers / factor
                    image_multipliers = image_multipliers / factor
                    step.factorise(rho)
        return BlockSolution(
            blocks=copy,
            intercept=step.intercept(copy),
            certificate=certificate,
            iterations=iterations,
            correlation=correlation,
        )

    def _factorised(self, alpha: float) -> float:
        """Return the penalty parameter to begin with, for which the step is prepared."""
        step = self._step
        rho = RHO_SCALE * step.mean_eigenvalue * alpha / self._alpha_max or 1.0
        if 1.0 / REFACTOR < rho / (step.rho or math.inf) < REFACTOR:
            return step.rho  # near enough to spare a factorisation
        step.factorise(rho)
        return rho

    def _constant(self, alpha: float) -> BlockSolution:
        """Return the solution without any block."""
        program = self._program
        blocks, intercept = program.zeros(), program.constant()
        prediction = array_namespace(intercept).zeros_like(program.target) + intercept
        certificate, correlation, _ = program.certify(blocks, prediction, alpha)
        return BlockSolution(
            blocks=blocks, intercept=intercept, certificate=certificate, iterations=0, correlation=correlation
        )


def _dual_bound(program: Program, alpha: float, solved: _Step, correlation: Array) -> float:
    """Return the dual value of the residual at U, scaled into the polar ball."""
    if solved.square <= 0.0:
        return 0.0
    polar = program.largest_polar(correlation)
    best = -solved.product / solved.square
    limit = alpha / polar if polar > 0.0 else best
    scale = max(min(best, limit), 0.0)
    return -(0.5 * scale**2 * solved.square + scale * solved.product)


def rebalance(primal: float, change: float, copy: float, multipliers: float) -> float:
    """Return the factor on rho that evens out relative primal and dual residuals."""
    if min(primal, change, copy, multipliers) <= 0.0:
        return 1.0
    factor = math.sqrt((primal / copy) / (change / multipliers))
    factor = min(max(factor, 0.1), 10.0)
    return 1.0 if 1.0 / REFACTOR < factor < REFACTOR else factor


@runtime_checkable
class _LinearStep(Protocol):
    """The U-step of ADMM together with the linear image of blocks that it works in."""

    rho: float
    mean_eigenvalue: float
    shape: tuple[int, int, int]

    def factorise(self, rho: float) -> None:
        """Prepare steps at a penalty parameter."""
        ...

    def image(self, blocks: Array) -> Array:
        """Return the linear image of blocks that objective and step need."""
        ...

    def solve(self, base: Array, image_base: Array) -> _Step:
        """Return the minimiser of loss + rho/2 |U - base|^2, given the base and its image."""
        ...

    def loss(self, blocks: Array, image: Array) -> float:
        """Return the mean loss of blocks with their optimal intercept."""
        ...

    def intercept(self, blocks: Array) -> Array:
        """Return the optimal intercept."""
        ...


@dataclass(frozen=True)
class _Step:
    correction: Array
    """U minus the base; -rho times it is the correlation of the gates with the residual."""
    image: Array
    """The image of U."""
    square: float
    """Weighted sum of squares of the residual at U, over W."""
    product: float
    """Weighted inner product of the residual at U with the target, over W."""


class _KernelStep:
    r"""The U-step by Woodbury: an n x n factorisation; images are scaled predictions.

    With :math:`S=\sqrt w` and P the projection that removes the intercept, the step solves
    :math:`P(S\Phi\Phi^TS + W\rho I)P\,a = PS(Y-\Phi B)` and :math:`U = B+\Phi^TSa`; its residual is
    :math:`-W\rho a`. The projection is a border of one row, so the kernel is never centred.
    """

    def __init__(self, program: Program) -> None:
        operator, target, weights = program.operator, program.target, program.weights
        xp = array_namespace(target)
        self._operator, self._target, self._weights = operator, target, weights
        self._root = xp.sqrt(weights)
        self._total = float(xp.sum(weights))
        self._goal = _without_mean(self._root[:, None] * target, self._root, self._total)
        kernel = operator.kernel(self._root)
        self._kernel = kernel
        trace = float(xp.sum(xp.linalg.diagonal(kernel)))
        self.mean_eigenvalue = trace / (self._total * kernel.shape[0])
        self.shape = (*operator.block_shape, int(target.shape[1]))
        self.rho = 0.0

    def factorise(self, rho: float) -> None:
        """Factorise the shifted kernel."""
        xp = array_namespace(self._target)
        self.rho = rho
        self._factor = CholeskyFactor(shifted(xp.asarray(self._kernel, copy=True), self._total * rho))
        self._border = self._factor.solve(self._root[:, None])
        self._border_weight = float(self._root @ self._border[:, 0])

    def image(self, blocks: Array) -> Array:
        """Return the centred predictions of blocks, scaled by the root of the weights."""
        plain = self._root[:, None] * self._operator.forward_nonzero(blocks)
        return _without_mean(plain, self._root, self._total)

    def solve(self, base: Array, image_base: Array) -> _Step:
        """Return the minimiser; only the image of the base is needed."""
        del base
        xp = array_namespace(image_base)
        dual = self._factor.solve(self._goal - image_base)
        dual = dual - self._border * ((self._root @ dual) / self._border_weight)[None, :]
        residual = -self._total * self.rho * dual
        return _Step(
            correction=self._operator.adjoint(self._root[:, None] * dual),
            image=self._goal + residual,
            square=float(xp.sum(residual**2)) / self._total,
            product=float(xp.sum(residual * self._goal)) / self._total,
        )

    def loss(self, blocks: Array, image: Array) -> float:
        """Return the mean squared loss."""
        del blocks  # the image says it all
        xp = array_namespace(image)
        return float(xp.sum((self._goal - image) ** 2)) / (2.0 * self._total)

    def intercept(self, blocks: Array) -> Array:
        """Return the weighted mean of what the blocks leave over."""
        plain = self._operator.forward_nonzero(blocks)
        return (self._weights @ (self._target - plain)) / self._total


class _GramStep:
    """The U-step in the coefficients, for gates so few that they have fewer features than n.

    Images are the Gram matrix times the blocks: no step touches the samples.
    """

    def __init__(self, program: Program) -> None:
        operator, target, weights = program.operator, program.target, program.weights
        xp = array_namespace(target)
        self._operator, self._target, self._weights = operator, target, weights
        self._total = float(xp.sum(weights))
        root = xp.sqrt(weights)
        goal = _without_mean(root[:, None] * target, root, self._total)
        columns = _without_mean(root[:, None] * operator.columns(), root, self._total)
        self._gram = (columns.T @ columns) / self._total
        self._moment = (columns.T @ goal) / self._total
        self._square = float(xp.sum(goal**2)) / self._total
        trace = float(xp.sum(xp.linalg.diagonal(self._gram)))
        self.mean_eigenvalue = trace / self._gram.shape[0]
        self.shape = (*operator.block_shape, int(target.shape[1]))
        self.rho = 0.0

    def factorise(self, rho: float) -> None:
        """Factorise the shifted Gram matrix."""
        xp = array_namespace(self._target)
        self.rho = rho
        self._factor = CholeskyFactor(shifted(xp.asarray(self._gram, copy=True), rho))

    def image(self, blocks: Array) -> Array:
        """Return the Gram matrix times the flattened blocks."""
        return self._gram @ self._flat(blocks)

    def solve(self, base: Array, image_base: Array) -> _Step:
        """Return the minimiser: (G + rho)(U - B) = b - G B."""
        correction = self._factor.solve(self._moment - image_base)
        image = self._moment - self.rho * correction
        square, product = self._residuals(self._flat(base) + correction, image)
        xp = array_namespace(image_base)
        return _Step(
            correction=xp.reshape(correction, self.shape),
            image=image,
            square=square,
            product=product,
        )

    def loss(self, blocks: Array, image: Array) -> float:
        """Return the mean squared loss."""
        return 0.5 * self._residuals(self._flat(blocks), image)[0]

    def intercept(self, blocks: Array) -> Array:
        """Return the weighted mean of what the blocks leave over."""
        plain = self._operator.forward(blocks)
        return (self._weights @ (self._target - plain)) / self._total

    def _residuals(self, flat: Array, image: Array) -> tuple[float, float]:
        xp = array_namespace(image)
        along = float(xp.sum(self._moment * flat))
        bent = float(xp.sum(flat * image))
        return max(bent - 2.0 * along + self._square, 0.0), along - self._square

    def _flat(self, blocks: Array) -> Array:
        xp = array_namespace(blocks)
        return xp.reshape(blocks, (self.shape[0] * self.shape[1], self.shape[2]))


def _without_mean(scaled: Array, root: Array, total: float) -> Array:
    """Project columns scaled by the root of the weights off the intercept's direction."""
    return scaled - root[:, None] * ((root @ scaled) / total)[None, :]
