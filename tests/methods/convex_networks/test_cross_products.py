"""Cross products: accuracy, exact signs, scale, rank, both engines, and bad input."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from consilience.ground.errors import InvalidInput
from consilience.methods.convex_networks import elimination
from consilience.methods.convex_networks.cross_products import cross, cross_all


def cofactors(rows: np.ndarray) -> list[Fraction]:
    """Expand the determinant along a free first row, in rational arithmetic."""

    def determinant(matrix: list[list[Fraction]]) -> Fraction:
        if not matrix:
            return Fraction(1)
        first, *rest = matrix
        return sum(
            (-1) ** j * entry * determinant([row[:j] + row[j + 1 :] for row in rest]) for j, entry in enumerate(first)
        )

    exact = [[Fraction(float(entry)) for entry in row] for row in rows]
    return [(-1) ** j * determinant([row[:j] + row[j + 1 :] for row in exact]) for j in range(rows.shape[1])]


def test_three_dimensions_are_numpy_cross() -> None:
    rows = np.random.default_rng(0).standard_normal((50, 2, 3))
    np.testing.assert_allclose(cross(rows).vector, np.cross(rows[:, 0], rows[:, 1]), atol=1e-14)


@pytest.mark.parametrize("dimension", [1, 2, 3, 4])
def test_basis_vectors_by_hand(dimension: int) -> None:
    """Leaving out e_j from the basis leaves (-1)**j e_j, counted from 0, because x goes first."""
    for j in range(dimension):
        rows = np.delete(np.eye(dimension), j, axis=0)
        np.testing.assert_array_equal(cross(rows).vector, (-1.0) ** j * np.eye(dimension)[j])


@given(st.integers(2, 5).flatmap(lambda d: arrays(np.float64, (d - 1, d), elements=st.integers(-99, 99).map(float))))
def test_rational_arithmetic_agrees_in_sign_and_value(rows: np.ndarray) -> None:
    exact = cofactors(rows)
    product = cross(rows)
    np.testing.assert_allclose(product.vector, [float(entry) for entry in exact], rtol=1e-9, atol=1e-4)
    assert (product.sign == 0) == (not any(exact))
    for mine, entry in zip(product.vector, exact, strict=True):
        assert abs(entry) < 1e-4 or np.sign(mine) == (entry > 0) - (entry < 0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("dimension", [2, 11, 64, 300])
def test_residual_and_sign(dimension: int, dtype: type) -> None:
    generator = np.random.default_rng(dimension)
    rows = generator.standard_normal((dimension - 1, dimension)).astype(dtype)
    x = generator.standard_normal(dimension)
    product = cross(rows)
    assert product.unit.dtype == product.sign.dtype == dtype
    assert product.log_magnitude.dtype == np.float64
    epsilon = float(np.finfo(dtype).eps)
    assert np.linalg.norm(rows.astype(float) @ product.unit) <= 20 * epsilon * np.linalg.norm(rows.astype(float), 2)
    sign, log_determinant = np.linalg.slogdet(np.vstack([x, rows]).astype(float))
    height = x @ product.direction
    assert np.sign(height) == sign
    assert np.log(abs(height)) + product.log_magnitude == pytest.approx(log_determinant, abs=1e4 * epsilon)


def test_unit_is_canonical_and_sign_tells_the_order() -> None:
    rows = np.random.default_rng(0).standard_normal((40, 4, 5))
    product, swapped = cross(rows), cross(rows[:, [1, 0, 2, 3]])
    np.testing.assert_allclose(product.unit, swapped.unit, atol=1e-12)
    np.testing.assert_array_equal(product.sign, -swapped.sign)
    assert (np.take_along_axis(product.unit, np.abs(product.unit).argmax(axis=1)[:, None], axis=1) > 0).all()
    np.testing.assert_allclose(np.linalg.norm(product.unit, axis=1), 1)


@pytest.mark.parametrize("dimension", [2, 5, 11, 16])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_both_engines_agree(dimension: int, dtype: type, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = np.random.default_rng(1).standard_normal((elimination._CHUNK // 50, dimension - 1, dimension)).astype(dtype)
    rows[3, -1] = 0
    monkeypatch.setattr(elimination, "_CHUNK", 16)
    together = cross(rows)
    monkeypatch.setattr(elimination, "_LARGE_BATCH", 1 << 30)
    each = cross(rows)
    tolerance = 2e4 * np.finfo(dtype).eps
    np.testing.assert_allclose(together.unit, each.unit, atol=tolerance)
    np.testing.assert_array_equal(together.sign, each.sign)
    np.testing.assert_allclose(together.log_magnitude, each.log_magnitude, atol=tolerance)
    assert together.sign[3] == 0


@pytest.mark.parametrize("dimension", [3, 20])
@pytest.mark.parametrize("number", [1, 50])
def test_powers_of_two_change_nothing_but_the_logarithm(dimension: int, number: int) -> None:
    generator = np.random.default_rng(0)
    rows = generator.standard_normal((number, dimension - 1, dimension))
    exponents = generator.integers(-900, 900, (number, dimension - 1, 1))
    product, scaled = cross(rows), cross(np.ldexp(rows, exponents))
    np.testing.assert_array_equal(product.unit, scaled.unit)
    np.testing.assert_array_equal(product.sign, scaled.sign)
    expected = product.log_magnitude + np.log(2) * exponents.sum(axis=(1, 2))
    np.testing.assert_allclose(scaled.log_magnitude, expected, rtol=1e-12)


@pytest.mark.parametrize("scale", [5e-324, 1e-310, 1e300])
def test_subnormal_and_huge_rows(scale: float) -> None:
    rows = np.array([[1.0, 0.0, 0.0, 0.0], [0.0, 2.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0]])
    product = cross(np.clip(rows * scale, -1.7e308, 1.7e308))
    np.testing.assert_array_equal(product.unit, [0, 0, 1, 0])
    assert product.log_magnitude == pytest.approx(3 * np.log(scale) + np.log(2), rel=1e-9)


def test_coordinates_of_very_different_size_stay_independent() -> None:
    """Features of size 1e-30 beside features of size 1 do not make rows dependent."""
    generator = np.random.default_rng(0)
    rows, scale = generator.standard_normal((6, 7)), 10.0 ** np.array([0, -30, 3, -12, 0, 8, -30])
    expected = cross(rows).vector / scale * scale.prod()
    np.testing.assert_allclose(cross(rows * scale).vector, expected, rtol=1e-11)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("dimension", [3, 8, 40, 200])
@pytest.mark.parametrize("number", [1, 20])
def test_dependent_rows_give_zero(dimension: int, number: int, dtype: type) -> None:
    generator = np.random.default_rng(dimension)
    rows = generator.standard_normal((number, dimension - 1, dimension))
    rows[:, -1] = np.einsum("nk,nkd->nd", generator.standard_normal((number, dimension - 2)), rows[:, :-1])
    product = cross(rows.astype(dtype))
    assert not product.sign.any()
    assert not product.unit.any()
    assert np.isneginf(product.log_magnitude).all()
    assert not product.vector.any()


def test_tolerance_zero_accepts_what_is_not_exactly_singular() -> None:
    rows = np.array([[1.0, 1.0, 0.0], [1.0, 1.0 + 2**-52, 0.0]])
    assert cross(rows).sign == 0
    product = cross(rows, tolerance=0)
    assert product.sign == 1
    assert product.log_magnitude == pytest.approx(-52 * np.log(2))
    assert cross(rows[[0, 0]], tolerance=0).sign == 0


@pytest.mark.parametrize("condition", [1e3, 1e7, 1e10])
def test_error_is_bounded_by_the_condition(condition: float) -> None:
    generator = np.random.default_rng(0)
    basis, _ = np.linalg.qr(generator.standard_normal((30, 30)))
    mixing, _ = np.linalg.qr(generator.standard_normal((29, 29)))
    product = cross(mixing * np.geomspace(1, 1 / condition, 29) @ basis[:-1])
    error = min(np.linalg.norm(product.unit - basis[-1]), np.linalg.norm(product.unit + basis[-1]))
    assert error <= 10 * condition * 2**-52


def test_input_is_untouched_and_may_be_read_only_or_strided() -> None:
    rows = np.asfortranarray(np.random.default_rng(0).standard_normal((20, 3, 8)))[:, :, ::2]
    rows.setflags(write=False)
    before = rows.copy()
    cross(rows)
    cross_all(np.broadcast_to(np.eye(4), (2, 4, 4)))
    np.testing.assert_array_equal(rows, before)


@pytest.mark.parametrize("batch", [(), (0,), (2, 3), (5, 0)])
def test_batch_shapes(batch: tuple[int, ...]) -> None:
    product = cross(np.random.default_rng(0).standard_normal((*batch, 3, 4)))
    assert product.unit.shape == (*batch, 4)
    assert product.sign.shape == product.log_magnitude.shape == batch
    everything = cross_all(np.random.default_rng(0).standard_normal((*batch, 4, 4)))
    assert everything.unit.shape == (*batch, 4, 4)
    assert everything.sign.shape == everything.log_magnitude.shape == (*batch, 4)


@pytest.mark.parametrize("dimension", [1, 2, 3, 9, 40])
def test_cross_all_is_cross_without_each_row(dimension: int) -> None:
    square = np.random.default_rng(dimension).standard_normal((3, dimension, dimension))
    square[0] *= 1e-150
    square[1, 0] *= 1e200
    if dimension > 2:
        square[2, 1] = square[2, 0]
    together = cross_all(square)
    for j in range(dimension):
        single = cross(np.delete(square, j, axis=1))
        np.testing.assert_allclose(together.unit[:, j], single.unit, atol=1e-10)
        np.testing.assert_array_equal(together.sign[:, j], single.sign)
        np.testing.assert_allclose(together.log_magnitude[:, j], single.log_magnitude, atol=1e-10, rtol=1e-12)


def test_length_beyond_floating_point_is_finite_as_a_logarithm() -> None:
    product = cross(1e9 * np.random.default_rng(0).standard_normal((99, 100)))
    assert np.isfinite(product.log_magnitude)
    assert np.isinf(product.vector).any()
    assert not np.isnan(product.vector).any()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: cross(np.ones((2, 4))), "needs 3 rows.*random_cross"),
        (lambda: cross(np.ones((2, 0))), "expected vectors in the rows"),
        (lambda: cross(np.array([[1.0, np.nan, 0.0], [1.0, 0.0, 0.0]])), "NaN or infinity"),
        (lambda: cross(np.array([[1.0, -np.inf]])), "NaN or infinity"),
        (lambda: cross_all(np.ones((3, 4))), "square"),
    ],
)
def test_bad_input(wrong, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        wrong()
