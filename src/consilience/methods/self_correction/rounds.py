r"""The Markov model of rounds: what a critic's hits and false alarms do to accuracy, round after round.

A critic flags a wrong answer with probability TPR and a right one with probability FPR. A flagged wrong answer is fixed
with probability :math:`f`, a flagged right one broken with probability :math:`b`, an answer that is not flagged stays.
With :math:`p = \mathrm{TPR}\,f` and :math:`q = \mathrm{FPR}\,b` the accuracy :math:`a_k` after :math:`k` rounds obeys

.. math:: a_{k+1} = a_k + p\,(1-a_k) - q\,a_k, \qquad a_k = a_\infty + (a_0-a_\infty)(1-p-q)^k,
          \qquad a_\infty = \frac{p}{p+q} .

A round helps if and only if :math:`a_k < a_\infty`, which is
:math:`\mathrm{TPR}/\mathrm{FPR} > a_k b\,/\,((1-a_k) f)`: the better the model, the better its critic must be. All
questions are taken to be equally hard, and rounds to have no memory; `payoff` tests that on a table of yours.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from consilience.ground.errors import InvalidInput


@dataclass(frozen=True)
class Rounds:
    """What one round of correction does to answers.

    Parameters
    ----------
    repair
        Probability that a wrong answer is right after a round: :math:`p`.
    damage
        Probability that a right answer is wrong after a round: :math:`q`.

    Examples
    --------
    >>> rounds = Rounds.of(tpr=0.8, fpr=0.1, fix=0.6, spoil=0.5)
    >>> round(rounds.limit, 3), round(rounds.after(0.3, 2), 3), rounds.helps(0.95)
    (0.906, 0.772, False)
    """

    repair: float
    damage: float

    def __post_init__(self) -> None:
        """Refuse what is no probability."""
        for name in ("repair", "damage"):
            _require_probability(name, getattr(self, name))

    @classmethod
    def of(cls, *, tpr: float, fpr: float, fix: float, spoil: float) -> Rounds:
        """Return the rounds of a critic and a model.

        Parameters
        ----------
        tpr
            Share of wrong answers that the critic flags.
        fpr
            Share of right answers that it flags.
        fix
            Share of flagged wrong answers that the model then gets right.
        spoil
            Share of flagged right answers that the model then gets wrong.
        """
        for name, value in (("tpr", tpr), ("fpr", fpr), ("fix", fix), ("spoil", spoil)):
            _require_probability(name, value)
        return cls(tpr * fix, fpr * spoil)

    @property
    def memory(self) -> float:
        """What is left of a distance from the limit after a round, -1 to 1; negative where accuracy swings."""
        return 1 - self.repair - self.damage

    @property
    def limit(self) -> float:
        """The accuracy that a round leaves as it is; NaN where a round changes nothing, and every accuracy is one."""
        moved = self.repair + self.damage
        return self.repair / moved if moved > 0 else math.nan

    def after(self, start: float, rounds: int) -> float:
        """Return the accuracy after so many rounds from accuracy `start`."""
        _require_probability("start", start)
        if rounds < 0:
            raise InvalidInput(f"`rounds` must be at least 0; got {rounds}")
        return start + self.gain(start) * _geometric_sum(self.memory, rounds)

    def gain(self, start: float) -> float:
        """Return what one round adds to accuracy `start`."""
        return self.repair * (1 - start) - self.damage * start

    def helps(self, start: float) -> bool:
        """Whether a round raises accuracy `start`."""
        return self.gain(start) > 0

    def best_rounds(self, start: float, *, cost: float, most: int = 100) -> int:
        """Return how many rounds to make when each costs as much as `cost` of accuracy.

        The number that makes accuracy less cost largest, the fewest among equals. Where accuracy swings about its
        limit (a negative `memory`) that is one round or none.

        Parameters
        ----------
        start
            Accuracy of first answers.
        cost
            What a round costs, as a share of what a right answer is worth: .01 means that a right answer is worth a
            hundred rounds.
        most
            Rounds to consider.
        """
        if not cost > 0:
            raise InvalidInput(f"`cost` must be positive, or no number of rounds is enough; got {cost!r}")
        worth = [self.after(start, rounds) - cost * rounds for rounds in range(most + 1)]
        return int(np.argmax(worth))


def break_even_ratio(start: float, *, fix: float, spoil: float) -> float:
    r"""Return the least TPR / FPR at which a round does not lower accuracy `start`.

    Notes
    -----
    :math:`a_0 b / ((1-a_0) f)`; infinite where there is nothing to fix or fixing never works.

    Examples
    --------
    >>> round(break_even_ratio(0.9, fix=0.6, spoil=0.2), 2)
    3.0
    """
    for name, value in (("start", start), ("fix", fix), ("spoil", spoil)):
        _require_probability(name, value)
    gained, lost = (1 - start) * fix, start * spoil
    if gained > 0:
        return lost / gained
    return math.inf if lost > 0 else math.nan


def break_even_line(
    fpr: Float[np.ndarray, " point"], start: float, *, fix: float, spoil: float
) -> Float[np.ndarray, " point"]:
    """Return for each FPR the TPR at which a round leaves accuracy `start` as it is; above it rounds help.

    Values above 1 mean that no critic with this FPR is good enough.
    """
    return fpr * break_even_ratio(start, fix=fix, spoil=spoil)


def _geometric_sum(ratio: float, terms: int) -> float:
    """Return 1 + ratio + ... with so many terms, also where the ratio is 1."""
    return float(terms) if ratio == 1 else (1 - ratio**terms) / (1 - ratio)


def _require_probability(name: str, value: float) -> None:
    if not 0 <= value <= 1:
        raise InvalidInput(f"`{name}` must be a probability between 0 and 1; got {value!r}")
