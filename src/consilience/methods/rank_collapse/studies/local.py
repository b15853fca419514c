"""How a mask's radius and its second eigenvalue set the pace of collapse under uniform attention."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import repeat
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure as Canvas

from consilience.ground import Evidence, Measurement, RunFolder, Streams, Table
from consilience.methods.rank_collapse.config import Config
from consilience.methods.rank_collapse.dynamics import Dynamics, mu, relative_mu
from consilience.methods.rank_collapse.layers import Averaging
from consilience.methods.rank_collapse.mask_facts import MaskFacts, facts
from consilience.methods.rank_collapse.mask_language import parse_mask
from consilience.methods.rank_collapse.studies.temperature import temperature
from consilience.methods.rank_collapse.studies.trained import trained

__all__ = ["local", "measured_slope"]

WIDTH = 16
THRESHOLD = 1e-3
LONGEST = 20_000
"""Layers after which a run is given up."""
SETTLED, SPAN = 1e-8, 50
"""The slope is measured over the last layers before mu has fallen to this share of its start."""

TWO_SIDED = ("window(8)", "window(4)", "window(2)", "window(1)")
ONE_SIDED = ("window(8, 0)", "window(4, 0)", "window(2, 0)", "window(1, 0)")
OTHERS = ("complete", "causal", "sink(1)", "window(2) | sink(1)", "window(2) | global(1)", "ring(1)", "block(16)")

DRAWN = {
    "complete": "#888888",
    "causal": "#8a5fb0",
    "window(8)": "#f2b48c",
    "window(4)": "#e8935a",
    "window(2)": "#d9722e",
    "window(1)": "#a34a10",
    "window(8, 0)": "#a9c8f2",
    "window(4, 0)": "#6fa3e6",
    "window(2, 0)": "#3b7dd8",
    "window(1, 0)": "#1c4f96",
}
BESIDE = {"window(8)": -6, "window(2, 0)": 6}
"""By how many points labels that would lie on one another are moved."""


@dataclass(frozen=True)
class _Row:
    """One mask: what the graph says, and what tokens did."""

    mask: str
    found: MaskFacts
    layers: float | None
    """Until relative mu fell below the threshold, the mean over starts."""
    layers_absolute: float | None
    """Until mu had fallen to that share of its start."""
    slope: float | None
    """Factor per layer by which mu fell in the end, the mean over starts."""
    course: Float[np.ndarray, " layer"]
    """Relative mu of the first start."""


def local(config: Config, streams: Streams, folder: RunFolder) -> Evidence:
    """Measure the claim ``rank.local``.

    Tokens with Gaussian features run through uniform attention under every mask, and the layers until relative mu is
    below 1e-3 are counted. Beside it stand the temperature of softmax attention and models that are trained.

    Parameters
    ----------
    config
        ``local_tokens``, ``local_starts``, ``temperature_stacks``, ``trained_seeds``, ``trained_steps``.
    streams
        For starts, weights and batches.
    folder
        For the pictures.
    """
    rows = {name: _measured(name, config, streams.child(name)) for name in (*TWO_SIDED, *ONE_SIDED, *OTHERS)}
    folder.record("local", masks=len(rows))
    caption = "Relative mu under uniform attention: windows of 8, 4, 2 and 1 neighbours, two-sided and one-sided."
    warm, models = temperature(config, streams, folder), trained(config, streams, folder)
    return Evidence(
        measurements=(
            _slopes([rows[name] for name in TWO_SIDED], config),
            _exponent("two-sided windows", [rows[name] for name in TWO_SIDED], at_least=1.5, at_most=2.5),
            _exponent("one-sided windows", [rows[name] for name in ONE_SIDED], at_least=0.5, at_most=1.5),
            *_doubling(config.local_tokens),
            *warm.measurements,
            *models.measurements,
        ),
        tables=(_table(list(rows.values())), *warm.tables, *models.tables),
        figures=(
            folder.figure("local", _drawn(rows), caption),
            *warm.figures,
            *models.figures,
        ),
    )


def measured_slope(course: Float[np.ndarray, " layer"], rounding: float = 1e-12) -> float | None:
    """Return the factor per layer by which mu fell at last, before rounding: the mean over a span of layers.

    Parameters
    ----------
    course
        mu after each layer.
    rounding
        Share of the first value below which values are not trusted.
    """
    trusted = int(np.argmax(course < rounding * course[0])) or len(course)
    last = trusted - 1
    span = min(SPAN, last // 4)
    return float((course[last] / course[last - span]) ** (1 / span)) if span else None


def _measured(name: str, config: Config, streams: Streams) -> _Row:
    found = facts(parse_mask(name), config.local_tokens, threshold=THRESHOLD)
    layer = Averaging.uniform(parse_mask(name).array(config.local_tokens), WIDTH)
    relative, absolute, slopes = [], [], []
    for start in range(config.local_starts):
        X = streams.generator(f"start {start}").standard_normal((config.local_tokens, WIDTH))
        path = list(_until_settled(X, layer, collapses=found.connectivity.collapses))
        relative.append(np.array([float(relative_mu(here)) for here in path]))
        absolute.append(np.array([float(mu(here)) for here in path]))
        slopes.append(measured_slope(absolute[-1]))
    return _Row(
        mask=name,
        found=found,
        layers=_mean([_first_below(course, THRESHOLD) for course in relative]),
        layers_absolute=_mean([_first_below(course, THRESHOLD * course[0]) for course in absolute]),
        slope=_mean(slopes),
        course=relative[0],
    )


def _until_settled(X: np.ndarray, layer: Averaging, *, collapses: bool) -> Iterator[np.ndarray]:
    start = float(mu(X))
    for here in Dynamics().run(X, repeat(layer), LONGEST if collapses else 100):
        yield here
        if float(mu(here)) < SETTLED * start:
            return


def _first_below(course: Float[np.ndarray, " layer"], level: float) -> float | None:
    below = np.flatnonzero(course < level)
    return float(below[0]) if below.size else None


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if len(known) == len(values) else None


def _slopes(rows: list[_Row], config: Config) -> Measurement:
    away = [abs(row.slope / row.found.rate - 1) for row in rows if row.slope and row.found.rate]
    return Measurement(
        name="two-sided windows: slope against the second eigenvalue, relative",
        value=max(away) if len(away) == len(rows) else None,
        at_most=1e-5,
        note=f"the largest of {len(rows)} windows, {config.local_tokens} tokens, the mean of {config.local_starts} "
        "starts",
    )


def _exponent(which: str, rows: list[_Row], *, at_least: float, at_most: float) -> Measurement:
    radii = [row.found.connectivity.radius or np.nan for row in rows]
    layers = [row.layers if row.layers is not None else np.nan for row in rows]
    return Measurement(
        name=f"{which}: exponent of layers in the radius",
        value=_power(radii, layers),
        at_least=at_least,
        at_most=at_most,
        note="least squares on logarithms over windows of 8, 4, 2 and 1; the bar asks for the nearest whole number",
    )


def _power(radii: list[float], layers: list[float]) -> float:
    return float(np.polyfit(np.log(radii), np.log(layers), 1)[0])


def _doubling(tokens: int) -> Iterator[Measurement]:
    """Yield exponents for the narrowest windows as the sequence doubles, so that the width of a window stays."""
    sizes = [tokens * factor for factor in (1, 2, 4, 8)]
    for which, name in (("two-sided", "window(1)"), ("one-sided", "window(1, 0)")):
        found = [facts(parse_mask(name), size, threshold=THRESHOLD) for size in sizes]
        radii = [float(one.connectivity.radius or np.nan) for one in found]
        yield Measurement(
            name=f"{which} window of 1: exponent as the sequence doubles",
            value=_power(radii, [float(one.layers or np.nan) for one in found]),
            note=f"{', '.join(map(str, sizes))} tokens, exact for white tokens",
        )


def _table(rows: list[_Row]) -> Table:
    return Table(
        title="Layers of uniform attention until tokens agree",
        columns=(
            "mask",
            "radius",
            "layers to relative mu 1e-3",
            "the same, exact for white tokens",
            "layers to mu 1e-3 of its start",
            "slope at the end",
            "second eigenvalue",
        ),
        rows=tuple(
            (
                row.mask,
                row.found.connectivity.radius,
                row.layers,
                row.found.layers,
                row.layers_absolute,
                None if row.slope is None else round(row.slope, 6),
                None if row.found.rate is None else round(row.found.rate, 6),
            )
            for row in rows
        ),
        note="Two-sided windows diffuse: for n tokens the second eigenvalue is about 1 - (pi/n)^2 w(w+1)/6, so that "
        "layers grow like the square of the radius n/2w, less by w/(w+1). One-sided windows drift: layers grow like "
        "the radius plus a constant, and their slope comes to 1/2 only long after. One token that all attend to "
        "makes the radius 1. Empty: never.",
    )


def _drawn(rows: dict[str, _Row]) -> Canvas:
    canvas = Canvas(figsize=(6.6, 4.0), layout="constrained")
    axes = canvas.subplots()
    for name, colour in DRAWN.items():
        course = rows[name].course
        shown = course[: int(np.argmax(course < THRESHOLD)) + 1]
        axes.plot(np.arange(1, len(shown) + 1), np.maximum(shown, THRESHOLD / 2), color=colour, linewidth=1.8)
        place, aside = (len(shown), THRESHOLD / 3), (BESIDE.get(name, 0), 0)
        style: dict[str, Any] = {"fontsize": 8, "color": colour, "rotation": 90, "ha": "center", "va": "top"}
        axes.annotate(name, place, xytext=aside, textcoords="offset points", **style)
    axes.axhline(THRESHOLD, color="#888888", linewidth=0.8, linestyle=":")
    axes.set(xscale="log", yscale="log", ylim=(THRESHOLD / 40, 1.5))
    axes.set_xlabel("layers + 1", color="#888888")
    axes.set_ylabel("relative mu", color="#888888")
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(colors="#888888", which="both")
    return canvas
