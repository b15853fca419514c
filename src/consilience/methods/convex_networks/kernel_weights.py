r"""The group lasso as multiple kernel learning: Newton's method on one weight a gate, along a path of penalties.

With :math:`\|u\| = \min_{\zeta>0} \|u\|^2/(2\alpha\zeta) + \alpha\zeta/2` the blocks of a group lasso can be solved for
in closed form, and what is left is a smooth convex program in as many variables as there are gates,

.. math:: \min_{\zeta\ge0}\ \tfrac12\operatorname{tr} Y^TSP\,M(\zeta)^{-1}PSY + \tfrac{\alpha^2}2\sum_g\zeta_g, \qquad
          M(\zeta) = W I + \sum_g\zeta_g S\Phi_g\Phi_g^TS,

where W is the sum of the sample weights, S the diagonal of their roots, and P takes the intercept out. With the dual
variable :math:`a = M^{-1}PS(Y-1t)` the gradient's part for a gate is :math:`-\|\Phi_g^TSa\|^2/2`, and at the optimum
that norm is :math:`\alpha` where :math:`\zeta_g > 0` and no larger elsewhere. The penalty enters linearly, so the
Hessian of one point of a path predicts the next.

Factor, Hessian and dual variable are in single precision: they only say where to look. Whatever blocks come out, their
predictions and the duality gap are computed in the precision of the program.

Source: Bach, Lanckriet and Jordan 2004 (multiple kernel learning); Hebden 1973 (Newton on reciprocals of norms, which
are linear in the weight of a kernel of rank one).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.linalg import LinAlgError, solve_triangular
from scipy.optimize import nnls

from consilience.ground.errors import InvalidInput
from consilience.methods.convex_networks.arrays import Array, CholeskyFactor, array_namespace, like, shifted, to_numpy
from consilience.methods.convex_networks.certificate import Certificate, check_alpha, norm_certificate
from consilience.methods.convex_networks.losses import Squared
from consilience.methods.convex_networks.operator import DenseFeatures, GatedOperator
from consilience.methods.convex_networks.penalties import Frobenius
from consilience.methods.convex_networks.program import BlockSolution, Program

__all__ = ["KernelWeights"]

STEPS = 12
"""Most steps for one penalty."""
PROGRESS = 0.5
"""A Hessian is used again while a step leaves at most this share of the gap."""
HALTS = 2
"""Steps without such progress that are taken: at the limit of single precision there are no others."""
STRIDE = 0.5
"""Largest step in the logarithm of the penalty that is taken at once."""
NEAR = 0.97
"""Gates whose polar norm is foreseen at this share of the penalty are candidates for weight."""
RIDGE = 1e-7
"""Relative shift of the Hessian's diagonal, at the rounding of single precision."""


class KernelWeights:
    """Newton's method on the weights of the gates' kernels, for a program and many penalties.

    Parameters
    ----------
    program : Program
        For which `takes` is true.

    Raises
    ------
    InvalidInput
        If it is not: `AdmmSolver` takes the other norms.

    Examples
    --------
    >>> import numpy as np
    >>> from consilience.methods.convex_networks.operator import DenseFeatures, GatedOperator
    >>> rng = np.random.default_rng(0)
    >>> x = rng.standard_normal((40, 5))
    >>> program = Program(
    ...     operator=GatedOperator(DenseFeatures(x), rng.random((40, 6)) < 0.5),
    ...     target=x[:, :2] ** 2,
    ...     weights=np.ones(40),
    ...     loss=Squared(),
    ...     penalty=Frobenius(),
    ... )
    >>> solution = KernelWeights(program).solve(0.3 * program.alpha_max(), tolerance=1e-4)
    >>> solution.certificate.relative_gap <= 1e-4
    True
    """

    def __init__(self, program: Program) -> None:
        if not self.takes(program):
            raise InvalidInput(
                "kernel weights take the squared loss with one Euclidean norm a gate; "
                f"got {type(program.loss).__name__} and {type(program.penalty).__name__}: use ADMM."
            )
        xp = array_namespace(program.target)
        operator = program.operator
        self._program = program
        self._root = xp.sqrt(program.weights)
        self._small_root = xp.astype(self._root, xp.float32)
        self._gram = xp.astype(operator.features.gram(xp.ones_like(self._root)), xp.float32)
        scales = like(operator.scales, operator.reference, dtype=xp.float32)
        self._masks = xp.astype(operator.patterns, xp.float32) * scales * self._small_root[:, None]
        self._small = _in_single_precision(operator)
        self._foresight = _Foresight()
        self._point: _Point | None = None
        self._earlier: Float[np.ndarray, " g"] | None = None

    @staticmethod
    def takes(program: Program) -> bool:
        """Whether the program has this form: squared loss, and one Euclidean norm a gate."""
        one = program.target.shape[1] == 1
        return isinstance(program.loss, Squared) and (one or isinstance(program.penalty, Frobenius))

    def solve(self, alpha: float, *, tolerance: float, start: BlockSolution | None = None) -> BlockSolution:
        """Solve at one penalty, from the last one solved for, or from `start`.

        Parameters
        ----------
        alpha : float
            Positive penalty, smaller than that of the call before: upwards the model does not reach far.
        tolerance : float
            Relative duality gap to stop at.
        start : BlockSolution, optional
            A solution of a nearby penalty; of use only to the first call.

        Returns
        -------
        BlockSolution
            Check ``certificate.relative_gap``: it exceeds `tolerance` where Newton's method came to a halt.

        Raises
        ------
        InvalidInput
            If `alpha` is not positive and finite.
        """
        check_alpha(alpha)
        point = self._approached(self._point or self._factorised(self._weights_of(start, alpha), alpha), alpha)
        point = replace(point, certificate=self._certificate(point, alpha))
        best, first, halted = point, point.polar, 0
        aims = self._foresight.aims(alpha, point.polar)
        chosen, hessian = np.zeros(0, dtype=np.int64), np.zeros((0, 0))
        steps = 0
        while best.certificate.relative_gap > tolerance and steps < STEPS and halted <= HALTS:
            wanted = (point.weights > 0) | (point.polar > alpha)
            if steps == 0:
                foreseen = (point.weights > 0) | (point.polar * self._trend(point.polar) > NEAR * alpha)
                wanted = wanted & foreseen if (wanted & foreseen).any() else wanted
            if not wanted.any():
                break  # the constant network is optimal, and its gap rounding
            fresh = not len(chosen) or not np.isin(np.flatnonzero(wanted), chosen).all()
            if fresh:
                chosen = np.flatnonzero(wanted)
                hessian = self._hessian(point, chosen)
            try:
                weights = _newton(point, chosen, hessian, aims if steps == 0 else np.full_like(aims, alpha))
                point = self._factorised(weights, alpha) if fresh else self._refined(point, weights, alpha)
            except (LinAlgError, RuntimeError):  # a singular model; nnls ran out of steps
                break
            if steps == 0:
                self._foresight.learn(point.polar / alpha, point.weights > 0)
            steps += 1
            if point.certificate.relative_gap > PROGRESS * best.certificate.relative_gap:
                halted, chosen = halted + 1, chosen[:0]
            if point.certificate.relative_gap < best.certificate.relative_gap:
                best = point
        self._point, self._earlier = best, first
        return BlockSolution(
            blocks=best.blocks,
            intercept=best.intercept,
            certificate=best.certificate,
            iterations=steps,
            correlation=best.correlation,
        )

    def _approached(self, point: _Point, alpha: float) -> _Point:
        """Walk to within one stride of a penalty: the model of a point does not reach further."""
        largest = max(float(point.polar.max(initial=0.0)), alpha)
        for nearer in np.geomspace(largest, alpha, math.ceil(math.log(largest / alpha) / STRIDE) + 1)[1:-1]:
            chosen = np.flatnonzero((point.weights > 0) | (point.polar > nearer))
            try:
                weights = _newton(point, chosen, self._hessian(point, chosen), np.full_like(point.polar, nearer))
                point = self._factorised(weights, float(nearer))
            except (LinAlgError, RuntimeError):
                break
        return point

    def _weights_of(self, start: BlockSolution | None, alpha: float) -> Float[np.ndarray, " g"]:
        """Return the weights that blocks stand for: their norms over the penalty that they are optimal for."""
        if start is None:
            return np.zeros(self._program.shape[0])
        norms = to_numpy(self._program.penalty.value(start.blocks))
        polar = 0.0 if start.correlation is None else self._program.largest_polar(start.correlation)
        return np.asarray(norms / (polar or alpha))

    def _certificate(self, point: _Point, alpha: float) -> Certificate:
        """Return the duality gap of a point at another penalty, at no application of the operator."""
        program = self._program
        certificate, _ = norm_certificate(
            loss=program.loss,
            alpha=alpha,
            penalty_value=program.penalty_value(point.blocks),
            largest_polar=float(point.polar.max(initial=0.0)),
            prediction=point.prediction,
            target=program.target,
            weights=program.weights,
        )
        return certificate

    def _trend(self, polar: Float[np.ndarray, " g"]) -> Float[np.ndarray, " g"]:
        """Return the factor by which every polar norm fell on the way here: it will fall about as much again."""
        if self._earlier is None:
            return np.ones_like(polar)
        return np.asarray(np.minimum(polar / np.maximum(self._earlier, np.finfo(float).tiny), 1.0))

    def _hessian(self, point: _Point, chosen: Int[np.ndarray, " k"]) -> Float[np.ndarray, "k k"]:
        r"""Return :math:`\langle K_ga, M^{-1}K_ha\rangle` for the chosen gates."""
        program = self._program
        xp = array_namespace(program.target)
        samples = program.operator.samples
        index = like(chosen, program.target, dtype=xp.int64)
        slopes = -point.correlation[index, ...]
        gates, features, outputs = slopes.shape
        flat = xp.reshape(xp.permute_dims(slopes, (1, 2, 0)), (features, outputs * gates))
        small = xp.astype(flat, self._small.reference.dtype)
        images = xp.reshape(self._small.features.times(small, slice(0, samples)), (samples, outputs, gates))
        masked = xp.astype(images, xp.float32) * self._masks[:, index][:, None, :]
        half = point.factor.half_solve(xp.reshape(masked, (samples, outputs * gates)))
        # The intercept is a border of the system: its direction is taken out after the half solve.
        border = point.factor.half_solve(self._small_root[:, None])
        half -= border * ((border.T @ half) / (border.T @ border))
        half = xp.reshape(half, (samples * outputs, gates))
        hessian = to_numpy(half.T @ half).astype(np.float64)
        # Above rounding, and positive where nothing tells gates apart.
        hessian[np.diag_indices(gates)] += RIDGE * np.trace(hessian) + np.finfo(float).tiny
        return hessian

    def _factorised(self, weights: Float[np.ndarray, " g"], alpha: float) -> _Point:
        """Return the point of some weights by a factorisation of its own."""
        xp = array_namespace(self._program.target)
        index = like(np.flatnonzero(weights), self._program.target, dtype=xp.int64)
        masks = self._masks[:, index] * like(np.sqrt(weights[weights > 0]), self._masks)
        kernel = masks @ masks.T
        kernel *= self._gram
        factor = CholeskyFactor(shifted(kernel, self._program.total))
        return self._completed(weights, alpha, factor, self._solved(factor, self._program.target))

    def _refined(self, nearby: _Point, weights: Float[np.ndarray, " g"], alpha: float) -> _Point:
        """Return the point of some weights by one step of refinement, with the factor of nearby weights."""
        program = self._program
        active = np.flatnonzero(weights)
        xp = array_namespace(program.target)
        index = like(active, program.target, dtype=xp.int64)
        residual = program.target - nearby.prediction
        moved = -nearby.correlation[index, ...] * like(weights[active], program.target)[:, None, None]
        small = self._small.take_gates(active)
        image = small.forward(xp.astype(moved, small.reference.dtype))
        left = program.target - xp.astype(image, program.target.dtype) - residual
        dual = self._root[:, None] * residual / program.total + self._solved(nearby.factor, left)
        return self._completed(weights, alpha, nearby.factor, dual)

    def _solved(self, factor: CholeskyFactor, right: Float[Array, "n c"]) -> Float[Array, "n c"]:
        """Solve the system bordered by the intercept, in single precision."""
        xp = array_namespace(right)
        # The border takes up any constant; what single precision would lose to a large one is kept.
        centred = right - (self._program.weights @ right) / self._program.total
        both = xp.concat([self._root[:, None] * centred, self._root[:, None]], axis=1)
        found = xp.astype(factor.solve(xp.astype(both, xp.float32)), right.dtype)
        along = self._root @ found
        return found[:, :-1] - found[:, -1:] * (along[:-1] / along[-1])

    def _completed(
        self, weights: Float[np.ndarray, " g"], alpha: float, factor: CholeskyFactor, dual: Float[Array, "n c"]
    ) -> _Point:
        """Return the blocks of a dual variable, with their predictions and certificate in the program's precision."""
        program = self._program
        xp = array_namespace(program.target)
        active = np.flatnonzero(weights)
        index = like(active, program.target, dtype=xp.int64)
        operator = program.operator.take_gates(active)
        small = self._small.take_gates(active)
        slopes = small.adjoint(xp.astype(self._root[:, None] * dual, small.reference.dtype))
        some = xp.astype(slopes, program.target.dtype) * like(weights[active], program.target)[:, None, None]
        fitted = operator.forward(some)
        intercept = program.loss.intercept(fitted, program.target, program.weights, program.constant())
        blocks = program.zeros()
        blocks[index, ...] = some
        certificate, correlation, _ = program.certify(blocks, fitted + intercept, alpha)
        return _Point(
            weights=weights,
            factor=factor,
            blocks=blocks,
            intercept=intercept,
            prediction=fitted + intercept,
            correlation=correlation,
            polar=program.polar(correlation).astype(np.float64),
            certificate=certificate,
        )


@dataclass(frozen=True, kw_only=True)
class _Point:
    """What is known at some weights of the kernels."""

    weights: Float[np.ndarray, " g"]
    factor: CholeskyFactor
    """Of the system at these or nearby weights, in single precision."""
    blocks: Float[Array, "g p c"]
    intercept: Float[Array, " c"]
    prediction: Float[Array, "n c"]
    correlation: Float[Array, "g p c"]
    polar: Float[np.ndarray, " g"]
    certificate: Certificate


def _in_single_precision(operator: GatedOperator) -> GatedOperator:
    """Return the operator in single precision where its features are dense, as it is otherwise."""
    if not isinstance(operator.features, DenseFeatures):
        return operator
    array = operator.features.array
    single = DenseFeatures(array_namespace(array).astype(array, array_namespace(array).float32))
    return GatedOperator(single, operator.patterns, operator.scales)


def _newton(
    point: _Point,
    chosen: Int[np.ndarray, " k"],
    hessian: Float[np.ndarray, "k k"],
    aims: Float[np.ndarray, " g"],
) -> Float[np.ndarray, " g"]:
    r"""Minimise the quadratic model of the chosen gates' weights, none of them negative; the others are zero.

    Newton's method on :math:`1/p_g = 1/\alpha`, with p the polar norms, has the Hessian of the objective.
    """
    polar = point.polar[chosen]
    lower = np.linalg.cholesky(hessian)
    pull = solve_triangular(lower, polar**2 * (polar / aims[chosen] - 1.0), lower=True)
    weights = np.zeros_like(point.weights)
    weights[chosen], _ = nnls(lower.T, lower.T @ point.weights[chosen] + pull)
    return weights


class _Foresight:
    """What polar norms to aim for, so that the model's error does not leave them above the penalty.

    Reciprocals of polar norms are concave in the weights, so that a step falls short by a few tenths of a percent: of
    second order in the step, and much the same from one penalty of a path to the next. It is learnt as one share for
    all gates, and one that grows with the root of how late on the way a gate comes to have weight.
    """

    def __init__(self) -> None:
        self._normal = 1e-3 * np.eye(2)
        self._moment = np.zeros(2)
        self._terms = np.zeros((0, 2))
        self._expected = np.zeros(0)
        self._alpha = self._stride = 0.0

    def aims(self, alpha: float, polar: Float[np.ndarray, " g"]) -> Float[np.ndarray, " g"]:
        """Return the polar norms to aim for at the first step for a penalty."""
        before = self._alpha or alpha
        stride = math.log(before / alpha)
        steps = stride / self._stride if self._stride else 0.0
        lateness = np.sqrt(np.log(before / np.clip(polar, 0.5 * before, before)))
        self._terms = np.stack([np.ones_like(lateness), lateness], axis=1)
        shares = self._terms @ np.linalg.solve(self._normal, self._moment)
        self._expected = np.clip(shares * min(steps**2, 1.5), -0.1, 0.1)
        self._alpha, self._stride = alpha, stride
        return alpha * np.exp(-self._expected)

    def learn(self, ratios: Float[np.ndarray, " g"], active: Bool[np.ndarray, " g"]) -> None:
        """Take in the ratios of polar norms to the penalty that the first step has left to gates with weight."""
        terms, error = self._terms[active], np.log(ratios[active]) + self._expected[active]
        self._normal = 0.5 * self._normal + terms.T @ terms
        self._moment = 0.5 * self._moment + terms.T @ error
