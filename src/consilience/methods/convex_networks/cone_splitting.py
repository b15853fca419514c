r"""Splitting for the cone program: the alternating direction method of multipliers, with no matrix beyond n x n.

The vectors `U` are copied twice, :math:`Z = U` for the penalty and :math:`S_g = \eta (2 D_g - I) X U_g` for the
cones, and

.. math:: U \leftarrow \arg\min \; \mathrm{loss}(U) + \tfrac{\rho}{2} \|U - Z + \Lambda\|^2
          + \tfrac{\rho}{2} \|\eta (2D - I) X U - S + M\|^2.

Every block has the same Hessian :math:`\rho (I + \eta^2 X^\top X)`, since the sides square to one, and the loss adds
rank n: with :math:`B = 2 (X (I + \eta^2 X^\top X)^{-1} X^\top) \circ (D D^\top)` the update needs one Cholesky factor
of :math:`\mathrm{diag}(1/p) + B / \rho`, made anew only when :math:`\rho` changes, and products of n x d with d x 2P.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from scipy.linalg import cho_factor, cho_solve

from consilience.methods.convex_networks.cone_geometry import ConeProgram

_RELAXATION = 1.6
_CONE_WEIGHT = 3.0
"""How strongly cones count beside the penalty, with features scaled to unit spectral norm."""

_BALANCE_EVERY = 50
_IMBALANCE = 5.0


class Splitting:
    """The state of the iteration: copies, scaled multipliers, and the step size with its factor.

    Parameters
    ----------
    program : ConeProgram
        What to solve; the start is the null model.

    Attributes
    ----------
    vectors : array of shape (n_features, n_vectors)
        The copy that the penalty sees: sparse in its columns, feasible only in the limit.
    n_iter : int
        Steps made.
    """

    def __init__(self, program: ConeProgram) -> None:
        self.program = program
        n_features, n_vectors = program.zero().shape
        largest = float(np.linalg.norm(program.features, 2)) or 1.0
        self._scaled = program.features * (_CONE_WEIGHT / largest)
        self._hessian_inverse = np.linalg.inv(np.eye(n_features) + self._scaled.T @ self._scaled)
        activity = np.abs(program.switches)
        self._kernel = (program.features @ self._hessian_inverse @ program.features.T) * (activity @ activity.T)
        self.vectors = np.zeros((n_features, n_vectors))
        self._slacks = np.zeros((len(program.features), n_vectors))
        self._vector_multipliers = np.zeros_like(self.vectors)
        self._slack_multipliers = np.zeros_like(self._slacks)
        self.n_iter = 0
        size = float(np.linalg.norm(program.targets - program.targets.mean())) / largest
        self._rho = 10.0 * program.alpha / (size or 1.0)
        self._factorise()

    def advance(self, n_steps: int) -> None:
        """Make some steps, and now and then move the step size so that primal and dual residuals fall together."""
        for _ in range(n_steps):
            self.n_iter += 1
            balance = self.n_iter % _BALANCE_EVERY == 0
            ratio = self._step(measure=balance)
            if balance and not 1.0 / _IMBALANCE <= ratio <= _IMBALANCE:
                change = float(np.clip(np.sqrt(ratio), 1.0 / _IMBALANCE, _IMBALANCE))
                self._rho *= change
                self._vector_multipliers /= change
                self._slack_multipliers /= change
                self._factorise()

    def _factorise(self) -> None:
        program = self.program
        self._factor = cho_factor(np.diag(1.0 / program.shares) + self._kernel / self._rho, check_finite=False)
        constant = np.full(len(program.shares), float(program.fit_intercept))
        self._border = cho_solve(self._factor, constant, check_finite=False)
        self._border_sum = float(self._border.sum()) or 1.0

    def _step(self, *, measure: bool) -> float:
        """One step; where asked, the ratio of the relative primal to the relative dual residual, else one."""
        program, features, scaled = self.program, self.program.features, self._scaled
        pulled = self.vectors - self._vector_multipliers
        pulled += scaled.T @ (program.sides * (self._slacks - self._slack_multipliers))
        centre = self._hessian_inverse @ pulled
        force = cho_solve(self._factor, program.fitted(centre) - program.targets, check_finite=False)
        force = force - (force.sum() / self._border_sum) * self._border
        step = self._hessian_inverse @ (features.T @ (program.switches * force[:, None]))
        vectors = centre - step / self._rho
        sided = program.sides * (scaled @ vectors)

        before, slacks_before = self.vectors, self._slacks
        target = _RELAXATION * vectors + (1.0 - _RELAXATION) * before + self._vector_multipliers
        self.vectors = self._shrink(target)
        self._vector_multipliers = target - self.vectors
        target = _RELAXATION * sided + (1.0 - _RELAXATION) * slacks_before + self._slack_multipliers
        self._slacks = np.maximum(target, 0.0)
        self._slack_multipliers = target - self._slacks
        if not measure:
            return 1.0
        primal = np.hypot(np.linalg.norm(vectors - self.vectors), np.linalg.norm(sided - self._slacks))
        primal_size = np.hypot(np.linalg.norm(self.vectors), np.linalg.norm(self._slacks))
        moved = self.vectors - before + scaled.T @ (program.sides * (self._slacks - slacks_before))
        cone_force = scaled.T @ (program.sides * self._slack_multipliers)
        dual_size = max(np.linalg.norm(self._vector_multipliers + cone_force), np.linalg.norm(self._vector_multipliers))
        tiny = np.finfo(float).tiny
        return float((primal / max(primal_size, tiny) + tiny) / (np.linalg.norm(moved) / max(dual_size, tiny) + tiny))

    def _shrink(self, vectors: Float[np.ndarray, "feature vector"]) -> Float[np.ndarray, "feature vector"]:
        """Apply the proximal map of the penalty: shorten the penalised part of each vector."""
        norms = self.program.norms(vectors)
        threshold = self.program.alpha / self._rho
        kept = np.maximum(0.0, 1.0 - threshold / np.maximum(norms, np.finfo(float).tiny))
        shrunk = np.asarray(vectors * kept)
        shrunk[self.program.n_penalised :] = vectors[self.program.n_penalised :]
        return shrunk
