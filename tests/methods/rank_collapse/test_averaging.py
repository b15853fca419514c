"""Uniform attention: its spectrum against dense eigenvalues, and its pace against what random tokens do."""

import numpy as np
import pytest

from consilience.ground import InvalidInput
from consilience.methods.rank_collapse.averaging import (
    layers_to_collapse,
    second_modulus,
    uniform_attention,
    white_mu,
)
from consilience.methods.rank_collapse.mask_language import parse_mask


def mask(text: str, tokens: int = 32) -> np.ndarray:
    return parse_mask(text).array(tokens)


def test_rows_are_uniform_over_what_is_allowed() -> None:
    weights = uniform_attention(mask("window(1)", 4))
    assert weights.sum(axis=1) == pytest.approx(1)
    assert weights[1].tolist() == [1 / 3, 1 / 3, 1 / 3, 0]


def test_a_row_without_anything_is_named() -> None:
    with pytest.raises(InvalidInput, match="token 0 attends to nothing"):
        uniform_attention(mask("causal & ~diagonal", 4))


@pytest.mark.parametrize("text", ["window(3)", "ring", "ring(3)", "~block(4)", "window(2) | sink(1)", "global(2)"])
def test_the_rate_is_the_second_dense_eigenvalue(text) -> None:
    dense = np.sort(np.abs(np.linalg.eigvals(uniform_attention(mask(text)))))[-2]
    assert second_modulus(mask(text)) == pytest.approx(dense, abs=1e-10)


@pytest.mark.parametrize(
    "text", ["causal", "window(1, 0)", "window(7, 0)", "sink(1)", "causal & (strided(4) | window(1))"]
)
def test_triangular_masks_have_exactly_one_half_in_any_order(text) -> None:
    shuffled = np.random.default_rng(0).permutation(32)
    assert second_modulus(mask(text)) == 0.5
    assert second_modulus(mask(text)[np.ix_(shuffled, shuffled)]) == 0.5


@pytest.mark.parametrize(("before", "after"), [(3, 1), (8, 1), (2, 1)])
def test_windows_that_lean_to_one_side_have_the_rate_of_their_symbol(before, after) -> None:
    """Long ones come to the least value of the symbol on the positive axis; a dense solver alone is off by .2."""
    offsets = np.arange(-before, after + 1)
    symbol = np.exp(np.multiply.outer(np.linspace(0, 1, 10_001), offsets)).mean(axis=1)
    edge = 1 / 2  # the first token but one of a nearly one-sided window decides where the symbol is lower
    assert second_modulus(mask(f"window({before}, {after})", 256)) == pytest.approx(max(symbol.min(), edge), abs=1e-3)


def test_the_ends_of_the_scale_are_exact() -> None:
    assert second_modulus(mask("complete")) == 0.0
    assert second_modulus(mask("complete", 1)) == 0.0
    assert second_modulus(mask("block(8)")) == 1.0
    assert second_modulus(np.roll(np.eye(5, dtype=bool), 1, axis=0)) == 1.0


def test_white_mu_is_what_many_random_tokens_do() -> None:
    rng = np.random.default_rng(0)
    weights, X = uniform_attention(mask("window(2, 0)", 10)), rng.standard_normal((10, 20_000))
    for expected in white_mu(mask("window(2, 0)", 10), layers=6):
        found = np.linalg.norm(X - X.mean(axis=0)) / np.linalg.norm(X)
        assert found == pytest.approx(expected, rel=0.02)
        X = weights @ X


@pytest.mark.parametrize("text", ["complete", "causal", "window(8)", "window(1, 0)", "ring(3)", "~block(8)"])
def test_bisection_finds_the_first_layer_below(text) -> None:
    layers = layers_to_collapse(mask(text))
    course = white_mu(mask(text), layers)
    assert (course[:-1] >= 1e-3).all()
    assert course[-1] < 1e-3


def test_what_never_collapses_says_so() -> None:
    assert layers_to_collapse(mask("block(8)")) is None
    assert layers_to_collapse(np.roll(np.eye(5, dtype=bool), 1, axis=0)) is None
    assert layers_to_collapse(mask("complete", 1)) == 0


@pytest.mark.parametrize("threshold", [0.0, 1.0, 1e-13, float("nan")])
def test_thresholds_are_above_rounding(threshold) -> None:
    with pytest.raises(InvalidInput, match="threshold"):
        layers_to_collapse(mask("causal"), threshold)
