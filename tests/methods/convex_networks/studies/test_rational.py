"""Exact cross products: against cofactors by hand, and what they refuse."""

from fractions import Fraction
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from consilience.ground import InvalidInput
from consilience.methods.convex_networks.studies.rational import exact_cross, exact_unit


def determinant(rows: list[list[int]]) -> int:
    """Sum over permutations: slow, and beyond doubt."""
    total = 0
    for order in permutations(range(len(rows))):
        inversions = sum(order[i] > order[j] for i in range(len(order)) for j in range(i + 1, len(order)))
        term = (-1) ** inversions
        for row, column in enumerate(order):
            term *= rows[row][column]
        total += term
    return total


@given(st.integers(2, 5).flatmap(lambda d: arrays(np.int64, (d - 1, d), elements=st.integers(-4, 4))))
def test_entries_are_cofactors(rows: np.ndarray) -> None:
    table = rows.tolist()
    dimension = len(table) + 1
    units = [[int(i == j) for i in range(dimension)] for j in range(dimension)]
    assert exact_cross(rows.astype(float)) == tuple(determinant([unit, *table]) for unit in units)


def test_numbers_of_any_length_stay_exact() -> None:
    rows = np.rint(np.random.default_rng(0).standard_normal((19, 20)) * 2**50)
    cofactors = exact_cross(rows)
    assert all(sum(int(a) * c for a, c in zip(row, cofactors, strict=True)) == 0 for row in rows)
    unit = exact_unit(cofactors)
    assert np.linalg.norm(unit) == pytest.approx(1)
    assert float(Fraction(cofactors[0], cofactors[1])) == pytest.approx(unit[0] / unit[1], rel=1e-15)


@pytest.mark.parametrize(
    ("rows", "message"), [(np.array([[0.5, 1.0]]), "whole numbers"), (np.eye(3), "needs one row less")]
)
def test_bad_input(rows: np.ndarray, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        exact_cross(rows)
