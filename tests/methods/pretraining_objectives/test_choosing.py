"""Objectives by name."""

import pytest

pytest.importorskip("torch", reason="the pretraining extra is not installed")

from consilience.methods.pretraining_objectives.choosing import make_objective
from consilience.methods.pretraining_objectives.masking import (
    BernoulliCount,
    ExactCount,
    Masking,
    Replacement,
)
from consilience.methods.pretraining_objectives.objectives import (
    DiverseAutoregression,
    MaskedPrediction,
)
from consilience.methods.pretraining_objectives.patterns import MixturePattern
from consilience.methods.pretraining_objectives.ratios import FixedRatio, UniformRatio
from consilience.methods.pretraining_objectives.settings import ObjectiveSettings
from consilience.methods.pretraining_objectives.vocabulary import Vocabulary

WORDS = Vocabulary(9, special=(0,), mask=0)


@pytest.mark.parametrize(
    ("settings", "objective"),
    [
        (ObjectiveSettings(name="ar"), DiverseAutoregression(vocabulary=WORDS, offsets=1)),
        (
            ObjectiveSettings(name="diverse-ar", offsets=3, estimator="all", heads="embedding", within_documents=False),
            DiverseAutoregression(vocabulary=WORDS, offsets=3, heads="embedding", within_documents=False),
        ),
        (
            ObjectiveSettings(name="mlm", ratio="0.4"),
            MaskedPrediction(
                vocabulary=WORDS,
                masking=Masking(ratio=FixedRatio(0.4), count=BernoulliCount(), stratified=False),
                replacement=Replacement.bert(),
            ),
        ),
        (
            ObjectiveSettings(name="variable-mlm", pattern="mixture", suffix_share=0.25),
            MaskedPrediction(
                vocabulary=WORDS,
                masking=Masking(ratio=UniformRatio(), pattern=MixturePattern(0.25), count=ExactCount()),
            ),
        ),
    ],
)
def test_settings_become_the_objective_they_describe(settings, objective) -> None:
    assert make_objective(settings, WORDS) == objective
    assert objective.bidirectional == settings.bidirectional
