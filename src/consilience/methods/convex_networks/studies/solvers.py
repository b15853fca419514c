"""A group lasso over a hundred gates against the clock: certified gaps, a whole path, a perceptron beside it.

Digits, three quarters of them for training. ADMM and FISTA are stopped after ever more steps, so that the curve of
certified gap against time is measured and not recorded from inside. Everything is timed in turn, a few times over, on
one thread; ratios are medians of paired repetitions. FISTA, which is slow here, is timed twice at most.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure as Canvas
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_limits

from consilience.ground import Evidence, Figure, Measurement, RunFolder, Streams, Table
from consilience.methods.convex_networks.admm import solve_admm
from consilience.methods.convex_networks.canonical import canonical_samples
from consilience.methods.convex_networks.config import Config
from consilience.methods.convex_networks.fista import solve_fista
from consilience.methods.convex_networks.losses import Squared
from consilience.methods.convex_networks.path import convex_path
from consilience.methods.convex_networks.penalties import Frobenius
from consilience.methods.convex_networks.problem import Problem, Settings, prepare
from consilience.methods.convex_networks.program import BlockSolution, Program
from consilience.methods.convex_networks.studies.drawing import COLOURS, GREY, plain
from consilience.methods.convex_networks.studies.rivals import Split

GATES = 100
SHARE = 0.03
"""The penalty, relative to the one above which the network is constant."""
TOLERANCE = 1e-3
FINE = 1e-4
PATH_POINTS = 20
_FISTA_STEPS = 400
"""Most steps of FISTA, which then reports the gap that it has."""
_FISTA_REPEATS = 2
_ADMM_STOPS = (1, 3, 6, 10, 15, 22, 30)
_FISTA_STOPS = (2, 10, 30, 80, 200)

Value = TypeVar("Value")


@dataclass(frozen=True, kw_only=True)
class Task:
    """The program over the training rows, and what it takes to judge its solutions on the test rows."""

    split: Split
    problem: Problem
    program: Program

    @classmethod
    def draw(cls, seed: int, n_gates: int = GATES) -> Task:
        """Split the digits and draw gates."""
        features, labels = load_digits(return_X_y=True)
        split = Split.draw(features, labels, seed)
        samples = canonical_samples(split.X_train, np.eye(10)[split.y_train], np.ones(len(split.X_train)))
        problem = prepare(samples, Settings(n_gates=n_gates), np.random.default_rng(seed))
        program = Program(
            operator=problem.operator(ridge=False, dtype="float64", device=None),
            target=samples.targets,
            weights=samples.weights,
            loss=Squared(),
            penalty=Frobenius(),
        )
        return cls(split=split, problem=problem, program=program)

    def accuracy(self, solution: BlockSolution) -> float:
        """Return the share of test rows that a solution labels correctly, in percent."""
        network = self.problem.network(np.asarray(solution.blocks), np.asarray(solution.intercept))
        labels = network.decision(self.split.X_test).argmax(axis=1)
        return 100.0 * float(np.mean(labels == self.split.y_test))


@dataclass(frozen=True, kw_only=True)
class Timed:
    """What was timed: the seconds of every repetition, and what the last returned."""

    seconds: tuple[float, ...]
    solution: BlockSolution | None = None
    accuracy: float | None = None

    @property
    def median(self) -> float:
        """The median of the repetitions."""
        return float(np.median(self.seconds))


def solvers(config: Config, streams: Streams, folder: RunFolder) -> Evidence:
    """Measure the claim ``convex.solver``.

    Parameters
    ----------
    config : Config
        ``solver_repeats`` is read.
    streams : Streams
        Decide the split and the gates.
    folder : RunFolder
        Takes the picture.

    Returns
    -------
    Evidence
        Ratios of CPU times, and the largest certified gap of everything that asked for 1e-3.
    """
    seed = streams.integer("split")
    task = Task.draw(seed)
    alpha = SHARE * task.program.alpha_max()
    with threadpool_limits(1):
        found, path = _time_all(task, alpha, config.solver_repeats)
        curves = {
            name: np.array([_stopped(solve, task.program, alpha, steps) for steps in limits])
            for name, solve, limits in (("ADMM", solve_admm, _ADMM_STOPS), ("FISTA", solve_fista, _FISTA_STOPS))
        }
    for name, timed in found.items():
        folder.metric("median CPU seconds", timed.median, study="solvers", run=name)
    return Evidence(
        measurements=tuple(_measurements(found, path)),
        tables=_tables(found, path),
        figures=(_figure(curves, found, folder),),
        seeds=(seed,),
    )


_COLD, _COLD_FINE, _PATH, _FISTA, _MLP = (
    f"ADMM to {TOLERANCE:g}",
    f"ADMM to {FINE:g}",
    f"path of {PATH_POINTS} to {TOLERANCE:g}",
    f"FISTA to {TOLERANCE:g}",
    "MLPClassifier(200)",
)


def _time_all(task: Task, alpha: float, repeats: int) -> tuple[dict[str, Timed], list[BlockSolution]]:
    """Run everything in turn, `repeats` times over, after one round that nobody times."""
    program, split = task.program, task.split
    alphas = np.geomspace(program.alpha_max(), alpha, PATH_POINTS).tolist()
    perceptron = MLPClassifier((200,), random_state=split.seed)
    runs: dict[str, Callable[[], BlockSolution | list[BlockSolution] | MLPClassifier]] = {
        _COLD: lambda: solve_admm(program, alpha, tolerance=TOLERANCE),
        _PATH: lambda: convex_path(program, alphas, tolerance=TOLERANCE),
        _COLD_FINE: lambda: solve_admm(program, alpha, tolerance=FINE),
        _FISTA: lambda: solve_fista(program, alpha, tolerance=TOLERANCE, max_iterations=_FISTA_STEPS),
        _MLP: lambda: perceptron.fit(split.X_train, split.y_train),
    }
    solve_admm(program, alpha, tolerance=TOLERANCE)
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    results: dict[str, BlockSolution | list[BlockSolution] | MLPClassifier] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        for repetition in range(repeats):
            for name, run in runs.items():
                if name == _FISTA and repetition >= _FISTA_REPEATS:
                    continue
                results[name], spent = _timed(run)
                seconds[name].append(spent)
    found: dict[str, Timed] = {}
    path: list[BlockSolution] = []
    for name, result in results.items():
        if isinstance(result, MLPClassifier):
            accuracy = 100.0 * float(result.score(split.X_test, split.y_test))
            found[name] = Timed(seconds=tuple(seconds[name]), accuracy=accuracy)
            continue
        if isinstance(result, list):
            path = result
        last = path[-1] if isinstance(result, list) else result
        found[name] = Timed(seconds=tuple(seconds[name]), solution=last, accuracy=task.accuracy(last))
    return found, path


def _timed(run: Callable[[], Value]) -> tuple[Value, float]:
    start = time.process_time()
    result = run()
    return result, time.process_time() - start


def _stopped(solve: Callable[..., BlockSolution], program: Program, alpha: float, steps: int) -> tuple[float, float]:
    """Return the seconds of some steps of a solver, and the gap that it has certified by then."""
    solution, seconds = _timed(lambda: solve(program, alpha, tolerance=FINE / 10, max_iterations=steps))
    return seconds, solution.certificate.relative_gap


def _measurements(found: dict[str, Timed], path: Sequence[BlockSolution]) -> list[Measurement]:
    cold, perceptron = found[_COLD], found[_MLP]
    asked = [solution for solution in (cold.solution, *path) if solution is not None]
    fista = found[_FISTA].solution
    return [
        _ratio(f"time to a certified gap of {TOLERANCE:g} over MLPClassifier(200)'s fit", cold, perceptron, 1.0),
        _ratio(f"time to a certified gap of {FINE:g} over MLPClassifier(200)'s fit", found[_COLD_FINE], perceptron),
        _ratio(f"time of a path of {PATH_POINTS} penalties over its last point's", found[_PATH], cold, 4.0),
        Measurement(
            name="largest certified relative gap, cold and along the path",
            value=max(solution.certificate.relative_gap for solution in asked),
            at_most=TOLERANCE,
            note=f"{len(asked)} solves, with respect to all {GATES} gates and the constant one",
        ),
        _ratio(f"time of FISTA over ADMM's, both asked for {TOLERANCE:g}", found[_FISTA], cold),
        Measurement(
            name="certified relative gap of FISTA",
            value=None if fista is None else fista.certificate.relative_gap,
            note=f"asked for {TOLERANCE:g} within {_FISTA_STEPS} steps",
        ),
        Measurement(
            name="test accuracy at the smallest penalty, above MLPClassifier(200)'s",
            value=(cold.accuracy or 0.0) - (perceptron.accuracy or 0.0),
            unit="points",
            note="one split; the claim on accuracy is convex.digits",
        ),
    ]


def _ratio(name: str, ours: Timed, theirs: Timed, at_most: float | None = None) -> Measurement:
    ratios = np.array([mine / max(other, 1e-9) for mine, other in zip(ours.seconds, theirs.seconds, strict=False)])
    return Measurement(
        name=name,
        value=float(np.median(ratios)),
        low=float(ratios.min()),
        high=float(ratios.max()),
        at_most=at_most,
        timing=True,
        note=f"CPU time on one thread; median and extremes of {len(ratios)} paired repetitions",
    )


def _tables(found: dict[str, Timed], path: Sequence[BlockSolution]) -> tuple[Table, ...]:
    times = tuple(
        (
            name,
            round(1e3 * timed.median, 1),
            None if timed.solution is None else timed.solution.iterations,
            None if timed.solution is None else timed.solution.certificate.relative_gap,
        )
        for name, timed in found.items()
    )
    solutions = tuple(
        (
            name,
            None if timed.accuracy is None else round(timed.accuracy, 2),
            None if timed.solution is None else len(timed.solution.active),
        )
        for name, timed in found.items()
    )
    points = tuple(
        (round(share, 4), len(solution.active), round(solution.certificate.objective, 6))
        for share, solution in zip(np.geomspace(1.0, SHARE, len(path)), path, strict=True)
    )
    return (
        Table(
            title="Solvers on the digits",
            columns=("run", "median, ms of CPU", "steps at the last point", "certified relative gap"),
            rows=times,
            note=f"{GATES} gates through samples, group lasso at {SHARE:g} of the largest penalty, one thread.",
            timing=True,
        ),
        Table(
            title="What they found",
            columns=("run", "test accuracy, %", "active gates"),
            rows=solutions,
        ),
        Table(
            title=f"The path of {PATH_POINTS} penalties",
            columns=("penalty, relative to the largest", "active gates", "objective"),
            rows=points,
        ),
    )


def _figure(curves: dict[str, Float[np.ndarray, "points 2"]], found: dict[str, Timed], folder: RunFolder) -> Figure:
    canvas = Canvas(figsize=(6.8, 3.6), layout="constrained")
    axes = canvas.subplots()
    for (name, points), colour in zip(curves.items(), COLOURS, strict=False):
        axes.plot(points[:, 0], points[:, 1], marker="o", markersize=4, color=colour, linewidth=1.6)
        axes.annotate(
            name, points[-1], xytext=(7, 0), textcoords="offset points", color=colour, va="center", fontsize=10
        )
    axes.set_xscale("log")
    axes.set_yscale("log")
    marks = {
        "perceptron's\nwhole fit": (found[_MLP].median, COLOURS[2]),
        f"path of {PATH_POINTS}\npenalties": (found[_PATH].median, COLOURS[3]),
    }
    last = max(seconds for seconds, _ in marks.values())
    for name, (seconds, colour) in marks.items():
        side = 1 if seconds == last else -1
        axes.axvline(seconds, color=colour, linewidth=1.2, linestyle=(0, (4, 3)))
        axes.annotate(
            name,
            (seconds, 0.98),
            xycoords=("data", "axes fraction"),
            xytext=(5 * side, 0),
            textcoords="offset points",
            color=colour,
            va="top",
            ha="left" if side > 0 else "right",
            fontsize=9,
        )
    axes.axhline(TOLERANCE, color=GREY, linewidth=0.8, linestyle=":")
    axes.set_xlabel("CPU seconds, one thread")
    axes.set_ylabel("certified relative gap")
    low, high = axes.get_xlim()
    axes.set_xlim(low, 1.6 * high)
    plain(axes)
    caption = (
        f"Digits, {GATES} gates: how soon each solver can prove how close it is. The dotted line is the gap that the "
        "claim asks for."
    )
    return folder.figure("solvers", canvas, caption)
