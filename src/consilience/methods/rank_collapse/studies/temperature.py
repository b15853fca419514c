"""What the temperature of softmax attention does to the pace of collapse, under masks of different reach."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure as Canvas

from consilience.ground import Evidence, Measurement, RunFolder, Streams, Table
from consilience.methods.rank_collapse.config import Config
from consilience.methods.rank_collapse.dynamics import Dynamics, relative_mu
from consilience.methods.rank_collapse.layers import orthogonal_layers
from consilience.methods.rank_collapse.mask_language import parse_mask
from consilience.methods.rank_collapse.normalisation import Centring, Normalisation, Unnormalised

__all__ = ["temperature"]

MASKS = ("complete", "causal", "window(4)")
TEMPERATURES = {1 / 64: "1/64", 1.0: "1", 64.0: "64"}
COLOURS = {1 / 64: "#1c4f96", 1.0: "#3b7dd8", 64.0: "#d9722e"}
GREY = "#888888"

TOKENS = WIDTH = 32
LAYERS = 400
SHALLOW = 4
THRESHOLD = 1e-3
FLOOR = 1e-12

KINDS: dict[str, Normalisation] = {"attention only": Unnormalised(), "with LayerNorm": Centring()}


@dataclass(frozen=True)
class _Row:
    """One mask at one temperature; courses are medians over stacks."""

    mask: str
    temperature: float
    courses: dict[str, Float[np.ndarray, " layer"]]

    def layers(self, kind: str) -> int | None:
        below = np.flatnonzero(self.courses[kind] < THRESHOLD)
        return int(below[0]) if below.size else None


def temperature(config: Config, streams: Streams, folder: RunFolder) -> Evidence:
    """Measure how tokens collapse under softmax attention at three temperatures.

    Logits are divided by the root of d_QK in {1/64, 1, 64}; queries and keys are Gaussian, values orthogonal, fresh in
    every layer.

    Parameters
    ----------
    config
        ``temperature_stacks``.
    streams
        For starts and weights; all temperatures see the same.
    folder
        For the picture.
    """
    rows = [_row(mask, d_qk, config, streams) for mask, d_qk in product(MASKS, TEMPERATURES)]
    caption = "Relative mu of softmax attention by layer; smaller d_QK is sharper: slower at first, not always later."
    return Evidence(
        measurements=tuple(_slowing(mask, rows) for mask in MASKS),
        tables=(_table(rows, config),),
        figures=(folder.figure("temperature", _drawn(rows), caption),),
    )


def _row(mask: str, d_qk: float, config: Config, streams: Streams) -> _Row:
    stacks = range(config.temperature_stacks)
    courses = {
        kind: np.exp(np.median([_log_course(mask, d_qk, norm, streams, stack) for stack in stacks], axis=0))
        for kind, norm in KINDS.items()
    }
    return _Row(mask, d_qk, courses)


def _log_course(
    mask: str, d_qk: float, norm: Normalisation, streams: Streams, stack: int
) -> Float[np.ndarray, " layer"]:
    rng = streams.generator(f"temperature {stack}")
    X = rng.standard_normal((TOKENS, WIDTH))
    layers = orthogonal_layers(rng, parse_mask(mask).array(TOKENS), WIDTH, temperature=d_qk)
    course: Float[np.ndarray, " layer"] = np.full(LAYERS + 1, FLOOR)
    for at, here in enumerate(Dynamics(norm).run(X, layers, LAYERS)):
        course[at] = max(float(relative_mu(here)), FLOOR)
        if course[at] == FLOOR:
            break
    logarithms: Float[np.ndarray, " layer"] = np.log(course)
    return logarithms


def _slowing(mask: str, rows: list[_Row]) -> Measurement:
    layers = {row.temperature: row.layers("attention only") for row in rows if row.mask == mask}
    sharp, flat = layers[min(layers)], layers[max(layers)]
    return Measurement(
        name=f"{mask}: layers to relative mu 1e-3, d_QK 1/64 over 64",
        value=sharp / flat if sharp is not None and flat else None,
        note="attention only" if sharp is not None and flat else f"not within {LAYERS} layers",
    )


def _table(rows: list[_Row], config: Config) -> Table:
    return Table(
        title="Temperature of softmax attention",
        columns=(
            "mask",
            "d_QK",
            f"relative mu after {SHALLOW} layers",
            "layers to 1e-3",
            f"with LayerNorm: after {SHALLOW} layers",
            "layers to 1e-3 ",
        ),
        rows=tuple(
            (
                row.mask,
                TEMPERATURES[row.temperature],
                float(f"{row.courses['attention only'][SHALLOW]:.2g}"),
                row.layers("attention only"),
                float(f"{row.courses['with LayerNorm'][SHALLOW]:.2g}"),
                row.layers("with LayerNorm"),
            )
            for row in rows
        ),
        note=f"{TOKENS} tokens of {WIDTH} features, Gaussian queries and keys, orthogonal values, "
        f"{config.temperature_stacks} stacks, medians at each layer; empty: not within {LAYERS} layers.",
    )


def _drawn(rows: list[_Row]) -> Canvas:
    canvas = Canvas(figsize=(6.6, 3.0), layout="constrained")
    panels = canvas.subplots(1, len(MASKS), sharey=True)
    for axes, mask in zip(panels, MASKS, strict=True):
        for row in (row for row in rows if row.mask == mask):
            course = row.courses["attention only"]
            shown = course > 1.01 * FLOOR
            label = f"d_QK {TEMPERATURES[row.temperature]}"
            axes.plot(np.flatnonzero(shown) + 1, course[shown], color=COLOURS[row.temperature], label=label)
        axes.set_title(mask, fontsize=10, color=GREY)
        axes.set(xscale="log", yscale="log", xlim=(1, LAYERS), ylim=(FLOOR, 2))
        axes.set_xlabel("layers + 1", color=GREY)
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(colors=GREY, which="both")
    panels[0].set_ylabel("relative mu", color=GREY)
    handles, labels = panels[0].get_legend_handles_labels()
    canvas.legend(
        handles, labels, frameon=False, labelcolor="linecolor", loc="outside lower center", ncols=3, fontsize=9
    )
    return canvas
