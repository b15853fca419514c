"""Three small tables: the convex network beside a linear model, support vectors, a perceptron and gradient boosting.

Every model stands behind the same standardisation of the features, and chooses from about four settings by the same
inner validation of the training rows; but for regression the convex network takes its penalty from leave-one-out on the
training rows, in closed form, whose squared error is what R2 measures. The fit that is timed is the one at the chosen
settings, as for all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from matplotlib.figure import Figure as Canvas
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, SVR
from threadpoolctl import threadpool_limits

from consilience.ground import Evidence, Figure, Measurement, RunFolder, Streams
from consilience.methods.convex_networks.config import Config
from consilience.methods.convex_networks.estimators import (
    ConvexReLUClassifier,
    ConvexReLUClassifierCV,
    ConvexReLURegressor,
    ConvexReLURegressorCV,
)
from consilience.methods.convex_networks.studies.drawing import COLOURS, GREY, plain
from consilience.methods.convex_networks.studies.rivals import (
    CONVEX,
    FEWEST_SPLITS,
    Lead,
    Rival,
    Scores,
    Settings,
    Split,
    grid,
    no_bar,
    points_table,
    time_ratio,
    times_table,
)

LINEAR, KERNEL, PERCEPTRON, BOOSTING = "linear model", "support vectors", "perceptron (200)", "gradient boosting"
PEERS = (LINEAR, KERNEL, PERCEPTRON, BOOSTING)
TRIVIAL = "constant"

_RATIOS = (0.3, 0.1, 1.0, 3.0)
"""Penalties of the convex classifier, in natural units; tuned on splits that no run reports."""


@dataclass(frozen=True, kw_only=True)
class Problem:
    """A table that ships with scikit-learn."""

    name: str
    load: Callable[..., Any]
    classifies: bool = True

    @property
    def unit(self) -> str:
        """What a score is, in percent."""
        return "accuracy, %" if self.classifies else "R2, %"


TABLES = (
    Problem(name="breast cancer", load=load_breast_cancer),
    Problem(name="wine", load=load_wine),
    Problem(name="diabetes", load=load_diabetes, classifies=False),
)


@dataclass(kw_only=True)
class Outcome:
    """All that was found on one table, filled split by split."""

    problem: Problem
    scores: Scores = field(default_factory=dict)
    votes: list[bool] = field(default_factory=list)
    """For every split, whether the estimator says that a linear model is enough."""

    @property
    def best_peer(self) -> str:
        """The peer with the largest mean over the test rows, which nobody could have known beforehand."""
        return max(PEERS, key=lambda name: np.mean([score.points for score in self.scores[name]]))

    @property
    def linear_is_enough(self) -> bool:
        """Whether no model's lead over the linear one is beyond its 95 % interval."""
        linear = self.scores[LINEAR]
        return all(Lead.over(self.scores[name], linear).low <= 0 for name in (CONVEX, *PEERS) if name != LINEAR)


def tabular(config: Config, streams: Streams, folder: RunFolder) -> Evidence:
    """Measure the claim ``convex.tabular``.

    Parameters
    ----------
    config : Config
        ``tabular_splits`` and ``n_gates`` are read.
    streams : Streams
        Decide the splits and every model's randomness.
    folder : RunFolder
        Takes a metric for every fit, and the picture.

    Returns
    -------
    Evidence
        For each table the lead over the peer that did best on its test rows, the ratio of fit times, and how often the
        estimator said that a linear model is enough.
    """
    outcomes = []
    with threadpool_limits(1):
        for problem in TABLES:
            outcome = Outcome(problem=problem)
            for index in range(config.tabular_splits):
                seed = streams.integer(f"{problem.name} {index}")
                _add_split(outcome, seed, config.n_gates, folder)
            outcomes.append(outcome)
    return Evidence(
        measurements=(
            *(_lead(outcome) for outcome in outcomes),
            *(_fit_ratio(outcome) for outcome in outcomes),
            *(_votes(outcome) for outcome in outcomes),
        ),
        tables=tuple(table for outcome in outcomes for table in _tables(outcome)),
        figures=(_figure(outcomes, folder),),
        seeds=tuple(
            streams.integer(f"{problem.name} {index}") for problem in TABLES for index in range(config.tabular_splits)
        ),
    )


def _add_split(outcome: Outcome, seed: int, n_gates: int, folder: RunFolder) -> None:
    problem = outcome.problem
    features, targets = problem.load(return_X_y=True)
    split = Split.draw(features, targets, seed, classifies=problem.classifies)
    chooser = ConvexReLUClassifierCV if problem.classifies else ConvexReLURegressorCV
    standard = StandardScaler().fit(split.X_train)
    chosen = chooser(n_gates, random_state=seed).fit(standard.transform(split.X_train), split.y_train)
    outcome.votes.append(chosen.linear_is_enough_)
    rivals = _classifiers if problem.classifies else _regressors
    ratios = _RATIOS if problem.classifies else (chosen.alpha_ratio_,)
    for rival in rivals(n_gates, grid("model__", alpha_ratio=ratios)):
        score = rival.judge(split)
        outcome.scores.setdefault(rival.name, []).append(score)
        folder.metric("score", score.points, study="tabular", table=problem.name, model=rival.name, seed=seed)


def _standardised(model: Any) -> Pipeline:
    return Pipeline([("scale", StandardScaler()), ("model", model)])


def _classifiers(n_gates: int, penalty: tuple[Settings, ...]) -> tuple[Rival, ...]:
    return (
        Rival(name=CONVEX, estimator=_standardised(ConvexReLUClassifier(n_gates, penalty="ridge")), grid=penalty),
        Rival(
            name=LINEAR,
            estimator=_standardised(LogisticRegression(max_iter=2000)),
            grid=grid("model__", C=(1.0, 0.1, 0.3, 3.0)),
        ),
        Rival(name=KERNEL, estimator=_standardised(SVC()), grid=grid("model__", C=(1.0, 0.3, 3.0, 10.0))),
        Rival(name=PERCEPTRON, estimator=_standardised(MLPClassifier((200,))), grid=grid("model__", alpha=(1e-4, 1.0))),
        Rival(
            name=BOOSTING,
            estimator=_standardised(HistGradientBoostingClassifier()),
            grid=grid("model__", max_leaf_nodes=(31, 7)),
        ),
        Rival(name=TRIVIAL, estimator=DummyClassifier()),
    )


def _regressors(n_gates: int, penalty: tuple[Settings, ...]) -> tuple[Rival, ...]:
    """Return the same for regression; where its size matters to the model, the target is standardised too."""
    perceptron = MLPRegressor(hidden_layer_sizes=(200,), max_iter=500)
    return (
        Rival(name=CONVEX, estimator=_standardised(ConvexReLURegressor(n_gates, penalty="ridge")), grid=penalty),
        Rival(name=LINEAR, estimator=_standardised(Ridge()), grid=grid("model__", alpha=(1.0, 0.1, 10.0, 100.0))),
        Rival(
            name=KERNEL,
            estimator=TransformedTargetRegressor(_standardised(SVR()), transformer=StandardScaler()),
            grid=grid("regressor__model__", C=(1.0, 0.1, 0.3, 3.0)),
        ),
        Rival(
            name=PERCEPTRON,
            estimator=TransformedTargetRegressor(_standardised(perceptron), transformer=StandardScaler()),
            grid=grid("regressor__model__", alpha=(1e-4, 1.0)),
        ),
        Rival(
            name=BOOSTING,
            estimator=_standardised(HistGradientBoostingRegressor()),
            grid=grid("model__", max_leaf_nodes=(31, 7), learning_rate=(0.03, 0.1)),
        ),
        Rival(name=TRIVIAL, estimator=DummyRegressor()),
    )


def _lead(outcome: Outcome) -> Measurement:
    best = outcome.best_peer
    lead = Lead.over(outcome.scores[CONVEX], outcome.scores[best])
    enough = len(outcome.votes) >= FEWEST_SPLITS
    said = f"best on the test rows: {best}; mean of paired differences with its 95 % interval"
    return Measurement(
        name=f"{outcome.problem.name}: {outcome.problem.unit.split(',')[0]} above the best of four peers",
        value=lead.mean,
        low=lead.low,
        high=lead.high,
        at_least=-1.0 if enough else None,
        unit="points",
        note=said if enough else f"{said}; {no_bar('at least -1 points')}",
    )


def _fit_ratio(outcome: Outcome) -> Measurement:
    scores = outcome.scores
    return time_ratio(
        f"{outcome.problem.name}: fit time over the perceptron's", scores[CONVEX], scores[PERCEPTRON], at_most=1 / 20
    )


def _votes(outcome: Outcome) -> Measurement:
    lead = Lead.over(outcome.scores[LINEAR], outcome.scores[CONVEX])
    measure = "log loss" if outcome.problem.classifies else "squared error"
    judged = "a linear model is enough" if outcome.linear_is_enough else "a linear model is not enough"
    return Measurement(
        name=f"{outcome.problem.name}: splits on which the estimator says that a linear model is enough",
        value=100.0 * float(np.mean(outcome.votes)),
        unit="%",
        note=f"by leave-one-out {measure}; by test scores {judged}: it leads the convex network by {lead} points",
    )


def _tables(outcome: Outcome) -> tuple[Any, Any]:
    count = len(outcome.votes)
    enough = (
        " A linear model is enough here: no other leads it beyond its interval." if outcome.linear_is_enough else ""
    )
    tuned = "" if outcome.problem.classifies else f", but the penalty of the {CONVEX} by leave-one-out"
    note = f"{count} splits of 75 to 25; settings by an inner validation{tuned}.{enough}"
    name = outcome.problem.name
    return (
        points_table(name.capitalize(), outcome.scores, unit=outcome.problem.unit, note=note),
        times_table(f"Fit time on {name}", outcome.scores),
    )


def _figure(outcomes: list[Outcome], folder: RunFolder) -> Figure:
    canvas = Canvas(figsize=(8.6, 2.9), layout="constrained")
    panels = canvas.subplots(1, len(outcomes), sharey=True)
    for axes, outcome in zip(panels, outcomes, strict=True):
        for height, name in enumerate(PEERS):
            differences = [
                a.points - b.points for a, b in zip(outcome.scores[CONVEX], outcome.scores[name], strict=True)
            ]
            lead = Lead.of(np.array(differences))
            axes.scatter(
                differences, [height + 0.2] * len(differences), s=14, color=COLOURS[0], alpha=0.4, linewidths=0
            )
            axes.plot([lead.low, lead.high], [height, height], color=COLOURS[0], linewidth=1.5)
            axes.scatter(lead.mean, height, s=45, color=COLOURS[0])
        axes.axvline(0.0, color=GREY, linewidth=1)
        axes.axvline(-1.0, color=GREY, linewidth=1, linestyle=":")
        axes.set_title(outcome.problem.name, fontsize=10, color=GREY)
        axes.set_xlabel("points of accuracy" if outcome.problem.classifies else "points of R2")
        plain(axes)
    panels[0].set_yticks(range(len(PEERS)), PEERS)
    panels[0].set_ylim(len(PEERS) - 0.6, -0.5)
    return folder.figure(
        "tabular",
        canvas,
        "How far the convex network is above each peer: mean with its 95 % interval, dots are splits; dotted, the bar "
        "for the best of the four.",
    )
