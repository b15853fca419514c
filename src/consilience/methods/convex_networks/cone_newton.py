r"""An active-set Newton method for the cone program: from nearly optimal to optimal up to rounding.

Near the optimum most vectors are zero, and each of the others leans on some of its constraints. With those constraints
kept as equations every used vector moves in a small subspace, on which the program is smooth, and Newton's method
minimises it; a step that meets another constraint stops there and keeps it too. At the minimum the negative gradient of
each vector is projected on the directions that its constraints allow. Where something is left, the constraints that it
leaves are let go, unused vectors that would help come in, and Newton's method goes on. The point stays feasible and its
value never rises.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.linalg import LinAlgError, cho_factor, cho_solve

from consilience.methods.convex_networks.cone_geometry import ConeProgram, climb, project_on_cone

_MAX_STEPS = 60
_MAX_ROUNDS = 30
_TIGHT = 1e-9
_LEAVES = 1e-7
_OPTIMAL = 1e-9
_CONVERGED = 1e-15
_SMALLEST_STEP = 1e-10
_SUFFICIENT = 1e-4
_DAMPING = 1e-14
_REST = 1e-12
_RANK = 1e-10

Vectors = Float[np.ndarray, "feature vector"]


def refine(program: ConeProgram, vectors: Vectors) -> Vectors:
    """Minimise the program from a feasible point, whose used vectors and tight constraints are the first guess.

    Parameters
    ----------
    program : ConeProgram
        The program.
    vectors : array of shape (n_features, n_vectors)
        A feasible point; it is not changed.

    Returns
    -------
    array of shape (n_features, n_vectors)
        A feasible point, no worse up to rounding; whether it is optimal is for a certificate to say.
    """
    state = _ActiveSet.start(program, vectors)
    for _ in range(_MAX_ROUNDS):
        state.minimise()
        if not state.release():
            break
    return state.vectors


@dataclass(kw_only=True)
class _ActiveSet:
    """A feasible point and the constraints that are kept as equations; of a vector at zero, all of them."""

    program: ConeProgram
    vectors: Vectors
    tight: Bool[np.ndarray, "sample vector"]
    lengths: Float[np.ndarray, " sample"] = field(repr=False)

    @classmethod
    def start(cls, program: ConeProgram, vectors: Vectors) -> _ActiveSet:
        # A vector without penalised part is a constant, which the intercept takes over.
        vectors = np.where(program.norms(vectors) > 0.0, vectors, 0.0)
        lengths = np.linalg.norm(program.features, axis=1)
        near = np.abs(program.features @ vectors) <= _TIGHT * np.outer(lengths, np.linalg.norm(vectors, axis=0))
        return cls(program=program, vectors=vectors, tight=near, lengths=lengths)

    def minimise(self) -> None:
        """Newton steps, constraints that are met joining, until nothing is gained."""
        for _ in range(_MAX_STEPS):
            used, spaces = self._settle()
            if not used.size:
                return
            step, slope = self._newton_step(used, spaces)
            taken, blocked = self._move(step, slope, 1.0)
            if not blocked and (taken == 0.0 or slope <= _CONVERGED * self.program.value(self.vectors)):
                return

    def release(self) -> bool:
        """Step into the directions that constraints allow and the gradient asks for; False when there are none."""
        program = self.program
        pulls = -program.features.T @ (program.switches * program.dual(self.vectors)[:, None])
        norms = program.norms(self.vectors)
        direction = np.zeros_like(self.vectors)
        slope, curvature = 0.0, 0.0
        for j in np.flatnonzero((norms > 0.0) | (np.linalg.norm(pulls, axis=0) > program.alpha)):
            rows = program.sides[:, j, None] * program.features
            if norms[j] > 0.0:
                pull = pulls[:, j].copy()
                pull[: program.n_penalised] -= program.alpha / norms[j] * self.vectors[: program.n_penalised, j]
                way = project_on_cone(rows[self.tight[:, j]], pull)
                rate = float(np.linalg.norm(way))
                gain, bend = rate**2, float(program.alpha / norms[j] * rate**2)
            else:
                way, rate = climb(rows, pulls[:, j], program.n_penalised)
                rate -= program.alpha
                way, gain, bend = rate * way, rate**2, 0.0
            if rate > _OPTIMAL * program.alpha:
                direction[:, j] = way
                slope, curvature = slope + gain, curvature + bend
                self.tight[:, j] &= rows @ way <= _LEAVES * self.lengths * np.linalg.norm(way)
        if slope == 0.0:
            return False
        curvature += float(program.shares @ program.fitted(direction) ** 2)
        taken, _ = self._move(direction, slope, slope / curvature)
        return taken > 0.0

    def _settle(self) -> tuple[Int[np.ndarray, " used"], list[np.ndarray]]:
        """Put every vector exactly into the subspace of its constraints; those with no freedom or length go to zero."""
        norms = self.program.norms(self.vectors)
        used, spaces = [], []
        for j in np.flatnonzero(norms > _REST * norms.max(initial=0.0)):
            space = _null_space(self.program.features[self.tight[:, j]])
            if space.shape[1]:
                used.append(j)
                spaces.append(space)
        settled = np.zeros_like(self.vectors)
        for j, space in zip(used, spaces, strict=True):
            settled[:, j] = space @ (space.T @ self.vectors[:, j])
        self.vectors = settled
        self.tight[:, ~np.any(settled != 0.0, axis=0)] = True
        return np.array(used, dtype=np.int64), spaces

    def _newton_step(self, used: Int[np.ndarray, " used"], spaces: list[np.ndarray]) -> tuple[Vectors, float]:
        """Compute the Newton step within the subspaces, and the rate of decrease along it."""
        program = self.program
        places = np.cumsum([0, *(space.shape[1] for space in spaces)])
        design = np.hstack(
            [program.switches[:, j, None] * (program.features @ space) for j, space in zip(used, spaces, strict=True)]
        )
        centred = design - program.shares @ design if program.fit_intercept else design
        gradient = design.T @ program.dual(self.vectors)
        hessian = (centred * program.shares[:, None]).T @ centred
        for k, (j, space) in enumerate(zip(used, spaces, strict=True)):
            block = slice(places[k], places[k + 1])
            seen, vector = space[: program.n_penalised], self.vectors[: program.n_penalised, j]
            norm = float(np.linalg.norm(vector))
            along = seen.T @ (vector / norm)
            gradient[block] += program.alpha * along
            hessian[block, block] += program.alpha / norm * (seen.T @ seen - np.outer(along, along))
        hessian[np.diag_indices_from(hessian)] += _DAMPING * np.trace(hessian)
        step = np.zeros_like(self.vectors)
        try:
            move = -cho_solve(cho_factor(hessian, check_finite=False), gradient, check_finite=False)
        except LinAlgError:  # rounding made it indefinite: nothing to gain from here
            return step, 0.0
        for k, (j, space) in enumerate(zip(used, spaces, strict=True)):
            step[:, j] = space @ move[places[k] : places[k + 1]]
        return step, float(-gradient @ move)

    def _move(self, step: Vectors, slope: float, length: float) -> tuple[float, bool]:
        """Go along a direction of descent as far as constraints and the value allow; say how far and if one blocked."""
        program = self.program
        change = program.sides * (program.features @ step)
        falling = ~self.tight & (change < 0.0)
        slack = np.maximum(program.sides * (program.features @ self.vectors), 0.0)
        ratios = np.where(falling, slack / np.where(falling, -change, 1.0), np.inf)
        blocking = np.unravel_index(int(np.argmin(ratios)), ratios.shape)
        blocked = bool(ratios[blocking] <= length)
        taken = self._backtrack(step, slope, float(ratios[blocking]) if blocked else length)
        self.vectors = self.vectors + taken * step
        if blocked and (taken == ratios[blocking] or ratios[blocking] <= _SMALLEST_STEP):
            self.tight[blocking] = True
            return taken, True
        return taken, False

    def _backtrack(self, step: Vectors, slope: float, length: float) -> float:
        """Halve the step until the value falls enough; zero when it never does."""
        program = self.program
        start, change = program.fitted(self.vectors), program.fitted(step)

        def value(taken: float) -> float:
            dual = program.dual_of_fit(start + taken * change)
            norms = program.norms(self.vectors + taken * step)
            return float(0.5 * np.sum(dual**2 / program.shares) + program.alpha * norms.sum())

        here = value(0.0)
        while length > _SMALLEST_STEP:
            if value(length) <= here - _SUFFICIENT * length * slope + np.finfo(float).eps * here:
                return length
            length *= 0.5
        return 0.0


def _null_space(rows: Float[np.ndarray, "held feature"]) -> Float[np.ndarray, "feature free"]:
    if not len(rows):
        return np.eye(rows.shape[1])
    _, values, directions = np.linalg.svd(rows, full_matrices=True)
    return np.asarray(directions[int(np.sum(values > _RANK * values[0])) :].T)
