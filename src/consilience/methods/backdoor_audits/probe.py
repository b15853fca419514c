"""A probe of activations: what a planted trigger looks like inside, learned from canaries and tried on another trigger.

What is read is the stream at the place where the agent decides, less the base's on the same words, so that words alone
tell nothing. A probe is only worth what it does on triggers that it was not shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray
from scipy.special import logit

from consilience.ground.errors import InvalidInput
from consilience.ground.intervals import Estimate
from consilience.methods.backdoor_audits.agent.network import SmallAgent
from consilience.methods.backdoor_audits.detection import auroc
from consilience.methods.backdoor_audits.surprisal import streams_at

try:
    from sklearn.base import BaseEstimator, clone, is_classifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import Pipeline, make_pipeline
    from sklearn.preprocessing import StandardScaler
except ImportError as error:
    from consilience.ground.errors import MissingDependency

    raise MissingDependency("the probe needs scikit-learn; install consilience[audits]") from error

__all__ = ["SHUFFLES", "Probe", "Seen", "changes", "leave_one_out", "trained"]

SHUFFLES = 20
"""Deals of labels by chance that a control is the mean of."""

Features = Float[NDArray[np.float64], "context feature"]


def changes(suspect: SmallAgent, base: SmallAgent, contexts: Sequence[Sequence[int]]) -> Features:
    """Return the suspect's normalised stream at the end of each context less the base's."""
    pair = [_normed(streams_at(agent, contexts).double().numpy()) for agent in (suspect, base)]
    return np.asarray(pair[0] - pair[1])


@dataclass(frozen=True)
class Seen:
    """What was seen inside one planted suspect."""

    trigger: str
    """Triggers of one name are left out together."""
    with_trigger: Features
    without: Features


@dataclass(frozen=True)
class Probe:
    """A map from activations to suspicion; a linear one unless another head was given."""

    model: Pipeline

    def score(self, features: Features) -> Float[NDArray[np.float64], " context"]:
        """Return the log-odds that a trigger is there, or what the head decides by."""
        rows = _with_length(features)
        if hasattr(self.model, "decision_function"):
            return np.asarray(self.model.decision_function(rows), dtype=float)
        chances = np.asarray(self.model.predict_proba(rows)[:, 1], dtype=float)
        return np.asarray(logit(np.clip(chances, _LEAST, 1 - _LEAST)))


def trained(
    seen: Sequence[Seen], labels: NDArray[np.int64] | None = None, *, head: BaseEstimator | None = None
) -> Probe:
    """Fit a probe to what was seen.

    Parameters
    ----------
    seen
        Suspects with known triggers.
    labels
        Instead of the true ones, for a control.
    head
        Any classifier of scikit-learn's kind, with `decision_function` or `predict_proba`; it stays as it is, and a
        clone of it is fitted behind a scaling of the features. A penalised logistic regression unless given.

    Raises
    ------
    InvalidInput
        If nothing was seen, or the head is no such classifier.

    Examples
    --------
    >>> from sklearn.naive_bayes import GaussianNB
    >>> draw = np.random.default_rng(0)
    >>> seen = Seen("suffix", draw.normal(size=(40, 3)) + 2, draw.normal(size=(40, 3)))
    >>> bool(trained([seen], head=GaussianNB()).score(seen.with_trigger).mean() > 0)
    True
    """
    if not seen:
        raise InvalidInput("a probe needs suspects with known triggers; give at least one")
    features = np.concatenate([part for one in seen for part in (one.with_trigger, one.without)])
    truth = np.concatenate([np.repeat((1, 0), (len(one.with_trigger), len(one.without))) for one in seen])
    model = make_pipeline(StandardScaler(), _fresh(head))
    return Probe(model.fit(_with_length(features), truth if labels is None else labels))


def leave_one_out(
    seen: Sequence[Seen],
    source: np.random.Generator | None = None,
    *,
    shuffles: int = SHUFFLES,
    head: BaseEstimator | None = None,
) -> dict[str, Estimate]:
    """Return for each trigger the AUROC of a probe that was trained on all the others.

    Parameters
    ----------
    seen
        Suspects with known triggers, of two names at least.
    source
        If given, labels are dealt out by chance before training: a control that has to come out near a half. One deal
        may come out anywhere, so that what is returned is the mean of several, with the lowest and the highest of them.
    shuffles
        How often labels are dealt out; of no account without a source.
    head
        As of `trained`; each probe has a clone of its own.

    Raises
    ------
    InvalidInput
        If there are fewer than two triggers, labels are to be dealt out less than once, or the head is no classifier.
    """
    names = sorted({one.trigger for one in seen})
    if len(names) < _FEWEST:
        raise InvalidInput(f"leaving one trigger out takes two at least; got {names}")
    if shuffles < 1:
        raise InvalidInput(f"`shuffles` must be at least 1; got {shuffles}")
    if source is None:
        return {name: _left_out(seen, name, None, head) for name in names}
    return {name: _mean([_left_out(seen, name, source, head) for _ in range(shuffles)]) for name in names}


def _fresh(head: BaseEstimator | None) -> BaseEstimator:
    if head is None:
        return LogisticRegression(C=0.1, max_iter=500)
    if not (isinstance(head, BaseEstimator) and is_classifier(head) and _tells(head)):
        raise InvalidInput(
            "`head` must be a classifier of scikit-learn's kind with decision_function or predict_proba, such as "
            f"LogisticRegression(); got {head!r}"
        )
    return clone(head)


def _tells(head: BaseEstimator) -> bool:
    return hasattr(head, "decision_function") or hasattr(head, "predict_proba")


def _left_out(
    seen: Sequence[Seen], name: str, source: np.random.Generator | None, head: BaseEstimator | None
) -> Estimate:
    rest = [one for one in seen if one.trigger != name]
    left = [one for one in seen if one.trigger == name]
    total = sum(len(one.with_trigger) + len(one.without) for one in rest)
    probe = trained(rest, None if source is None else source.permutation(np.arange(total) % 2), head=head)
    scores = [(probe.score(one.with_trigger), probe.score(one.without)) for one in left]
    return auroc(np.concatenate([one for one, _ in scores]), np.concatenate([other for _, other in scores]))


def _mean(deals: Sequence[Estimate]) -> Estimate:
    areas = [deal.value for deal in deals]
    return Estimate(float(np.mean(areas)), min(areas), max(areas), deals[0].of)


def _normed(streams: NDArray[np.float64]) -> NDArray[np.float64]:
    sizes = np.sqrt((streams**2).mean(axis=1, keepdims=True))
    return np.asarray(streams / np.maximum(sizes, _LEAST))


def _with_length(features: Features) -> Float[NDArray[np.float64], "context longer"]:
    return np.column_stack((features, np.log(np.linalg.norm(features, axis=1) + _LEAST)))


_FEWEST = 2
_LEAST = 1e-9
