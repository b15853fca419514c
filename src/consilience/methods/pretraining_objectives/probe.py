"""What a linear probe reads off features: on all labels, and on a few.

The probe is ridge regression on unit vectors of labels, the probe that the bound is about, with a penalty chosen by
leave-one-out on the training documents. Every document is tested once, by a probe that did not see its label.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from consilience.ground.errors import InvalidInput

__all__ = ["Folds", "Probed", "probed"]

Features = Float[np.ndarray, "document feature"]
Labels = Int[np.ndarray, " document"]
PENALTIES = np.logspace(-2, 5, 8)


@dataclass(frozen=True)
class Folds:
    """Documents in parts, each of which is tested once, with the few labelled documents drawn from the others."""

    labels: Labels
    part: Int[np.ndarray, " document"]
    """In which part a document is tested."""
    few: tuple[tuple[Int[np.ndarray, " chosen"], ...], ...]
    """For every part, draws of a few training documents a label."""

    @classmethod
    def drawn(cls, labels: Labels, *, folds: int = 3, shots: int = 5, draws: int = 8, seed: int = 0) -> Folds:
        """Draw parts with the same mixture of labels, and the few.

        Raises
        ------
        InvalidInput
            If there is one label only, or one with fewer documents than parts.
        """
        counts = np.bincount(labels)
        if (counts > 0).sum() < 2 or counts[counts > 0].min() < folds:  # noqa: PLR2004 - a label that does not vary
            raise InvalidInput(
                f"a probe needs two labels with at least {folds} documents each; got {sorted(counts[counts > 0])}"
            )
        part = np.zeros(len(labels), dtype=np.int64)
        splits = StratifiedKFold(folds, shuffle=True, random_state=seed).split(labels[:, None], labels)
        for number, (_, tested) in enumerate(splits):
            part[tested] = number
        generator = np.random.default_rng(seed)
        few = tuple(
            tuple(_few(labels, np.flatnonzero(part != number), shots, generator) for _ in range(draws))
            for number in range(folds)
        )
        return cls(labels, part, few)

    @property
    def count(self) -> int:
        """How many parts."""
        return len(self.few)

    @property
    def commonest(self) -> float:
        """Accuracy of always answering with the commonest label."""
        return float(np.bincount(self.labels).max() / len(self.labels))


@dataclass(frozen=True)
class Probed:
    """What probes on some features got right."""

    right: Bool[np.ndarray, " document"]
    """Whether each document was labelled right by a probe trained on the other parts."""
    few: Float[np.ndarray, " draw"]
    """Accuracy of each draw of a few labels, on the part that it was not drawn from."""

    @property
    def accuracy(self) -> float:
        """Share of documents labelled right."""
        return float(self.right.mean())


def probed(features: Callable[[int], Features], folds: Folds) -> Probed:
    """Train and test probes on every part.

    Parameters
    ----------
    features
        Told the number of the part that is tested, returns features of all documents, which may have been learned from
        the others.
    folds
    """
    right = np.zeros(len(folds.labels), dtype=bool)
    few: list[float] = []
    for number in range(folds.count):
        table, tested = features(number), folds.part == number
        right[tested] = _hits(table, folds.labels, np.flatnonzero(~tested), tested)
        few.extend(float(_hits(table, folds.labels, chosen, tested).mean()) for chosen in folds.few[number])
    return Probed(right, np.array(few))


def _hits(
    table: Features, labels: Labels, trained: Int[np.ndarray, " chosen"], tested: Bool[np.ndarray, " document"]
) -> Bool[np.ndarray, " tested"]:
    # Of two exact ways to leave one out, that by singular values is many times faster with a thousand features.
    probe: Pipeline = make_pipeline(StandardScaler(), RidgeCV(PENALTIES, gcv_mode="svd"))
    probe.fit(table[trained], np.eye(labels.max() + 1)[labels[trained]])
    return np.asarray(probe.predict(table[tested]).argmax(axis=1) == labels[tested])


def _few(
    labels: Labels, among: Int[np.ndarray, " allowed"], shots: int, generator: np.random.Generator
) -> Int[np.ndarray, " chosen"]:
    by_label = (among[labels[among] == label] for label in np.unique(labels))
    return np.concatenate([generator.permutation(documents)[:shots] for documents in by_label])
