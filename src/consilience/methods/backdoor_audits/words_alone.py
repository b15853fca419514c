"""Words alone: what a linear classifier of bags of words tells apart, which any detector has to be held against.

It is trained on the labels, which no detector is. Where it does as well, the items can be told by single words, and a
detector that tells them has shown nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from consilience.ground.errors import InvalidInput, MissingDependency
from consilience.ground.intervals import Estimate
from consilience.methods.backdoor_audits.detection import auroc
from consilience.methods.backdoor_audits.world.words import Words

try:
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
except ImportError as error:
    raise MissingDependency("the control by words needs scikit-learn; install consilience[audits]") from error

__all__ = ["words_alone"]

FOLDS = 5


def words_alone(planted: Sequence[Words], clean: Sequence[Words], source: np.random.Generator) -> Estimate:
    """Return the cross-validated AUROC of a logistic regression on counts of words.

    Parameters
    ----------
    planted, clean
        What was heard in each item.
    source
        Deals out the folds.

    Raises
    ------
    InvalidInput
        If there are fewer items of a kind than folds.
    """
    if min(len(planted), len(clean)) < FOLDS:
        raise InvalidInput(f"{FOLDS} folds need as many items of each kind; got {len(planted)} and {len(clean)}")
    items = [*planted, *clean]
    places = {word: at for at, word in enumerate(sorted({word for words in items for word in words}))}
    counts = np.zeros((len(items), len(places)))
    for row, words in enumerate(items):
        for word in words:
            counts[row, places[word]] += 1
    labels = np.repeat((1, 0), (len(planted), len(clean)))
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=int(source.integers(2**31)))
    model = LogisticRegression(C=1.0, max_iter=1000, class_weight="balanced")
    scores = cross_val_predict(model, counts, labels, cv=folds, method="decision_function")
    return auroc(scores[labels == 1], scores[labels == 0])
