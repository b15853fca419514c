"""Samples as whole numbers: nothing is rounded, and what is computed agrees with floating point where that is exact."""

from fractions import Fraction

import numpy as np
import pytest

from consilience.methods.convex_networks.whole_numbers import (
    balanced,
    crosses,
    in_double,
    independent_columns,
    lie_apart,
    primitive,
    whole,
)


def test_samples_are_whole_numbers_times_powers_of_two_to_the_bit() -> None:
    samples = np.random.default_rng(0).standard_normal((9, 3)) * [1e-300, 1.0, 1e140]
    samples[0], samples[1, 2], samples[2, 0] = 0.0, 1e-140, 5e-324
    numbers, exponents = whole(samples)
    assert {type(number) for number in numbers.ravel()} == {int}
    for value, number, exponent in zip(samples.ravel(), numbers.ravel(), np.tile(exponents, 9), strict=True):
        assert Fraction(value) == number * Fraction(2) ** int(exponent)


@pytest.mark.parametrize("dimension", [1, 2, 3, 4, 5])
def test_cross_products_are_cofactors(dimension: int) -> None:
    rows = np.random.default_rng(dimension).integers(-9, 10, (7, dimension - 1, dimension))
    found = crosses(rows.astype(object))
    for j in range(dimension):
        minors = (-1) ** j * np.linalg.det(np.delete(rows, j, axis=2).astype(float))
        np.testing.assert_allclose(found[:, j].astype(float), minors, atol=1e-8)
    large = 10**40 * rows.astype(object) + 1
    assert not any((large @ crosses(large)[:, :, None]).ravel()) or dimension == 1


def test_columns_that_span_the_others_are_picked() -> None:
    generator = np.random.default_rng(1)
    rows = generator.integers(-5, 6, (6, 2)).astype(object) @ generator.integers(-5, 6, (2, 4)).astype(object)
    picked = independent_columns(rows)
    assert picked.shape == (4, 2)
    assert np.linalg.matrix_rank((rows @ picked).astype(float)) == 2
    assert independent_columns(np.zeros((3, 2), dtype=object)).shape == (2, 0)


def test_parallel_rows_have_one_primitive_row() -> None:
    row = np.array([0, 6 * 10**30, -(10**31)], dtype=object)
    assert primitive(row) == ((0, 3, -5), 1)
    assert primitive(-7 * row) == ((0, 3, -5), -1)


def test_lines_are_rounded_once_and_last() -> None:
    planes = np.array([[1, 1], [3, 1], [10**400, 1]], dtype=object)
    line = balanced(np.array([1, -(10**400)], dtype=object), planes)
    assert line[1] == -1
    gates = in_double(np.array([[Fraction(1, 3), Fraction(-1)]], dtype=object), np.array([-1, 2]))
    assert gates.tolist() == [[2 / 3, -0.25]]


def test_values_lie_apart_where_a_tolerance_would_make_them_one() -> None:
    def of(*values: float) -> bool:
        column = np.array(values)[:, None]
        return lie_apart(column, np.ptp(column, axis=0) / 2)

    assert not of(0.0, 1.0, 2.0, 2.0)
    assert not of(1.0, 1.0 + 1e-15, 2.0)
    assert of(0.0, 1e-12, 1.0)
    assert of(0.0, 1.0, 2.0, 1e20)
    assert of(*[1e20] * 9, 0.0, 1.0, 2.0)
    with pytest.warns(RuntimeWarning, match=r"columns \[0\]"):
        assert not of(0.0, 1.0, 1e17, 2e17, 3e17, 4e17)
    assert not of(1.0, np.cos(np.pi / 2), 0.0, -1.0)  # what rounding leaves is no surprise
