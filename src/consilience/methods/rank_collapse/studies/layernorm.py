"""LayerNorm can keep the rank that pure attention loses, and as a rule it does not: both in one run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import repeat

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from consilience.ground import Evidence, Measurement, RunFolder, Streams, Table
from consilience.methods.rank_collapse.config import Config
from consilience.methods.rank_collapse.dynamics import Dynamics, mu, relative_mu
from consilience.methods.rank_collapse.layers import gaussian_layers
from consilience.methods.rank_collapse.mask_language import parse_mask
from consilience.methods.rank_collapse.normalisation import Centring, Sphere
from consilience.methods.rank_collapse.star import Star
from consilience.methods.rank_collapse.studies.artefacts import artefacts

__all__ = ["layernorm"]

STAR = Star()
EARLY, LATE = 25, 400
RANK_TOLERANCE = 1e-6

MASKS = ("complete", "causal", "window(4, 0)", "window(4)")
JUDGED = ("complete", "causal")
"""Masks on which the negative result is a bar; local ones are slower, with LayerNorm and without."""
KINDS = {
    "attention": Dynamics(),
    "with LayerNorm": Dynamics(Centring()),
    "skip and LayerNorm": Dynamics(Centring(), skip=1.0),
}
TOKENS, WIDTH, HEADS = 32, 64, 4
SHALLOW, DEEP, DEEPEST = 12, 128, 1500
COLLAPSED, FLOOR = 1e-12, 1e-14

BLUE, ORANGE, GREY = "#3b7dd8", "#d9722e", "#888888"


@dataclass(frozen=True)
class _Star:
    """The star from random starts, without LayerNorm and with it."""

    lost: Float[np.ndarray, " start"]
    """mu without LayerNorm over mu of the start."""
    kept: Float[np.ndarray, " start"]
    """mu with LayerNorm."""
    ranks: Float[np.ndarray, " start"]
    error: float
    """Of the closed form without LayerNorm."""
    without: Float[np.ndarray, "start layer"]
    with_norm: Float[np.ndarray, "start layer"]


@dataclass(frozen=True)
class _Stack:
    """Random Gaussian layers under one mask."""

    mask: str
    kind: str
    course: Float[np.ndarray, " layer"]
    """Relative mu, the median over stacks, until it is at `FLOOR`."""

    @property
    def layers(self) -> int | None:
        below = np.flatnonzero(self.course < COLLAPSED)
        return int(below[0]) if below.size else None


def layernorm(config: Config, streams: Streams, folder: RunFolder) -> Evidence:
    """Measure the claim ``rank.layernorm``.

    Parameters
    ----------
    config
        ``layernorm_starts``, ``gaussian_stacks``.
    streams
        For starts and weights.
    folder
        For the pictures.
    """
    star = _star(config.layernorm_starts, streams.generator("star"))
    stacks = [_stack(mask, kind, config, streams) for mask in MASKS for kind in KINDS]
    folder.record("layernorm", stacks=len(stacks))
    caption = (
        "Left: one system, without LayerNorm and with it. Right: random Gaussian layers, where it makes no difference."
    )
    told = artefacts(streams)
    return Evidence(
        measurements=(*_of_the_star(star, config), *_of_the_stacks(stacks, config), *told.measurements),
        tables=(_stars(star), _stacks(stacks, config), *told.tables),
        figures=(
            folder.figure("layernorm", _drawn(star, stacks), caption),
            folder.figure("artefacts", told.canvas, told.caption),
        ),
    )


def _star(starts: int, rng: np.random.Generator) -> _Star:
    X = STAR.random_start(rng, starts)
    without = list(Dynamics().run(X, repeat(STAR.layer), 2 * EARLY))
    with_norm = list(Dynamics(Sphere()).run(X, repeat(STAR.layer), LATE))
    singular = np.linalg.svd(with_norm[-1], compute_uv=False)
    return _Star(
        lost=mu(without[EARLY]) / mu(X),
        kept=mu(with_norm[-1]),
        ranks=(singular > RANK_TOLERANCE * singular[:, :1]).sum(axis=1).astype(float),
        error=float(np.abs(without[EARLY] - STAR.unnormalised(X, EARLY)).max()),
        without=np.stack([mu(here) for here in without], axis=1),
        with_norm=np.stack([mu(here) for here in with_norm[: 2 * EARLY + 1]], axis=1),
    )


def _stack(mask: str, kind: str, config: Config, streams: Streams) -> _Stack:
    courses = [
        _course(mask, KINDS[kind], streams.generator(f"Gaussian {mask} {stack}"))
        for stack in range(config.gaussian_stacks)
    ]
    return _Stack(mask, kind, np.median(courses, axis=0))


def _course(mask: str, dynamics: Dynamics, rng: np.random.Generator) -> Float[np.ndarray, " layer"]:
    """Follow relative mu until rounding is near."""
    X = rng.standard_normal((TOKENS, WIDTH))
    course: Float[np.ndarray, " layer"] = np.full(DEEPEST + 1, FLOOR)
    layers = gaussian_layers(rng, parse_mask(mask).array(TOKENS), WIDTH, heads=HEADS)
    for at, here in enumerate(dynamics.run(X, layers, DEEPEST)):
        course[at] = max(float(relative_mu(here)), FLOOR)
        if course[at] == FLOOR:
            break
    return course


def _of_the_star(star: _Star, config: Config) -> Iterator[Measurement]:
    where = f"median and central 90 % of {config.layernorm_starts} random starts of the star"
    yield _median("star without LayerNorm: mu after 25 layers over mu at the start", star.lost, where, at_most=2e-6)
    yield _median(f"star with LayerNorm: mu after {LATE} layers", star.kept, "the same starts", at_least=1.0)
    yield _median(f"star with LayerNorm: rank after {LATE} layers", star.ranks, "the same starts", at_least=3.0)
    yield Measurement(
        name="star: starts that clear all three bars",
        value=100 * float(((star.lost <= 2e-6) & (star.kept >= 1) & (star.ranks >= 3)).mean()),  # noqa: PLR2004
        unit="%",
    )
    yield Measurement(
        name="star without LayerNorm: largest error of the closed form",
        value=star.error,
        note=f"any coordinate after {EARLY} layers",
    )


def _median(
    name: str,
    values: Float[np.ndarray, " start"],
    note: str,
    *,
    at_least: float | None = None,
    at_most: float | None = None,
) -> Measurement:
    low, middle, high = np.quantile(values, [0.05, 0.5, 0.95])
    return Measurement(name=name, value=middle, low=low, high=high, at_least=at_least, at_most=at_most, note=note)


def _of_the_stacks(stacks: list[_Stack], config: Config) -> Iterator[Measurement]:
    found = {(stack.mask, stack.kind): stack for stack in stacks}
    yield Measurement(
        name=f"Gaussian layers with LayerNorm: relative mu by layer {DEEP}",
        value=max(float(found[mask, "with LayerNorm"].course[DEEP]) for mask in JUDGED),
        at_most=COLLAPSED,
        note=f"complete and causal masks, the larger; not followed below {FLOOR:g}; {config.gaussian_stacks} stacks of "
        f"{HEADS} heads. LayerNorm is "
        "no cure: it lets special value matrices keep rank, and random ones lose it as without",
    )
    for kind in KINDS:
        yield Measurement(
            name=f"the same under window(4), {kind}",
            value=float(found["window(4)", kind].course[DEEP]),
            note="slower by its radius, with LayerNorm and without",
        )


def _stars(star: _Star) -> Table:
    rows = [
        (f"start {at}", float(f"{star.lost[at]:.2g}"), round(float(star.kept[at]), 2), int(star.ranks[at]))
        for at in range(min(5, len(star.lost)))
    ]
    return Table(
        title="The star, without LayerNorm and with it",
        columns=("start", "without: mu_25 / mu_0", f"with: mu_{LATE}", f"with: rank after {LATE}"),
        rows=tuple(rows),
        note=f"{STAR.tokens} tokens of {STAR.width} features, strength {STAR.strength:g}, pull {STAR.pull:g}; the "
        f"first starts. Ranks count singular values above {RANK_TOLERANCE:g} of the largest.",
    )


def _stacks(stacks: list[_Stack], config: Config) -> Table:
    return Table(
        title="Random Gaussian layers",
        columns=("mask", "layer is", f"relative mu, layer {SHALLOW}", f"layer {DEEP}", f"layers to {COLLAPSED:g}"),
        rows=tuple(
            (
                stack.mask,
                stack.kind,
                float(f"{stack.course[SHALLOW]:.2g}"),
                float(f"{stack.course[DEEP]:.2g}"),
                stack.layers,
            )
            for stack in stacks
        ),
        note=f"{TOKENS} tokens of {WIDTH} features, {HEADS} heads, fresh weights in each layer; medians of "
        f"{config.gaussian_stacks} stacks, not followed below {FLOOR:g}, where rounding is near. Empty: not within "
        f"{DEEPEST} layers.",
    )


def _drawn(star: _Star, stacks: list[_Stack]) -> Canvas:
    canvas = Canvas(figsize=(6.6, 3.2), layout="constrained")
    left, right = canvas.subplots(1, 2)
    for values, colour in ((star.without, ORANGE), (star.with_norm, BLUE)):
        low, middle, high = np.quantile(values, [0.05, 0.5, 0.95], axis=0)
        left.fill_between(np.arange(middle.size), low, high, color=colour, alpha=0.2, linewidth=0)
        left.plot(middle, color=colour)
    left.text(EARLY, 30, "with LayerNorm", color=BLUE, fontsize=9, ha="center")
    left.text(EARLY + 3, 1e-3, "without", color=ORANGE, fontsize=9)
    left.set(yscale="log", ylim=(1e-12, 1e3))
    _dress(left, "star: mu")
    for stack in stacks:
        if stack.mask in ("causal", "window(4)") and stack.kind != "skip and LayerNorm":
            shown = stack.course[: DEEP + 1]
            colour = BLUE if stack.kind == "with LayerNorm" else ORANGE
            right.plot(np.where(shown > FLOOR, shown, np.nan), color=colour)
    right.text(DEEP, 0.5, "window(4)", fontsize=9, color=GREY, ha="right")
    right.text(62, 1e-7, "causal", fontsize=9, color=GREY)
    right.set(yscale="log", ylim=(1e-12, 1e3))
    _dress(right, "Gaussian layers: relative mu")
    return canvas


def _dress(axes: Axes, title: str) -> None:
    axes.set_title(title, fontsize=10, color=GREY)
    axes.set_xlabel("layer", color=GREY)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(colors=GREY, which="both")
