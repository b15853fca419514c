"""What an agent of a contact's asks becomes a task like every other, and its outcome an answer."""

import asyncio

import pytest

pytest.importorskip("a2a", reason="needs consilience[interop]")

from consilience.methods.social_agents.a2a_server import Asked
from consilience.methods.social_agents.app.answering import QUESTIONS, DeskAnswering


@pytest.fixture
def ask(dinner):
    answering = DeskAnswering(dinner.office, dinner.ben, waits_s=0.3)

    def asked(task="t1", asker="ann", question=dinner.question):
        return asyncio.run(answering(Asked(asker, question, task)))

    return asked


def test_who_always_agrees_is_not_asked(dinner) -> None:
    dinner.opened()
    answering = DeskAnswering(dinner.office, dinner.ben)
    answer = asyncio.run(answering(Asked("ann", dinner.question, "t")))
    assert (answer.outcome, answer.text) == ("answered", "same")


def test_it_says_for_whose_word_it_waits(dinner, ask) -> None:
    answer = ask()
    assert (answer.outcome, answer.text) == ("needs-consent", "")
    task = dinner.office.tasks.of(dinner.ann)[0]
    dinner.office.desk.answer(task, yes=True)
    dinner.waiting("ben")
    assert ask().outcome == "needs-consent"
    dinner.office.desk.pause(task)
    assert "still talking" in ask().text or ask().text == ""
    dinner.office.desk.kill(task, dinner.ben)
    dinner.over(task)
    answer = ask()
    assert (answer.outcome, answer.text) == ("declined", "No answer was found.")


def test_a_no_is_a_no(dinner, ask) -> None:
    ask()
    dinner.office.desk.answer(dinner.office.tasks.of(dinner.ann)[0], yes=False)
    assert ask().outcome == "declined"
    assert len(dinner.office.tasks.of(dinner.ann)) == 1


def test_for_who_is_no_contact_there_is_no_task(dinner, ask, people) -> None:
    people.join("eve")
    assert ask(asker="eve").outcome == "declined"
    assert ask(asker="ben").outcome == "declined"
    dinner.office.store.withdraw(dinner.ann, dinner.ben)
    assert ask().outcome == "declined"
    assert dinner.office.tasks.of(dinner.ben) == []


def test_too_many_questions_are_refused_in_words(dinner, ask) -> None:
    for number in range(20):
        ask(f"t{number}")
    answer = ask("one more")
    assert (answer.outcome, "at once are the most" in answer.text) == ("declined", True)
    for number in range(QUESTIONS.most):
        answer = ask(f"u{number}")
    assert (answer.outcome, "asked much" in answer.text) == ("declined", True)
