r"""The ReLU cone program: training a ReLU network exactly, given the activation cells it may use.

For patterns :math:`D_g = \mathrm{diag}(d_g)` of cells and samples :math:`X`,

.. math:: \min_{V, W, t} \; \sum_i p_i \tfrac12 (F_i + t - y_i)^2 + \alpha \sum_g (\|V_g\|_2 + \|W_g\|_2), \qquad
          F = \sum_g D_g X (V_g - W_g),

with :math:`(2 D_g - I) X V_g \ge 0` and the same for `W`: each vector stays in the cell in which its pattern is its
own, so that :math:`D_g X V_g = (X V_g)_+` and the solution *is* a ReLU network. With all cells of the data
(`enumerate_cells`) its optimum is the optimum over all networks; with some of them it is an upper bound. A gated
network with the same cells is a different and looser program: its optimum is not that of a ReLU network.

Three pieces find the solution. Splitting (`Splitting`, the alternating direction method of multipliers) finds out
which vectors are used and which of their constraints are tight; an active-set Newton method (`refine`) then solves for
them to rounding; nonnegative least squares, which projects on the cones, makes points feasible and proves the gap. What
is returned is feasible, and its gap proven, however early the splitting stopped.

References
----------
Pilanci and Ergen, "Neural networks are convex regularizers", ICML 2020.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from consilience.methods.convex_networks.cone_geometry import ConeProgram, support_bound
from consilience.methods.convex_networks.cone_newton import refine
from consilience.methods.convex_networks.cone_splitting import Splitting
from consilience.methods.convex_networks.network import ReluNetwork

_FIRST_CHECK = 200
_CHECK_GROWTH = 1.5


@dataclass(frozen=True, kw_only=True)
class ConeSolution:
    """A feasible point of the cone program, the network it is, and how far from optimal it can be.

    Parameters
    ----------
    V, W : arrays of shape (n_patterns, n_features)
        Weights of the neurons that add and that subtract, each inside the cell of its pattern.
    intercept : float
        The output intercept.
    objective : float
        Value of the program at this point.
    gap : float
        ``objective`` exceeds the optimum of the program with these patterns by no more than this.
    scope : str
        What `gap` is about: ``"sampled program"``.
    global_gap : float
        ``objective`` exceeds the optimum over *all* two-layer ReLU networks by no more than this; valid, seldom tight.
    global_scope : str
        What `global_gap` is about: ``"global upper bound"``.
    violation : float
        Largest violation of a cone constraint; rounding.
    n_iter : int
        Splitting steps.
    n_penalised : int
        How many leading features the norms see: all, or all but the constant column.
    """

    V: Float[np.ndarray, "pattern feature"]
    W: Float[np.ndarray, "pattern feature"]
    intercept: float
    objective: float
    gap: float
    scope: str
    global_gap: float
    global_scope: str
    violation: float
    n_iter: int
    n_penalised: int

    @property
    def dual_bound(self) -> float:
        """A proven lower bound on the optimum of the program with these patterns."""
        return self.objective - self.gap

    def network(self, *, constant_column: bool = False) -> ReluNetwork:
        r"""Return the trained ReLU network: :math:`w = V_g / \sqrt{\|V_g\|}` with output weight :math:`\sqrt{\|V_g\|}`.

        Parameters
        ----------
        constant_column : bool
            Whether the last feature was a column of ones; its weights then become biases.
        """
        vectors = np.concatenate([self.V, self.W])
        signs = np.repeat([1.0, -1.0], len(self.V))
        # A vector without penalised part is a constant: it shares nothing, and any positive split will do.
        norms = np.linalg.norm(vectors[:, : self.n_penalised], axis=1)
        share = np.sqrt(np.where(norms > 0.0, norms, np.linalg.norm(vectors, axis=1)))
        used = share > 0.0
        inner = vectors[used] / share[used, None]
        return ReluNetwork(
            hidden_weights=inner[:, :-1] if constant_column else inner,
            hidden_biases=inner[:, -1] if constant_column else np.zeros(len(inner)),
            output_weights=(signs * share)[used, None],
            intercept=np.array([self.intercept]),
        )


def solve_cone(
    features: Float[np.ndarray, "sample feature"],
    patterns: Bool[np.ndarray, "sample pattern"],
    targets: Float[np.ndarray, " sample"],
    alpha: float,
    *,
    weights: Float[np.ndarray, " sample"] | None = None,
    free_bias: bool = False,
    fit_intercept: bool = True,
    tolerance: float = 1e-6,
    max_iterations: int = 20_000,
) -> ConeSolution:
    """Solve the ReLU cone program with the squared loss.

    Parameters
    ----------
    features : array of shape (n_samples, n_features)
        Samples in rows; a column of ones gives neurons a bias, inside the norm unless `free_bias`.
    patterns : array of shape (n_samples, n_patterns)
        Activation patterns in columns; for gates ``G`` they are ``features @ G.T >= 0``.
    targets : array of shape (n_samples,)
        The values to fit.
    alpha : float
        Strength of the penalty, positive, on the scale of a mean squared error halved.
    weights : array of shape (n_samples,), optional
        Nonnegative sample weights, by default 1; samples of weight zero are left out, their constraints too.
    free_bias : bool
        Whether the last feature, a column of ones, stays outside the norms. Needs `fit_intercept`.
    fit_intercept : bool
        Whether an output intercept, not penalised, is fitted.
    tolerance : float
        Relative gap at which to stop.
    max_iterations : int
        Most splitting steps. Where they do not suffice the best point comes back, and its `gap` says so.

    Raises
    ------
    InvalidInput
        When shapes disagree, values are not finite, or `alpha` or the total weight is not positive.

    See Also
    --------
    solve_cone_columns : several targets, one program each.

    Examples
    --------
    >>> x = np.linspace(-1.0, 1.0, 21)
    >>> features = np.column_stack([x, np.ones(21)])
    >>> patterns = np.column_stack([x >= 0, x <= 0])
    >>> fit = solve_cone(features, patterns, np.abs(x), alpha=1e-4)
    >>> fit.gap <= 1e-6 * fit.objective, fit.violation <= 1e-12
    (True, True)
    >>> bool(np.abs(fit.network(constant_column=True).decision(x[:, None])[:, 0] - np.abs(x)).max() < 0.01)
    True
    """
    program = ConeProgram.prepare(
        features, patterns, targets, alpha, weights=weights, free_bias=free_bias, fit_intercept=fit_intercept
    )
    best = program.zero()
    bound = program.lower_bound(best)
    splitting = Splitting(program)
    check = _FIRST_CHECK
    while program.value(best) - bound > tolerance * program.value(best) and splitting.n_iter < max_iterations:
        splitting.advance(min(check, max_iterations) - splitting.n_iter)
        check = int(check * _CHECK_GROWTH)
        for candidate in _candidates(program, splitting):
            bound = max(bound, program.lower_bound(candidate))
            best = min(best, candidate, key=program.value)
    objective = program.value(best)
    V, W = program.unpack(best)
    return ConeSolution(
        V=V,
        W=W,
        intercept=program.intercept(best),
        objective=objective,
        gap=max(objective - bound, 0.0),
        scope="sampled program",
        global_gap=max(objective - program.scaled_value(best, support_bound(program, program.dual(best))), 0.0),
        global_scope="global upper bound",
        violation=program.violation(best),
        n_iter=splitting.n_iter,
        n_penalised=program.n_penalised,
    )


def solve_cone_columns(
    features: Float[np.ndarray, "sample feature"],
    patterns: Bool[np.ndarray, "sample pattern"],
    targets: Float[np.ndarray, "sample output"],
    alpha: float,
    *,
    weights: Float[np.ndarray, " sample"] | None = None,
    free_bias: bool = False,
    fit_intercept: bool = True,
    tolerance: float = 1e-6,
    max_iterations: int = 20_000,
) -> tuple[ConeSolution, ...]:
    """Solve one cone program for each column of targets: one-vs-all, whose joint program separates.

    Parameters are those of `solve_cone`, with `targets` of shape (n_samples, n_outputs).

    Examples
    --------
    >>> features = np.array([[1.0], [2.0]])
    >>> fits = solve_cone_columns(features, features >= 0, np.array([[1.0, 0.0], [2.0, 0.0]]), 0.01)
    >>> [len(fit.network().hidden_weights) for fit in fits]
    [1, 0]
    """
    return tuple(
        solve_cone(
            features,
            patterns,
            column,
            alpha,
            weights=weights,
            free_bias=free_bias,
            fit_intercept=fit_intercept,
            tolerance=tolerance,
            max_iterations=max_iterations,
        )
        for column in np.ascontiguousarray(targets.T)
    )


def _candidates(program: ConeProgram, splitting: Splitting) -> list[Float[np.ndarray, "feature vector"]]:
    """Feasible points near the splitting's: its projection on the cones, and the optimum of what is active there."""
    feasible = program.project(splitting.vectors)
    return [feasible, program.project(refine(program, feasible))]
