"""Self-correction: what checking one's own answers does, when it pays, and a loop that keeps a budget.

Will letting a model check its own answers help, how many rounds of it pay, and what happens in context?

Idea: four rates decide whether another round pays; they are estimated from a labelled table, with intervals. A loop of
answer, look and correct takes any callable from messages to text, stops for a recorded reason within a hard budget,
and leaves a trace that resumes. In the small, on data where everything can be computed, a transformer with weights in
closed form does gradient descent on a ranking loss in context, and trained ones stand beside trivial rules.

Source: "A Theoretical Understanding of Self-Correction through In-context Alignment", arXiv:2405.18634.

The names load when they are first used; only the laboratory in context needs torch.

Examples
--------
>>> from consilience.methods.self_correction import Rounds
>>> Rounds.of(tpr=0.8, fpr=0.1, fix=0.5, spoil=0.5).helps(0.6)
True
"""

from typing import TYPE_CHECKING

from consilience.ground.late import late_names

if TYPE_CHECKING:
    from consilience.methods.self_correction.budget import Budget
    from consilience.methods.self_correction.construction import StackedDescent
    from consilience.methods.self_correction.corrector import Corrector
    from consilience.methods.self_correction.critics import ModelCritic
    from consilience.methods.self_correction.evaluation import Paired
    from consilience.methods.self_correction.paying import payoff
    from consilience.methods.self_correction.rounds import Rounds
    from consilience.methods.self_correction.scripted import ScriptedModel
    from consilience.methods.self_correction.stopping import CriticAgrees, MaxRounds, PredictedGain
    from consilience.methods.self_correction.strategies import BestOfN, CheckingAsContext, SelfRefine, Vote

_HOMES = {
    "BestOfN": "strategies",
    "Budget": "budget",
    "CheckingAsContext": "strategies",
    "Corrector": "corrector",
    "CriticAgrees": "stopping",
    "MaxRounds": "stopping",
    "ModelCritic": "critics",
    "Paired": "evaluation",
    "PredictedGain": "stopping",
    "Rounds": "rounds",
    "ScriptedModel": "scripted",
    "SelfRefine": "strategies",
    "StackedDescent": "construction",
    "Vote": "strategies",
    "payoff": "paying",
}

__all__ = [
    "BestOfN",
    "Budget",
    "CheckingAsContext",
    "Corrector",
    "CriticAgrees",
    "MaxRounds",
    "ModelCritic",
    "Paired",
    "PredictedGain",
    "Rounds",
    "ScriptedModel",
    "SelfRefine",
    "StackedDescent",
    "Vote",
    "payoff",
]

__getattr__, __dir__ = late_names(__name__, _HOMES, extra="correction")
