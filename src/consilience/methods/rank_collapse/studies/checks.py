"""Starts of random stacks, checked against the bounds after every layer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Literal

import numpy as np
from jaxtyping import Float

from consilience.ground import Streams
from consilience.methods.rank_collapse.bounds import collapse_bound, hemisphere_bound, smallest_weight_bound
from consilience.methods.rank_collapse.consensus import consensus_weights, gnomonic, hemisphere
from consilience.methods.rank_collapse.dynamics import Dynamics, mu
from consilience.methods.rank_collapse.graph import connectivity
from consilience.methods.rank_collapse.layers import SoftmaxAttention, gaussian_layers, orthogonal_layers
from consilience.methods.rank_collapse.mask_language import parse_mask
from consilience.methods.rank_collapse.normalisation import Sphere

__all__ = ["CONSENSUS_LAYERS", "MASKS", "Checked", "checked_starts", "gnomonic_error"]

MASKS = ("complete", "causal", "window(2)", "window(2, 0)", "sink(1)", "causal & (strided(4) | window(1))")

Kind = Literal["attention", "LayerNorm"]
"""Layers without LayerNorm and with it."""

TOKENS, WIDTH = 12, 4
"""Of the bound without LayerNorm; there are more tokens than features."""
SPHERE_TOKENS, SPHERE_WIDTH = 10, 16
"""Of the bound with LayerNorm: with no more tokens than features there always is a hemisphere."""
CONSENSUS_LAYERS = 400

ROUNDING = 1e-12
"""By how much, relatively, rounding may put a measured mu above its bound."""


@dataclass(frozen=True)
class Checked:
    """One start under one mask: mu and its bound after each layer."""

    kind: Kind
    mask: str
    measured: Float[np.ndarray, " layer"]
    bound: Float[np.ndarray, " layer"]
    weight_kept: bool
    """Whether the smallest weight was above its bound from norms."""

    @property
    def violations(self) -> int:
        """Layers after which mu is above its bound."""
        return int((self.measured[1:] > self.bound[1:] * (1 + ROUNDING)).sum())


def gnomonic_error(mask: str, rng: np.random.Generator, layers: int = CONSENSUS_LAYERS) -> float:
    """Follow tokens on the sphere and the linear system beside each other, and return how far apart they ever are."""
    X = _on_sphere(rng, SPHERE_TOKENS, SPHERE_WIDTH)
    axis = _axis(X)
    coordinates, _ = gnomonic(X, axis)
    worst = 0.0
    stack = orthogonal_layers(rng, parse_mask(mask).array(SPHERE_TOKENS), SPHERE_WIDTH)
    for layer in islice(stack, layers):
        weights = consensus_weights(layer.attention(X)[0], X @ axis)
        coordinates = weights @ coordinates @ layer.value[0]
        axis = axis @ layer.value[0]
        X = Dynamics(Sphere()).step(X, layer)
        worst = max(worst, float(np.abs(gnomonic(X, axis)[0] - coordinates).max()))
    return worst


def checked_starts(kind: Kind, trials: int, layers: int, streams: Streams) -> Iterator[Checked]:
    """Check random starts under every mask.

    Parameters
    ----------
    kind
        Without LayerNorm or with it.
    trials
        Starts under each mask.
    layers
        Layers after each of which mu is checked.
    streams
        For starts and weights.
    """
    check = _without_norm if kind == "attention" else _with_norm
    for mask in MASKS:
        rng = streams.generator(f"{kind} {mask}")
        for trial in range(trials):
            yield check(mask, rng, layers, trial)


def _without_norm(mask: str, rng: np.random.Generator, layers: int, trial: int) -> Checked:
    """Check one start; every other one with Gaussian value matrices, whose products may grow."""
    allowed = parse_mask(mask).array(TOKENS)
    X = rng.standard_normal((TOKENS, WIDTH))
    make = orthogonal_layers if trial % 2 else gaussian_layers
    stack = list(islice(make(rng, allowed, WIDTH), layers))
    path = list(Dynamics().run(X, stack))
    gain = _value_gain(stack)
    smallest = _smallest_weight(stack, path)
    depth = connectivity(allowed).depth or 1
    bound = collapse_bound(X, smallest, depth, layers, value_gain=gain)
    token_norm = gain * float(np.linalg.norm(X, axis=1).max())
    return Checked("attention", mask, _mu(path), bound, smallest >= _from_norms(stack, token_norm))


def _with_norm(mask: str, rng: np.random.Generator, layers: int, trial: int) -> Checked:
    del trial
    allowed = parse_mask(mask).array(SPHERE_TOKENS)
    X = _on_sphere(rng, SPHERE_TOKENS, SPHERE_WIDTH)
    stack = list(islice(orthogonal_layers(rng, allowed, SPHERE_WIDTH), layers))
    path = list(Dynamics(Sphere()).run(X, stack))
    smallest = _smallest_weight(stack, path)
    depth = connectivity(allowed).depth or 1
    bound = hemisphere_bound(X, _axis(X), smallest, depth, layers)
    return Checked("LayerNorm", mask, _mu(path), bound, smallest >= _from_norms(stack, 1.0))


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
