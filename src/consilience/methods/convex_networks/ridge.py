r"""Gated networks with a ridge penalty: closed forms by the gate kernel, and a preconditioned CG.

The program, with weights :math:`w`, :math:`W = \sum w` and an unpenalised intercept :math:`t`, is

.. math:: \min_{U,t}\ \tfrac{1}{2W}\sum_i w_i\|(\Phi U)_i + t - y_i\|^2 + \tfrac\alpha2\|U\|^2 .

With :math:`K=\Phi\Phi^T=(\tilde X\tilde X^T)\circ(D\,\mathrm{diag}(s^2)D^T)`, :math:`\mu=\alpha W`
and :math:`S=\mathrm{diag}(\sqrt w)` its solution is :math:`U=\Phi^T S\beta`, where
:math:`(SKS+\mu I)\beta = S(Y-1t)` and :math:`\sqrt w^{\,T}\beta = 0`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.linalg import LinAlgError

from consilience.ground.errors import InvalidInput
from consilience.methods.convex_networks.arrays import (
    Array,
    CholeskyFactor,
    array_namespace,
    like,
    norm,
    shifted,
    to_numpy,
)
from consilience.methods.convex_networks.certificate import Certificate, check_alpha
from consilience.methods.convex_networks.operator import GatedOperator

__all__ = [
    "RidgePath",
    "RidgeSolution",
    "nystrom_preconditioner",
    "ridge_certificate",
    "solve_ridge",
    "solve_ridge_iteratively",
]

Preconditioner = Callable[[Array], Array]
"""A symmetric positive definite map of blocks to blocks."""


@dataclass(frozen=True, kw_only=True)
class RidgeSolution:
    """The minimiser of a ridge program."""

    blocks: Float[Array, "g p c"]
    """Coefficients of every gate, in the operator's features."""
    intercept: Float[Array, " c"]
    """The unpenalised output intercept."""
    certificate: Certificate
    """Objective and dual bound."""
    left_out: Float[Array, "n c"] | None = None
    """Prediction of a sample by the fit without it, in closed form; not a number where it was not asked for."""
    iterations: int = 1
    """Applications of the kernel or operator that the solver needed."""


def solve_ridge(
    operator: GatedOperator,
    target: Float[Array, "n c"],
    weights: Float[Array, " n"],
    alpha: float,
    *,
    left_out_rows: int | None = None,
) -> RidgeSolution:
    """Solve by one Cholesky factorisation of the gate kernel.

    The factor is computed in single precision and the solution refined in double (as LAPACK's dsposv does); where
    the system is too ill-conditioned for that, it is factorised in double.

    Parameters
    ----------
    operator : GatedOperator
    target : array, shape (n, c)
    weights : array, shape (n,)
        Positive.
    alpha : float
        Positive penalty of the mean-loss program.
    left_out_rows : int, optional
        How many of the last rows get a leave-one-out prediction, at the cost of inverting a triangle of that size;
        all if left out.

    Returns
    -------
    RidgeSolution

    Raises
    ------
    InvalidInput
        If `alpha` is not positive or the kernel is not finite.
    """
    check_alpha(alpha)
    xp = array_namespace(target)
    root = xp.sqrt(weights)
    mu = alpha * float(xp.sum(weights))
    kernel = operator.kernel(root)
    right = xp.concat([root[:, None] * target, root[:, None]], axis=1)
    solution, error, factor, products = _solve_shifted(kernel, mu, right)
    along = float(root @ solution[:, -1])
    intercept = (root @ solution[:, :-1]) / along
    beta = solution[:, :-1] - solution[:, -1:] * intercept
    # What the solve left over is what the gradient is short of zero.
    gradient = (error[:, :-1] - error[:, -1:] * intercept) / float(xp.sum(weights))
    square = abs(float(xp.sum(gradient * (kernel @ gradient))))
    left_out = None
    rows = operator.samples if left_out_rows is None else min(left_out_rows, operator.samples)
    if rows:
        known = slice(operator.samples - rows, None)
        diagonal = xp.astype(factor.inverse_diagonal(rows), target.dtype) - solution[known, -1] ** 2 / along
        left_out = like(np.full(tuple(target.shape), np.nan), target)
        left_out[known, :] = _leave_one_out(target[known, :], beta[known, :], diagonal, root[known])
    return RidgeSolution(
        blocks=operator.adjoint(root[:, None] * beta),
        intercept=intercept,
        certificate=_certificate(target, root, alpha, beta, intercept, gradient=gradient, square=square),
        left_out=left_out,
        iterations=products,
    )


class RidgePath:
    """Every ridge fit of a problem from one eigendecomposition of its centred gate kernel.

    Parameters
    ----------
    operator : GatedOperator
    target : array, shape (n, c)
    weights : array, shape (n,)
        Positive.

    Examples
    --------
    >>> import numpy as np
    >>> from consilience.methods.convex_networks.operator import DenseFeatures, GatedOperator
    >>> rng = np.random.default_rng(0)
    >>> x = rng.standard_normal((20, 3))
    >>> operator = GatedOperator(DenseFeatures(x), rng.random((20, 4)) < 0.5)
    >>> path = RidgePath(operator, x[:, :1], np.ones(20))
    >>> errors = [float(np.sum((path.left_out(a) - x[:, :1]) ** 2)) for a in (1.0, 1e-3)]
    >>> errors[1] < errors[0]
    True
    """

    def __init__(
        self,
        operator: GatedOperator,
        target: Float[Array, "n c"],
        weights: Float[Array, " n"],
    ) -> None:
        xp = array_namespace(target)
        self._operator = operator
        self._target = target
        self._weights = weights
        self._root = xp.sqrt(weights)
        self._total = float(xp.sum(weights))
        self._unit = self._root / xp.sqrt(xp.sum(weights))
        gates, features = operator.block_shape
        few = 2 * gates * features <= operator.samples
        spectrum = _column_spectrum if few else _kernel_spectrum
        self._values, self._vectors = spectrum(operator, self._root, self._unit)
        centred = _without(self._root[:, None] * target, self._unit)
        self._spectral = self._vectors.T @ centred
        # Where the kernel has few directions, the rest of the target is beyond its reach.
        self._rest = centred - self._vectors @ self._spectral if few else xp.zeros_like(centred)
        self._missing = 1.0 - xp.sum(self._vectors**2, axis=1) if few else xp.zeros_like(self._root)

    def left_out(self, alpha: float) -> Float[Array, "n c"]:
        """Return the leave-one-out predictions at a penalty, in O(n^2) operations."""
        beta, mu = self._dual(alpha)
        xp = array_namespace(beta)
        diagonal = xp.sum(self._vectors**2 / (self._values + mu), axis=1) + (self._missing - self._unit**2) / mu
        return _leave_one_out(self._target, beta, diagonal, self._root)

    def degrees_of_freedom(self, alpha: float) -> float:
        """Return the trace of the smoother at a penalty, the intercept included."""
        xp = array_namespace(self._values)
        mu = alpha * self._total
        return float(xp.sum(self._values / (self._values + mu))) + 1.0

    def generalised_cross_validation(self, alpha: float) -> float:
        """Return the GCV score: mean squared residual over the squared share of freedom left."""
        beta, mu = self._dual(alpha)
        xp = array_namespace(beta)
        square = float(xp.sum((mu * beta) ** 2)) / self._total
        free = 1.0 - self.degrees_of_freedom(alpha) / int(beta.shape[0])
        return square / max(free, 1e-12) ** 2

    def solution(self, alpha: float) -> RidgeSolution:
        """Return the full solution at a penalty."""
        beta, _ = self._dual(alpha)
        xp, root = array_namespace(beta), self._root
        blocks = self._operator.adjoint(root[:, None] * beta)
        fitted = root[:, None] * self._operator.forward(blocks)
        intercept = (root / self._total) @ (root[:, None] * self._target - fitted)
        misfit = root[:, None] * (self._target - intercept) - fitted
        gradient = misfit / self._total - alpha * beta
        square = float(xp.sum(self._operator.adjoint(root[:, None] * gradient) ** 2))
        return RidgeSolution(
            blocks=blocks,
            intercept=intercept,
            certificate=_certificate(self._target, root, alpha, beta, intercept, gradient=gradient, square=square),
            left_out=self.left_out(alpha),
        )

    def _dual(self, alpha: float) -> tuple[Array, float]:
        check_alpha(alpha)
        mu = alpha * self._total
        beta = self._vectors @ (self._spectral / (self._values + mu)[:, None]) + self._rest / mu
        # Rounding leaves a trace along the intercept's direction, which 1 / mu would amplify.
        return _without(beta, self._unit), mu


def _without(scaled: Array, unit: Array) -> Array:
    """Project columns, scaled by the root of the weights, off the intercept's direction."""
    return scaled - unit[:, None] * (unit @ scaled)[None, :]


def _kernel_spectrum(operator: GatedOperator, root: Array, unit: Array) -> tuple[Array, Array]:
    """Return eigenvalues and vectors of the centred kernel, by samples."""
    kernel = operator.kernel(root)
    kernel -= unit[:, None] * (unit @ kernel)[None, :]
    kernel -= (kernel @ unit)[:, None] * unit[None, :]
    xp = array_namespace(kernel)
    values, vectors = xp.linalg.eigh((kernel + kernel.T) / 2)
    return xp.clip(values, 0.0, None), vectors


def _column_spectrum(operator: GatedOperator, root: Array, unit: Array) -> tuple[Array, Array]:
    """Return the eigenvalues above rounding and their vectors, by columns, of which there are few."""
    columns = _without(root[:, None] * operator.columns(), unit)
    xp = array_namespace(columns)
    left, singular, _ = xp.linalg.svd(columns, full_matrices=False)
    kept = singular > columns.shape[0] * xp.finfo(columns.dtype).eps * xp.max(singular)
    return singular[kept] ** 2, left[:, kept]


def solve_ridge_iteratively(
    operator: GatedOperator,
    target: Float[Array, "n c"],
    weights: Float[Array, " n"],
    alpha: float,
    *,
    tolerance: float = 1e-4,
    max_iterations: int = 500,
    preconditioner: Preconditioner | None = None,
    start: Float[Array, "g p c"] | None = None,
) -> RidgeSolution:
    r"""Solve by conjugate gradients on the blocks, preconditioned by a Nyström approximation.

    The normal operator :math:`\Phi^TSPS\Phi+\mu I` (P projects the intercept out) is approximated
    by the same operator on a sample of ``landmarks`` rows; its inverse costs one small Cholesky
    factorisation and two applications on those rows a step. Memory is O(n g) and never
    O(n g p). The stop is a certificate: with the intercept optimal, strong convexity gives
    :math:`P(U)-\min P \le \|\nabla P(U)\|^2/(2\alpha)`, and CG carries the gradient along.

    Parameters
    ----------
    operator, target, weights, alpha
        As in `solve_ridge`.
    tolerance : float
        Relative duality gap to stop at.
    max_iterations : int
    preconditioner : callable, optional
        An approximate inverse of the normal operator; `nystrom_preconditioner` with 2,000 landmarks if left out.
    start : array, shape (g, p, c), optional
        Where to begin; zero if left out.

    Returns
    -------
    RidgeSolution
        Without leave-one-out predictions.
    """
    check_alpha(alpha)
    xp = array_namespace(target)
    root = xp.sqrt(weights)
    total = float(xp.sum(weights))
    unit = root / xp.sqrt(xp.sum(weights))
    mu = alpha * total

    def project(scaled: Array) -> Array:
        return scaled - unit[:, None] * (unit @ scaled)[None, :]

    def forward(blocks: Array) -> Array:
        return project(root[:, None] * operator.forward(blocks))

    goal = project(root[:, None] * target)
    shape = (*operator.block_shape, int(target.shape[1]))
    blocks = like(np.zeros(shape), target) if start is None else start
    predicted = xp.zeros_like(goal) if start is None else forward(start)
    residual = operator.adjoint(root[:, None] * (goal - predicted)) - mu * blocks
    precondition = preconditioner or nystrom_preconditioner(operator, weights, alpha)
    conditioned = precondition(residual)
    direction = conditioned
    energy = _columnwise(residual, conditioned)
    iterations = 0
    while True:
        misfit = goal - predicted
        objective = float(xp.sum(misfit**2) / (2 * total) + 0.5 * alpha * xp.sum(blocks**2))
        gap = float(xp.sum(residual**2)) / (2.0 * alpha * total**2)
        if gap <= tolerance * objective or iterations >= max_iterations:
            break
        image = forward(direction)
        curved = operator.adjoint(root[:, None] * image) + mu * direction
        curvature = _columnwise(direction, curved)
        step = energy / xp.where(curvature > 0, curvature, 1.0)
        blocks = blocks + step * direction
        predicted = predicted + step * image
        residual = residual - step * curved
        conditioned = precondition(residual)
        renewed = _columnwise(residual, conditioned)
        direction = conditioned + renewed / xp.where(energy > 0, energy, 1.0) * direction
        energy = renewed
        iterations += 1
    # The certificate is taken anew: the carried residual has drifted by rounding.
    certificate, intercept = ridge_certificate(operator, target, weights, alpha, blocks)
    return RidgeSolution(blocks=blocks, intercept=intercept, certificate=certificate, iterations=iterations)


def ridge_certificate(
    operator: GatedOperator,
    target: Float[Array, "n c"],
    weights: Float[Array, " n"],
    alpha: float,
    blocks: Float[Array, "g p c"],
) -> tuple[Certificate, Float[Array, " c"]]:
    """Certify any blocks by the gradient of the program, as `solve_ridge_iteratively` does its own.

    Returns
    -------
    certificate : Certificate
    intercept : array, shape (c,)
        The one that is optimal for the blocks, at which they are certified.
    """
    xp = array_namespace(target)
    root, total = xp.sqrt(weights), float(xp.sum(weights))
    rest = target - operator.forward(blocks)
    intercept = (weights @ rest) / total
    misfit = _without(root[:, None] * rest, root / xp.sqrt(xp.sum(weights)))
    residual = operator.adjoint(root[:, None] * misfit) - alpha * total * blocks
    objective = float(xp.sum(misfit**2) / (2 * total) + 0.5 * alpha * xp.sum(blocks**2))
    gap = float(xp.sum(residual**2)) / (2.0 * alpha * total**2)
    return Certificate(objective=objective, dual_bound=objective - gap, scope="sampled program"), intercept


REFINED_RESIDUAL = {"float64": 1e-12, "float32": 3e-5}
"""Relative residual at which a refined solve is done: the duality gap is of the order of its square."""
STALLED_RESIDUAL = 1e-10
"""Relative residual above which a refinement that stalls is given up for a factor in double."""
LARGEST_SINGLE = 1e30
"""Largest kernel that is factorised in single precision."""


def _solve_shifted(
    kernel: Float[Array, "n n"], mu: float, right: Float[Array, "n k"]
) -> tuple[Float[Array, "n k"], Float[Array, "n k"], CholeskyFactor, int]:
    """Solve (kernel + mu I) x = right; return x, what is left over, the factor and the solves it took."""
    xp = array_namespace(kernel)
    # A positive semidefinite matrix has its largest entry on the diagonal.
    size = float(xp.max(xp.linalg.diagonal(kernel)))
    if not np.isfinite(size):
        raise InvalidInput("the gate kernel is not finite: features or sample weights are too large; scale them.")
    if kernel.dtype == xp.float64 and size < LARGEST_SINGLE:
        try:
            factor = CholeskyFactor(shifted(xp.astype(kernel, xp.float32), mu))
            solution, error, steps, residual = _refine(kernel, mu, right, factor)
        except LinAlgError:
            residual = np.inf
        if residual <= STALLED_RESIDUAL:
            return solution, error, factor, steps
    try:
        factor = CholeskyFactor(shifted(xp.asarray(kernel, copy=True), mu))
    except LinAlgError as failure:
        raise InvalidInput(
            f"alpha is too small for this kernel in {kernel.dtype}: the system is numerically singular; "
            "use a larger alpha (or alpha_ratio)."
        ) from failure
    solution, error, steps, _ = _refine(kernel, mu, right, factor)
    return solution, error, factor, steps


def _refine(kernel: Array, mu: float, right: Array, factor: CholeskyFactor) -> tuple[Array, Array, int, float]:
    """Refine solves until the relative residual is rounding or no longer halves; return it last."""
    xp = array_namespace(kernel)
    scale = norm(right) or 1.0
    done = REFINED_RESIDUAL["float64" if kernel.dtype == xp.float64 else "float32"]
    solution, error = xp.zeros_like(right), right
    residual, step = 1.0, 0
    while residual > done:
        step += 1
        update = factor.solve(xp.astype(error, factor.dtype))
        trial = solution + xp.astype(update, right.dtype)
        trial_error = right - kernel @ trial - mu * trial
        left = norm(trial_error) / scale
        if not left < residual / 2:
            break
        solution, error, residual = trial, trial_error, left
    return solution, error, step, residual


def _leave_one_out(
    target: Float[Array, "n c"],
    beta: Float[Array, "n c"],
    diagonal: Float[Array, " n"],
    root: Float[Array, " n"],
) -> Float[Array, "n c"]:
    r"""Return :math:`y_i - \beta_i/(M_{ii}\sqrt{w_i})`, M the inverse with the intercept out.

    Rows of M sum to zero against the square-rooted weights, so a single sample has M = 0: nothing
    is left to fit, and its own target is returned.
    """
    xp = array_namespace(target)
    tiny = 1e-12 * float(xp.max(diagonal)) if diagonal.shape[0] > 1 else 1.0
    return target - beta / (xp.clip(diagonal, max(tiny, 1e-300), None) * root)[:, None]


def _certificate(
    target: Float[Array, "n c"],
    root: Float[Array, " n"],
    alpha: float,
    beta: Float[Array, "n c"],
    intercept: Float[Array, " c"],
    *,
    gradient: Float[Array, "n c"],
    square: float,
) -> Certificate:
    r"""Certify a dual solution.

    With misfit :math:`m=\mu\beta+W e` (e is `gradient`), the gradient in the blocks is :math:`-\Phi^TSe`, and the gap
    at most its square (`square`) over :math:`2\alpha`.
    """
    xp = array_namespace(target)
    total = float(xp.sum(root**2))
    misfit = total * (alpha * beta + gradient)
    fitted = root[:, None] * (target - intercept) - misfit
    objective = float(xp.sum(misfit**2)) / (2.0 * total) + 0.5 * alpha * float(xp.sum(beta * fitted))
    gap = square / (2.0 * alpha)
    return Certificate(objective=objective, dual_bound=objective - gap, scope="sampled program")


def nystrom_preconditioner(
    operator: GatedOperator,
    weights: Float[Array, " n"],
    alpha: float,
    *,
    landmarks: int = 2000,
    generator: np.random.Generator | None = None,
) -> Preconditioner:
    r"""Return the inverse of :math:`\frac{W}{m}\Phi_m^T\Phi_m+\mu I` over m landmark rows, by Woodbury.

    Parameters
    ----------
    operator, weights, alpha
        The program.
    landmarks : int
        Rows, at most n; a system of that size is factorised.
    generator : numpy.random.Generator, optional
        Draws the rows systematically, with probability proportional to weight.

    Returns
    -------
    callable
        Maps blocks to blocks.
    """
    count = min(landmarks, operator.samples)
    mass = to_numpy(weights).astype(np.float64)
    mass = mass / mass.sum()
    generator = generator or np.random.default_rng(0)
    positions = (np.arange(count) + generator.random()) / count
    rows = np.unique(np.minimum(np.searchsorted(np.cumsum(mass), positions), len(mass) - 1))
    small = operator.take_samples(rows)
    xp = array_namespace(weights)
    mu = alpha * float(xp.sum(weights))
    # Systematic sampling by weight: every row stands for the same share of the total weight.
    ratio = float(xp.sum(weights)) / len(rows)
    factor = CholeskyFactor(shifted(small.kernel() * ratio, mu))

    def inverse(blocks: Array) -> Array:
        inner = factor.solve(small.forward(blocks) * ratio)
        return (blocks - small.adjoint(inner)) / mu

    return inverse


def _columnwise(left: Float[Array, "g p c"], right: Float[Array, "g p c"]) -> Float[Array, " c"]:
    xp = array_namespace(left)
    return xp.sum(left * right, axis=(0, 1))
