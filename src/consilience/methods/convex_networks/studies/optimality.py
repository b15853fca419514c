"""Every solver against an independent one: objectives agree, and every printed duality gap is a bound.

Small random problems with sample weights are solved by ours and, as a modelling language writes them, by cvxpy with
Clarabel. Gaps are also asked of solvers that were stopped early, where they are large and a wrong one would show.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, TypeAlias

import numpy as np
from jaxtyping import Float

from consilience.ground import Evidence, Measurement, MissingDependency, RunFolder, Streams, Table
from consilience.methods.convex_networks.admm import solve_admm
from consilience.methods.convex_networks.cells import enumerate_cells
from consilience.methods.convex_networks.certificate import Certificate
from consilience.methods.convex_networks.config import Config
from consilience.methods.convex_networks.fista import solve_fista
from consilience.methods.convex_networks.fitting import ridge_alpha
from consilience.methods.convex_networks.losses import Logistic, Loss, Softmax, Squared
from consilience.methods.convex_networks.operator import DenseFeatures, GatedOperator
from consilience.methods.convex_networks.path import convex_path
from consilience.methods.convex_networks.penalties import Columns, Frobenius, NormPenalty, Nuclear
from consilience.methods.convex_networks.program import BlockSolution, Program
from consilience.methods.convex_networks.ridge import RidgePath, solve_ridge, solve_ridge_iteratively
from consilience.methods.convex_networks.studies.cone_programs import cone_programs
from consilience.methods.convex_networks.studies.theorem import Problem

_OUTPUTS = 3
_TOLERANCE = 1e-7
_AGREEMENT = 1e-6
_REFERENCE_ACCURACY = 1e-7
"""Relative accuracy that is asked of the reference's optimum before a gap is called invalid."""
_STEPS = 20_000
_EARLY_STEPS = (1, 7, 40)
_PATH_POINTS = 4
_LASSO_PROBLEMS = 6

Cell: TypeAlias = str | float | int | None


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of program: a loss and a norm, or ridge where there is none."""

    name: str
    loss: Loss
    penalty: NormPenalty | None
    outputs: int


KINDS = (
    Kind(name="ridge", loss=Squared(), penalty=None, outputs=_OUTPUTS),
    Kind(name="squared loss, one norm a gate", loss=Squared(), penalty=Frobenius(), outputs=_OUTPUTS),
    Kind(name="squared loss, one norm a gate and output", loss=Squared(), penalty=Columns(), outputs=_OUTPUTS),
    Kind(name="squared loss, nuclear norm", loss=Squared(), penalty=Nuclear(), outputs=_OUTPUTS),
    Kind(name="logistic loss", loss=Logistic(), penalty=Frobenius(), outputs=1),
    Kind(name="softmax loss, one norm a gate", loss=Softmax(), penalty=Frobenius(), outputs=_OUTPUTS),
    Kind(name="softmax loss, nuclear norm", loss=Softmax(), penalty=Nuclear(), outputs=_OUTPUTS),
)


@dataclass(frozen=True, kw_only=True)
class Instance:
    """A random problem of some kind."""

    kind: Kind
    program: Program
    alpha: float

    @classmethod
    def draw(cls, kind: Kind, generator: np.random.Generator) -> Instance:
        """Draw samples, gates, weights, targets and a penalty between a hundredth and a half of the largest."""
        n_samples, n_features = int(generator.integers(20, 81)), int(generator.integers(2, 7))
        samples = generator.standard_normal((n_samples, n_features))
        features = np.column_stack([samples, np.ones(n_samples)])
        normals = generator.standard_normal((n_features + 1, int(generator.integers(4, 25))))
        patterns = np.column_stack([np.ones(n_samples, dtype=bool), features @ normals >= 0.0])
        operator = GatedOperator(DenseFeatures(features), patterns)
        scores = np.sin(2.0 * features @ generator.standard_normal((n_features + 1, kind.outputs)))
        scores = scores + 0.5 * generator.standard_normal(scores.shape)
        program = Program(
            operator=operator,
            target=_targets(kind, scores),
            weights=generator.uniform(0.2, 2.0, n_samples),
            loss=kind.loss,
            penalty=kind.penalty or Frobenius(),
        )
        share = 10.0 ** generator.uniform(-2.0, math.log10(0.5))
        alpha = share * program.alpha_max() if kind.penalty else ridge_alpha(operator, program.weights, share)
        return cls(kind=kind, program=program, alpha=alpha)

    def solutions(self) -> dict[str, Certificate]:
        """Solve by every solver that takes the program, to high accuracy."""
        program, alpha = self.program, self.alpha
        if self.kind.penalty is None:
            data = program.operator, program.target, program.weights
            return {
                "kernel": solve_ridge(*data, alpha).certificate,
                "eigendecomposition": RidgePath(*data).solution(alpha).certificate,
                "conjugate gradients": solve_ridge_iteratively(*data, alpha, tolerance=_TOLERANCE).certificate,
            }
        found = {"FISTA": self._solved(solve_fista, _STEPS)}
        if isinstance(program.loss, Squared):
            alphas = np.geomspace(program.alpha_max(), alpha, _PATH_POINTS).tolist()
            path = convex_path(program, alphas, tolerance=_TOLERANCE, max_iterations=_STEPS)
            found |= {"ADMM": self._solved(solve_admm, _STEPS), "path": path[-1].certificate}
        return found

    def early(self) -> list[Certificate]:
        """Return what the solvers print when they are stopped early."""
        program, alpha = self.program, self.alpha
        if self.kind.penalty is None:
            data = program.operator, program.target, program.weights
            return [
                solve_ridge_iteratively(*data, alpha, max_iterations=steps, preconditioner=_unconditioned).certificate
                for steps in _EARLY_STEPS
            ]
        solvers = (solve_fista, solve_admm) if isinstance(program.loss, Squared) else (solve_fista,)
        return [self._solved(solve, steps) for solve in solvers for steps in _EARLY_STEPS]

    def _solved(self, solve: Callable[..., BlockSolution], steps: int) -> Certificate:
        return solve(self.program, self.alpha, tolerance=_TOLERANCE, max_iterations=steps).certificate

    def reference(self) -> float:
        """Solve by cvxpy and Clarabel, and return the optimum.

        Raises
        ------
        MissingDependency
            When cvxpy is not installed.
        """
        cp = _cvxpy()
        program = self.program
        gates, features, outputs = program.shape
        columns, shares = program.operator.columns(), program.weights / program.total
        blocks = [cp.Variable((features, outputs)) for _ in range(gates)]
        scores = columns @ cp.vstack(blocks) + np.ones((len(shares), 1)) @ cp.Variable((1, outputs))
        loss = shares @ _losses(cp, self.kind.loss, scores, program.target)
        penalty = self.alpha * sum(_penalty(cp, self.kind.penalty, block) for block in blocks)
        problem = cp.Problem(cp.Minimize(loss + penalty))
        with warnings.catch_warnings():
            # Clarabel stops at rounding now and then; the bars leave room for what that costs.
            warnings.filterwarnings("ignore", message="Solution may be inaccurate", category=UserWarning)
            problem.solve(solver=cp.CLARABEL, tol_gap_abs=1e-9, tol_gap_rel=1e-9, tol_feas=1e-9)
        return float(problem.value)


def optimality(config: Config, streams: Streams, folder: RunFolder) -> Evidence:
    """Measure the claim ``convex.optimal``.

    Parameters
    ----------
    config : Config
        ``optimal_problems`` says how many random problems of each kind of program.
    streams : Streams
        Where the problems are drawn from.
    folder : RunFolder
        Takes a metric for each problem.

    Returns
    -------
    Evidence
        The largest relative difference to the reference by kind, and how many gaps are no bounds. Without cvxpy,
        measurements that say so.
    """
    rows: list[tuple[Cell, ...]] = []
    measurements: list[Measurement] = []
    invalid, printed, note = 0, 0, ""
    for kind in KINDS:
        found = []
        for index in range(config.optimal_problems):
            instance = Instance.draw(kind, streams.generator(f"{kind.name} {index}"))
            try:
                found.append(_compared(instance))
            except MissingDependency as error:
                note = str(error)
                break
            folder.metric("relative difference to cvxpy", found[-1].difference, kind=kind.name, problem=index)
        invalid += sum(comparison.invalid for comparison in found)
        printed += sum(comparison.printed for comparison in found)
        largest = max((comparison.difference for comparison in found), default=None)
        measurements.append(
            Measurement(
                name=f"{kind.name}: largest relative difference to cvxpy",
                value=largest,
                at_most=_AGREEMENT,
                note=note or f"{len(found)} weighted problems, by {', '.join(found[0].solvers)}",
            )
        )
        gap = max((comparison.gap for comparison in found), default=None)
        rows.append((kind.name, ", ".join(found[0].solvers) if found else "", len(found), largest, gap))
    measurements.append(_lasso(config, streams, rows))
    measurements.append(
        Measurement(
            name="printed gaps that are smaller than the distance to the reference's optimum",
            value=None if note else float(invalid),
            at_most=0.0,
            note=note or f"{printed} gaps, also of solvers stopped after {', '.join(map(str, _EARLY_STEPS))} steps",
        )
    )
    return Evidence(
        measurements=(*measurements, *cone_programs(config, streams)),
        tables=(
            Table(
                title="Our solvers against cvxpy with Clarabel",
                columns=("program", "solvers", "problems", "largest relative difference", "largest certified gap"),
                rows=tuple(rows),
                note="20 to 80 samples, 2 to 6 features, at most 25 gates; the worst of all solvers and problems.",
            ),
        ),
    )


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """One problem, solved by every solver and by the reference."""

    solvers: tuple[str, ...]
    difference: float
    """Largest relative difference of an objective to the reference's."""
    gap: float
    """Largest relative gap that a solver certified at its end."""
    printed: int
    """Gaps that were compared with the true ones."""
    invalid: int
    """Gaps that are smaller."""


def _compared(instance: Instance) -> Comparison:
    optimum = instance.reference()
    found = instance.solutions()
    certificates = [*found.values(), *instance.early()]
    return Comparison(
        solvers=tuple(found),
        difference=max(abs(certificate.objective / optimum - 1.0) for certificate in found.values()),
        gap=max(certificate.relative_gap for certificate in found.values()),
        printed=len(certificates),
        invalid=count_invalid(certificates, optimum),
    )


def count_invalid(certificates: Sequence[Certificate], optimum: float) -> int:
    """Count certificates whose gap is smaller than the distance to the optimum, beyond the reference's accuracy.

    Examples
    --------
    >>> honest = Certificate(objective=1.2, dual_bound=0.9, scope="sampled program")
    >>> wrong = Certificate(objective=1.2, dual_bound=1.1, scope="sampled program")
    >>> count_invalid([honest, wrong], optimum=1.0)
    1
    """
    slack = _REFERENCE_ACCURACY * abs(optimum)
    return sum(certificate.objective - optimum > certificate.gap + slack for certificate in certificates)


def _lasso(config: Config, streams: Streams, rows: list[tuple[Cell, ...]]) -> Measurement:
    """Compare the Lasso over enumerated neurons with the l1 cone program over all cells."""
    differences, note = [], ""
    for index in range(min(config.optimal_problems, _LASSO_PROBLEMS)):
        try:
            problem = Problem.draw(streams.generator(f"l1 program {index}"), bias=index % 2 == 1)
            optimum = problem.reference(enumerate_cells(problem.samples, bias=problem.bias))
            differences.append(abs(problem.lasso("l1", coordinates=True) / optimum - 1.0))
        except MissingDependency as error:
            note = str(error)
            break
    largest = max(differences, default=None)
    rows.append(("l1 program over enumerated cross products", "Lasso", len(differences), largest, None))
    return Measurement(
        name="l1 program: largest relative difference to cvxpy over all cells",
        value=largest,
        at_most=_AGREEMENT,
        note=note or f"{len(differences)} problems, half of them with bias",
    )


def _unconditioned(blocks: Float[np.ndarray, "g p c"]) -> Float[np.ndarray, "g p c"]:
    return blocks


def _targets(kind: Kind, scores: Float[np.ndarray, "n c"]) -> Float[np.ndarray, "n c"]:
    if isinstance(kind.loss, Logistic):
        return np.asarray(scores > 0.0, dtype=np.float64)
    if isinstance(kind.loss, Softmax):
        return np.asarray(np.eye(scores.shape[1])[scores.argmax(axis=1)])
    return scores


def _losses(cp: Any, loss: Loss, scores: Any, target: Float[np.ndarray, "n c"]) -> Any:
    """Write the losses of all samples, without sample weights."""
    if isinstance(loss, Squared):
        return cp.sum(cp.square(scores - target), axis=1) / 2.0
    along = cp.sum(cp.multiply(target, scores), axis=1)
    if isinstance(loss, Logistic):
        return cp.sum(cp.logistic(scores), axis=1) - along
    return cp.log_sum_exp(scores, axis=1) - along


def _penalty(cp: Any, penalty: NormPenalty | None, block: Any) -> Any:
    if penalty is None:
        return cp.sum_squares(block) / 2.0
    if isinstance(penalty, Frobenius):
        return cp.norm(block, "fro")
    if isinstance(penalty, Columns):
        return cp.sum(cp.norm(block, 2, axis=0))
    return cp.normNuc(block)


def _cvxpy() -> Any:
    try:
        return import_module("cvxpy")
    except ImportError as error:
        raise MissingDependency("the reference solution needs cvxpy; install consilience[peers]") from error
