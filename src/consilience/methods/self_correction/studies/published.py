r"""Why the paper's curves level off at .30: they have reached the minimum of their loss, which is not the right answer.

Plackett-Luce sees differences of rewards only. To first order in the cosines, its minimum is the direction of
:math:`\sum_j c_j \hat y_j` with weights that sum to zero: a contrast of good answers with bad ones, which says where
answers improve and not how far to go. On an arc from the wrong answer to the right one, such a contrast points past the
end. A limiting case has a closed form: the contrast of the two ends alone, :math:`\hat y^* - \hat\epsilon`, has the
cosine :math:`\sin(\Theta / 2)` with the right answer, :math:`\Theta` being the angle between the ends, and in five
dimensions :math:`1 - \mathbb{E} \sin(\Theta / 2) = 11/35`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from matplotlib.figure import Figure as Canvas
from torch import Tensor

from consilience.ground import Evidence, Measurement, RunFolder, Streams, Table
from consilience.methods.self_correction.config import Config
from consilience.methods.self_correction.descent import LinearDescent, answer_gradient, descend
from consilience.methods.self_correction.estimator import misalignment
from consilience.methods.self_correction.minimiser import CosineMinimiser
from consilience.methods.self_correction.ranking import (
    Cosine,
    NegativeSquare,
    plackett_luce,
    plackett_luce_gradient,
)
from consilience.methods.self_correction.sequences import Contexts, LineAnswers
from consilience.methods.self_correction.studies.drawing import COLOURS, GREY, NARROW, name_lines, plain

__all__ = ["EXAMPLES", "PUBLISHED_DESCENT", "PUBLISHED_TRANSFORMER", "published"]

EXAMPLES = (2, 3, 5, 8, 12, 15)
PUBLISHED_DESCENT = (0.385, 0.3455, 0.3285, 0.312, 0.302, 0.298)
PUBLISHED_TRANSFORMER = (0.519, 0.370, 0.336, 0.3145, 0.302, 0.2966)
"""One minus the cosine without noise, as printed by the notebook in the authors' repository that drew the figure."""
SOURCE = "arXiv:2405.18634, curves without noise, from the stored output of the authors' notebook (commit 435d592)"

FAR, FAR_STEPS = 0.02, (1, 10, 100, 1000)
"""Rate and steps of descent on the loss that has no minimum."""
FEW = 16
"""Contexts that it is shown on."""


@dataclass(frozen=True)
class _Place:
    """What comes out after a number of examples; tensors have an entry a context."""

    descent: Float[Tensor, " context"]
    """Misalignment of the paper's baseline."""
    minimum: Float[Tensor, " context"]
    """That of the exact minimiser of its loss."""
    contrast: Float[Tensor, " context"]
    """That of the minimiser to first order."""
    past: Float[Tensor, " context"]
    """How much further from the wrong answer than the right one the minimiser points, in degrees."""
    dearer: Float[Tensor, " context"]
    """How much higher the loss is at the right answer than at the minimum."""


def published(config: Config, streams: Streams, folder: RunFolder) -> Evidence:
    """Measure claim ``correct.published``: gradient descent on the paper's data, its curve and the reason of its end.

    Returns
    -------
    Evidence
        Distances to the published curve and to the exact minimum of the loss; what the minimum is.
    """
    generator = torch.Generator().manual_seed(streams.integer("contexts"))
    contexts = LineAnswers().draw(config.published_sequences, EXAMPLES[-1], generator).double()
    places = [_at(contexts.prefix(examples), streams.integer("first weights")) for examples in EXAMPLES]
    chord = misalignment(_chord(contexts), contexts.target)
    last = places[-1]
    return Evidence(
        measurements=(
            Measurement(
                name="largest distance from the published curve of gradient descent",
                value=max(
                    abs(float(place.descent.mean()) - there)
                    for place, there in zip(places, PUBLISHED_DESCENT, strict=True)
                ),
                at_most=0.02,
                note=f"in 1 - cos, over {len(EXAMPLES)} numbers of examples; a published value is known to about .01, "
                f"ours to {max(_error(place.descent) for place in places):.3f}; {SOURCE}",
            ),
            Measurement(
                name="largest distance from the exact minimum of the loss",
                value=max(abs(float(place.descent.mean() - place.minimum.mean())) for place in places),
                at_most=0.015,
                note="on the same contexts: the plateau is where the loss is least, not where optimisation gave up",
            ),
            _share("contexts where the right answer costs more than the minimum", last.dearer > 0),
            _share("contexts where the minimum points past the right answer", last.past > 0),
            _mean("how far it points past the right answer", last.past, unit="degrees"),
            _mean("1 - cos of the minimum to first order in the cosines, a contrast of answers", last.contrast),
            _mean("1 - cos of the contrast of right and wrong answer alone; exact: 11/35 = .3143", chord),
        ),
        tables=(_table(places), _endless(contexts)),
        figures=(
            folder.figure(
                "published",
                _drawn(places),
                "Gradient descent and the published curves end at the minimum of the loss they follow. The mean of "
                "each kind of answer over contexts, without noise.",
            ),
        ),
    )


def _at(contexts: Contexts, seed: int) -> _Place:
    minimum = CosineMinimiser()(contexts)
    wrong = _wrong_answer(contexts)
    losses = [
        plackett_luce(Cosine()(answer[:, None], contexts.responses)[:, 0], contexts.rewards)
        for answer in (contexts.target, minimum)
    ]
    return _Place(
        descent=misalignment(LinearDescent(seed=seed)(contexts), contexts.target),
        minimum=misalignment(minimum, contexts.target),
        contrast=misalignment(_contrast(contexts), contexts.target),
        past=_angle(minimum, wrong) - _angle(contexts.target, wrong),
        dearer=losses[0] - losses[1],
    )


def _contrast(contexts: Contexts) -> Float[Tensor, "context dimension"]:
    """Return the steepest descent from where all cosines are alike: minus the slopes, as weights of unit answers."""
    alike = torch.zeros_like(contexts.rewards)
    weights = -plackett_luce_gradient(alike, contexts.rewards)
    contrast: Tensor = (weights[:, None] @ _unit(contexts.responses))[:, 0]
    return contrast


def _wrong_answer(contexts: Contexts) -> Float[Tensor, "context dimension"]:
    """Return where the line of answers is at reward 0."""
    first, reward = contexts.responses[:, 0], contexts.rewards[:, :1]
    wrong: Tensor = (first - reward * contexts.target) / (1 - reward)
    return wrong


def _chord(contexts: Contexts) -> Float[Tensor, "context dimension"]:
    wrong = _wrong_answer(contexts)
    return _unit(contexts.target) - _unit(wrong)


def _unit(vectors: Tensor) -> Tensor:
    units: Tensor = vectors / torch.linalg.vector_norm(vectors, dim=-1, keepdim=True)
    return units


def _angle(one: Tensor, other: Tensor) -> Float[Tensor, " context"]:
    angle: Tensor = torch.rad2deg(torch.arccos((1 - misalignment(one, other)).clamp(-1.0, 1.0)))
    return angle


def _error(values: Tensor) -> float:
    return float(values.std()) / math.sqrt(len(values))


def _mean(name: str, values: Tensor, unit: str = "") -> Measurement:
    mean, error = float(values.mean()), _error(values)
    note = f"at {EXAMPLES[-1]} examples; one standard error over {len(values)} contexts"
    return Measurement(name=name, value=mean, low=mean - error, high=mean + error, unit=unit, note=note)


def _share(name: str, which: Tensor) -> Measurement:
    return Measurement(
        name=name, value=100 * float(which.double().mean()), unit="%", note=f"at {EXAMPLES[-1]} examples"
    )


def _table(places: list[_Place]) -> Table:
    rows = []
    for index, place in enumerate(places):
        ours = (place.descent, place.minimum, place.contrast)
        shown = (round(float(values.mean()), 4) for values in ours)
        rows.append((EXAMPLES[index], PUBLISHED_TRANSFORMER[index], PUBLISHED_DESCENT[index], *shown))
    return Table(
        title="1 - cos with the right answer, by number of examples, without noise",
        columns=(
            "examples",
            "published transformer",
            "published descent",
            "own descent",
            "exact minimum",
            "first order",
        ),
        rows=tuple(rows),
        note=f"published: {SOURCE}",
    )


def _endless(contexts: Contexts) -> Table:
    """Show that under the theory's reward, on answers in a line, there is no minimum to arrive at."""
    few = contexts.take(slice(FEW))
    answers, taken, rows = torch.zeros_like(few.target), 0, []
    along = _wrong_answer(few) - few.target
    for steps in FAR_STEPS:
        answers = descend(answers, few.responses, few.rewards, rate=FAR, steps=steps - taken)
        taken = steps
        slope = answer_gradient(answers, few.responses, few.rewards, NegativeSquare())
        rows.append(
            (
                steps,
                float(answers.norm(dim=1).mean()),
                float((answers - few.target).norm(dim=1).mean() / few.target.norm(dim=1).mean()),
                float(misalignment(slope, along).mean()),
                float(misalignment(answers, few.target).mean()),
            )
        )
    return Table(
        title="Gradient descent under the theory's reward -|f - y|^2 on the same data, which has no minimum there",
        columns=("steps", "length of f", "error over |y*|", "1 - cos of -df with y* - e", "1 - cos of f with y*"),
        rows=tuple(rows),
        note=f"means over {FEW} contexts of {EXAMPLES[-1]} answers, rate {FAR:g}; e is the wrong answer at reward 0",
    )


def _drawn(places: list[_Place]) -> Canvas:
    canvas = Canvas(figsize=NARROW, layout="constrained")
    axes = canvas.subplots()
    lines = {
        "published transformer": (PUBLISHED_TRANSFORMER, COLOURS[1], "s"),
        "published descent": (PUBLISHED_DESCENT, COLOURS[4], "^"),
        "own descent": ([float(place.descent.mean()) for place in places], COLOURS[0], "o"),
    }
    exact = [float(place.minimum.mean()) for place in places]
    axes.plot(EXAMPLES, exact, color=GREY, linewidth=6, alpha=0.35, solid_capstyle="round")
    for values, colour, marker in lines.values():
        axes.plot(EXAMPLES, values, marker=marker, color=colour, markersize=4, linewidth=1.4)
    axes.set(xlabel="examples in context", ylabel="1 - cos with the right answer", ylim=(0.25, None))
    axes.set_xticks(EXAMPLES)
    plain(axes)
    canvas.draw_without_rendering()
    ends = {name: (EXAMPLES[-1], values[-1], colour) for name, (values, colour, _) in lines.items()}
    name_lines(axes, {**ends, "exact minimum of the loss": (EXAMPLES[-1], exact[-1], GREY)})
    return canvas
