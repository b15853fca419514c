"""Pictures of the study of rounds: curves beside points, and the line on one side of which rounds help."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure as Canvas

from consilience.methods.self_correction.studies.drawing import COLOURS, GREY, NARROW, name_lines, plain
from consilience.methods.self_correction.studies.scripted_rounds import Setting

__all__ = ["draw_break_even", "draw_curves"]

SHOWN = 6
"""Settings whose curves are drawn."""
HELPED, HARMED = COLOURS[0], COLOURS[1]


def draw_curves(settings: Sequence[Setting]) -> Canvas:
    """Draw accuracy over rounds: lines by the formula, points from the loop."""
    canvas = Canvas(figsize=NARROW, layout="constrained")
    axes = canvas.subplots()
    ends: dict[str, tuple[float, float, str]] = {}
    for setting, colour in zip(settings[:SHOWN], COLOURS, strict=False):
        expected, done = setting.expected(setting.model), np.arange(setting.right.shape[1])
        error = 2 * np.sqrt(expected * (1 - expected) / len(setting.right))
        axes.plot(done, expected, color=colour, linewidth=1.2)
        axes.errorbar(done, setting.simulated, yerr=error, fmt="o", color=colour, markersize=3.5, capsize=2)
        ends[setting.name] = (float(done[-1]), float(expected[-1]), colour)
    axes.set(xlabel="rounds of correction", ylabel="share of right answers", ylim=(0, 1.02))
    axes.set_xticks(range(settings[0].right.shape[1]))
    plain(axes)
    name_lines(axes, ends)
    return canvas


def draw_break_even(settings: Sequence[Setting]) -> Canvas:
    """Draw each critic's TPR / FPR over the ratio that its model needs, and whether a first round helped."""
    canvas = Canvas(figsize=NARROW, layout="constrained")
    axes = canvas.subplots()
    there = [setting for setting in settings if 0 < setting.needed_ratio < np.inf]
    needed = np.array([setting.needed_ratio for setting in there])
    had = np.array([setting.ratio for setting in there])
    helped = np.array([setting.simulated[1] > setting.simulated[0] for setting in there])
    span = np.array([0.7 * min(needed.min(), had.min()), 1.4 * max(needed.max(), had.max())])
    axes.plot(span, span, color=GREY, linewidth=1)
    axes.plot(needed[helped], had[helped], "o", color=HELPED, markersize=5)
    axes.plot(needed[~helped], had[~helped], "X", color=HARMED, markersize=5)
    axes.set(xscale="log", yscale="log", xlim=span, ylim=span)
    axes.set(xlabel="ratio needed: first accuracy x spoil / (share wrong x fix)", ylabel="TPR / FPR of the critic")
    plain(axes)
    axes.text(0.04, 0.93, "accuracy rose (dots)", color=HELPED, transform=axes.transAxes, fontsize=9)
    axes.text(0.96, 0.07, "accuracy fell (crosses)", color=HARMED, transform=axes.transAxes, fontsize=9, ha="right")
    high = 0.8 * float(span[1])
    axes.annotate("break-even", (high, high), (-4, 2), textcoords="offset points", color=GREY, fontsize=8, ha="right")
    return canvas
