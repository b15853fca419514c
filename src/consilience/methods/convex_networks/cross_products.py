r"""Generalised cross products: the normal of `d - 1` vectors in any dimension, without over- or underflow.

The cross product of the rows :math:`a_1, \dots, a_{d-1}` of `A` is the vector :math:`c` with

.. math:: \langle x, c \rangle = \det[x; a_1; \dots; a_{d-1}] \quad\text{for every } x \text{, with } x \text{ first.}

It is orthogonal to the rows, its length is their volume, and for `d = 3` it is `numpy.cross(a_1, a_2)`. In hundreds of
dimensions that length leaves the range of floating point, so it comes as a logarithm, as in `numpy.linalg.slogdet`.

It takes one LU factorisation of the rows, scaled by powers of two, and one step of iterative refinement: see
`elimination`.
"""

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from consilience.ground.errors import InvalidInput
from consilience.methods.convex_networks.elimination import eliminate, exponents_along, power_of_two

_LOG_2 = math.log(2)
_EPSILON = {"f": 2.0**-23, "d": 2.0**-52}
# Rows whose size is within this power of two of one are scaled on the way into the factorisation, without a copy.
_MODERATE_EXPONENT = 30


class CrossProduct(NamedTuple):
    """A cross product, or a batch of them, as `sign * exp(log_magnitude) * unit`."""

    unit: Float[np.ndarray, "*batch d"]
    """Unit normal whose entry of largest magnitude is positive: it depends on the span of the rows alone.
    Zero where the rows are linearly dependent."""
    sign: Float[np.ndarray, "*batch"]
    """Orientation of the rows: 1 if the cross product points along `unit`, -1 if against it, 0 for dependent rows."""
    log_magnitude: Float[np.ndarray, "*batch"]
    """Natural logarithm of the volume that the rows span, in double precision; minus infinity for dependent rows."""

    @property
    def direction(self) -> Float[np.ndarray, "*batch d"]:
        """Unit vector along the cross product itself: `sign * unit`."""
        return np.asarray(self.sign[..., None] * self.unit)

    @property
    def vector(self) -> Float[np.ndarray, "*batch d"]:
        """The cross product itself; overflows to infinity or underflows to zero where its length does."""
        with np.errstate(over="ignore"):
            length = np.exp(self.log_magnitude).astype(self.unit.dtype)[..., None]
        return np.asarray(np.multiply(length, self.direction, out=np.zeros_like(self.unit), where=self.unit != 0))


def cross(rows: Float[np.ndarray, "*batch k d"], *, tolerance: float | None = None) -> CrossProduct:
    r"""Compute the generalised cross product of `d - 1` vectors in `d` dimensions.

    Parameters
    ----------
    rows
        The vectors in rows, `k = d - 1` of them, in single or double precision (integers count as double); leading axes
        are batch. Not modified.
    tolerance
        Rows count as linearly dependent when their smallest singular value, estimated from the factors by one step of
        inverse iteration, is at most `tolerance` times their Frobenius norm, after rows and then coordinates have been
        scaled to about one. Default: `d` times the machine epsilon, as in `numpy.linalg.matrix_rank`. Give 0 to accept
        all rows in whose elimination no pivot is exactly zero.

    Returns
    -------
    CrossProduct
        Unit normal, sign and log magnitude. Residual: the unit normal solves a problem within a few machine epsilons of
        the given one. Single precision input is refined with a double precision residual.

    Raises
    ------
    InvalidInput
        If there are not `d - 1` rows, or an entry is not finite.

    Notes
    -----
    It costs `2 d**3 / 3` operations, a tenth or less of the singular value decomposition that would give the same
    normal without its sign. The product is alternating and multilinear in the rows, and under an invertible map,
    :math:`\times(A M) = \det(M) \, M^{-1} \times(A)`.

    Examples
    --------
    >>> product = cross(np.array([[1.0, 0.0, 0.0], [0.0, 2.0, 0.0]]))
    >>> product.unit.tolist(), float(product.sign), round(float(np.exp(product.log_magnitude)), 12)
    ([0.0, 0.0, 1.0], 1.0, 2.0)
    >>> cross(np.array([[0.0, 2.0, 0.0], [1.0, 0.0, 0.0]])).vector.round(12).tolist()
    [0.0, 0.0, -2.0]
    >>> float(cross(np.array([[1.0, 2.0, 3.0], [2.0, 4.0, 6.0]])).sign)
    0.0
    """
    rows = _checked(rows)
    *batch, count, dimension = rows.shape
    if count != dimension - 1:
        raise InvalidInput(
            f"a cross product in {dimension} dimensions needs {dimension - 1} rows; got shape {rows.shape}. "
            "For fewer rows use `random_cross`, which draws a normal at random"
        )
    if tolerance is None:
        tolerance = dimension * _EPSILON[rows.dtype.char]
    items = rows.reshape(math.prod(batch), count, dimension)
    exponents = exponents_along(items, axis=2)
    if np.abs(exponents).max(initial=0) <= _MODERATE_EXPONENT:
        normals, sign, log_magnitude = eliminate(items, power_of_two(-exponents, rows.dtype), tolerance)
    else:
        items = items * power_of_two(-exponents, rows.dtype)[..., None]
        normals, sign, log_magnitude = eliminate(items, np.ones(items.shape[:2], rows.dtype), tolerance)
    unit, log_length, flip = _normalise(normals)
    log_magnitude += log_length + _LOG_2 * exponents.sum(axis=1)
    return _assemble(unit, sign * flip, log_magnitude, batch, rows.dtype)


def cross_all(square: Float[np.ndarray, "*batch k d"]) -> CrossProduct:
    r"""Compute the cross products of all `d` sets of `d - 1` rows of a square matrix, from one inverse.

    Entry `j` of the result is `cross` of the rows without row `j`. Up to the factor :math:`(-1)^j / \det M` it is
    column `j` of :math:`M^{-1}` (the adjugate), so all of them cost little more than three single ones.

    Parameters
    ----------
    square
        Square matrices in the last two axes; leading axes are batch. Not modified.

    Returns
    -------
    CrossProduct
        With one more batch axis of length `d` at the end: `unit` has shape `(*batch, d, d)`.

    Raises
    ------
    InvalidInput
        If the matrices are not square, or an entry is not finite.

    Notes
    -----
    Every column of the inverse is orthogonal to the other rows to within rounding. A matrix that cannot be told from a
    singular one is answered by `d` calls of `cross`, which takes about `d / 4` times as long.

    Examples
    --------
    >>> cross_all(np.diag([2.0, 3.0, 5.0])).vector.round(12).tolist()
    [[15.0, 0.0, 0.0], [0.0, -10.0, 0.0], [0.0, 0.0, 6.0]]
    """
    square = _checked(square)
    *batch, count, dimension = square.shape
    if count != dimension:
        raise InvalidInput(f"expected square matrices in the last two axes; got shape {square.shape}")
    flat = square.reshape(math.prod(batch), dimension, dimension)
    exponents = exponents_along(flat, axis=2)
    scaled = flat * power_of_two(-exponents, square.dtype)[..., None]
    sign, log_determinant = np.linalg.slogdet(scaled)
    regular = sign != 0
    scaled[~regular] = np.eye(dimension)
    inverse = np.linalg.inv(scaled)
    condition = np.linalg.norm(inverse, 1, axis=(1, 2)) * np.linalg.norm(scaled, 1, axis=(1, 2))
    regular &= condition * dimension * _EPSILON[square.dtype.char] < 1
    unit, log_length, flip = _normalise(inverse.swapaxes(1, 2).astype(np.float64))
    # Leaving out row j leaves out its scale, and the free row moves from place j to the first.
    sign = sign[:, None] * (1 - 2 * (np.arange(dimension) % 2)) * flip
    others = _LOG_2 * (np.sum(exponents, axis=1, keepdims=True) - exponents)
    log_magnitude = log_determinant.astype(np.float64)[:, None] + log_length + others
    for index in np.flatnonzero(~regular):
        unit[index], sign[index], log_magnitude[index] = cross(
            np.stack([np.delete(flat[index], row, axis=0) for row in range(dimension)])
        )
    return _assemble(unit, sign, log_magnitude, [*batch, dimension], square.dtype)


def _assemble(
    unit: Float[np.ndarray, "*n d"],
    sign: Float[np.ndarray, "*n"],
    log_magnitude: Float[np.ndarray, "*n"],
    batch: list[int],
    dtype: np.dtype[np.floating],
) -> CrossProduct:
    """Blank out what is linearly dependent, and give the batch its shape back."""
    if not sign.all():
        unit[sign == 0] = 0
        log_magnitude[sign == 0] = -np.inf
    return CrossProduct(
        unit.astype(dtype, copy=False).reshape(*batch, unit.shape[-1]),
        sign.astype(dtype, copy=False).reshape(batch),
        log_magnitude.reshape(batch),
    )


def _normalise(
    normals: Float[np.ndarray, "*n d"],
) -> tuple[Float[np.ndarray, "*n d"], Float[np.ndarray, "*n"], Float[np.ndarray, "*n"]]:
    """Split non-zero vectors into a unit vector with positive largest entry, the log of the length, and the sign."""
    flat = normals.reshape(-1, normals.shape[-1])
    largest = flat[np.arange(len(flat)), np.abs(flat).argmax(axis=1)].reshape(normals.shape[:-1])
    unit = normals / largest[..., None]
    lengths = np.sqrt(np.einsum("...d,...d->...", unit, unit))
    unit /= lengths[..., None]
    return unit, np.log(np.abs(largest)) + np.log(lengths), np.sign(largest)


def _checked(rows: Float[np.ndarray, "*batch k d"]) -> Float[np.ndarray, "*batch k d"]:
    """Return rows as single or double precision, after refusing what is not rows."""
    rows = np.asarray(rows)
    if rows.dtype.char not in _EPSILON:
        rows = rows.astype(np.float64)
    if rows.ndim < 2 or rows.shape[-1] == 0:  # noqa: PLR2004
        raise InvalidInput(f"expected vectors in the rows of an array (..., rows, dimension); got shape {rows.shape}")
    return rows
