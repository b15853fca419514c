"""The cone program as a modelling language writes it: slow, independent of our solvers, and the judge of them."""

from __future__ import annotations

from importlib import import_module
from typing import Any, Literal

import numpy as np
from jaxtyping import Bool, Float

from consilience.ground.errors import MissingDependency

_TOLERANCE = 1e-9


def reference_optimum(
    features: Float[np.ndarray, "sample feature"],
    patterns: Bool[np.ndarray, "sample pattern"],
    targets: Float[np.ndarray, " sample"],
    alpha: float,
    *,
    norm: Literal["l1", "l2"] = "l2",
    free_bias: bool = False,
    fit_intercept: bool = True,
) -> float:
    """Solve the ReLU cone program by cvxpy and Clarabel, and return its optimum.

    Parameters
    ----------
    features, patterns, targets, alpha, free_bias, fit_intercept
        The program, as in `consilience.methods.convex_networks.cone.solve_cone`.
    norm : "l1" or "l2"
        Norm of the penalty.

    Raises
    ------
    MissingDependency
        When cvxpy is not installed.
    """
    try:
        cp: Any = import_module("cvxpy")
    except ImportError as error:
        raise MissingDependency("the reference solution needs cvxpy; install consilience[peers]") from error
    n_samples, n_features = features.shape
    active = patterns.astype(np.float64)
    sides = 2.0 * active - 1.0
    adding, subtracting = (cp.Variable((n_features, active.shape[1])) for _ in range(2))
    intercept = cp.Variable() if fit_intercept else 0.0
    fitted = cp.sum(cp.multiply(active, features @ (adding - subtracting)), axis=1) + intercept
    seen = n_features - int(free_bias)
    order = 1 if norm == "l1" else 2
    penalty = sum(cp.sum(cp.norm(vectors[:seen], order, axis=0)) for vectors in (adding, subtracting))
    problem = cp.Problem(
        cp.Minimize(cp.sum_squares(fitted - targets) / (2 * n_samples) + alpha * penalty),
        [cp.multiply(sides, features @ vectors) >= 0 for vectors in (adding, subtracting)],
    )
    problem.solve(solver=cp.CLARABEL, tol_gap_abs=_TOLERANCE, tol_gap_rel=_TOLERANCE, tol_feas=_TOLERANCE)
    return float(problem.value)
