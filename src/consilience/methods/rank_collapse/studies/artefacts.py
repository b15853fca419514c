"""Two ways to see LayerNorm prevent a collapse that it does not: mu that is not relative, and dropout left on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure as Canvas

from consilience.ground import Measurement, Streams, Table
from consilience.methods.rank_collapse.dynamics import Dynamics, mu, relative_mu
from consilience.methods.rank_collapse.layers import Layer, gaussian_layers
from consilience.methods.rank_collapse.masks import Complete
from consilience.methods.rank_collapse.normalisation import Centring, Normalisation, Unnormalised

__all__ = ["Artefacts", "artefacts"]

TOKENS, WIDTH, HEADS = 32, 64, 4
GAIN = 0.55
"""Of the value matrices: what a standard deviation of .02 makes of layers as wide as BERT's."""
DROPOUT = 0.1
SHALLOW, DEEP = 12, 128
FLOOR = 1e-15
"""Relative mu below ten machine epsilons is rounding; this is a little less and the end of the picture."""

NORMS: dict[str, Normalisation] = {"attention only": Unnormalised(), "with LayerNorm": Centring()}
COLOURS = {"attention only": "#d9722e", "with LayerNorm": "#3b7dd8"}
GREY = "#888888"


@dataclass(frozen=True)
class Artefacts:
    """What was found, as parts of the evidence of a study."""

    measurements: tuple[Measurement, ...]
    tables: tuple[Table, ...]
    canvas: Canvas
    caption: str


@dataclass(frozen=True)
class _Dropped(Layer):
    """A layer in training mode: some of what attention makes is set to zero, the rest made up for it."""

    layer: Layer
    rng: np.random.Generator

    def attention(self, X: Float[np.ndarray, "*batch token feature"]) -> Float[np.ndarray, "*shape"]:
        return self.layer.attention(X)

    def __call__(self, X: Float[np.ndarray, "*batch token feature"]) -> Float[np.ndarray, "*batch token feature"]:
        made = self.layer(X)
        return made * (self.rng.random(made.shape) >= DROPOUT) / (1 - DROPOUT)


@dataclass(frozen=True)
class _Row:
    norm: str
    training: bool
    absolute: Float[np.ndarray, " layer"]
    relative: Float[np.ndarray, " layer"]


def artefacts(streams: Streams) -> Artefacts:
    """Follow the same random layers with and without LayerNorm, in training mode and out of it, by both measures."""
    rows = [_row(norm, training, streams) for norm, training in product(NORMS, (False, True))]
    found = {(row.norm, row.training): row for row in rows}
    trained, plain = found["with LayerNorm", True], found["attention only", True]
    return Artefacts(
        measurements=(
            Measurement(
                name=f"dropout left on: mu at layer {DEEP} with LayerNorm, over that without",
                value=float(trained.absolute[DEEP] / plain.absolute[DEEP]),
                note="as if LayerNorm had prevented a collapse",
            ),
            Measurement(
                name=f"dropout left on: relative mu at layer {DEEP} with LayerNorm, over that without",
                value=float(trained.relative[DEEP] / plain.relative[DEEP]),
                note="it has not: dropout keeps tokens apart in both",
            ),
        ),
        tables=(_table(rows),),
        canvas=_drawn(rows),
        caption="The same layers by mu and by relative mu; dashed: with dropout left on. Only the left picture shows a "
        "difference that LayerNorm makes.",
    )


def _row(norm: str, training: bool, streams: Streams) -> _Row:  # noqa: FBT001  a mode of the layers, as in torch
    rng = streams.generator("artefacts")
    X = rng.standard_normal((TOKENS, WIDTH))
    layers = gaussian_layers(rng, Complete().array(TOKENS), WIDTH, heads=HEADS, gain=GAIN)
    seen = _in_training(layers, streams.generator("dropout")) if training else layers
    path = list(Dynamics(NORMS[norm]).run(X, seen, DEEP))
    return _Row(norm, training, np.array([mu(here) for here in path]), np.array([relative_mu(here) for here in path]))


def _in_training(layers: Iterator[Layer], rng: np.random.Generator) -> Iterator[Layer]:
    return (_Dropped(layer, rng) for layer in layers)


def _table(rows: list[_Row]) -> Table:
    return Table(
        title="The same layers by two measures",
        columns=(
            "layer is",
            "dropout",
            f"mu, layer {SHALLOW}",
            f"layer {DEEP}",
            f"relative mu, layer {SHALLOW}",
            f"layer {DEEP} ",
        ),
        rows=tuple(
            (
                row.norm,
                f"{DROPOUT:g}" if row.training else "off",
                float(f"{row.absolute[SHALLOW]:.1e}"),
                float(f"{row.absolute[DEEP]:.1e}"),
                float(f"{row.relative[SHALLOW]:.1e}"),
                float(f"{row.relative[DEEP]:.1e}"),
            )
            for row in rows
        ),
        note=f"Complete mask, {TOKENS} tokens of {WIDTH} features, {HEADS} heads, value matrices that shrink tokens by "
        f"{GAIN:g} a layer. Relative mu below 2e-15 is rounding.",
    )


def _drawn(rows: list[_Row]) -> Canvas:
    canvas = Canvas(figsize=(6.6, 3.2), layout="constrained")
    left, right = canvas.subplots(1, 2)
    for row in rows:
        style = {"color": COLOURS[row.norm], "linestyle": "--" if row.training else "-"}
        for axes, course in ((left, row.absolute), (right, row.relative)):
            label = f"{row.norm}, dropout" if row.training else row.norm
            axes.plot(np.arange(1, DEEP + 2), np.where(row.relative > FLOOR, course, np.nan), label=label, **style)
    for axes, title in ((left, "mu"), (right, "relative mu")):
        axes.set_title(title, fontsize=10, color=GREY)
        axes.set(xscale="log", yscale="log")
        axes.set_xlabel("layer + 1", color=GREY)
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(colors=GREY, which="both")
    handles, labels = left.get_legend_handles_labels()
    canvas.legend(
        handles, labels, frameon=False, labelcolor="linecolor", loc="outside lower center", ncols=2, fontsize=9
    )
    return canvas
