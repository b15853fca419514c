r"""Activation cells: every sign pattern that a half-space can leave on a data set.

As a gate :math:`g` turns, the set of samples with :math:`\langle x_i, g \rangle \ge 0` changes only when `g` crosses
one of the hyperplanes :math:`\{g : \langle x_i, g \rangle = 0\}`. These cut the space of gates into finitely many
cones, the cells, and a ReLU neuron is linear in its weights on each of them. Enumerating the cells is what turns the
training of a two-layer network into one convex program; it is feasible while the rank is small.

The enumeration walks over the rays of the arrangement. Once the data are reduced to their row space every cell is a
pointed cone, so it is found at one of its extreme rays, where it is a cell of the smaller arrangement of the samples
that vanish there. Nothing is sampled, and coincident hyperplanes or concurrent ones need no special treatment.

What coincides is told up to rounding, unless the samples lie so wide apart that this would make ordinary ones one: then
it is told exactly, in whole numbers (`consilience.methods.convex_networks.whole_numbers`).
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from math import comb

import numpy as np
from jaxtyping import Bool, Float, Int8, Shaped

from consilience.ground.errors import InvalidInput
from consilience.methods.convex_networks import whole_numbers
from consilience.methods.convex_networks.cross_products import cross
from consilience.methods.convex_networks.whole_numbers import Whole

ON_HYPERPLANE = 1e-10
"""A unit sample within this distance of a hyperplane counts as lying on it, and unit samples this close as parallel."""

_CONSTANT = whole_numbers.OWN_ROUNDING
"""A column that varies by less than this part of its size is constant, up to rounding."""

_LARGEST = 1e150
"""Samples beyond this have no length in double precision."""


@dataclass(frozen=True, kw_only=True)
class Cells:
    """All activation cells of a data set, each with a gate from its interior.

    Parameters
    ----------
    patterns : array of shape (n_samples, n_cells)
        ``patterns[i, c]`` tells whether sample `i` is active in cell `c`; columns are distinct and in lexical order.
        Samples that are zero are active everywhere, as the closed rule ``x @ g >= 0`` has it.
    interiors : array of shape (n_cells, n_features)
        A gate strictly inside each cell, of unit length. With a bias the last number is the gate's offset.
    rank : int
        Rank of the samples, with their constant column if there is a bias.
    """

    patterns: Bool[np.ndarray, "sample cell"]
    interiors: Float[np.ndarray, "cell feature"]
    rank: int

    @property
    def n_cells(self) -> int:
        """How many cells there are."""
        return int(self.patterns.shape[1])


def count_cells(n_samples: int, rank: int) -> int:
    r"""Count the cells of `n_samples` central hyperplanes in general position; otherwise there are at most as many.

    .. math:: 2 \sum_{k=0}^{r-1} \binom{n-1}{k}

    Parameters
    ----------
    n_samples : int
        Number of hyperplanes :math:`n`, one for each sample that is not zero.
    rank : int
        Rank :math:`r` of the samples. For gates with a bias it is the rank of the samples beside a constant column.

    References
    ----------
    Cover, "Geometrical and statistical properties of systems of linear inequalities", 1965, theorem 1.

    Examples
    --------
    Three lines through the origin of the plane cut it in six:

    >>> count_cells(3, 2)
    6
    """
    return 2 * sum(comb(n_samples - 1, k) for k in range(rank)) if n_samples and rank else 1


def enumerate_cells(samples: Float[np.ndarray, "sample feature"], *, bias: bool = False, limit: int = 200_000) -> Cells:
    """Enumerate every activation pattern that half-spaces induce on the samples, full-dimensional cells only.

    Parameters
    ----------
    samples : array of shape (n_samples, n_features)
        Samples in rows; repeated, parallel and zero rows are allowed, and so is any rank.
    bias : bool
        Whether gates have an offset; equivalent to a constant column beside the samples. Columns may then lie anywhere
        and be of any scale: what is compared is centred and scaled.
    limit : int
        Refuse when `count_cells` allows more cells than this.

    Raises
    ------
    InvalidInput
        When a value is not finite or larger than 1e150, when there may be more than `limit` cells, or when double
        precision cannot hold a gate of every cell.

    Notes
    -----
    Outliers hide no cells: where values of a column differ by less than 1e-8 of how far it extends, as ordinary ones do
    beside 1e12, samples are compared exactly and every rounding in them counts as meant. Not told apart are values that
    differ by less than 1e-14 of their own size where no others are nearer, and, with a warning where it is by more than
    1e-9, a few that differ by less than 4e-15 of how far their column extends: so little may be what rounding leaves.
    So may a row that is shorter than 4e-15 of the longest, which counts as zero without a bias.

    Examples
    --------
    Two points on a line, gates with an offset: both off, one on, the other on, both on.

    >>> enumerate_cells(np.array([[0.0], [1.0]]), bias=True).patterns.T
    array([[False, False],
           [False,  True],
           [ True, False],
           [ True,  True]])
    """
    rows = samples = checked(samples)
    centre, spread = centre_and_spread(samples)
    if bias:
        rows = np.column_stack([(samples - centre) / spread, np.ones(len(samples))])
    numbers = _exactly(samples, bias=bias)
    if numbers is not None:
        return _in_whole_numbers(samples, *numbers, bias=bias, limit=limit)
    patterns, interiors, rank = _sorted(*_hyperplanes(rows), limit=limit)
    if bias:
        interiors[:, :-1] /= spread
        interiors[:, -1] -= interiors[:, :-1] @ centre
    return Cells(patterns=np.ascontiguousarray(patterns.T), interiors=_unit(interiors), rank=rank)


def checked(samples: Float[np.ndarray, "sample feature"]) -> Float[np.ndarray, "sample feature"]:
    """Return samples in double precision, after refusing what cannot be enumerated.

    Raises
    ------
    InvalidInput
        When a value is not finite, or so large that its square is not.
    """
    samples = np.asarray(samples, dtype=np.float64)
    if not np.all(np.isfinite(samples)):
        raise InvalidInput("`samples` must be finite to be enumerated; got NaN or infinity: drop or impute those rows.")
    largest = float(np.abs(samples).max(initial=0.0))
    if largest > _LARGEST:
        raise InvalidInput(
            f"`samples` must be within {_LARGEST:.0e} to be enumerated; got {largest:.3g}: scale the column, or drop "
            "the row."
        )
    return samples


def centre_and_spread(
    samples: Float[np.ndarray, "sample feature"],
) -> tuple[Float[np.ndarray, " feature"], Float[np.ndarray, " feature"]]:
    """Return the middle of each column and how far values lie from it; a constant column's spread is its size, or one.

    Gates with an offset do not know where columns lie or of what scale they are. Rounding does, and is told from what
    the data say in these units.

    Examples
    --------
    >>> centre_and_spread(np.array([[1.0, 7.0], [2.0, 7.0]]))
    (array([1.5, 7. ]), array([0.5, 7. ]))
    """
    if not len(samples):
        return np.zeros(samples.shape[1]), np.ones(samples.shape[1])
    low, high, size = samples.min(axis=0), samples.max(axis=0), np.abs(samples).max(axis=0)
    spread = (high - low) / 2
    return (low + high) / 2, np.where(spread > _CONSTANT * size, spread, np.where(size > 0, size, 1.0))


def enumerate_rays(samples: Float[np.ndarray, "sample feature"]) -> Float[np.ndarray, "ray feature"]:
    """Enumerate the unit vectors along which cells without a bias have their edges, both directions of every line.

    Parameters
    ----------
    samples : array of shape (n_samples, n_features)
        Samples in rows; rays lie in their row space, or, where they lie wide apart, along as many of their coordinates.

    Raises
    ------
    InvalidInput
        When a value is not finite or larger than 1e150.

    Examples
    --------
    >>> enumerate_rays(np.eye(2)) + 0.0
    array([[ 0.,  1.],
           [ 1.,  0.],
           [ 0., -1.],
           [-1.,  0.]])
    """
    samples = checked(samples)
    numbers = _exactly(samples, bias=False)
    distinct, _, _ = _hyperplanes(samples) if numbers is None else _exact_hyperplanes(numbers[0])
    basis = _row_space(distinct)
    rank = basis.shape[1]
    lines = np.array([line for line, _ in _rays(distinct @ basis)]) if rank > 1 else np.ones((rank, rank))
    lines = np.concatenate([lines, -lines])
    if numbers is None:
        return np.asarray(lines @ basis.T)
    planes = distinct @ basis
    rays = np.array([whole_numbers.balanced(line.astype(object), planes) for line in lines])
    return _unit(whole_numbers.in_double(rays.reshape(lines.shape) @ basis.T, numbers[1]))


def _refuse_beyond(limit: int, n_planes: int, rank: int) -> None:
    bound = count_cells(n_planes, rank)
    if bound > limit:
        fits = max((n for n in range(1, n_planes) if count_cells(n, rank) <= limit), default=0)
        raise InvalidInput(
            f"{n_planes} distinct samples of rank {rank} may have {bound:,} activation cells, more than the limit of "
            f"{limit:,}; at this rank {fits} samples would fit: take fewer samples, a lower rank, or sample gates."
        )


def _unit(gates: Float[np.ndarray, "gate feature"]) -> Float[np.ndarray, "gate feature"]:
    lengths = np.linalg.norm(gates, axis=1, keepdims=True)
    return np.asarray(gates / np.where(lengths > 0, lengths, 1.0))


def _of_samples(
    signs: Int8[np.ndarray, "cell plane"], group: np.ndarray, orientation: np.ndarray
) -> Bool[np.ndarray, "cell sample"]:
    # A zero row belongs to no hyperplane (group -1, the column added last): the closed rule calls it active everywhere.
    signs = np.column_stack([signs, np.ones(len(signs), dtype=np.int8)])
    return np.asarray(signs[:, group] * orientation > 0)


def _exactly(samples: Float[np.ndarray, "sample feature"], *, bias: bool) -> tuple[Whole, np.ndarray] | None:
    """Return rows and powers of two of samples that have to be compared as whole numbers; None of ordinary ones."""
    if bias:
        centre, spread = centre_and_spread(samples)
        if not whole_numbers.lie_apart(samples, spread):
            return None
        varies = np.ptp(samples, axis=0) > 2.0 * _CONSTANT * np.abs(samples).max(axis=0)
        samples = np.column_stack([np.where(varies, samples, centre), np.ones(len(samples))])
    else:
        # Without a bias rows may be of any length, but columns are of one scale.
        extents = np.abs(samples).max(axis=0, initial=0.0)
        small = _are_small(np.linalg.norm(samples, axis=1), ON_HYPERPLANE) or _are_small(extents, whole_numbers.APART)
        if not small and not whole_numbers.lie_apart(samples, np.where(extents > 0.0, extents, 1.0)):
            return None
    return whole_numbers.whole(samples)


def _are_small(sizes: np.ndarray, share: float) -> bool:
    """Whether one is a small share of the largest, and no rounding of it."""
    shares = sizes / max(sizes.max(initial=0.0), np.finfo(float).tiny)
    return bool(np.any((shares <= share) & (shares > whole_numbers.ROUNDING)))


def _in_whole_numbers(
    samples: Float[np.ndarray, "sample feature"], rows: Whole, exponents: np.ndarray, *, bias: bool, limit: int
) -> Cells:
    """Enumerate the cells of samples that lie wide apart."""
    patterns, gates, rank = _sorted(*_exact_hyperplanes(rows), limit=limit)
    interiors = _unit(whole_numbers.in_double(gates, exponents))
    offsets = interiors[:, -1] if bias else 0.0
    scores = samples @ interiors[:, : samples.shape[1]].T + offsets
    if not np.array_equal(scores.T >= 0.0, patterns):
        raise InvalidInput(
            "`samples` must lie near enough to each other that double precision holds a gate of every cell; values of "
            f"a column lie up to {float(np.ptp(samples, axis=0).max()):.3g} apart: leave outliers out, or transform "
            "the column, as by its logarithm or its ranks."
        )
    return Cells(patterns=np.ascontiguousarray(patterns.T), interiors=interiors, rank=rank)


def _sorted(
    distinct: Shaped[np.ndarray, "plane feature"], group: np.ndarray, orientation: np.ndarray, *, limit: int
) -> tuple[Bool[np.ndarray, "cell sample"], Shaped[np.ndarray, "cell feature"], int]:
    """Enumerate the cells of hyperplanes by the order of their patterns: these, what is inside, and the rank."""
    basis = _row_space(distinct)
    rank = basis.shape[1]
    _refuse_beyond(limit, len(distinct), rank)
    signs, rays = _central(distinct @ basis)
    patterns = _of_samples(signs, group, orientation)
    order = np.lexsort(patterns.T[::-1])
    return patterns[order], rays[order] @ basis.T, rank


def _exact_hyperplanes(rows: Whole) -> tuple[Whole, np.ndarray, np.ndarray]:
    """Do as `_hyperplanes`, for rows of whole numbers: parallel ones are the same but for a factor."""
    group = np.full(len(rows), -1)
    orientation = np.ones(len(rows), dtype=np.int8)
    planes: dict[tuple[int, ...], int] = {}
    for index, row in enumerate(rows):
        if any(row):
            plane, orientation[index] = whole_numbers.primitive(row)
            group[index] = planes.setdefault(plane, len(planes))
    return np.array([*planes], dtype=object).reshape(len(planes), rows.shape[1]), group, orientation


def _hyperplanes(
    rows: Float[np.ndarray, "sample feature"],
) -> tuple[Float[np.ndarray, "plane feature"], np.ndarray, np.ndarray]:
    """Join parallel rows: the distinct unit normals, the plane of each row (-1 if zero), and its orientation."""
    lengths = np.linalg.norm(rows, axis=1)
    scale = lengths.max(initial=0.0)
    group = np.full(len(rows), -1)
    orientation = np.ones(len(rows), dtype=np.int8)
    planes: list[np.ndarray] = []
    for index in np.flatnonzero(lengths > ON_HYPERPLANE * scale):
        unit = rows[index] / lengths[index]
        for plane, known in enumerate(planes):
            sign = 1 if unit @ known >= 0 else -1
            if np.linalg.norm(unit - sign * known) <= ON_HYPERPLANE:
                group[index], orientation[index] = plane, sign
                break
        else:
            group[index] = len(planes)
            planes.append(unit)
    return np.array(planes).reshape(len(planes), rows.shape[1]), group, orientation


def _row_space(rows: Shaped[np.ndarray, "plane feature"]) -> Shaped[np.ndarray, "feature rank"]:
    """Return an orthonormal basis of the span of unit rows, in columns; of whole numbers, a choice of columns."""
    if not len(rows):
        return np.zeros((rows.shape[1], 0))
    if rows.dtype == object:
        return whole_numbers.independent_columns(rows)
    _, values, directions = np.linalg.svd(rows, full_matrices=False)
    return np.asarray(directions[values > ON_HYPERPLANE * values[0]].T)


def _central(
    planes: Shaped[np.ndarray, "plane rank"],
) -> tuple[Int8[np.ndarray, "cell plane"], Shaped[np.ndarray, "cell rank"]]:
    """Enumerate distinct planes that span their space: the signs of each cell, and the sum of its rays, inside it."""
    rank = planes.shape[1]
    if rank == 0:
        return np.ones((1, 0), dtype=np.int8), np.zeros((1, 0))
    if rank == 1:
        both = np.array([[1], [-1]], dtype=planes.dtype)
        return np.sign(both @ planes.T).astype(np.int8), both
    signs, rays = [], []
    for ray, zero in _rays(planes):
        outside = np.sign(planes @ ray).astype(np.int8)
        local = _signs_at(planes[zero])
        along = whole_numbers.balanced(ray, planes) if planes.dtype == object else ray
        for way in (1, -1):
            here = np.tile(way * outside, (len(local), 1))
            here[:, zero] = local
            signs.append(here)
            rays.append(np.tile(way * along, (len(local), 1)))
    cells, cell = np.unique(np.concatenate(signs), axis=0, return_inverse=True)
    inside = np.zeros((len(cells), rank), dtype=planes.dtype)
    np.add.at(inside, cell.ravel(), np.concatenate(rays))
    return cells, inside


def _signs_at(planes: Shaped[np.ndarray, "plane rank"]) -> Int8[np.ndarray, "cell plane"]:
    """Enumerate the cells of the planes through a ray, which leave one dimension of their space free."""
    basis = _row_space(planes)
    if len(planes) == basis.shape[1]:  # independent planes: every combination of signs occurs
        return np.array(list(itertools.product((-1, 1), repeat=len(planes))), dtype=np.int8)
    return _central(planes @ basis)[0]


def _rays(planes: Shaped[np.ndarray, "plane rank"]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Enumerate the lines in which planes meet: a unit vector along each, and the planes that hold it."""
    rank = planes.shape[1]
    subsets = np.array(list(itertools.combinations(range(len(planes)), rank - 1)))
    if planes.dtype == object:
        lines = whole_numbers.crosses(planes[subsets])
        lines = lines[lines.any(axis=1)]
        zero = np.asarray(lines @ planes.T == 0)
    else:
        products = cross(planes[subsets], tolerance=ON_HYPERPLANE)
        independent = products.sign != 0.0
        lines = products.unit[independent]
        zero = np.abs(lines @ planes.T) <= ON_HYPERPLANE
        # The planes that define a line hold it exactly, however ill-conditioned their intersection is.
        np.put_along_axis(zero, subsets[independent], np.array([True]), axis=1)
    _, first = np.unique(np.packbits(zero, axis=1), axis=0, return_index=True)
    return [(lines[index], zero[index]) for index in np.sort(first)]
