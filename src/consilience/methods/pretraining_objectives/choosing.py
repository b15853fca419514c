"""Objectives by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from consilience.methods.pretraining_objectives.masking import BernoulliCount, ExactCount, Masking, Replacement
from consilience.methods.pretraining_objectives.objectives import DiverseAutoregression, MaskedPrediction, Objective
from consilience.methods.pretraining_objectives.patterns import as_pattern
from consilience.methods.pretraining_objectives.ratios import as_ratio
from consilience.methods.pretraining_objectives.settings import ObjectiveSettings
from consilience.methods.pretraining_objectives.vocabulary import Vocabulary

__all__ = ["make_objective"]


def make_objective(settings: ObjectiveSettings, vocabulary: Vocabulary) -> Objective:
    """Return the objective that the settings describe, for a vocabulary.

    Examples
    --------
    >>> make_objective(ObjectiveSettings(name="ar"), Vocabulary(10)).offsets
    1
    """
    return _MAKERS[settings.name](settings, vocabulary)


def _next_token(settings: ObjectiveSettings, vocabulary: Vocabulary) -> Objective:
    return DiverseAutoregression(vocabulary=vocabulary, offsets=1, within_documents=settings.within_documents)


def _next_tokens(settings: ObjectiveSettings, vocabulary: Vocabulary) -> Objective:
    return DiverseAutoregression(
        vocabulary=vocabulary,
        offsets=settings.offsets,
        weights=settings.offset_weights,
        estimator=settings.estimator,
        heads=settings.heads,
        rank=settings.head_rank,
        within_documents=settings.within_documents,
    )


def _fixed_share(settings: ObjectiveSettings, vocabulary: Vocabulary) -> Objective:
    return MaskedPrediction(
        vocabulary=vocabulary,
        masking=Masking(ratio=as_ratio(settings.resolved_ratio), count=_count(settings), stratified=False),
        replacement=Replacement(*settings.replacement),
        weighting=settings.weighting,
    )


def _variable_share(settings: ObjectiveSettings, vocabulary: Vocabulary) -> Objective:
    masking = Masking(
        ratio=as_ratio(settings.resolved_ratio),
        pattern=as_pattern(settings.pattern, settings.suffix_share),
        count=_count(settings),
        stratified=settings.stratified,
    )
    return MaskedPrediction(
        vocabulary=vocabulary,
        masking=masking,
        replacement=Replacement(*settings.replacement),
        weighting=settings.weighting,
    )


def _count(settings: ObjectiveSettings) -> ExactCount | BernoulliCount:
    return ExactCount() if settings.counted else BernoulliCount()


_MAKERS: Mapping[str, Callable[[ObjectiveSettings, Vocabulary], Objective]] = {
    "ar": _next_token,
    "diverse-ar": _next_tokens,
    "mlm": _fixed_share,
    "variable-mlm": _variable_share,
}
