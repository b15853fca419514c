"""Whether the transformers written down do gradient descent, and what selecting by a softmax costs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from matplotlib.figure import Figure as Canvas
from torch import Tensor

from consilience.ground import Evidence, Measurement, RunFolder, Streams, Table
from consilience.methods.self_correction.config import Config
from consilience.methods.self_correction.construction import StackedDescent
from consilience.methods.self_correction.descent import descend
from consilience.methods.self_correction.ranking import require_distinct
from consilience.methods.self_correction.sequences import Contexts, IsotropicAnswers
from consilience.methods.self_correction.sorted_form import SortedDescent
from consilience.methods.self_correction.studies.drawing import COLOURS, GREY, NARROW, name_lines, plain

__all__ = ["construction"]

SIZES = ((2, 5), (5, 5), (8, 5), (20, 5), (20, 16))
"""Answers a context, and numbers an answer."""
LONG_SIZES = ((64, 5), (64, 16))
"""For the two-layer form beside those."""
STEPS = 5
LENGTH = 0.2
"""Rate times examples: longer contexts take shorter steps."""

SHARPNESS = (4.0, 8.0, 12.0, 16.0, 20.0, 24.0, 28.0, 32.0, 36.0, 40.0)
"""In units of one over the smallest gap between rewards."""
FITTED = (8.0, 24.0)
"""Between the second order of the error and the floor of double precision."""


@dataclass(frozen=True)
class _Row:
    """How far one transformer is from explicit gradient descent, relative to how far that went."""

    examples: int
    dimension: int
    errors: tuple[float, ...]
    """At every sharpness."""
    at_once: float
    """Of the two-layer form."""

    @property
    def slope(self) -> float:
        low, high = FITTED
        kept = [place for place, product in enumerate(SHARPNESS) if low <= product <= high]
        return float(np.polyfit([SHARPNESS[k] for k in kept], [np.log(self.errors[k]) for k in kept], 1)[0])


def construction(config: Config, streams: Streams, folder: RunFolder) -> Evidence:
    """Measure claim ``correct.construction``: transformers with weights in closed form against explicit descent.

    Rewards are evenly spaced in an order of chance, so that the smallest gap is every gap.

    Returns
    -------
    Evidence
        The slope that is farthest from -1 over five sizes, the floor, and the two-layer form up to 64 answers.
    """
    rows = [_measured(size, config.construction_sequences, streams) for size in SIZES]
    at_once = {(row.examples, row.dimension): row.at_once for row in rows}
    at_once |= {size: _at_once(*_drawn_contexts(size, config.construction_sequences, streams)) for size in LONG_SIZES}
    return Evidence(
        measurements=(
            Measurement(
                name="slope of the log error in sharpness times gap, the farthest from -1",
                value=max((row.slope for row in rows), key=lambda slope: abs(slope + 1)),
                low=min(row.slope for row in rows),
                high=max(row.slope for row in rows),
                at_least=-1.01,
                at_most=-0.99,
                note=f"of {len(rows)} sizes, {STEPS} steps of descent each; the interval holds all of them",
            ),
            Measurement(
                name=f"relative error at sharpness times gap {SHARPNESS[-1]:g}, the largest",
                value=max(row.errors[-1] for row in rows),
                at_most=1e-12,
                note="1 is the error of not moving at all",
            ),
            Measurement(
                name="relative error of the two-layer form on sorted contexts, the largest",
                value=max(at_once.values()),
                at_most=1e-12,
                note=f"up to {max(examples for examples, _ in at_once)} answers a context",
            ),
        ),
        tables=(_table(rows, at_once),),
        figures=(
            folder.figure(
                "construction",
                _drawn(rows),
                "Error of the transformer that descends in context, by how sharply its head selects; the dashed line "
                "falls by e at each unit.",
            ),
        ),
    )


def _drawn_contexts(size: tuple[int, int], sequences: int, streams: Streams) -> tuple[Contexts, Tensor]:
    """Return contexts with evenly spaced rewards in an order of chance, and answers to begin from."""
    examples, dimension = size
    generator = torch.Generator().manual_seed(streams.integer(f"{examples} answers of {dimension}"))
    contexts = IsotropicAnswers(dimension=dimension).draw(sequences, examples, generator).double()
    places = torch.rand(sequences, examples, generator=generator).argsort(dim=1).double()
    even = Contexts(
        query=contexts.query, responses=contexts.responses, rewards=places / examples, target=contexts.target
    )
    return even, torch.randn(sequences, dimension, generator=generator).double()


def _explicit(contexts: Contexts, start: Tensor) -> Float[Tensor, "sequence dimension"]:
    rate = LENGTH / contexts.examples
    return descend(start, contexts.responses, contexts.rewards, rate=rate, steps=STEPS)


def _error(made: Tensor, start: Tensor, explicit: Tensor) -> float:
    return float((made - explicit).norm() / (explicit - start).norm())


def _measured(size: tuple[int, int], sequences: int, streams: Streams) -> _Row:
    contexts, start = _drawn_contexts(size, sequences, streams)
    explicit, gap = _explicit(contexts, start), require_distinct(contexts.rewards)
    errors = []
    for product in SHARPNESS:
        stacked = StackedDescent(rate=LENGTH / contexts.examples, steps=STEPS, sharpness=product / gap)
        errors.append(_error(stacked(start, contexts.responses, contexts.rewards), start, explicit))
    return _Row(*size, tuple(errors), _at_once(contexts, start))


def _at_once(contexts: Contexts, start: Tensor) -> float:
    form = SortedDescent(rate=LENGTH / contexts.examples, steps=STEPS)
    return _error(form(start, contexts.responses, contexts.rewards), start, _explicit(contexts, start))


def _table(rows: list[_Row], at_once: dict[tuple[int, int], float]) -> Table:
    by_size = {(row.examples, row.dimension): row for row in rows}
    shown = [place for place, product in enumerate(SHARPNESS) if product % 12 == SHARPNESS[0]]
    cells: list[tuple[str | int | float | None, ...]] = []
    for size, error in at_once.items():
        row = by_size.get(size)
        stacked = (
            [None] * (2 + len(shown))
            if row is None
            else [STEPS * (size[0] - 1), *(row.errors[place] for place in shown), round(row.slope, 5)]
        )
        cells.append((*size, *stacked, 2 * STEPS, error))
    return Table(
        title=f"Transformers that take {STEPS} steps of gradient descent in context: relative errors",
        columns=(
            "answers",
            "numbers each",
            "blocks",
            *(f"at {SHARPNESS[place]:g}" for place in shown),
            "slope",
            "blocks, sorted",
            "error, sorted",
        ),
        rows=tuple(cells),
        note="against explicit gradient descent in double precision; columns by sharpness times gap",
    )


def _drawn(rows: list[_Row]) -> Canvas:
    canvas = Canvas(figsize=NARROW, layout="constrained")
    axes = canvas.subplots()
    ends = {}
    for row, colour in zip(rows, COLOURS, strict=False):
        axes.semilogy(SHARPNESS, row.errors, "o-", color=colour, markersize=3.5, linewidth=1.4)
        # All end at the floor: their names stand there in the order in which the lines fall.
        ends[f"N = {row.examples}, d = {row.dimension}"] = (SHARPNESS[-1], row.errors[1] * 1e-11, colour)
    axes.semilogy(FITTED, [10 * np.exp(-product) for product in FITTED], "--", color=GREY, linewidth=1)
    axes.annotate("slope -1", (FITTED[0] + 7, 10 * np.exp(-FITTED[0] - 6)), color=GREY, fontsize=8)
    axes.set(xlabel="sharpness x smallest gap of rewards", ylabel="relative error after 5 steps")
    plain(axes)
    canvas.draw_without_rendering()
    name_lines(axes, ends)
    return canvas
