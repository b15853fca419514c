"""A mask as a picture, with what its graph says beside it."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure as Canvas

from consilience.methods.rank_collapse.mask_facts import MaskFacts

__all__ = ["draw_mask", "draw_pattern", "in_words"]

GREY = "#888888"
BLUE = "#3b7dd8"
PALE = "#88888822"

_TWO_COLOURS = ListedColormap([PALE, BLUE])


def draw_mask(allowed: Bool[np.ndarray, "query key"], found: MaskFacts) -> Canvas:
    """Draw a mask, and under it what is known of it."""
    canvas = Canvas(figsize=(4.2, 5.6), layout="constrained")
    axes = canvas.subplots()
    draw_pattern(axes, allowed)
    axes.set_title(found.mask or f"a mask of {found.tokens} tokens", fontsize=11, color=GREY)
    axes.set_ylabel("token i", color=GREY)
    axes.set_xlabel("attends to token j\n\n" + "\n".join(in_words(found)), color=GREY)
    return canvas


def draw_pattern(axes: Axes, allowed: Bool[np.ndarray, "query key"]) -> None:
    """Draw which tokens attend to which, queries downwards and keys to the right."""
    axes.imshow(allowed, cmap=_TWO_COLOURS, vmin=0, vmax=1, interpolation="nearest")
    last = len(allowed) - 1
    axes.set(xticks=[0, last] if last else [0], yticks=[0, last] if last else [0])
    axes.tick_params(colors=GREY, length=0, labelsize=8)
    axes.spines[:].set_visible(False)


def in_words(found: MaskFacts) -> list[str]:
    """Say in a few short lines what is known of a mask."""
    graph = found.connectivity
    if not graph.collapses:
        return [f"{100 * found.density:.3g} % of pairs allowed", graph.reason.replace(", such as", ",\nsuch as")]
    centres = len(graph.centres)
    lines = [
        f"{100 * found.density:.3g} % of pairs allowed",
        f"radius {graph.radius}; {centres} {'centre' if centres == 1 else 'centres'} of {found.tokens} tokens",
    ]
    if found.rate is None or found.layers is None:
        return [*lines, found.reason]
    return [
        *lines,
        f"uniform attention: rate {found.rate:.6g} a layer",
        f"{found.layers} layers to relative mu {found.threshold:g}",
    ]
