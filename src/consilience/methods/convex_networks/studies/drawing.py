"""How pictures of the studies look: few lines, and greys and colours that read on light and on dark."""

import math

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

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


_STEPS = ((0.7, (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0)), (2.0, (1.0, 2.0, 5.0)), (math.inf, (1.0,)))
"""Up to how many decades shown, which multiples of a power of ten carry a number."""


def log_abscissa(axes: Axes) -> None:
    """Make the horizontal axis logarithmic, with plain numbers that leave each other room, in place.

    To be called once everything is drawn: the numbers depend on how many decades are shown.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> axes = Figure().subplots()
    >>> _ = axes.scatter([0.3, 5.0], [0.0, 1.0])
    >>> log_abscissa(axes)
    >>> [label.get_text() for label in axes.get_xticklabels() if 0.3 <= label.get_position()[0] <= 5.0]
    ['0.5', '1', '2', '5']
    """
    axes.set_xscale("log")
    low, high = axes.get_xlim()
    decades = abs(math.log10(high / low))
    steps = next(steps for widest, steps in _STEPS if decades <= widest)
    axes.xaxis.set_major_locator(LogLocator(subs=steps))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
