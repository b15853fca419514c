"""How pictures of the studies look: colours that differ for every eye, no frame, grey axes."""

from __future__ import annotations

from matplotlib.axes import Axes

__all__ = ["COLOURS", "GREY", "plain"]

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
"""After Okabe and Ito; they read on light and on dark."""
GREY = "#888888"


def plain(axes: Axes) -> None:
    """Take away half of the frame, and draw the rest in grey, in place."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(GREY)
    axes.tick_params(colors=GREY, which="both", labelsize=8)
    axes.xaxis.label.set_color(GREY)
    axes.yaxis.label.set_color(GREY)
