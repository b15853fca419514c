r"""Samples as whole numbers: hyperplanes compared exactly, where a tolerance would make different ones the same.

What lies on a hyperplane is told by a tolerance, a share of how far the samples extend. One value of :math:`10^{12}`
beside ordinary ones makes the ordinary ones equal then. But a floating-point number is a whole number times a power of
two, a column may be scaled without changing the arrangement of its hyperplanes, and determinants of whole numbers are
exact. That is slow, and takes every rounding in the samples for meant; so it is done where values lie wide apart only.
"""

from __future__ import annotations

import itertools
import warnings
from fractions import Fraction
from math import gcd
from typing import Any, TypeAlias

import numpy as np
from jaxtyping import Float, Int

__all__ = ["Whole", "balanced", "crosses", "in_double", "independent_columns", "lie_apart", "primitive", "whole"]

Whole: TypeAlias = np.ndarray[Any, np.dtype[np.object_]]
"""An array of Python's integers, or of fractions of them: of any size, and exact."""

APART = 1e-8
"""Values are wide apart where two that differ do so by less than this share of how far all of them extend."""
ROUNDING = 16 * float(np.finfo(np.float64).eps)
"""A smaller share than this may be what rounding leaves of equal values, as of the cosine of a right angle."""
MEANT = 1e-9
"""What differs by more than this is seldom what rounding leaves, however far the column extends: that is said."""
OWN_ROUNDING = 1e-14
"""Values that differ by less than this part of their own size are equal, up to rounding."""

_MANTISSA = 53


def lie_apart(samples: Float[np.ndarray, "sample feature"], extents: Float[np.ndarray, " feature"]) -> bool:
    """Whether a column has values that differ, but by so little of its extent that a tolerance would not see it.

    What differs by less than `ROUNDING` counts only where most of the column's different values lie so near to each
    other: then the others are outliers. Else nothing tells it from rounding, and where it is no tiny number a warning
    says so.

    Parameters
    ----------
    samples : array of shape (n_samples, n_features)
    extents : array of shape (n_features,)
        Half of how far each column extends, as `centre_and_spread` returns it.

    Examples
    --------
    >>> lie_apart(np.array([[0.0], [1.0], [2.0]]), np.array([1.0]))
    False
    >>> lie_apart(np.array([[0.0], [1.0], [1e12]]), np.array([5e11]))
    True
    """
    blurred = []
    for place, (column, extent) in enumerate(zip(samples.T, extents, strict=True)):
        values = np.unique(column)
        gaps = np.diff(values)
        differ = gaps > OWN_ROUNDING * np.maximum(np.abs(values[1:]), np.abs(values[:-1]))
        shares = gaps[differ] / extent
        near = shares < APART
        if np.any(near & (shares > ROUNDING)) or (near.any() and _are_mostly_near(values, extent)):
            return True
        if np.any(near & (gaps[differ] > MEANT)):
            blurred.append(place)
    if blurred:
        warnings.warn(
            f"columns {blurred} of the samples have values that differ by less than {ROUNDING:.0e} of how far the "
            "column extends; they count as equal, as rounding would leave them. If they are meant, hyperplanes are "
            "missing: leave out what lies far off, or transform the column, as by its logarithm or its ranks.",
            RuntimeWarning,
            stacklevel=3,
        )
    return False


def _are_mostly_near(values: Float[np.ndarray, " value"], extent: float) -> bool:
    """Whether more than half of different values lie within a small share of the extent about their median."""
    return bool(np.median(np.abs(values - np.median(values))) < APART * extent)


def whole(samples: Float[np.ndarray, "sample feature"]) -> tuple[Whole, Int[np.ndarray, " feature"]]:
    """Write each column as whole numbers times a power of two, exactly.

    Returns
    -------
    numbers : array of shape (n_samples, n_features)
    exponents : array of shape (n_features,)
        ``samples == numbers * 2.0 ** exponents``.

    Examples
    --------
    >>> numbers, exponents = whole(np.array([[0.5, 1e12], [3.0, 0.0]]))
    >>> numbers.tolist(), exponents.tolist()
    ([[1, 244140625], [6, 0]], [-1, 12])
    """
    mantissas, exponents = np.frexp(samples)
    numbers = np.ldexp(mantissas, _MANTISSA).astype(np.int64).astype(object)
    columns, lowest = [], []
    for column, powers in zip(numbers.T, exponents.T, strict=True):
        least = int(min((power for number, power in zip(column, powers, strict=True) if number), default=0))
        raised = [number << (int(power) - least if number else 0) for number, power in zip(column, powers, strict=True)]
        spare = min((number & -number for number in raised if number), default=1)
        columns.append([number // spare for number in raised])
        lowest.append(least - _MANTISSA + spare.bit_length() - 1)
    return np.array(columns, dtype=object).reshape(samples.shape[::-1]).T, np.array(lowest, dtype=np.int64)


def primitive(row: Whole) -> tuple[tuple[int, ...], int]:
    """Return the smallest whole numbers along a row that is not zero, the first of them positive, and the row's sign.

    Examples
    --------
    >>> primitive(np.array([0, -4, 6], dtype=object))
    ((0, 2, -3), -1)
    """
    sign = 1 if next(number for number in row if number) > 0 else -1
    common = sign * gcd(*row)
    return tuple(number // common for number in row), sign


def independent_columns(rows: Whole) -> Whole:
    """Return the first columns that span all columns, as a matrix that picks them: ``rows @ picked`` has full rank.

    Examples
    --------
    >>> independent_columns(np.array([[1, 2, 0], [2, 4, 1]], dtype=object)).T.tolist()
    [[1, 0, 0], [0, 0, 1]]
    """
    left = [list(row) for row in rows]
    picked = []
    for place in range(rows.shape[1]):
        at = next((index for index, row in enumerate(left) if row[place]), None)
        if at is None:
            continue
        picked.append(place)
        pivot = left.pop(at)
        left = [_without(row, pivot, place) for row in left]
    return np.eye(rows.shape[1], dtype=np.int64).astype(object)[:, picked]


def _without(row: list[int], pivot: list[int], place: int) -> list[int]:
    """Take out of a row what it has at a place, and then what its numbers have in common."""
    reduced = [number * pivot[place] - row[place] * other for number, other in zip(row, pivot, strict=True)]
    common = gcd(*reduced) or 1
    return [number // common for number in reduced]


def crosses(rows: Whole) -> Whole:
    """Compute cross products of `d - 1` rows of whole numbers in `d` dimensions, zero where the rows are dependent.

    Parameters
    ----------
    rows : array of shape (n_products, d - 1, d)

    Examples
    --------
    >>> crosses(np.array([[[1, 0, 0], [0, 2, 0]]], dtype=object)).tolist()
    [[0, 0, 2]]
    """
    number, count, dimension = rows.shape
    # Minors of the first rows, for all choices of as many columns: each is expanded along its last row.
    minors: dict[tuple[int, ...], Whole] = {(): np.array([1] * number, dtype=object)}
    for last in range(count):
        minors = {
            columns: sum(
                (-1) ** (last + place) * rows[:, last, column] * minors[columns[:place] + columns[place + 1 :]]
                for place, column in enumerate(columns)
            )
            for columns in itertools.combinations(range(dimension), last + 1)
        }
    others = [tuple(column for column in range(dimension) if column != left_out) for left_out in range(dimension)]
    return np.stack([(-1) ** place * minors[columns] for place, columns in enumerate(others)], axis=1)


def balanced(line: Whole, planes: Whole) -> Whole:
    """Return a line as fractions, of the length at which typical planes meet it about equally.

    Lines that are added up must not drown in one another, as lines of whole numbers would.

    Examples
    --------
    >>> numbers = np.array([[1, 1], [2, 1], [10**12, 1]], dtype=object)
    >>> [str(number) for number in balanced(np.array([1, -(10**12)], dtype=object), numbers)]
    ['1/1000000000000', '-1']
    """
    typical = [sorted(abs(number) for number in column if number) for column in planes.T]
    sizes = [numbers[len(numbers) // 2] if numbers else 1 for numbers in typical]
    largest = max(abs(number) * size for number, size in zip(line, sizes, strict=True))
    return np.array([Fraction(number, largest) for number in line], dtype=object)


def in_double(gates: Whole, exponents: Int[np.ndarray, " feature"]) -> Float[np.ndarray, "gate feature"]:
    """Return gates for samples whose columns were written as whole numbers times these powers of two."""
    scales = [Fraction(2) ** -int(power) for power in exponents]
    return np.array([[float(number * scale) for number, scale in zip(gate, scales, strict=True)] for gate in gates])
