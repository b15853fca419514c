"""Does letting a model check itself help here, and for how many rounds? Measure one round, then run as many as pay.

The model is scripted, with rates that are known: it stands for yours, which may be any callable from messages to text.
"""

import numpy as np

from consilience.methods.self_correction.budget import Budget
from consilience.methods.self_correction.corrector import Corrector
from consilience.methods.self_correction.evaluation import Paired
from consilience.methods.self_correction.paying import payoff
from consilience.methods.self_correction.progress import Outcome
from consilience.methods.self_correction.scripted import ScriptedModel
from consilience.methods.self_correction.stopping import CriticAgrees, MaxRounds, PredictedGain
from consilience.methods.self_correction.strategies import Vote

COST_PER_CALL = 0.005  # a right answer is worth two hundred calls

truths = {f"What is {number} times seven?": str(7 * number) for number in range(600)}
model = ScriptedModel(truths, start=0.6, tpr=0.8, fpr=0.1, fix=0.5, spoil=0.5)
questions = {question: question for question in truths}
labelled = dict(list(questions.items())[:200])


def is_right(outcome: Outcome, attempt: int) -> bool:
    return model.is_right(outcome.item, outcome.attempts[attempt].answer)


# One round of checking on questions whose answers are known: what was fixed, what was broken?
outcomes = Corrector(model, stop=MaxRounds(1), budget=Budget(calls=3)).run(labelled)
before = np.array([is_right(outcome, 0) for outcome in outcomes])
after = np.array([is_right(outcome, 1) for outcome in outcomes])
flagged = np.array([outcome.attempts[0].verdict.flagged for outcome in outcomes])
paired = Paired.of(before, after)
print(f"labelled   {paired.fixed} fixed, {paired.broken} broken; gain {paired.gain()}, p {paired.p_value():.1g}")

# Does another round pay, at this price, and how many rounds?
found = payoff(np.column_stack([before, after]), flagged[:, None], cost_per_call=COST_PER_CALL)
print(f"the critic TPR {found.flags.tpr}, FPR {found.flags.fpr}")
print(f"advice     {found.answer}: {found.why}")
print(f"rounds     {found.best_rounds}, between {found.best_rounds_range[0]} and {found.best_rounds_range[1]}")

# The rest of the questions: stop when the critic agrees, or the next round would not pay. A vote beside it.
rest = dict(list(questions.items())[200:])
enough = PredictedGain(found.rounds, start=found.accuracy[0].value, cost=2 * COST_PER_CALL)
corrector = Corrector(model, stop=CriticAgrees() | enough, budget=Budget(calls=15))
for name, chosen in {"corrected": corrector, "voted": Corrector(model, strategy=Vote(5))}.items():
    outcomes = chosen.run(rest)
    right = np.mean([model.is_right(outcome.item, outcome.answer) for outcome in outcomes])
    first = np.mean([is_right(outcome, 0) for outcome in outcomes])
    calls = np.mean([outcome.spent.calls for outcome in outcomes])
    print(f"{name:<10} {first:.3f} at first, {right:.3f} in the end, {calls:.1f} calls a question")
