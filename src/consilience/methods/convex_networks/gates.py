r"""Gates: the half-spaces whose activation patterns the convex programs sum over.

A gate :math:`(g, c)` is active on a sample when :math:`\langle x, g\rangle + c \ge 0`. Any choice
of gates gives a valid convex program; which choice serves best is an empirical question that
`consilience reproduce convex_networks` reports on (claim ``convex.gates``).

==========  =====================================================================================
kind        how a gate is drawn (points by sample weight, from the distinct rows)
==========  =====================================================================================
gaussian    :math:`g \sim N(0, I)`, :math:`c \sim N(0, 1)`: the paper's baseline
datum       :math:`g \sim N(0, I)`, the boundary passes through a random sample
cross       through a random sample, g orthogonal to ``rank - 1`` random differences of samples:
            the lifted generalized cross product of a Gaussian sketch to ``rank`` dimensions;
            full rank gives the cross product of ``d`` points
pca         cross products of ``rank`` points in the subspace of the ``rank`` leading
            principal components
pair        the perpendicular bisector of two random samples
==========  =====================================================================================

Source: arXiv:2406.02806, sketched cross products. That a Gaussian sketch equals, in law, a Gaussian
direction deflated against the differences is proved in the documentation.

The boundary rule. A sample that defines a boundary lies on it, where its bit would be rounding
noise. Every offset is therefore raised, once, by 1e-7 times the largest distance of a sample from
the centre: such samples are active, here, in prediction and in every export alike. Where an outlier
lies so far off that most samples are within this of each other, gates cannot tell them apart, and a
warning says so.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

import numpy as np
from jaxtyping import Bool, Float, Int

from consilience.ground.errors import InvalidInput
from consilience.methods.convex_networks.canonical import Matrix, is_sparse
from consilience.methods.convex_networks.cross_products import cross

__all__ = ["GIB", "GateKind", "GateSource", "Gates", "PointCloud", "draw_gates"]

GateKind = Literal["gaussian", "datum", "cross", "pca", "pair"]
"""How gates are drawn."""

GateSource: TypeAlias = "GateKind | Callable[[PointCloud, int, np.random.Generator], Gates] | np.ndarray"
"""A kind, a function of (points, number of gates, generator) that returns `Gates`, or an array of
shape (gates, d + 1) whose last column holds the offsets."""

GIB = 2.0**30
"""What memory limits are counted in."""
BOUNDARY_MARGIN = 1e-7
ROUNDING = 64 * float(np.finfo(np.float64).eps)
"""Distances below this share of the largest norm are rounding."""
_FAR_OFF = 100
"""Outliers are looked for where the farthest sample has at least one part in so many of all squared distances."""
RANK_TOLERANCE = 1e-6
"""Smallest singular value, relative to the largest, of a principal axis that counts.

Ten boundary margins, so that gates can tell samples apart along it, and well above what rounding leaves of a constant
feature in a second moment, about 1e-8. Anything larger drops axes that real, unscaled tables have.
"""
PCA_DIMENSIONS = 16


@dataclass(frozen=True, kw_only=True)
class Gates:
    """Half-spaces in the feature space of the samples.

    Examples
    --------
    >>> gates = Gates(vectors=np.array([[1.0, 0.0]]), offsets=np.array([-1.0]))
    >>> gates.patterns(np.array([[2.0, 5.0], [0.0, 5.0]])).ravel().tolist()
    [True, False]
    """

    vectors: Float[np.ndarray, "g d"]
    """Normals, one a row."""
    offsets: Float[np.ndarray, " g"]
    """Offsets: a gate is active where x @ vector + offset is not negative."""

    def patterns(self, features: Matrix) -> Bool[np.ndarray, "n g"]:
        """Return which gates are active on which samples; always compared in double precision."""
        scores = np.asarray(features.astype(np.float64, copy=False) @ self.vectors.T)
        active: np.ndarray = scores + self.offsets >= 0.0
        return active

    def take(self, chosen: np.ndarray) -> Gates:
        """Return some of the gates."""
        return Gates(vectors=self.vectors[chosen], offsets=self.offsets[chosen])


class PointCloud:
    """Weighted distinct samples as gate kinds see them: centre, extent, rank, random points.

    Parameters
    ----------
    features : array or CSR, shape (n, d)
    weights : array, shape (n,)
        Positive.
    memory_limit_gib : float, optional
        Dense points and principal axes that need more are refused with `InvalidInput`.
    """

    def __init__(
        self, features: Matrix, weights: Float[np.ndarray, " n"], *, memory_limit_gib: float = math.inf
    ) -> None:
        self.features = features
        self.memory_limit_gib = memory_limit_gib
        self.probabilities = weights / weights.sum()
        self.centre: Float[np.ndarray, " d"] = np.asarray(features.T @ self.probabilities).ravel()
        if is_sparse(features):
            squares = np.asarray(features.multiply(features).sum(axis=1)).ravel()
            distances = squares - 2.0 * (features @ self.centre) + self.centre @ self.centre
            rounding = ROUNDING * squares.max()
        else:
            squares = np.einsum("nd,nd->n", features, features)
            # Far from the origin the difference of squares above would be all rounding.
            centred = features - self.centre
            distances = np.einsum("nd,nd->n", centred, centred)
            rounding = ROUNDING**2 * squares.max()
        self.squared_distances: Float[np.ndarray, " n"] = np.where(distances > rounding, distances, 0.0)
        """Squared distance of every sample from the centre."""
        self.largest_norm = float(np.sqrt(squares.max()))

    @property
    def extent(self) -> float:
        """The largest distance of a sample from the centre."""
        return float(np.sqrt(self.squared_distances.max()))

    def points(self, chosen: Int[np.ndarray, "*points"]) -> Float[np.ndarray, "*points d"]:
        """Return samples minus the centre, dense."""
        count, dimension = len(chosen), self.features.shape[1]
        # The points before and after they are centred, and the normals that come of them with what they are made from.
        need = 8.0 * dimension * (2 * chosen.size + 3 * count)
        if need > self.memory_limit_gib * GIB:
            each = f" with {chosen.size // count} points each" if chosen.ndim > 1 else ""
            raise InvalidInput(
                f"{count} gates{each} in {dimension} features need {need / GIB:.3g} GiB, more than "
                f"memory_limit_gib={self.memory_limit_gib:g}; {int(count * self.memory_limit_gib * GIB / need)} gates "
                "would fit."
            )
        rows = self.features[chosen.ravel()]
        dense: np.ndarray = rows.toarray() if is_sparse(rows) else rows
        return np.asarray(dense.reshape(*chosen.shape, -1) - self.centre)

    def draw(self, gates: int, points: int, generator: np.random.Generator) -> Int[np.ndarray, "gates points"]:
        """Draw distinct samples for every gate, by weight.

        Raises
        ------
        InvalidInput
            If there are fewer distinct samples than a gate needs.
        """
        count = len(self.probabilities)
        if points > count:
            raise InvalidInput(
                f"these gates pass through {points} points each, but there are only {count} "
                "distinct samples; use a smaller rank, or gates='datum'."
            )
        if points == 1:
            cumulative = np.cumsum(self.probabilities)
            uniform = generator.random(gates) * cumulative[-1]
            return np.asarray(np.searchsorted(cumulative, uniform, side="right")[:, None].clip(0, count - 1))
        chosen = np.empty((gates, points), dtype=np.int64)
        for gate in range(gates):
            # Exponential races: the earliest `points` arrivals are a draw without replacement.
            arrival = generator.exponential(size=count) / self.probabilities
            chosen[gate] = np.argpartition(arrival, points - 1)[:points]
        return chosen

    def principal_axes(self, most: int | None = None) -> Float[np.ndarray, "d r"]:
        """Return the leading principal axes of the centred samples, up to the numerical rank."""
        if is_sparse(self.features):
            self._check_axes()
            weighted = self.features.multiply(self.probabilities[:, None]).tocsr()
            second = (self.features.T @ weighted).toarray() - np.outer(self.centre, self.centre)
        else:
            centred = (self.features - self.centre) * np.sqrt(self.probabilities)[:, None]
            if centred.shape[0] < centred.shape[1]:
                _, singular, axes = np.linalg.svd(centred, full_matrices=False)
                return self._leading(singular, axes.T, most)
            second = centred.T @ centred
        values, axes = np.linalg.eigh(second)
        return self._leading(np.sqrt(np.maximum(values[::-1], 0.0)), axes[:, ::-1], most)

    def _check_axes(self) -> None:
        """Refuse sparse samples whose second moment, which is dense, is too large: with what eigh takes, five of it."""
        dimension = self.features.shape[1]
        need = 5.0 * 8.0 * dimension**2
        if need > self.memory_limit_gib * GIB:
            fits = math.isqrt(int(self.memory_limit_gib * GIB / 40.0))
            raise InvalidInput(
                f"the principal axes of {dimension} sparse features need {need / GIB:.3g} GiB, more than "
                f"memory_limit_gib={self.memory_limit_gib:g}; {fits} features would fit, or use gates='datum'."
            )

    @staticmethod
    def _leading(
        singular: Float[np.ndarray, " r"], axes: Float[np.ndarray, "d r"], most: int | None
    ) -> Float[np.ndarray, "d s"]:
        rank = int(np.sum(singular > RANK_TOLERANCE * singular[0])) if singular[0] > 0 else 0
        leading: np.ndarray = axes[:, : max(min(rank, most or rank), 1)]
        # Signs of eigenvectors are arbitrary: the largest entry is made positive.
        largest = np.argmax(np.abs(leading), axis=0)
        return leading * np.where(leading[largest, np.arange(leading.shape[1])] < 0, -1.0, 1.0)


class _Drawing(Protocol):
    def __call__(self, cloud: PointCloud, gates: int, rank: int | None, generator: np.random.Generator) -> Gates: ...


def draw_gates(
    source: GateSource,
    cloud: PointCloud,
    gates: int,
    generator: np.random.Generator,
    *,
    rank: int | None = None,
) -> tuple[Gates, Bool[np.ndarray, "n p"]]:
    """Draw gates, put samples on a boundary inside it, and drop what is redundant.

    Gates that are active everywhere or nowhere, and gates whose pattern on the samples another
    gate already has, are dropped: they define no block of their own. The first gate returned is
    the one that is active everywhere, so that a linear model is nested in every network.

    Parameters
    ----------
    source : kind, callable or array
        See `GateSource`.
    cloud : PointCloud
    gates : int
        How many to draw; not negative. Zero leaves the linear model. Ignored for an array.
    generator : numpy.random.Generator
    rank : int, optional
        For "cross", the number of points of a gate (default: the rank of the samples); for
        "pca", the dimension of the subspace (default: at most 16).

    Returns
    -------
    gates : Gates
        With the always-active gate first.
    patterns : bool array, shape (n, number of gates)

    Raises
    ------
    InvalidInput
        For an unknown kind, a rank outside 1..d, or an array of the wrong shape.
    """
    dimension = cloud.features.shape[1]
    drawn = _from_source(source, cloud, gates, generator, rank)
    if drawn.vectors.shape[1] != dimension or not (
        np.isfinite(drawn.vectors).all() and np.isfinite(drawn.offsets).all()
    ):
        raise InvalidInput(
            f"gates must be finite with vectors of {dimension} features; got vectors of shape {drawn.vectors.shape}."
        )
    drawn = _with_margin(drawn, cloud)
    patterns = drawn.patterns(cloud.features)
    kept = _distinct_columns(patterns)
    always = Gates(vectors=np.zeros((1, dimension)), offsets=np.ones(1))
    everywhere = np.ones((patterns.shape[0], 1), dtype=bool)
    chosen = drawn.take(kept)
    return (
        Gates(
            vectors=np.concatenate([always.vectors, chosen.vectors]),
            offsets=np.concatenate([always.offsets, chosen.offsets]),
        ),
        np.concatenate([everywhere, patterns[:, kept]], axis=1),
    )


def _from_source(
    source: GateSource,
    cloud: PointCloud,
    gates: int,
    generator: np.random.Generator,
    rank: int | None,
) -> Gates:
    dimension = cloud.features.shape[1]
    if isinstance(source, str):
        if source not in _DRAWINGS:
            raise InvalidInput(f"gates must be one of {sorted(_DRAWINGS)}, a callable or an array; got {source!r}.")
        if rank is not None and rank < 1:
            raise InvalidInput(f"rank must be at least 1; got {rank}.")
        if gates == 0 or cloud.extent == 0.0:
            return Gates(vectors=np.zeros((0, dimension)), offsets=np.zeros(0))
        return _DRAWINGS[source](cloud, gates, rank, generator)
    if callable(source):
        drawn = source(cloud, gates, generator)
        if not isinstance(drawn, Gates):
            raise InvalidInput(f"a gates callable must return Gates; got {type(drawn).__name__}.")
        return drawn
    array = np.asarray(source, dtype=np.float64)
    if array.shape[1:] != (dimension + 1,):
        raise InvalidInput(
            f"a gates array must have shape (gates, {dimension + 1}), offsets in the last column; got {array.shape}."
        )
    return Gates(vectors=array[:, :-1], offsets=array[:, -1])


def _gaussian(cloud: PointCloud, gates: int, rank: int | None, generator: np.random.Generator) -> Gates:
    del rank
    vectors = generator.standard_normal((gates, cloud.features.shape[1]))
    return Gates(vectors=vectors, offsets=generator.standard_normal(gates))


def _datum(cloud: PointCloud, gates: int, rank: int | None, generator: np.random.Generator) -> Gates:
    del rank
    vectors = generator.standard_normal((gates, cloud.features.shape[1]))
    through = cloud.points(cloud.draw(gates, 1, generator)[:, 0])
    return _through(vectors, through, cloud)


def _cross(cloud: PointCloud, gates: int, rank: int | None, generator: np.random.Generator) -> Gates:
    axes = cloud.principal_axes()
    full = axes.shape[1]
    points = _checked_rank(rank, full, default=full)
    chosen = cloud.points(cloud.draw(gates, points, generator)) @ axes
    vectors = generator.standard_normal((gates, full))
    if points > 1:
        vectors = _deflated(vectors, chosen[:, 1:] - chosen[:, :1])
    return _through(vectors @ axes.T, chosen[:, 0] @ axes.T, cloud)


def _pca(cloud: PointCloud, gates: int, rank: int | None, generator: np.random.Generator) -> Gates:
    available = cloud.principal_axes()
    default = min(PCA_DIMENSIONS, available.shape[1])
    axes = available[:, : _checked_rank(rank, available.shape[1], default=default)]
    chosen = cloud.points(cloud.draw(gates, axes.shape[1], generator)) @ axes
    if axes.shape[1] == 1:
        vectors = generator.choice([-1.0, 1.0], size=(gates, 1))
    else:
        normal, _, _ = cross(chosen[:, 1:] - chosen[:, :1])
        vectors = normal * generator.choice([-1.0, 1.0], size=(gates, 1))
    return _through(vectors @ axes.T, chosen[:, 0] @ axes.T, cloud)


def _pair(cloud: PointCloud, gates: int, rank: int | None, generator: np.random.Generator) -> Gates:
    del rank
    ends = cloud.points(cloud.draw(gates, 2, generator))
    return _through(ends[:, 1] - ends[:, 0], (ends[:, 0] + ends[:, 1]) / 2.0, cloud)


_DRAWINGS: dict[str, _Drawing] = {
    "gaussian": _gaussian,
    "datum": _datum,
    "cross": _cross,
    "pca": _pca,
    "pair": _pair,
}


def _checked_rank(rank: int | None, full: int, *, default: int) -> int:
    if rank is None:
        return default
    if rank > full:
        raise InvalidInput(f"rank must be at most the rank of the samples, {full}; got {rank}.")
    return rank


def _deflated(vectors: Float[np.ndarray, "g r"], against: Float[np.ndarray, "g k r"]) -> Float[np.ndarray, "g r"]:
    """Project every vector off the span of its rows, twice (once is not enough in floating point).

    In law this is the lifted cross product of a Gaussian sketch to k + 1 dimensions.
    """
    frames, _ = np.linalg.qr(np.swapaxes(against, 1, 2))
    for _ in range(2):
        inside = np.swapaxes(frames, 1, 2) @ vectors[:, :, None]
        vectors = vectors - (frames @ inside)[:, :, 0]
    return vectors


def _through(vectors: Float[np.ndarray, "g d"], points: Float[np.ndarray, "g d"], cloud: PointCloud) -> Gates:
    """Make gates of unit normal whose boundary passes through centred points."""
    lengths = np.linalg.norm(vectors, axis=1)
    proper = lengths > 0.0
    vectors = vectors[proper] / lengths[proper, None]
    offsets = -np.einsum("gd,gd->g", vectors, points[proper] + cloud.centre)
    return Gates(vectors=vectors, offsets=offsets)


def _with_margin(gates: Gates, cloud: PointCloud) -> Gates:
    lengths = np.linalg.norm(gates.vectors, axis=1)
    rounding = ROUNDING * cloud.largest_norm
    _warn_of_outliers(cloud)
    margin = lengths * max(BOUNDARY_MARGIN * cloud.extent, rounding)
    return Gates(vectors=gates.vectors, offsets=gates.offsets + margin)


def _warn_of_outliers(cloud: PointCloud) -> None:
    """Say so where the margin, a share of the largest distance, takes most samples to one side of every gate."""
    squares = cloud.squared_distances
    if squares.max() * _FAR_OFF < squares.sum():
        return
    if is_sparse(cloud.features):  # the middle of most columns of such samples is zero
        lengths = np.sqrt(np.asarray(cloud.features.multiply(cloud.features).sum(axis=1)).ravel())
    else:
        features = np.asarray(cloud.features, dtype=np.float64)
        lengths = np.linalg.norm(features - np.median(features, axis=0), axis=1)
    typical = float(np.median(lengths))
    if typical < BOUNDARY_MARGIN * cloud.extent:
        warnings.warn(
            f"most samples lie within {typical:.2g} of their middle and some {cloud.extent:.2g} off: gates do not tell "
            "the former apart. Leave outliers out, or transform the column, as by its logarithm or its ranks.",
            RuntimeWarning,
            stacklevel=2,
        )


def _distinct_columns(patterns: Bool[np.ndarray, "n g"]) -> Int[np.ndarray, " k"]:
    """Return the columns that are neither constant nor a repetition, in order of appearance."""
    active = patterns.sum(axis=0)
    mixed = np.flatnonzero((active > 0) & (active < patterns.shape[0]))
    packed = np.packbits(patterns[:, mixed], axis=0)
    keys = np.ascontiguousarray(packed.T)
    rows = keys.view(np.dtype((np.void, keys.shape[1]))).ravel() if keys.size else keys[:, :0]
    if keys.size == 0:
        return mixed
    _, first = np.unique(rows, return_index=True)
    return mixed[np.sort(first)]
