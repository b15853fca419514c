"""How pictures of this room look, and how one is written: colours that differ for every eye, no frame, grey axes."""

from __future__ import annotations

from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from consilience.ground.errors import InvalidInput

__all__ = ["COLOURS", "GREY", "plain", "require_picture", "save_picture"]

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
"""After Okabe and Ito; they read on light and on dark."""
GREY = "#888888"
FORMATS = (".png", ".svg", ".pdf")


def plain(axes: Axes) -> None:
    """Take away half of the frame, and draw the rest in grey, in place."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(GREY)
    axes.tick_params(colors=GREY, which="both", labelsize=8)
    axes.xaxis.label.set_color(GREY)
    axes.yaxis.label.set_color(GREY)


def require_picture(path: Path) -> None:
    """Refuse a name that is no picture's, before any work is done.

    Raises
    ------
    InvalidInput
        If the ending is another, or there is a folder of that name.
    """
    if path.suffix.lower() not in FORMATS or path.is_dir():
        raise InvalidInput(f"a picture must be a file that ends in one of {', '.join(FORMATS)}; got {path}")


def save_picture(canvas: Figure, path: Path) -> None:
    """Write a picture whole: aside, then renamed; folders on the way are created."""
    require_picture(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.stem}.part{path.suffix}")
    try:
        canvas.savefig(aside, dpi=160)
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
