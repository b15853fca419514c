"""How pictures of the studies look: few lines, and greys and colours that read on light and on dark."""

from matplotlib.axes import Axes

COLOURS = ("#3b7dd8", "#d9722e", "#3a9a5c", "#a05bc0")
GREY = "#888888"


def plain(axes: Axes) -> None:
    """Take away half of the frame, and draw the rest in grey, in place.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> axes = Figure().subplots()
    >>> plain(axes)
    >>> axes.spines["top"].get_visible()
    False
    """
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(GREY)
    axes.tick_params(colors=GREY, which="both")
    axes.xaxis.label.set_color(GREY)
    axes.yaxis.label.set_color(GREY)
