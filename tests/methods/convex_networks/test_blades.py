"""Blades in high dimension: volumes, angles, projections, duals, zero blades and bad input."""

import numpy as np
import pytest

from consilience.ground.errors import InvalidInput
from consilience.methods.convex_networks.blades import Blade
from consilience.methods.convex_networks.cross_products import cross

DIMENSION = 120


def vectors(grade: int, seed: int = 0, dimension: int = DIMENSION) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((grade, dimension))


@pytest.mark.parametrize("grade", [1, 2, 60, DIMENSION])
def test_volume_is_the_root_of_the_gram_determinant(grade: int) -> None:
    rows = vectors(grade)
    blade = Blade.from_vectors(rows)
    assert blade.grade == grade
    assert blade.log_volume == pytest.approx(np.linalg.slogdet(rows @ rows.T).logabsdet / 2)
    np.testing.assert_allclose(blade.frame.T @ blade.frame, np.eye(grade), atol=1e-13)
    np.testing.assert_allclose(blade.project(rows), rows, atol=1e-12)


def test_sign_follows_the_determinant() -> None:
    rows = vectors(7, dimension=7)
    blade = Blade.from_vectors(rows)
    assert blade.sign * np.linalg.det(blade.frame) * blade.norm == pytest.approx(np.linalg.det(rows))
    assert Blade.from_vectors(rows[[1, 0, 2, 3, 4, 5, 6]]).inner(blade)[0] == -1
    assert (-blade).sign == -blade.sign


@pytest.mark.parametrize("grades", [(1, 1), (3, 5), (50, 60)])
def test_wedge_of_blades_is_the_blade_of_all_vectors(grades: tuple[int, int]) -> None:
    left, right = vectors(grades[0], 1), vectors(grades[1], 2)
    wedge = Blade.from_vectors(left).wedge(Blade.from_vectors(right))
    together = Blade.from_vectors(np.vstack([left, right]))
    sign, log_inner = wedge.inner(together)
    assert sign == 1
    assert log_inner == pytest.approx(2 * together.log_volume)
    assert wedge.log_volume == pytest.approx(together.log_volume)


def test_inner_product_is_cauchy_and_binets_determinant() -> None:
    left, right = vectors(30, 1), vectors(30, 2)
    sign, log_magnitude = Blade.from_vectors(left).inner(Blade.from_vectors(right))
    expected = np.linalg.slogdet(left @ right.T)
    assert sign == expected.sign
    assert log_magnitude == pytest.approx(expected.logabsdet)
    assert Blade.from_vectors(left).inner(Blade.from_vectors(right[:29])) == (0, -np.inf)


def test_projection_and_rejection_split_a_vector() -> None:
    blade, x = Blade.from_vectors(vectors(40)), vectors(6, 3)
    np.testing.assert_allclose(blade.project(x) + blade.reject(x), x, atol=1e-13)
    assert np.abs(blade.reject(x) @ blade.frame).max() < 1e-15 * np.linalg.norm(x, axis=1).max()
    np.testing.assert_allclose(blade.dual().project(x), blade.reject(x), atol=1e-12)


@pytest.mark.parametrize("grade", [0, 1, 4, 5])
def test_dual_completes_to_the_volume_element(grade: int) -> None:
    blade = Blade.from_vectors(vectors(grade, dimension=5)) if grade else Blade.from_number(-3.0, 5)
    whole = blade.wedge(blade.dual())
    assert whole.sign * np.linalg.det(whole.frame) > 0
    assert whole.norm == pytest.approx(blade.norm**2)
    back = blade.dual().undual()
    assert back.inner(blade)[0] == 1
    assert back.norm == pytest.approx(blade.norm)


def test_cross_product_is_the_undual_of_the_wedge() -> None:
    for dimension in (2, 3, 6, 101):
        rows = vectors(dimension - 1, dimension=dimension)
        blade, product = Blade.from_vectors(rows).undual(), cross(rows)
        np.testing.assert_allclose(blade.sign * blade.frame[:, 0], product.direction, atol=1e-11)
        assert blade.log_volume == pytest.approx(product.log_magnitude)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dependent_vectors_make_the_zero_blade(dtype: type) -> None:
    rows = vectors(6)
    rows[4] = rows[:4].sum(axis=0)
    zero = Blade.from_vectors(rows.astype(dtype))
    other = Blade.from_vectors(vectors(6, 5).astype(dtype))
    assert (zero.grade, zero.sign, zero.log_volume, zero.norm) == (6, 0, -np.inf, 0)
    assert zero.inner(other) == (0, -np.inf)
    assert zero.wedge(other).sign == 0
    assert (zero.dual().sign, zero.dual().grade) == (0, DIMENSION - 6)
    assert not zero.project(vectors(2).astype(dtype)).any()
    assert Blade.from_vectors(np.zeros((2, 3))).sign == 0
    assert other.wedge(Blade.from_vectors(rows[:1].astype(dtype))).sign != 0
    assert other.wedge(other).sign == 0


def test_more_vectors_than_dimensions_wedge_to_zero() -> None:
    assert Blade.from_vectors(np.ones((4, 3))).sign == 0
    assert Blade.from_vectors(np.eye(3)[:2]).wedge(Blade.from_vectors(np.eye(3)[1:])).sign == 0


def test_numbers_are_blades_of_grade_zero() -> None:
    number, blade = Blade.from_number(-0.5, DIMENSION), Blade.from_vectors(vectors(3))
    scaled = number.wedge(blade)
    assert scaled.norm == pytest.approx(blade.norm / 2)
    assert scaled.inner(blade)[0] == -1
    assert number.inner(Blade.from_number(4.0, DIMENSION)) == (-1, pytest.approx(np.log(2)))
    assert Blade.from_number(0.0, 3).sign == 0


def test_volumes_beyond_floating_point() -> None:
    blade = Blade.from_vectors(1e200 * vectors(10))
    assert np.isinf(blade.norm)
    assert np.isfinite(blade.log_volume)
    assert Blade.from_vectors(1e-200 * vectors(10)).sign == blade.sign


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: Blade.from_vectors(np.array([[np.nan, 1.0]])), "NaN"),
        (lambda: Blade.from_vectors(np.eye(2)).wedge(Blade.from_vectors(np.eye(3))), "dimensions 2 and 3"),
        (lambda: Blade.from_vectors(np.eye(2)).inner(Blade.from_vectors(np.eye(3))), "dimensions 2 and 3"),
    ],
)
def test_bad_input(wrong, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        wrong()
