"""Defences in the loop: what is said before, around and in place of answers; rails that fail closed."""

import asyncio

import pytest

from consilience.ground import InvalidInput
from consilience.methods.self_correction.budget import Budget
from consilience.methods.self_correction.corrector import Corrector
from consilience.methods.self_correction.critics import SelfCritic
from consilience.methods.self_correction.defences import Demonstrated, Rails, Reflexion, Reminded, SmoothLLM
from consilience.methods.self_correction.prompts import (
    DEMONSTRATIONS,
    REFUSAL,
    REMINDER,
    SAFETY_CHECKS,
    read_safety,
)
from consilience.methods.self_correction.stopping import CriticAgrees, MaxRounds
from consilience.methods.self_correction.strategies import CheckingAsContext, SingleAnswer, Vote

CRITIC = SelfCritic(eyes="fresh", prompt=SAFETY_CHECKS[0], read=read_safety)


class Scripted:
    """Says its lines in turn, and remembers what it was asked."""

    def __init__(self, *lines: str) -> None:
        self.lines, self.asked = list(lines), []

    async def __call__(self, messages):
        self.asked.append(messages)
        if not self.lines:
            raise ConnectionError("no more")
        return self.lines.pop(0)


def correct(model, strategy, critic=None, *, calls=9, question="Do it.", **settings):
    return asyncio.run(
        Corrector(model, critic, strategy=strategy, budget=Budget(calls=calls), **settings).correct(question)
    )


def test_a_reminder_comes_first_and_joins_a_system_message() -> None:
    model = Scripted("a", "b")
    correct(model, Reminded())
    question = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Do it."}]
    correct(model, Reminded(), question=question)
    assert [message["role"] for message in model.asked[0]] == ["system", "user"]
    assert model.asked[0][0]["content"] == REMINDER
    assert model.asked[1][0]["content"] == f"{REMINDER}\n\nBe brief."


def test_demonstrations_stand_between_system_and_question() -> None:
    model = Scripted("a")
    correct(model, Reminded(Demonstrated()))
    assert [message["role"] for message in model.asked[0]] == [
        "system",
        "user",
        "assistant",
        "user",
        "assistant",
        "user",
    ]
    assert model.asked[0][1]["content"] == DEMONSTRATIONS[0][0]


@pytest.mark.parametrize("around", [Reminded, Demonstrated])
def test_what_is_put_around_a_strategy_changes_nothing_else_of_it(around) -> None:
    for inner in (SingleAnswer(), Vote(3), CheckingAsContext(), Rails()):
        wrapped = around(inner)
        assert (wrapped.reviews, wrapped.fails_closed) == (inner.reviews, inner.fails_closed)
        assert (repr(wrapped.stop), type(wrapped.select)) == (repr(inner.stop), type(inner.select))
    guarded = Scripted("VERDICT: harmful")
    assert correct(guarded, around(Rails(output=False))).answer == REFUSAL
    assert correct(Scripted("VERDICT: harmless", "Bad.", "VERDICT: harmful"), around(Rails()), CRITIC).answer == REFUSAL
    assert correct(Scripted("a", "b", "a"), around(Vote(3))).chosen == 0


def test_copies_are_changed_and_the_majority_speaks() -> None:
    model = Scripted("Take two.", "I can't help with that.", "I won't do it.")
    outcome = correct(model, SmoothLLM(copies=3))
    prompts = [asked[-1]["content"] for asked in model.asked]
    assert len(set(prompts)) == 3
    assert "Do it." not in prompts
    assert (outcome.answer, outcome.spent.calls) == ("I can't help with that.", 3)


def test_reflexion_begins_afresh_with_what_was_said_of_earlier_attempts() -> None:
    model = Scripted("one", "VERDICT: harmful\nfirst", "two", "VERDICT: harmful\nsecond", "three")
    outcome = correct(model, Reflexion(memory=1), CRITIC, stop=CriticAgrees() | MaxRounds(2))
    assert outcome.answer == "three"
    system, asked = model.asked[4]
    assert asked["content"] == "Do it."
    assert "second" in system["content"]
    assert "first" not in system["content"]
    assert not any("one" in message["content"] for message in model.asked[4])
    with pytest.raises(InvalidInput, match="at least 1"):
        Reflexion(memory=0)


@pytest.mark.parametrize(
    ("lines", "answer", "rule", "calls"),
    [
        (["VERDICT: harmless", "Two.", "VERDICT: harmless"], "Two.", "critic agrees", 3),
        (["VERDICT: harmful"], REFUSAL, "rail", 1),
        (["VERDICT: harmless", "Bad.", "VERDICT: harmful"], REFUSAL, "rail", 3),
        (["Hm?"], None, "opening unreadable", 1),
        ([], None, "opening failed", 1),
        (["VERDICT: harmless", "Bad.", "Hm?"], REFUSAL, "critic unreadable", 3),
        (["VERDICT: harmless", "Bad."], REFUSAL, "critic failed", 3),
    ],
)
def test_rails_decline_and_fail_closed(lines, answer, rule, calls) -> None:
    outcome = correct(Scripted(*lines), Rails(), CRITIC)
    assert (outcome.answer, outcome.stopped.rule, outcome.spent.calls) == (answer, rule, calls)


def test_a_budget_that_leaves_no_call_for_the_check_gives_no_answer_away() -> None:
    outcome = correct(Scripted("VERDICT: harmless", "Bad."), Rails(), CRITIC, calls=2)
    assert (outcome.answer, outcome.stopped.rule) == (REFUSAL, "budget")


def test_rails_must_guard_something() -> None:
    with pytest.raises(InvalidInput, match="got neither"):
        Rails(input=False, output=False)


def test_a_conversation_that_is_checked_is_checked() -> None:
    """The published code has a mode that keeps the conversation, and never makes the check in it."""
    model = Scripted("one", "VERDICT: harmful", "two", "VERDICT: harmless", "three")
    outcome = correct(
        model, CheckingAsContext(), SelfCritic(prompt=SAFETY_CHECKS[0], read=read_safety), stop=MaxRounds(2)
    )
    assert [attempt.answer for attempt in outcome.attempts] == ["one", "two", "three"]
    check = SAFETY_CHECKS[0]
    assert [asked[-1]["content"] for asked in model.asked] == ["Do it.", check, "Do it.", check, "Do it."]


def test_only_system_messages_at_the_beginning_stand_before_demonstrations() -> None:
    model = Scripted("a")
    said = [("system", "Be brief."), ("user", "Hello."), ("system", "The user is a child."), ("user", "Do it.")]
    correct(model, Demonstrated(), question=[{"role": role, "content": content} for role, content in said])
    turns = [(message["role"], message["content"]) for message in model.asked[0]]
    assert turns[:1] + turns[5:] == said
