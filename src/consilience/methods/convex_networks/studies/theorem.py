"""The theorem: cross products of samples and coordinate vectors are all the neurons that a network needs.

Under the l1 norm the Lasso over them is compared with the convex program over all activation cells, solved by an
independent solver, on random problems with and without bias. Leaving out the coordinate vectors must cost. Under the l2
norm, where the dictionary is only nearly optimal, its excess is compared with the bound on it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from consilience.ground import Evidence, Measurement, MissingDependency, RunFolder, Streams, Table
from consilience.methods.convex_networks.cells import Cells, enumerate_cells
from consilience.methods.convex_networks.cone import solve_cone
from consilience.methods.convex_networks.config import Config
from consilience.methods.convex_networks.dictionary import dispersion_factor, enumerate_neurons
from consilience.methods.convex_networks.lasso import solve_lasso
from consilience.methods.convex_networks.studies.reference import reference_optimum

_PENALTY_SHARE = 0.05
_WORSE = 1e-6
_EXACT = 1e-10


@dataclass(frozen=True, kw_only=True)
class Problem:
    """A random regression small enough for all its cells to be enumerated."""

    samples: Float[np.ndarray, "sample feature"]
    targets: Float[np.ndarray, " sample"]
    alpha: float
    bias: bool

    @classmethod
    def draw(cls, generator: np.random.Generator, *, bias: bool) -> Problem:
        """Draw samples and targets, and take a twentieth of a penalty under which no neuron is used."""
        n_features = int(generator.integers(2, 4))
        n_samples = int(generator.integers(5, 11 if n_features == 2 or not bias else 9))  # noqa: PLR2004
        samples = generator.standard_normal((n_samples, n_features))
        targets = generator.standard_normal(n_samples)
        dual = (targets.mean() if bias else 0.0) - targets
        largest = float(np.abs(enumerate_neurons(samples, bias=bias).price(dual / n_samples)).max())
        return cls(samples=samples, targets=targets, alpha=_PENALTY_SHARE * largest, bias=bias)

    @property
    def features(self) -> Float[np.ndarray, "sample feature"]:
        """The samples, beside a column of ones if there is a bias."""
        return np.column_stack([self.samples, np.ones(len(self.samples))]) if self.bias else self.samples

    def lasso(self, norm: str, *, coordinates: bool) -> float:
        """Solve over cross products."""
        neurons = enumerate_neurons(
            self.samples, norm="l1" if norm == "l1" else "l2", bias=self.bias, coordinates=coordinates
        )
        return solve_lasso(neurons, self.targets, self.alpha, fit_intercept=self.bias, tolerance=_EXACT).objective

    def reference(self, cells: Cells) -> float:
        """Solve over all cells under the l1 norm, by an independent solver."""
        return reference_optimum(
            self.features,
            cells.patterns,
            self.targets,
            self.alpha,
            norm="l1",
            free_bias=self.bias,
            fit_intercept=self.bias,
        )


def theorem(config: Config, streams: Streams, folder: RunFolder) -> Evidence:
    """Measure the claim ``convex.theorem``.

    Parameters
    ----------
    config : Config
        ``theorem_problems`` says how many random problems, alternating without and with bias.
    streams : Streams
        Where the problems are drawn from.
    folder : RunFolder
        Takes a metric for each problem.
    """
    rows: list[tuple[str | float | int | None, ...]] = []
    differences: list[float | None] = []
    excesses: list[float] = []
    ratios: list[float] = []
    shares: list[float] = []
    for index in range(config.theorem_problems):
        problem = Problem.draw(streams.generator(f"theorem {index}"), bias=index % 2 == 1)
        cells = enumerate_cells(problem.samples, bias=problem.bias)
        found = problem.lasso("l1", coordinates=True)
        difference = _difference(problem, cells, found)
        excess = problem.lasso("l1", coordinates=False) / found - 1.0
        ratio = bound = None
        if not problem.bias:
            ratio, bound = _near_optimality(problem, cells)
            ratios.append(ratio)
            shares.append((ratio - 1.0) / (bound - 1.0))
        differences.append(difference)
        excesses.append(excess)
        n_samples, n_features = problem.samples.shape
        rows.append(
            (n_samples, n_features, problem.bias, cells.n_cells, found, difference, 100.0 * excess, ratio, bound)
        )
        folder.metric("theorem excess without coordinate vectors", excess, problem=index)
    compared = [difference for difference in differences if difference is not None]
    missing = "" if len(compared) == len(differences) else "the reference solver cvxpy is not installed"
    return Evidence(
        measurements=(
            Measurement(
                name="largest relative difference of the l1 optima, all cells against cross products",
                value=max(compared, default=None),
                at_most=1e-7,
                note=missing or f"{len(compared)} random problems, half of them with bias",
            ),
            Measurement(
                name="share of problems strictly worse without coordinate vectors",
                value=float(np.mean(np.array(excesses) > _WORSE)),
                at_least=0.5,
                note=f"median excess {100 * float(np.median(excesses)):.2g} %, largest {100 * max(excesses):.2g} %",
            ),
            Measurement(
                name="smallest ratio of the l2 optima, cross products over all cells",
                value=min(ratios),
                at_least=1.0 - 1e-8,
                note="problems without bias",
            ),
            Measurement(
                name="largest excess of the l2 optimum as a share of its bound's",
                value=max(shares),
                at_most=1.0 + 1e-8,
                note=f"largest ratio {max(ratios):.4g}; bound: one over the distance of a hull of rays from zero",
            ),
        ),
        tables=(
            Table(
                title="Cross products against all cells",
                columns=(
                    "samples",
                    "features",
                    "bias",
                    "cells",
                    "l1 optimum",
                    "relative difference",
                    "excess without coordinate vectors, %",
                    "l2 ratio",
                    "its bound",
                ),
                rows=tuple(rows),
                note="l2 ratios are measured without bias, where the bound applies.",
            ),
        ),
    )


def _difference(problem: Problem, cells: Cells, found: float) -> float | None:
    try:
        return abs(found / problem.reference(cells) - 1.0)
    except MissingDependency:
        return None


def _near_optimality(problem: Problem, cells: Cells) -> tuple[float, float]:
    """Compare the l2 optimum over cross products with that over all cells: their ratio, and the bound on it."""
    whole = solve_cone(
        problem.samples, cells.patterns, problem.targets, problem.alpha, fit_intercept=False, tolerance=_EXACT
    )
    return problem.lasso("l2", coordinates=False) / whole.objective, dispersion_factor(problem.samples, cells)[0]
