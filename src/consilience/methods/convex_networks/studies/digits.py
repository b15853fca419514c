"""Handwritten digits: the convex network beside a perceptron, support vectors and the others, in accuracy and time.

All models see pixels as they come, from 0 to 16, but for logistic regression, which is faster and no worse on [0, 1];
the perceptron is faster and better on raw ones.
"""

from __future__ import annotations

import numpy as np
from sklearn.datasets import load_digits
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn.svm import SVC
from threadpoolctl import threadpool_limits

from consilience.ground import Evidence, Measurement, RunFolder, Streams
from consilience.methods.convex_networks.config import Config
from consilience.methods.convex_networks.estimators import ConvexReLUClassifier
from consilience.methods.convex_networks.studies.rivals import (
    CONVEX,
    FEWEST_SPLITS,
    Lead,
    Rival,
    Scores,
    Split,
    grid,
    no_bar,
    points_table,
    time_picture,
    time_ratio,
    times_table,
)

MANY, LINEAR, KERNEL = "convex network, 1000 gates", "logistic regression", "support vectors"
PERCEPTRON, TUNED, BOOSTING = "perceptron (200)", "perceptron (200), tuned", "gradient boosting"
TRIVIAL = "most frequent digit"

_SLOW_SPLITS = 2
"""Splits on which the slow rivals, which no bar asks for, are shown for comparison; none below `FEWEST_SPLITS`."""

_PENALTIES = grid(alpha_ratio=(0.03, 0.01))

_PIXEL_VARIANCE = 36.2
"""Of all pixels of all images; one over 64 times this is the width that SVC calls "scale"."""


def digits(config: Config, streams: Streams, folder: RunFolder) -> Evidence:
    """Measure the claim ``convex.digits``.

    Parameters
    ----------
    config : Config
        ``digits_splits`` and ``n_gates`` are read.
    streams : Streams
        Decide the splits and every model's randomness.
    folder : RunFolder
        Takes a metric for every fit, and the picture.

    Returns
    -------
    Evidence
        Accuracy, leads over the perceptron and over support vectors, and ratios of fit times. Below five splits only
        the lead over the perceptron, which is large, is held against its bar.
    """
    features, labels = load_digits(return_X_y=True)
    scores: Scores = {}
    seeds = tuple(streams.integer(f"split {index}") for index in range(config.digits_splits))
    with threadpool_limits(1):
        for index, seed in enumerate(seeds):
            split = Split.draw(features, labels, seed)
            slow = index < _SLOW_SPLITS and len(seeds) >= FEWEST_SPLITS
            for rival in (*_rivals(config.n_gates), *(_slow_rivals() if slow else ())):
                score = rival.judge(split)
                scores.setdefault(rival.name, []).append(score)
                folder.metric("accuracy", score.points, study="digits", model=rival.name, seed=seed)
    note = (
        f"{len(labels)} images of 8 x 8 pixels, {len(seeds)} splits of 75 to 25; settings by an inner validation; "
        f"{CONVEX}: {config.n_gates} gates, single precision"
    )
    shown = f"; {TUNED} and {BOOSTING} on the first {_SLOW_SPLITS}" if BOOSTING in scores else ""
    return Evidence(
        measurements=_measurements(scores),
        tables=(
            points_table("Accuracy on handwritten digits", scores, unit="accuracy, %", note=note + shown),
            times_table("Fit time on handwritten digits", scores),
        ),
        figures=(
            folder.figure(
                "digits",
                time_picture(scores, unit="test accuracy, %", hidden=(TRIVIAL,)),
                "Accuracy and fit time on handwritten digits; small dots are splits, large ones medians.",
            ),
        ),
        seeds=seeds,
    )


def _rivals(n_gates: int) -> tuple[Rival, ...]:
    widths = tuple(round(factor / (64 * _PIXEL_VARIANCE), 7) for factor in (1.0, 0.5, 2.0))
    logistic = Pipeline([("scale", MinMaxScaler()), ("model", LogisticRegression(max_iter=2000))])
    return (
        Rival(name=CONVEX, estimator=_network(n_gates), grid=_PENALTIES),
        Rival(name=MANY, estimator=_network(1000), grid=_PENALTIES[:1]),
        Rival(name=KERNEL, estimator=SVC(), grid=grid(C=(10.0, 3.0, 1.0), gamma=widths)),
        Rival(name=PERCEPTRON, estimator=MLPClassifier((200,))),
        Rival(name=LINEAR, estimator=logistic, grid=grid("model__", C=(1.0, 10.0))),
        Rival(name=TRIVIAL, estimator=DummyClassifier()),
    )


def _network(n_gates: int) -> ConvexReLUClassifier:
    return ConvexReLUClassifier(n_gates, penalty="ridge", dtype="float32")


def _slow_rivals() -> tuple[Rival, ...]:
    return (
        Rival(name=TUNED, estimator=MLPClassifier((200,)), grid=grid(alpha=(1e-4, 1.0))),
        Rival(name=BOOSTING, estimator=HistGradientBoostingClassifier()),
    )


def _measurements(scores: Scores) -> tuple[Measurement, ...]:
    ours = scores[CONVEX]
    perceptron, kernel = Lead.over(ours, scores[PERCEPTRON]), Lead.over(ours, scores[KERNEL])
    enough = len(ours) >= FEWEST_SPLITS
    interval = "mean of paired differences with its 95 % interval"
    return (
        _accuracy(scores, CONVEX, at_least=98.6),
        Measurement(
            name="accuracy above MLPClassifier(200)",
            value=perceptron.mean,
            low=perceptron.low,
            high=perceptron.high,
            at_least=0.3,
            unit="points",
            note=interval,
        ),
        Measurement(
            name="accuracy above tuned SVC",
            value=kernel.mean,
            low=kernel.low,
            high=kernel.high,
            at_least=-0.3 if enough else None,
            unit="points",
            note=interval if enough else f"{interval}; {no_bar('at least -0.3 points')}",
        ),
        time_ratio("fit time over MLPClassifier(200)'s", ours, scores[PERCEPTRON], at_most=0.1),
        time_ratio(
            "fit time over tuned SVC's", ours, scores[KERNEL], at_most=1.5, note="SVC without its probabilities"
        ),
        _accuracy(scores, MANY, at_least=None),
    )


def _accuracy(scores: Scores, name: str, *, at_least: float | None) -> Measurement:
    points = np.array([score.points for score in scores[name]])
    enough = len(points) >= FEWEST_SPLITS or at_least is None
    said = "median and extremes over splits"
    return Measurement(
        name="accuracy" if name == CONVEX else "accuracy with 1000 gates",
        value=float(np.median(points)),
        low=float(points.min()),
        high=float(points.max()),
        at_least=at_least if enough else None,
        unit="%",
        note=said if enough else f"{said}; {no_bar(f'at least {at_least} %')}",
    )
