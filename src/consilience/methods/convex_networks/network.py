r"""What a solved program leaves behind: gates, a linear map for each, an intercept.

A gated network is a sum of linear maps, each switched on by a closed half-space,

.. math:: f(x) = t + \sum_g 1[\langle x, h_g \rangle + o_g \ge 0] \, (x^\top W_g + b_g),

and the solution of the cone program is an ordinary ReLU network. Both are plain arrays in the original feature space,
so that prediction, persistence and export share one definition.

Notes
-----
The comparison is made in double precision whatever the precision of the weights: a point that defines a hyperplane
lies on it, and its bit would otherwise be rounding noise. Gate offsets already carry the margin that puts such points
inside.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
import scipy.sparse as sp
from jaxtyping import Bool, Float, Inexact
from scipy.special import expit, softmax

from consilience.ground.errors import InvalidInput

BLOCK_ELEMENTS = 1 << 18
"""How many numbers an intermediate array of `decision` may hold: small enough for the second-level cache."""

Samples: TypeAlias = Inexact[np.ndarray, "sample feature"] | sp.csr_array | sp.csr_matrix
"""Samples in rows, dense or in compressed sparse rows."""


@dataclass(frozen=True, kw_only=True)
class GatedNetwork:
    """Linear maps switched by half-spaces, as numbers and nothing else.

    Parameters
    ----------
    gate_vectors : array of shape (n_gates, n_features)
        Normals of the half-spaces, double precision.
    gate_offsets : array of shape (n_gates,)
        A gate is active on ``x`` when ``x @ gate_vectors[g] + gate_offsets[g] >= 0``, the boundary included.
    weights : array of shape (n_gates, n_features, n_outputs)
        The linear map of each gate.
    biases : array of shape (n_gates, n_outputs)
        The constant each gate adds while it is active.
    intercept : array of shape (n_outputs,)
        The constant that is always added.

    Raises
    ------
    InvalidInput
        When the arrays disagree about the number of gates, features or outputs.

    Examples
    --------
    The absolute value of one feature needs two gates:

    >>> absolute = GatedNetwork(
    ...     gate_vectors=np.array([[1.0], [-1.0]]),
    ...     gate_offsets=np.zeros(2),
    ...     weights=np.array([[[1.0]], [[-1.0]]]),
    ...     biases=np.zeros((2, 1)),
    ...     intercept=np.zeros(1),
    ... )
    >>> absolute.decision(np.array([[-3.0], [2.0]])).ravel()
    array([3., 2.])
    """

    gate_vectors: Float[np.ndarray, "gate feature"]
    gate_offsets: Float[np.ndarray, " gate"]
    weights: Float[np.ndarray, "gate feature output"]
    biases: Float[np.ndarray, "gate output"]
    intercept: Float[np.ndarray, " output"]

    def __post_init__(self) -> None:
        n_gates, n_features = self.gate_vectors.shape
        n_outputs = self.intercept.shape[0]
        _require_shape("gate_offsets", self.gate_offsets, (n_gates,))
        _require_shape("weights", self.weights, (n_gates, n_features, n_outputs))
        _require_shape("biases", self.biases, (n_gates, n_outputs))

    @classmethod
    def linear(
        cls, weights: Float[np.ndarray, "feature output"], intercept: Float[np.ndarray, " output"]
    ) -> GatedNetwork:
        """Write a linear model as the network whose only gate is always active.

        Examples
        --------
        >>> GatedNetwork.linear(np.array([[2.0]]), np.array([1.0])).decision(np.array([[3.0]]))
        array([[7.]])
        """
        n_features, n_outputs = weights.shape
        return cls(
            gate_vectors=np.zeros((1, n_features)),
            gate_offsets=np.ones(1),
            weights=weights[None],
            biases=np.zeros((1, n_outputs)),
            intercept=intercept,
        )

    @property
    def n_gates(self) -> int:
        """How many half-spaces there are."""
        return int(self.gate_vectors.shape[0])

    @property
    def n_features(self) -> int:
        """How many columns a sample has."""
        return int(self.gate_vectors.shape[1])

    @property
    def n_outputs(self) -> int:
        """How many numbers come out per sample."""
        return int(self.intercept.shape[0])

    def active(self, X: Samples) -> Bool[np.ndarray, "sample gate"]:
        """Tell which gates are on for which samples, boundary included, compared in double precision."""
        _require_features(X, self.n_features)
        scores = X.astype(np.float64, copy=False) @ self.gate_vectors.T
        return np.asarray(scores + self.gate_offsets >= 0.0)

    def decision(self, X: Samples, dtype: type[np.floating] = np.float64) -> Float[np.ndarray, "sample output"]:
        """Compute the outputs of the network in blocks of rows so that memory stays bounded.

        Parameters
        ----------
        X : array or CSR of shape (n_samples, n_features)
            Samples in rows.
        dtype : numpy floating type
            Precision of the linear maps; ``np.float32`` is about twice as fast. Gates are compared in double precision
            whatever it is.

        Returns
        -------
        array of shape (n_samples, n_outputs)
            In `dtype`.

        Raises
        ------
        InvalidInput
            When the samples do not have `n_features` columns.
        """
        _require_features(X, self.n_features)
        weights = self.weights.astype(dtype, copy=False)
        biases = self.biases.astype(dtype, copy=False)
        outputs = np.empty((X.shape[0], self.n_outputs), dtype=dtype)
        # Either sum over gates first (an effective linear map per sample) or apply every map first: the smaller wins.
        gates_first = not sp.issparse(X) and self.n_features < self.n_gates
        widest = max(self.n_gates, self.n_outputs * (self.n_features if gates_first else self.n_gates), 1)
        flat = (
            weights.reshape(self.n_gates, self.n_features * self.n_outputs)
            if gates_first
            else np.ascontiguousarray(weights.transpose(1, 2, 0)).reshape(
                self.n_features, self.n_outputs * self.n_gates
            )
        )
        for rows in _blocks(X.shape[0], max(16, BLOCK_ELEMENTS // widest)):
            block = X[rows]
            switched = self.active(block).astype(dtype)
            samples = block.astype(dtype, copy=False)
            if gates_first:
                maps = (switched @ flat).reshape(len(switched), self.n_features, self.n_outputs)
                summed = np.matmul(samples[:, None, :], maps)[:, 0, :]
            else:
                applied = np.asarray(samples @ flat).reshape(len(switched), self.n_outputs, self.n_gates)
                summed = np.matmul(applied, switched[:, :, None])[:, :, 0]
            outputs[rows] = summed + switched @ biases
        outputs += self.intercept.astype(dtype, copy=False)
        return outputs

    def prune(self) -> GatedNetwork:
        """Return the same function without the gates whose linear map and bias are zero."""
        kept = np.any(self.weights != 0.0, axis=(1, 2)) | np.any(self.biases != 0.0, axis=1)
        return replace(
            self,
            gate_vectors=self.gate_vectors[kept],
            gate_offsets=self.gate_offsets[kept],
            weights=self.weights[kept],
            biases=self.biases[kept],
        )

    def merge(self) -> GatedNetwork:
        """Return the same function with identical gates joined and their linear maps added, in order of appearance."""
        gates = np.column_stack([self.gate_vectors, self.gate_offsets])
        _, first, group = np.unique(gates, axis=0, return_index=True, return_inverse=True)
        order = np.argsort(first)
        position = np.empty_like(order)
        position[order] = np.arange(order.size)
        weights = np.zeros((order.size, *self.weights.shape[1:]), dtype=self.weights.dtype)
        biases = np.zeros((order.size, self.n_outputs), dtype=self.biases.dtype)
        np.add.at(weights, position[group.ravel()], self.weights)
        np.add.at(biases, position[group.ravel()], self.biases)
        kept = first[order]
        return replace(
            self,
            gate_vectors=self.gate_vectors[kept],
            gate_offsets=self.gate_offsets[kept],
            weights=weights,
            biases=biases,
        )

    def after(
        self, matrix: Float[np.ndarray, "original feature"], shift: Float[np.ndarray, " original"]
    ) -> GatedNetwork:
        """Return the network of the original features ``x``, when this one sees ``(x - shift) @ matrix``.

        Scaling is a diagonal `matrix`, a principal subspace a tall one. Offsets are moved in double precision.

        Examples
        --------
        >>> scaled = GatedNetwork.linear(np.array([[2.0]]), np.array([1.0]))
        >>> scaled.after(np.array([[0.5]]), np.array([4.0])).decision(np.array([[6.0]]))
        array([[3.]])
        """
        gate_vectors = self.gate_vectors @ matrix.T
        weights = np.einsum("of,gfc->goc", matrix, self.weights)
        return GatedNetwork(
            gate_vectors=gate_vectors,
            gate_offsets=self.gate_offsets - gate_vectors @ shift,
            weights=weights,
            biases=self.biases - np.einsum("o,goc->gc", shift, weights),
            intercept=self.intercept,
        )


@dataclass(frozen=True, kw_only=True)
class ReluNetwork:
    r"""An ordinary network of one hidden layer, :math:`f(x) = t + \sum_j a_j (\langle w_j, x \rangle + b_j)_+`.

    Parameters
    ----------
    hidden_weights : array of shape (n_neurons, n_features)
        The rows :math:`w_j`.
    hidden_biases : array of shape (n_neurons,)
        The numbers :math:`b_j`.
    output_weights : array of shape (n_neurons, n_outputs)
        The rows :math:`a_j`.
    intercept : array of shape (n_outputs,)
        The constant :math:`t`.

    Raises
    ------
    InvalidInput
        When the arrays disagree about the number of neurons or outputs.

    Examples
    --------
    >>> hinge = ReluNetwork(
    ...     hidden_weights=np.array([[-1.0]]),
    ...     hidden_biases=np.ones(1),
    ...     output_weights=np.array([[1.0]]),
    ...     intercept=np.zeros(1),
    ... )
    >>> hinge.decision(np.array([[0.0], [2.0]])).ravel()
    array([1., 0.])
    """

    hidden_weights: Float[np.ndarray, "neuron feature"]
    hidden_biases: Float[np.ndarray, " neuron"]
    output_weights: Float[np.ndarray, "neuron output"]
    intercept: Float[np.ndarray, " output"]

    def __post_init__(self) -> None:
        n_neurons = self.hidden_weights.shape[0]
        _require_shape("hidden_biases", self.hidden_biases, (n_neurons,))
        _require_shape("output_weights", self.output_weights, (n_neurons, self.intercept.shape[0]))

    @property
    def n_neurons(self) -> int:
        """How many hidden neurons there are."""
        return int(self.hidden_weights.shape[0])

    @property
    def n_features(self) -> int:
        """How many columns a sample has."""
        return int(self.hidden_weights.shape[1])

    @property
    def n_outputs(self) -> int:
        """How many numbers come out per sample."""
        return int(self.intercept.shape[0])

    def decision(self, X: Samples, dtype: type[np.floating] = np.float64) -> Float[np.ndarray, "sample output"]:
        """Compute the outputs of the network in blocks of rows so that memory stays bounded.

        Raises
        ------
        InvalidInput
            When the samples do not have `n_features` columns.
        """
        _require_features(X, self.n_features)
        inner = np.ascontiguousarray(self.hidden_weights.T, dtype=dtype)
        outer = self.output_weights.astype(dtype, copy=False)
        outputs = np.empty((X.shape[0], self.n_outputs), dtype=dtype)
        for rows in _blocks(X.shape[0], max(16, BLOCK_ELEMENTS // max(1, self.n_neurons))):
            hidden = np.asarray(X[rows].astype(dtype, copy=False) @ inner) + self.hidden_biases.astype(dtype)
            outputs[rows] = np.maximum(hidden, 0.0) @ outer + self.intercept.astype(dtype)
        return outputs

    def prune(self) -> ReluNetwork:
        """Return the same function without neurons that have no outgoing weight."""
        kept = np.any(self.output_weights != 0.0, axis=1)
        return replace(
            self,
            hidden_weights=self.hidden_weights[kept],
            hidden_biases=self.hidden_biases[kept],
            output_weights=self.output_weights[kept],
        )


@dataclass(frozen=True, kw_only=True)
class ProbabilityLink:
    r"""How decision values become class probabilities.

    With one output the second class has probability :math:`\sigma(s f + b)`; with several outputs the probabilities
    are :math:`\mathrm{softmax}(s f + b)`. A logistic or softmax loss needs no calibration: there ``s = 1`` and
    ``b = 0``.

    Parameters
    ----------
    scale : float
        The inverse temperature :math:`s`.
    bias : array of shape (n_outputs,)
        What is added to the scaled decision.

    Examples
    --------
    >>> ProbabilityLink(scale=1.0, bias=np.zeros(1)).probabilities(np.array([[0.0]]))
    array([[0.5, 0.5]])
    """

    scale: float
    bias: Float[np.ndarray, " output"]

    def probabilities(self, decision: Float[np.ndarray, "sample output"]) -> Float[np.ndarray, "sample label"]:
        """Return one row of class probabilities per sample, each adding up to one."""
        scores = self.scale * decision + self.bias
        if scores.shape[1] > 1:
            return np.asarray(softmax(scores, axis=1))
        return np.column_stack([expit(-scores[:, 0]), expit(scores[:, 0])])


def _blocks(n_rows: int, size: int) -> Iterator[slice]:
    return (slice(start, min(start + size, n_rows)) for start in range(0, n_rows, size))


def _require_shape(name: str, array: np.ndarray, expected: tuple[int, ...]) -> None:
    if array.shape != expected:
        raise InvalidInput(f"`{name}` must have shape {expected} to fit the other arrays; got {array.shape}.")


def _require_features(X: Samples, n_features: int) -> None:
    if X.shape[1:] != (n_features,):
        raise InvalidInput(f"`X` must have shape (n_samples, {n_features}); got {X.shape}.")
