r"""Normals of `d - 1` vectors by Gaussian elimination: the engine of `cross`.

One LU factorisation with partial pivoting of the columns :math:`A^T` leaves out one coordinate, `j`, which is never
chosen as a pivot. It is one in which the normal is large, so :math:`e_j` completes the rows to a square matrix about as
well conditioned as they are; no random vector is involved, and nothing is drawn again. Then

* the factors solve :math:`[e_j; A] v = (1, 0, \dots, 0)^T` by triangular substitution, which is the normal;
* the pivots multiply to the cofactor :math:`c_j`, which gives its sign and scale;
* one step of iterative refinement takes back what growth in the elimination cost;
* one step of inverse iteration estimates the smallest singular value, which tells dependent rows.

Two engines do the same: LAPACK item by item, and an elimination over the whole batch for many small matrices.
"""

import math
from functools import lru_cache

import numpy as np
from jaxtyping import Float, Int
from scipy.linalg import lapack

from consilience.ground.errors import InvalidInput

# Elimination over the whole batch at once beats one LAPACK call an item while matrices are this small and this many.
_SMALL_DIMENSION = 16
_LARGE_BATCH = 16
# Items eliminated together: enough to hide the interpreter, few enough to stay in the cache.
_CHUNK = 2048
_LOG_2 = math.log(2)
# Rows and coordinates below this size are scaled as if they had it: their own power of two would overflow.
_LEAST_SCALE = {"f": 2.0**-100, "d": 2.0**-1000}
_LAPACK = {"f": (lapack.sgetrf, lapack.sgetrs), "d": (lapack.dgetrf, lapack.dgetrs)}


def eliminate(
    items: Float[np.ndarray, "n k d"], scale: Float[np.ndarray, "n k"], tolerance: float
) -> tuple[Float[np.ndarray, "n d"], Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """Return a normal of each set of scaled rows, its sign, and the logarithm of its scale.

    Parameters
    ----------
    items
        Sets of `k = d - 1` rows, in single or double precision.
    scale
        Powers of two that multiply the rows, so that their largest entries come near one. The coordinates are scaled
        here, in the same way.
    tolerance
        Rows are dependent if their smallest singular value is at most this share of their Frobenius norm, both scaled.

    Returns
    -------
    normals
        In double precision, not normalised; the cross product of the scaled rows is `sign * exp(log) * normal`.
        Anything but zero for dependent rows.
    signs
        1 or -1; 0 for dependent rows.
    logs
        Logarithm of the absolute product of the pivots and scales; any number for dependent rows.

    Examples
    --------
    >>> normals, signs, logs = eliminate(np.array([[[0.0, 2.0, 0.0], [0.0, 0.0, 2.0]]]), np.ones((1, 2)), 1e-15)
    >>> (np.exp(logs) * signs * normals[:, 0]).round(12).tolist()
    [4.0]
    """
    number, _, dimension = items.shape
    together = dimension == 1 or (dimension <= _SMALL_DIMENSION and number >= _LARGE_BATCH)
    return (_together if together else _each)(items, scale, tolerance)


def exponents_along(array: Float[np.ndarray, "..."], axis: int) -> Int[np.ndarray, "..."]:
    """Return the exponent of the power of two next above the largest entries along an axis.

    Entries below a power of two that can still be inverted count as that power.

    Raises
    ------
    InvalidInput
        If an entry is not finite.

    Examples
    --------
    >>> exponents_along(np.array([[3.0, -5.0], [0.25, 0.0]]), axis=1).tolist()
    [3, -1]
    """
    least = _LEAST_SCALE[array.dtype.char]
    largest = np.maximum(array.max(axis=axis, initial=least), -array.min(axis=axis, initial=-least))
    if not math.isfinite(largest.max(initial=0)):
        raise InvalidInput("expected finite entries; got NaN or infinity. Drop or impute those rows first")
    return np.asarray(np.frexp(largest)[1])


def power_of_two(exponents: Int[np.ndarray, "*shape"], dtype: np.dtype[np.floating]) -> Float[np.ndarray, "*shape"]:
    """Return `2**exponents`, exactly.

    Examples
    --------
    >>> power_of_two(np.array([-1, 3]), np.dtype(np.float32)).tolist()
    [0.5, 8.0]
    """
    return np.asarray(np.ldexp(dtype.type(1), exponents))


def _each(
    items: Float[np.ndarray, "n k d"], scale: Float[np.ndarray, "n k"], tolerance: float
) -> tuple[Float[np.ndarray, "n d"], Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """Do `eliminate` item by item, with LAPACK."""
    number, count, dimension = items.shape
    normals, signs, logs = np.ones((number, dimension)), np.zeros(number), np.zeros(number)
    factorise, solve = _LAPACK[items.dtype.char]
    probe, last, places = _constants(dimension, items.dtype.char)
    residual = np.zeros(dimension, items.dtype)
    for index, (rows, factor) in enumerate(zip(items, scale, strict=True)):
        columns = np.zeros((dimension, dimension), items.dtype, order="F")
        scaled = np.multiply(rows.T, factor, out=columns[:, :-1])
        exponents = exponents_along(scaled, axis=1)
        weight = power_of_two(-exponents, items.dtype)
        scaled *= weight[:, None]
        flat = columns.T.ravel()
        norm = math.sqrt(float(flat @ flat) + 1)
        factors, swaps, _ = factorise(columns, overwrite_a=True)
        # The last column was left empty: with a one in its corner the factors are those of [A^T, e_j].
        factors[-1, -1] = 1
        pivots = factors.diagonal()
        if not pivots.all():
            continue
        right = solve(factors, swaps, probe)[0].astype(np.float64, copy=False)
        left = solve(factors, swaps, right / math.sqrt(right @ right), trans=1)[0].astype(np.float64, copy=False)
        if math.sqrt(left @ left) * norm * tolerance >= 1:
            continue
        normal = solve(factors, swaps, last, trans=1)[0].astype(np.float64, copy=False)
        residual[:-1] = factor * (rows.astype(np.float64, copy=False) @ (weight * normal))
        lowest = exponents.min()
        normals[index] = np.ldexp(normal - solve(factors, swaps, residual, trans=1)[0], lowest - exponents)
        flips = np.count_nonzero(swaps != places) + np.count_nonzero(pivots < 0) + count
        signs[index] = 1 - 2 * (flips % 2)
        logs[index] = np.log(np.abs(pivots)).sum(dtype=np.float64) + _LOG_2 * (exponents.sum() - lowest)
    return normals, signs, logs


@lru_cache(maxsize=32)
def _constants(
    dimension: int, character: str
) -> tuple[Float[np.ndarray, " d"], Float[np.ndarray, " d"], Int[np.ndarray, " d"]]:
    """Return the probe of the condition, the last basis vector and the places of rows, none of them to be changed."""
    last = np.zeros(dimension, character)
    last[-1] = 1
    return _probe(dimension).astype(character), last, np.arange(dimension)


def _together(
    items: Float[np.ndarray, "n k d"], scale: Float[np.ndarray, "n k"], tolerance: float
) -> tuple[Float[np.ndarray, "n d"], Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """Do `eliminate` one step at a time, for a whole chunk of the batch."""
    starts = range(0, max(len(items), 1), _CHUNK)
    chunks = [_chunk(items[i : i + _CHUNK] * scale[i : i + _CHUNK, :, None], tolerance) for i in starts]
    normals, signs, logs = (np.concatenate(parts) for parts in zip(*chunks, strict=True))
    return normals, signs, logs


def _chunk(
    scaled: Float[np.ndarray, "n k d"], tolerance: float
) -> tuple[Float[np.ndarray, "n d"], Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    # The batch goes last, so that every operation below runs over contiguous memory.
    rows = np.ascontiguousarray(scaled.transpose(1, 2, 0), dtype=np.float64)
    count, dimension, number = rows.shape
    exponents = exponents_along(rows, axis=0)
    rows *= power_of_two(-exponents, rows.dtype)
    factors = np.zeros((dimension, dimension, number))
    factors[:, :-1] = rows.swapaxes(0, 1)
    factors, order, signs = _factorise(factors)
    factors[-1, -1] = 1
    pivots = np.abs(factors[np.arange(dimension), np.arange(dimension)])
    singular = ~pivots.all(axis=0)
    factors[..., singular] = np.eye(dimension)[..., None]

    right = _solve(factors, order, np.repeat(_probe(dimension)[:, None], number, axis=1))
    left = _solve_transposed(factors, order, right / np.linalg.norm(right, axis=0))
    condition = np.sum(left**2, axis=0) * (np.sum(rows**2, axis=(0, 1)) + 1)
    singular |= condition * tolerance**2 >= 1

    last = np.zeros((dimension, number))
    last[-1] = 1
    normals = _solve_transposed(factors, order, last)
    residual = np.zeros_like(last)
    residual[:-1] = np.einsum("kdn,dn->kn", rows, normals)
    normals -= _solve_transposed(factors, order, residual)
    pivots[:, singular] = 1
    lowest = exponents.min(axis=0)
    normals = np.ldexp(normals, lowest - exponents)
    logs = np.sum(np.log(pivots), axis=0) + _LOG_2 * (exponents.sum(axis=0) - lowest)
    signs *= 1 - 2 * (count % 2)
    return np.where(singular, 1, normals).T, np.where(singular, 0, signs), logs


def _factorise(
    matrices: Float[np.ndarray, "d d n"],
) -> tuple[Float[np.ndarray, "d d n"], Int[np.ndarray, "d n"], Float[np.ndarray, " n"]]:
    """Factorise all but the last column in place, with partial pivoting; return also row order and sign."""
    dimension, _, number = matrices.shape
    order = np.repeat(np.arange(dimension)[:, None], number, axis=1)
    signs, items = np.ones(number), np.arange(number)
    for step in range(dimension - 1):
        pivot = step + np.abs(matrices[step:, step]).argmax(axis=0)
        for table in (matrices, order):
            table[pivot, ..., items], table[step] = table[step].T.copy(), table[pivot, ..., items].T
        here, below = matrices[step], matrices[step + 1 :]
        signs *= np.where(pivot == step, 1, -1) * np.sign(here[step])
        np.divide(below[:, step], here[step], out=below[:, step], where=here[step] != 0)
        below[:, step + 1 : -1] -= below[:, step, None] * here[step + 1 : -1]
    return matrices, order, signs


def _solve(
    factors: Float[np.ndarray, "d d n"], order: Int[np.ndarray, "d n"], right: Float[np.ndarray, "d n"]
) -> Float[np.ndarray, "d n"]:
    solution = np.take_along_axis(right, order, axis=0)
    for step in range(len(right)):
        solution[step] -= np.einsum("in,in->n", factors[step, :step], solution[:step])
    for step in reversed(range(len(right))):
        solution[step] -= np.einsum("in,in->n", factors[step, step + 1 :], solution[step + 1 :])
        solution[step] /= factors[step, step]
    return solution


def _solve_transposed(
    factors: Float[np.ndarray, "d d n"], order: Int[np.ndarray, "d n"], right: Float[np.ndarray, "d n"]
) -> Float[np.ndarray, "d n"]:
    solution = right.copy()
    for step in range(len(right)):
        solution[step] -= np.einsum("in,in->n", factors[:step, step], solution[:step])
        solution[step] /= factors[step, step]
    for step in reversed(range(len(right))):
        solution[step] -= np.einsum("in,in->n", factors[step + 1 :, step], solution[step + 1 :])
    unordered = np.empty_like(solution)
    np.put_along_axis(unordered, order, solution, axis=0)
    return unordered


def _probe(dimension: int) -> Float[np.ndarray, " d"]:
    """Return a fixed vector without structure, for inverse iteration to find a small singular value from."""
    return np.asarray(np.cos(np.arange(1.0, dimension + 1) ** 2))
