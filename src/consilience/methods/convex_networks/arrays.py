"""The few array operations that the array API standard leaves out, for numpy and torch alike.

Solvers in this room are written against the array API: hand them numpy arrays and they run on
numpy, hand them torch tensors and they run where the tensors live. The standard has no triangular
solve and no conversion between hosts, so those stand here, once.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from array_api_compat import array_namespace, is_numpy_array, is_torch_array
from array_api_compat import device as device_of
from scipy.linalg import LinAlgError
from scipy.linalg.blas import get_blas_funcs
from scipy.linalg.lapack import get_lapack_funcs

from consilience.ground.errors import InvalidInput, MissingDependency

Array: TypeAlias = Any
"""A numpy array or a torch tensor; jaxtyping states dtype and shape beside it."""

__all__ = [
    "Array",
    "CholeskyFactor",
    "array_namespace",
    "contiguous",
    "device_of",
    "like",
    "norm",
    "on_device",
    "shifted",
    "to_numpy",
]


def to_numpy(array: Array) -> np.ndarray:
    """Return the array on the host, as numpy, without a copy where that is possible."""
    if is_torch_array(array):
        return np.asarray(array.detach().cpu())
    return np.asarray(array)


def contiguous(array: Array) -> Array:
    """Return the array with its last axis running fastest in memory, copied only if need be."""
    if is_numpy_array(array):
        return np.ascontiguousarray(array)
    return array.contiguous() if is_torch_array(array) else array


def like(array: Any, reference: Array, *, dtype: Any = None) -> Array:
    """Return `array` in the namespace, device and (unless given) dtype of `reference`."""
    xp = array_namespace(reference)
    return xp.asarray(array, dtype=dtype or reference.dtype, device=device_of(reference))


def on_device(array: np.ndarray, device: str | None) -> Array:
    """Move a host array to a torch device; `None` leaves it with numpy.

    Raises
    ------
    MissingDependency
        If a device is named and torch is not installed.
    InvalidInput
        If torch does not know the device, or it is not present on this machine.
    """
    if device is None:
        return array
    try:
        import torch  # noqa: PLC0415 - optional dependency, named in the error
    except ImportError as error:
        raise MissingDependency(
            f"device={device!r} needs torch; install consilience[torch], or use device=None."
        ) from error
    try:
        return torch.as_tensor(array, device=device)
    except (RuntimeError, AssertionError) as error:
        raise InvalidInput(f"device={device!r} is not usable here: {error}.") from error


def norm(array: Array) -> float:
    """Return the Euclidean norm of all entries.

    Examples
    --------
    >>> norm(np.array([[3.0], [4.0]]))
    5.0
    """
    xp = array_namespace(array)
    return float(xp.sqrt(xp.sum(array**2)))


def shifted(matrix: Array, amount: float) -> Array:
    """Add `amount` to the diagonal, in place where the namespace has a way to."""
    if is_numpy_array(matrix):
        matrix[np.diag_indices_from(matrix)] += amount
        return matrix
    xp = array_namespace(matrix)
    return matrix + amount * xp.eye(matrix.shape[0], dtype=matrix.dtype, device=device_of(matrix))


class CholeskyFactor:
    """Lower Cholesky factor of a symmetric positive definite matrix, kept for many solves.

    Parameters
    ----------
    matrix : array, shape (n, n)
        Symmetric positive definite. It may be overwritten.

    Raises
    ------
    numpy.linalg.LinAlgError
        If the matrix is not numerically positive definite.

    Examples
    --------
    >>> import numpy as np
    >>> factor = CholeskyFactor(np.array([[4.0, 2.0], [2.0, 3.0]]))
    >>> factor.solve(np.array([[2.0], [1.0]])).ravel().tolist()
    [0.5, 0.0]
    """

    def __init__(self, matrix: Array) -> None:
        self._lower = _cholesky_numpy(matrix) if is_numpy_array(matrix) else _cholesky(matrix)
        self.dtype: Any = self._lower.dtype

    def solve(self, right: Array) -> Array:
        """Solve matrix @ x = right for right-hand sides of shape (n, k)."""
        if is_numpy_array(right):
            (trsm,) = get_blas_funcs(("trsm",), (self._lower, right))
            half = trsm(1.0, self._lower, right.T, side=1, lower=1, trans_a=1)
            return np.asarray(trsm(1.0, self._lower, half, side=1, lower=1, overwrite_b=1).T)
        return array_namespace(right).cholesky_solve(right, self._lower)

    def half_solve(self, right: Array) -> Array:
        """Solve lower @ x = right: the squared norm of x is right.T @ inverse(matrix) @ right."""
        if is_numpy_array(right):
            (trsm,) = get_blas_funcs(("trsm",), (self._lower, right))
            # Rows in C order are columns in Fortran order: solving from the right spares a copy.
            return np.asarray(trsm(1.0, self._lower, right.T, side=1, lower=1, trans_a=1).T)
        return array_namespace(right).linalg.solve_triangular(self._lower, right, upper=False)

    def inverse_diagonal(self, last: int | None = None) -> Array:
        """Return the diagonal of the inverse, or its last entries: those need the factor's trailing block only.

        Parameters
        ----------
        last : int, optional
            How many entries, at the cost of inverting a triangle of that size; all if left out.
        """
        first = 0 if last is None else self._lower.shape[0] - last
        block = self._lower[first:, first:]
        if is_numpy_array(block):
            (trtri,) = get_lapack_funcs(("trtri",), (block,))
            inverse, _ = trtri(np.triu(block.T).T, lower=1)  # the transpose of a Fortran order is a C order
            return np.einsum("ij,ij->j", inverse, inverse)
        xp = array_namespace(block)
        identity = xp.eye(block.shape[0], dtype=block.dtype, device=device_of(block))
        return xp.sum(xp.linalg.solve_triangular(block, identity, upper=False) ** 2, axis=0)


def _cholesky_numpy(matrix: np.ndarray) -> np.ndarray:
    (potrf,) = get_lapack_funcs(("potrf",), (matrix,))
    # A C-ordered symmetric matrix is its own Fortran-ordered transpose: no copy is made. What stood above the
    # diagonal stays there; nothing that follows reads it.
    lower, failed = potrf(matrix.T, lower=1, clean=0, overwrite_a=1)
    if failed:
        raise LinAlgError(f"the leading minor of order {failed} is not positive definite.")
    return np.asarray(lower)


def _cholesky(matrix: Array) -> Array:
    try:
        return array_namespace(matrix).linalg.cholesky(matrix)
    except RuntimeError as error:  # torch's own LinAlgError is a RuntimeError
        raise LinAlgError(str(error)) from error
