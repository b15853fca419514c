"""The payoff of rounds as a picture: accuracy round after round, what was seen and what is to be expected."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from consilience.methods.self_correction.paying import Payoff

BLUE, ORANGE, GREY = "#0072b2", "#d55e00", "#767676"
"""Told apart by colour-blind readers, and legible on light and dark."""
_AHEAD = 4


def draw_payoff(found: Payoff) -> Figure:
    """Draw accuracy over rounds: measured with intervals, forecast, and the limit of more and more rounds."""
    figure = Figure(figsize=(5.0, 3.4), layout="constrained")
    axes = figure.subplots()
    made = len(found.accuracy) - 1
    _measured(axes, found)
    ahead = np.arange(made, made + _AHEAD + 1)
    start = found.accuracy[-1].value
    axes.plot(ahead, [found.rounds.after(start, int(k) - made) for k in ahead], "--", color=ORANGE)
    low, high = found.next_gain.value - found.next_gain.low, found.next_gain.high - found.next_gain.value
    soon = start + found.next_gain.value
    axes.errorbar([made + 1], [soon], yerr=[[low], [high]], fmt="o", color=ORANGE, capsize=3)
    axes.annotate("forecast", (made + 1, soon - low), (6, 0), textcoords="offset points", color=ORANGE, va="center")
    if not math.isnan(found.limit.value):
        axes.axhline(found.limit.value, color=GREY, linewidth=0.8, linestyle=":")
        axes.annotate("limit of many rounds", (0, found.limit.value), color=GREY, va="bottom", ha="left", fontsize=8)
    axes.set(xlabel="rounds of correction", ylabel="share of right answers", xticks=range(made + _AHEAD + 1))
    axes.set_title(f"Another round: {found.answer}", fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def _measured(axes: Axes, found: Payoff) -> None:
    values = [estimate.value for estimate in found.accuracy]
    below = [estimate.value - estimate.low for estimate in found.accuracy]
    above = [estimate.high - estimate.value for estimate in found.accuracy]
    axes.errorbar(range(len(values)), values, yerr=[below, above], fmt="o-", color=BLUE, capsize=3)
    axes.annotate("measured", (0, values[0]), (6, -4), textcoords="offset points", color=BLUE, va="top")
