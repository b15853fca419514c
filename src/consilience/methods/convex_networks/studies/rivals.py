"""Models on the same rows: each tunes itself on a part of the training rows, is fitted once by the clock, and judged.

No setting is chosen by a row that decides a score. Every model of a split sees the same rows, one after another, and
is judged once on rows that nothing has seen. Splits are drawn anew from the same table and overlap, which intervals of
mean differences take into account.
"""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure
from scipy.stats import t as student
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split

from consilience.ground import Measurement, Table
from consilience.methods.convex_networks.studies.drawing import COLOURS, GREY, log_abscissa, plain

CONVEX = "convex network"
"""Name of the model that the others are compared with."""

TEST_SHARE = 0.25
"""Share of the rows that is held out, of the table for the test and of the training rows for the choice of settings."""

CONFIDENCE = 0.95
"""Probability that printed intervals aim at."""

FEWEST_SPLITS = 5
"""Splits below which a median or a mean over them is not held against a bar."""

Settings = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Split:
    """Rows of one split, and the seed of all randomness on it."""

    X_train: np.ndarray
    X_test: np.ndarray
    y_train: np.ndarray
    y_test: np.ndarray
    seed: int
    classifies: bool = True

    @classmethod
    def draw(cls, features: np.ndarray, targets: np.ndarray, seed: int, *, classifies: bool = True) -> Split:
        """Hold out a quarter of the rows, classes in proportion.

        Examples
        --------
        >>> split = Split.draw(np.arange(8.0)[:, None], np.array([0, 1] * 4), seed=3)
        >>> split.X_train.shape, split.inner().X_train.shape, sorted(split.y_test.tolist())
        ((6, 1), (4, 1), [0, 1])
        """
        X_train, X_test, y_train, y_test = train_test_split(
            features, targets, test_size=TEST_SHARE, random_state=seed, stratify=targets if classifies else None
        )
        return cls(X_train=X_train, X_test=X_test, y_train=y_train, y_test=y_test, seed=seed, classifies=classifies)

    def inner(self) -> Split:
        """Divide the training rows into a part to fit on and a part to choose settings by."""
        return self.draw(self.X_train, self.y_train, self.seed, classifies=self.classifies)


@dataclass(frozen=True, kw_only=True)
class Score:
    """One model on one split."""

    points: float
    """Accuracy or R2 on the test rows, in percent."""
    fit_s: float
    """CPU seconds of one fit on all training rows, at the chosen settings."""
    settings: Settings = field(default_factory=dict)
    """What was chosen."""

    @property
    def described(self) -> str:
        """The settings in words, without the path to the step of a pipeline that takes them.

        Examples
        --------
        >>> Score(points=98.0, fit_s=0.1, settings={"model__alpha": 0.03}).described
        'alpha=0.03'
        """
        return ", ".join(f"{name.rsplit('__', 1)[-1]}={_spelled(value)}" for name, value in self.settings.items())


Scores = dict[str, list[Score]]
"""Scores of every model, in the order of the splits."""


@dataclass(frozen=True, kw_only=True)
class Rival:
    """A model and the settings it may choose from.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.svm import SVC
    >>> rival = Rival(name="support vectors", estimator=SVC(), grid=grid(C=(1.0, 10.0)))
    >>> split = Split.draw(*load_iris(return_X_y=True), seed=0)
    >>> rival.choose(split), rival.judge(split).points > 90
    ({'C': 1.0}, True)
    """

    name: str
    estimator: Any
    """Not fitted; every `random_state` in it is set to the seed of the split."""
    grid: tuple[Settings, ...] = ({},)
    """The settings, the preferred ones first: ties go to the earlier."""

    def choose(self, split: Split) -> Settings:
        """Return the settings that score best on the inner division of the training rows."""
        if len(self.grid) == 1:
            return self.grid[0]
        inner = split.inner()
        return max(self.grid, key=lambda settings: self._fitted(settings, inner).points)

    def judge(self, split: Split) -> Score:
        """Choose settings, fit once on all training rows, and score on the test rows."""
        return self._fitted(self.choose(split), split)

    def _fitted(self, settings: Settings, split: Split) -> Score:
        seeds = {name: split.seed for name in self.estimator.get_params() if name.endswith("random_state")}
        estimator = clone(self.estimator).set_params(**seeds, **settings)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # a perceptron that stops early is judged as it is
            start = time.process_time()
            estimator.fit(split.X_train, split.y_train)
            fit_s = time.process_time() - start
        points = 100.0 * float(estimator.score(split.X_test, split.y_test))
        return Score(points=points, fit_s=fit_s, settings=settings)


def grid(prefix: str = "", **values: Sequence[Any]) -> tuple[Settings, ...]:
    """Return all combinations of the values; the prefix leads to the step of a pipeline that takes them.

    Examples
    --------
    >>> grid("model__", C=(1.0, 3.0))
    ({'model__C': 1.0}, {'model__C': 3.0})
    """
    names = [prefix + name for name in values]
    return tuple(dict(zip(names, combination, strict=True)) for combination in product(*values.values()))


@dataclass(frozen=True, kw_only=True)
class Lead:
    """How far one model is above another over splits, with the 95 % interval of the mean."""

    mean: float
    low: float
    high: float

    @classmethod
    def over(cls, ours: Sequence[Score], theirs: Sequence[Score]) -> Lead:
        """Compare scores of the same splits; where one list is shorter, its splits alone."""
        return cls.of(np.array([a.points - b.points for a, b in zip(ours, theirs, strict=False)]))

    @classmethod
    def of(cls, differences: Float[np.ndarray, " split"], *, overlap: float = TEST_SHARE / (1.0 - TEST_SHARE)) -> Lead:
        """Take the mean of paired differences and its interval.

        Parameters
        ----------
        differences : array, shape (splits,)
        overlap : float
            What dependence between splits adds to the variance of the mean, in units of that of one difference: the
            ratio of test to training rows where splits are drawn from one table, so that their training rows overlap
            (Nadeau and Bengio, Machine Learning 52, 2003); zero where they are independent.

        Examples
        --------
        >>> lead = Lead.of(np.array([1.0, 2.0, 3.0]))
        >>> round(lead.mean, 3), round(lead.low, 3), round(lead.high, 3)
        (2.0, -1.513, 5.513)
        """
        count = len(differences)
        mean = float(differences.mean())
        if count == 1:
            return cls(mean=mean, low=-math.inf, high=math.inf)
        error = math.sqrt(float(differences.var(ddof=1)) * (1.0 / count + overlap))
        margin = error * float(student.ppf(0.5 + CONFIDENCE / 2, count - 1))
        return cls(mean=mean, low=mean - margin, high=mean + margin)

    def __str__(self) -> str:
        return f"{self.mean:+.2f} ({self.low:+.2f} to {self.high:+.2f})"


def time_ratio(
    name: str, ours: Sequence[Score], theirs: Sequence[Score], *, at_most: float, note: str = ""
) -> Measurement:
    """Measure the median of paired ratios of fit times; fewer than `FEWEST_SPLITS` of them have no bar.

    Parameters
    ----------
    name : str
    ours, theirs : sequence of Score
        Of the same splits.
    at_most : float
        The bar.
    note : str
        What else a reader must know.

    Returns
    -------
    Measurement
        With the extremes over splits.
    """
    ratios = np.array([a.fit_s / max(b.fit_s, 1e-9) for a, b in zip(ours, theirs, strict=True)])
    enough = len(ratios) >= FEWEST_SPLITS
    said = "CPU time of one fit at the chosen settings, one thread; extremes over splits"
    return Measurement(
        name=name,
        value=float(np.median(ratios)),
        low=float(ratios.min()),
        high=float(ratios.max()),
        at_most=at_most if enough else None,
        timing=True,
        note="; ".join(part for part in (said, note, "" if enough else no_bar(f"at most {at_most:.3g}")) if part),
    )


def no_bar(bar: str) -> str:
    """Say why a number is not held against its bar."""
    return f"{bar} is asked from {FEWEST_SPLITS} splits on"


def points_table(title: str, scores: Scores, *, unit: str, note: str) -> Table:
    """Put the scores of all models side by side, with the lead of the convex network over each."""
    rows = []
    for name, found in scores.items():
        values = np.array([score.points for score in found])
        lead = None if name == CONVEX else str(Lead.over(scores[CONVEX], found))
        spread = round(float(values.std(ddof=1)), 2) if len(values) > 1 else None
        rows.append(
            (name, round(float(np.median(values)), 2), round(float(values.mean()), 2), spread, lead, _chosen(found))
        )
    columns = (
        "model",
        f"median {unit}",
        "mean",
        "standard deviation",
        "convex network's lead (95 % interval)",
        "settings chosen (times)",
    )
    return Table(title=title, columns=columns, rows=tuple(rows), note=note)


def times_table(title: str, scores: Scores) -> Table:
    """Put the fit times of all models side by side."""
    ours = float(np.median([score.fit_s for score in scores[CONVEX]]))
    rows = []
    for name, found in scores.items():
        median = float(np.median([score.fit_s for score in found]))
        rows.append((name, len(found), round(1e3 * median, 2), round(median / max(ours, 1e-9), 2)))
    columns = ("model", "fits", "median, ms of CPU", "in units of the convex network's")
    return Table(title=title, columns=columns, rows=tuple(rows), timing=True)


def _chosen(found: Sequence[Score]) -> str:
    """Count the settings that were chosen, the most frequent first."""
    described = [score.described for score in found]
    counts = {text: described.count(text) for text in dict.fromkeys(described) if text}
    return "; ".join(f"{text} ({count})" for text, count in sorted(counts.items(), key=lambda item: -item[1]))


def _spelled(value: object) -> str:
    return f"{value:.2g}" if isinstance(value, float) else str(value)


def time_picture(scores: Scores, *, unit: str, hidden: Sequence[str] = ()) -> Figure:
    """Draw score against fit time: a small dot for every split, a large one for the medians."""
    shown = [name for name in scores if name not in hidden]
    figure = Figure(figsize=(7.2, 3.4), layout="constrained")
    axes = figure.subplots()
    palette = (*COLOURS, "#b59a2c", "#4fa8a8", "#c0507a", GREY)
    for name, colour in zip(shown, palette, strict=False):
        points = np.array([score.points for score in scores[name]])
        seconds = np.array([score.fit_s for score in scores[name]])
        axes.scatter(seconds, points, s=14, color=colour, alpha=0.35, linewidths=0)
        middle = (float(np.median(seconds)), float(np.median(points)))
        axes.scatter(*middle, s=90 if name == CONVEX else 45, color=colour, label=name)
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False, fontsize=9, labelcolor=GREY)
    log_abscissa(axes)
    axes.set_xlabel("CPU seconds of one fit")
    axes.set_ylabel(unit)
    plain(axes)
    return figure
