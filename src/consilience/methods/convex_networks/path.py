"""A whole path of penalties: every point from the one before, certified in full."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from itertools import pairwise
from typing import TypeAlias

import numpy as np

from consilience.ground.errors import InvalidInput
from consilience.methods.convex_networks.admm import ADMM_SAMPLES, AdmmSolver
from consilience.methods.convex_networks.arrays import Array, array_namespace
from consilience.methods.convex_networks.certificate import check_alpha
from consilience.methods.convex_networks.fista import solve_fista
from consilience.methods.convex_networks.kernel_weights import KernelWeights
from consilience.methods.convex_networks.loss_splitting import LossSplitting
from consilience.methods.convex_networks.losses import Squared
from consilience.methods.convex_networks.program import BlockSolution, Program

__all__ = ["convex_path", "solve"]

_Solver: TypeAlias = Callable[..., BlockSolution]

SHARPEST = 1e-4
"""Share of the tolerance below which a working set is not solved more sharply: what is left is rounding."""
LEAST_GATES = 4
"""Gates beyond the active ones that a working set begins and grows with."""


def solve(
    program: Program,
    alpha: float,
    *,
    tolerance: float = 1e-4,
    max_iterations: int = 2000,
    start: BlockSolution | None = None,
) -> BlockSolution:
    """Solve with the fastest solver that takes loss and samples: a variant of ADMM, or FISTA beyond `ADMM_SAMPLES`."""
    return _solver(program)(alpha, tolerance=tolerance, max_iterations=max_iterations, start=start)


def convex_path(
    program: Program,
    alphas: Sequence[float],
    *,
    tolerance: float = 1e-3,
    max_iterations: int = 2000,
) -> list[BlockSolution]:
    """Solve a decreasing sequence of penalties, each from the solution before it.

    While few gates are active, a working set is solved for: the gates active before and the most
    correlated others; then all gates are checked and the worst violators of optimality join. For the
    rest of the path all gates are solved for together: once the working set has half as many
    coefficients an output as there are samples, or, where the program has the form of
    `KernelWeights`, once a gate outside it is needed.

    Squared losses are solved for by `KernelWeights` and ADMM. For others a working set takes FISTA, and all gates
    together `LossSplitting` up to `ADMM_SAMPLES` samples, beyond them FISTA.

    Parameters
    ----------
    program : Program
    alphas : sequence of float
        Positive and decreasing.
    tolerance : float
        Relative duality gap of every point, with respect to all gates.
    max_iterations : int
        For every solve.

    Returns
    -------
    list of BlockSolution
        One for every penalty.

    Raises
    ------
    InvalidInput
        If the penalties do not decrease, or are not positive and finite.
    """
    for alpha in alphas:
        check_alpha(float(alpha))
    if any(later >= earlier for earlier, later in pairwise(alphas)):
        raise InvalidInput(f"alphas must decrease; got {list(alphas)}.")
    walk = _Walk(program, tolerance, max_iterations)
    return [walk.to(float(alpha)) for alpha in alphas]


class _Walk:
    """The last point of a path and what of its work the next one can use."""

    def __init__(self, program: Program, tolerance: float, max_iterations: int) -> None:
        xp = array_namespace(program.target)
        self.program, self.tolerance, self.max_iterations = program, tolerance, max_iterations
        self.correlation = program.correlation(xp.zeros_like(program.target) + program.constant())
        self.blocks = program.zeros()
        self.alpha = self.before_alpha = program.largest_polar(self.correlation)
        self.last: BlockSolution | None = None
        self.before: tuple[Array, Array] | None = None
        self.newton: KernelWeights | None = None
        self.whole: _Solver | None = None
        self.together = False
        self.part: tuple[np.ndarray, Program, _Solver] | None = None

    def to(self, alpha: float) -> BlockSolution:
        """Solve the next penalty."""
        self._predict(alpha)
        solution = self._solve(alpha)
        self.before_alpha, self.alpha = self.alpha, alpha
        return solution

    def _predict(self, alpha: float) -> None:
        """Extrapolate blocks and correlations of active gates along the path, linearly."""
        here = None if self.last is None else (self.last.blocks, self.correlation)
        self.start = None
        if self.last is not None:
            blocks, correlation = self.last.blocks, self.correlation
            if self.before is not None:
                stride = (self.alpha - alpha) / (self.before_alpha - self.alpha)
                xp = array_namespace(blocks)
                both = xp.any((blocks != 0) & (self.before[0] != 0), axis=(1, 2))
                share = xp.astype(both, blocks.dtype)[:, None, None] * stride
                blocks = blocks + share * (blocks - self.before[0])
                correlation = correlation + stride * (correlation - self.before[1])
            self.start = replace(self.last, blocks=blocks, correlation=correlation)
        self.before = here

    def _solve(self, alpha: float) -> BlockSolution:
        gates = self.program.shape[0]
        active = np.zeros(0, dtype=np.int64) if self.last is None else self.last.active
        kept = None if self.part is None else self.part[0]
        # What a set has been prepared for is worth keeping while nothing outside it is needed.
        working = kept if kept is not None and np.isin(active, kept).all() else self._extended(active)
        sharpness = 0.7
        while len(working) < gates and not self.together and not self._is_large(working):
            solution = self._solve_some(working, alpha, sharpness * self.tolerance)
            if solution.certificate.relative_gap <= self.tolerance:
                return solution
            polar = self._polar()
            violated = np.setdiff1d(np.flatnonzero(polar > alpha), working)
            if len(violated) and KernelWeights.takes(self.program):
                break  # Newton's method grows the set faster
            if len(violated):
                worst = violated[np.argsort(-polar[violated], kind="stable")]
                working = np.union1d(working, worst[: max(len(working), LEAST_GATES)])
            elif solution.iterations >= self.max_iterations or sharpness < SHARPEST:
                return solution
            else:
                sharpness /= 4.0
        self.together = True
        return self._solve_all(alpha)

    def _solve_some(self, working: np.ndarray, alpha: float, tolerance: float) -> BlockSolution:
        part, solver = self._part(working)
        start = None if self.start is None else self.start.take_gates(working)
        solved = solver(alpha, tolerance=tolerance, max_iterations=self.max_iterations, start=start)
        full = solved.put_gates(working, self.program.shape[0])
        prediction = part.operator.forward_nonzero(solved.blocks) + solved.intercept
        certificate, self.correlation, _ = self.program.certify(full.blocks, prediction, alpha)
        self.last = replace(full, certificate=certificate)
        return self.last

    def _part(self, working: np.ndarray) -> tuple[Program, _Solver]:
        """Return the program over a working set with its solver, kept while the set stays the same."""
        if self.part is None or not np.array_equal(self.part[0], working):
            program = self.program.take_gates(working)
            self.part = working, program, _solver_of_few(program)
        return self.part[1:]

    def _solve_all(self, alpha: float) -> BlockSolution:
        start = self.start
        if KernelWeights.takes(self.program):
            self.newton = self.newton or KernelWeights(self.program)
            before = None if self.last is None else replace(self.last, correlation=self.correlation)
            self.last = start = self.newton.solve(alpha, tolerance=self.tolerance, start=before)
            self.correlation = start.correlation
            if start.certificate.relative_gap <= self.tolerance:
                return self.last
        self.whole = self.whole or _solver(self.program)
        self.last = self.whole(alpha, tolerance=self.tolerance, max_iterations=self.max_iterations, start=start)
        if self.last.correlation is not None:
            self.correlation = self.last.correlation
        return self.last

    def _polar(self) -> np.ndarray:
        return self.program.polar(self.correlation)

    def _is_large(self, working: np.ndarray) -> bool:
        return 2 * len(working) * self.program.shape[1] > self.program.operator.samples

    def _extended(self, active: np.ndarray) -> np.ndarray:
        """Return the active gates with the most correlated others: as many again, at least 4."""
        polar = self._polar()
        order = np.argsort(-polar, kind="stable")
        others = order[~np.isin(order, active)]
        return np.union1d(active, others[: max(LEAST_GATES, len(active))])


def _solver(program: Program) -> _Solver:
    """Return the solver for all gates, with whatever it keeps between penalties."""
    if isinstance(program.loss, Squared):
        return AdmmSolver(program).solve
    if program.operator.samples <= ADMM_SAMPLES:
        return LossSplitting(program).solve
    return partial(solve_fista, program)


def _solver_of_few(program: Program) -> _Solver:
    """Return the solver for a working set, where a step of FISTA costs less than one with the kernel of all samples."""
    return AdmmSolver(program).solve if isinstance(program.loss, Squared) else partial(solve_fista, program)
