"""The elimination behind cross products: both engines against numpy, one item and many."""

import numpy as np
import pytest

from consilience.methods.convex_networks import elimination
from consilience.methods.convex_networks.elimination import eliminate


@pytest.mark.parametrize("number", [1, 64])
@pytest.mark.parametrize("dimension", [2, 5, 16])
def test_normal_sign_and_scale_give_the_cofactors(dimension: int, number: int) -> None:
    rows = np.random.default_rng(dimension).uniform(-1, 1, (number, dimension - 1, dimension))
    normals, signs, logs = eliminate(rows, np.ones((number, dimension - 1)), 1e-15)
    for j in range(dimension):
        cofactor = (-1) ** j * np.linalg.det(np.delete(rows, j, axis=2))
        np.testing.assert_allclose(signs * np.exp(logs) * normals[:, j], cofactor, rtol=1e-7, atol=1e-11)


@pytest.mark.parametrize("number", [1, 64])
def test_scale_multiplies_the_rows(number: int) -> None:
    generator = np.random.default_rng(0)
    rows, scale = generator.uniform(-1, 1, (number, 4, 5)), 2.0 ** generator.integers(-3, 3, (number, 4))
    inside = eliminate(rows, scale, 1e-15)
    for mine, expected in zip(inside, eliminate(rows * scale[..., None], np.ones((number, 4)), 1e-15), strict=True):
        np.testing.assert_array_equal(mine, expected)


@pytest.mark.parametrize("number", [1, 64])
def test_exact_zero_pivots_and_tiny_singular_values_have_sign_zero(number: int) -> None:
    rows = np.random.default_rng(0).uniform(-1, 1, (number, 4, 5))
    rows[0, 3] = rows[0, :3].sum(axis=0)
    _, signs, _ = eliminate(rows, np.ones((number, 4)), 1e-14)
    assert signs[0] == 0
    assert np.abs(signs[1:]).all()
    rows[0, :, 1:3] = 0
    assert eliminate(rows, np.ones((number, 4)), 0.0)[1][0] == 0


def test_refinement_survives_the_growth_of_wilkinsons_matrix(monkeypatch: pytest.MonkeyPatch) -> None:
    """Partial pivoting doubles the last column at every step; both engines still solve a nearby problem."""
    dimension = 16
    columns = np.tril(-np.ones((dimension, dimension - 1)), -1) + np.eye(dimension, dimension - 1)
    columns[:, -1] = 1
    rows = np.repeat(columns.T[None], 32, axis=0)
    for large_batch in (1, 1 << 30):
        monkeypatch.setattr(elimination, "_LARGE_BATCH", large_batch)
        normals, signs, _ = eliminate(rows, np.ones((32, dimension - 1)), 1e-15)
        residual = np.einsum("nkd,nd->nk", rows, normals) / np.linalg.norm(normals, axis=1, keepdims=True)
        assert np.abs(residual).max() < 1e-15
        assert np.abs(signs).all()
