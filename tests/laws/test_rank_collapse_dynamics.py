"""What attention does to tokens: bounds that hold, a linear system behind LayerNorm, and when rank survives."""

from itertools import islice, repeat

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consilience.methods.rank_collapse.bounds import collapse_bound, hemisphere_bound
from consilience.methods.rank_collapse.consensus import consensus_weights, gnomonic, hemisphere
from consilience.methods.rank_collapse.dynamics import Dynamics, mu, relative_mu
from consilience.methods.rank_collapse.graph import connectivity
from consilience.methods.rank_collapse.layers import (
    Averaging,
    gaussian_layers,
    orthogonal_layers,
    random_orthogonal,
)
from consilience.methods.rank_collapse.mask_language import parse_mask
from consilience.methods.rank_collapse.normalisation import Centring, Sphere
from consilience.methods.rank_collapse.shear import Shear
from consilience.methods.rank_collapse.star import Star

MASKS = ("complete", "causal", "window(1)", "window(2, 0)", "sink(1)", "~diagonal", "ring & ~diagonal | window(1, 0)")
every_mask = pytest.mark.parametrize("text", MASKS)


def smallest_weight(stack, path) -> float:
    return min(float(layer.attention(X)[0][layer.allowed].min()) for layer, X in zip(stack, path, strict=False))


@every_mask
@given(seed=st.integers(0, 2**32 - 1), temperature=st.sampled_from([0.25, 4.0, 100.0]))
def test_mu_stays_below_the_bound_without_layer_norm(text, seed, temperature) -> None:
    rng = np.random.default_rng(seed)
    allowed = parse_mask(text).array(7)
    X = rng.standard_normal((7, 3))
    stack = list(islice(orthogonal_layers(rng, allowed, 3, temperature=temperature), 30))
    path = list(Dynamics().run(X, stack))
    bound = collapse_bound(X, smallest_weight(stack, path), connectivity(allowed).depth, layers=30)
    assert all(float(mu(here)) <= limit * (1 + 1e-12) for here, limit in zip(path, bound, strict=True))


@every_mask
@given(seed=st.integers(0, 2**32 - 1))
def test_mu_stays_below_the_bound_with_layer_norm(text, seed) -> None:
    rng = np.random.default_rng(seed)
    allowed = parse_mask(text).array(6)
    X = Sphere()(rng.standard_normal((6, 8)))
    stack = list(islice(orthogonal_layers(rng, allowed, 8), 30))
    path = list(Dynamics(Sphere()).run(X, stack))
    depth = connectivity(allowed).depth
    bound = hemisphere_bound(X, hemisphere(X), smallest_weight(stack, path), depth, layers=30)
    assert all(float(mu(here)) <= limit * (1 + 1e-12) for here, limit in zip(path, bound, strict=True))


@every_mask
def test_layer_norm_on_a_hemisphere_is_a_linear_consensus_and_heights_never_fall(text) -> None:
    rng = np.random.default_rng(5)
    X = Sphere()(rng.standard_normal((10, 16)))
    axis = hemisphere(X)
    coordinates, heights = gnomonic(X, axis)
    for layer in islice(orthogonal_layers(rng, parse_mask(text).array(10), 16), 400):
        coordinates = consensus_weights(layer.attention(X)[0], X @ axis) @ coordinates @ layer.value[0]
        axis = axis @ layer.value[0]
        X = Dynamics(Sphere()).step(X, layer)
        seen, now = gnomonic(X, axis)
        assert np.abs(seen - coordinates).max() < 1e-12
        assert now.min() >= heights.min() - 1e-14
        heights = now


def test_value_matrices_commute_with_attention_that_does_not_look() -> None:
    rng = np.random.default_rng(0)
    weights = parse_mask("causal").array(5) / np.arange(1, 6)[:, None]
    X, values = rng.standard_normal((5, 3)), rng.standard_normal((4, 3, 3))
    ends = Dynamics().final(X, (Averaging(weights, value) for value in values), depth=4)
    assert ends == pytest.approx(np.linalg.matrix_power(weights, 4) @ X @ np.linalg.multi_dot(values), abs=1e-12)


def test_turning_all_tokens_and_weights_changes_nothing() -> None:
    rng = np.random.default_rng(1)
    turn = random_orthogonal(rng, 4)
    X, layer = rng.standard_normal((6, 4)), next(orthogonal_layers(rng, parse_mask("causal").array(6), 4))
    turned = type(layer)(
        layer.allowed, turn.T @ layer.query, turn.T @ layer.key, turn.T @ layer.value @ turn, layer.temperature
    )
    here, there = (Dynamics(Sphere()).step(*pair) for pair in ((X, layer), (X @ turn, turned)))
    assert there == pytest.approx(here @ turn, abs=1e-12)


def test_rank_one_is_not_collapse() -> None:
    X = np.array([[1.0, 2.0], [-1.0, -2.0]])
    assert np.linalg.matrix_rank(X) == 1
    assert relative_mu(X) == pytest.approx(1)


def test_one_system_loses_rank_without_layer_norm_and_keeps_it_with() -> None:
    star = Star()
    X = star.random_start(np.random.default_rng(0), 100)
    without = Dynamics().final(X, repeat(star.layer), depth=25)
    with_norm = Dynamics(Sphere()).final(X, repeat(star.layer), depth=400)
    assert (mu(without) / mu(X) < 3e-6).all()
    assert np.median(mu(with_norm)) > 1
    assert np.median(np.linalg.matrix_rank(with_norm, tol=1e-6)) >= 3


@pytest.mark.parametrize("text", ["complete", "causal"])
def test_layer_norm_is_no_cure(text) -> None:
    rng = np.random.default_rng(0)
    layers = gaussian_layers(rng, parse_mask(text).array(16), 32, heads=4)
    assert relative_mu(Dynamics(Centring()).final(rng.standard_normal((16, 32)), layers, depth=128)) < 1e-12


def test_two_tokens_under_a_shear_are_the_star_of_two() -> None:
    shear, star = Shear(3.0), Star(2, 2, 3.0, 0.5)
    assert star.layer.weights == pytest.approx(shear.layer.weights)
    assert star.layer.value == pytest.approx(shear.layer.value)
    assert star.equilibrium(2) == pytest.approx(shear.fixed_point("apart"))
    assert star.multiplier(shear.fixed_point("apart")[1]) == pytest.approx(shear.multiplier("apart"))
