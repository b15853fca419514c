"""The cone program as geometry: values, cones, projections on them, and what they prove.

Vectors of both signs stand side by side in columns, those that add before those that subtract. Patterns that are active
nowhere contribute nothing and are left out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.optimize import nnls

from consilience.ground.errors import InvalidInput
from consilience.methods.convex_networks.canonical import without_mean

_INSIDE = 1e-12
"""Relative violation below which a vector counts as inside its cone: what rounding leaves of a projection."""

_EMPHASIS = 1e4
_BIAS_WEIGHT = 1e-3
_ROUNDING = 1e-14
"""How far from zero the weighted sum of a dual point may be, relative to its pull: its terms cancel to rounding."""


@dataclass(frozen=True, kw_only=True)
class ConeProgram:
    r"""The data of one program, on the samples that have weight.

    Parameters
    ----------
    features : array of shape (n_samples, n_features)
        Samples :math:`X`.
    switches : array of shape (n_samples, n_vectors)
        What each vector contributes, sign included: column `j` is :math:`\pm d_j` with :math:`d_j \in \{0, 1\}`.
    sides : array of shape (n_samples, n_vectors)
        Cone of each vector: ``sides[:, j] * (features @ vectors[:, j]) >= 0``, entries :math:`\pm 1`.
    targets, shares : arrays of shape (n_samples,)
        Values to fit and weights normalised to sum to one. Where there is an intercept, values have mean zero.
    mean : float
        What has been taken out of the targets.
    alpha : float
        Strength of the penalty.
    n_penalised : int
        How many leading features the norms see.
    fit_intercept : bool
        Whether there is an output intercept.
    kept : array of shape (n_active_patterns,)
        Which of the caller's patterns are active somewhere.
    n_patterns : int
        How many patterns the caller gave.
    """

    features: Float[np.ndarray, "sample feature"]
    switches: Float[np.ndarray, "sample vector"]
    sides: Float[np.ndarray, "sample vector"]
    targets: Float[np.ndarray, " sample"]
    shares: Float[np.ndarray, " sample"]
    mean: float
    alpha: float
    n_penalised: int
    fit_intercept: bool
    kept: Int[np.ndarray, " kept"]
    n_patterns: int

    @classmethod
    def prepare(
        cls,
        features: Float[np.ndarray, "sample feature"],
        patterns: Bool[np.ndarray, "sample pattern"],
        targets: Float[np.ndarray, " sample"],
        alpha: float,
        *,
        weights: Float[np.ndarray, " sample"] | None = None,
        free_bias: bool = False,
        fit_intercept: bool = True,
    ) -> ConeProgram:
        """Check the input and leave out samples without weight and patterns without samples.

        Raises
        ------
        InvalidInput
            When shapes disagree, values are not finite, or `alpha` or the total weight is not positive.
        """
        n_samples = len(features)
        masses = np.ones(n_samples) if weights is None else weights
        if not len(patterns) == len(targets) == len(masses) == n_samples:
            raise InvalidInput(
                f"`features`, `patterns`, `targets` and `weights` must have one row a sample; got {n_samples}, "
                f"{len(patterns)}, {len(targets)} and {len(masses)}."
            )
        if not 0.0 < alpha < np.inf:
            raise InvalidInput(f"`alpha` must be positive and finite; got {alpha}.")
        if not (np.isfinite(features).all() and np.isfinite(targets).all()):
            raise InvalidInput(
                "`features` and `targets` must be finite; got NaN or infinity: drop or impute those rows."
            )
        if not np.all(masses >= 0.0) or not 0.0 < masses.sum() < np.inf:
            raise InvalidInput("`weights` must be finite and nonnegative with a positive sum.")
        rows = masses > 0.0
        if free_bias and not (fit_intercept and np.all(features[rows, -1] == 1.0)):
            raise InvalidInput(
                "`free_bias` needs a last feature that is 1 everywhere and `fit_intercept=True`: "
                "a free bias implies an output intercept."
            )
        kept = np.flatnonzero(patterns[rows].any(axis=0))
        active = patterns[np.ix_(rows, kept)].astype(np.float64)
        shares = masses[rows] / masses.sum()
        column, mean = targets[rows, None].astype(np.float64), np.zeros(1)
        if fit_intercept:
            column, mean = without_mean(column, shares)
        return cls(
            features=features[rows].astype(np.float64),
            switches=np.hstack([active, -active]),
            sides=np.tile(2.0 * active - 1.0, 2),
            targets=column[:, 0],
            shares=shares,
            mean=float(mean[0]),
            alpha=alpha,
            n_penalised=features.shape[1] - int(free_bias),
            fit_intercept=fit_intercept,
            kept=kept,
            n_patterns=patterns.shape[1],
        )

    def zero(self) -> Float[np.ndarray, "feature vector"]:
        """Return the null model, which is feasible."""
        return np.zeros((self.features.shape[1], self.switches.shape[1]))

    def fitted(self, vectors: Float[np.ndarray, "feature vector"]) -> Float[np.ndarray, " sample"]:
        """Compute the network's output without its intercept."""
        return np.asarray((self.switches * (self.features @ vectors)).sum(axis=1))

    def intercept(self, vectors: Float[np.ndarray, "feature vector"]) -> float:
        """Compute the best intercept for these vectors."""
        return self.mean + self._shift(self.fitted(vectors))

    def dual(self, vectors: Float[np.ndarray, "feature vector"]) -> Float[np.ndarray, " sample"]:
        r"""Compute the dual point :math:`v = p \circ (F + t - y)` at the best intercept, which makes it sum to zero."""
        return self.dual_of_fit(self.fitted(vectors))

    def dual_of_fit(self, fitted: Float[np.ndarray, " sample"]) -> Float[np.ndarray, " sample"]:
        """Compute the dual point of outputs that lack their intercept."""
        return np.asarray(self.shares * (fitted + self._shift(fitted) - self.targets))

    def _shift(self, fitted: Float[np.ndarray, " sample"]) -> float:
        return float(self.shares @ (self.targets - fitted)) if self.fit_intercept else 0.0

    def norms(self, vectors: Float[np.ndarray, "feature vector"]) -> Float[np.ndarray, " vector"]:
        """Compute the penalised norm of each vector."""
        return np.asarray(np.linalg.norm(vectors[: self.n_penalised], axis=0))

    def value(self, vectors: Float[np.ndarray, "feature vector"]) -> float:
        """Evaluate the objective at the best intercept."""
        return float(0.5 * np.sum(self.dual(vectors) ** 2 / self.shares) + self.alpha * self.norms(vectors).sum())

    def violation(self, vectors: Float[np.ndarray, "feature vector"]) -> float:
        """Compute the largest violation of a cone constraint, zero inside."""
        return float(-np.min(self.sides * (self.features @ vectors), initial=0.0))

    def unpack(self, vectors: Float[np.ndarray, "feature vector"]) -> tuple[np.ndarray, np.ndarray]:
        """Separate the vectors that add from those that subtract, one row for each pattern of the caller."""
        both = np.zeros((2, self.n_patterns, len(vectors)))
        both[:, self.kept] = vectors.T.reshape(2, len(self.kept), len(vectors))
        return both[0], both[1]

    def project(self, vectors: Float[np.ndarray, "feature vector"]) -> Float[np.ndarray, "feature vector"]:
        """Find the nearest feasible point; a vector whose projection fails numerically becomes zero."""
        feasible = vectors.copy()
        for index in np.flatnonzero(np.any(vectors != 0.0, axis=0)):
            feasible[:, index] = project_on_cone(self.sides[:, index, None] * self.features, vectors[:, index])
        return feasible

    def lower_bound(self, vectors: Float[np.ndarray, "feature vector"]) -> float:
        r"""Bound the optimum from below, by the dual point of these vectors scaled into the dual constraints.

        The dual asks of each cone that :math:`-X^\top D_g v` be at most :math:`\alpha` on its unit vectors. That
        maximum is the norm of a projection on the cone, and any nonnegative multipliers bound it from above.
        """
        return self.scaled_value(vectors, self._largest_correlation(self.dual(vectors)))

    def scaled_value(self, vectors: Float[np.ndarray, "feature vector"], worst: float) -> float:
        """Maximise the dual on the ray of a point whose correlations with unit neurons are at most `worst`."""
        dual = self.dual(vectors)
        curvature = float(np.sum(dual**2 / self.shares))
        if curvature == 0.0:
            return 0.0
        # Cones are not symmetric, so only nonnegative multiples of the point are known to be feasible.
        largest = self.alpha / max(worst, np.finfo(float).tiny)
        scale = float(np.clip(-(dual @ self.targets) / curvature, 0.0, largest))
        return float(-0.5 * scale**2 * curvature - scale * (dual @ self.targets))

    def _largest_correlation(self, dual: Float[np.ndarray, " sample"]) -> float:
        pulls = -self.features.T @ (self.switches * dual[:, None])
        if self.n_penalised < len(pulls):
            # The dual point sums to zero; where every sample is active, rounding would read as an unbounded bias.
            pulls[-1, np.all(self.switches != 0.0, axis=0)] = 0.0
        worst = 0.0
        # Lengths bound the maxima, so in falling order most projections are never needed.
        reach = self.norms(pulls) if self.n_penalised == len(pulls) else np.full(pulls.shape[1], np.inf)
        for index in np.argsort(-reach, kind="stable"):
            if reach[index] <= worst:
                break
            rows = self.sides[:, index, None] * self.features
            worst = max(worst, cone_support(rows, pulls[:, index], self.n_penalised))
        return worst


def project_on_cone(
    rows: Float[np.ndarray, "sample feature"], vector: Float[np.ndarray, " feature"]
) -> Float[np.ndarray, " feature"]:
    r"""Project a vector on the cone :math:`\{u : A u \ge 0\}`, or return zero where rounding defeats the projection.

    By Moreau's decomposition the projection is :math:`g + A^\top \mu` with :math:`\mu \ge 0` minimising its norm. A
    vector that is inside up to rounding comes back as it is: there the least-squares problem is degenerate.

    Examples
    --------
    >>> project_on_cone(np.eye(2), np.array([3.0, -4.0])).round(12) + 0.0
    array([3., 0.])
    """
    length = float(np.linalg.norm(vector))
    unit = _unit_rows(rows)
    if np.min(unit @ vector, initial=0.0) >= -_INSIDE * length:
        return vector
    projected = vector + length * (unit.T @ _multipliers(unit, vector / length))
    inside = bool(np.min(unit @ projected) >= -_INSIDE * length)
    # What is left of a vector opposite to the cone is rounding, and points anywhere.
    return projected if inside and _INSIDE * length < np.linalg.norm(projected) <= length else np.zeros_like(vector)


def cone_support(
    rows: Float[np.ndarray, "sample feature"], pull: Float[np.ndarray, " feature"], n_penalised: int
) -> float:
    r"""Bound, tightly up to rounding, the maximum of :math:`g^\top u` over the cone :math:`A u \ge 0` with unit norm.

    For any :math:`\mu \ge 0`, :math:`g^\top u \le (g + A^\top \mu)^\top u`, hence the norm of
    :math:`g + A^\top \mu` bounds it, provided that a last feature outside the norm is cancelled exactly.

    Examples
    --------
    >>> cone_support(np.eye(2), np.array([3.0, -4.0]), 2)
    3.0
    """
    length = float(np.linalg.norm(pull))
    if length == 0.0:
        return 0.0
    unit, goal = _unit_rows(rows), pull / length
    if n_penalised == len(pull):
        return length * min(1.0, float(np.linalg.norm(goal + unit.T @ _multipliers(unit, goal))))
    # The entry of the free bias must vanish: weigh it heavily, then cancel what is left with one more multiplier.
    emphasis = np.append(np.ones(n_penalised), _EMPHASIS)
    pulled = goal + unit.T @ _multipliers(unit * emphasis, goal * emphasis)
    return length * min(_without_bias(unit, pulled), _without_bias(unit, goal))


def climb(
    rows: Float[np.ndarray, "sample feature"], pull: Float[np.ndarray, " feature"], n_penalised: int
) -> tuple[Float[np.ndarray, " feature"], float]:
    r"""Find the vector of the cone :math:`A u \ge 0`, of unit penalised norm, along which :math:`g^\top u` is largest.

    Returns
    -------
    vector : array of shape (n_features,)
        The maximiser; with a free bias nearly so, since the bias is given a small weight in the norm. Zero when nothing
        in the cone is pulled upwards.
    rate : float
        :math:`g^\top u`.

    Examples
    --------
    >>> vector, rate = climb(np.eye(2), np.array([3.0, -4.0]), 2)
    >>> vector.round(12) + 0.0, round(rate, 12)
    (array([1., 0.]), 3.0)
    """
    metric = np.ones(len(pull))
    metric[n_penalised:] = _BIAS_WEIGHT
    projected = project_on_cone(rows / metric, pull / metric)
    vector = projected / metric
    size = float(np.linalg.norm(vector[:n_penalised]))
    if size == 0.0:
        return np.zeros_like(vector), 0.0
    return vector / size, float(projected @ projected) / size


def support_bound(program: ConeProgram, dual: Float[np.ndarray, " sample"]) -> float:
    r"""Bound :math:`|v^\top (X w)_+|` over *all* unit vectors `w`, not only those of sampled cells.

    From :math:`2 (a)_+ = a + |a|` and Cauchy-Schwarz,

    .. math:: v^\top (X w)_+ \le \tfrac12 \|X^\top v\|
              + \tfrac12 \sqrt{1^\top v_+} \; \sigma_{\max}\big(\mathrm{diag}(\sqrt{v_+}) X\big),

    and without the first step twice the second term alone; both signs of `v` count. Where a bias is free the maximum is
    attained at a hyperplane through a sample, whose offset from the samples' centre is at most their radius `R`: the
    bound of the features :math:`[X\ R 1]`, centred, holds with a factor :math:`\sqrt 2`.
    """
    features, factor = program.features, 1.0
    if program.n_penalised < features.shape[1]:
        centred = features[:, :-1] - program.shares @ features[:, :-1]
        radius = float(np.linalg.norm(centred, axis=1).max())
        features, factor = np.column_stack([centred, np.full(len(centred), radius)]), np.sqrt(2.0)
    linear = float(np.linalg.norm(features.T @ dual))
    bounds = []
    for signed in (dual, -dual):
        positive = np.maximum(signed, 0.0)
        curved = float(np.sqrt(positive.sum()) * np.linalg.norm(np.sqrt(positive)[:, None] * features, 2))
        bounds.append(min(curved, 0.5 * linear + 0.5 * curved))
    return factor * max(bounds)


def _without_bias(rows: Float[np.ndarray, "sample feature"], left: Float[np.ndarray, " feature"]) -> float:
    """Cancel the last entry by raising one multiplier, and return the norm of the rest; infinite when none can."""
    if abs(left[-1]) <= _ROUNDING:
        return float(np.linalg.norm(left[:-1]))
    helpful = np.flatnonzero(rows[:, -1] * left[-1] < 0.0)
    if not len(helpful):
        return np.inf
    raised = left[:-1] - rows[helpful, :-1] * (left[-1] / rows[helpful, -1])[:, None]
    return float(np.linalg.norm(raised, axis=1).min())


def _unit_rows(rows: Float[np.ndarray, "sample feature"]) -> Float[np.ndarray, "sample feature"]:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(lengths > 0.0, lengths, 1.0)


def _multipliers(
    rows: Float[np.ndarray, "sample feature"], vector: Float[np.ndarray, " feature"]
) -> Float[np.ndarray, " sample"]:
    """Nonnegative multipliers that bring ``vector + rows.T @ multipliers`` close to zero; any such are valid ones."""
    try:
        return np.asarray(nnls(rows.T, -vector)[0])
    except RuntimeError:  # the active set cycled
        return np.zeros(len(rows))
