"""Pretraining objectives: what a text model is trained to predict, and what that decides.

Should a text model look ahead or look around, how far, and at which share of hidden tokens?

Idea: an objective pairs contexts with targets, and the singular values of that co-occurrence say what a probe can read
off the features. More targets a context connect more texts; a share of hidden tokens that varies covers every length.
Collators, losses and a trainer for models of transformers; theory tools that answer before anything is trained.

Source: "Look Ahead or Look Around? A Theoretical Comparison Between Autoregressive and Masked Pretraining",
arXiv:2407.00935.

The names load when they are first used; most of them need torch.
"""

from typing import TYPE_CHECKING

from consilience.ground.late import late_names

if TYPE_CHECKING:
    from consilience.methods.pretraining_objectives.bound import probe_bound
    from consilience.methods.pretraining_objectives.collators import MultiOffsetCollator, VariableLengthMaskCollator
    from consilience.methods.pretraining_objectives.fitting import train_arm
    from consilience.methods.pretraining_objectives.lengths import coverage
    from consilience.methods.pretraining_objectives.objectives import DiverseAutoregression, MaskedPrediction
    from consilience.methods.pretraining_objectives.settings import ObjectiveSettings
    from consilience.methods.pretraining_objectives.spectra import spectrum
    from consilience.methods.pretraining_objectives.trainer import PretrainingConfig, PretrainingTrainer
    from consilience.methods.pretraining_objectives.twins import twin
    from consilience.methods.pretraining_objectives.vocabulary import Vocabulary

_HOMES = {
    "DiverseAutoregression": "objectives",
    "MaskedPrediction": "objectives",
    "MultiOffsetCollator": "collators",
    "ObjectiveSettings": "settings",
    "PretrainingConfig": "trainer",
    "PretrainingTrainer": "trainer",
    "VariableLengthMaskCollator": "collators",
    "Vocabulary": "vocabulary",
    "coverage": "lengths",
    "probe_bound": "bound",
    "spectrum": "spectra",
    "train_arm": "fitting",
    "twin": "twins",
}

__all__ = [
    "DiverseAutoregression",
    "MaskedPrediction",
    "MultiOffsetCollator",
    "ObjectiveSettings",
    "PretrainingConfig",
    "PretrainingTrainer",
    "VariableLengthMaskCollator",
    "Vocabulary",
    "coverage",
    "probe_bound",
    "spectrum",
    "train_arm",
    "twin",
]

__getattr__, __dir__ = late_names(__name__, _HOMES, extra="pretraining")
