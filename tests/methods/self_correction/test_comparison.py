"""Strategies side by side: one budget, one baseline."""

import asyncio

import pytest

from consilience.ground import InvalidInput
from consilience.methods.self_correction.budget import Budget
from consilience.methods.self_correction.comparison import compare
from consilience.methods.self_correction.corrector import Corrector
from consilience.methods.self_correction.scripted import ScriptedModel
from consilience.methods.self_correction.stopping import Never
from consilience.methods.self_correction.strategies import SingleAnswer, Vote

TRUTHS = {f"question {number}": f"answer {number}" for number in range(60)}
MODEL = ScriptedModel(TRUTHS, start=0.6, tpr=0.9, fpr=0.05, fix=0.8, spoil=0.2)
BUDGET = Budget(calls=5)


def correctors(**settings) -> dict[str, Corrector]:
    return {
        "single": Corrector(MODEL, strategy=SingleAnswer(), budget=BUDGET),
        "checked": Corrector(MODEL, stop=Never(), budget=BUDGET),
        "voted": Corrector(MODEL, strategy=Vote(), **{"budget": BUDGET, **settings}),
    }


def test_rows_are_paired_with_the_first() -> None:
    rows = asyncio.run(compare(correctors(), {question: question for question in TRUTHS}, MODEL.is_right))
    single, checked, voted = rows
    assert [row.strategy for row in rows] == ["single", "checked", "voted"]
    assert (single.calls, checked.calls, voted.calls) == (1.0, 5.0, 5.0)
    assert (single.paired.fixed, single.paired.broken) == (0, 0)
    gained = checked.paired.fixed - checked.paired.broken
    assert checked.accuracy.value == pytest.approx(single.accuracy.value + gained / 60)
    assert checked.calls_per_fixed == pytest.approx(5 * 60 / checked.paired.fixed)
    assert checked.tokens > 5 * voted.tokens


def test_no_answer_is_a_wrong_one() -> None:
    async def broken(messages) -> str:
        raise RuntimeError

    (row,) = asyncio.run(compare({"broken": Corrector(broken)}, ["Q"], lambda item, answer: True))
    assert row.accuracy.value == 0.0


def test_budgets_must_be_the_same() -> None:
    with pytest.raises(InvalidInput, match="got 2 budgets"):
        asyncio.run(compare(correctors(budget=Budget(calls=6)), ["Q"], lambda item, answer: True))


@pytest.mark.parametrize(("chosen", "questions"), [({}, ["Q"]), (correctors(), [])])
def test_there_must_be_something_to_compare(chosen, questions) -> None:
    with pytest.raises(InvalidInput, match="needs a question"):
        asyncio.run(compare(chosen, questions, lambda item, answer: True))
