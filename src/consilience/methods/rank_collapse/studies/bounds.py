"""Whether the bounds of mu hold, and whether LayerNorm on a hemisphere is the linear consensus it is said to be."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from consilience.ground import Evidence, Measurement, RunFolder, Streams, Table
from consilience.methods.rank_collapse.config import Config
from consilience.methods.rank_collapse.consensus import hemisphere, wendel_probability
from consilience.methods.rank_collapse.studies.checks import (
    CONSENSUS_LAYERS,
    MASKS,
    Checked,
    checked_starts,
    gnomonic_error,
)

__all__ = ["bounds"]

DRAWN = {"complete": "#3b7dd8", "window(2)": "#d9722e", "window(2, 0)": "#3f9b6b"}
GREY = "#888888"

WENDEL_DRAWS = 400
LOOKED_AT = 10
"""Layer after which measured mu is set beside its bound: later ones may be rounding under the fast masks."""

FLOOR = 1e-13
"""Below this mu is rounding and is not drawn."""


def bounds(config: Config, streams: Streams, folder: RunFolder) -> Evidence:
    """Measure the claim ``rank.bounds``.

    Parameters
    ----------
    config
        ``bounds_trials``, ``bounds_layers``.
    streams
        For starts and weights.
    folder
        For the picture.
    """
    plain = list(checked_starts("attention", config.bounds_trials, config.bounds_layers, streams))
    sphere = list(checked_starts("LayerNorm", config.bounds_trials, config.bounds_layers, streams))
    folder.record("bounds", starts=len(plain) + len(sphere))
    errors = {name: gnomonic_error(name, streams.generator(f"gnomonic {name}")) for name in MASKS}
    worst = max(errors, key=lambda name: errors[name])
    caption = "mu after each layer (lines) and its bound (dashed), without LayerNorm and with it: the median start."
    return Evidence(
        measurements=(
            _violations("violations of the bound without LayerNorm", plain, config),
            _enough(plain, config),
            _violations("violations of the bound with LayerNorm", sphere, config),
            _enough(sphere, config),
            Measurement(
                name="largest error of the linear consensus",
                value=errors[worst],
                at_most=1e-12,
                note=f"gnomonic coordinates after up to {CONSENSUS_LAYERS} layers of LayerNorm against as many of the "
                f"linear system, never brought together in between; {len(MASKS)} masks, the largest under {worst}",
            ),
            Measurement(
                name="starts whose smallest weight is below its bound from norms",
                value=sum(not start.weight_kept for start in plain + sphere),
                at_most=0,
                note=f"of {len(plain) + len(sphere)}",
            ),
            _wendel(streams.generator("wendel")),
        ),
        tables=(_table(plain, sphere, errors),),
        figures=(folder.figure("bounds", _drawn(plain, sphere), caption),),
    )


def _violations(name: str, starts: list[Checked], config: Config) -> Measurement:
    return Measurement(
        name=name,
        value=sum(start.violations for start in starts),
        at_most=0,
        note=f"{len(MASKS)} masks, {config.bounds_trials} starts each, checked after each of {config.bounds_layers} "
        "layers with fresh weights",
    )


def _enough(starts: list[Checked], config: Config) -> Measurement:
    return Measurement(
        name=f"checks of the bound with {starts[0].kind}" if starts[0].kind == "LayerNorm" else "checks of that bound",
        value=len(starts) * config.bounds_layers,
        at_least=10_000,
    )


def _wendel(rng: np.random.Generator) -> Measurement:
    tokens, width = 16, 8
    found = np.array([hemisphere(rng.standard_normal((tokens, width))) is not None for _ in range(WENDEL_DRAWS)])
    error = float(found.std()) / WENDEL_DRAWS**0.5
    return Measurement(
        name="random tokens in one hemisphere",
        value=100 * float(found.mean()),
        low=100 * (float(found.mean()) - 2 * error),
        high=100 * (float(found.mean()) + 2 * error),
        unit="%",
        note=f"{tokens} tokens, {width} features; Wendel's theorem: {100 * wendel_probability(tokens, width):g} %, and "
        f"{100 * wendel_probability(128, 768):g} % of 128 tokens with 768 features; interval of two standard errors",
    )


def _table(plain: list[Checked], sphere: list[Checked], errors: dict[str, float]) -> Table:
    at = min(LOOKED_AT, len(plain[0].bound) - 1)

    def tightness(starts: list[Checked], mask: str) -> float | None:
        here = [start for start in starts if start.mask == mask]
        share = float(np.median([start.measured[at] / start.bound[at] for start in here]))
        rounded_off = float(np.median([start.measured[at] for start in here])) < FLOOR
        return None if rounded_off else float(f"{share:.1e}")

    return Table(
        title=f"How far tokens are below their bounds after {at} layers",
        columns=("mask", "mu / bound, no LayerNorm", "mu / bound, LayerNorm", "error of the consensus"),
        rows=tuple(
            (mask, tightness(plain, mask), tightness(sphere, mask), float(f"{errors[mask]:.1e}")) for mask in MASKS
        ),
        note="Medians over starts; empty where mu is rounding by then. The bounds are guarantees, exponentially loose "
        "where the radius is large: they order no masks and predict no slope.",
    )


def _drawn(plain: list[Checked], sphere: list[Checked]) -> Canvas:
    canvas = Canvas(figsize=(6.6, 3.2), layout="constrained")
    left, right = canvas.subplots(1, 2, sharey=True)
    for axes, starts, title in ((left, plain, "attention only"), (right, sphere, "with LayerNorm")):
        for mask, colour in DRAWN.items():
            _draw_start(axes, [start for start in starts if start.mask == mask], mask, colour)
        axes.set_title(title, fontsize=10, color=GREY)
        axes.set_xlabel("layer", color=GREY)
        axes.set(yscale="log", ylim=(FLOOR, 1e3))
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(colors=GREY, which="both")
    left.set_ylabel("mu", color=GREY)
    handles, labels = left.get_legend_handles_labels()
    canvas.legend(
        handles, labels, frameon=False, fontsize=9, labelcolor="linecolor", loc="outside lower center", ncols=len(DRAWN)
    )
    return canvas


def _draw_start(axes: Axes, starts: list[Checked], mask: str, colour: str) -> None:
    """Draw the start whose last mu is the median, with its bound."""
    start = sorted(starts, key=lambda one: float(one.measured[-1]))[len(starts) // 2]
    layers = np.arange(len(start.measured))
    axes.plot(layers, np.where(start.measured > FLOOR, start.measured, np.nan), color=colour, label=mask)
    axes.plot(layers, start.bound, color=colour, linestyle="--", linewidth=1)
