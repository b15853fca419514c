"""Bounds of mu: their constants by hand; that they hold is a law."""

import math

import numpy as np
import pytest

from consilience.ground import InvalidInput
from consilience.methods.rank_collapse.bounds import collapse_bound, hemisphere_bound, smallest_weight_bound

X = np.array([[0.0, 1.0], [3.0, 1.0], [1.0, 5.0], [0.0, 1.0]])


def test_constants_are_those_of_the_formula() -> None:
    bound = collapse_bound(X, smallest_weight=0.5, depth=2, layers=5, value_gain=3.0)
    start = 3.0 * math.sqrt(4) / 2 * math.hypot(3, 4)
    assert bound == pytest.approx(start * np.array([1, 1, 0.75, 0.75, 0.75**2, 0.75**2]))


def test_a_tiny_contraction_is_not_rounded_away() -> None:
    bound = collapse_bound(X, smallest_weight=1e-5, depth=4, layers=8)
    assert (bound <= bound[0]).all()
    slow = collapse_bound(X, smallest_weight=1e-3, depth=4, layers=4_000_000)
    assert 1 - slow[-1] / slow[0] == pytest.approx(1e-6, rel=1e-3)


def test_full_weights_collapse_at_once() -> None:
    assert collapse_bound(X, 1.0, depth=1, layers=2)[1:].tolist() == [0.0, 0.0]


def test_in_a_hemisphere_heights_take_part_in_the_weight() -> None:
    tokens = np.array([[0.6, 0.8], [-0.6, 0.8]])
    axis = np.array([0.0, 1.0])
    bound = hemisphere_bound(tokens, axis, smallest_weight=0.5, depth=1, layers=1)
    assert bound == pytest.approx(math.sqrt(2) / 2 * 1.5 * np.array([1.0, 0.6]))
    with pytest.raises(InvalidInput, match="1 of 2 do not"):
        hemisphere_bound(tokens, np.array([1.0, 0.0]), 0.5, depth=1, layers=1)


def test_weights_are_bounded_by_norms() -> None:
    bound = smallest_weight_bound(5, query_norm=2.0, key_norm=3.0, token_norm=0.5, temperature=9.0)
    assert bound == pytest.approx(math.exp(-1.0) / 5)


def test_only_tokens_of_norm_one_have_the_bound_with_layer_norm() -> None:
    tokens, axis = np.array([[0.6, 0.8], [-0.6, 0.8]]), np.array([0.0, 1.0])
    for long_tokens, long_axis in ((math.sqrt(2) * tokens, axis), (tokens, 2 * axis), (np.nan * tokens, axis)):
        with pytest.raises(InvalidInput, match="norm 1"):
            hemisphere_bound(long_tokens, long_axis, 0.5, depth=1, layers=1)


def test_the_bound_without_layer_norm_is_attained() -> None:
    """One token looks the other way as far as its weights let it; no smaller constant would do."""
    smallest = 0.25
    weights = np.array([[1 - smallest, smallest], [smallest, 1 - smallest]])
    tokens = np.array([[1.0], [-1.0]])
    moved = weights @ tokens  # the sum of both entries of a column contracts, twice what one column shows
    assert np.linalg.norm(moved - moved.mean()) <= collapse_bound(tokens, smallest, depth=1, layers=1)[1]
    weights = np.array([[1.0, 0.0], [smallest, 1 - smallest]])  # causal: one column is all there is
    moved = weights @ tokens
    assert np.linalg.norm(moved - moved.mean()) == pytest.approx(collapse_bound(tokens, smallest, 1, 1)[1])


@pytest.mark.parametrize(
    "wrong", [{"temperature": 0.0}, {"query_norm": -1.0}, {"token_norm": math.nan}, {"neighbours": 0}]
)
def test_norms_and_temperature_are_in_range(wrong) -> None:
    right = {"neighbours": 3, "query_norm": 1.0, "key_norm": 1.0, "token_norm": 1.0, "temperature": 4.0}
    with pytest.raises(InvalidInput, match="temperature"):
        smallest_weight_bound(**{**right, **wrong})


@pytest.mark.parametrize(("weight", "depth"), [(0.0, 1), (1.1, 1), (0.5, 0), (math.nan, 1)])
def test_bounds_need_a_weight_and_a_depth(weight, depth) -> None:
    with pytest.raises(InvalidInput, match="smallest_weight"):
        collapse_bound(X, weight, depth, layers=1)
