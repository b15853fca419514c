"""Does another round pay? A labelled before/after table, the Markov model of rounds, and an honest interval.

Forecasts have the intervals of a posterior, see `forecast`; shares have Wilson's, and the gain seen has Newcombe's.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool
from scipy.stats import chi2_contingency

from consilience.ground.errors import InvalidInput
from consilience.ground.intervals import LEVEL, Estimate, require_level, wilson
from consilience.methods.self_correction.evaluation import Paired
from consilience.methods.self_correction.flags import FlaggedAt, FlagRates, flag_rates, know_the_truth
from consilience.methods.self_correction.forecast import MOST_ROUNDS, Counts, Draws, Posterior, RightAt
from consilience.methods.self_correction.rounds import Rounds

FEWEST_ITEMS = 10
"""With fewer items nothing is said."""
NEGLIGIBLE = 0.001
"""A round that adds less than a tenth of a point is not worth making, even for nothing."""
UNLIKE = 0.01
"""Rounds whose rates differ with a smaller p-value are not taken for repetitions of one another."""

Answer = Literal["pays", "does not pay", "cannot tell"]


@dataclass(frozen=True, kw_only=True)
class Payoff:
    """What a labelled table says about another round."""

    answer: Answer
    """Whether another round after the last one of the table pays."""
    why: str
    """The same with its numbers."""
    items: int
    """Rows of the table."""
    accuracy: tuple[Estimate, ...]
    """Share of right answers before the first round and after each, with Wilson's intervals."""
    gain: Estimate
    """What all rounds of the table gained, with Newcombe's interval."""
    repair: Estimate
    """Probability that a wrong answer is right a round later, p, with Wilson's interval."""
    damage: Estimate
    """Probability that a right answer is wrong a round later, q, with Wilson's interval."""
    flags: FlagRates | None
    """What the flags were worth, where the table has them."""
    next_gain: Estimate
    """What one more round would gain, with the interval of the posterior."""
    cost: float
    """What a round costs, as a share of what a right answer is worth."""
    limit: Estimate
    """The accuracy that more and more rounds lead to, with the interval of the posterior."""
    best_rounds: int
    """How many rounds to make, counted from first answers; those that the forecast does not rest on count as made."""
    best_rounds_range: tuple[int, int]
    """The interval of the posterior for that number."""
    rounds: Rounds
    """The model itself, for forecasts and for `PredictedGain`."""
    notes: tuple[str, ...]
    """What the reader should know before acting on it."""


def payoff(
    right: RightAt,
    flagged: FlaggedAt | None = None,
    *,
    cost_per_call: float = 0.0,
    calls_per_round: float = 2.0,
    level: float = LEVEL,
) -> Payoff:
    """Say whether another round of correction pays, and how many do.

    Parameters
    ----------
    right
        Whether each item's answer was right, one column for first answers and one for each round. The items should be
        those that the loop will meet, or like them.
    flagged
        Whether the critic objected to the answer that a round began with; one column a round.
    cost_per_call
        As a share of what a right answer is worth: .01 means that a right answer is worth a hundred calls.
    calls_per_round
        Calls that a round takes; checking as context takes two.
    level
        Confidence of all intervals.

    Returns
    -------
    Payoff
        With the answer ``"cannot tell"`` where the interval of gain less cost holds zero, or items are fewer than ten.

    Raises
    ------
    InvalidInput
        If the table has no round, shapes do not fit, or a cost is negative.

    Notes
    -----
    A gain over first answers is not yet the critic's merit: asking again without a check moves answers too, and with as
    many calls a vote among answers may gain more. `compare` puts them side by side.

    Examples
    --------
    >>> before = np.repeat([True, False], [40, 60])
    >>> after = np.concatenate([np.arange(40) >= 2, np.arange(60) < 30])
    >>> found = payoff(np.column_stack([before, after]), cost_per_call=0.01)
    >>> found.answer, found.best_rounds
    ('pays', 4)
    """
    require_level(level)
    _require_table(right, flagged, cost_per_call, calls_per_round)
    transitions, notes = _alike(right)
    counts = Counts.of(transitions)
    cost = cost_per_call * calls_per_round
    point = Rounds(counts.repaired / max(counts.wrong, 1), counts.damaged / max(counts.right, 1))
    passed, made = right.shape[1] - transitions.shape[1], transitions.shape[1] - 1
    start = float(transitions[:, 0].mean())
    draws = Posterior.of(counts, made)
    next_gain = _summary(point.gain(float(right[:, -1].mean())), draws.next_gain, level, len(right))
    answer, why = _decide(next_gain, cost, len(right))
    best = point.best_rounds(start, cost=max(cost, NEGLIGIBLE), most=MOST_ROUNDS)
    return Payoff(
        answer=answer,
        why=why,
        items=len(right),
        accuracy=tuple(wilson(int(column.sum()), len(right), level=level) for column in right.T),
        gain=Paired.of(right[:, 0], right[:, -1]).gain(level=level),
        repair=wilson(counts.repaired, counts.wrong, level=level),
        damage=wilson(counts.damaged, counts.right, level=level),
        flags=None if flagged is None else flag_rates(right, flagged, level),
        next_gain=next_gain,
        cost=cost,
        limit=_summary(point.limit, draws.limit, level, len(right)),
        best_rounds=passed + best,
        best_rounds_range=_range(passed + best, passed + draws.best_rounds(max(cost, NEGLIGIBLE)), level),
        rounds=point,
        notes=(*notes, *_warning(right, flagged)),
    )


def _alike(right: RightAt) -> tuple[Bool[np.ndarray, "item taken"], tuple[str, ...]]:
    """Return the rounds to learn from: all, or the last one where they are not alike."""
    before, after = right[:, :-1], right[:, 1:]
    smallest = min(_p_value(~before, after), _p_value(before, after))
    if smallest >= UNLIKE / 2:  # two tests
        return right, ()
    note = (
        f"rounds are not alike (p = {smallest:.1g}): what is left wrong is harder, or the model changes its ways; "
        "the forecast rests on the last round alone, and may still promise too much"
    )
    return right[:, -2:], (note,)


def _p_value(at_risk: FlaggedAt, after: FlaggedAt) -> float:
    """Test whether the share that is right after a round is the same in all rounds; 1 where nothing speaks against."""
    counts = np.array([(at_risk & after).sum(axis=0), (at_risk & ~after).sum(axis=0)])
    counts = counts[:, counts.sum(axis=0) > 0]
    if counts.shape[1] < 2 or not counts.sum(axis=1).all():  # noqa: PLR2004
        return 1.0
    return float(chi2_contingency(counts).pvalue)


def _decide(next_gain: Estimate, cost: float, items: int) -> tuple[Answer, str]:
    """Compare the interval of the gain with the cost."""
    worth = (
        f"another round gains {100 * next_gain.value:+.1f} points [{100 * next_gain.low:+.1f}, "
        f"{100 * next_gain.high:+.1f}] and costs as much as {100 * cost:.1f}"
    )
    if items < FEWEST_ITEMS:
        few = f"{items} item{'s are' if items != 1 else ' is'} too few to say anything"
        return "cannot tell", f"{few}: label at least {FEWEST_ITEMS}"
    if next_gain.low > cost:
        return "pays", worth
    if next_gain.high <= cost:
        return "does not pay", worth
    distance = abs(next_gain.value - cost)
    if distance < NEGLIGIBLE:
        return "cannot tell", f"{worth}: too close to tell with any number of items"
    reach = next_gain.value - next_gain.low if next_gain.value > cost else next_gain.high - next_gain.value
    needed = items * (reach / distance) ** 2  # intervals shrink with the root of the number
    return "cannot tell", f"{worth}: about {_rounded(max(needed, items + 1))} items would tell, if it is as it seems"


def _range(value: int, numbers: Draws, level: float) -> tuple[int, int]:
    low, high = np.quantile(numbers, [0.5 - level / 2, 0.5 + level / 2], method="closest_observation")
    return min(int(low), value), max(int(high), value)


def _warning(right: RightAt, flagged: FlaggedAt | None) -> tuple[str, ...]:
    if flagged is None or not know_the_truth(right, flagged):
        return ()
    note = (
        "flags and labels agree on every item: if flags were made from labels, this is oracle stopping, and its gain "
        "is not to be had where there are no labels"
    )
    return (note,)


def _summary(value: float, draws: Draws, level: float, items: int) -> Estimate:
    """Return a value with the interval of its draws, drawn out to the value: at counts of zero it may lie beyond."""
    low, high = np.quantile(draws, [0.5 - level / 2, 0.5 + level / 2])
    return Estimate(value, float(np.fmin(low, value)), float(np.fmax(high, value)), items)


def _rounded(number: float) -> int:
    """Round up to two digits."""
    unit: int = 10 ** max(math.floor(math.log10(number)) - 1, 0)
    return math.ceil(number / unit) * unit


def _require_table(right: RightAt, flagged: FlaggedAt | None, cost_per_call: float, calls_per_round: float) -> None:
    if right.shape[0] < 1 or right.shape[1] < 2:  # noqa: PLR2004
        raise InvalidInput(f"a table must have an item, a column before and one after; got shape {right.shape}")
    if flagged is not None and flagged.shape != (right.shape[0], right.shape[1] - 1):
        raise InvalidInput(
            f"flags must have a row an item and a column a round, {right.shape[0], right.shape[1] - 1}; "
            f"got {flagged.shape}"
        )
    if not 0 <= cost_per_call < math.inf or not 0 < calls_per_round < math.inf:
        raise InvalidInput(
            "`cost_per_call` must be at least 0 and `calls_per_round` positive, both finite; "
            f"got {cost_per_call}, {calls_per_round}"
        )
