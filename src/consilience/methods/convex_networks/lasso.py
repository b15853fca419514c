r"""The Lasso over a dictionary of neurons, to high accuracy and with a certificate.

.. math:: \min_{z, t} \; \sum_i p_i \tfrac12 (K z + t - y)_i^2 + \alpha \|z\|_1, \qquad p_i = w_i / \textstyle\sum w,

with features :math:`K` of far more neurons than samples. Its dual lives in the space of samples,

.. math:: \max_v \; -\tfrac12 \sum_i v_i^2 / p_i - v^\top y
          \quad \text{subject to} \quad |K^\top v| \le \alpha, \quad 1^\top v = 0,

(the equality only with an intercept), and is solved by a primal-dual interior-point method with Mehrotra's predictor
and corrector whose Newton system has one row a sample. Every iterate brings a point of the dual and one of the primal,
hence a gap. Neurons that do not fit in memory enter by pricing: after each solve all correlations are computed exactly,
and the most violated constraints join.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy.linalg import LinAlgError, cho_factor, cho_solve, null_space

from consilience.ground.errors import InvalidInput
from consilience.methods.convex_networks.canonical import without_mean
from consilience.methods.convex_networks.dictionary import NeuronDictionary
from consilience.methods.convex_networks.network import ReluNetwork

_MAX_STEPS = 100
_MAX_ROUNDS = 60
_TO_BOUNDARY = 0.995
_FEASIBLE = 1e-12
_DEPENDENT = 1e-11


@dataclass(frozen=True, kw_only=True)
class LassoSolution:
    """An optimal combination of neurons, with the proof of how far from optimal it can be.

    Parameters
    ----------
    weights, biases : arrays of shape (n_active, n_features) and (n_active,)
        The neurons that are used.
    coefficients : array of shape (n_active,)
        Their output weights.
    active : array of shape (n_active,)
        Their places in the dictionary.
    intercept : float
        The output intercept, 0 if there is none.
    objective : float
        Value of the program at this solution.
    gap : float
        ``objective`` exceeds the optimum by no more than this.
    scope : str
        Over which networks the gap holds.
    n_iter : int
        Interior-point steps, all rounds together.
    n_rounds : int
        How often the dictionary was priced.
    """

    weights: Float[np.ndarray, "active feature"]
    biases: Float[np.ndarray, " active"]
    coefficients: Float[np.ndarray, " active"]
    active: Int[np.ndarray, " active"]
    intercept: float
    objective: float
    gap: float
    scope: str
    n_iter: int
    n_rounds: int

    @property
    def dual_bound(self) -> float:
        """A proven lower bound on the optimum."""
        return self.objective - self.gap

    def network(self) -> ReluNetwork:
        r"""Return the trained network, penalty shared evenly: :math:`\|w_j\| = |a_j| = \sqrt{|z_j|}`."""
        share = np.sqrt(np.abs(self.coefficients))
        return ReluNetwork(
            hidden_weights=self.weights * share[:, None],
            hidden_biases=self.biases * share,
            output_weights=(np.sign(self.coefficients) * share)[:, None],
            intercept=np.array([self.intercept]),
        )


def solve_lasso(
    dictionary: NeuronDictionary,
    targets: Float[np.ndarray, " sample"],
    alpha: float,
    *,
    weights: Float[np.ndarray, " sample"] | None = None,
    fit_intercept: bool = True,
    tolerance: float = 1e-9,
    memory_limit: int = 1 << 28,
) -> LassoSolution:
    r"""Solve the Lasso over a whole dictionary.

    Parameters
    ----------
    dictionary : NeuronDictionary
        The neurons; `enumerate_neurons` makes the dictionary for which the solution is an optimal network.
    targets : array of shape (n_samples,)
        The values :math:`y` to fit.
    alpha : float
        Strength of the penalty, positive, on the scale of a mean squared error halved.
    weights : array of shape (n_samples,), optional
        Nonnegative sample weights, by default 1.
    fit_intercept : bool
        Whether an output intercept, not penalised, is fitted.
    tolerance : float
        Relative duality gap at which to stop.
    memory_limit : int
        Bytes that the features of the neurons under consideration may take; beyond it neurons enter by pricing.

    Returns
    -------
    LassoSolution
        Its `gap` is proven whatever the tolerance and is to be checked when the program is badly conditioned.

    Raises
    ------
    InvalidInput
        When sizes disagree, `alpha` or the total weight is not positive, or a biased dictionary has no intercept.

    Examples
    --------
    The absolute value, from five points, by two hinges at the kink:

    >>> from consilience.methods.convex_networks.dictionary import enumerate_neurons
    >>> x = np.array([[-2.0], [-1.0], [0.0], [1.0], [2.0]])
    >>> fit = solve_lasso(enumerate_neurons(x), np.abs(x[:, 0]), alpha=1e-6)
    >>> np.column_stack([fit.weights, fit.biases, fit.coefficients.round(4)])
    array([[ 1.,  0.,  1.],
           [-1.,  0.,  1.]])
    """
    program = _Program.prepare(dictionary, targets, alpha, weights, fit_intercept=fit_intercept)
    capacity = max(4 * len(program.rows), memory_limit // (16 * len(program.rows)))
    null, _ = program.primal_to_dual(np.zeros(len(program.rows)))
    correlations = program.price(null)
    if np.all(correlations <= alpha):
        return program.certify(np.zeros(0, dtype=np.int64), np.zeros(0), null, 0, 1)
    working = _first_working_set(correlations, capacity)
    n_iter = 0
    n_rounds = 0
    while True:
        n_rounds += 1
        features = program.features(working)
        inner = _interior_point(program, features, tolerance)
        n_iter += inner.n_steps
        entering = program.violated(inner.dual, working)[: capacity // 2]
        if not len(entering) or n_rounds == _MAX_ROUNDS:
            break
        nearest = np.argsort(inner.slack, kind="stable")[: capacity - len(entering)]
        working = np.concatenate([working[nearest], entering])
    chosen, coefficients = _sparse(program, features, inner)
    return program.certify(working[chosen], coefficients, inner.dual, n_iter, n_rounds)


@dataclass(frozen=True, kw_only=True)
class _Program:
    """The program on the samples that have weight: its values, bounds and prices."""

    dictionary: NeuronDictionary
    rows: Int[np.ndarray, " weighted"]
    targets: Float[np.ndarray, " weighted"]
    """With mean zero where there is an intercept: bounds do not round against it."""
    mean: float
    """What has been taken out of the targets."""
    shares: Float[np.ndarray, " weighted"]
    alpha: float
    fit_intercept: bool

    @classmethod
    def prepare(
        cls,
        dictionary: NeuronDictionary,
        targets: Float[np.ndarray, " sample"],
        alpha: float,
        weights: Float[np.ndarray, " sample"] | None,
        *,
        fit_intercept: bool,
    ) -> _Program:
        n_samples = len(dictionary.samples)
        masses = np.ones(n_samples) if weights is None else weights
        if targets.shape != (n_samples,) or masses.shape != (n_samples,):
            raise InvalidInput(
                f"`targets` and `weights` must have shape ({n_samples},), one number a sample of the dictionary; "
                f"got {targets.shape} and {masses.shape}."
            )
        if not 0.0 < alpha < np.inf:
            raise InvalidInput(f"`alpha` must be positive and finite; got {alpha}: the l1 program needs a penalty.")
        if not np.all(np.isfinite(targets)) or not np.all(masses >= 0.0) or not 0.0 < masses.sum() < np.inf:
            raise InvalidInput("`targets` must be finite, `weights` finite and nonnegative with a positive sum.")
        if dictionary.biased and not fit_intercept:
            raise InvalidInput(
                "neurons with free offsets imply an output intercept: set `fit_intercept=True`, "
                "or enumerate with `bias=False`."
            )
        rows = np.flatnonzero(masses)
        shares = masses[rows] / masses.sum()
        column, mean = targets[rows, None].astype(np.float64), np.zeros(1)
        if fit_intercept:
            column, mean = without_mean(column, shares)
        return cls(
            dictionary=dictionary,
            rows=rows,
            targets=column[:, 0],
            mean=float(mean[0]),
            shares=shares,
            alpha=alpha,
            fit_intercept=fit_intercept,
        )

    def features(self, chosen: Int[np.ndarray, " chosen"]) -> Float[np.ndarray, "weighted chosen"]:
        return np.asarray(self.dictionary.features(chosen)[self.rows])

    def price(self, dual: Float[np.ndarray, " weighted"]) -> Float[np.ndarray, " neuron"]:
        whole = np.zeros(len(self.dictionary.samples))
        whole[self.rows] = dual
        return np.asarray(np.abs(self.dictionary.price(whole)))

    def violated(
        self, dual: Float[np.ndarray, " weighted"], working: Int[np.ndarray, " working"]
    ) -> Int[np.ndarray, " entering"]:
        """List the neurons outside the working set whose constraint the dual point breaks, the worst first."""
        excess = self.price(dual) - self.alpha * (1.0 + _FEASIBLE)
        excess[working] = -1.0
        order = np.argsort(-excess, kind="stable")
        return order[excess[order] > 0.0]

    def primal_to_dual(self, fitted: Float[np.ndarray, " weighted"]) -> tuple[Float[np.ndarray, " weighted"], float]:
        """Return the dual point of a fit and the best intercept for it: only there the dual point sums to zero."""
        intercept = float(self.shares @ (self.targets - fitted)) if self.fit_intercept else 0.0
        return self.shares * (fitted + intercept - self.targets), intercept

    def primal_value(self, dual: Float[np.ndarray, " weighted"], coefficients: Float[np.ndarray, " chosen"]) -> float:
        """Evaluate a fit, whose residual is read off its dual point."""
        return float(0.5 * np.sum(dual**2 / self.shares) + self.alpha * np.abs(coefficients).sum())

    def dual_value(self, dual: Float[np.ndarray, " weighted"]) -> float:
        return float(-0.5 * np.sum(dual**2 / self.shares) - dual @ self.targets)

    def lower_bound(self, dual: Float[np.ndarray, " weighted"]) -> float:
        """Maximise the dual over the multiples of a point that satisfy every constraint of the dictionary."""
        curvature = float(np.sum(dual**2 / self.shares))
        if curvature == 0.0:
            return 0.0
        largest = self.alpha / max(float(self.price(dual).max()), np.finfo(float).tiny)
        return self.dual_value(dual * np.clip(-(dual @ self.targets) / curvature, -largest, largest))

    def certify(
        self,
        active: Int[np.ndarray, " active"],
        coefficients: Float[np.ndarray, " active"],
        interior: Float[np.ndarray, " weighted"],
        n_iter: int,
        n_rounds: int,
    ) -> LassoSolution:
        """Join a solution with the better of two bounds: from its own residual, and from the interior dual point."""
        dual, intercept = self.primal_to_dual(self.features(active) @ coefficients)
        objective = self.primal_value(dual, coefficients)
        bound = max(self.lower_bound(dual), self.lower_bound(interior))
        return LassoSolution(
            weights=self.dictionary.weights[active],
            biases=self.dictionary.biases[active],
            coefficients=coefficients,
            active=active,
            intercept=self.mean + intercept,
            objective=objective,
            gap=max(objective - bound, 0.0),
            scope=self.dictionary.scope,
            n_iter=n_iter,
            n_rounds=n_rounds,
        )


@dataclass(frozen=True, kw_only=True)
class _Iterate:
    """Where the interior-point method stopped: strictly inside the dual constraints of its neurons."""

    coefficients: Float[np.ndarray, " neuron"]
    dual: Float[np.ndarray, " weighted"]
    slack: Float[np.ndarray, " neuron"]
    n_steps: int


def _interior_point(program: _Program, features: Float[np.ndarray, "weighted neuron"], tolerance: float) -> _Iterate:
    r"""Solve the program over the given neurons.

    The constraint :math:`\sigma K^\top v \le \alpha` of each sign :math:`\sigma = \pm 1` has a slack `s` and a
    multiplier `m`, and the coefficients are :math:`z = -\sum_\sigma \sigma m_\sigma`. The start :math:`v = 0` is
    strictly feasible and steps keep it so; only the stationarity :math:`v / p + y - K z - t 1 = 0` has to be reached.
    Eliminating the steps of slacks and multipliers leaves one equation a sample,

    .. math:: \Big(\mathrm{diag}(1/p) + K \, \mathrm{diag}\big(\textstyle\sum_\sigma m/s\big) \, K^\top\Big) dv
              - dt \, 1 = -(\text{stationarity}) - K \textstyle\sum_\sigma \sigma \, c / s, \qquad
              1^\top (v + dv) = 0,

    where `c` is the change of the products `s m` that is aimed at.
    """
    alpha, shares, targets = program.alpha, program.shares, program.targets
    n_samples, n_neurons = features.shape
    sign = np.array([[1.0], [-1.0]])
    constant = np.full(n_samples, float(program.fit_intercept))
    start, intercept = program.primal_to_dual(np.zeros(n_samples))
    null_value = program.primal_value(start, np.zeros(0))
    dual, correlations = np.zeros(n_samples), np.zeros(n_neurons)
    # Multipliers that would cost about as much as the null model does.
    multipliers = np.full((2, n_neurons), null_value / (alpha * n_neurons))
    n_steps = 0
    while True:
        slack = alpha - sign * correlations
        coefficients = -(sign * multipliers).sum(axis=0)
        fitted = features @ coefficients
        value = program.primal_value(program.primal_to_dual(fitted)[0], coefficients)
        reached = value - program.dual_value(dual) <= tolerance * value
        solve = None if reached or n_steps == _MAX_STEPS else _newton(features, multipliers / slack, shares, constant)
        if solve is None:
            break
        force = fitted + intercept * constant - targets - dual / shares
        mean_product = float((slack * multipliers).mean())
        product = -slack * multipliers
        along, change = np.zeros(n_neurons), np.zeros_like(multipliers)
        # The predictor aims at complementarity; the corrector at a central point, with the predictor's curvature added.
        for correct in (False, True):
            if correct:
                length = _longest(slack, -sign * along, multipliers, change)
                ahead = float(((slack - length * sign * along) * (multipliers + length * change)).mean())
                product = product + (ahead / mean_product) ** 3 * mean_product + sign * along * change
            step, shift = solve(force - features @ (sign * product / slack).sum(axis=0), -float(constant @ dual))
            along = step @ features
            change = (product + multipliers * sign * along) / slack
        length = min(1.0, _TO_BOUNDARY * _longest(slack, -sign * along, multipliers, change))
        dual, intercept = dual + length * step, intercept + length * shift
        correlations, multipliers = correlations + length * along, multipliers + length * change
        n_steps += 1
    return _Iterate(coefficients=coefficients, dual=dual, slack=slack.min(axis=0), n_steps=n_steps)


def _first_working_set(correlations: Float[np.ndarray, " neuron"], capacity: int) -> Int[np.ndarray, " chosen"]:
    """Take all neurons if they fit; else half by correlation with the targets and half evenly spread."""
    if len(correlations) <= capacity:
        return np.arange(len(correlations))
    leading = np.argpartition(-correlations, capacity // 2)[: capacity // 2]
    return np.union1d(leading, np.linspace(0, len(correlations) - 1, capacity - len(leading)).astype(np.int64))


def _newton(
    features: Float[np.ndarray, "weighted neuron"],
    stiffness: Float[np.ndarray, "sign neuron"],
    shares: Float[np.ndarray, " weighted"],
    constant: Float[np.ndarray, " weighted"],
) -> Callable[[np.ndarray, float], tuple[np.ndarray, float]] | None:
    """Factorise the Newton system bordered by the intercept; None when rounding has made it indefinite."""
    matrix = (features * stiffness.sum(axis=0)) @ features.T
    matrix[np.diag_indices_from(matrix)] += 1.0 / shares
    try:
        factor = cho_factor(matrix, lower=True, overwrite_a=True, check_finite=False)
    except LinAlgError:
        return None
    border = cho_solve(factor, constant, check_finite=False)
    weight = float(constant @ border)

    def solve(force: np.ndarray, remainder: float) -> tuple[np.ndarray, float]:
        step = cho_solve(factor, force, check_finite=False)
        shift = (remainder - float(constant @ step)) / weight if weight > 0.0 else 0.0
        return step + shift * border, shift

    return solve


def _longest(*pairs: np.ndarray) -> float:
    """Find the longest step in [0, 1] that keeps positive arrays, each followed by its direction, nonnegative."""
    ratios = [np.max(-way / at, initial=1.0) for at, way in zip(pairs[::2], pairs[1::2], strict=True)]
    return 1.0 / float(max(ratios))


def _sparse(
    program: _Program, features: Float[np.ndarray, "weighted neuron"], inner: _Iterate
) -> tuple[Int[np.ndarray, " chosen"], Float[np.ndarray, " chosen"]]:
    """Keep the neurons that an optimum uses, and re-solve the optimality conditions on them alone.

    At the interior point a neuron is used when its coefficient is large beside its slack. Where more are used than
    there are samples, some are given up without changing fit or penalty. On the rest the solution is a least-squares
    problem with known signs; neurons whose sign comes out wrong leave.
    """
    sizes = np.abs(inner.coefficients)
    used = np.flatnonzero(sizes * program.alpha > inner.slack * sizes.max(initial=0.0))
    candidates = [(used, inner.coefficients[used])]
    used = used[_thin(program, features[:, used], inner.coefficients[used])]
    while len(used):
        signs = np.sign(inner.coefficients[used])
        polished = _stationary(program, features[:, used], signs)
        agree = polished * signs > 0.0
        if agree.all():
            candidates.append((used, polished))
            break
        used = used[agree]

    def value(candidate: tuple[np.ndarray, np.ndarray]) -> float:
        places, coefficients = candidate
        return program.primal_value(program.primal_to_dual(features[:, places] @ coefficients)[0], coefficients)

    return min(candidates, key=value)


def _thin(
    program: _Program, features: Float[np.ndarray, "weighted used"], coefficients: Float[np.ndarray, " used"]
) -> Int[np.ndarray, " kept"]:
    """Choose neurons with independent features that carry the same fit, by moving along dependencies until one empties.

    At an optimum a dependency changes the penalty no more than the fit, since all correlations are equal up to sign.
    """
    constant = np.ones((len(features), int(program.fit_intercept)))
    dependencies = null_space(np.hstack([features, constant]), rcond=_DEPENDENT)[: features.shape[1]]
    remaining = coefficients.copy()
    kept = np.arange(len(coefficients))
    while dependencies.shape[1]:
        widest = int(np.argmax(np.abs(dependencies).max(axis=0)))
        along = dependencies[:, widest]
        weighty = np.abs(along) > _DEPENDENT * np.abs(along).max()
        ratios = np.where(weighty, remaining / np.where(weighty, along, 1.0), np.inf)
        first = int(np.argmin(np.abs(ratios)))
        remaining = remaining - ratios[first] * along
        others = np.delete(dependencies, widest, axis=1)
        others = others - np.outer(along, others[first] / along[first])
        dependencies = np.delete(others, first, axis=0)
        remaining, kept = np.delete(remaining, first), np.delete(kept, first)
    return kept


def _stationary(
    program: _Program, features: Float[np.ndarray, "weighted chosen"], signs: Float[np.ndarray, " chosen"]
) -> Float[np.ndarray, " chosen"]:
    """Solve for coefficients at which the gradient of the loss balances the penalty of the given signs."""
    roots = np.sqrt(program.shares)
    constant = np.full((len(roots), 1), float(program.fit_intercept))
    left, values, right = np.linalg.svd(roots[:, None] * np.hstack([features, constant]), full_matrices=False)
    kept = values > np.finfo(float).eps * max(left.shape[0], right.shape[1]) * values[0]
    left, values, right = left[:, kept], values[kept], right[kept]
    balance = right @ np.append(program.alpha * signs, 0.0)
    return np.asarray(right[:, :-1].T @ ((left.T @ (roots * program.targets) - balance / values) / values))
