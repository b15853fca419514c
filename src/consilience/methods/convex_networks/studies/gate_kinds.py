"""Kinds of gates at equal count: how accurate they are, and what badly mixed features do to them.

Accuracy is compared on three tables, whatever comes out, with the released code's sketch beside the kinds of this
package; what badly mixed features do is measured on Gaussian points, for the two kinds that differ most.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from sklearn.datasets import load_breast_cancer, load_digits, load_wine
from sklearn.dummy import DummyClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from consilience.ground import Evidence, Figure, Measurement, RunFolder, Streams, Table
from consilience.methods.convex_networks.config import Config
from consilience.methods.convex_networks.estimators import ConvexReLUClassifier
from consilience.methods.convex_networks.gates import GateKind, Gates, PointCloud
from consilience.methods.convex_networks.studies.drawing import COLOURS, GREY, plain
from consilience.methods.convex_networks.studies.mixed_features import (
    CONDITIONS,
    CROSS,
    DATUM,
    Mixtures,
    draw_mixtures,
    mixed_accuracy,
    mixture_table,
    spread_measurements,
)
from consilience.methods.convex_networks.studies.rivals import Lead, Rival, Scores, Split, grid

BASELINE = "gaussian"
TRIVIAL = "most frequent class"


def coordinate_sketch(cloud: PointCloud, gates: int, generator: np.random.Generator) -> Gates:
    """Draw gates as the released code does in effect: cross products in one random half of the coordinates.

    Its sketch has one entry, of random sign, in each column, so that all gates ignore the features that it left out. A
    gate is the last right singular vector of differences of as many points as there are coordinates.

    Parameters
    ----------
    cloud : PointCloud
        Dense.
    gates : int
    generator : numpy.random.Generator

    Returns
    -------
    Gates
        One a row; features that do not vary are never chosen.

    Examples
    --------
    >>> points = np.random.default_rng(0).standard_normal((20, 6))
    >>> gates = coordinate_sketch(PointCloud(points, np.ones(20)), 5, np.random.default_rng(1))
    >>> gates.vectors.shape, np.count_nonzero(gates.vectors.any(axis=0)).item()
    ((5, 6), 3)
    """
    everyone = cloud.points(np.arange(len(cloud.probabilities)))
    varying = np.flatnonzero(np.ptp(everyone, axis=0) > 0)
    size = max(len(varying) // 2, 1)
    chosen = np.sort(generator.choice(varying, size=size, replace=False))
    signs = generator.choice([-1.0, 1.0], size=size)
    through = cloud.draw(gates, size, generator)
    sketched = cloud.points(through)[:, :, chosen] * signs
    normals = np.linalg.svd(sketched[:, :-1] - sketched[:, -1:])[2][:, -1]
    vectors = np.zeros((gates, everyone.shape[1]))
    vectors[:, chosen] = normals * signs
    offsets = -np.einsum("gd,gd->g", vectors, cloud.points(through[:, -1]) + cloud.centre)
    return Gates(vectors=vectors, offsets=offsets)


KINDS: dict[str, dict[str, Any]] = {
    BASELINE: {"gates": "gaussian"},
    "datum": {"gates": "datum"},
    "pair": {"gates": "pair"},
    "cross, rank 8": {"gates": "cross", "rank": 8},
    "cross, full rank": {"gates": "cross"},
    "pca": {"gates": "pca"},
    "coordinate sketch": {"gates": coordinate_sketch},
}
"""The kinds compared, as settings of the estimator."""

TABLES: dict[str, tuple[Callable[..., Any], bool]] = {
    "digits": (load_digits, False),
    "breast cancer": (load_breast_cancer, True),
    "wine": (load_wine, True),
}
"""Where they are compared, and whether features are standardised there."""


def gate_kinds(config: Config, streams: Streams, folder: RunFolder) -> Evidence:
    """Measure the claim ``convex.gates``.

    Parameters
    ----------
    config : Config
        ``gates_splits`` and ``n_gates`` are read.
    streams : Streams
        Decide splits, points, mixtures and gates.
    folder : RunFolder
        Takes a metric for every fit, and the picture.

    Returns
    -------
    Evidence
        How the spread of patterns changes with the condition of the features, with bars; accuracy of all kinds, without
        any.
    """
    with threadpool_limits(1):
        mixtures = draw_mixtures(config.gates_splits, streams, folder)
        compared = {name: _compared(name, config, streams, folder) for name in TABLES}
    return Evidence(
        measurements=(*spread_measurements(mixtures), mixed_accuracy(mixtures), *_accuracy_measurements(compared)),
        tables=(*(_accuracy_table(name, scores) for name, scores in compared.items()), mixture_table(mixtures)),
        figures=(_figure(compared, mixtures, folder),),
        seeds=tuple(streams.integer(f"split {index}") for index in range(config.gates_splits)),
    )


def _compared(table: str, config: Config, streams: Streams, folder: RunFolder) -> Scores:
    load, standardised = TABLES[table]
    features, labels = load(return_X_y=True)
    scores: Scores = {}
    for index in range(config.gates_splits):
        split = Split.draw(features, labels, streams.integer(f"split {index}"))
        for name, kind in KINDS.items():
            network = ConvexReLUClassifier(config.n_gates, penalty="ridge", dtype="float32", **kind)
            scaling = StandardScaler() if standardised else "passthrough"
            model = Pipeline([("scale", scaling), ("model", network)])
            penalties = grid("model__", alpha_ratio=(0.03, 0.1, 0.3))
            scores.setdefault(name, []).append(Rival(name=name, estimator=model, grid=penalties).judge(split))
        scores.setdefault(TRIVIAL, []).append(Rival(name=TRIVIAL, estimator=DummyClassifier()).judge(split))
        for name, found in scores.items():
            folder.metric("accuracy", found[-1].points, study="gates", table=table, kind=name, seed=split.seed)
    return scores


def _accuracy_measurements(compared: dict[str, Scores]) -> tuple[Measurement, ...]:
    found = []
    for table, scores in compared.items():
        leads = {name: Lead.over(scores[name], scores[BASELINE]) for name in KINDS if name != BASELINE}
        best = max(leads, key=lambda name: leads[name].mean)
        beyond = [name for name, lead in leads.items() if lead.low > 0]
        behind = [name for name, lead in leads.items() if lead.high < 0]
        note = (
            f"best kind: {best}; beyond its interval above: {', '.join(beyond) or 'none'}, "
            f"below: {', '.join(behind) or 'none'}; reported as it is"
        )
        found.append(
            Measurement(
                name=f"{table}: accuracy of the best kind of gate above Gaussian gates",
                value=leads[best].mean,
                low=leads[best].low,
                high=leads[best].high,
                unit="points",
                note=note,
            )
        )
    return tuple(found)


def _accuracy_table(table: str, scores: Scores) -> Table:
    rows: list[tuple[str | float | None, ...]] = []
    for name, found in scores.items():
        points = np.array([score.points for score in found])
        lead = None if name == BASELINE else str(Lead.over(found, scores[BASELINE]))
        rows.append((name, round(float(points.mean()), 2), round(float(points.std(ddof=1)), 2), lead))
    columns = ("gates", "mean accuracy, %", "standard deviation", "above gaussian (95 % interval)")
    note = f"{len(scores[BASELINE])} splits, penalty by an inner validation, same number of gates for all"
    return Table(title=f"Kinds of gates on {table}", columns=columns, rows=tuple(rows), note=note)


def _figure(compared: dict[str, Scores], mixtures: Mixtures, folder: RunFolder) -> Figure:
    canvas = Canvas(figsize=(10.0, 3.4), layout="constrained")
    kinds, rank, accuracy = canvas.subplots(1, 3, width_ratios=(1.5, 1.0, 1.0))
    _draw_leads(kinds, compared)
    _draw_curves(rank, {key: [draw.spread for draw in draws] for key, draws in mixtures.items()})
    _draw_curves(accuracy, {key: [draw.accuracy for draw in draws] for key, draws in mixtures.items()})
    rank.set_ylim(0.0, None)
    rank.set_ylabel("participation ratio of patterns")
    accuracy.set_ylabel("test accuracy, %")
    kinds.legend(loc="upper left", frameon=False, fontsize=8, labelcolor=GREY)
    rank.legend(frameon=False, fontsize=8, labelcolor=GREY)
    for axes in (kinds, rank, accuracy):
        plain(axes)
    return folder.figure(
        "gates",
        canvas,
        "Left: accuracy of kinds of gates above Gaussian ones, with 95 % intervals. Middle and right: when features "
        "are mixed badly, cross-product gates keep their patterns and Gaussian ones through a datum lose theirs; "
        "medians and extremes.",
    )


def _draw_leads(axes: Axes, compared: dict[str, Scores]) -> None:
    others = [name for name in KINDS if name != BASELINE]
    for place, (table, scores) in enumerate(compared.items()):
        leads = [Lead.over(scores[name], scores[BASELINE]) for name in others]
        heights = np.arange(len(others)) + 0.22 * (place - 1)
        axes.hlines(heights, [lead.low for lead in leads], [lead.high for lead in leads], COLOURS[place], linewidth=1.2)
        axes.scatter([lead.mean for lead in leads], heights, s=22, color=COLOURS[place], label=table)
    axes.axvline(0.0, color=GREY, linewidth=1)
    axes.set_yticks(range(len(others)), others)
    axes.invert_yaxis()
    axes.set_xlabel("points of accuracy above gaussian")


def _draw_curves(axes: Axes, values: dict[tuple[GateKind, float], list[float]]) -> None:
    kinds: tuple[GateKind, ...] = (CROSS, DATUM)
    for kind, colour in zip(kinds, (COLOURS[1], COLOURS[0]), strict=True):
        draws = np.array([values[kind, condition] for condition in CONDITIONS])
        axes.plot(CONDITIONS, np.median(draws, axis=1), color=colour, marker="o", markersize=4, label=kind)
        axes.fill_between(CONDITIONS, draws.min(axis=1), draws.max(axis=1), color=colour, alpha=0.2, linewidth=0)
    axes.set_xscale("log")
    axes.set_xlabel("condition of the mixture")
