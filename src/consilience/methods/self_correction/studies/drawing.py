"""How pictures of the studies look: colours that differ for every eye, names beside the lines, no frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes

__all__ = ["COLOURS", "GREY", "NARROW", "name_lines", "plain"]

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8c6bb1")
"""After Okabe and Ito; they read on light and on dark."""
GREY = "#888888"
NARROW = (4.6, 3.4)
"""Inches; fits the width of a telephone."""


def plain(axes: Axes) -> None:
    """Take away half of the frame, and draw the rest in grey, in place."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(GREY)
    axes.tick_params(colors=GREY, which="both", labelsize=8)
    axes.xaxis.label.set_color(GREY)
    axes.yaxis.label.set_color(GREY)


def name_lines(axes: Axes, ends: Mapping[str, tuple[float, float, str]], *, apart: float = 0.06) -> None:
    """Write names beside the right ends of lines, moved apart where they would overlap, in place.

    Parameters
    ----------
    axes
        With its limits final.
    ends
        Abscissa, ordinate and colour of each line's end, by name.
    apart
        Least distance of two names, in heights of the axes.
    """
    to_axes = axes.transData.transform
    height = axes.transAxes.inverted().transform
    places = {name: float(height(to_axes((x, y)))[1]) for name, (x, y, _) in ends.items()}
    for name, place in zip(sorted(places, key=places.__getitem__), spread(sorted(places.values()), apart), strict=True):
        axes.annotate(
            name,
            xy=(1.01, place),
            xycoords="axes fraction",
            color=ends[name][2],
            fontsize=8,
            va="center",
            annotation_clip=False,
        )


def spread(places: Sequence[float], apart: float) -> list[float]:
    """Move rising places up and down as little as it takes to be `apart`, and keep the middle of each crowd.

    Examples
    --------
    >>> [round(place, 2) for place in spread([0.0, 0.5, 0.52, 1.0], 0.1)]
    [0.0, 0.46, 0.56, 1.0]
    """
    crowds = [[place] for place in places]
    merged = True
    while merged:
        merged = False
        for index in range(len(crowds) - 1):
            below, above = (_laid_out(crowd, apart) for crowd in crowds[index : index + 2])
            if above[0] - below[-1] < apart - 1e-9:
                crowds[index : index + 2] = [crowds[index] + crowds[index + 1]]
                merged = True
                break
    return [place for crowd in crowds for place in _laid_out(crowd, apart)]


def _laid_out(crowd: Sequence[float], apart: float) -> list[float]:
    first = sum(crowd) / len(crowd) - apart * (len(crowd) - 1) / 2
    return [first + apart * index for index in range(len(crowd))]
