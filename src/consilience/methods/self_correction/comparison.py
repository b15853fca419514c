"""Strategies side by side at equal budgets: what correction must beat is as many calls spent otherwise."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from consilience.ground.errors import InvalidInput
from consilience.ground.intervals import Estimate
from consilience.methods.self_correction.corrector import Corrector
from consilience.methods.self_correction.evaluation import Paired
from consilience.methods.self_correction.message import Questions
from consilience.methods.self_correction.progress import Outcome

IsRight = Callable[[str, str], bool]
"""Whether an answer to the item of this name is right."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One strategy at the common budget."""

    strategy: str
    """Its name."""
    accuracy: Estimate
    """Share of right answers, with Wilson's interval; no answer is a wrong one."""
    paired: Paired
    """Against the answers of the first strategy, item by item."""
    calls: float
    """Mean calls a question: no more than the budget, and less where a rule stopped before."""
    tokens: float
    """Mean tokens a question, sent and received: a conversation that grows is sent again with each call."""
    outcomes: tuple[Outcome, ...]
    """All of it."""

    @property
    def calls_per_fixed(self) -> float:
        """Calls per item that the first strategy has wrong and this one right."""
        return self.paired.cost_per_fixed(self.calls * self.paired.items)


async def compare(
    correctors: Mapping[str, Corrector], questions: Questions, is_right: IsRight, *, concurrency: int = 16
) -> list[Row]:
    """Run several correctors on the same questions, under the same budget.

    Parameters
    ----------
    correctors
        By name, the baseline that others are paired with first: usually a `SingleAnswer`.
    questions
        By position or by name.
    is_right
        Whether an answer to the item of this name, or position, is right.
    concurrency
        How many questions are under way at a time.

    Returns
    -------
    list of Row
        One a corrector, in their order.

    Raises
    ------
    InvalidInput
        If there is no corrector or no question, or budgets differ.
    """
    budgets = {corrector.budget for corrector in correctors.values()}
    if len(budgets) != 1 or not questions:
        raise InvalidInput(f"a comparison needs a question, and correctors of one budget; got {len(budgets)} budgets")
    rows: list[Row] = []
    baseline = None
    for name, corrector in correctors.items():
        outcomes = await corrector.batch(questions, concurrency=concurrency)
        right = np.array([o.answer is not None and bool(is_right(o.item, o.answer)) for o in outcomes], dtype=np.bool_)
        baseline = right if baseline is None else baseline
        rows.append(_row(name, outcomes, Paired.of(baseline, right)))
    return rows


def _row(name: str, outcomes: list[Outcome], paired: Paired) -> Row:
    spent = [outcome.spent for outcome in outcomes]
    return Row(
        strategy=name,
        accuracy=paired.after(),
        paired=paired,
        calls=_mean([each.calls for each in spent]),
        tokens=_mean([each.tokens for each in spent]),
        outcomes=tuple(outcomes),
    )


def _mean(numbers: list[int]) -> float:
    return sum(numbers) / len(numbers)
