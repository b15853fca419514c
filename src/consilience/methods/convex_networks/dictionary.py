r"""The finite dictionary of neurons that an optimal network needs: generalized cross products of the samples.

Train a two-layer ReLU network with an :math:`\ell_1` penalty on the hidden weights,

.. math:: \min_{w, b, a, t} \; \mathrm{loss}\Big(\sum_j (X w_j + b_j)_+ a_j + t\Big)
          + \frac{\alpha}{2} \sum_j \big(\|w_j\|_1^2 + a_j^2\big).

Within one activation cell and one orthant the dual constraint :math:`v^\top (Xw + b)_+ \le \alpha` is linear in a
polytope, so only its vertices matter: neurons orthogonal to as many rows as their dimension leaves free, the rows being
samples **and coordinate vectors**. Those are the cross products of rows of :math:`[X; I]`, or with a bias the
hyperplanes through samples and coordinate directions, of rows of :math:`[X\ 1]` and :math:`[I\ 0]`. Training becomes a
Lasso over a finite dictionary (`consilience.methods.convex_networks.lasso`), without any loss of optimality.

With the :math:`\ell_2` norm the cells are cut by spheres, not polytopes, and the same dictionary is optimal only up to
the factor of `dispersion_factor`.

References
----------
Pilanci, "From complexity to clarity: analytical expressions of deep neural network weights via Clifford's geometric
algebra and convexity", arXiv:2309.16512. Coordinate vectors and biases are derived on the room's page.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import comb
from typing import Literal

import numpy as np
from jaxtyping import Float, Int
from scipy.optimize import nnls

from consilience.ground.errors import InvalidInput
from consilience.methods.convex_networks.cells import ON_HYPERPLANE, Cells, centre_and_spread, checked, enumerate_rays
from consilience.methods.convex_networks.cross_products import cross
from consilience.methods.convex_networks.whole_numbers import lie_apart

Norm = Literal["l1", "l2"]

BLOCK_BYTES = 1 << 24
"""Size of the feature blocks that are made while pricing."""

_SAME = 10  # decimals, of samples between -1 and 1
_NO_SAMPLE = -1


@dataclass(frozen=True, kw_only=True)
class NeuronDictionary:
    """Candidate neurons for a data set, whose features are made on demand and never all at once.

    Parameters
    ----------
    samples : array of shape (n_samples, n_features)
        The data that the neurons see.
    weights : array of shape (n_neurons, n_features)
        Directions of the neurons.
    biases : array of shape (n_neurons,)
        Offsets: neuron `j` answers ``max(x @ weights[j] + biases[j], 0)``.
    on_boundary : array of shape (n_neurons, n_defining)
        Indices of the samples that define each neuron's hyperplane, -1 where there are fewer. Their feature is exactly
        zero by construction; computed, it would be rounding noise.
    scope : str
        What a certificate over this dictionary says: ``"global, l1, enumerated"`` when the theorem makes it complete.
    biased : bool
        Whether offsets are free; the Lasso must then carry an output intercept, or its dual has no finite value.
    """

    samples: Float[np.ndarray, "sample feature"]
    weights: Float[np.ndarray, "neuron feature"]
    biases: Float[np.ndarray, " neuron"]
    on_boundary: Int[np.ndarray, "neuron defining"]
    scope: str
    biased: bool

    @property
    def n_neurons(self) -> int:
        """How many neurons there are, both orientations of a hyperplane counted."""
        return int(self.weights.shape[0])

    def features(self, chosen: Int[np.ndarray, " chosen"] | slice = slice(None)) -> Float[np.ndarray, "sample chosen"]:
        """Compute what the chosen neurons answer on the samples."""
        answers = self.samples @ self.weights[chosen].T
        answers += self.biases[chosen]
        boundary = self.on_boundary[chosen]
        neuron, place = np.nonzero(boundary != _NO_SAMPLE)
        answers[boundary[neuron, place], neuron] = 0.0
        return np.asarray(np.maximum(answers, 0.0, out=answers))

    def blocks(self) -> Iterator[slice]:
        """Consecutive ranges of neurons whose features take about `BLOCK_BYTES` each."""
        size = max(1, BLOCK_BYTES // (8 * max(1, len(self.samples))))
        return (slice(start, min(start + size, self.n_neurons)) for start in range(0, self.n_neurons, size))

    def price(self, dual: Float[np.ndarray, " sample"]) -> Float[np.ndarray, " neuron"]:
        r"""Correlate every neuron with a dual point, :math:`v^\top (X w_j + b_j)_+`, block by block."""
        return np.concatenate([np.zeros(0), *(dual @ self.features(block) for block in self.blocks())])

    def take(self, chosen: Int[np.ndarray, " chosen"]) -> NeuronDictionary:
        """Return the dictionary of the chosen neurons."""
        return replace(
            self,
            weights=self.weights[chosen],
            biases=self.biases[chosen],
            on_boundary=self.on_boundary[chosen],
        )


def count_hyperplanes(n_samples: int, n_features: int, *, bias: bool = True, coordinates: bool = True) -> int:
    """Count the choices of rows that may define a hyperplane: each gives two neurons, one an orientation.

    Examples
    --------
    Pairs of 160 points in the plane, and each point with each of two axes:

    >>> count_hyperplanes(160, 2), count_hyperplanes(160, 2, coordinates=False)
    (13040, 12720)
    """
    return sum(
        comb(n_samples, k) * comb(n_features, c) for k, c in _splits(n_features, bias=bias, coordinates=coordinates)
    )


def enumerate_neurons(
    samples: Float[np.ndarray, "sample feature"],
    *,
    norm: Norm = "l1",
    bias: bool = True,
    coordinates: bool | None = None,
    memory_limit: int = 1 << 30,
) -> NeuronDictionary:
    """Enumerate the cross products of the samples, both orientations, without duplicates and without silent neurons.

    Where values of a column lie so wide apart that a tolerance would make neurons of ordinary samples one, as beside an
    outlier of 1e12, only those that are the same in every digit are: some duplicates stay, and no neuron is lost.

    Parameters
    ----------
    samples : array of shape (n_samples, n_features)
        Samples in rows.
    norm : "l1" or "l2"
        Norm in which the directions have unit length. Offsets are never part of it.
    bias : bool
        Whether hyperplanes may miss the origin.
    coordinates : bool, optional
        Whether coordinate vectors join the samples; by default where the theorem asks for them, for ``"l1"``.
    memory_limit : int
        Refuse when the neurons themselves would need more bytes than this.

    Raises
    ------
    InvalidInput
        When a value is not finite or larger than 1e150, when the enumeration would exceed `memory_limit`, or when the
        samples define no hyperplane.

    Examples
    --------
    In one dimension with a bias the neurons are hinges at the samples:

    >>> hinges = enumerate_neurons(np.array([[0.0], [1.0], [3.0]]))
    >>> np.column_stack([hinges.weights, hinges.biases])
    array([[ 1.,  0.],
           [ 1., -1.],
           [-1.,  1.],
           [-1.,  3.]])
    """
    samples = checked(samples)
    if norm not in ("l1", "l2"):
        raise InvalidInput(f"`norm` must be 'l1' or 'l2'; got {norm!r}.")
    with_axes = norm == "l1" if coordinates is None else coordinates
    _refuse_beyond(memory_limit, *samples.shape, bias=bias, coordinates=with_axes)
    # Without a bias the middle is the origin, as it is of the samples beside their mirror images.
    centre, spread = centre_and_spread(samples if bias else np.concatenate([samples, -samples]))
    apart = lie_apart(samples, spread)
    planes = [
        _hyperplanes(samples, n_points, n_axes, bias=bias, units=spread if apart else None)
        for n_points, n_axes in _splits(samples.shape[1], bias=bias, coordinates=with_axes)
        if n_points <= len(samples)
    ]
    width = max((boundary.shape[1] for *_, boundary in planes), default=0)
    weights = np.concatenate([np.zeros((0, samples.shape[1])), *(w for w, _, _ in planes)])
    biases = np.concatenate([np.zeros(0), *(b for _, b, _ in planes)])
    boundary = np.concatenate([np.zeros((0, width), dtype=np.int64), *(_pad(rows, width) for *_, rows in planes)])
    lengths = np.linalg.norm(weights, ord=1 if norm == "l1" else 2, axis=1)
    weights, biases = weights / lengths[:, None], biases / lengths
    if apart:
        kept = _distinct(np.column_stack([weights, biases]), exactly=True)
    else:
        kept = _distinct(np.column_stack([weights * spread, biases + weights @ centre]))
    weights, biases, boundary = weights[kept], biases[kept], boundary[kept]
    whole = NeuronDictionary(
        samples=samples,
        weights=np.concatenate([weights, -weights]),
        biases=np.concatenate([biases, -biases]) + 0.0,
        on_boundary=np.concatenate([boundary, boundary]),
        scope="global, l1, enumerated" if norm == "l1" and with_axes else "these neurons",
        biased=bias,
    )
    heard = np.concatenate([np.zeros(0, bool), *(whole.features(block).any(axis=0) for block in whole.blocks())])
    if not heard.any():
        raise InvalidInput(
            f"{len(samples)} samples with {samples.shape[1]} features define no hyperplane"
            f"{'' if with_axes else ' without coordinate vectors'}: they are too few, or lie in a subspace; "
            "reduce them to their row space or allow coordinate vectors."
        )
    return whole.take(np.flatnonzero(heard))


def dispersion_factor(samples: Float[np.ndarray, "sample feature"], cells: Cells) -> tuple[float, float]:
    r"""Bound by how much the dictionary's penalty exceeds the optimal one under the l2 norm, without a bias.

    An optimal neuron `w` is a nonnegative combination of unit extreme rays of its cell, on which the ReLU is linear, so
    the rays replace it at the cost of the sum of their weights. For unit `w` that sum is at most one over the distance
    from the origin to the rays' convex hull; and with at most `d` rays, no two further apart than :math:`\delta`, it is
    at most

    .. math:: \big(1 - \tfrac12 \delta^2 (1 - 1/d)\big)^{-1/2},

    which in the plane is the secant of half the widest cell's angle.

    Parameters
    ----------
    samples : array of shape (n_samples, n_features)
        Samples of full column rank.
    cells : Cells
        Their cells without a bias.

    Returns
    -------
    by_hull, by_diameter : float
        Both factors, the first the smaller. The second is infinite where :math:`\delta` is too large for it.

    Examples
    --------
    Two axes of the plane cut it into quadrants: one over the cosine of 45 degrees.

    >>> from consilience.methods.convex_networks.cells import enumerate_cells
    >>> [round(factor, 6) for factor in dispersion_factor(np.eye(2), enumerate_cells(np.eye(2)))]
    [1.414214, 1.414214]
    """
    n_features = samples.shape[1]
    if cells.rank < n_features:
        raise InvalidInput(
            f"cells are pointed only at full rank; got rank {cells.rank} of {n_features}: reduce to the row space."
        )
    rays = enumerate_rays(samples)
    scores = samples @ rays.T
    scores[np.abs(scores) <= ON_HYPERPLANE * np.linalg.norm(samples, axis=1, keepdims=True)] = 0.0
    by_hull, widest = 1.0, 0.0
    for pattern in cells.patterns.T:
        own = rays[np.all(np.where(pattern[:, None], scores, -scores) >= 0.0, axis=0)]
        # The point of the hull nearest the origin is, up to scale, where its norm and the defect of its sum balance.
        mixture, _ = nnls(np.vstack([own.T, np.ones(len(own))]), np.append(np.zeros(n_features), 1.0))
        by_hull = max(by_hull, float(mixture.sum() / np.linalg.norm(own.T @ mixture)))
        widest = max(widest, float(np.max(2.0 - 2.0 * own @ own.T, initial=0.0)))
    left = 1.0 - 0.5 * widest * (1.0 - 1.0 / n_features)
    return by_hull, left**-0.5 if left > 0.0 else np.inf


def _splits(n_features: int, *, bias: bool, coordinates: bool) -> list[tuple[int, int]]:
    """List how many samples and coordinate vectors may define a hyperplane together."""
    n_rows = n_features if bias else n_features - 1
    fewest = 1 if bias else 0  # coordinate vectors alone leave the direction of the constant, not a neuron
    return [(n_rows - c, c) for c in range(n_rows - fewest + 1)] if coordinates else [(n_rows, 0)]


def _refuse_beyond(memory_limit: int, n_samples: int, n_features: int, *, bias: bool, coordinates: bool) -> None:
    def needed(n: int) -> int:
        # Two orientations of float64 weights, offset and boundary indices, and the same again while they are made.
        return 4 * 8 * (2 * n_features + 1) * count_hyperplanes(n, n_features, bias=bias, coordinates=coordinates)

    if needed(n_samples) > memory_limit:
        fits = 0
        while needed(fits + 1) <= memory_limit:
            fits += 1
        raise InvalidInput(
            f"enumerating {count_hyperplanes(n_samples, n_features, bias=bias, coordinates=coordinates):,} hyperplanes "
            f"of {n_samples} samples with {n_features} features needs {needed(n_samples) / 2**30:.1f} GiB, more than "
            f"the limit of {memory_limit / 2**30:.2f} GiB; {fits} samples would fit: take fewer, project to fewer "
            "features, raise `memory_limit`, or sample gates."
        )


def _hyperplanes(
    samples: Float[np.ndarray, "sample feature"],
    n_points: int,
    n_axes: int,
    *,
    bias: bool,
    units: Float[np.ndarray, " feature"] | None = None,
) -> tuple[Float[np.ndarray, "plane feature"], Float[np.ndarray, " plane"], Int[np.ndarray, "plane point"]]:
    """List unit normals, offsets and defining samples of all hyperplanes through samples and along coordinate axes.

    Of samples that lie wide apart, for which `units` of the columns are given, differences are taken from the one that
    is nearest to the others, and offsets at the smallest: at an outlier both would be its rounding.
    """
    n_features = samples.shape[1]
    points = _combinations(len(samples), n_points)
    if units is not None and bias:
        points = _nearest_last(points, samples / units)
    weights, biases, boundary = [], [], []
    for axes in itertools.combinations(range(n_features), n_axes):
        free = [k for k in range(n_features) if k not in axes]
        at = samples[np.ix_(range(len(samples)), free)]
        anchor = at[points[:, -1]] if bias else np.zeros((len(points), len(free)))
        spanning = at[points[:, :-1]] - anchor[:, None, :] if bias else at[points]
        product = cross(spanning)
        independent = product.sign != 0.0
        plane = np.zeros((int(independent.sum()), n_features))
        plane[:, free] = product.unit[independent]
        weights.append(plane)
        if units is not None and bias:
            terms = product.unit[:, None, :] * at[points]
            smallest = np.abs(terms).sum(axis=2).argmin(axis=1)
            biases.append(-terms.sum(axis=2)[np.arange(len(points)), smallest][independent])
        else:
            biases.append(-np.einsum("pf,pf->p", product.unit, anchor)[independent])
        boundary.append(points[independent])
    return np.concatenate(weights), np.concatenate(biases), np.concatenate(boundary)


def _combinations(n: int, k: int) -> Int[np.ndarray, "choice k"]:
    flat = np.fromiter(itertools.chain.from_iterable(itertools.combinations(range(n), k)), dtype=np.int64)
    return flat.reshape(comb(n, k), k)


def _nearest_last(
    points: Int[np.ndarray, "choice k"], samples: Float[np.ndarray, "sample feature"]
) -> Int[np.ndarray, "choice k"]:
    """Exchange the last sample of each choice for the one whose distances from the others have the least product."""
    between = np.abs(samples[:, None, :] - samples[None, :, :]).max(axis=2)
    logs = np.log(np.maximum(between, np.finfo(float).tiny))
    np.fill_diagonal(logs, 0.0)
    nearest = logs[points[:, :, None], points[:, None, :]].sum(axis=2).argmin(axis=1)
    rows = np.arange(len(points))
    points = points.copy()
    points[rows, nearest], points[:, -1] = points[:, -1], points[rows, nearest]
    return points


def _pad(rows: Int[np.ndarray, "plane point"], width: int) -> Int[np.ndarray, "plane width"]:
    return np.pad(rows, ((0, 0), (0, width - rows.shape[1])), constant_values=_NO_SAMPLE)


def _distinct(planes: Float[np.ndarray, "plane coefficient"], *, exactly: bool = False) -> Int[np.ndarray, " kept"]:
    """Find the first appearance of each hyperplane, up to rounding unless `exactly`, and up to length and orientation.

    A missed duplicate is harmless. Coefficients must be of centred and scaled data, or distinct ones may be lost, and
    exact ones of one length.
    """
    if not exactly:
        planes = np.round(planes / np.abs(planes).max(axis=1, keepdims=True), _SAME)
    leading = np.take_along_axis(planes, np.argmax(planes != 0, axis=1)[:, None], axis=1)
    planes = planes * np.sign(leading) + 0.0
    _, first = np.unique(planes, axis=0, return_index=True)
    return np.sort(first)
