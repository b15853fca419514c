"""What a transformer makes of its context beside what anyone would make of it, as rewards turn into noise."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float
from matplotlib.figure import Figure as Canvas
from torch import Tensor

from consilience.ground import Evidence, Measurement, RunFolder, Streams, Table
from consilience.methods.self_correction.config import Config
from consilience.methods.self_correction.descent import LinearDescent
from consilience.methods.self_correction.estimator import BestAnswer, Estimator, LeastSquares, MeanAnswer, misalignment
from consilience.methods.self_correction.learning import (
    Architecture,
    Learner,
    Objective,
    RankingObjective,
    SupervisedObjective,
    Training,
    learn,
)
from consilience.methods.self_correction.minimiser import CosineMinimiser
from consilience.methods.self_correction.sequences import Contexts, LineAnswers, with_reward_noise
from consilience.methods.self_correction.studies.drawing import COLOURS, GREY, NARROW, name_lines, plain
from consilience.neural.device import choose_device
from consilience.neural.sharing import one_thread

__all__ = ["baselines"]

EXAMPLES = 12
NOISE = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Share of rewards replaced by chance, at test time only; training has none, as in the paper."""
SHOWN = (2, 3, 5, 8, 12)

RANKED, SUPERVISED = "transformer, ranking loss", "transformer, told answers"
DESCENT, MINIMUM = "gradient descent", "exact minimum of the loss"
BEST, LINE, MEAN = "best-rated answer", "least squares", "mean of answers"

Values = Float[Tensor, " context"]


@dataclass(frozen=True)
class _Trained:
    learner: Learner
    seconds: float
    """Of processor time, on one thread; on another device, of the processor that feeds it."""


def baselines(config: Config, streams: Streams, folder: RunFolder) -> Evidence:
    """Measure claim ``correct.baselines``: every way to answer, on the same contexts, at every share of noise.

    Returns
    -------
    Evidence
        How well a transformer does that is told right answers in training, and how long that took.
    """
    training = Training(
        steps=config.baselines_steps,
        batch_size=config.baselines_batch,
        examples=EXAMPLES,
        learning_rate=config.baselines_learning_rate,
    )
    objectives: dict[str, Objective] = {RANKED: RankingObjective(), SUPERVISED: SupervisedObjective()}
    trained = {name: _train(config, each, training, streams.integer(name)) for name, each in objectives.items()}
    for name, each in trained.items():
        folder.record("trained", what=name, cpu_seconds=each.seconds)
    generator = torch.Generator().manual_seed(streams.integer("contexts"))
    clean = LineAnswers().draw(config.baselines_sequences, EXAMPLES, generator).double()
    noisy = {share: with_reward_noise(clean, share, generator) for share in NOISE}
    ways: dict[str, Estimator] = {
        **{name: each.learner.answer for name, each in trained.items()},
        DESCENT: LinearDescent(seed=streams.integer("first weights")),
        MINIMUM: CosineMinimiser(),
        MEAN: MeanAnswer(),
        BEST: BestAnswer(),
        LINE: LeastSquares(),
    }
    with one_thread():
        found = {name: {share: _value(way, each) for share, each in noisy.items()} for name, way in ways.items()}
        by_examples = {name: [_value(way, clean.prefix(examples)) for examples in SHOWN] for name, way in ways.items()}
    return Evidence(
        measurements=_measurements(found, trained, training),
        tables=(_over_noise(found), _over_examples(by_examples)),
        figures=(
            folder.figure(
                "baselines",
                _drawn(found),
                f"1 - cos with the right answer after {EXAMPLES} examples, by the share of rewards that are chance.",
            ),
        ),
    )


def _train(config: Config, objective: Objective, training: Training, seed: int) -> _Trained:
    width = config.baselines_width
    architecture = Architecture(width=width, depth=config.baselines_depth, feedforward=4 * width)
    with one_thread():
        begun = time.process_time()
        place = choose_device(config.device)
        learner = learn(architecture, objective, LineAnswers(), training, seed=seed, device=place)
        return _Trained(learner.to("cpu"), time.process_time() - begun)


def _value(way: Estimator, contexts: Contexts) -> Values:
    return misalignment(way(contexts), contexts.target)


def _measurements(
    found: Mapping[str, Mapping[float, Values]], trained: Mapping[str, _Trained], training: Training
) -> tuple[Measurement, ...]:
    told = f"{EXAMPLES} examples without noise; one standard error over contexts"
    return (
        _mean("1 - cos of a transformer that is told right answers in training", found[SUPERVISED][0.0], told, 0.02),
        Measurement(
            name="processor time of its training",
            value=trained[SUPERVISED].seconds,
            at_most=60.0,
            unit="s",
            timing=True,
            note=f"{training.steps} steps of {training.batch_size} sequences, one thread",
        ),
        *(_mean(f"1 - cos: {name}", found[name][0.0], told) for name in (RANKED, DESCENT, MINIMUM, MEAN, BEST, LINE)),
        _mean(f"1 - cos: {RANKED}, half the rewards chance", found[RANKED][0.5], told),
        _mean(f"1 - cos: {MEAN}, which no noise touches", found[MEAN][0.5], told),
    )


def _mean(name: str, values: Values, note: str, at_most: float | None = None) -> Measurement:
    mean, error = float(values.mean()), float(values.std()) / math.sqrt(len(values))
    return Measurement(name=name, value=mean, low=mean - error, high=mean + error, at_most=at_most, note=note)


def _cell(values: Values) -> float:
    """Return the mean, with four decimals unless it is less than those can show."""
    mean = float(values.mean())
    return round(mean, 4) if mean >= 1e-3 else float(f"{mean:.1e}")  # noqa: PLR2004 - four decimals


def _over_noise(found: Mapping[str, Mapping[float, Values]]) -> Table:
    worst = max(float(each.std()) / math.sqrt(len(each)) for row in found.values() for each in row.values())
    return Table(
        title=f"1 - cos with the right answer after {EXAMPLES} examples, by the share of rewards that are chance",
        columns=("way to answer", *(f"{share:g}" for share in NOISE)),
        rows=tuple((name, *(_cell(row[share]) for share in NOISE)) for name, row in found.items()),
        note=f"standard errors up to {worst:.4f}; the paper compares the first and the third row only",
    )


def _over_examples(found: Mapping[str, list[Values]]) -> Table:
    return Table(
        title="The same without noise, by number of examples",
        columns=("way to answer", *(f"{examples}" for examples in SHOWN)),
        rows=tuple((name, *(_cell(values) for values in row)) for name, row in found.items()),
    )


def _drawn(found: Mapping[str, Mapping[float, Values]]) -> Canvas:
    canvas = Canvas(figsize=NARROW, layout="constrained")
    axes = canvas.subplots()
    colours = {RANKED: COLOURS[1], SUPERVISED: COLOURS[2], DESCENT: COLOURS[4], BEST: COLOURS[0], LINE: COLOURS[3]}
    ends = {}
    for name, colour in {**colours, MEAN: GREY}.items():
        values = [float(found[name][share].mean()) for share in NOISE]
        axes.plot(NOISE, values, "o-", color=colour, markersize=3.5, linewidth=1.4)
        ends[name] = (NOISE[-1], values[-1], colour)
    axes.set(xlabel="share of rewards that are chance", ylabel="1 - cos with the right answer", ylim=(0, None))
    plain(axes)
    canvas.draw_without_rendering()
    name_lines(axes, ends)
    return canvas
