"""The picture of the study of the loop: what strategies make of more calls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure as Canvas

from consilience.methods.self_correction.studies.drawing import COLOURS, GREY, NARROW, name_lines, plain

__all__ = ["draw_budgets"]

SHOWN = {
    "single answer": "single answer",
    "checking as context, all rounds": "checking, all rounds",
    "checking as context, until agreed": "checking, until agreed",
    "best of n": "best of n",
    "vote": "vote",
}
"""Strategies that are drawn, and what they are called beside their lines."""


def draw_budgets(budgets: Sequence[int], found: Mapping[str, Mapping[str, Sequence[float]]]) -> Canvas:
    """Draw accuracy over calls, a panel a critic and a line a strategy."""
    canvas = Canvas(figsize=(NARROW[0], 1.6 * NARROW[1]), layout="constrained")
    panels = canvas.subplots(len(found), 1, sharex=True, sharey=True, squeeze=False)[:, 0]
    for axes, (critic, lines) in zip(panels, found.items(), strict=True):
        ends: dict[str, tuple[float, float, str]] = {}
        for (strategy, name), colour in zip(SHOWN.items(), (GREY, *COLOURS), strict=False):
            shares = lines[strategy]
            axes.plot(budgets, shares, "o-", color=colour, markersize=3, linewidth=1.2)
            ends[name] = (float(budgets[-1]), shares[-1], colour)
        axes.set(xticks=budgets, ylabel="share of right answers")
        axes.set_title(critic, loc="left", fontsize=9, color=GREY)
        plain(axes)
        name_lines(axes, ends)
    panels[-1].set_xlabel("calls a question may take")
    return canvas
