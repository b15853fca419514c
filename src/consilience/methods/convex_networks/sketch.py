r"""Randomised geometric algebra: cross products, volumes and inner products from Gaussian sketches.

A sketch is a random map `S` from `d` to `m` dimensions. Three statements hold exactly, at every size:

* lifting, :math:`w = S^T \times(S a_1, \dots, S a_{r-1})` with `r` rows, gives a vector orthogonal to all
  :math:`a_j`, for any `S` whatever;
* for Gaussian `S` and independent :math:`a_j` the direction of `w` is uniform on the unit sphere of their orthogonal
  complement, so that no sketch, and no determinant, is needed to draw it: see `random_cross`;
* for Gaussian `S` with entries of variance `1 / m`, :math:`E \det((SA)^T SB)` is :math:`m! / ((m-k)! \, m^k)` times
  :math:`\det(A^T B)`, and for `A = B` the whole law is known: see `volume_law`.

Source: arXiv:2406.02806 for the idea of sketched, lifted cross products; the laws are derived in `docs/methods`.
"""

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from jaxtyping import Float

from consilience.ground.errors import InvalidInput
from consilience.ground.intervals import require_level
from consilience.methods.convex_networks.blades import Blade
from consilience.methods.convex_networks.cross_products import cross
from consilience.methods.convex_networks.volume_law import SketchedVolumeLaw, interval


def random_cross(
    rows: Float[np.ndarray, "*batch k d"], generator: np.random.Generator
) -> Float[np.ndarray, "*batch d"]:
    r"""Draw a unit vector uniformly among those orthogonal to the given rows.

    Its law is that of the lifted cross product of the rows under a fresh Gaussian sketch, `lifted_cross`. It is drawn
    as a Gaussian vector from which the span of the rows is taken out, twice, so that it is orthogonal to rounding.

    Parameters
    ----------
    rows
        Vectors to be orthogonal to, in rows; leading axes are batch, and get independent draws. They may be linearly
        dependent, and there may be none of them. Not modified.
    generator
        Source of randomness.

    Returns
    -------
    Float[np.ndarray, "*batch d"]
        Unit vectors, in the precision of the rows.

    Raises
    ------
    InvalidInput
        If the rows span the whole space, or there are `d` of them or more, or an entry is not finite.

    Notes
    -----
    Cost `O(d k^2)` an item, for a cross product of `k` vectors of any dimension.

    Examples
    --------
    >>> rows = np.array([[1.0, 2.0, 0.0, 0.0], [0.0, 1.0, 3.0, 0.0]])
    >>> normal = random_cross(rows, np.random.default_rng(0))
    >>> bool(np.abs(rows @ normal).max() < 1e-15)
    True
    """
    rows = np.asarray(rows)
    if rows.ndim < 2 or rows.shape[-2] >= rows.shape[-1]:  # noqa: PLR2004
        raise InvalidInput(
            f"expected fewer rows than dimensions, as (..., rows, dimension); got shape {rows.shape}. "
            "Nothing is orthogonal to a basis of the space"
        )
    if not np.isfinite(rows).all():
        raise InvalidInput("expected finite entries; got NaN or infinity. Drop or impute those rows first")
    if rows.dtype.char not in "fd":
        rows = rows.astype(np.float64)
    frames = _orthonormal_frames(rows)
    drawn = generator.standard_normal((*rows.shape[:-2], rows.shape[-1], 1)).astype(rows.dtype, copy=False)
    for _ in range(2):
        drawn -= frames @ (frames.swapaxes(-1, -2) @ drawn)
    normal = drawn[..., 0]
    return np.asarray(normal / np.linalg.norm(normal, axis=-1, keepdims=True))


def lifted_cross(
    rows: Float[np.ndarray, "*batch k d"], sketch: Float[np.ndarray, "*#batch r d"]
) -> Float[np.ndarray, "*batch d"]:
    r"""Return the direction of :math:`S^T \times(S a_1, \dots, S a_{r-1})`, the lifted cross product of sketched rows.

    Parameters
    ----------
    rows
        Vectors :math:`a_1, \dots, a_{r-1}`, in rows; leading axes are batch.
    sketch
        Matrix `S` with one row more than `rows`. A sketch shared by a batch puts all results into the span of its `r`
        rows; give each item its own unless that is meant.

    Returns
    -------
    Float[np.ndarray, "*batch d"]
        Unit vectors orthogonal to the rows, or zero where the sketched rows, or those of the sketch, are dependent.

    Raises
    ------
    InvalidInput
        If the shapes do not fit, or an entry is not finite.

    Examples
    --------
    >>> generator = np.random.default_rng(0)
    >>> rows, sketch = generator.standard_normal((3, 50)), generator.standard_normal((4, 50))
    >>> bool(np.abs(rows @ lifted_cross(rows, sketch)).max() < 1e-14)
    True
    """
    rows, sketch = np.asarray(rows), np.asarray(sketch)
    if rows.ndim < 2 or sketch.shape[-2:] != (rows.shape[-2] + 1, rows.shape[-1]):  # noqa: PLR2004
        raise InvalidInput(
            "a sketch must have one row more than the vectors and equally many columns; "
            f"got vectors of shape {rows.shape} and a sketch of shape {sketch.shape}"
        )
    product = cross(rows @ sketch.swapaxes(-1, -2))
    lifted = np.einsum("...r,...rd->...d", product.direction, sketch)
    lengths = np.linalg.norm(lifted, axis=-1, keepdims=True)
    # Where the sketch maps the product to rounding errors, they are no direction.
    rounding = sketch.shape[-1] * np.finfo(lifted.dtype).eps * np.linalg.norm(sketch, axis=(-2, -1))[..., None]
    return np.asarray(np.where(lengths > rounding, lifted, 0) / np.where(lengths > rounding, lengths, 1))


def gaussian_sketch(size: int, dimension: int, generator: np.random.Generator) -> Float[np.ndarray, "m d"]:
    """Return a sketch with `size` rows and independent normal entries of variance `1 / size`.

    Raises
    ------
    InvalidInput
        If `size` is less than 1.
    """
    if size < 1:
        raise InvalidInput(f"a sketch must have at least 1 row; got `size` {size}")
    return np.asarray(generator.standard_normal((size, dimension)) / math.sqrt(size))


@dataclass(frozen=True, kw_only=True)
class SketchedVolume:
    """Estimate of a volume from a sketch, with an exact confidence interval; all as natural logarithms."""

    log_volume: float
    """Log of the estimated volume, whose square is unbiased."""
    log_low: float
    """Log of the lower end of the interval."""
    log_high: float
    """Log of the upper end of the interval."""
    level: float
    """Probability that the interval holds the true volume, exact."""


def sketched_volume(
    vectors: Float[np.ndarray, "k d"], size: int, generator: np.random.Generator, *, level: float = 0.95
) -> SketchedVolume:
    r"""Estimate the volume :math:`|a_1 \wedge \dots \wedge a_k|` from a Gaussian sketch of the vectors.

    Parameters
    ----------
    vectors
        The vectors, in rows.
    size
        Number of rows `m` of the sketch, at least `k`. The squared volume has relative variance
        :math:`\prod_{i<k} (1 + 2/(m-i)) - 1`, about `2 k / m`.
    generator
        Source of randomness.
    level
        Probability with which the interval is to hold the volume.

    Returns
    -------
    SketchedVolume
        Estimate and interval. The interval is exact, not asymptotic: see `SketchedVolumeLaw`. Dependent vectors give
        minus infinity for all three.

    Raises
    ------
    InvalidInput
        If there are no vectors or more than `size`, or `level` is not between 0 and 1.

    Examples
    --------
    >>> estimate = sketched_volume(np.eye(4, 500), 60, np.random.default_rng(0))
    >>> estimate.log_low < 0.0 < estimate.log_high
    True
    """
    grade, dimension = vectors.shape
    low, high = interval(grade, size, level)
    sketched = Blade.from_vectors(vectors @ gaussian_sketch(size, dimension, generator).T)
    log_volume = sketched.log_volume - SketchedVolumeLaw(grade, size).log_factor / 2
    return SketchedVolume(
        log_volume=log_volume,
        log_low=log_volume - math.log(high) / 2,
        log_high=log_volume - math.log(low) / 2,
        level=level,
    )


@dataclass(frozen=True, kw_only=True)
class SketchedInner:
    """Estimate of an inner product of blades from a sketch, in units of `exp(log_scale)`."""

    value: float
    """Unbiased estimate."""
    standard_error: float
    """Standard deviation of `value` by the exact formula, at the principal angles seen in the sketch."""
    low: float
    """Lower end of the interval."""
    high: float
    """Upper end of the interval."""
    log_scale: float
    """Log of the unit of all four: the product of the two estimated volumes, so that `value` is about a cosine."""
    level: float
    """Nominal probability that the interval holds the true inner product."""


def sketched_inner(
    left: Float[np.ndarray, "k d"],
    right: Float[np.ndarray, "k d"],
    size: int,
    generator: np.random.Generator,
    *,
    level: float = 0.95,
) -> SketchedInner:
    r"""Estimate :math:`\langle A, B \rangle = \det(A^T B)` of two blades from one Gaussian sketch of both.

    Parameters
    ----------
    left, right
        Vectors whose wedges are the blades, `k` each, in rows.
    size
        Number of rows `m` of the sketch, at least `k`.
    generator
        Source of randomness.
    level
        Probability with which the interval is to hold the inner product.

    Returns
    -------
    SketchedInner
        Estimate and interval. That the estimate is unbiased is exact, and so is `inner_variance` at the true principal
        angles. The interval is approximate: it takes the angles from the sketch, and normal quantiles on a scale on
        which the variance is constant. Nominal 95 % intervals held the truth in 93 to 99 % of the cases tried.

    Raises
    ------
    InvalidInput
        If the shapes differ, there are no vectors or more than `size`, or `level` is not between 0 and 1.

    Examples
    --------
    >>> vectors = np.eye(3, 200)
    >>> estimate = sketched_inner(vectors, vectors, 400, np.random.default_rng(0))
    >>> estimate.low < math.exp(-estimate.log_scale) < estimate.high
    True
    """
    if left.shape != right.shape:
        raise InvalidInput(f"blades must have equally many vectors of one dimension; got {left.shape}, {right.shape}")
    require_level(level)
    grade, dimension = left.shape
    law = SketchedVolumeLaw(grade, size)
    sketch = gaussian_sketch(size, dimension, generator)
    first, second = Blade.from_vectors(left @ sketch.T), Blade.from_vectors(right @ sketch.T)
    # The two estimated volumes take up half of the factor each, which leaves the cosine between the sketches.
    overlap = first.frame.T @ second.frame
    value = first.sign * second.sign * float(np.linalg.det(overlap))
    variance = inner_variance(np.linalg.svd(overlap, compute_uv=False).clip(0, 1), size)
    low, high = _stabilised_interval(value, variance, law.variance, level)
    return SketchedInner(
        value=value,
        standard_error=math.sqrt(variance),
        low=low,
        high=high,
        log_scale=first.log_volume + second.log_volume - law.log_factor,
        level=level,
    )


def _stabilised_interval(value: float, variance: float, relative_variance: float, level: float) -> tuple[float, float]:
    r"""Return an interval for a mean whose estimate has variance :math:`a^2 + b^2 \mu^2`.

    On the scale of :math:`\operatorname{arsinh}(b \mu / a)` the standard deviation is `b` everywhere: a normal interval
    there is normal for orthogonal blades, log-normal for parallel ones, as the skewed law of volumes asks for.
    """
    b = math.sqrt(math.log1p(relative_variance))
    a = math.sqrt(max(variance - relative_variance * value**2, 1e-24))
    reach = NormalDist().inv_cdf((1 + level) / 2) * b
    centre = math.asinh(b * value / a)
    centre += b**2 / 2 * math.tanh(centre)
    return a / b * math.sinh(centre - reach), a / b * math.sinh(centre + reach)


def inner_variance(cosines: Float[np.ndarray, " k"], size: int) -> float:
    r"""Return the variance of the sketched inner product of two unit blades, exactly.

    With principal angles :math:`\theta_i` between the blades and a Gaussian sketch of size `m`, the second moment is

    .. math:: \sum_{j=0}^{k} E_j \, (k-j)! \, \frac{\prod_{i<j} (m-i+2)}{\prod_{i<k} (m-i)} , \qquad
       E_j = \sum_{|J|=j} \prod_{i \in J} \cos^2\theta_i \prod_{i \notin J} \sin^2\theta_i ,

    and the squared mean is :math:`\prod_i \cos^2\theta_i`. Equal blades give the variance of `SketchedVolumeLaw`,
    and single vectors :math:`(1 + \cos^2\theta) / m`.

    Parameters
    ----------
    cosines
        Cosines of the `k` principal angles.
    size
        Number of rows `m` of the sketch, at least `k`.

    Notes
    -----
    Derivation: with :math:`A = [e_i]` and :math:`B = [\cos\theta_i e_i + \sin\theta_i f_i]`, `SA = QR` leaves
    :math:`\det R \, \det(R C + Z \Sigma)` with an independent Gaussian `Z`. Expanded by columns, distinct subsets `J`
    are uncorrelated, and the squared volumes of the columns of `R` in `J` are products of chi-squares.

    Examples
    --------
    >>> round(inner_variance(np.array([0.6]), size=100), 12)
    0.0136
    """
    grade = len(cosines)
    law = SketchedVolumeLaw(grade, size)
    squares = np.asarray(cosines, dtype=np.float64) ** 2
    # Coefficients of prod_i (sin^2 + cos^2 x) are the E_j, lowest power first.
    spread = np.ones(1)
    for square in squares:
        spread = np.convolve(spread, [1 - square, square])
    degrees = law.degrees_of_freedom
    rising = np.concatenate([[0.0], np.cumsum(np.log(degrees + 2))])
    falling = np.array([math.lgamma(grade - j + 1) for j in range(grade + 1)])
    moments = spread * np.exp(rising + falling - np.log(degrees).sum())
    return float(moments.sum() - squares.prod())


def _orthonormal_frames(rows: Float[np.ndarray, "*batch k d"]) -> Float[np.ndarray, "*batch d k"]:
    """Return orthonormal bases of the spans in columns, filled up with zeros where rows are dependent."""
    columns = rows.swapaxes(-1, -2)
    frames, triangles = np.linalg.qr(columns)
    tolerance = rows.shape[-1] * np.finfo(rows.dtype).eps
    heights = np.abs(np.diagonal(triangles, axis1=-2, axis2=-1))
    dependent = np.any(heights <= tolerance * np.linalg.norm(columns, axis=-2), axis=-1)
    if dependent.any():
        left, singular_values, _ = np.linalg.svd(columns[dependent], full_matrices=False)
        kept = singular_values > tolerance * singular_values.max(axis=-1, keepdims=True)
        frames[dependent] = left * kept[..., None, :]
    return np.asarray(frames)
