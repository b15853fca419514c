"""Fit a gated or ReLU network to canonical samples: everything behind the estimators but their manners."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from consilience.ground.errors import InvalidInput
from consilience.methods.convex_networks.admm import solve_admm
from consilience.methods.convex_networks.arrays import Array, array_namespace, like, to_numpy
from consilience.methods.convex_networks.canonical import without_mean
from consilience.methods.convex_networks.certificate import Certificate
from consilience.methods.convex_networks.cone import ConeSolution, solve_cone_columns
from consilience.methods.convex_networks.fista import solve_fista
from consilience.methods.convex_networks.gates import GIB
from consilience.methods.convex_networks.loss_splitting import solve_loss_splitting
from consilience.methods.convex_networks.losses import Logistic, Loss, Softmax, Squared
from consilience.methods.convex_networks.network import ReluNetwork
from consilience.methods.convex_networks.operator import DenseFeatures, GatedOperator
from consilience.methods.convex_networks.penalties import Columns, Frobenius, NormPenalty, Nuclear
from consilience.methods.convex_networks.problem import BIAS, Fit, Problem, Settings, check_memory
from consilience.methods.convex_networks.program import BlockSolution, Program
from consilience.methods.convex_networks.ridge import (
    RidgePath,
    RidgeSolution,
    nystrom_preconditioner,
    ridge_certificate,
    solve_ridge,
    solve_ridge_iteratively,
)

__all__ = ["centred", "fit_network", "moved", "ridge_alpha", "ridge_fit", "ridge_path"]

LANDMARKS = 4000
"""Rows of the preconditioner of "cg"."""
CALIBRATION_ROWS = 500
"""Distinct samples whose leave-one-out decisions calibrate probabilities."""
HELD_OUT_SAMPLES = 1000
"""Distinct samples that calibrate probabilities where leave-one-out is not to be had ("cg"), about."""
HELD_OUT_STRIDE = 5
"""At most every fifth sample calibrates."""
HELD_OUT_TOLERANCE = 1e-3
"""Relative duality gap of the fit that calibrates."""

_NORMS: dict[str, type[NormPenalty]] = {"group": Frobenius, "columns": Columns, "nuclear": Nuclear}


def ridge_alpha(operator: GatedOperator, weights: Array, ratio: float) -> float:
    """Return the ridge penalty that is `ratio` times the mean gate kernel of a sample with itself, over W."""
    xp = array_namespace(weights)
    total = float(xp.sum(weights))
    return ratio * float(xp.sum(weights * operator.kernel_diagonal())) / total**2


def fit_network(
    problem: Problem,
    settings: Settings,
    *,
    classifies: bool,
    generator: np.random.Generator,
    start: Array | None = None,
) -> Fit:
    """Solve the program that the settings name.

    Parameters
    ----------
    problem : Problem
    settings : Settings
    classifies : bool
        Whether targets are class indicators (one column for two classes, in {-1, 1} for the squared loss and in
        {0, 1} for cross-entropy; one-hot columns for more).
    generator : numpy.random.Generator
        For the rows of a preconditioner.
    start : array, optional
        Blocks of an earlier fit with the same gates.

    Returns
    -------
    Fit

    Raises
    ------
    InvalidInput
        If settings do not go together, or need more memory than the limit.
    """
    mean = np.zeros(problem.samples.targets.shape[1])
    if settings.loss_name(classifies=classifies) == "squared":
        problem, mean = centred(problem)
    return moved(_fit(problem, settings, generator, start, classifies=classifies), mean)


def _fit(
    problem: Problem, settings: Settings, generator: np.random.Generator, start: Array | None, *, classifies: bool
) -> Fit:
    if settings.activation == "relu":
        return _fit_relu(problem, settings, classifies=classifies)
    solver = settings.solver_name(problem.patterns.shape[0], classifies=classifies)
    if settings.penalty_name == "ridge":
        return _fit_ridge(problem, settings, solver, generator, start, classifies=classifies)
    return _fit_norm(problem, settings, solver, classifies=classifies, start=start)


def centred(problem: Problem) -> tuple[Problem, Float[np.ndarray, " c"]]:
    """Take the mean out of the targets, so that no solver rounds against it; `moved` puts it into the intercept."""
    targets, mean = without_mean(problem.samples.targets, problem.cloud.probabilities)
    return replace(problem, samples=replace(problem.samples, targets=targets)), mean


def moved(fit: Fit, shift: Float[np.ndarray, " c"]) -> Fit:
    """Return the fit to targets that are larger by `shift`."""
    left_out = None if fit.left_out is None else fit.left_out + shift
    return replace(fit, network=replace(fit.network, intercept=fit.network.intercept + shift), left_out=left_out)


def ridge_path(problem: Problem, settings: Settings) -> tuple[RidgePath, GatedOperator, Array]:
    """Return all ridge fits of a problem, with its operator and weights, for a choice of alpha."""
    _check_kernel_memory(settings, problem, matrices=5.0)
    _check_blocks_memory(settings, problem, copies=4)
    dtype = "float64" if settings.dtype == "auto" else settings.dtype
    operator = problem.operator(ridge=True, dtype=dtype, device=settings.device)
    target, weights = _on_reference(problem, operator)
    return RidgePath(operator, target, weights), operator, weights


def ridge_fit(problem: Problem, operator: GatedOperator, solution: RidgeSolution, alpha: float) -> Fit:
    """Write a ridge solution as a fit."""
    blocks = to_numpy(solution.blocks).astype(np.float64) * operator.scales[:, None, None]
    left_out = None if solution.left_out is None else to_numpy(solution.left_out).astype(np.float64)
    certificate = solution.certificate
    if operator.reference.dtype != array_namespace(operator.reference).float64:
        certificate = _ridge_certified_in_double(problem, solution, alpha)
    return Fit(
        network=problem.network(blocks, to_numpy(solution.intercept).astype(np.float64)),
        gates=problem.gates,
        certificate=certificate,
        alpha=alpha,
        alpha_max=None,
        iterations=solution.iterations,
        n_active_gates=len(blocks),
        blocks=solution.blocks,
        left_out=left_out,
    )


def _ridge_certified_in_double(problem: Problem, solution: RidgeSolution, alpha: float) -> Certificate:
    """Evaluate objective and gradient anew in double precision, at the cost of a step or two of the solver."""
    operator = problem.operator(ridge=True, dtype="float64", device=None)
    blocks = to_numpy(solution.blocks).astype(np.float64)
    certificate, _ = ridge_certificate(operator, problem.samples.targets, problem.samples.weights, alpha, blocks)
    return certificate


def _fit_ridge(
    problem: Problem,
    settings: Settings,
    solver: str,
    generator: np.random.Generator,
    start: Array | None,
    *,
    classifies: bool,
) -> Fit:
    dtype = settings.dtype
    if dtype == "auto":
        dtype = "float32" if solver == "cg" else "float64"
    if solver == "kernel":
        _check_kernel_memory(settings, problem, matrices=3.5)
        _check_blocks_memory(settings, problem, copies=4)
    else:
        _check_blocks_memory(settings, problem, copies=7)
    operator = problem.operator(ridge=True, dtype=dtype, device=settings.device)
    target, weights = _on_reference(problem, operator)
    alpha = settings.alpha or ridge_alpha(operator, weights, settings.alpha_ratio)
    if solver == "kernel":
        # Rows come in hashed order, so the last ones are a random draw.
        rows = CALIBRATION_ROWS if classifies else 0
        return ridge_fit(problem, operator, solve_ridge(operator, target, weights, alpha, left_out_rows=rows), alpha)
    precondition = nystrom_preconditioner(operator, weights, alpha, landmarks=LANDMARKS, generator=generator)

    def solve(part: GatedOperator, rows: Any, begin: Array | None, tolerance: float) -> RidgeSolution:
        return solve_ridge_iteratively(
            part,
            target[rows, :],
            weights[rows],
            alpha,
            tolerance=tolerance,
            max_iterations=settings.max_iterations,
            preconditioner=precondition,
            start=begin,
        )

    begin = None if start is None else like(start, target)
    left_out = None
    if classifies and operator.samples > 1:
        # Probabilities are calibrated on rows that a first fit has not seen; the final fit begins where it ended.
        held, seen = _held_out(problem)
        first = solve(operator.take_samples(seen), seen, begin, max(settings.tolerance, HELD_OUT_TOLERANCE))
        left_out = np.full(problem.samples.targets.shape, np.nan)
        left_out[held] = to_numpy(operator.take_samples(held).forward(first.blocks) + first.intercept)
        begin = first.blocks
    fit = ridge_fit(problem, operator, solve(operator, slice(None), begin, settings.tolerance), alpha)
    return replace(fit, left_out=left_out)


def _held_out(problem: Problem) -> tuple[Int[np.ndarray, " h"], Int[np.ndarray, " s"]]:
    """Return the rows that calibrate and the others; canonical order is hashed, so every k-th row is a random one."""
    count = problem.patterns.shape[0]
    rows = np.arange(count)
    stride = max(count // HELD_OUT_SAMPLES, HELD_OUT_STRIDE)
    return rows[::stride], rows[rows % stride != 0]


def _fit_norm(problem: Problem, settings: Settings, solver: str, *, classifies: bool, start: Array | None) -> Fit:
    dtype = "float64" if settings.dtype == "auto" else settings.dtype
    _check_blocks_memory(settings, problem, copies=9)
    if solver == "admm":
        _check_kernel_memory(settings, problem, matrices=3.0)
    operator = problem.operator(ridge=False, dtype=dtype, device=settings.device)
    target, weights = _on_reference(problem, operator)
    loss: Loss = Squared()
    if settings.loss_name(classifies=classifies) == "cross_entropy":
        if not classifies:
            raise InvalidInput("loss='cross_entropy' is for classifiers; use loss='squared'.")
        loss = Logistic() if target.shape[1] == 1 else Softmax()
    program = Program(
        operator=operator,
        target=target,
        weights=weights,
        loss=loss,
        penalty=_NORMS[settings.penalty_name](),
    )
    alpha_max = program.alpha_max()
    # A constant target has alpha_max 0: any penalty gives the constant network.
    alpha = settings.alpha or settings.alpha_ratio * alpha_max or 1.0
    begin = None
    if start is not None:
        blocks = like(start, target)
        fitted = operator.forward_nonzero(blocks)
        intercept = loss.intercept(fitted, target, weights, program.constant())
        certificate, correlation, _ = program.certify(blocks, fitted + intercept, alpha)
        begin = BlockSolution(
            blocks=blocks, intercept=intercept, certificate=certificate, iterations=0, correlation=correlation
        )
    split = solve_admm if isinstance(loss, Squared) else solve_loss_splitting
    solve = split if solver == "admm" else solve_fista
    solution = solve(program, alpha, tolerance=settings.tolerance, max_iterations=settings.max_iterations, start=begin)
    certificate = solution.certificate
    if dtype == "float32":
        certificate = _certified_in_double(problem, program, solution, alpha)
    return Fit(
        network=problem.network(
            to_numpy(solution.blocks).astype(np.float64), to_numpy(solution.intercept).astype(np.float64)
        ),
        gates=problem.gates,
        certificate=certificate,
        alpha=alpha,
        alpha_max=alpha_max,
        iterations=solution.iterations,
        n_active_gates=len(solution.active),
        blocks=solution.blocks,
    )


def _certified_in_double(problem: Problem, program: Program, solution: BlockSolution, alpha: float) -> Certificate:
    """Evaluate primal and dual anew in double precision: single precision cannot prove small gaps."""
    operator = problem.operator(ridge=False, dtype="float64", device=None)
    double = Program(
        operator=operator,
        target=problem.samples.targets,
        weights=problem.samples.weights,
        loss=program.loss,
        penalty=program.penalty,
    )
    blocks = to_numpy(solution.blocks).astype(np.float64)
    fitted = operator.forward_nonzero(blocks)
    start = to_numpy(solution.intercept).astype(np.float64)
    intercept = double.loss.intercept(fitted, double.target, double.weights, start)
    certificate, _, _ = double.certify(blocks, fitted + intercept, alpha)
    return certificate


def _fit_relu(problem: Problem, settings: Settings, *, classifies: bool) -> Fit:
    if settings.penalty_name != "columns" or settings.loss_name(classifies=classifies) != "squared":
        raise InvalidInput(
            "activation='relu' takes penalty='columns' and loss='squared'; "
            f"got penalty={settings.penalty_name!r} and loss={settings.loss_name(classifies=classifies)!r}."
        )
    if settings.device is not None:
        raise InvalidInput("activation='relu' runs on numpy only; use device=None.")
    features = problem.features("float64")
    samples, gates = problem.patterns.shape
    check_memory(settings, problem.samples, "the cone program", 8.0 * 12.0 * samples * gates)
    targets, weights = problem.samples.targets, problem.samples.weights
    alpha = settings.alpha or settings.alpha_ratio * _relu_alpha_max(features, problem.patterns, targets, weights)
    solutions = solve_cone_columns(
        features,
        problem.patterns,
        targets,
        alpha or 1.0,
        weights=weights,
        tolerance=settings.tolerance,
        max_iterations=settings.max_iterations,
    )
    objective = sum(solution.objective for solution in solutions)
    gap = sum(solution.gap for solution in solutions)
    global_gap = sum(solution.global_gap for solution in solutions)
    return Fit(
        network=_joined_relu(problem, solutions),
        gates=problem.gates,
        certificate=Certificate(objective=objective, dual_bound=objective - gap, scope="sampled program"),
        global_certificate=Certificate(
            objective=objective, dual_bound=objective - global_gap, scope="global upper bound"
        ),
        alpha=alpha,
        alpha_max=None,
        iterations=max(solution.n_iter for solution in solutions),
        n_active_gates=int(
            np.any([np.any(s.V != 0, axis=1) | np.any(s.W != 0, axis=1) for s in solutions], axis=0).sum()
        ),
    )


def _relu_alpha_max(
    features: Float[np.ndarray, "n p"],
    patterns: Bool[np.ndarray, "n g"],
    targets: Float[np.ndarray, "n c"],
    weights: Float[np.ndarray, " n"],
) -> float:
    """Return the penalty at which the gated program over these cells is constant, which bounds the cone program's."""
    program = Program(
        operator=GatedOperator(DenseFeatures(features), patterns),
        target=targets,
        weights=weights,
        loss=Squared(),
        penalty=Columns(),
    )
    return program.alpha_max()


def _joined_relu(problem: Problem, solutions: tuple[ConeSolution, ...]) -> ReluNetwork:
    """Put the networks of all outputs side by side, in the original features."""
    parts = [solution.network(constant_column=True) for solution in solutions]
    hidden = np.concatenate([part.hidden_weights for part in parts]) / problem.scale
    biases = np.concatenate([part.hidden_biases for part in parts]) * BIAS - hidden @ problem.cloud.centre
    outputs = np.zeros((len(hidden), len(parts)))
    first = 0
    for column, part in enumerate(parts):
        outputs[first : first + part.n_neurons, column] = part.output_weights[:, 0]
        first += part.n_neurons
    return ReluNetwork(
        hidden_weights=hidden,
        hidden_biases=biases,
        output_weights=outputs,
        intercept=np.array([solution.intercept for solution in solutions]),
    )


def _on_reference(problem: Problem, operator: GatedOperator) -> tuple[Array, Array]:
    return like(problem.samples.targets, operator.reference), like(problem.samples.weights, operator.reference)


def _check_kernel_memory(settings: Settings, problem: Problem, *, matrices: float) -> None:
    samples = problem.patterns.shape[0]
    need = matrices * 8.0 * samples**2
    if need > settings.memory_limit_gib * GIB:
        fits = int(np.sqrt(settings.memory_limit_gib * GIB / (matrices * 8.0)))
        other = "solver='cg'" if settings.penalty_name == "ridge" else "solver='fista'"
        raise InvalidInput(
            f"the gate kernel of {samples} distinct samples needs {need / GIB:.3g} GiB, more than "
            f"memory_limit_gib={settings.memory_limit_gib:g}; {fits} samples would fit, or use {other}."
        )


def _check_blocks_memory(settings: Settings, problem: Problem, *, copies: int) -> None:
    samples, gates = problem.patterns.shape
    features, outputs = problem.samples.features.shape[1] + 1, problem.samples.targets.shape[1]
    each = 8.0 * features * outputs * copies + 9.0 * samples
    need = gates * each
    if need > settings.memory_limit_gib * GIB:
        fits = int(settings.memory_limit_gib * GIB / each)
        raise InvalidInput(
            f"{gates} gates of {features} x {outputs} coefficients over {samples} samples need {need / GIB:.3g} GiB, "
            f"more than memory_limit_gib={settings.memory_limit_gib:g}; {fits} gates would fit."
        )
