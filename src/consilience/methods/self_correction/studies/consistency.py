"""Whether the ranking of noisy rewards leads to the right answer, and where rewards without noise lead instead."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import NullFormatter, ScalarFormatter
from torch import Tensor

from consilience.ground import Evidence, Measurement, RunFolder, Streams, Table
from consilience.methods.self_correction.config import Config
from consilience.methods.self_correction.estimator import BestAnswer, MeanAnswer
from consilience.methods.self_correction.likelihood import MaximumLikelihood
from consilience.methods.self_correction.sequences import Contexts, IsotropicAnswers
from consilience.methods.self_correction.studies.drawing import COLOURS, GREY, NARROW, name_lines, plain

__all__ = ["consistency"]

LENGTHS = (20, 40, 80, 160, 320, 640, 1280)
FITTED = (320, 640, 1280)
RESAMPLES = 400

NOISY, CLEAR, AROUND = "Gumbel noise", "no noise", "no noise, answers around y*"
SOURCES: dict[str, tuple[bool, Literal["origin", "target"]]] = {
    NOISY: (True, "origin"),
    CLEAR: (False, "origin"),
    AROUND: (False, "target"),
}


@dataclass(frozen=True)
class _Curve:
    """What the maximum of likelihood is off, over the length of contexts."""

    errors: dict[int, Float[Tensor, " context"]]
    """Relative to the length of the right answer, by number of examples; contexts without a maximum left out."""
    overshoot: dict[int, float]
    """Mean part of the error along the right answer, relative."""
    without: dict[int, int]
    """Contexts without a maximum."""
    best: dict[int, float]
    """Mean relative error of the best-rated answer."""
    mean: dict[int, float]
    """Mean relative error of the mean answer."""


def consistency(config: Config, streams: Streams, folder: RunFolder) -> Evidence:
    """Measure claim ``correct.consistency``: how the error of Plackett-Luce falls with examples, by kind of reward.

    Returns
    -------
    Evidence
        The slope of the log error with Gumbel noise, under which the model is true, and the floor without noise.
    """
    curves = {
        name: _measured(
            IsotropicAnswers(gumbel=gumbel, around=around), config.consistency_sequences, streams.child(name)
        )
        for name, (gumbel, around) in SOURCES.items()
    }
    slopes = _resampled_slopes(curves[NOISY], streams.generator("resamples"))
    floor = curves[CLEAR].errors[LENGTHS[-1]]
    error = float(floor.std()) / math.sqrt(len(floor))
    return Evidence(
        measurements=(
            Measurement(
                name="slope of the log error in the log of the number of examples, with Gumbel noise",
                value=_slope(curves[NOISY]),
                low=float(np.quantile(slopes, 0.025)),
                high=float(np.quantile(slopes, 0.975)),
                at_least=-0.6,
                at_most=-0.4,
                note=f"over {FITTED[0]} to {FITTED[-1]} examples, {config.consistency_sequences} contexts each; "
                "95 % of resamples of contexts",
            ),
            Measurement(
                name=f"relative error left without noise, at {LENGTHS[-1]} examples",
                value=float(floor.mean()),
                low=float(floor.mean()) - error,
                high=float(floor.mean()) + error,
                note="one standard error over contexts; the model is wrong there, and no number of examples mends it",
            ),
            Measurement(
                name="of it, along the right answer",
                value=curves[CLEAR].overshoot[LENGTHS[-1]],
                note="above 0: the answer goes too far",
            ),
            Measurement(
                name="slope without noise",
                value=_slope(curves[CLEAR]),
                note="near 0: a floor",
            ),
            Measurement(
                name="slope without noise where answers scatter about the right one",
                value=_slope(curves[AROUND]),
                note="no floor there: the bias has no direction to go",
            ),
        ),
        tables=(_table(curves),),
        figures=(
            folder.figure(
                "consistency",
                _drawn(curves),
                "Relative error of Plackett-Luce by maximum likelihood over the number of examples.",
            ),
        ),
    )


def _measured(source: IsotropicAnswers, sequences: int, streams: Streams) -> _Curve:
    curve = _Curve({}, {}, {}, {}, {})
    for examples in LENGTHS:
        generator = torch.Generator().manual_seed(streams.integer(f"{examples} examples"))
        contexts = source.draw(sequences, examples, generator).double()
        away = MaximumLikelihood()(contexts) - contexts.target
        kept = away.isfinite().all(dim=1)
        lengths = contexts.target.norm(dim=1)
        along = (away * contexts.target).sum(dim=1) / lengths.square()
        curve.errors[examples] = (away.norm(dim=1) / lengths)[kept]
        curve.overshoot[examples] = float(along[kept].mean())
        curve.without[examples] = int((~kept).sum())
        curve.best[examples] = _relative(BestAnswer()(contexts), contexts)
        curve.mean[examples] = _relative(MeanAnswer()(contexts), contexts)
    return curve


def _relative(answers: Tensor, contexts: Contexts) -> float:
    return float(((answers - contexts.target).norm(dim=1) / contexts.target.norm(dim=1)).mean())


def _slope(curve: _Curve) -> float:
    errors = [float(curve.errors[examples].mean()) for examples in FITTED]
    return float(np.polyfit(np.log(FITTED), np.log(errors), 1)[0])


def _resampled_slopes(curve: _Curve, generator: np.random.Generator) -> Float[np.ndarray, " resample"]:
    means = []
    for examples in FITTED:
        errors = curve.errors[examples].numpy()
        means.append(generator.choice(errors, (RESAMPLES, len(errors))).mean(axis=1))
    return np.asarray(np.polyfit(np.log(FITTED), np.log(means), 1)[0])


def _table(curves: dict[str, _Curve]) -> Table:
    rows = []
    for name, curve in curves.items():
        for examples in LENGTHS:
            errors = curve.errors[examples]
            rows.append(
                (
                    name,
                    examples,
                    round(float(errors.mean()), 4),
                    round(float(errors.std()) / math.sqrt(len(errors)), 4),
                    round(curve.overshoot[examples], 4),
                    curve.without[examples],
                    round(curve.best[examples], 4),
                    round(curve.mean[examples], 4),
                )
            )
    return Table(
        title="Error of Plackett-Luce by maximum likelihood, relative to the length of the right answer",
        columns=(
            "rewards",
            "examples",
            "error",
            "+-",
            "along y*",
            "without maximum",
            "best-rated answer",
            "mean answer",
        ),
        rows=tuple(rows),
        note="answers scatter about the origin unless said otherwise; rewards are -|y - y*|^2, with or without Gumbel "
        "noise; contexts without a maximum are counted and left out",
    )


def _drawn(curves: dict[str, _Curve]) -> Canvas:
    canvas = Canvas(figsize=NARROW, layout="constrained")
    axes = canvas.subplots()
    ends = {}
    for (name, curve), colour in zip(curves.items(), COLOURS, strict=False):
        errors = [float(curve.errors[examples].mean()) for examples in LENGTHS]
        axes.loglog(LENGTHS, errors, "o-", color=colour, markersize=3.5, linewidth=1.4)
        ends[name] = (LENGTHS[-1], errors[-1], colour)
    best = [curves[NOISY].best[examples] for examples in LENGTHS]
    axes.loglog(LENGTHS, best, color=GREY, linewidth=1.4)
    ends["best-rated answer"] = (LENGTHS[-1], best[-1], GREY)
    axes.set(xlabel="examples in context", ylabel="relative error")
    axes.set_xticks(LENGTHS[::2])
    axes.xaxis.set_major_formatter(ScalarFormatter())
    axes.xaxis.set_minor_formatter(NullFormatter())
    plain(axes)
    canvas.draw_without_rendering()
    name_lines(axes, ends)
    return canvas
