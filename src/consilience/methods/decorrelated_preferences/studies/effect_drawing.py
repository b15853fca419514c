"""The picture of the study of effects: what each arm bought with the distance it went."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure as Canvas

from consilience.methods.decorrelated_preferences.studies.arms import ARMS, Outcome

__all__ = ["draw"]

GREY = "#888888"
COLOURS = {
    "DPO": "#444444",
    "cosine 1": "#0072b2",
    "cosine 0.1": "#56b4e9",
    "paper 1e-4": "#d55e00",
    "paper 1e-6": "#f0a070",
    "code2024 1e-3": "#e69f00",
    "barlow 1": "#009e73",
    "vicreg 0.01": "#cc79a7",
}
MARKS = ("s", "^", "D", "v", "P")
"""Of controls, which are grey."""


def draw(found: Sequence[Outcome]) -> Canvas:
    """Draw answers in order against divergence: a mark for the mean of every arm, a dot for every seed."""
    canvas = Canvas(figsize=(6.2, 4.2), layout="constrained")
    axes = canvas.subplots()
    plain = [one for one in found if one.arm == "DPO"]
    for one in plain:
        axes.plot(
            [look.kl for look in one.looks], [look.rule for look in one.looks], color="#bbbbbb", linewidth=0.8, zorder=1
        )
    controls = iter(MARKS)
    for arm in ARMS:
        last = [one.last for one in found if one.arm == arm.name]
        colour = GREY if arm.control else COLOURS[arm.name]
        mark = next(controls) if arm.control else "o"
        place = [np.mean([look.kl for look in last])], [np.mean([look.rule for look in last])]
        axes.plot([look.kl for look in last], [look.rule for look in last], ".", color=colour, alpha=0.4, markersize=4)
        axes.plot(*place, mark, color=colour, markersize=9, label=arm.name, markeredgecolor="white")
    start = float(np.mean([one.looks[0].rule for one in plain]))
    axes.axhline(start, color=GREY, linewidth=0.8, linestyle=":")
    axes.text(
        1, start, "first policy", color=GREY, fontsize=9, va="bottom", ha="right", transform=axes.get_yaxis_transform()
    )
    axes.set(xlim=(0, None), ylim=(0, None))
    axes.set_xlabel("divergence from the reference, nats an answer", color=GREY)
    axes.set_ylabel("share of answers in order", color=GREY)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(colors=GREY)
    canvas.legend(loc="outside right upper", fontsize=8, frameon=False, labelcolor=GREY)
    return canvas
