r"""Blades in high dimension: oriented, weighted subspaces held as a frame, a sign and a log volume.

A `k`-blade :math:`a_1 \wedge \dots \wedge a_k` has `binom(d, k)` coordinates, out of reach beyond a dozen dimensions.
But it is determined by the subspace it spans, its volume and its orientation, which take `d k` numbers:

.. math:: a_1 \wedge \dots \wedge a_k = s \, e^{v} \; q_1 \wedge \dots \wedge q_k ,
   \qquad q_1, \dots, q_k \text{ orthonormal},\; s \in \{-1, 0, 1\} .

Operations take `O(d k^2)` steps, except for the duals, which need a whole basis. The sign of the dual is fixed as in
`Algebra`: :math:`A \wedge \star B = \langle A, B \rangle I`.
"""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from consilience.ground.errors import InvalidInput


@dataclass(frozen=True, eq=False)
class Blade:
    r"""A blade: the wedge of vectors, as the subspace they span with a volume and an orientation.

    Make one by `Blade.from_vectors`. The zero blade of a grade, which dependent vectors give, has sign 0, log volume
    minus infinity and a frame of zeros. A blade of grade 0 is a number.

    Examples
    --------
    Volumes in 300 dimensions, where :math:`e^{v}` would overflow:

    >>> blade = Blade.from_vectors(1e9 * np.eye(40, 300))
    >>> blade.grade, round(blade.log_volume / math.log(1e9), 9)
    (40, 40.0)
    >>> blade.wedge(blade).sign
    0
    """

    frame: Float[np.ndarray, "d k"]
    """Orthonormal basis of the subspace, in columns; zeros for a zero blade."""
    sign: int
    """Orientation relative to the frame: 1, -1, or 0 for a zero blade."""
    log_volume: float
    """Natural logarithm of the volume; minus infinity for a zero blade."""

    @staticmethod
    def from_vectors(vectors: Float[np.ndarray, "k d"], *, tolerance: float | None = None) -> "Blade":
        r"""Return the wedge of vectors.

        Parameters
        ----------
        vectors
            Vectors :math:`a_1, \dots, a_k`, in rows.
        tolerance
            The wedge is zero when the part of a vector orthogonal to the ones before it is at most `tolerance` times
            its length. Default: `d` times the machine epsilon.

        Raises
        ------
        InvalidInput
            If the array has not two axes, or an entry is not finite.
        """
        vectors = np.asarray(vectors)
        if vectors.ndim != 2:  # noqa: PLR2004
            raise InvalidInput(f"expected vectors in the rows of an array (k, d); got shape {vectors.shape}")
        if not np.isfinite(vectors).all():
            raise InvalidInput("expected finite entries; got NaN or infinity. Drop or impute those vectors first")
        if vectors.dtype.char not in "fd":
            vectors = vectors.astype(np.float64)
        return Blade._orthogonalise(vectors.T, tolerance)

    @staticmethod
    def from_number(value: float, dimension: int) -> "Blade":
        """Return the number `value` as a blade of grade 0 in a space of the given dimension.

        Examples
        --------
        >>> Blade.from_number(-2.0, dimension=5).wedge(Blade.from_vectors(np.eye(2, 5))).norm
        2.0
        """
        log_volume = math.log(abs(value)) if value else -math.inf
        return Blade(np.zeros((dimension, 0)), (value > 0) - (value < 0), log_volume)

    @property
    def dimension(self) -> int:
        """Dimension `d` of the space."""
        return int(self.frame.shape[0])

    @property
    def grade(self) -> int:
        """Number of vectors `k` whose wedge it is."""
        return int(self.frame.shape[1])

    @property
    def norm(self) -> float:
        """Volume, `exp(log_volume)`; infinity where that overflows."""
        with np.errstate(over="ignore"):
            return float(np.exp(self.log_volume))

    def __neg__(self) -> "Blade":
        """Turn the orientation round."""
        return Blade(self.frame, -self.sign, self.log_volume)

    def reverse(self) -> "Blade":
        """Reverse the order of the vectors: the sign changes by `(-1)**(k (k - 1) / 2)`."""
        return -self if self.grade * (self.grade - 1) // 2 % 2 else self

    def wedge(self, other: "Blade", *, tolerance: float | None = None) -> "Blade":
        r"""Return :math:`A \wedge B`, of grade the sum of the grades; zero if the subspaces meet.

        Parameters
        ----------
        other
            The blade on the right.
        tolerance
            The subspaces meet when a vector of one, after what the vectors before it leave, is within this distance of
            the other per unit length. Default: `d` times the machine epsilon.

        Raises
        ------
        InvalidInput
            If the blades live in different dimensions.
        """
        self._check_dimension(other)
        joint = self._orthogonalise(np.concatenate([self.frame, other.frame], axis=1), tolerance)
        log_volume = self.log_volume + other.log_volume + joint.log_volume
        return Blade(joint.frame, self.sign * other.sign * joint.sign, log_volume)

    def inner(self, other: "Blade") -> tuple[int, float]:
        r"""Return sign and log magnitude of :math:`\langle A, B \rangle = \det(A^T B)`, in the manner of `slogdet`.

        Blades of different grades are orthogonal. Divided by the two volumes it is the product of the cosines of the
        principal angles between the subspaces.

        Examples
        --------
        >>> plane, tilted = Blade.from_vectors(np.eye(3)[:2]), Blade.from_vectors(np.array([[1.0, 0, 0], [0, 1, 1]]))
        >>> sign, log_magnitude = plane.inner(tilted)
        >>> sign, round(float(np.exp(log_magnitude)), 12)
        (1, 1.0)
        """
        self._check_dimension(other)
        if self.grade != other.grade:
            return 0, -math.inf
        sign, log_cosine = np.linalg.slogdet(self.frame.T @ other.frame)
        sign = int(sign) * self.sign * other.sign
        return sign, self.log_volume + other.log_volume + float(log_cosine) if sign else -math.inf

    def project(self, vectors: Float[np.ndarray, "*batch d"]) -> Float[np.ndarray, "*batch d"]:
        """Project vectors orthogonally onto the subspace; a zero blade projects to zero."""
        return np.asarray(vectors @ self.frame @ self.frame.T)

    def reject(self, vectors: Float[np.ndarray, "*batch d"]) -> Float[np.ndarray, "*batch d"]:
        """Return the part of vectors orthogonal to the subspace, to working precision.

        The frame is taken out twice: once leaves rounding errors of the size of the vector rather than of the result.
        """
        rejected = vectors - self.project(vectors)
        return np.asarray(rejected - self.project(rejected))

    def dual(self) -> "Blade":
        r"""Return the Hodge dual, of grade `d - k`, equal volume, and with :math:`A \wedge \star A = |A|^2 I`.

        Its frame is an orthonormal basis of the orthogonal complement. The dual of a zero blade is zero.
        """
        complete, _ = np.linalg.qr(self.frame, mode="complete")
        complement = complete[:, self.grade :]
        if not self.sign:
            return Blade(np.zeros_like(complement), 0, -math.inf)
        orientation, _ = np.linalg.slogdet(np.concatenate([self.frame, complement], axis=1))
        return Blade(complement, self.sign * int(orientation), self.log_volume)

    def undual(self) -> "Blade":
        r"""Return the blade whose Hodge dual this is; of a wedge of `d - 1` vectors, their cross product."""
        dual = self.dual()
        return -dual if self.grade * dual.grade % 2 else dual

    @staticmethod
    def _orthogonalise(columns: Float[np.ndarray, "d k"], tolerance: float | None) -> "Blade":
        dimension, grade = columns.shape
        if tolerance is None:
            tolerance = dimension * float(np.finfo(columns.dtype).eps)
        _, exponents = np.frexp(np.abs(columns).max(axis=0, initial=0))
        columns = np.ldexp(columns, -exponents)
        if grade <= dimension:
            frame, triangle = np.linalg.qr(columns)
            heights = triangle.diagonal().astype(np.float64)
            if np.all(np.abs(heights) > tolerance * np.linalg.norm(columns, axis=0)):
                log_volume = float(np.log(np.abs(heights)).sum() + math.log(2) * exponents.sum())
                return Blade(frame, 1 - 2 * (int(np.count_nonzero(heights < 0)) % 2), log_volume)
        return Blade(np.zeros(columns.shape, columns.dtype), 0, -math.inf)

    def _check_dimension(self, other: "Blade") -> None:
        if self.dimension != other.dimension:
            raise InvalidInput(
                f"both blades must live in one space; got dimensions {self.dimension} and {other.dimension}"
            )
