r"""Clifford's geometric algebra of Euclidean space, with one coefficient for each of the `2**d` basis blades.

A multivector is an array whose last axis has length `2**d`. Coefficient `J` belongs to the basis blade whose vectors
are the set bits of `J`: index 0 is the scalar 1, index 5 = 0b101 is :math:`e_1 e_3`, the last index is the pseudoscalar
:math:`I = e_1 \cdots e_d`. All leading axes are batch and broadcast.

The algebra is fixed by :math:`e_i e_i = 1` and :math:`e_i e_j = -e_j e_i`; the one convention left to choose is the
sign of the Hodge dual, here and in the whole package

.. math:: A \wedge \star B = \langle A, B \rangle \, I .

It follows that the generalised cross product :math:`c` of :math:`a_1, \dots, a_{d-1}`, defined by
:math:`\langle x, c \rangle = \det[x; a_1; \dots; a_{d-1}]` with `x` first, is the vector whose dual is their wedge:
:math:`\star c = a_1 \wedge \dots \wedge a_{d-1}`.

Beyond a dozen dimensions the coefficients no longer fit anywhere: `blades` and `cross` need `d` numbers a vector.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, reduce

import numpy as np
from jaxtyping import Bool, Complex, Float, Inexact, Int, Integer

from consilience.ground.errors import InvalidInput

LARGEST_DIMENSION = 12

Masks = Int[np.ndarray, "..."]
Predicate = Callable[[Masks, Masks], Bool[np.ndarray, "..."]]

# Up to this many pairs of non-zero blades, multiplying pair by pair beats matrices of side 2**(d / 2); it is also exact
# where the result is zero. A wedge needs d + 1 of the matrix products.
_GEOMETRIC_PAIRS = 1 << 12
_WEDGE_PAIRS = 1 << 15


@dataclass(frozen=True)
class Algebra:
    r"""Geometric algebra Cl(d) of a `d`-dimensional Euclidean space.

    Parameters
    ----------
    dimension
        Dimension `d` of the space, 1 to 12.

    Raises
    ------
    InvalidInput
        If the dimension is outside 1 to 12; and, by every method, if an array does not fit the algebra.

    Examples
    --------
    A rotation by 90 degrees in the plane of :math:`e_1, e_2`, as sandwich product with :math:`(1 - e_1 e_2)/\sqrt 2`:

    >>> algebra = Algebra(3)
    >>> rotor = (algebra.scalar(1.0) - algebra.blade(1, 2)) / np.sqrt(2)
    >>> turned = algebra.geometric(algebra.geometric(rotor, algebra.blade(1)), algebra.reverse(rotor))
    >>> bool(np.allclose(turned, algebra.blade(2)))
    True
    """

    dimension: int

    def __post_init__(self) -> None:
        """Check the dimension."""
        if not 1 <= self.dimension <= LARGEST_DIMENSION:
            raise InvalidInput(
                f"`dimension` must be 1 to {LARGEST_DIMENSION}, because a multivector has 2**dimension coefficients; "
                f"got {self.dimension}. In higher dimensions use `Blade` and `cross`"
            )

    @property
    def size(self) -> int:
        """Number of coefficients of a multivector, `2**d`."""
        return 1 << self.dimension

    @cached_property
    def grades(self) -> Int[np.ndarray, " size"]:
        """Grade of each basis blade: how many basis vectors it is the product of."""
        return np.asarray(np.bitwise_count(self._masks), dtype=np.int64)

    # ---- making multivectors -----------------------------------------------------------------------------------------

    def scalar(self, value: float) -> Float[np.ndarray, " size"]:
        """Return the number `value` as a multivector."""
        multivector = np.zeros(self.size)
        multivector[0] = value
        return multivector

    def vector(self, components: Float[np.ndarray, "*batch d"]) -> Float[np.ndarray, "*batch size"]:
        """Return vectors, given by their `d` components along the last axis, as multivectors."""
        if components.shape[-1:] != (self.dimension,):
            raise InvalidInput(f"a vector must have {self.dimension} components; got shape {components.shape}")
        multivector = np.zeros((*components.shape[:-1], self.size), components.dtype)
        multivector[..., 1 << np.arange(self.dimension)] = components
        return multivector

    def components(self, multivector: Float[np.ndarray, "*batch size"]) -> Float[np.ndarray, "*batch d"]:
        """Return the vector part of multivectors as `d` components: the inverse of `vector`."""
        return self._checked(multivector)[..., 1 << np.arange(self.dimension)]

    def blade(self, *indices: int) -> Float[np.ndarray, " size"]:
        r"""Return the wedge of basis vectors, numbered from 1, in the order given.

        Examples
        --------
        >>> algebra = Algebra(2)
        >>> algebra.blade(1, 2).tolist(), algebra.blade(2, 1).tolist()
        ([0.0, 0.0, 0.0, 1.0], [0.0, 0.0, 0.0, -1.0])
        """
        for index in indices:
            if not 1 <= index <= self.dimension:
                raise InvalidInput(f"basis vectors are numbered 1 to {self.dimension}; got {index}")
        return self.wedge(*(self.vector(np.eye(self.dimension)[index - 1]) for index in indices))

    # ---- products ----------------------------------------------------------------------------------------------------

    def geometric(
        self, left: Float[np.ndarray, "*#batch size"], right: Float[np.ndarray, "*#batch size"]
    ) -> Float[np.ndarray, "... size"]:
        r"""Multiply multivectors by the geometric product, associative and bilinear.

        Factors with few non-zero blades are multiplied pair by pair. Full ones are written as matrices of side
        `2**ceil(d / 2)`, sums of products of Pauli matrices: `O(2**(3 d / 2))` operations instead of `4**d`, with a
        rounding error relative to the product of the norms instead of to each coefficient.
        """
        left, right = self._checked(left), self._checked(right)
        if _pairs(left, right) <= _GEOMETRIC_PAIRS:
            return self._pair_by_pair(left, right, _any_pair)
        product = self._from_matrices(self._to_matrices(left) @ self._to_matrices(right)).real
        return product.astype(np.result_type(left, right))

    def wedge(self, *factors: Float[np.ndarray, "*#batch size"]) -> Float[np.ndarray, "... size"]:
        r"""Multiply multivectors by the wedge (exterior) product: the part of the geometric product that adds grades.

        For vectors :math:`u_1 \wedge \dots \wedge u_k = \sum_{|J| = k} \det(U_J) e_J`. No factor at all gives 1.

        Examples
        --------
        >>> algebra = Algebra(3)
        >>> u, v = algebra.vector(np.array([1.0, 0.0, 2.0])), algebra.vector(np.array([0.0, 3.0, 0.0]))
        >>> algebra.components(algebra.undual(algebra.wedge(u, v))).tolist() == np.cross([1, 0, 2], [0, 3, 0]).tolist()
        True
        """
        return reduce(self._wedge, map(self._checked, factors)) if factors else self.scalar(1.0)

    def left_contraction(
        self, left: Float[np.ndarray, "*#batch size"], right: Float[np.ndarray, "*#batch size"]
    ) -> Float[np.ndarray, "... size"]:
        r"""Contract `left` onto `right`: the part of the geometric product of grade `grade(right) - grade(left)`.

        It is adjoint to the wedge, :math:`\langle A \wedge B, C \rangle = \langle B, \tilde{A} \rfloor C \rangle`, and
        for two vectors it is their inner product.
        """
        left, right = self._checked(left), self._checked(right)
        if _pairs(left, right) <= _WEDGE_PAIRS:
            return self._pair_by_pair(left, right, lambda a, b: (a & b) == a)
        volume = self.blade(*range(1, self.dimension + 1)).astype(np.result_type(left, right))
        return self.geometric(self._wedge(left, self.geometric(right, self.reverse(volume))), volume)

    def inner(
        self, left: Float[np.ndarray, "*#batch size"], right: Float[np.ndarray, "*#batch size"]
    ) -> Float[np.ndarray, "..."]:
        r"""Return :math:`\langle A, B \rangle`, the scalar part of :math:`\tilde{A} B`.

        The basis blades are orthonormal for it, and :math:`k`-blades of vectors obey the Cauchy-Binet identity
        :math:`\langle u_1 \wedge \dots \wedge u_k, v_1 \wedge \dots \wedge v_k \rangle = \det(U^T V)`.
        """
        return np.asarray(np.sum(self._checked(left) * self._checked(right), axis=-1))

    def norm(self, multivector: Float[np.ndarray, "*batch size"]) -> Float[np.ndarray, "*batch"]:
        r"""Return :math:`\sqrt{\langle A, A \rangle}`; for a wedge of vectors, the volume they span."""
        return np.asarray(np.linalg.norm(self._checked(multivector), axis=-1))

    # ---- involutions and duals ---------------------------------------------------------------------------------------

    def reverse(self, multivector: Float[np.ndarray, "*batch size"]) -> Float[np.ndarray, "*batch size"]:
        """Reverse the order of the vectors in every blade: grade `k` changes by the sign `(-1)**(k (k - 1) / 2)`."""
        return np.asarray(self._checked(multivector) * _alternating(self.grades * (self.grades - 1) // 2))

    def involute(self, multivector: Float[np.ndarray, "*batch size"]) -> Float[np.ndarray, "*batch size"]:
        """Negate every vector in every blade: grade `k` changes by the sign `(-1)**k`."""
        return np.asarray(self._checked(multivector) * _alternating(self.grades))

    def grade(self, multivector: Float[np.ndarray, "*batch size"], grade: int) -> Float[np.ndarray, "*batch size"]:
        """Keep the part of one grade and set all other coefficients to zero."""
        return np.asarray(self._checked(multivector) * (self.grades == grade))

    def dual(self, multivector: Float[np.ndarray, "*batch size"]) -> Float[np.ndarray, "*batch size"]:
        r"""Return the Hodge dual, fixed by :math:`A \wedge \star B = \langle A, B \rangle I`.

        It is an isometry from grade `k` to grade `d - k`, and :math:`\star\star A = (-1)^{k(d-k)} A`.
        """
        return np.asarray((self._checked(multivector) * self._dual_signs)[..., ::-1])

    def undual(self, multivector: Float[np.ndarray, "*batch size"]) -> Float[np.ndarray, "*batch size"]:
        r"""Return the multivector whose Hodge dual is given; of a wedge of `d - 1` vectors, their cross product."""
        return np.asarray(self._checked(multivector)[..., ::-1] * self._dual_signs)

    # ---- tables ------------------------------------------------------------------------------------------------------

    @cached_property
    def _masks(self) -> Int[np.ndarray, " size"]:
        return np.arange(self.size)

    @cached_property
    def _swaps(self) -> Int[np.ndarray, " size"]:
        """Bits such that sorting the product of blades `a` and `b` takes `popcount(_swaps[a] & b)` swaps, modulo 2."""
        shifts = np.arange(1, self.dimension + 1)[:, None]
        return np.asarray(np.bitwise_xor.reduce(self._masks >> shifts, axis=0))

    @cached_property
    def _dual_signs(self) -> Float[np.ndarray, " size"]:
        return _alternating(np.bitwise_count(self._swaps & self._masks[::-1]))

    def _checked(self, multivector: Float[np.ndarray, "*batch size"]) -> Float[np.ndarray, "*batch size"]:
        multivector = np.asarray(multivector)
        if multivector.shape[-1:] != (self.size,):
            raise InvalidInput(
                f"a multivector of Cl({self.dimension}) must have {self.size} coefficients along its last axis; "
                f"got shape {multivector.shape}. Make one from vectors by `Algebra.vector`"
            )
        return multivector

    # ---- the two ways to multiply ------------------------------------------------------------------------------------

    def _wedge(
        self, left: Float[np.ndarray, "*#batch size"], right: Float[np.ndarray, "*#batch size"]
    ) -> Float[np.ndarray, "... size"]:
        """Multiply two factors by the wedge product, pair by pair or as an average of geometric products.

        Weighting grade `k` by `t**k` gives the part of the geometric product that lost `2 j` grades the weight
        `t**(2 j)`; averaging over roots of unity leaves `j = 0`.
        """
        if _pairs(left, right) <= _WEDGE_PAIRS:
            return self._pair_by_pair(left, right, lambda a, b: (a & b) == 0)
        order = self.dimension + 1
        product = np.zeros((), np.result_type(left, right))
        for turn in range(order):
            weights = np.exp(1j * np.pi * turn / order * self.grades).astype(np.result_type(left, right, np.complex64))
            matrices = self._to_matrices(left * weights) @ self._to_matrices(right * weights)
            product = product + (self._from_matrices(matrices) * weights.conj()).real / order
        return product

    def _pair_by_pair(
        self,
        left: Float[np.ndarray, "*#batch size"],
        right: Float[np.ndarray, "*#batch size"],
        keep: Predicate,
    ) -> Float[np.ndarray, "... size"]:
        """Sum the products of those pairs of blades that occur and that `keep` accepts."""
        batch = np.broadcast_shapes(left.shape[:-1], right.shape[:-1])
        in_left, in_right = _support(left)[:, None], _support(right)
        i, j = np.nonzero(keep(in_left, in_right))
        a, b = in_left[i, 0], in_right[j]
        terms = _alternating(np.bitwise_count(self._swaps[a] & b)) * left[..., a] * right[..., b]
        product = np.zeros((self.size, *batch), terms.dtype)
        np.add.at(product, a ^ b, np.moveaxis(terms, -1, 0))
        return np.moveaxis(product, 0, -1)

    @cached_property
    def _paulis(self) -> tuple[Int[np.ndarray, " size"], Int[np.ndarray, " size"], Complex[np.ndarray, " size"]]:
        r"""Write each basis blade as a phase times a Pauli string :math:`X^x Z^z` (Jordan and Wigner's representation).

        :math:`e_{2q+1}` is X and :math:`e_{2q+2}` is :math:`Y = i X Z` on qubit `q`, after Z on all qubits before it.
        """
        x, z, quarter_turns = (np.zeros(1, dtype=np.int64) for _ in range(3))
        for index in range(self.dimension):
            qubit = 1 << (index // 2)
            is_y = index % 2
            before = qubit - 1
            # Z^z X^x = (-1)^{|z & x|} X^x Z^z, and the strings so far stand to the left of the new vector.
            turns = quarter_turns + is_y + 2 * np.bitwise_count(z & qubit).astype(np.int64)
            new = (x ^ qubit, z ^ (before | qubit * is_y), turns)
            x, z, quarter_turns = (np.concatenate(pair) for pair in zip((x, z, quarter_turns), new, strict=True))
        return x, z, 1j ** (quarter_turns % 4)

    @cached_property
    def _hadamard(self) -> Float[np.ndarray, "side side"]:
        index = np.arange(1 << math.ceil(self.dimension / 2))
        return _alternating(np.bitwise_count(index[:, None] & index))

    def _to_matrices(self, multivector: Inexact[np.ndarray, "*batch size"]) -> Complex[np.ndarray, "*batch side side"]:
        """Represent multivectors by complex matrices, so that geometric products become matrix products."""
        x, z, phase = self._paulis
        side = len(self._hadamard)
        strings = np.zeros((*multivector.shape[:-1], side, side), np.result_type(multivector, np.complex64))
        strings[..., x, z] = multivector * phase.astype(strings.dtype)
        column = np.arange(side)
        return np.asarray((strings @ self._hadamard)[..., column[:, None] ^ column, column])

    def _from_matrices(self, matrices: Complex[np.ndarray, "*batch side side"]) -> Complex[np.ndarray, "*batch size"]:
        x, z, phase = self._paulis
        column = np.arange(len(self._hadamard))
        strings = matrices[..., column[:, None] ^ column, column] @ self._hadamard
        return np.asarray(strings[..., x, z] * phase.conj().astype(strings.dtype) / len(column))


def _any_pair(a: Masks, b: Masks) -> Bool[np.ndarray, "..."]:
    return np.ones(np.broadcast_shapes(a.shape, b.shape), dtype=bool)


def _pairs(left: Float[np.ndarray, "*#batch size"], right: Float[np.ndarray, "*#batch size"]) -> int:
    return _support(left).size * _support(right).size


def _support(multivector: Float[np.ndarray, "*batch size"]) -> Int[np.ndarray, " some"]:
    """Return the masks of the blades that occur anywhere in the batch."""
    return np.flatnonzero(multivector.any(axis=tuple(range(multivector.ndim - 1))))


def _alternating(exponent: Integer[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    """Return `(-1)**exponent`, in single precision so that it never widens what it multiplies."""
    return np.asarray(1 - 2 * (np.asarray(exponent).astype(np.int8) & 1), dtype=np.float32)
