r"""Duality gaps: how far, at most, a returned network is from the optimum of its program.

With mean loss, residual :math:`R_i = \nabla\ell(F_i, y_i)` and :math:`V = sR`, weak duality gives for every :math:`s`
at which V is feasible

.. math:: P(U) - \min P \le P(U) - D(V), \qquad
          D(V) = -\tfrac1W\sum_i w_i \ell^*(V_i; y_i) - \alpha\,\Omega^*(\Phi^T wV / (\alpha W)).

For a norm, :math:`\Omega^*` is the indicator of its polar ball, so R is scaled into the ball. The unpenalised intercept
makes :math:`\sum_i w_i V_i = 0` a constraint: it holds because the intercept is minimised exactly before the bound is
taken.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from jaxtyping import Float

from consilience.ground.errors import InvalidInput
from consilience.methods.convex_networks.arrays import Array, array_namespace
from consilience.methods.convex_networks.losses import Loss, Squared

__all__ = ["Certificate", "Scope", "check_alpha", "norm_certificate"]

Scope = Literal["sampled program", "global, l1, enumerated", "global upper bound"]
"""What a gap is a gap of: the convex program over the gates that were sampled; the non-convex l1
problem over all neurons, by enumeration; or that problem through a bound over all neurons."""

RESIDUAL_ROUNDING = 16.0
"""Residuals that count as zero, in units of the last place of the targets."""


@dataclass(frozen=True, kw_only=True)
class Certificate:
    """A primal value, a lower bound of the optimum and what program they belong to.

    Examples
    --------
    >>> Certificate(objective=2.0, dual_bound=1.5, scope="sampled program").relative_gap
    0.25
    """

    objective: float
    """Value of the program at the returned solution."""
    dual_bound: float
    """A lower bound of the program's minimum."""
    scope: Scope
    """The program that the bound is about."""

    @property
    def gap(self) -> float:
        """Upper bound of the suboptimality, in units of the objective."""
        return max(self.objective - self.dual_bound, 0.0)

    @property
    def relative_gap(self) -> float:
        """The gap divided by the objective's magnitude."""
        magnitude = abs(self.objective)
        return self.gap / magnitude if magnitude > 0.0 else self.gap


def norm_certificate(
    *,
    loss: Loss,
    alpha: float,
    penalty_value: float,
    largest_polar: float,
    prediction: Float[Array, "n c"],
    target: Float[Array, "n c"],
    weights: Float[Array, " n"],
) -> tuple[Certificate, float]:
    r"""Certify a point of a norm-penalised program.

    Parameters
    ----------
    loss, alpha
        The program.
    penalty_value : float
        :math:`\sum_g \Omega(U_g)` at the point.
    largest_polar : float
        :math:`\max_g\Omega^\circ(\Phi_g^T(w R)/W)`, of the gradient of the mean loss.
    prediction : array, shape (n, c)
        With the intercept that is optimal for it.
    target, weights : arrays, shapes (n, c) and (n,)

    Returns
    -------
    certificate : Certificate
    scale : float
        The factor in (0, 1] that made the residual feasible: the dual point is scale * R.
    """
    xp = array_namespace(prediction)
    share = weights / xp.sum(weights)
    residual = loss.gradient(prediction, target)
    objective = float(xp.sum(share * loss.value(prediction, target))) + alpha * penalty_value
    limit = alpha / largest_polar if largest_polar > 0.0 else math.inf
    scale = min(1.0, limit)
    rounding = _rounding(share, target)
    if isinstance(loss, Squared):
        # The dual is a parabola in the scale: take its top, as far as feasibility allows.
        # Feasible residuals have mean zero, so that only the targets' distance from their mean counts.
        target = target - xp.sum(share[:, None] * target, axis=0)
        square = float(xp.sum(share[:, None] * residual**2))
        if square > 0.0:
            best = -float(xp.sum(share[:, None] * residual * target)) / square
            scale = max(min(best, limit), 0.0)
    dual = -float(xp.sum(share * loss.conjugate(scale * residual, target)))
    if isinstance(loss, Squared) and objective <= rounding:
        objective = dual = 0.0
    certificate = Certificate(objective=objective, dual_bound=dual, scope="sampled program")
    return certificate, scale


def _rounding(share: Float[Array, " n"], target: Float[Array, "n c"]) -> float:
    """Return the squared loss of residuals that are rounding of the targets: it counts as zero."""
    xp = array_namespace(target)
    relative = RESIDUAL_ROUNDING * float(xp.finfo(target.dtype).eps)
    return 0.5 * relative**2 * float(xp.sum(share[:, None] * target**2))


def check_alpha(alpha: float) -> None:
    """Refuse a penalty under which the programs here have no certificate.

    Raises
    ------
    InvalidInput
        If `alpha` is not positive and finite.
    """
    if not (math.isfinite(alpha) and alpha > 0.0):
        raise InvalidInput(f"alpha must be positive and finite; got {alpha}.")
