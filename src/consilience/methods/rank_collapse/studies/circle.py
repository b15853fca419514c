"""The shear on the circle: multipliers and basins of the second token, measured and drawn."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import repeat
from typing import get_args

import numpy as np
from matplotlib.axes import Axes

from consilience.ground import Evidence, Measurement, Streams, Table
from consilience.methods.rank_collapse.dynamics import Dynamics
from consilience.methods.rank_collapse.normalisation import Sphere
from consilience.methods.rank_collapse.shear import Point, Shear

__all__ = ["circle", "draw_circle", "measured_multiplier"]

SHEARS = (1.25, 2.0, 5.0, 50.0)
TURN = 1e-6
"""Radians by which the second token is turned to measure a multiplier."""
CIRCLE_LAYERS = 300

BLUE, ORANGE, GREY = "#3b7dd8", "#d9722e", "#888888"
OUTSIDE = 1.15
"""Distance of a label from the centre of the circle."""

ON_SPHERE = Dynamics(Sphere())


def circle(starts: int, streams: Streams) -> Evidence:
    """Measure multipliers and basins of the shear at several strengths.

    Parameters
    ----------
    starts
        Starts of the second token, evenly spread over the circle.
    streams
        For starts of both tokens.
    """
    turned = {(shear, which): _multiplier_error(Shear(shear), which) for shear in SHEARS for which in get_args(Point)}
    basins = {strength: _basin(Shear(strength), starts) for strength in SHEARS}
    return Evidence(
        measurements=tuple(_of_the_shear(turned, basins, streams)),
        tables=(_shears(turned, basins),),
    )


def measured_multiplier(shear: Shear, which: Point) -> float:
    """Turn the second token a little either way, apply a layer, and return by what factor the turn grew."""
    place = shear.fixed_point(which)[1]
    angle = math.atan2(place[1], place[0])
    ahead, behind = (_after_turn(shear, angle + turn) for turn in (TURN, -TURN))
    return math.remainder(ahead - behind, 2 * math.pi) / (2 * TURN)


def _after_turn(shear: Shear, angle: float) -> float:
    X = np.array([[0.0, 1.0], [math.cos(angle), math.sin(angle)]])
    a, b = ON_SPHERE.step(X, shear.layer)[1]
    return math.atan2(b, a)


def _multiplier_error(shear: Shear, which: Point) -> float:
    return abs(measured_multiplier(shear, which) - shear.multiplier(which))


def _basin(shear: Shear, starts: int) -> float:
    """Return the share of evenly spread starts of the second token that ends apart from the first."""
    angles = (np.arange(starts) + 0.5) / starts * 2 * np.pi
    second = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    X = np.stack([np.broadcast_to([0.0, 1.0], second.shape), second], axis=1)
    ends = ON_SPHERE.final(X, repeat(shear.layer), CIRCLE_LAYERS)
    return float((ends[:, 1, 1] < 0).mean())


def _both_free(rng: np.random.Generator, starts: int = 2000) -> float:
    """Return in which share of starts both tokens, random on the circle, end apart and not opposite."""
    X = Sphere()(rng.standard_normal((starts, 2, 2)))
    ends = ON_SPHERE.final(X, repeat(Shear(2.0).layer), 1000)
    return float((np.abs(np.linalg.det(ends)) > 0.1).mean())  # noqa: PLR2004  the sine of the angle, .5 in the limit


def _of_the_shear(
    turned: dict[tuple[float, Point], float], basins: dict[float, float], streams: Streams
) -> Iterator[Measurement]:
    strengths = ", ".join(f"{strength:g}" for strength in SHEARS)
    yield Measurement(
        name="shear: largest error of a multiplier",
        value=max(turned.values()),
        at_most=1e-6,
        note=f"three fixed points each at strengths {strengths}; central differences of the layer itself",
    )
    yield Measurement(
        name="shear: largest error of a basin",
        value=max(abs(found - Shear(strength).basin) for strength, found in basins.items()),
        note=f"as a share of the circle, after {CIRCLE_LAYERS} layers",
    )
    yield Measurement(
        name="shear of 2: starts of two free tokens that end apart",
        value=100 * _both_free(streams.generator("both free")),
        unit="%",
        note="in rank two, with nothing held in place; 2,000 starts, 1,000 layers",
    )


def _shears(turned: dict[tuple[float, Point], float], basins: dict[float, float]) -> Table:
    return Table(
        title="Two tokens under a shear",
        columns=("strength", "multiplier together", "apart", "watershed", "largest error", "basin", "measured"),
        rows=tuple(
            (
                strength,
                *(round(Shear(strength).multiplier(which), 6) for which in ("together", "apart", "watershed")),
                float(f"{max(turned[strength, which] for which in get_args(Point)):.1e}"),
                round(Shear(strength).basin, 5),
                round(basins[strength], 5),
            )
            for strength in SHEARS
        ),
        note="Multipliers of the second token's three fixed points; the basin is the share of the circle from which it "
        "ends apart from the first.",
    )


def draw_circle(axes: Axes, shear: Shear) -> None:
    """Draw where the second token ends by where it starts, and its fixed points."""
    angles = np.linspace(0, 2 * np.pi, 721)
    circle = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    apart = shear.ends_apart(circle)
    for shown, colour in ((apart, ORANGE), (~apart, BLUE)):
        line = np.where(shown[:, None], circle, np.nan)
        axes.plot(line[:, 0], line[:, 1], color=colour, linewidth=3)
    labels: dict[Point, str] = {"together": "together", "apart": "apart", "watershed": "watershed"}
    for which, label in labels.items():
        x, y = shear.fixed_point(which)[1]
        stable = shear.multiplier(which) < 1
        axes.plot(x, y, "o", color=GREY, markerfacecolor=GREY if stable else "white", markersize=9)
        axes.annotate(label, (OUTSIDE * x, OUTSIDE * y), ha="center" if x == 0 else "right", va="center", color=GREY)
    axes.set_aspect("equal")
    axes.set(xlim=(-1.5, 1.1), ylim=(-1.2, 1.3))
    axes.axis("off")
    axes.set_title("shear: the second token", fontsize=10, color=GREY)
