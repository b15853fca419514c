"""Whether the radius of a mask predicts how well a small language model trains under it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
import torch
from jaxtyping import Float, Int
from matplotlib.figure import Figure as Canvas
from scipy.stats import spearmanr
from torch import Tensor
from torch.nn.functional import cross_entropy

from consilience.ground import Evidence, Measurement, RunFolder, Streams, Table
from consilience.methods.rank_collapse.config import Config
from consilience.methods.rank_collapse.graph import connectivity
from consilience.methods.rank_collapse.mask_language import parse_mask
from consilience.methods.rank_collapse.studies.character_model import DEPTH, WIDTH, CharacterModel, shipped_text
from consilience.neural.training import train
from consilience.neural.weights import initialised

__all__ = ["trained"]

MASKS = {
    "causal": "causal",
    "window(16, 0)": "window(16, 0)",
    "window(4, 0)": "window(4, 0)",
    "window(1, 0)": "window(1, 0)",
    "window(4, 0) + sink": "window(4, 0) | sink(1)",
    "window(1, 0) + sink": "window(1, 0) | sink(1)",
}
ARCHITECTURES = {"with skip": True, "without skip": False}

TOKENS, BATCH = 64, 16
RATE = 3e-3
LEARNED = 0.02
"""Nats below the frequencies of characters from which on a model counts as having learned something."""
HELD_OUT = 64
"""Sequences from the end of the text, on which losses and relative mu are measured."""

GREY = "#888888"
COLOURS = ("#8a5fb0", "#a9c8f2", "#3b7dd8", "#1c4f96", "#e8935a", "#a34a10")


@dataclass(frozen=True)
class _Row:
    """One model, trained."""

    mask: str
    architecture: str
    radius: int
    loss: float
    """On held-out text, in nats a character."""
    at_start: Float[np.ndarray, " layer"]
    """Relative mu after each block before training."""
    at_end: Float[np.ndarray, " layer"]


def trained(config: Config, streams: Streams, folder: RunFolder) -> Evidence:
    """Train the same small model under masks of different radius, and log relative mu and loss.

    Parameters
    ----------
    config
        ``trained_seeds``, ``trained_steps``.
    streams
        For weights and batches; all masks see the same.
    folder
        For the picture.
    """
    text, digest = shipped_text()
    rows = []
    for mask, architecture, seed in product(MASKS, ARCHITECTURES, config.trained_seeds):
        rows.append(_train(mask, architecture, text, config.trained_steps, streams.child(f"trained {seed}")))
        folder.record("trained", mask=mask, architecture=architecture, seed=seed, loss=rows[-1].loss)
    ignorance = next(_baselines(text))[1]
    caption = "Relative mu by block, before training (dashed) and after, for each mask."
    return Evidence(
        measurements=(
            *(_correlation(architecture, rows, ignorance, config) for architecture in ARCHITECTURES),
            *(_price_of_a_sink(architecture, rows) for architecture in ARCHITECTURES),
        ),
        tables=(_table(rows, text, digest, config),),
        figures=(folder.figure("trained", _drawn(rows), caption),),
    )


def _train(mask: str, architecture: str, text: Int[Tensor, " place"], steps: int, streams: Streams) -> _Row:
    allowed = parse_mask(MASKS[mask]).array(TOKENS)
    model = initialised(
        streams.integer("weights"),
        lambda: CharacterModel(int(text.max()) + 1, allowed, skip=ARCHITECTURES[architecture]),
    )
    held_out = text[-HELD_OUT * (TOKENS + 1) :].reshape(HELD_OUT, TOKENS + 1)
    seen = text[: -HELD_OUT * (TOKENS + 1)]
    at_start = model.collapse(held_out[:, :-1])
    places = torch.Generator().manual_seed(streams.integer("batches"))

    def loss(_: int) -> Tensor:
        starts = torch.randint(len(seen) - TOKENS - 1, (BATCH, 1), generator=places)
        return _loss(model, seen[starts + torch.arange(TOKENS + 1)])

    train(model, loss, steps=steps, learning_rate=RATE)
    with torch.no_grad():
        final = float(_loss(model, held_out))
    radius = connectivity(allowed).radius or 0
    return _Row(mask, architecture, radius, final, at_start, model.collapse(held_out[:, :-1]))


def _loss(model: CharacterModel, text: Int[Tensor, "batch place"]) -> Tensor:
    return cross_entropy(model(text[:, :-1]).flatten(0, 1), text[:, 1:].flatten())


def _correlation(architecture: str, rows: list[_Row], ignorance: float, config: Config) -> Measurement:
    """Rank radii against losses, unless no model learned anything whose ranks could mean something."""
    here = [row for row in rows if row.architecture == architecture]
    best = min(row.loss for row in here)
    learned = best < ignorance - LEARNED
    found = spearmanr([row.radius for row in here], [row.loss for row in here])
    note = (
        f"{len(MASKS)} causal masks of {TOKENS} tokens, {len(config.trained_seeds)} seeds, {config.trained_steps} "
        "steps; whatever comes out, and negative where a wide graph trains better"
    )
    return Measurement(
        name=f"trained {architecture}: rank correlation of radius and loss",
        value=float(found.statistic) if learned else None,
        note=note
        if learned
        else f"no model learned more than the frequencies of characters; the best loss is {best:.3f}",
    )


def _price_of_a_sink(architecture: str, rows: list[_Row]) -> Measurement:
    """Compare two masks that differ in the radius and in next to nothing else."""
    losses = {
        mask: np.array([row.loss for row in rows if (row.mask, row.architecture) == (mask, architecture)])
        for mask in ("window(1, 0)", "window(1, 0) + sink")
    }
    more = losses["window(1, 0) + sink"] - losses["window(1, 0)"]
    return Measurement(
        name=f"trained {architecture}: loss that a sink adds to a window of 1",
        value=float(more.mean()),
        low=float(more.min()),
        high=float(more.max()),
        unit="nats",
        note=f"the radius falls from {TOKENS - 1} to 1; smallest and largest difference over seeds",
    )


def _baselines(text: Int[Tensor, " place"]) -> Iterator[tuple[str, float]]:
    """Yield the losses of knowing no character and one, counted on the training text."""
    held_out, seen = text[-HELD_OUT * (TOKENS + 1) :], text[: -HELD_OUT * (TOKENS + 1)]
    size = int(text.max()) + 1
    pairs = torch.bincount(seen[:-1] * size + seen[1:], minlength=size**2).reshape(size, size).double() + 0.1
    single = pairs.sum(dim=0) / pairs.sum()
    double = pairs / pairs.sum(dim=1, keepdim=True)
    yield "frequencies of characters", float(-single[held_out[1:]].log().mean())
    yield "frequencies of pairs", float(-double[held_out[:-1], held_out[1:]].log().mean())


def _table(rows: list[_Row], text: Int[Tensor, " place"], digest: str, config: Config) -> Table:
    cells: list[tuple[str | float | None, ...]] = []
    for mask, architecture in product(MASKS, ARCHITECTURES):
        here = [row for row in rows if (row.mask, row.architecture) == (mask, architecture)]
        losses = [row.loss for row in here]
        spread = float(np.std(losses, ddof=1)) if len(losses) > 1 else None
        cells.append(
            (
                mask,
                architecture,
                here[0].radius,
                round(float(np.mean(losses)), 3),
                None if spread is None else round(spread, 3),
                round(float(np.mean([row.at_start[-1] for row in here])), 4),
                round(float(np.mean([row.at_end[-1] for row in here])), 4),
            )
        )
    cells += [(name, "", None, round(loss, 3), None, None, None) for name, loss in _baselines(text)]
    return Table(
        title="Small language models under masks of different radius",
        columns=("mask", "model", "radius", "loss, nats", "+-", "relative mu at start", "relative mu at end"),
        rows=tuple(cells),
        note=f"{DEPTH} blocks of attention with LayerNorm before it and without feed-forward part, width {WIDTH}, "
        f"{TOKENS} characters of Python's help topics (SHA-256 {digest}...), {config.trained_steps} steps; +- is the "
        "standard deviation over seeds. Relative mu is that after the last block. Radius and reach go together here, "
        "and the next character hangs on its neighbours: only masks with and without a sink differ in little else.",
    )


def _drawn(rows: list[_Row]) -> Canvas:
    canvas = Canvas(figsize=(6.6, 3.4), layout="constrained")
    panels = canvas.subplots(1, len(ARCHITECTURES), sharey=True)
    for axes, architecture in zip(panels, ARCHITECTURES, strict=True):
        for mask, colour in zip(MASKS, COLOURS, strict=True):
            here = [row for row in rows if (row.mask, row.architecture) == (mask, architecture)]
            axes.plot(np.mean([row.at_start for row in here], axis=0), "--", color=colour, linewidth=1)
            axes.plot(np.mean([row.at_end for row in here], axis=0), color=colour, label=mask)
        axes.set_title(architecture, fontsize=10, color=GREY)
        axes.set(ylim=(0, 1))
        axes.set_xlabel("block", color=GREY)
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(colors=GREY)
    panels[0].set_ylabel("relative mu", color=GREY)
    handles, labels = panels[0].get_legend_handles_labels()
    canvas.legend(
        handles, labels, frameon=False, labelcolor="linecolor", loc="outside lower center", ncols=3, fontsize=8
    )
    return canvas
