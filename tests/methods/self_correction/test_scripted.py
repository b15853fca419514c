"""The scripted model: its rates, its determinism, and that it reads the prompts of every strategy."""

import asyncio

import numpy as np
import pytest

from consilience.ground import InvalidInput
from consilience.methods.self_correction.budget import Budget
from consilience.methods.self_correction.corrector import Corrector
from consilience.methods.self_correction.critics import SelfCritic
from consilience.methods.self_correction.message import user
from consilience.methods.self_correction.scripted import ScriptedModel
from consilience.methods.self_correction.stopping import MaxRounds
from consilience.methods.self_correction.strategies import CheckingAsContext, SelfRefine

TRUTHS = {f"question {number}": f"answer {number}" for number in range(800)}
RATES = {"tpr": 0.8, "fpr": 0.3, "fix": 0.6, "spoil": 0.4}


@pytest.mark.parametrize("strategy", [CheckingAsContext(), SelfRefine()])
@pytest.mark.parametrize("eyes", ["same chat", "fresh"])
def test_its_rates_are_what_they_are_said_to_be(strategy, eyes) -> None:
    model = ScriptedModel(TRUTHS, start=0.6, **RATES)
    corrector = Corrector(model, SelfCritic(eyes=eyes), strategy=strategy, stop=MaxRounds(1), budget=Budget(calls=3))
    outcomes = corrector.run({question: question for question in TRUTHS})
    right = np.array([[model.is_right(o.item, a.answer) for a in o.attempts] for o in outcomes])
    flagged = np.array([o.attempts[0].verdict.flagged for o in outcomes])
    before, after = right.T
    assert before.mean() == pytest.approx(0.6, abs=0.05)
    assert flagged[~before].mean() == pytest.approx(0.8, abs=0.07)
    assert flagged[before].mean() == pytest.approx(0.3, abs=0.07)
    assert after[flagged & ~before].mean() == pytest.approx(0.6, abs=0.09)
    assert after[flagged & before].mean() == pytest.approx(0.6, abs=0.12)
    assert (after == before)[~flagged].all()
    assert (model.rounds.repair, model.rounds.damage) == pytest.approx((0.48, 0.12))


def test_without_an_objection_it_says_what_it_said() -> None:
    model = ScriptedModel(TRUTHS, start=0.5, tpr=0.0, fpr=0.0, fix=1.0, spoil=1.0)
    corrector = Corrector(model, stop=MaxRounds(2), budget=Budget(calls=5))
    for outcome in corrector.run([*TRUTHS][:50]):
        assert len({attempt.answer for attempt in outcome.attempts}) == 1


def test_the_same_call_gives_the_same_reply_and_another_seed_another() -> None:
    def answers(seed: int) -> list[str | None]:
        model = ScriptedModel(TRUTHS, start=0.5, **RATES, seed=seed)
        return [outcome.answer for outcome in Corrector(model).run([*TRUTHS][:100])]

    assert answers(1) == answers(1)
    assert answers(1) != answers(2)


def test_outside_of_a_loop_the_conversation_decides() -> None:
    model = ScriptedModel(TRUTHS, start=0.5, **RATES)
    replies = [asyncio.run(model([user(question)])) for question in TRUTHS for _ in range(2)]
    assert replies[::2] == replies[1::2]
    assert np.mean([model.is_right(q, a) for q, a in zip(TRUTHS, replies[::2], strict=True)]) == pytest.approx(
        0.5, abs=0.05
    )


def test_questions_may_differ_and_wrong_answers_are_several() -> None:
    start = {question: float(number % 2) for number, question in enumerate(TRUTHS)}
    model = ScriptedModel(TRUTHS, start=start, **RATES, wrong_answers=4)
    replies = [asyncio.run(model([user(question)])) for question in TRUTHS]
    assert [model.is_right(q, a) for q, a in zip(TRUTHS, replies, strict=True)] == [bool(s) for s in start.values()]
    assert {reply[-3:] for reply in replies[::2]} == {"(1)", "(2)", "(3)", "(4)"}


@pytest.mark.parametrize(
    "changes",
    [
        {"truths": {}},
        {"start": 1.5},
        {"tpr": -0.1},
        {"start": {"another": 0.5}},
        {"wrong_answers": 0},
        {"latency_s": -1.0},
    ],
)
def test_a_script_must_make_sense(changes) -> None:
    with pytest.raises(InvalidInput):
        ScriptedModel(**{"truths": TRUTHS, "start": 0.5, **RATES, **changes})


def test_an_unknown_question_is_told() -> None:
    with pytest.raises(InvalidInput, match="a question of the table; got 'What"):
        asyncio.run(ScriptedModel(TRUTHS, start=0.5, **RATES)([user("What?")]))
