"""A head on sentence embeddings: the convex network beside logistic regression, support vectors and a perceptron.

The texts are docstrings, which every installation carries; the embedding is MiniLM and stays as it is. Each model
chooses its settings on a part of the training rows; only then is it fitted on all of them, against the clock, and
judged on rows that nothing has seen. All models of a split see the same rows, one after another, on one thread.
"""

from __future__ import annotations

import numpy as np
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.svm import SVC
from threadpoolctl import threadpool_limits

from consilience.ground import Evidence, Measurement, MissingDependency, RunFolder, Streams, Table
from consilience.methods.convex_networks.config import Config
from consilience.methods.convex_networks.corpus import docstring_corpus
from consilience.methods.convex_networks.embeddings import BUNDLED, CachedEmbedder, SentenceEmbedder
from consilience.methods.convex_networks.estimators import ConvexReLUClassifier, ConvexReLUClassifierCV
from consilience.methods.convex_networks.studies.rivals import CONVEX, Rival, Score, Scores, Split, grid, time_picture

LINEAR, KERNEL, PERCEPTRON, TRIVIAL = (
    "logistic regression",
    "support vectors",
    "perceptron (200)",
    "most frequent topic",
)

_GATE_FACTOR = 3
"""Times ``config.n_gates``: hundreds of features want more gates than a table does. On thirteen splits that no run
reports, five times as many were a quarter of a point better and took 1.4 times as long."""

_LEADS = {
    LINEAR: ("accuracy above logistic regression", 2.0),
    PERCEPTRON: ("accuracy above MLPClassifier(200)", 0.0),
    KERNEL: ("accuracy above tuned SVC", -1.0),
}
"""What to call the lead over each peer, and the least it must be, in points."""

_FIT_RATIO = ("fit time over MLPClassifier(200)'s", 1 / 7)
"""What to call the ratio of fit times, and the most it may be."""


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
    scores: Scores = {name: [] for name in (CONVEX, KERNEL, PERCEPTRON, LINEAR, TRIVIAL)}
    seeds = [streams.integer(f"split {index}") for index in range(config.text_splits)]
    with threadpool_limits(1):
        for seed in seeds:
            split = Split.draw(embeddings, topics, seed)
            for rival in _rivals(split, config.n_gates):
                score = rival.judge(split)
                scores[rival.name].append(score)
                folder.metric("accuracy", score.points, study="text", model=rival.name, seed=seed)
    return Evidence(
        measurements=tuple(_measurements(scores)),
        tables=_tables(scores, f"{len(rows)} texts of corpus {corpus.digest[:12]}, {len(seeds)} splits"),
        figures=(
            folder.figure(
                "text",
                time_picture(scores, unit="test accuracy, %", hidden=(TRIVIAL,)),
                "Accuracy and fit time of heads on MiniLM embeddings; small dots are splits.",
            ),
        ),
        seeds=tuple(seeds),
    )


def _rivals(split: Split, n_gates: int) -> tuple[Rival, ...]:
    """List the models; the convex network's penalty comes from leave-one-out on the training rows."""
    many = _GATE_FACTOR * n_gates
    ratio = ConvexReLUClassifierCV(many, random_state=split.seed).fit(split.X_train, split.y_train).alpha_ratio_
    return (
        Rival(name=LINEAR, estimator=LogisticRegression(max_iter=2000), grid=grid(C=(1.0, 3.0, 10.0, 30.0))),
        Rival(name=KERNEL, estimator=SVC(), grid=grid(C=(1.0, 3.0, 10.0, 30.0))),
        Rival(name=PERCEPTRON, estimator=MLPClassifier((200,)), grid=grid(alpha=(1e-4, 1e-2))),
        Rival(name=CONVEX, estimator=ConvexReLUClassifier(many), grid=grid(alpha_ratio=(ratio,))),
        Rival(name=TRIVIAL, estimator=DummyClassifier()),
    )


def _measurements(scores: Scores) -> list[Measurement]:
    found = []
    for peer, (name, least) in _LEADS.items():
        leads = np.array([ours.points - theirs.points for ours, theirs in _paired(scores, peer)])
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


def _paired(scores: Scores, peer: str) -> list[tuple[Score, Score]]:
    return list(zip(scores[CONVEX], scores[peer], strict=True))


def _tables(scores: Scores, note: str) -> tuple[Table, Table]:
    accuracy_rows, time_rows = [], []
    for name, found in scores.items():
        accuracies = np.array([score.points for score in found])
        chosen = "; ".join(sorted({text for score in found if (text := score.described)}))
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


def _unmeasured(reason: str) -> Evidence:
    leads = (Measurement(name=name, value=None, at_least=least, note=reason) for name, least in _LEADS.values())
    ratio = Measurement(name=_FIT_RATIO[0], value=None, at_most=_FIT_RATIO[1], note=reason)
    return Evidence(measurements=(*leads, ratio))
