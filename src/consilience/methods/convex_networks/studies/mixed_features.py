r"""Badly mixed features: what they do to the activation patterns of gates, and to accuracy.

Gaussian points are mixed by matrices of growing condition, without rescaling. Cross-product gates of full rank go
through the same points whatever the mixture, so that their patterns stay; a Gaussian direction sees ever fewer of the
mixed directions. Labels are of the points before they are mixed.

How many patterns there are is measured by their participation ratio :math:`(\sum\sigma^2)^2/\sum\sigma^4` over the
singular values of the centred pattern matrix: the number of equally strong components that would spread as much. It
does not see which side of a gate is the active one. The exponential of the entropy of the shares of :math:`\sigma^2` is
tabled beside it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from consilience.ground import Measurement, RunFolder, Streams, Table
from consilience.methods.convex_networks.estimators import ConvexReLUClassifierCV
from consilience.methods.convex_networks.gates import GateKind, PointCloud, draw_gates
from consilience.methods.convex_networks.studies.rivals import Lead

__all__ = [
    "CONDITIONS",
    "CROSS",
    "DATUM",
    "Mixture",
    "Mixtures",
    "draw_mixtures",
    "mixed_accuracy",
    "mixture_table",
    "pattern_spread",
    "spread_measurements",
]

CROSS: GateKind = "cross"
DATUM: GateKind = "datum"

CONDITIONS = (1.0, 1e1, 1e2, 1e3, 1e4)
"""Condition numbers of the mixtures."""
JUDGED = 1e3
"""The condition at which the bars are."""

_POINTS, _FEATURES, _GATES, _TEST_POINTS = 400, 10, 300, 2000
_NEURONS = 8
"""Hidden neurons of the function that labels the points."""


@dataclass(frozen=True, kw_only=True)
class Mixture:
    """One draw of mixed points under one kind of gates."""

    spread: float
    """Participation ratio of the patterns."""
    entropy: float
    """Exponential of the entropy of the shares of squared singular values."""
    accuracy: float
    """Test accuracy on labels that do not depend on the mixture, in percent."""


Mixtures = dict[tuple[GateKind, float], list[Mixture]]
"""Draws of every kind and condition, in the same order."""


def draw_mixtures(count: int, streams: Streams, folder: RunFolder) -> Mixtures:
    """Draw points, labels and mixtures, and fit both kinds of gates under every condition.

    Parameters
    ----------
    count : int
        How many draws; each has its own points, labels and mixture, shared by all conditions.
    streams : Streams
    folder : RunFolder
        Takes a metric for each.
    """
    mixtures: Mixtures = {}
    for index in range(count):
        drawn = streams.child(f"mixture {index}")
        generator = drawn.generator("points")
        points = generator.standard_normal((_POINTS + _TEST_POINTS, _FEATURES))
        labels = _labels(points, generator)
        left, right = (np.linalg.qr(generator.standard_normal((_FEATURES, _FEATURES)))[0] for _ in range(2))
        for condition in CONDITIONS:
            mixed = points @ (left * np.geomspace(1.0, 1.0 / condition, _FEATURES)) @ right
            for kind in (DATUM, CROSS):
                cloud = PointCloud(mixed[:_POINTS], np.ones(_POINTS))
                _, patterns = draw_gates(kind, cloud, _GATES, drawn.generator("gates"))
                network = ConvexReLUClassifierCV(_GATES, gates=kind, random_state=drawn.integer("network"))
                network.fit(mixed[:_POINTS], labels[:_POINTS])
                accuracy = 100.0 * float(network.score(mixed[_POINTS:], labels[_POINTS:]))
                spread, entropy = pattern_spread(patterns)
                found = Mixture(spread=spread, entropy=entropy, accuracy=accuracy)
                mixtures.setdefault((kind, condition), []).append(found)
                folder.metric("pattern spread", spread, kind=kind, condition=condition, draw=index)
    return mixtures


def _labels(points: Float[np.ndarray, "n d"], generator: np.random.Generator) -> Bool[np.ndarray, " n"]:
    """Label by the sign of a random ReLU network, about half of the points each way."""
    hidden = generator.standard_normal((points.shape[1], _NEURONS))
    biases, outer = generator.standard_normal((2, _NEURONS))
    values = np.maximum(points @ hidden + biases, 0.0) @ outer
    labels: np.ndarray = values > np.median(values)
    return labels


def pattern_spread(patterns: Bool[np.ndarray, "n g"]) -> tuple[float, float]:
    """Return the participation ratio of centred patterns, and the exponential of their spectral entropy.

    Both lie between one and the rank. They do not change when a pattern becomes its complement.

    Examples
    --------
    >>> patterns = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=bool)
    >>> [round(value, 12) for value in pattern_spread(patterns)]
    [2.0, 2.0]
    """
    values = np.linalg.svd(patterns - patterns.mean(axis=0), compute_uv=False) ** 2
    shares = values / values.sum()
    positive = shares[shares > 0]
    return float(1.0 / np.sum(shares**2)), float(np.exp(-np.sum(positive * np.log(positive))))


def spread_measurements(mixtures: Mixtures) -> tuple[Measurement, Measurement]:
    """Hold the spread of patterns of both kinds against its bar: one must stay, the other fall."""
    spreads = {key: np.array([found.spread for found in mixtures[key]]) for key in mixtures}
    change = 100.0 * np.abs(spreads[CROSS, JUDGED] / spreads[CROSS, 1.0] - 1.0)
    fall = spreads[DATUM, 1.0] / spreads[DATUM, JUDGED]
    said = f"participation ratio of centred patterns, {_GATES} gates, {_POINTS} points in {_FEATURES} dimensions"
    return (
        Measurement(
            name="cross-product gates: largest change of the pattern rank between condition 1 and 1e3",
            value=float(change.max()),
            low=float(change.min()),
            high=float(change.max()),
            at_most=1.0,
            unit="%",
            note=f"{said}; largest of {len(change)} draws",
        ),
        Measurement(
            name="Gaussian gates through a datum: fall of the pattern rank between condition 1 and 1e3",
            value=float(np.median(fall)),
            low=float(fall.min()),
            high=float(fall.max()),
            at_least=3.0,
            unit="times",
            note=f"{said}; median and extremes of {len(fall)} draws",
        ),
    )


def mixed_accuracy(mixtures: Mixtures) -> Measurement:
    """Say whether accuracy follows the patterns; there is no bar."""
    lead = _mixed_lead(mixtures, JUDGED)
    well = _mixed_lead(mixtures, 1.0)
    return Measurement(
        name="accuracy of cross-product gates above Gaussian ones through a datum at condition 1e3",
        value=lead.mean,
        low=lead.low,
        high=lead.high,
        unit="points",
        note=f"labels of a random ReLU network of the unmixed points; at condition 1: {well}; reported as it is",
    )


def _mixed_lead(mixtures: Mixtures, condition: float) -> Lead:
    full, datum = (np.array([found.accuracy for found in mixtures[kind, condition]]) for kind in (CROSS, DATUM))
    return Lead.of(full - datum, overlap=0.0)


def mixture_table(mixtures: Mixtures) -> Table:
    """Put both kinds of gates side by side under every condition."""
    rows: list[tuple[str | float, ...]] = []
    for condition in CONDITIONS:
        means = {
            kind: np.mean([(m.spread, m.entropy, m.accuracy) for m in mixtures[kind, condition]], axis=0)
            for kind in (CROSS, DATUM)
        }
        full, datum = (tuple(round(float(value), 2) for value in means[kind]) for kind in (CROSS, DATUM))
        rows.append((f"{condition:.0e}", *full, *datum, str(_mixed_lead(mixtures, condition))))
    columns = (
        "condition",
        "cross: participation ratio",
        "cross: entropy rank",
        "cross: accuracy, %",
        "datum: participation ratio",
        "datum: entropy rank",
        "datum: accuracy, %",
        "cross above datum (95 % interval)",
    )
    note = (
        f"means of {len(mixtures[CROSS, 1.0])} draws; penalty by leave-one-out; the most frequent class has 50 %. "
        "Whitening the features first undoes the mixture, and makes a Gaussian direction a cross product in law: the "
        "row of condition 1 stands for that."
    )
    return Table(title="Badly mixed features", columns=columns, rows=tuple(rows), note=note)
