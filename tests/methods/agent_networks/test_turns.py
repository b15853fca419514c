import asyncio

import pytest

from consilience.dialogue.messages import Reply
from consilience.dialogue.models import Unreachable
from consilience.dialogue.transcript import Transcript
from consilience.dialogue.work.artifact import Artifact
from consilience.dialogue.work.attempts import SEEDS
from consilience.dialogue.work.kinds import Text
from consilience.methods.agent_networks.profiles import Profiles
from consilience.methods.agent_networks.prompts import FINISHED, Prompts
from consilience.methods.agent_networks.result import ElementFacts
from consilience.methods.agent_networks.turns import Element, Turns


class Told:
    """A session that says what it is told to, and takes events down as a session does."""

    def __init__(self, *replies, transcript=None):
        self.replies, self.asked, self.transcript, self.last = list(replies), [], transcript, ()

    async def ask(self, question, *, priority=0.0, caused_by=()):
        self.asked.append((question, priority, caused_by))
        reply = self.replies.pop(0)
        if self.transcript is not None:
            self.last = (self.transcript.add("replied", question.element, after=caused_by),)
        if isinstance(reply, Exception):
            raise reply
        return reply if isinstance(reply, Reply) else Reply(text=reply, model="m")

    def last_event(self, element):
        return self.last


def turns(session, *, rounds=2, reasks=1, seed=0, proceed=lambda: None):
    prompts = Prompts("Do it.", Text(), Profiles(("You write.",), ("You read.",)), 0)
    return Turns(
        session,
        Text(),
        prompts,
        rounds=rounds,
        reasks=reasks,
        max_tokens=99,
        seed=seed,
        transcript=session.transcript,
        proceed=proceed,
    )


def element(name="1->2"):
    return Element(name, 0.5, 7.0, (), ElementFacts())


def test_questions_carry_what_belongs_to_their_element():
    session = Told("comment", "work", FINISHED)
    asyncio.run(turns(session).exchange(element(), "2", Artifact("old")))
    questions = [question for question, _, _ in session.asked]
    assert [question.occurrence for question in questions] == [0, 1, 2]
    assert {priority for _, priority, _ in session.asked} == {7.0}
    assert all(question.settings.temperature == 0.5 and question.settings.max_tokens == 99 for question in questions)
    assert all(0 <= question.settings.seed < SEEDS for question in questions)


def test_settings_are_few_enough_to_be_kept_once():
    session = Told(*["comment", "work"] * 200)
    working = turns(session, rounds=1)
    for number in range(200):
        asyncio.run(working.exchange(element(f"{number}->x"), "x", Artifact("old")))
    assert len({id(question.settings) for question, _, _ in session.asked}) == SEEDS


def test_each_event_comes_after_the_last_one_of_the_element():
    transcript = Transcript()
    session = Told("comment", " ", "work", FINISHED, transcript=transcript)
    asyncio.run(turns(session).exchange(element(), "2", Artifact("old")))
    events = transcript.events()
    assert [event.kind for event in events] == ["replied", "replied", "dropped", "replied", "replied"]
    assert [event.after for event in events] == [(), ("0",), ("1",), ("2",), ("3",)]


def test_what_an_element_asks_counts_even_when_nobody_answers():
    transcript = Transcript()
    session, working = Told(Unreachable("gone"), transcript=transcript), element()
    with pytest.raises(Unreachable):
        asyncio.run(turns(session).draft(working))
    assert working.facts.calls == 1
    assert working.after == ("0",)


def test_replies_that_ran_out_of_tokens_are_counted_with_their_element():
    cut = Reply(text="And then", model="m", finish="length")
    session, working = Told(cut, cut, FINISHED), element()
    asyncio.run(turns(session).exchange(working, "2", Artifact("old")))
    assert (working.facts.calls, working.facts.cut) == (3, 2)


def test_replies_that_cannot_be_used_are_dropped_after_so_many():
    session, working = Told(" ", " ", "never asked"), element("0")
    assert asyncio.run(turns(session, reasks=1).draft(working)) is None
    assert (working.facts.calls, working.facts.dropped) == (2, 2)


def test_nothing_is_asked_once_the_run_is_to_stop():
    def proceed():
        raise Unreachable("stop")

    session = Told("work")
    with pytest.raises(Unreachable, match="stop"):
        asyncio.run(turns(session, proceed=proceed).draft(element("0")))
    assert not session.asked
