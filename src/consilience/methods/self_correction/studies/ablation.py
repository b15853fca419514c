"""What each part of a transformer adds to alignment in context: softmax, heads, feed-forward, depth, one at a time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure as Canvas

from consilience.ground import Evidence, Measurement, RunFolder, Streams, Table
from consilience.methods.self_correction.config import Config
from consilience.methods.self_correction.estimator import MeanAnswer, misalignment
from consilience.methods.self_correction.minimiser import CosineMinimiser
from consilience.methods.self_correction.studies.drawing import COLOURS, GREY, plain
from consilience.methods.self_correction.studies.variants import (
    EXAMPLES,
    FULL,
    OBJECTIVES,
    REMOVED,
    VARIANTS,
    Job,
    Result,
    held_out,
    trained,
)
from consilience.neural.sharing import shared

__all__ = ["ablation"]

SHOWN = (2, 3, 5, 12)
FEWEST_SEEDS = 3
MINIMUM, MEAN = "exact minimum of the ranking loss", "mean of answers"
NAMED = {MINIMUM: "exact minimum ", MEAN: " mean answer"}
NEAR_AXIS = 0.05
"""Where a name in the middle would cross the axis."""

_Results = dict[tuple[str, str], list[Result]]
"""By variant and objective, an entry a seed."""


def ablation(config: Config, streams: Streams, folder: RunFolder) -> Evidence:
    """Measure claim ``correct.ablation``: whether every part that the paper finds needed is needed.

    Returns
    -------
    Evidence
        How many of four parts are missed by more than two standard errors over seeds, with the differences; all
        variants under the paper's loss and under one that is told right answers.
    """
    jobs = [Job(*names, seed) for names in _pairs() for seed in config.ablation_seeds]
    done = shared(partial(trained, config, streams), jobs, config.processes)
    results: _Results = {names: [] for names in _pairs()}
    for job, result in zip(jobs, done, strict=True):
        folder.record("trained", variant=job.variant, objective=job.objective, seed=job.seed, seconds=result.seconds)
        results[job.variant, job.objective].append(result)
    contexts = held_out(config, streams).double()
    references = {
        name: float(misalignment(way(contexts), contexts.target).mean())
        for name, way in ((MINIMUM, CosineMinimiser()), (MEAN, MeanAnswer()))
    }
    return Evidence(
        measurements=_measurements(results, config),
        tables=tuple(_table(results, objective, references) for objective in OBJECTIVES),
        figures=(
            folder.figure(
                "ablation",
                _drawn(results, references),
                f"1 - cos with the right answer after {EXAMPLES} examples: every dot a training from other weights on "
                "other contexts, under the paper's ranking loss and told right answers.",
            ),
        ),
        seeds=config.ablation_seeds,
    )


def _pairs() -> list[tuple[str, str]]:
    return [(variant, objective) for variant in VARIANTS for objective in OBJECTIVES]


def _at(results: Sequence[Result], examples: int) -> Float[np.ndarray, " seed"]:
    return np.array([result.misalignment[examples - 1] for result in results])


def _losses(results: Sequence[Result]) -> Float[np.ndarray, " seed"]:
    return np.array([result.ranking_loss for result in results])


def _measurements(results: _Results, config: Config) -> tuple[Measurement, ...]:
    enough = len(config.ablation_seeds) >= FEWEST_SEEDS
    few = "" if enough else f"; no bar below {FEWEST_SEEDS} seeds"
    differences = {
        examples: {
            part: _at(results[variant, "ranking"], examples) - _at(results[FULL, "ranking"], examples)
            for part, variant in REMOVED.items()
        }
        for examples in (EXAMPLES, 3)
    }
    missed = {examples: sum(map(_is_missed, each.values())) for examples, each in differences.items()}
    losses = {
        part: _losses(results[variant, "ranking"]) - _losses(results[FULL, "ranking"])
        for part, variant in REMOVED.items()
    }
    return (
        Measurement(
            name=f"parts that are missed at {EXAMPLES} examples, of {len(REMOVED)}",
            value=missed[EXAMPLES],
            at_least=len(REMOVED) if enough else None,
            note=f"1 - cos is higher without them by more than two standard errors over seeds; causality, width and "
            f"contexts alike{few}",
        ),
        Measurement(name=f"parts that are missed at 3 examples, of {len(REMOVED)}", value=missed[3]),
        Measurement(
            name=f"parts that are missed in the loss trained on, of {len(REMOVED)}",
            value=sum(map(_is_missed, losses.values())),
            note="the ranking loss has its minimum away from the right answer: what comes closer to it answers worse",
        ),
        *(
            _difference(f"1 - cos without {part} less with it, at {examples} examples", each)
            for examples, parts in differences.items()
            for part, each in parts.items()
        ),
        *(_difference(f"ranking loss without {part} less with it", each) for part, each in losses.items()),
        Measurement(
            name="correlation of the ranking loss with 1 - cos, over all trainings",
            value=_correlation(results),
            note=f"at {EXAMPLES} examples; below 0, lower loss goes with worse answers",
        ),
        Measurement(
            name="processor time of a training",
            value=float(np.mean([result.seconds for each in results.values() for result in each])),
            unit="s",
            timing=True,
            note=f"{config.ablation_steps} steps, one thread",
        ),
    )


def _spread(values: Float[np.ndarray, " seed"]) -> float:
    """Return the standard error over seeds."""
    return float(values.std(ddof=1)) / math.sqrt(len(values)) if len(values) > 1 else math.inf


def _is_missed(differences: Float[np.ndarray, " seed"]) -> bool:
    return float(differences.mean()) > 2 * _spread(differences)


def _difference(name: str, values: Float[np.ndarray, " seed"]) -> Measurement:
    mean, error = float(values.mean()), _spread(values)
    known = math.isfinite(error)
    return Measurement(
        name=name,
        value=mean,
        low=mean - error if known else None,
        high=mean + error if known else None,
        note="one standard error over seeds; by seed: " + ", ".join(f"{value:.4f}" for value in values),
    )


def _correlation(results: _Results) -> float:
    flat = [result for each in results.values() for result in each]
    return float(np.corrcoef(_losses(flat), _at(flat, EXAMPLES))[0, 1])


def _table(results: _Results, objective: str, references: dict[str, float]) -> Table:
    rows = []
    for variant in VARIANTS:
        each = results[variant, objective]
        curve = (round(float(_at(each, examples).mean()), 4) for examples in SHOWN)
        spread = _spread(_at(each, EXAMPLES))
        loss = round(float(_losses(each).mean()), 4)
        rows.append((variant, each[0].weights, *curve, round(spread, 4) if math.isfinite(spread) else None, loss))
    beside = ", ".join(f"{name} {value:.4f}" for name, value in references.items())
    return Table(
        title=f"1 - cos with the right answer, by number of examples; trained by: {objective}",
        columns=("variant", "weights", *(str(examples) for examples in SHOWN), f"+- at {EXAMPLES}", "ranking loss"),
        rows=tuple(rows),
        note=f"mean over {len(each)} seeds; at {EXAMPLES} examples beside: {beside}",
    )


def _drawn(results: _Results, references: dict[str, float]) -> Canvas:
    canvas = Canvas(figsize=(4.6, 3.8), layout="constrained")
    axes = canvas.subplots()
    rows = {variant: -place for place, variant in enumerate(VARIANTS)}
    for objective, colour, marker in zip(OBJECTIVES, COLOURS[1:], "os", strict=False):
        for variant, row in rows.items():
            dots = _at(results[variant, objective], EXAMPLES)
            axes.plot(dots, np.full(len(dots), row), marker, color=colour, markersize=5, alpha=0.7, linestyle="none")
        middle = float(np.median(_at(results[FULL, objective], EXAMPLES)))
        axes.annotate(
            objective, (middle, 0.55), color=colour, fontsize=8, ha="center" if middle > NEAR_AXIS else "left"
        )
    lowest = min(rows.values()) - 0.5
    for (name, value), side in zip(references.items(), ("right", "left"), strict=True):
        axes.vlines(value, lowest, 0.4, color=GREY, linewidth=1, linestyle="--")
        axes.annotate(NAMED[name], (value, lowest - 0.15), color=GREY, fontsize=7, ha=side, va="top")
    axes.set_yticks(list(rows.values()), list(rows))
    axes.set(xlabel=f"1 - cos after {EXAMPLES} examples", xlim=(0, None), ylim=(lowest - 0.7, 1.0))
    plain(axes)
    return canvas
