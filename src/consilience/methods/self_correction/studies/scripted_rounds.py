"""Scripted models with given rates, sent through the real loop: what the formula says of each, and what came out."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from consilience.methods.self_correction.budget import Budget
from consilience.methods.self_correction.corrector import Corrector
from consilience.methods.self_correction.rounds import Rounds, break_even_ratio
from consilience.methods.self_correction.scripted import ScriptedModel
from consilience.methods.self_correction.stopping import MaxRounds

__all__ = ["SPECIAL", "Setting", "choose", "simulate"]

SPECIAL: dict[str, tuple[float, float, float, float, float]] = {
    "a good critic": (0.3, 0.8, 0.1, 0.6, 0.5),
    "nothing is broken": (0.5, 0.6, 0.3, 0.5, 0.0),
    "nothing is fixed": (0.9, 0.7, 0.2, 0.0, 0.4),
    "swings about its limit": (0.8, 0.95, 0.85, 0.9, 0.8),
}
"""First accuracy, TPR, FPR, fix and spoil of settings at the edges of the model."""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One scripted model, what the formula says of it, and what the loop made of it."""

    name: str
    """What is particular to it."""
    start: float
    """Probability that a first answer is right."""
    rates: tuple[float, float, float, float]
    """TPR, FPR, fix and spoil."""
    right: Bool[np.ndarray, "item state"]
    """Whether each answer was right."""

    @property
    def model(self) -> Rounds:
        """The formula's rounds."""
        tpr, fpr, fix, spoil = self.rates
        return Rounds.of(tpr=tpr, fpr=fpr, fix=fix, spoil=spoil)

    @property
    def simulated(self) -> Float[np.ndarray, " state"]:
        """Accuracy at first and after each round."""
        simulated: Float[np.ndarray, " state"] = self.right.mean(axis=0)
        return simulated

    def expected(self, model: Rounds) -> Float[np.ndarray, " state"]:
        """Return what `model` says of these accuracies."""
        return np.array([model.after(self.start, done) for done in range(self.right.shape[1])])

    def deviations(self, model: Rounds) -> Float[np.ndarray, " state"]:
        """Return simulated less expected accuracy in standard errors of the latter."""
        expected = self.expected(model)
        return _standardised(self.simulated - expected, np.sqrt(expected * (1 - expected) / len(self.right)))

    @property
    def ratio(self) -> float:
        """TPR over FPR."""
        return self.rates[0] / self.rates[1]

    @property
    def needed_ratio(self) -> float:
        """The ratio at which a round changes nothing."""
        return break_even_ratio(self.start, fix=self.rates[2], spoil=self.rates[3])


def choose(count: int, rng: np.random.Generator) -> dict[str, tuple[float, float, float, float, float]]:
    """Return so many settings: the special ones, and others drawn at random."""
    drawn = {}
    for number in range(max(count - len(SPECIAL), 0)):
        start, tpr, fpr, fix, spoil = rng.uniform((0.1, 0.2, 0.05, 0.1, 0.1), (0.95, 1.0, 0.7, 0.95, 0.95)).round(2)
        drawn[f"drawn {number + 1}"] = (float(start), float(tpr), float(fpr), float(fix), float(spoil))
    return {**SPECIAL, **drawn}


def simulate(
    name: str, rates: tuple[float, float, float, float, float], *, items: int, made: int, seed: int
) -> Setting:
    """Send so many items through so many rounds of the real loop."""
    start, tpr, fpr, fix, spoil = rates
    truths = {f"question {number}": f"answer {number}" for number in range(items)}
    model = ScriptedModel(truths, start=start, tpr=tpr, fpr=fpr, fix=fix, spoil=spoil, seed=seed)
    corrector = Corrector(model, stop=MaxRounds(made), budget=Budget(calls=2 * made + 1))
    outcomes = asyncio.run(corrector.batch({question: question for question in truths}))
    right = [[model.is_right(outcome.item, attempt.answer) for attempt in outcome.attempts] for outcome in outcomes]
    return Setting(name=name, start=start, rates=(tpr, fpr, fix, spoil), right=np.array(right, dtype=np.bool_))


def _standardised(
    gaps: Float[np.ndarray, " state"], errors: Float[np.ndarray, " state"]
) -> Float[np.ndarray, " state"]:
    """Divide gaps by errors; a gap where no error is possible is infinite."""
    certain = errors == 0
    ratios: Float[np.ndarray, " state"] = gaps / np.where(certain, 1.0, errors)
    return np.where(certain & (gaps != 0), np.copysign(np.inf, gaps), ratios)
