r"""The gated linear operator: :math:`U \mapsto \sum_g s_g D_g \tilde X U_g`, never formed as a matrix.

``n`` samples, ``p`` features (the bias column included), ``g`` gates, ``c`` outputs. The matrix of this map has
``n * g * p`` entries; one application here costs ``2 n p g c`` flops in one matrix product and holds a bounded block of
rows at a time.
"""

from __future__ import annotations

import math
from typing import Protocol, runtime_checkable

import numpy as np
from array_api_compat import is_numpy_array
from jaxtyping import Bool, Float
from scipy import sparse

from consilience.methods.convex_networks.arrays import (
    Array,
    array_namespace,
    contiguous,
    device_of,
    like,
    norm,
    to_numpy,
)

__all__ = ["DenseFeatures", "Features", "GatedOperator", "SparseFeatures"]

BLOCK_BYTES = 2**26
"""Upper bound of the temporary product of one application."""
GRAM_FLOPS = 4e9
"""Most work that exact norms of all gates may cost."""
PANEL_ROWS = 192
"""Rows of the kernel that are computed at a time; only its lower triangle is, and then mirrored."""


@runtime_checkable
class Features(Protocol):
    """Centred, scaled features with a constant last column, as far as the operator needs them."""

    shape: tuple[int, int]
    reference: Array
    """An array whose namespace, dtype and device all results share."""

    def times(self, right: Float[Array, "p k"], rows: slice) -> Float[Array, "m k"]:
        """Return the rows' features times `right`."""
        ...

    def transposed_times(self, left: Float[Array, "m k"], rows: slice) -> Float[Array, "p k"]:
        """Return the transposed features of the rows times `left`."""
        ...

    def rows(self, rows: slice) -> Float[Array, "m p"]:
        """Return the features of the rows, dense."""
        ...

    def gram(self, factors: Float[Array, " n"], rows: slice | None = None) -> Float[Array, "m k"]:
        """Return the inner products of samples, each multiplied by its factor: of some rows with all up to the last.

        All with all if no rows are given.
        """
        ...

    def squared_norms(self) -> Float[Array, " n"]:
        """Return the squared Euclidean norm of every sample."""
        ...

    def take(self, rows: np.ndarray) -> Features:
        """Return the features of some samples."""
        ...


class DenseFeatures:
    """Features held as one dense array.

    Parameters
    ----------
    array : array, shape (n, p)
        What the operator multiplies by, the bias column included.
    """

    def __init__(self, array: Float[Array, "n p"]) -> None:
        self.array = array
        self.reference: Array = array
        self.shape: tuple[int, int] = (int(array.shape[0]), int(array.shape[1]))

    def times(self, right: Float[Array, "p k"], rows: slice) -> Float[Array, "m k"]:
        """Return the rows' features times `right`."""
        return self.array[rows, :] @ right

    def transposed_times(self, left: Float[Array, "m k"], rows: slice) -> Float[Array, "p k"]:
        """Return the transposed features of the rows times `left`."""
        return self.array[rows, :].T @ left

    def rows(self, rows: slice) -> Float[Array, "m p"]:
        """Return the features of the rows."""
        return self.array[rows, :]

    def gram(self, factors: Float[Array, " n"], rows: slice | None = None) -> Float[Array, "m k"]:
        """Return the inner products of samples, each multiplied by its factor: of some rows with all up to the last."""
        rows = rows or slice(0, self.shape[0])
        scaled = self.array[: rows.stop, :] * factors[: rows.stop, None]
        return scaled[rows, :] @ scaled.T

    def squared_norms(self) -> Float[Array, " n"]:
        """Return the squared Euclidean norm of every sample."""
        xp = array_namespace(self.array)
        return xp.sum(self.array**2, axis=1)

    def take(self, rows: np.ndarray) -> DenseFeatures:
        """Return the features of some samples."""
        return DenseFeatures(self.array[like(rows, self.array, dtype=_index_type(self.array)), :])


class SparseFeatures:
    """Centred and scaled features of a CSR matrix that is never made dense.

    They equal ``hstack([(X - centre) / scale, bias])``.

    Parameters
    ----------
    matrix : scipy.sparse CSR, shape (n, p - 1)
    centre : array, shape (p - 1,)
    scale, bias : float
    """

    def __init__(
        self,
        matrix: sparse.csr_matrix | sparse.csr_array,
        centre: Float[np.ndarray, " q"],
        scale: float,
        bias: float,
    ) -> None:
        self.matrix = matrix
        self.centre = centre
        self.scale = scale
        self.bias = bias
        self.reference: Array = centre
        self.shape: tuple[int, int] = (matrix.shape[0], matrix.shape[1] + 1)

    def times(self, right: Float[np.ndarray, "p k"], rows: slice) -> Float[np.ndarray, "m k"]:
        """Return the rows' features times `right`."""
        shift = self.bias * right[-1] - (self.centre @ right[:-1]) / self.scale
        product: np.ndarray = (self.matrix[rows] @ right[:-1]) / self.scale + shift
        return product

    def transposed_times(self, left: Float[np.ndarray, "m k"], rows: slice) -> Float[np.ndarray, "p k"]:
        """Return the transposed features of the rows times `left`."""
        total = left.sum(axis=0)
        top = (self.matrix[rows].T @ left - np.outer(self.centre, total)) / self.scale
        return np.vstack([top, self.bias * total])

    def rows(self, rows: slice) -> Float[np.ndarray, "m p"]:
        """Return the features of the rows, dense."""
        centred = (self.matrix[rows].toarray() - self.centre) / self.scale
        return np.hstack([centred, np.full((len(centred), 1), self.bias)])

    def gram(self, factors: Float[np.ndarray, " n"], rows: slice | None = None) -> Float[np.ndarray, "m k"]:
        """Return the inner products of samples, each multiplied by its factor: of some rows with all up to the last."""
        rows = rows or slice(0, self.shape[0])
        upto = self.matrix[: rows.stop]
        along = upto @ self.centre
        inner = (upto[rows] @ upto.T).toarray()
        inner -= along[rows, None]
        inner -= along[None, :]
        inner += self.centre @ self.centre
        inner /= self.scale**2
        inner += self.bias**2
        inner *= factors[rows, None]
        inner *= factors[None, : rows.stop]
        return np.asarray(inner)

    def squared_norms(self) -> Float[np.ndarray, " n"]:
        """Return the squared Euclidean norm of every sample."""
        squares = np.asarray(self.matrix.multiply(self.matrix).sum(axis=1)).ravel()
        centred = squares - 2.0 * (self.matrix @ self.centre) + self.centre @ self.centre
        norms: np.ndarray = np.maximum(centred, 0.0) / self.scale**2 + self.bias**2
        return norms

    def take(self, rows: np.ndarray) -> SparseFeatures:
        """Return the features of some samples."""
        return SparseFeatures(self.matrix[rows], self.centre, self.scale, self.bias)


class GatedOperator:
    r"""The map :math:`F = \sum_g s_g D_g \tilde X U_g` with its adjoint and its kernel.

    Parameters
    ----------
    features : Features, n samples of p features
    patterns : bool array, shape (n, g)
        Column ``g`` is the diagonal of :math:`D_g`: the samples on which gate ``g`` is active.
    scales : array, shape (g,), optional
        Positive factor :math:`s_g` of every gate; ones if left out.

    Examples
    --------
    The kernel is the operator times its adjoint:

    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> x, d = rng.standard_normal((5, 3)), rng.random((5, 4)) < 0.5
    >>> operator = GatedOperator(DenseFeatures(x), d)
    >>> v = rng.standard_normal((5, 2))
    >>> bool(np.allclose(operator.kernel() @ v, operator.forward(operator.adjoint(v))))
    True
    """

    def __init__(
        self,
        features: Features,
        patterns: Bool[Array, "n g"],
        scales: Float[np.ndarray, " g"] | None = None,
    ) -> None:
        self.features = features
        self.patterns = patterns
        self.scales = np.ones(patterns.shape[1]) if scales is None else scales
        reference = features.reference
        self._reference = reference
        xp = array_namespace(reference)
        masks = xp.astype(contiguous(patterns), reference.dtype)
        self._masks = masks * like(self.scales, reference)
        # Either order costs the same products; the intermediate is n x min(g, p) x c.
        self._gates_first = isinstance(features, DenseFeatures) and features.shape[1] < patterns.shape[1]

    @property
    def samples(self) -> int:
        """The number of samples."""
        return self.features.shape[0]

    @property
    def block_shape(self) -> tuple[int, int]:
        """The number of gates and of features: the leading shape of the coefficients."""
        return int(self.patterns.shape[1]), self.features.shape[1]

    @property
    def reference(self) -> Array:
        """An array whose namespace, dtype and device all results share."""
        return self._reference

    def forward(self, blocks: Float[Array, "g p c"]) -> Float[Array, "n c"]:
        """Apply the operator to blocks of coefficients."""
        xp = array_namespace(blocks)
        gates, features, outputs = blocks.shape
        if self._gates_first:
            flat = xp.reshape(contiguous(blocks), (gates, features * outputs))
        else:
            by_feature = contiguous(xp.permute_dims(blocks, (1, 0, 2)))
            flat = xp.reshape(by_feature, (features, gates * outputs))
        parts = []
        for rows in self._row_blocks(outputs):
            masks = self._masks[rows, :]
            if self._gates_first:  # sum the gates' maps for every sample, then apply them
                product, factors = masks @ flat, self.features.rows(rows)
            else:  # apply every gate's map to every sample, then sum
                product, factors = self.features.times(flat, rows), masks
            if outputs == 1:
                parts.append(xp.sum(product * factors, axis=1)[:, None])
            else:
                product = xp.reshape(product, (*factors.shape, outputs))
                parts.append((factors[:, None, :] @ product)[:, 0, :])
        return parts[0] if len(parts) == 1 else xp.concat(parts, axis=0)

    def forward_nonzero(self, blocks: Float[Array, "g p c"]) -> Float[Array, "n c"]:
        """Apply the operator to the blocks that are not zero, at their share of the cost."""
        xp = array_namespace(blocks)
        active = np.flatnonzero(to_numpy(xp.any(blocks != 0, axis=(1, 2))))
        if len(active) == blocks.shape[0]:
            return self.forward(blocks)
        if len(active) == 0:
            return like(np.zeros((self.samples, blocks.shape[2])), blocks)
        index = like(active, blocks, dtype=xp.int64)
        return self.take_gates(active).forward(blocks[index, ...])

    def adjoint(self, residual: Float[Array, "n c"]) -> Float[Array, "g p c"]:
        """Apply the adjoint to a residual of every sample and output."""
        xp = array_namespace(residual)
        gates, features = self.block_shape
        outputs = residual.shape[1]
        total: Array = 0.0
        for rows in self._row_blocks(outputs):
            masks = self._masks[rows, :]
            factors = self.features.rows(rows) if self._gates_first else masks
            outer = factors[:, :, None] * residual[rows, None, :]
            flat = xp.reshape(outer, (masks.shape[0], factors.shape[1] * outputs))
            part = masks.T @ flat if self._gates_first else self.features.transposed_times(flat, rows)
            total = part + total
        if self._gates_first:
            return xp.reshape(total, (gates, features, outputs))
        return xp.permute_dims(xp.reshape(total, (features, gates, outputs)), (1, 0, 2))

    def kernel(self, roots: Float[Array, " n"] | None = None) -> Float[Array, "n n"]:
        r"""Return :math:`R(\tilde X\tilde X^T) \circ (D\,\mathrm{diag}(s^2)\,D^T)R` with R the diagonal of `roots`.

        Where the squared scales are integer multiples of the smallest, the counts of shared gates are integers,
        exact in single precision: that product, the larger one, then runs in float32 whatever the result's dtype.

        Parameters
        ----------
        roots : array, shape (n,), optional
            A factor a sample; ones if left out.
        """
        xp = array_namespace(self._reference)
        squares = self.scales**2
        multiples = squares / squares.min()
        exact = bool(np.allclose(multiples, np.round(multiples), rtol=0.0, atol=1e-9) and multiples.sum() < 2**24)
        unit = float(squares.min()) if exact else 1.0
        if roots is None:
            roots = like(np.ones(self.samples), self._reference)
        levels = np.round(multiples) if exact else squares
        everywhere = to_numpy(xp.all(self.patterns, axis=0))
        always = float(levels[everywhere].sum())
        shared: list[tuple[float, Array]] = []
        for level in np.unique(levels[~everywhere]):
            chosen = like((levels == level) & ~everywhere, self._reference, dtype=xp.bool)
            active = xp.astype(self.patterns[:, chosen], xp.float32 if exact else self._reference.dtype)
            shared.append((float(level), active))
        kernel = xp.empty((self.samples, self.samples), dtype=self._reference.dtype, device=device_of(self._reference))
        for rows in self._panels():
            kernel[rows, : rows.stop] = self._kernel_panel(rows, math.sqrt(unit) * roots, always, shared)
            # The panel is still in the cache, so writing it once more across the diagonal is cheap.
            kernel[: rows.start, rows] = kernel[rows, : rows.start].T
        return kernel

    def _kernel_panel(
        self, rows: slice, factors: Float[Array, " n"], always: float, shared: list[tuple[float, Array]]
    ) -> Float[Array, "m k"]:
        """Return some rows of the kernel up to the diagonal block, from the gates by level of their scale."""
        panel = self.features.gram(factors, rows)
        count: Array = always
        for level, active in shared:
            part = active[rows, :] @ active[: rows.stop, :].T
            if level != 1.0:
                part *= level
            part += count
            count = part
        panel *= count
        return panel

    def _panels(self) -> list[slice]:
        """Divide the samples so that a panel of the kernel stays in a processor's cache; a device takes all at once."""
        height = PANEL_ROWS if is_numpy_array(self._reference) else max(self.samples, 1)
        return [slice(i, min(i + height, self.samples)) for i in range(0, self.samples, height)]

    def kernel_diagonal(self) -> Float[Array, " n"]:
        """Return the kernel of every sample with itself, without forming the kernel."""
        xp = array_namespace(self._masks)
        return self.features.squared_norms() * xp.sum(self._masks**2, axis=1)

    def columns(self) -> Float[Array, "n q"]:
        """Return the operator as a matrix of gates x features columns, for few gates only."""
        gates, features = self.block_shape
        xp = array_namespace(self._reference)
        identity = xp.eye(features, dtype=self._reference.dtype, device=device_of(self._reference))
        rows = self.features.times(identity, slice(0, self.samples))
        return xp.reshape(self._masks[:, :, None] * rows[:, None, :], (self.samples, gates * features))

    def largest_eigenvalue(self, weights: Float[Array, " n"], steps: int = 12) -> float:
        """Estimate, from below, the largest eigenvalue of the weighted normal operator."""
        shape = (*self.block_shape, 1)
        vector = like(np.random.default_rng(0).standard_normal(shape), weights)
        value = 0.0
        for _ in range(steps):
            vector = vector / max(norm(vector), 1e-300)
            vector = self.adjoint(weights[:, None] * self.forward(vector))
            value = norm(vector)
        return max(value, 1e-300)

    def take_samples(self, rows: np.ndarray) -> GatedOperator:
        """Return the operator on some samples."""
        index = like(rows, self._reference, dtype=_index_type(self._reference))
        return GatedOperator(self.features.take(rows), self.patterns[index, :], self.scales)

    def take_gates(self, gates: np.ndarray) -> GatedOperator:
        """Return the operator with some gates only."""
        index = like(gates, self._reference, dtype=_index_type(self._reference))
        return GatedOperator(self.features, self.patterns[:, index], self.scales[gates])

    def gate_norms(self, weights: Float[Array, " n"]) -> Float[np.ndarray, " g"]:
        r"""Bound the spectral norm of every :math:`\mathrm{diag}(\sqrt{w}) s_g D_g\tilde X`.

        Exact where a Gram matrix a gate is affordable, the Frobenius norm otherwise.
        """
        gates, features = self.block_shape
        affordable = 2.0 * gates * features**2 * self.samples <= GRAM_FLOPS
        if not (affordable and isinstance(self.features, DenseFeatures)):
            xp = array_namespace(self._masks)
            squares = (self.features.squared_norms() * weights)[:, None] * self._masks**2
            return np.asarray(np.sqrt(to_numpy(xp.sum(squares, axis=0))))
        array = self.features.array
        norms = np.empty(gates)
        for gate in range(gates):
            rows = array[self.patterns[:, gate], :]
            scaled = rows * weights[self.patterns[:, gate]][:, None]
            gram = to_numpy(rows.T @ scaled).astype(np.float64)
            norms[gate] = self.scales[gate] * math.sqrt(max(float(np.linalg.eigvalsh(gram)[-1]), 0.0))
        return norms

    def _row_blocks(self, outputs: int) -> list[slice]:
        gates, features = self.block_shape
        width = features if self._gates_first else gates
        size = max(1, BLOCK_BYTES // max(8 * width * outputs, 1))
        return [slice(i, min(i + size, self.samples)) for i in range(0, self.samples, size)]


def _index_type(reference: Array) -> Array:
    return array_namespace(reference).int64
