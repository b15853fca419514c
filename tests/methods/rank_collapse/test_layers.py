"""Layers of attention: against torch, and where their weights come from."""

from itertools import islice

import numpy as np
import pytest

from consilience.ground import InvalidInput
from consilience.methods.rank_collapse.layers import (
    Averaging,
    SoftmaxAttention,
    gaussian_layers,
    orthogonal_layers,
    random_orthogonal,
)
from consilience.methods.rank_collapse.masks import Causal, Diagonal, Window

ALLOWED = (Window(2) & Causal() | Diagonal()).array(6)


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def softmax_layer(heads: int = 2) -> SoftmaxAttention:
    query, key = rng().standard_normal((2, heads, 4, 3))
    return SoftmaxAttention(ALLOWED, query, key, rng().standard_normal((heads, 4, 4)), temperature=3.0)


def test_attention_is_that_of_torch() -> None:
    torch = pytest.importorskip("torch", reason="the rank extra is not installed")
    layer, X = softmax_layer(), rng().standard_normal((5, 6, 4))
    tokens = torch.from_numpy(X)[:, None]
    query, key, value = (tokens @ torch.from_numpy(weight) for weight in (layer.query, layer.key, layer.value))
    mask = torch.from_numpy(layer.allowed)
    expected = torch.nn.functional.scaled_dot_product_attention(query, key, value, attn_mask=mask).sum(dim=1)
    assert layer(X) == pytest.approx(expected.numpy(), abs=1e-12)


def test_weights_are_those_of_averages_over_what_is_allowed() -> None:
    weights = softmax_layer().attention(rng().standard_normal((5, 6, 4)))
    assert weights.shape == (5, 2, 6, 6)
    assert weights.sum(axis=-1) == pytest.approx(1)
    assert (weights[..., ~ALLOWED] == 0).all()
    assert (weights[..., ALLOWED] > 0).all()


def test_huge_logits_do_not_overflow() -> None:
    layer = softmax_layer()
    assert np.isfinite(layer(1e5 * rng().standard_normal((6, 4)))).all()


def test_zero_queries_average_uniformly() -> None:
    X = rng().standard_normal((6, 4))
    silent = SoftmaxAttention(ALLOWED, np.zeros((1, 4, 3)), np.ones((1, 4, 3)), np.eye(4)[None], temperature=1.0)
    uniform = Averaging.uniform(ALLOWED, 4)
    assert silent(X) == pytest.approx(uniform(X), abs=1e-14)
    assert silent.attention(X) == pytest.approx(uniform.attention(X), abs=1e-14)


def test_precision_is_that_of_tokens() -> None:
    single = rng().standard_normal((6, 4)).astype(np.float32)
    assert softmax_layer()(single).dtype == Averaging.uniform(ALLOWED, 4)(single).dtype == np.float32


def test_bad_layers_are_refused() -> None:
    good = softmax_layer()
    with pytest.raises(InvalidInput, match="temperature"):
        SoftmaxAttention(ALLOWED, good.query, good.key, good.value, temperature=0.0)
    with pytest.raises(InvalidInput, match="attends to nothing"):
        SoftmaxAttention(np.tri(6, k=-1, dtype=bool), good.query, good.key, good.value, temperature=1.0)
    with pytest.raises(InvalidInput, match="multiple of `heads`"):
        next(gaussian_layers(rng(), ALLOWED, 8, heads=3))


def test_gaussian_layers_are_fresh_and_of_the_gain_that_was_asked_for() -> None:
    first, second = islice(gaussian_layers(rng(), ALLOWED, 64, heads=4, gain=0.5), 2)
    assert first.query.shape == (4, 64, 16)
    assert first.temperature == 16.0
    assert not np.allclose(first.query, second.query)
    tokens = rng().standard_normal((1000, 64))
    grown = np.linalg.norm(tokens @ first.value.sum(axis=0)) / np.linalg.norm(tokens)
    assert grown == pytest.approx(0.5, rel=0.05)


def test_orthogonal_layers_turn_and_do_not_stretch() -> None:
    layer = next(orthogonal_layers(rng(), ALLOWED, 5, temperature=2.0))
    assert layer.value[0] @ layer.value[0].T == pytest.approx(np.eye(5), abs=1e-14)
    assert layer.temperature == 2.0


def test_a_temperature_of_zero_is_not_taken_for_none_given() -> None:
    with pytest.raises(InvalidInput, match="temperature"):
        next(orthogonal_layers(np.random.default_rng(0), Causal().array(3), 4, temperature=0.0))
    with pytest.raises(InvalidInput, match="multiple of `heads`"):
        next(gaussian_layers(np.random.default_rng(0), Causal().array(3), 4, heads=0))


def test_random_orthogonal_matrices_favour_no_direction() -> None:
    generator = rng()
    drawn = np.array([random_orthogonal(generator, 3) for _ in range(4000)])
    assert drawn.mean(axis=0) == pytest.approx(np.zeros((3, 3)), abs=0.04)
    assert (drawn**2).mean(axis=0) == pytest.approx(np.full((3, 3), 1 / 3), abs=0.02)
