"""Cross products in exact integer arithmetic: what floating point is judged by."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from consilience.ground import InvalidInput


def exact_cross(rows: Float[np.ndarray, "k d"]) -> tuple[int, ...]:
    """Return the cross product of rows of whole numbers, exactly.

    Parameters
    ----------
    rows
        `k = d - 1` rows whose entries are whole numbers, held as floating point; scale by a power of two to make them.

    Returns
    -------
    tuple[int, ...]
        The cofactors :math:`c` with `<x, c> = det[x; rows]`; all zero if the rows are linearly dependent.

    Raises
    ------
    InvalidInput
        If an entry is not a whole number, or there are not `d - 1` rows.

    Notes
    -----
    Fraction-free Gauss-Jordan elimination (Bareiss 1968): every intermediate number is a minor of the rows, so that
    their length stays proportional to `d`, and every division is exact.

    Examples
    --------
    >>> exact_cross(np.array([[1.0, 0.0, 2.0], [0.0, 3.0, 0.0]]))
    (-6, 0, 3)
    """
    if rows.shape[0] != rows.shape[1] - 1:
        raise InvalidInput(f"a cross product in {rows.shape[1]} dimensions needs one row less; got shape {rows.shape}")
    if not np.array_equal(rows, np.rint(rows)):
        raise InvalidInput("expected whole numbers; multiply by a power of two and round first")
    count, dimension = int(rows.shape[0]), int(rows.shape[1])
    table = np.array([[int(entry) for entry in row] for row in rows], dtype=object).reshape(count, dimension)
    pivot, sign, done = 1, 1, 0
    pivot_columns: list[int] = []
    for column in range(dimension):
        candidates = np.flatnonzero(table[done:, column] != 0)
        if not candidates.size:
            continue
        if candidates[0]:
            table[[done, done + candidates[0]]] = table[[done + candidates[0], done]]
            sign = -sign
        last, pivot = pivot, table[done, column]
        others = np.arange(count) != done
        table[others] = (pivot * table[others] - table[others, column][:, None] * table[done]) // last
        pivot_columns.append(column)
        done += 1
    if done < count:
        return (0,) * dimension
    (free,) = set(range(dimension)) - set(pivot_columns)
    # Now every pivot equals the determinant of the pivot columns, and the free column holds the other minors.
    cofactors = [0] * dimension
    cofactors[free] = pivot
    for row, column in enumerate(pivot_columns):
        cofactors[column] = -table[row, free]
    orientation = -sign if free % 2 else sign
    return tuple(orientation * int(cofactor) for cofactor in cofactors)


def exact_unit(cofactors: Sequence[int]) -> Float[np.ndarray, " d"]:
    """Return the unit vector along whole numbers of any length, to within two roundings.

    Examples
    --------
    >>> exact_unit((3 * 10**400, -4 * 10**400)).tolist()
    [0.6, -0.8]
    """
    largest = max(abs(cofactor) for cofactor in cofactors)
    # Python rounds the quotient of two integers correctly, however long they are.
    ratios = np.array([cofactor / largest for cofactor in cofactors])
    return np.asarray(ratios / np.linalg.norm(ratios))
