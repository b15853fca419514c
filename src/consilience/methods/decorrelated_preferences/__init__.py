"""Decorrelated preferences: DPO with features that do not move as one, and what features become meanwhile.

Does it help preference optimisation to keep features from moving as one?

Idea: a regulariser compares the features of different answers at the last token and asks that they differ. Taken
literally the paper's formula is mostly a penalty on length; with lengths divided out it decorrelates. A subclass of
TRL's trainer with one more line of configuration, a callback that watches features under any trainer, and controls.

Source: "Encourage or Inhibit Monosemanticity? Revisit Monosemanticity from a Feature Decorrelation Perspective",
arXiv:2406.17969.

The names load when they are first used; they need torch, and the trainer TRL.
"""

from typing import TYPE_CHECKING

from consilience.ground.late import late_names

if TYPE_CHECKING:
    from consilience.methods.decorrelated_preferences.callback import MonosemanticityCallback
    from consilience.methods.decorrelated_preferences.evaluation import kl_to_reference, preferences, rule_rate
    from consilience.methods.decorrelated_preferences.measures import decorrelation, effective_rank, hoyer
    from consilience.methods.decorrelated_preferences.memory import FeatureMemory
    from consilience.methods.decorrelated_preferences.objective import DecPOConfig
    from consilience.methods.decorrelated_preferences.portrayal import Texts, portrait
    from consilience.methods.decorrelated_preferences.regularisers import cosine, paper
    from consilience.methods.decorrelated_preferences.trainer import DecPOTrainer

_HOMES = {
    "DecPOConfig": "objective",
    "DecPOTrainer": "trainer",
    "FeatureMemory": "memory",
    "MonosemanticityCallback": "callback",
    "Texts": "portrayal",
    "cosine": "regularisers",
    "decorrelation": "measures",
    "effective_rank": "measures",
    "hoyer": "measures",
    "kl_to_reference": "evaluation",
    "paper": "regularisers",
    "portrait": "portrayal",
    "preferences": "evaluation",
    "rule_rate": "evaluation",
}

__all__ = [
    "DecPOConfig",
    "DecPOTrainer",
    "FeatureMemory",
    "MonosemanticityCallback",
    "Texts",
    "cosine",
    "decorrelation",
    "effective_rank",
    "hoyer",
    "kl_to_reference",
    "paper",
    "portrait",
    "preferences",
    "rule_rate",
]

__getattr__, __dir__ = late_names(__name__, _HOMES, extra="preferences")
