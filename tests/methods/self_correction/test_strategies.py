"""Strategies: what the model is asked, word for word."""

import pytest

from consilience.ground import InvalidInput
from consilience.methods.self_correction.message import assistant, user
from consilience.methods.self_correction.progress import Attempt, Progress, Verdict
from consilience.methods.self_correction.selection import Best, Last, Majority
from consilience.methods.self_correction.stopping import Never
from consilience.methods.self_correction.strategies import BestOfN, CheckingAsContext, SelfRefine, SingleAnswer, Vote

SYSTEM = {"role": "system", "content": "Be brief."}
QUESTION = (SYSTEM, user("Two and two?"))


def progress(*attempts: Attempt) -> Progress:
    return Progress(item="0", question=QUESTION, attempts=list(attempts))


WRONG = Verdict(text="The sum is off.", score=0.0)


def test_checking_stays_in_the_conversation() -> None:
    asked_there = Verdict(text="Still off.", score=0.0, prompt="Check it.")
    messages = CheckingAsContext(check="Look again.").messages(progress(Attempt("5", WRONG), Attempt("3", asked_there)))
    assert messages == [
        *QUESTION,
        assistant("5"),
        user("Look again."),
        assistant("The sum is off."),
        user("Two and two?"),
        assistant("3"),
        user("Check it."),
        assistant("Still off."),
        user("Two and two?"),
    ]


def test_refining_keeps_answers_and_feedback() -> None:
    messages = SelfRefine(improve="Better, please.").messages(progress(Attempt("5", WRONG)))
    assert messages == [
        *QUESTION,
        assistant("5"),
        user("<feedback>\nThe sum is off.\n</feedback>\n\nBetter, please."),
    ]


@pytest.mark.parametrize("strategy", [CheckingAsContext(), SelfRefine(), BestOfN(2), Vote(2), SingleAnswer()])
def test_the_first_answer_is_asked_for_as_the_question_is(strategy) -> None:
    assert strategy.messages(progress()) == list(QUESTION)


@pytest.mark.parametrize("strategy", [BestOfN(2), Vote(2)])
def test_samples_are_independent_and_come_to_an_end(strategy) -> None:
    assert strategy.messages(progress(Attempt("5", WRONG))) == list(QUESTION)
    assert strategy.messages(progress(Attempt("5"), Attempt("4"))) is None
    assert type(strategy)().messages(progress(*[Attempt("5")] * 50)) == list(QUESTION)


def test_each_has_its_own_rule_and_choice() -> None:
    assert isinstance(BestOfN().select, Best)
    assert isinstance(Vote().select, Majority)
    assert isinstance(CheckingAsContext().select, Last)
    assert isinstance(Vote().stop, Never)
    assert repr(SelfRefine().stop) == "((CriticAgrees() | Repeat()) | MaxRounds(rounds=3))"


def test_no_answers_are_no_strategy() -> None:
    with pytest.raises(InvalidInput, match="at least 1"):
        Vote(0)
