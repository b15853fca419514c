"""Pictures of a run: images side by side under one stated range, and curves over rounds with their uncertainty."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from consilience.ground.errors import InvalidInput

DEVIATION = "standard deviation"
"""Heading of the column that has a range and a colour map of its own."""

_COLOURS = ("#3b7dd8", "#d9722e", "#3a9a5c", "#a05bc0", "#c2445e", "#2a9d9d", "#8a6d3b", "#5b5bd6")
_GREY = "#888888"
_INCH = 1.05
_NARROWEST = 2.7
_FOOT = 0.34
_HEAD = 0.42


def image_grid(
    columns: Mapping[str, Float[Tensor, "_image _channel _row _column"]],
    *,
    value_range: tuple[float, float] = (-1.0, 1.0),
    most: int = 8,
) -> Figure:
    r"""Draw images in rows and what is known of them in columns, all under one range that is printed below.

    Parameters
    ----------
    columns
        Headings and images, such as observation, sample, mean, `DEVIATION`, truth: the same images in each, of one
        channel (grey) or three (RGB). Sizes may differ between columns, as for super-resolution. The column called
        `DEVIATION` is drawn from 0 to its largest value, over channels the root of the mean square.
    value_range
        The values drawn black and white; what lies outside is clipped in the picture.
    most
        No more rows than this: the first images.

    Returns
    -------
    matplotlib.figure.Figure
        Drawn without pyplot, so that nothing stays open.

    Raises
    ------
    InvalidInput
        When there is no column, when the numbers of images differ, or when channels are neither 1 nor 3.

    Examples
    --------
    >>> import torch
    >>> image = torch.zeros(2, 1, 8, 8)
    >>> figure = image_grid({"observation": image, "mean": image, DEVIATION: image + 0.1})
    >>> [axes.get_title() for axes in figure.axes][:3]
    ['observation', 'mean', 'standard\ndeviation']
    """
    low, high = value_range
    _refuse_odd_columns(columns, value_range, most)
    n_rows = min(most, len(next(iter(columns.values()))))
    height = n_rows * _INCH + _HEAD + _FOOT
    figure = Figure(figsize=(max(len(columns) * _INCH, _NARROWEST), height))
    places = figure.subplots(n_rows, len(columns), squeeze=False)
    figure.subplots_adjust(0.01, _FOOT / height, 0.99, 1 - _HEAD / height, wspace=0.05, hspace=0.05)
    drawn_from = f"values {low:g} to {high:g}"
    for place, (heading, images) in enumerate(columns.items()):
        shown = images[:n_rows].detach().cpu().double().numpy()
        if heading == DEVIATION:
            shown = np.sqrt((shown**2).mean(axis=1, keepdims=True))
            drawn_from += f", {DEVIATION} 0 to {shown.max():.2g}"
            _draw(places[:, place], shown, (0.0, max(float(shown.max()), np.finfo(float).tiny)), "magma")
        else:
            _draw(places[:, place], shown, value_range, "gray")
        places[0, place].set_title(heading.replace(" ", "\n"), fontsize=8, color=_GREY, linespacing=0.9)
    figure.text(0.5, 0.35 * _FOOT / height, drawn_from, ha="center", va="center", fontsize=7, color=_GREY)
    return figure


def round_curves(
    lines: Mapping[str, Float[np.ndarray, "_seed _round"]],
    *,
    heading: str,
    unit: str = "",
    first_round: int = 0,
    references: Mapping[str, Float[np.ndarray, " _seed"]] | None = None,
) -> Figure:
    """Draw what rounds of EM change: the mean over seeds as a line, one standard error to each side as a band.

    Parameters
    ----------
    lines
        Names and values, a row a seed and a column a round; NaN where a round was not measured. A single seed has no
        band.
    heading
        What is measured.
    unit
        Its unit, such as "dB".
    first_round
        Number of the first column.
    references
        Names and values, one a seed, of what has no rounds: dashed across.

    Returns
    -------
    matplotlib.figure.Figure
        Drawn without pyplot.

    Raises
    ------
    InvalidInput
        When there is nothing to draw.

    Examples
    --------
    >>> figure = round_curves({"one sample": np.array([[16.0, 16.2], [16.1, 16.4]])}, heading="PSNR", unit="dB")
    >>> figure.axes[0].get_ylabel()
    'PSNR (dB)'
    """
    if not lines:
        raise InvalidInput("curves need at least one line; got none")
    figure = Figure(figsize=(6.0, 3.2), layout="constrained")
    axes = figure.subplots()
    for place, (name, values) in enumerate(lines.items()):
        _curve(axes, name, values, first_round, _COLOURS[place % len(_COLOURS)])
    for place, (name, marks) in enumerate((references or {}).items(), start=len(lines)):
        _reference(axes, name, marks, _COLOURS[place % len(_COLOURS)])
    axes.set_xlabel("round")
    axes.set_ylabel(f"{heading} ({unit})" if unit else heading)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(frameon=False, fontsize=8, labelcolor=_GREY, loc="center left", bbox_to_anchor=(1.0, 0.5))
    _plain(axes)
    return figure


def _refuse_odd_columns(columns: Mapping[str, Tensor], value_range: tuple[float, float], most: int) -> None:
    counts = {heading: len(images) for heading, images in columns.items()}
    if not columns or 0 in counts.values() or most < 1:
        raise InvalidInput(f"a grid needs at least one column of at least one image; got {counts}, at most {most} rows")
    if len(set(counts.values())) > 1:
        raise InvalidInput(f"every column must show the same images; got {counts}")
    if not value_range[0] < value_range[1]:
        raise InvalidInput(f"a value range must run from a smaller to a larger number; got {value_range}")
    for heading, images in columns.items():
        if images.shape[1] not in {1, 3} and heading != DEVIATION:
            raise InvalidInput(
                f"images must have 1 or 3 channels to be drawn; {heading!r} has {images.shape[1]}: pick some"
            )


def _draw(
    places: Sequence[Axes] | np.ndarray,
    images: Float[np.ndarray, "image channel row column"],
    value_range: tuple[float, float],
    colours: str,
) -> None:
    """Draw one column, pixel by pixel as they are."""
    low, high = value_range
    for axes, image in zip(places, images, strict=True):
        pixels = np.clip((image - low) / (high - low), 0, 1)
        drawn = pixels[0] if len(pixels) == 1 else np.moveaxis(pixels, 0, -1)
        axes.imshow(drawn, cmap=colours, vmin=0, vmax=1, interpolation="nearest")
        axes.set_xticks([])
        axes.set_yticks([])
        axes.spines[:].set_visible(False)


def _curve(axes: Axes, name: str, values: Float[np.ndarray, "seed round"], first_round: int, colour: str) -> None:
    rounds = first_round + np.arange(values.shape[1])
    mean, error = _mean_and_error(values)
    axes.plot(rounds, mean, color=colour, label=name, marker="o", markersize=3, linewidth=1.5)
    axes.fill_between(rounds, mean - error, mean + error, color=colour, alpha=0.2, linewidth=0)


def _reference(axes: Axes, name: str, values: Float[np.ndarray, " seed"], colour: str) -> None:
    mean, error = _mean_and_error(values[:, None])
    axes.axhline(mean[0], color=colour, label=name, linestyle="--", linewidth=1.2)
    axes.axhspan(mean[0] - error[0], mean[0] + error[0], color=colour, alpha=0.12, linewidth=0)


def _mean_and_error(
    values: Float[np.ndarray, "seed round"],
) -> tuple[Float[np.ndarray, " round"], Float[np.ndarray, " round"]]:
    """Mean over the seeds that measured a round, and its standard error, 0 where there is one seed."""
    measured = np.isfinite(values)
    count = measured.sum(axis=0)
    mean = np.where(measured, values, 0.0).sum(axis=0) / np.where(count > 0, count, np.nan)
    squares = np.where(measured, (values - mean) ** 2, 0.0).sum(axis=0)
    error = np.sqrt(squares / np.maximum(count - 1, 1) / np.maximum(count, 1))
    return mean, error


def _plain(axes: Axes) -> None:
    """Few lines, in a grey that reads on light and on dark."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(_GREY)
    axes.tick_params(colors=_GREY, which="both", labelsize=8)
    axes.xaxis.label.set_color(_GREY)
    axes.yaxis.label.set_color(_GREY)
