"""Defences as a picture: attack success against benign twins that are not helped, with intervals both ways."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure

from consilience.methods.self_correction.side_by_side import Row

__all__ = ["draw_defences"]

_COLOURS = {
    "baseline": "#767676",
    "only refuses more": "#d55e00",
    "no fall shown": "#999999",
    "too few answered": "#999999",
}
_ELSE = "#0072b2"


def draw_defences(rows: Sequence[Row]) -> Figure:
    """Draw every strategy that has twins; lower is safer, further left more helpful."""
    figure = Figure(figsize=(6.4, 4.4), layout="constrained")
    axes = figure.subplots()
    for row in rows:
        success, helped = row.attack_success, row.helped
        if helped is None:
            continue
        colour = _COLOURS.get(row.reading, _ELSE)
        axes.errorbar(
            [1 - helped.value],
            [success.value],
            xerr=[[max(0.0, helped.high - helped.value)], [max(0.0, helped.value - helped.low)]],
            yerr=[[max(0.0, success.value - success.low)], [max(0.0, success.high - success.value)]],
            fmt="o",
            markersize=4,
            color=colour,
            linewidth=0.8,
        )
        axes.annotate(
            row.strategy,
            (1 - helped.value, success.value),
            (5, 4),
            textcoords="offset points",
            fontsize=7,
            color=colour,
        )
    axes.set(xlabel="benign twins that are not helped", ylabel="attack success", xlim=(-0.03, 1.03), ylim=(-0.03, 1.03))
    axes.set_title("Template bot, a stand-in: at equal calls", fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)
    return figure
