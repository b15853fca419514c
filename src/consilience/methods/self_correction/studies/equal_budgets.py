"""Strategies at equal calls with scripted models: the arithmetic of what each can and cannot do."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from consilience.ground import Streams, Table
from consilience.methods.self_correction.budget import Budget
from consilience.methods.self_correction.comparison import Row, compare
from consilience.methods.self_correction.corrector import Corrector
from consilience.methods.self_correction.scripted import ScriptedModel
from consilience.methods.self_correction.selection import Revert
from consilience.methods.self_correction.stopping import CriticAgrees, MaxRounds, Never
from consilience.methods.self_correction.strategies import BestOfN, SelfRefine, SingleAnswer, Vote

__all__ = ["CALLS", "Population", "compared", "comparison_table", "over_budgets"]

CALLS = 7
"""Of the table: three rounds of checking as context."""
EASY, HARD = 0.95, 0.25
"""First accuracy of either half of the questions."""


@dataclass(frozen=True)
class Population:
    """A model and its critic."""

    name: str
    """In words."""
    tpr: float
    """Share of wrong answers flagged."""
    fpr: float
    """Share of right answers flagged."""


GOOD = Population("good critic", 0.8, 0.1)
POOR = Population("poor critic", 0.5, 0.4)


def comparison_table(items: int, streams: Streams) -> Table:
    """Compare all strategies at seven calls, under a good critic and under a poor one."""
    rows = [
        (
            population.name,
            row.strategy,
            round(row.accuracy.value, 3),
            f"{row.accuracy.low:.3f} to {row.accuracy.high:.3f}",
            row.paired.fixed,
            row.paired.broken,
            float(f"{row.paired.p_value():.1g}"),
            round(row.calls, 2),
            round(row.tokens),
        )
        for population in (GOOD, POOR)
        for row in compared(population, items, CALLS, streams.integer(population.name))
    ]
    return Table(
        title=f"Strategies at no more than {CALLS} calls a question",
        columns=("critic", "strategy", "right", "95 % interval", "fixed", "broken", "McNemar p", "calls", "tokens"),
        rows=tuple(rows),
        note=f"Scripted model: {items} questions, half of them right at first with probability {EASY}, half {HARD}; "
        f"fix .6, spoil .5; good critic TPR {GOOD.tpr}, FPR {GOOD.fpr}, poor critic {POOR.tpr}, {POOR.fpr}. Fixed and "
        "broken against the single answer, which is the first answer of every strategy. Self-Refine "
        "differs from checking by its prompts, which a scripted model does not read. The arithmetic of strategies, and "
        "nothing about language models.",
    )


def compared(population: Population, items: int, calls: int, seed: int) -> list[Row]:
    """Return every strategy with this budget."""
    truths = {f"question {number}": f"answer {number}" for number in range(items)}
    model = ScriptedModel(
        truths,
        start={question: EASY if number % 2 else HARD for number, question in enumerate(truths)},
        tpr=population.tpr,
        fpr=population.fpr,
        fix=0.6,
        spoil=0.5,
        seed=seed,
    )
    budget = Budget(calls=calls)
    rounds = MaxRounds((calls - 1) // 2)
    agreed = CriticAgrees() | rounds
    correctors = {
        "single answer": Corrector(model, strategy=SingleAnswer(), budget=budget),
        "checking as context, all rounds": Corrector(model, stop=rounds, budget=budget),
        "checking as context, until agreed": Corrector(model, stop=agreed, budget=budget),
        "checking as context, or revert": Corrector(model, stop=agreed, select=Revert(), budget=budget),
        "Self-Refine, until agreed": Corrector(model, strategy=SelfRefine(), stop=agreed, budget=budget),
        "best of n": Corrector(model, strategy=BestOfN(), stop=Never(), budget=budget),
        "vote": Corrector(model, strategy=Vote(), budget=budget),
    }
    questions = {question: question for question in truths}
    return asyncio.run(compare(correctors, questions, model.is_right))


def over_budgets(items: int, budgets: tuple[int, ...], streams: Streams) -> dict[str, dict[str, list[float]]]:
    """Return accuracy by critic and strategy, a number for each budget."""
    found: dict[str, dict[str, list[float]]] = {}
    for population in (GOOD, POOR):
        lines = found.setdefault(population.name, {})
        for calls in budgets:
            for row in compared(population, items, calls, streams.integer(population.name)):
                lines.setdefault(row.strategy, []).append(row.accuracy.value)
    return found
