"""Pictures of the law: growth and the curves fitted to it, its cost, and small worlds."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from consilience.methods.agent_networks.studies.law_growth import Growth
from consilience.methods.agent_networks.studies.law_sweep import SHAPES, Point, World, interval

__all__ = ["draw_cost", "draw_growth", "draw_worlds"]

GREY = "#888888"
COLOURS = {
    "chain": "#3b7dd8",
    "star": "#d9722e",
    "tree": "#3a9a5b",
    "mesh": "#b8478f",
    "layer": "#8a6fd1",
    "random": "#b59a1d",
}
STYLES = ("-", "--", ":", "-.")
"""Of the curves, in their order."""
MARKS = {"majority of drafts": "v", "best of drafts": "^", "drafts merged": "D"}
WORLD_COLOURS = {"lasting": "#3b7dd8", "careless": "#d9722e", "forgetful": "#3a9a5b"}

Means = Callable[..., Float[np.ndarray, " resample"]]


def draw_growth(found: Sequence[Growth], points: Sequence[Point], means: Means) -> Canvas:
    """Draw quality over actors, a panel for each shape, with the four curves."""
    canvas = Canvas(figsize=(7.6, 5.0), layout="constrained")
    panels = canvas.subplots(2, 3, sharex=True, sharey=True)
    for axes, one in zip(panels.flat, found, strict=True):
        own = [point for point in points if point.shape == one.shape]
        actors = np.array([point.actors for point in own], dtype=float)
        fine = np.geomspace(actors[0], actors[-1], 200)
        for fitted, style in zip(one.fits, STYLES, strict=True):
            best = fitted is one.fits[one.best]
            colour = COLOURS[one.shape] if best else GREY
            axes.plot(fine, fitted(fine), style, color=colour, lw=1.8 if best else 1.0, label=fitted.curve.name)
        _mark(axes, actors, own, means, COLOURS[one.shape])
        axes.set_title(f"{one.shape}: {one.fits[one.best].curve.name}", fontsize=9, color=GREY, loc="left")
        axes.set_xscale("log", base=2)
        axes.set_ylim(0, 1.05)
        _plain(axes)
    for axes in panels[1]:
        axes.set_xlabel("actors", color=GREY)
    for axes in panels[:, 0]:
        axes.set_ylabel("quality", color=GREY)
    styles = [axes for axes in panels[0, 0].get_lines() if not str(axes.get_label()).startswith("_")]
    names = [str(line.get_label()) for line in styles]
    legend = canvas.legend(styles, names, loc="outside lower center", ncols=4, frameon=False, labelcolor=GREY)
    for handle in legend.get_lines():
        handle.set_color(GREY)
        handle.set_linewidth(1.2)
    return canvas


def draw_cost(points: Sequence[Point], controls: Sequence[Point]) -> Canvas:
    """Draw quality over calls, and over the turns of the critical path; grey is what needs no network."""
    canvas = Canvas(figsize=(7.6, 3.8), layout="constrained")
    left, right = canvas.subplots(1, 2, sharey=True)
    for axes, cost in ((left, "calls"), (right, "turns")):
        for shape in SHAPES:
            own = [point for point in points if point.shape == shape]
            _cost_line(axes, own, cost, "o-", COLOURS[shape])
        for control, mark in MARKS.items():
            own = [point for point in controls if point.shape == control]
            if cost == "calls" or control == "drafts merged":
                _cost_line(axes, own, cost, f"{mark}--", GREY)
        axes.set_xscale("log", base=10)
        axes.set_ylim(0, 1.05)
        _plain(axes)
    left.set_xlabel("calls", color=GREY)
    right.set_xlabel("turns on the critical path", color=GREY)
    left.set_ylabel("quality", color=GREY)
    handles, labels = left.get_legend_handles_labels()
    canvas.legend(handles, labels, loc="outside lower center", ncols=5, frameon=False, labelcolor=GREY, fontsize=8)
    return canvas


def draw_worlds(found: Sequence[World], means: Means) -> Canvas:
    """Draw quality, and the critical path, against the share of edges that were moved."""
    canvas = Canvas(figsize=(7.6, 3.8), layout="constrained")
    left, right = canvas.subplots(1, 2)
    for solver, colour in WORLD_COLOURS.items():
        for ends, style in (("any ends", "o--"), ("one end", "o-")):
            own = [world for world in found if world.ends == ends and world.point.solver == solver]
            rewiring = np.array([world.rewiring for world in own])
            quality = np.array([world.point.quality.mean() for world in own])
            bounds = np.array([interval(means(world.point.quality)) for world in own]).T
            label = f"{solver}, {ends}"
            left.errorbar(rewiring, quality, np.abs(bounds - quality), fmt=style, ms=3, color=colour, label=label)
            turns = [world.point.turns.mean() for world in own]
            right.plot(rewiring, turns, style, ms=3, color=colour)
    for axes, word in ((left, "quality"), (right, "turns on the critical path")):
        axes.set_xlabel("share of edges moved", color=GREY)
        axes.set_ylabel(word, color=GREY)
        _plain(axes)
    right.set_ylim(bottom=0)
    canvas.legend(loc="outside lower center", ncols=3, frameon=False, labelcolor=GREY, fontsize=8)
    return canvas


def _mark(axes: Axes, actors: Float[np.ndarray, " point"], points: Sequence[Point], means: Means, colour: str) -> None:
    quality = np.array([point.quality.mean() for point in points])
    bounds = np.array([interval(means(point.quality)) for point in points]).T
    axes.errorbar(actors, quality, np.abs(bounds - quality), fmt="o", ms=4, color=colour, label="_points", zorder=3)


def _cost_line(axes: Axes, points: Sequence[Point], cost: str, style: str, colour: str) -> None:
    spent = [getattr(point, cost).mean() for point in points]
    quality = [point.quality.mean() for point in points]
    axes.plot(spent, quality, style, ms=3, lw=1.2, color=colour, label=points[0].shape)


def _plain(axes: Axes) -> None:
    axes.tick_params(colors=GREY, labelsize=8)
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(GREY)
