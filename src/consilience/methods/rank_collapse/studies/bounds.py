"""Whether the bounds of mu hold, and whether LayerNorm on a hemisphere is the linear consensus it is said to be."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from consilience.ground import Evidence, Measurement, RunFolder, Streams, Table
from consilience.methods.rank_collapse.bounds import collapse_bound, hemisphere_bound, smallest_weight_bound
from consilience.methods.rank_collapse.config import Config
from consilience.methods.rank_collapse.consensus import consensus_weights, gnomonic, hemisphere, wendel_probability
from consilience.methods.rank_collapse.dynamics import Dynamics, mu
from consilience.methods.rank_collapse.graph import connectivity
from consilience.methods.rank_collapse.layers import SoftmaxAttention, gaussian_layers, orthogonal_layers
from consilience.methods.rank_collapse.mask_language import parse
from consilience.methods.rank_collapse.normalisation import Sphere

__all__ = ["bounds", "gnomonic_error"]

MASKS = ("complete", "causal", "window(2)", "window(2, 0)", "sink(1)", "causal & (strided(4) | window(1))")
DRAWN = {"complete": "#3b7dd8", "window(2)": "#d9722e", "window(2, 0)": "#3f9b6b"}
GREY = "#888888"

TOKENS, WIDTH = 12, 4
"""Of the bound without LayerNorm; there are more tokens than features."""
SPHERE_TOKENS, SPHERE_WIDTH = 10, 16
"""Of the bound with LayerNorm: with no more tokens than features there always is a hemisphere."""
CONSENSUS_LAYERS = 400
WENDEL_DRAWS = 400
LOOKED_AT = 10
"""Layer after which measured mu is set beside its bound: later ones may be rounding under the fast masks."""

FLOOR = 1e-13
"""Below this mu is rounding and is not drawn."""
ROUNDING = 1e-12
"""By how much, relatively, rounding may put a measured mu above its bound."""


@dataclass(frozen=True)
class _Checked:
    """One start under one mask: mu and its bound after each layer."""

    kind: str
    mask: str
    measured: Float[np.ndarray, " layer"]
    bound: Float[np.ndarray, " layer"]
    weight_kept: bool
    """Whether the smallest weight was above its bound from norms."""

    @property
    def violations(self) -> int:
        return int((self.measured[1:] > self.bound[1:] * (1 + ROUNDING)).sum())


def bounds(config: Config, streams: Streams, folder: RunFolder) -> Evidence:
    """Measure the claim ``rank.bounds``.

    Parameters
    ----------
    config
        ``bounds_trials``, ``bounds_layers``.
    streams
        For starts and weights.
    folder
        For the picture.
    """
    plain = list(_checked("attention", config, streams))
    sphere = list(_checked("LayerNorm", config, streams))
    folder.record("bounds", starts=len(plain) + len(sphere))
    errors = {name: gnomonic_error(name, streams.generator(f"gnomonic {name}")) for name in MASKS}
    worst = max(errors, key=lambda name: errors[name])
    caption = "mu after each layer (lines) and its bound (dashed), without LayerNorm and with it: the median start."
    return Evidence(
        measurements=(
            _violations("violations of the bound without LayerNorm", plain, config),
            _enough(plain, config),
            _violations("violations of the bound with LayerNorm", sphere, config),
            _enough(sphere, config),
            Measurement(
                name="largest error of the linear consensus",
                value=errors[worst],
                at_most=1e-12,
                note=f"gnomonic coordinates after up to {CONSENSUS_LAYERS} layers of LayerNorm against as many of the "
                f"linear system, never brought together in between; {len(MASKS)} masks, the largest under {worst}",
            ),
            Measurement(
                name="starts whose smallest weight is below its bound from norms",
                value=sum(not start.weight_kept for start in plain + sphere),
                at_most=0,
                note=f"of {len(plain) + len(sphere)}",
            ),
            _wendel(streams.generator("wendel")),
        ),
        tables=(_table(plain, sphere, errors),),
        figures=(folder.figure("bounds", _drawn(plain, sphere), caption),),
    )


def gnomonic_error(mask: str, rng: np.random.Generator, layers: int = CONSENSUS_LAYERS) -> float:
    """Follow tokens on the sphere and the linear system beside each other, and return how far apart they ever are."""
    X = _on_sphere(rng, SPHERE_TOKENS, SPHERE_WIDTH)
    axis = _axis(X)
    coordinates, _ = gnomonic(X, axis)
    worst = 0.0
    stack = orthogonal_layers(rng, parse(mask).array(SPHERE_TOKENS), SPHERE_WIDTH)
    for layer in islice(stack, layers):
        weights = consensus_weights(layer.attention(X)[0], X @ axis)
        coordinates = weights @ coordinates @ layer.value[0]
        axis = axis @ layer.value[0]
        X = Dynamics(Sphere()).step(X, layer)
        worst = max(worst, float(np.abs(gnomonic(X, axis)[0] - coordinates).max()))
    return worst


def _checked(kind: str, config: Config, streams: Streams) -> Iterator[_Checked]:
    for mask in MASKS:
        rng = streams.generator(f"{kind} {mask}")
        for trial in range(config.bounds_trials):
            check = _without_norm if kind == "attention" else _with_norm
            yield check(mask, rng, config.bounds_layers, trial)


def _without_norm(mask: str, rng: np.random.Generator, layers: int, trial: int) -> _Checked:
    """Check one start; every other one with Gaussian value matrices, whose products may grow."""
    allowed = parse(mask).array(TOKENS)
    X = rng.standard_normal((TOKENS, WIDTH))
    make = orthogonal_layers if trial % 2 else gaussian_layers
    stack = list(islice(make(rng, allowed, WIDTH), layers))
    path = list(Dynamics().run(X, stack))
    gain = _value_gain(stack)
    smallest = _smallest_weight(stack, path)
    depth = connectivity(allowed).depth or 1
    bound = collapse_bound(X, smallest, depth, layers, value_gain=gain)
    token_norm = gain * float(np.linalg.norm(X, axis=1).max())
    return _Checked("attention", mask, _mu(path), bound, smallest >= _from_norms(stack, token_norm))


def _with_norm(mask: str, rng: np.random.Generator, layers: int, trial: int) -> _Checked:
    del trial
    allowed = parse(mask).array(SPHERE_TOKENS)
    X = _on_sphere(rng, SPHERE_TOKENS, SPHERE_WIDTH)
    stack = list(islice(orthogonal_layers(rng, allowed, SPHERE_WIDTH), layers))
    path = list(Dynamics(Sphere()).run(X, stack))
    smallest = _smallest_weight(stack, path)
    depth = connectivity(allowed).depth or 1
    bound = hemisphere_bound(X, _axis(X), smallest, depth, layers)
    return _Checked("LayerNorm", mask, _mu(path), bound, smallest >= _from_norms(stack, 1.0))


def _on_sphere(rng: np.random.Generator, tokens: int, width: int) -> Float[np.ndarray, "token feature"]:
    return Sphere()(rng.standard_normal((tokens, width)))


def _axis(X: Float[np.ndarray, "token feature"]) -> Float[np.ndarray, " feature"]:
    """Find the hemisphere that no more tokens than features always have."""
    axis = hemisphere(X)
    if axis is None:
        raise RuntimeError("as many features as tokens, and no hemisphere")
    return axis


def _mu(path: list[np.ndarray]) -> Float[np.ndarray, " layer"]:
    return np.array([float(mu(X)) for X in path])


def _value_gain(stack: list[SoftmaxAttention]) -> float:
    """Return the largest spectral norm of a product of the first value matrices, of none of them included."""
    product, largest = np.eye(WIDTH), 1.0
    for layer in stack:
        product = product @ layer.value[0]
        largest = max(largest, float(np.linalg.norm(product, 2)))
    return largest


def _smallest_weight(stack: list[SoftmaxAttention], path: list[np.ndarray]) -> float:
    weights = (layer.attention(X)[0][layer.allowed] for layer, X in zip(stack, path, strict=False))
    return min(float(found.min()) for found in weights)


def _from_norms(stack: list[SoftmaxAttention], token_norm: float) -> float:
    return smallest_weight_bound(
        int(stack[0].allowed.sum(axis=1).max()),
        query_norm=max(float(np.linalg.norm(layer.query[0], 2)) for layer in stack),
        key_norm=max(float(np.linalg.norm(layer.key[0], 2)) for layer in stack),
        token_norm=token_norm,
        temperature=stack[0].temperature,
    )


def _violations(name: str, starts: list[_Checked], config: Config) -> Measurement:
    return Measurement(
        name=name,
        value=sum(start.violations for start in starts),
        at_most=0,
        note=f"{len(MASKS)} masks, {config.bounds_trials} starts each, checked after each of {config.bounds_layers} "
        "layers with fresh weights",
    )


def _enough(starts: list[_Checked], config: Config) -> Measurement:
    return Measurement(
        name=f"checks of the bound with {starts[0].kind}" if starts[0].kind == "LayerNorm" else "checks of that bound",
        value=len(starts) * config.bounds_layers,
        at_least=10_000,
    )


def _wendel(rng: np.random.Generator) -> Measurement:
    tokens, width = 16, 8
    found = np.array([hemisphere(rng.standard_normal((tokens, width))) is not None for _ in range(WENDEL_DRAWS)])
    error = float(found.std()) / WENDEL_DRAWS**0.5
    return Measurement(
        name="random tokens in one hemisphere",
        value=100 * float(found.mean()),
        low=100 * (float(found.mean()) - 2 * error),
        high=100 * (float(found.mean()) + 2 * error),
        unit="%",
        note=f"{tokens} tokens, {width} features; Wendel's theorem: {100 * wendel_probability(tokens, width):g} %, and "
        f"{100 * wendel_probability(128, 768):g} % of 128 tokens with 768 features; interval of two standard errors",
    )


def _table(plain: list[_Checked], sphere: list[_Checked], errors: dict[str, float]) -> Table:
    at = min(LOOKED_AT, len(plain[0].bound) - 1)

    def tightness(starts: list[_Checked], mask: str) -> float | None:
        here = [start for start in starts if start.mask == mask]
        share = float(np.median([start.measured[at] / start.bound[at] for start in here]))
        rounded_off = float(np.median([start.measured[at] for start in here])) < FLOOR
        return None if rounded_off else float(f"{share:.1e}")

    return Table(
        title=f"How far tokens are below their bounds after {at} layers",
        columns=("mask", "mu / bound, no LayerNorm", "mu / bound, LayerNorm", "error of the consensus"),
        rows=tuple(
            (mask, tightness(plain, mask), tightness(sphere, mask), float(f"{errors[mask]:.1e}")) for mask in MASKS
        ),
        note="Medians over starts; empty where mu is rounding by then. The bounds are guarantees, exponentially loose "
        "where the radius is large: they order no masks and predict no slope.",
    )


def _drawn(plain: list[_Checked], sphere: list[_Checked]) -> Canvas:
    canvas = Canvas(figsize=(6.6, 3.2), layout="constrained")
    left, right = canvas.subplots(1, 2, sharey=True)
    for axes, starts, title in ((left, plain, "attention only"), (right, sphere, "with LayerNorm")):
        for mask, colour in DRAWN.items():
            _draw_start(axes, [start for start in starts if start.mask == mask], mask, colour)
        axes.set_title(title, fontsize=10, color=GREY)
        axes.set(xlabel="layer", yscale="log", ylim=(FLOOR, 1e3))
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(colors=GREY, which="both")
    left.set_ylabel("mu", color=GREY)
    handles, labels = left.get_legend_handles_labels()
    canvas.legend(
        handles, labels, frameon=False, fontsize=9, labelcolor="linecolor", loc="outside lower center", ncols=len(DRAWN)
    )
    return canvas


def _draw_start(axes: Axes, starts: list[_Checked], mask: str, colour: str) -> None:
    """Draw the start whose last mu is the median, with its bound."""
    start = sorted(starts, key=lambda one: float(one.measured[-1]))[len(starts) // 2]
    layers = np.arange(len(start.measured))
    axes.plot(layers, np.where(start.measured > FLOOR, start.measured, np.nan), color=colour, label=mask)
    axes.plot(layers, start.bound, color=colour, linestyle="--", linewidth=1)
