"""Pictures of an inspection: one measure over depth, with the floor below which it is rounding, and the bound."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import MaxNLocator

from consilience.methods.rank_collapse.findings import Row
from consilience.methods.rank_collapse.formulas import MEASURES
from consilience.methods.rank_collapse.inspection import Inspection

__all__ = ["WORDS", "depth_picture", "measured"]

GREY = "#888888"
COLOURS = ("#3b7dd8", "#d9722e")
"""Of the first model and the one it is compared with."""
STYLES = ("-", "--", ":", "-.")
"""Of the first list of blocks of a model, the second, ..."""

WORDS = {
    **{name: measure.words for name, measure in MEASURES.items()},
    "attention_entropy": "mean entropy of attention, nats",
    "smallest_edge": "smallest attention weight",
}
"""How the axis of each measure is labelled."""

_SIGHT = 1e3
"""Values more than so many times the floor are far from it: it is not drawn then."""

_EDGE = 1.5
"""What is below the picture is drawn so far above its edge, as a factor."""

_LOGARITHMIC = {*(name for name, measure in MEASURES.items() if measure.logarithmic), "smallest_edge"}


@dataclass(frozen=True)
class _Line:
    """One measure over the depth of one list of blocks."""

    label: str
    rows: list[Row]
    colour: str
    style: str
    bound: tuple[float, ...] = ()
    bound_words: str = ""


def measured(inspections: Sequence[Inspection]) -> list[str]:
    """Name the measures that any of the models has, in the order of `WORDS`."""
    there = {row.measure for one in inspections for row in one.report.rows}
    return [name for name in WORDS if name in there]


def depth_picture(inspections: Sequence[Inspection], measure: str) -> Canvas:
    """Draw a measure over depth: median, band from the 5th to the 95th percentile, floor, and bound of mu.

    Values that may be rounding are hollow; the grey is what lies below the floor.
    """
    lines = list(_lines(inspections, measure))
    canvas = Canvas(figsize=(6.4, 4.0), layout="constrained")
    axes = canvas.subplots()
    if measure in _LOGARITHMIC and _spans_decades(lines):
        axes.set_yscale("log")
    bottom = _floor(axes, lines)
    for line in lines:
        _draw(axes, line, bottom)
    if any(line.bound for line in lines):
        axes.margins(y=0.15)  # room for the words above the bounds
    if math.isfinite(bottom):
        axes.set_ylim(bottom=bottom / _EDGE)
    _name(axes, lines)
    axes.set_xlabel("depth (0: what goes into the first layer)", color=GREY)
    axes.set_title(WORDS[measure], fontsize=11, color=GREY, loc="left")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(colors=GREY, which="both")
    return canvas


def _lines(inspections: Sequence[Inspection], measure: str) -> Iterator[_Line]:
    for colour, one in zip(COLOURS, inspections, strict=False):
        rows = [row for row in one.report.rows if row.measure == measure]
        stacks = list(dict.fromkeys(row.stack for row in rows))
        for style, stack in zip(STYLES, stacks, strict=False):
            bound = next((bound for bound in one.bounds if bound.stack == stack and measure == "mu"), None)
            words = f"attention alone: ε = {bound.smallest_weight:.0e}, r = {bound.depth}" if bound else ""
            label = one.name if len(stacks) == 1 else f"{one.name}\n{stack.partition('.*')[0]}"
            own = [row for row in rows if row.stack == stack]
            yield _Line(label, own, colour, style, bound.values if bound else (), words)


def _spans_decades(lines: Sequence[_Line]) -> bool:
    rows = [row for line in lines for row in line.rows]
    seen = [row.median for row in rows if row.median > 0]
    return bool(seen) and (max(seen) > 10 * min(seen) or not all(row.trusted for row in rows))


def _floor(axes: Axes, lines: Sequence[_Line]) -> float:
    """Shade what is below ten machine epsilons, if anything comes near it; return the lowest value to be drawn."""
    rows = [row for line in lines for row in line.rows]
    near = [row for row in rows if row.floor > 0 and row.q05 < _SIGHT * row.floor]
    if axes.get_yscale() != "log" or not near:
        return -math.inf
    floors: dict[int, float] = {}
    for row in rows:
        floors[row.depth] = max(row.floor, floors.get(row.depth, 0.0))
    bottom = min(floors.values()) / 100
    axes.fill_between(list(floors), bottom, list(floors.values()), color=GREY, alpha=0.2, linewidth=0)
    return bottom * _EDGE


def _draw(axes: Axes, line: _Line, bottom: float) -> None:
    """Draw a line; what is below the picture is drawn at its edge."""
    depth = [row.depth for row in line.rows]
    median, low, high = (
        np.maximum([getattr(row, name) for row in line.rows], bottom) for name in ("median", "q05", "q95")
    )
    axes.fill_between(depth, low, high, color=line.colour, alpha=0.15, linewidth=0)
    axes.plot(depth, median, line.style, color=line.colour, linewidth=1.8)
    for trusted, face in ((True, line.colour), (False, "white")):
        at = [(row.depth, value) for row, value in zip(line.rows, median, strict=True) if row.trusted == trusted]
        if at:
            axes.plot(*zip(*at, strict=True), "o", color=line.colour, markerfacecolor=face, markersize=5)
    if line.bound:
        axes.plot(range(len(line.bound)), line.bound, color=line.colour, linestyle=(0, (1, 2)), linewidth=1.2)


def _name(axes: Axes, lines: Sequence[_Line]) -> None:
    """Name lines at the right edge, and bounds above their beginning, none on top of another."""
    style: dict[str, Any] = {"fontsize": 8, "va": "center", "xycoords": "axes fraction", "annotation_clip": False}
    for line, height in zip(lines, _apart(axes, [line.rows[-1].median for line in lines], 0.09), strict=True):
        axes.annotate(line.label, (1.02, height), color=line.colour, **style)
    bounded = [line for line in lines if line.bound]
    for line, height in zip(bounded, _apart(axes, [line.bound[0] for line in bounded], 0.05), strict=True):
        axes.annotate(line.bound_words, (0.06, height + 0.04), color=line.colour, **style)


def _apart(axes: Axes, values: Sequence[float], least: float) -> list[float]:
    """Return heights of labels as parts of the axes, in the order of `values`, no two closer than `least`."""
    axes.autoscale_view()
    if not values:
        return []
    to_axes = axes.transData + axes.transAxes.inverted()
    places = np.nan_to_num(to_axes.transform([(0.0, value) for value in values])[:, 1])
    order = np.argsort(places)
    heights = np.clip(places, 0.02, 0.98)
    for below, above in pairwise(order):
        heights[above] = max(heights[above], heights[below] + least)
    return [float(height) for height in heights]
