"""The ReLU cone program against an independent solver: values, feasibility, and whether every gap is a bound."""

from __future__ import annotations

import numpy as np

from consilience.ground import Measurement, MissingDependency, Streams
from consilience.methods.convex_networks.cells import enumerate_cells
from consilience.methods.convex_networks.cone import ConeSolution, solve_cone
from consilience.methods.convex_networks.config import Config
from consilience.methods.convex_networks.studies.reference import reference_optimum

_SIZES = (
    # samples, features beside the constant, cells, penalty
    (60, 4, 20, 0.01),
    (60, 4, 20, 0.1),
    (40, 3, 15, 0.001),
    (80, 5, 25, 0.003),
    (30, 2, 10, 0.03),
    (60, 4, 20, 0.001),
    (60, 4, 20, 0.0001),
    (20, 3, 30, 0.003),
    (100, 7, 40, 0.01),
    (50, 9, 20, 0.02),
    (120, 3, 12, 0.005),
    (25, 4, 8, 0.0003),
)
_ALL_CELLS_SAMPLES = 8
_GLOBAL_PROBLEMS = 6
_EARLY_STEPS = (0, 25)
_REFERENCE_ACCURACY = 1e-7


def cone_programs(config: Config, streams: Streams) -> list[Measurement]:
    """Measure the cone program's part of the claim ``convex.optimal``.

    Parameters
    ----------
    config : Config
        ``optimal_problems`` says how many problems of each kind.
    streams : Streams
        Where the problems are drawn from.

    Returns
    -------
    list of Measurement
        Relative difference to the reference optimum, constraint violation, and by how much any gap fails to be a bound:
        that of the sampled program also when stopped early, and the global one against all cells of small problems.
    """
    differences: list[float] = []
    violations: list[float] = []
    gaps: list[float] = []
    excesses: list[float] = []
    note = ""
    for index in range(config.optimal_problems):
        n_samples, n_features, n_cells, alpha = _SIZES[index % len(_SIZES)]
        generator = streams.generator(f"cone program {index}")
        samples = generator.standard_normal((n_samples, n_features))
        features = np.column_stack([samples, np.ones(n_samples)])
        noise = 0.3 * generator.standard_normal(n_samples)
        targets = np.sin(2.0 * samples[:, 0]) + np.abs(samples[:, 1]) + noise
        patterns = np.unique(features @ generator.standard_normal((n_features + 1, n_cells)) >= 0.0, axis=1)
        free_bias = index % 3 == 2  # noqa: PLR2004
        solution = solve_cone(features, patterns, targets, alpha, free_bias=free_bias)
        violations.append(solution.violation)
        gaps.append(solution.gap / solution.objective)
        try:
            optimum = reference_optimum(features, patterns, targets, alpha, free_bias=free_bias)
        except MissingDependency as error:
            note = str(error)
            continue
        differences.append(abs(solution.objective / optimum - 1.0))
        early = [
            solve_cone(features, patterns, targets, alpha, free_bias=free_bias, max_iterations=steps)
            for steps in _EARLY_STEPS
        ]
        excesses.extend((stopped.objective - optimum - stopped.gap) / optimum for stopped in (solution, *early))
    return [
        Measurement(
            name="ReLU cone program: largest relative difference to cvxpy",
            value=max(differences, default=None),
            at_most=1e-6,
            note=note or f"{len(differences)} problems, a third of them with a free bias",
        ),
        Measurement(name="ReLU cone program: largest constraint violation", value=max(violations), at_most=1e-7),
        Measurement(name="ReLU cone program: largest certified relative gap", value=max(gaps), at_most=1e-6),
        Measurement(
            name="ReLU cone program: largest excess of the true gap over the certified one",
            value=max(excesses, default=None),
            at_most=_REFERENCE_ACCURACY,
            note=note or "relative to the optimum; also when stopped after 0 and 25 steps",
        ),
        Measurement(
            name="ReLU cone program: largest excess of the true global gap over its bound",
            value=max(
                _global_excess(streams, index) for index in range(min(config.optimal_problems, _GLOBAL_PROBLEMS))
            ),
            at_most=0.0,
            note="few of the cells against all of them; relative to the optimum over all cells",
        ),
    ]


def _global_excess(streams: Streams, index: int) -> float:
    """Compare a global bound, from a handful of cells, with the certified optimum over all of them."""
    generator = streams.generator(f"global bound {index}")
    samples = generator.standard_normal((_ALL_CELLS_SAMPLES, 2))
    targets = generator.standard_normal(_ALL_CELLS_SAMPLES)
    features = np.column_stack([samples, np.ones(_ALL_CELLS_SAMPLES)])
    patterns = enumerate_cells(features).patterns
    alpha = 10.0 ** generator.uniform(-3.0, -1.0)

    def solve(some: np.ndarray) -> ConeSolution:
        return solve_cone(features, patterns[:, some], targets, alpha, free_bias=index % 2 == 1)

    whole = solve(np.arange(patterns.shape[1]))
    few = solve(generator.choice(patterns.shape[1], 5, replace=False))
    return (few.objective - few.global_gap - whole.objective) / whole.objective
