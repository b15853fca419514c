"""A head on sentence embeddings: the convex network beside logistic regression, support vectors and a perceptron.

The texts are docstrings, which every installation carries; the embedding is MiniLM and stays as it is. Each model
chooses its settings on a part of the training rows; only then is it fitted on all of them, against the clock, and
judged on rows that nothing has seen. All models of a split see the same rows, one after another, on one thread.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.dummy import DummyClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.svm import SVC
from threadpoolctl import threadpool_limits

from consilience.ground import Evidence, Figure, Measurement, MissingDependency, RunFolder, Streams, Table
from consilience.methods.convex_networks.config import Config
from consilience.methods.convex_networks.corpus import docstring_corpus
from consilience.methods.convex_networks.embeddings import BUNDLED, CachedEmbedder, SentenceEmbedder
from consilience.methods.convex_networks.estimators import ConvexReLUClassifier, ConvexReLUClassifierCV

if TYPE_CHECKING:
    from sklearn.base import ClassifierMixin

CONVEX, LINEAR, KERNEL, PERCEPTRON = "convex network", "logistic regression", "support vectors", "perceptron (200)"

_HELD_OUT = 0.25

_GATE_FACTOR = 5
"""Times ``config.n_gates``: hundreds of features want more gates than a table does; tuned on splits no run reports."""

_LEADS = {
    LINEAR: ("accuracy above logistic regression", 2.0),
    PERCEPTRON: ("accuracy above MLPClassifier(200)", 0.0),
    KERNEL: ("accuracy above tuned SVC", -1.0),
}
"""What to call the lead over each peer, and the least it must be, in points."""

_FIT_RATIO = ("fit time over MLPClassifier(200)'s", 1 / 7)
"""What to call the ratio of fit times, and the most it may be."""


@dataclass(frozen=True)
class Split:
    """Rows of one split: training and test, the training rows again divided for the choice of settings."""

    X_train: np.ndarray
    X_test: np.ndarray
    y_train: np.ndarray
    y_test: np.ndarray
    seed: int

    def inner(self) -> Split:
        """Divide the training rows into a part to fit on and a part to choose by."""
        return split_rows(self.X_train, self.y_train, self.seed)


@dataclass(frozen=True)
class Score:
    """One model on one split: accuracy in percent and CPU seconds of the fit."""

    accuracy: float
    fit_s: float
    settings: str


def text(config: Config, streams: Streams, folder: RunFolder) -> Evidence:
    """Measure the claim ``convex.text``.

    Parameters
    ----------
    config : Config
        ``text_splits``, ``text_samples`` and ``n_gates`` are read.
    streams : Streams
        Decide which texts are taken, how they are split, and every model's randomness.
    folder : RunFolder
        Keeps the embeddings and takes the picture.

    Returns
    -------
    Evidence
        Medians over splits of paired differences in accuracy and of the fit time ratio; without the ``text`` extra,
        measurements that say so.
    """
    corpus = docstring_corpus()
    rows = streams.generator("texts").permutation(len(corpus.texts))[: config.text_samples]
    embed = CachedEmbedder(SentenceEmbedder(), name=BUNDLED, folder=folder.path / "embeddings")
    try:
        embeddings = embed([corpus.texts[row] for row in rows])
    except MissingDependency as error:
        return _unmeasured(str(error))
    topics = np.array([corpus.topics[row] for row in rows])
    scores: dict[str, list[Score]] = {name: [] for name in (CONVEX, KERNEL, PERCEPTRON, LINEAR, "most frequent topic")}
    seeds = [streams.integer(f"split {index}") for index in range(config.text_splits)]
    with threadpool_limits(1):
        for seed in seeds:
            split = split_rows(embeddings, topics, seed)
            for name, score in _scores(split, config.n_gates):
                scores[name].append(score)
                folder.metric("accuracy", score.accuracy, study="text", model=name, seed=seed)
    return Evidence(
        measurements=tuple(_measurements(scores)),
        tables=_tables(scores, f"{len(rows)} texts of corpus {corpus.digest[:12]}, {len(seeds)} splits"),
        figures=(_figure(scores, folder),),
        seeds=tuple(seeds),
    )


def split_rows(features: np.ndarray, labels: np.ndarray, seed: int) -> Split:
    """Hold out a quarter of the rows, every label in proportion."""
    X_train, X_test, y_train, y_test = train_test_split(
        features, labels, test_size=_HELD_OUT, random_state=seed, stratify=labels
    )
    return Split(X_train, X_test, y_train, y_test, seed)


def _scores(split: Split, n_gates: int) -> list[tuple[str, Score]]:
    """Tune, fit and judge every model on one split."""
    grids: dict[str, tuple[Callable[..., ClassifierMixin], list[dict[str, Any]]]] = {
        LINEAR: (lambda **settings: LogisticRegression(max_iter=2000, **settings), _grid(C=(1.0, 3.0, 10.0, 30.0))),
        KERNEL: (SVC, _grid(C=(1.0, 3.0, 10.0, 30.0))),
        PERCEPTRON: (
            lambda **settings: MLPClassifier((200,), random_state=split.seed, **settings),
            _grid(alpha=(1e-4, 1e-2)),
        ),
    }
    scores = [(name, _best(build, grid, split)) for name, (build, grid) in grids.items()]
    trivial = _score(DummyClassifier(), split)
    return [*scores, (CONVEX, _convex(split, n_gates)), ("most frequent topic", trivial)]


def _grid(**values: Sequence[float]) -> list[dict[str, Any]]:
    return [dict(zip(values, combination, strict=True)) for combination in product(*values.values())]


def _best(build: Callable[..., ClassifierMixin], grid: list[dict[str, Any]], split: Split) -> Score:
    """Choose from the grid on the inner division, then fit and judge once; the first of equals is taken."""
    inner = split.inner()
    chosen = max(grid, key=lambda settings: _score(build(**settings), inner).accuracy)
    return _score(build(**chosen), split, chosen)


def _convex(split: Split, n_gates: int) -> Score:
    """Choose the penalty by leave-one-out on the training rows, then fit and judge once."""
    many = _GATE_FACTOR * n_gates
    ratio = ConvexReLUClassifierCV(many, random_state=split.seed).fit(split.X_train, split.y_train).alpha_ratio_
    estimator = ConvexReLUClassifier(many, alpha_ratio=ratio, random_state=split.seed)
    return _score(estimator, split, {"alpha_ratio": f"{ratio:.2g}"})


def _score(estimator: Any, split: Split, settings: dict[str, Any] | None = None) -> Score:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a perceptron that stops early is judged as it is
        start = time.process_time()
        estimator.fit(split.X_train, split.y_train)
        fit_s = time.process_time() - start
    described = ", ".join(f"{name}={value}" for name, value in (settings or {}).items())
    return Score(100.0 * float(estimator.score(split.X_test, split.y_test)), fit_s, described)


def _measurements(scores: dict[str, list[Score]]) -> list[Measurement]:
    found = []
    for peer, (name, least) in _LEADS.items():
        leads = np.array([ours.accuracy - theirs.accuracy for ours, theirs in _paired(scores, peer)])
        found.append(
            Measurement(
                name=name,
                value=float(np.median(leads)),
                low=float(leads.min()),
                high=float(leads.max()),
                at_least=least,
                unit="points",
                note="median of paired differences; low and high are the extremes over splits",
            )
        )
    ratios = np.array([ours.fit_s / theirs.fit_s for ours, theirs in _paired(scores, PERCEPTRON)])
    found.append(
        Measurement(
            name=_FIT_RATIO[0],
            value=float(np.median(ratios)),
            low=float(ratios.min()),
            high=float(ratios.max()),
            at_most=_FIT_RATIO[1],
            timing=True,
            note="CPU time of one fit at the chosen settings, one thread",
        )
    )
    return found


def _paired(scores: dict[str, list[Score]], peer: str) -> list[tuple[Score, Score]]:
    return list(zip(scores[CONVEX], scores[peer], strict=True))


def _tables(scores: dict[str, list[Score]], note: str) -> tuple[Table, Table]:
    accuracy_rows, time_rows = [], []
    for name, found in scores.items():
        accuracies = np.array([score.accuracy for score in found])
        chosen = "; ".join(sorted({score.settings for score in found if score.settings}))
        spread = (round(float(np.median(accuracies)), 2), round(float(accuracies.std()), 2))
        accuracy_rows.append((name, *spread, chosen))
        time_rows.append((name, round(1000 * float(np.median([score.fit_s for score in found])), 1)))
    return (
        Table(
            title="Topics of docstrings from MiniLM embeddings",
            columns=("model", "median accuracy, %", "standard deviation", "chosen on the training rows"),
            rows=tuple(accuracy_rows),
            note=note,
        ),
        Table(
            title="Fit time of the same models",
            columns=("model", "median, ms of CPU"),
            rows=tuple(time_rows),
            timing=True,
        ),
    )


def _figure(scores: dict[str, list[Score]], folder: RunFolder) -> Figure:
    from matplotlib import figure  # noqa: PLC0415  a second of start-up, spent only by runs that draw

    canvas: Any = figure.Figure(figsize=(6.4, 3.6), layout="constrained")
    axes = canvas.subplots()
    for name in (CONVEX, KERNEL, PERCEPTRON, LINEAR):
        accuracies, seconds = np.transpose([(score.accuracy, score.fit_s) for score in scores[name]])
        colour = {CONVEX: "#b5482a", KERNEL: "#3b5b7a", PERCEPTRON: "#6d8f3a", LINEAR: "#8a6d9e"}[name]
        axes.scatter(seconds, accuracies, s=16, color=colour, alpha=0.4, linewidths=0)
        axes.scatter(np.median(seconds), np.median(accuracies), s=60, color=colour, label=name)
    axes.set_xscale("log")
    axes.set_xlabel("CPU seconds of one fit")
    axes.set_ylabel("test accuracy, %")
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    caption = "Accuracy and fit time of heads on MiniLM embeddings; small dots are splits."
    return folder.figure("text", canvas, caption)


def _unmeasured(reason: str) -> Evidence:
    leads = (Measurement(name=name, value=None, at_least=least, note=reason) for name, least in _LEADS.values())
    ratio = Measurement(name=_FIT_RATIO[0], value=None, at_most=_FIT_RATIO[1], note=reason)
    return Evidence(measurements=(*leads, ratio))
