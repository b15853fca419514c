r"""What is known of a chain of rounds after a labelled table: counts of moves, and draws of what is behind them.

The likelihood of the chain falls apart into first answers, wrong answers that were fixed or not, and right answers that
were broken or not. Each part is a binomial, so that with Jeffreys' priors first accuracy, :math:`p` and :math:`q` have
independent Beta posteriors, and everything that is asked of them is read from draws. A standard error, or items drawn
again, would call it certain that a round breaks nothing when none of a few right answers was broken yet: the very case
in which people ask.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

MOST_ROUNDS = 20
"""Rounds that are considered."""
DRAWS = 20_000
"""Of the posterior, from a fixed seed."""

RightAt = Bool[np.ndarray, "item state"]
"""Whether answers were right: one column for first answers, and one for each round."""
Draws = Float[np.ndarray, " draw"]


@dataclass(frozen=True)
class Counts:
    """Moves between right and wrong, over all rounds of a table."""

    first_right: int
    """First answers that were right."""
    first_wrong: int
    """First answers that were wrong."""
    wrong: int
    """Wrong answers that a round began with."""
    repaired: int
    """Those that were right after it."""
    right: int
    """Right answers that a round began with."""
    damaged: int
    """Those that were wrong after it."""

    @classmethod
    def of(cls, right: RightAt) -> Counts:
        """Count the moves of a table."""
        before, after = right[:, :-1], right[:, 1:]
        return cls(
            first_right=int(right[:, 0].sum()),
            first_wrong=int((~right[:, 0]).sum()),
            wrong=int((~before).sum()),
            repaired=int((~before & after).sum()),
            right=int(before.sum()),
            damaged=int((before & ~after).sum()),
        )


@dataclass(frozen=True)
class Posterior:
    """Draws of what the counts leave open."""

    start: Draws
    """Accuracy of first answers."""
    repair: Draws
    """Probability that a wrong answer is right after a round."""
    damage: Draws
    """Probability that a right answer is wrong after a round."""
    rounds: int
    """Rounds that were made."""

    @classmethod
    def of(cls, counts: Counts, rounds: int) -> Posterior:
        """Draw from the posterior of a table of so many rounds."""
        rng = np.random.default_rng(0)
        return cls(
            rng.beta(counts.first_right + 0.5, counts.first_wrong + 0.5, DRAWS),
            rng.beta(counts.repaired + 0.5, counts.wrong - counts.repaired + 0.5, DRAWS),
            rng.beta(counts.damaged + 0.5, counts.right - counts.damaged + 0.5, DRAWS),
            rounds,
        )

    @property
    def limit(self) -> Draws:
        """The accuracy that more and more rounds lead to."""
        limit: Draws = self.repair / (self.repair + self.damage)
        return limit

    @property
    def next_gain(self) -> Draws:
        """What the next round gains."""
        return self._gains(self.rounds)

    def best_rounds(self, cost: float) -> Draws:
        """Return the number of rounds that makes accuracy less cost largest, counted from the first."""
        worth = np.zeros((DRAWS, MOST_ROUNDS + 1))
        for rounds in range(MOST_ROUNDS):
            worth[:, rounds + 1] = worth[:, rounds] + self._gains(rounds) - cost
        best: Draws = np.argmax(worth, axis=1).astype(np.float64)
        return best

    def _gains(self, rounds: int) -> Draws:
        """Return what one more round gains after so many: gains shrink by the memory of a round with each."""
        memory = 1 - self.repair - self.damage
        gains: Draws = (self.repair * (1 - self.start) - self.damage * self.start) * memory**rounds
        return gains
