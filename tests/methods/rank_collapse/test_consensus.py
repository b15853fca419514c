"""Hemispheres and gnomonic coordinates; the identity itself is a law."""

import numpy as np
import pytest
from scipy.optimize import linprog

from consilience.ground import InvalidInput
from consilience.methods.rank_collapse.consensus import consensus_weights, gnomonic, hemisphere, wendel_probability


def test_coordinates_lie_in_the_plane_and_heights_lead_back() -> None:
    X, axis = np.array([[1.0, 2.0], [-1.0, 4.0]]), np.array([0.0, 1.0])
    coordinates, heights = gnomonic(X, axis)
    assert coordinates @ axis == pytest.approx(1)
    assert coordinates * heights[:, None] == pytest.approx(X)
    with pytest.raises(InvalidInput, match="2 of 2 do not: find an axis by `hemisphere`"):
        gnomonic(X, -axis)


def test_weights_are_row_stochastic() -> None:
    weights = consensus_weights(np.array([[0.5, 0.5], [0.0, 1.0]]), np.array([1.0, 3.0]))
    assert weights == pytest.approx(np.array([[0.25, 0.75], [0.0, 1.0]]))


def test_a_hemisphere_is_found_where_a_linear_program_finds_one() -> None:
    rng, answers = np.random.default_rng(0), []
    for _ in range(100):
        X = rng.standard_normal((8, 4))
        axis = hemisphere(X)
        program = linprog(np.zeros(4), A_ub=-X, b_ub=-np.ones(8), bounds=[(None, None)] * 4)
        assert (axis is not None) == (program.status == 0)
        answers.append(axis is not None)
    assert 0.3 < np.mean(answers) < 0.7


def test_the_axis_is_the_one_in_which_tokens_lie_deepest() -> None:
    rng = np.random.default_rng(1)
    X = rng.standard_normal((5, 5))
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    axis = hemisphere(X)
    assert np.linalg.norm(axis) == pytest.approx(1)
    depth = (X @ axis).min()
    nearby = axis + 0.05 * rng.standard_normal((2000, 5))
    nearby /= np.linalg.norm(nearby, axis=1, keepdims=True)
    assert (X @ nearby.T).min(axis=0).max() < depth


def test_no_hemisphere_holds_a_token_and_its_opposite() -> None:
    assert hemisphere(np.array([[1.0, 0.0], [-2.0, 0.0]])) is None
    assert hemisphere(np.vstack([np.eye(3), -np.ones((1, 3))])) is None


def test_lengths_of_tokens_do_not_count() -> None:
    X = np.random.default_rng(2).standard_normal((4, 6))
    assert hemisphere(X * np.array([[1.0], [10.0], [0.1], [3.0]])) == pytest.approx(hemisphere(X), abs=1e-10)


@pytest.mark.parametrize("bad", [0.0, np.nan])
def test_a_token_without_direction_is_refused(bad) -> None:
    X = np.ones((2, 3))
    X[0] = bad
    with pytest.raises(InvalidInput, match="direction"):
        hemisphere(X)


def test_wendel_counts_hemispheres() -> None:
    assert wendel_probability(5, 5) == 1.0
    assert wendel_probability(4, 2) == 0.5
    assert wendel_probability(3, 1) == 0.25
    with pytest.raises(InvalidInput, match="at least 1"):
        wendel_probability(0, 3)
