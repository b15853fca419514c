"""Whether the three systems with LayerNorm have the equilibria, of every rank, that their closed forms say."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import repeat

import numpy as np
from jaxtyping import Float, Int
from matplotlib.figure import Figure as Canvas

from consilience.ground import Evidence, Measurement, RunFolder, Streams, Table
from consilience.methods.rank_collapse.config import Config
from consilience.methods.rank_collapse.dynamics import Dynamics
from consilience.methods.rank_collapse.ladder import Ladder
from consilience.methods.rank_collapse.layers import Averaging
from consilience.methods.rank_collapse.normalisation import Sphere
from consilience.methods.rank_collapse.shear import Shear
from consilience.methods.rank_collapse.star import Star
from consilience.methods.rank_collapse.studies.circle import circle, draw_circle

__all__ = ["equilibria", "residual"]

LADDERS = (2, 3, 4, 8, 12, 16)
"""Tokens and features, as many of both."""
STAR = Star()

STAR_LAYERS, FREE_LAYERS = 1000, 3000
FREE_STARTS = 100
ARRIVED = 1e-6
RANK_TOLERANCE = 1e-6
"""Singular values below this share of the largest count as zero."""

BLUE, GREY = "#3b7dd8", "#888888"

ON_SPHERE = Dynamics(Sphere())


@dataclass(frozen=True)
class _Ends:
    """Where random starts of the star ended."""

    arrived: float
    """Share of starts all of whose tokens are where the closed form says."""
    tokens_arrived: float
    predicted: float
    """Share of starts whose rank is the predicted one."""
    ranks: Int[np.ndarray, " start"]


def equilibria(config: Config, streams: Streams, folder: RunFolder) -> Evidence:
    """Measure the claim ``rank.equilibria``.

    Parameters
    ----------
    config
        ``circle_starts``, ``equilibria_starts``.
    streams
        For starts and signs.
    folder
        For the picture.
    """
    on_circle = circle(config.circle_starts, streams)
    ladders = {size: _ladder_residual(size, streams.generator(f"ladder {size}")) for size in LADDERS}
    ends = _ends(config.equilibria_starts, streams.generator("star"))
    folder.record("equilibria", starts=config.equilibria_starts)
    caption = (
        "The shear of strength 2: where the second token ends; and the ranks in which random starts of the star end."
    )
    return Evidence(
        measurements=(
            *on_circle.measurements,
            *_of_the_ladder(ladders),
            *_of_the_star(ends, config, streams),
        ),
        tables=(*on_circle.tables, _ladders(ladders), _stars()),
        figures=(folder.figure("equilibria", _drawn(ends), caption),),
    )


def residual(X: Float[np.ndarray, "token feature"], layer: Averaging) -> float:
    """Return by how much a layer with LayerNorm moves tokens, the largest coordinate."""
    return float(np.abs(ON_SPHERE.step(X, layer) - X).max())


def _ladder_residual(size: int, rng: np.random.Generator) -> tuple[float, float]:
    """Return the largest residual over ranks, and the smallest pivot of the full rank."""
    ladder = Ladder(size, size, strength=size + 1.0)
    ranks = range(1, ladder.highest_rank + 1)
    worst = max(residual(ladder.equilibrium(rank, rng.choice([-1.0, 1.0], rank - 1)), ladder.layer) for rank in ranks)
    return worst, min(float(np.abs(ladder.pivots(rank)).min()) for rank in ranks)


def _ends(starts: int, rng: np.random.Generator) -> _Ends:
    X = STAR.random_start(rng, starts)
    ends = ON_SPHERE.final(X, repeat(STAR.layer), STAR_LAYERS)
    away = np.linalg.norm(ends - STAR.limit(X), axis=-1)
    ranks = _ranks(ends)
    return _Ends(
        arrived=float((away < ARRIVED).all(axis=1).mean()),
        tokens_arrived=float((away[:, 1:] < ARRIVED).mean()),
        predicted=float((ranks == STAR.limit_rank(X)).mean()),
        ranks=ranks,
    )


def _ranks(X: Float[np.ndarray, "start token feature"]) -> Int[np.ndarray, " start"]:
    singular = np.linalg.svd(X, compute_uv=False)
    ranks: Int[np.ndarray, " start"] = (singular > RANK_TOLERANCE * singular[:, :1]).sum(axis=1)
    return ranks


def _star_residuals() -> list[tuple[int, float, float]]:
    """Return rank, residual and smallest singular value that is not zero, for every rank."""
    found = []
    for rank in range(1, min(STAR.tokens, STAR.width) + 1):
        X = STAR.equilibrium(rank)
        found.append((rank, residual(X, STAR.layer), float(np.linalg.svd(X, compute_uv=False)[rank - 1])))
    return found


def _first_token_free(rng: np.random.Generator) -> float:
    """Return the share of starts that end in rank one when the first token starts anywhere."""
    X = Sphere()(rng.standard_normal((FREE_STARTS, STAR.tokens, STAR.width)))
    return float((_ranks(ON_SPHERE.final(X, repeat(STAR.layer), FREE_LAYERS)) == 1).mean())


def _of_the_ladder(ladders: dict[int, tuple[float, float]]) -> Iterator[Measurement]:
    yield Measurement(
        name="ladder: largest residual",
        value=max(worst for worst, _ in ladders.values()),
        at_most=1e-12,
        note=f"every rank from 1 to N = d, for {', '.join(map(str, LADDERS))}, with random signs; one system has them "
        "all, most of them unstable",
    )


def _of_the_star(ends: _Ends, config: Config, streams: Streams) -> Iterator[Measurement]:
    where = f"{STAR.tokens} tokens of {STAR.width} features"
    yield Measurement(
        name="star: largest residual",
        value=max(worst for _, worst, _ in _star_residuals()),
        at_most=1e-14,
        note=f"every rank from 1 to {STAR.width}; {where}",
    )
    yield Measurement(
        name="star: starts that end at the closed form",
        value=100 * ends.arrived,
        at_least=99.9,
        unit="%",
        note=f"{config.equilibria_starts} random starts, every one of their {STAR.tokens} tokens within {ARRIVED:g} "
        f"after {STAR_LAYERS} layers; of single tokens {100 * ends.tokens_arrived:.5g} %",
    )
    yield Measurement(
        name="star: starts that end in the predicted rank",
        value=100 * ends.predicted,
        unit="%",
        note=f"singular values above {RANK_TOLERANCE:g} of the largest",
    )
    yield Measurement(
        name="star with a free first token: starts that end in rank one",
        value=100 * _first_token_free(streams.generator("free")),
        unit="%",
        note=f"the limit of the construction: the first token has to start at its fixed point; {FREE_STARTS} starts, "
        f"{FREE_LAYERS} layers",
    )


def _ladders(ladders: dict[int, tuple[float, float]]) -> Table:
    return Table(
        title="The ladder: every rank in one system",
        columns=("tokens = features", "largest residual", "smallest pivot"),
        rows=tuple((size, float(f"{worst:.1e}"), float(f"{pivot:.1e}")) for size, (worst, pivot) in ladders.items()),
        note="Pivots certify ranks; the smallest singular values are as small, so that no numerical rank could.",
    )


def _stars() -> Table:
    return Table(
        title="The star: an equilibrium of each rank",
        columns=("rank", "residual", "smallest singular value that is not zero"),
        rows=tuple((rank, float(f"{worst:.1e}"), round(singular, 4)) for rank, worst, singular in _star_residuals()),
        note=f"{STAR.tokens} tokens of {STAR.width} features, strength {STAR.strength:g}, pull {STAR.pull:g}.",
    )


def _drawn(ends: _Ends) -> Canvas:
    canvas = Canvas(figsize=(6.6, 3.2), layout="constrained")
    left, right = canvas.subplots(1, 2)
    draw_circle(left, Shear(2.0))
    ranks = np.arange(1, STAR.width + 1)
    shares = [100 * float((ends.ranks == rank).mean()) for rank in ranks]
    right.bar(ranks, shares, color=BLUE)
    right.set(xticks=ranks)
    right.set_title("star: rank at the end", fontsize=10, color=GREY)
    right.set_xlabel("rank", color=GREY)
    right.set_ylabel("random starts, %", color=GREY)
    right.spines[["top", "right"]].set_visible(False)
    right.tick_params(colors=GREY)
    return canvas
