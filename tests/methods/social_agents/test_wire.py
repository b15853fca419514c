"""The wire: nothing is heard that it did not give, whatever it does with a text."""

import asyncio
from dataclasses import FrozenInstanceError

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consilience.methods.social_agents.guarded_wire import GuardedWire
from consilience.methods.social_agents.party import Party
from consilience.methods.social_agents.policy import Policy
from consilience.methods.social_agents.talking import talk
from consilience.methods.social_agents.task import Assignment, Wanted
from consilience.methods.social_agents.wire import Crossed, OpenWire, Outgoing, Remembers, Wire

PLACE = Assignment(question="Where is the dinner?", wanted=(Wanted("place", "the place of the dinner"),))
LOST = {"facts": [], "say": "I do not know.", "asks": "", "done": False}
TELLS = {
    "facts": [{"slot": "place", "value": "Oak Street", "confidence": 0.9, "evidence": ["m100"]}],
    "say": "It is Oak Street, and the PIN is 4711.",
}


def outgoing(say="Hello.", **given):
    return Outgoing(talk="t", number=1, owner="ann", counterpart="bea", purpose="task", say=say, **given)


class By:
    """A wire that does as it is told, and keeps what it was given and what it gave."""

    def __init__(self, decide):
        self.decide, self.given, self.gave = decide, [], []

    async def send(self, outgoing):
        self.given.append(outgoing)
        crossed = self.decide(outgoing)
        self.gave.append(crossed.text)
        return crossed


def talked(company, wire, other=TELLS):
    asker, partner = company.Scripted(LOST, LOST, {"answer": "Oak Street"}), company.Scripted({"facts": []}, other)
    rows = company.Rows("The dinner is on Oak Street.", first=100)
    sides = (
        Party(person=company.person("ann", 1), memory=company.Rows(), asks=asker),
        Party(person=company.person("bea", 2), memory=rows, asks=partner),
    )
    return asyncio.run(talk(*sides, PLACE, wire=wire)), asker


def shown(asker):
    return "\n".join(message.text for question in asker.questions for message in question.messages)


# --- what a wire is ------------------------------------------------------------------------------------------------


@given(st.text(max_size=50))
def test_an_open_wire_gives_any_text_as_it_is(say):
    crossed = asyncio.run(OpenWire().send(outgoing(say)))
    assert (crossed.text, crossed.reason, crossed.refused) == (say, "", False)


def test_what_is_a_wire_and_what_remembers():
    guarded = GuardedWire(Policy.open, lambda _owner, _number: None)
    assert isinstance(OpenWire(), Wire)
    assert isinstance(guarded, Wire)
    assert isinstance(guarded, Remembers)
    assert not isinstance(OpenWire(), Remembers)
    assert not isinstance(object(), Wire)


def test_a_text_on_its_way_cannot_be_changed():
    with pytest.raises(FrozenInstanceError):
        outgoing().say = "Something else."
    with pytest.raises(FrozenInstanceError):
        Crossed(text="").text = "Something else."


def test_a_text_declares_nothing_unless_somebody_says_so():
    text = outgoing()
    assert (text.declared, text.seen, text.public, text.forwarded) == ((), (), (), ())


# --- what a talk makes of it ---------------------------------------------------------------------------------------


def test_an_open_wire_carries_the_talk_to_its_answer(company):
    ended, asker = talked(company, OpenWire())
    assert (ended.ending, ended.answer, ended.withheld) == ("known", "Oak Street", 0)
    assert "4711" in shown(asker)


@pytest.mark.parametrize("refused", [True, False])
def test_through_a_wire_that_refuses_everything_nothing_is_told(company, refused):
    wire = By(lambda _: Crossed(text="", reason="no", refused=refused))
    ended, asker = talked(company, wire)
    assert ended.answer == ""
    assert not any(utterance.tells for utterance in ended.utterances)
    assert "Oak" not in shown(asker)
    assert "4711" not in shown(asker)
    assert ended.reasons


def test_through_a_wire_that_refuses_a_fact_it_is_declined_and_offered_once_a_turn(company):
    wire = By(lambda out: Crossed(text="" if "Oak" in out.say else out.say, reason="no", refused="Oak" in out.say))
    ended, asker = talked(company, wire)
    assert ended.reasons == ("place: bea will not tell",)
    offered = [out.number for out in wire.given if "Oak" in out.say]
    assert len(offered) == len(set(offered)) == ended.withheld > 0
    assert "Oak" not in shown(asker)


def test_why_a_text_was_refused_is_for_its_owner_alone(company):
    wire = By(lambda out: Crossed(text="" if "Oak" in out.say else out.say, reason="it tells of a zebra"))
    ended, asker = talked(company, wire)
    assert ended.withheld
    assert "zebra" not in shown(asker)
    assert not any("zebra" in utterance.text for utterance in ended.utterances)
    assert not any("zebra" in why for why in ended.reasons)


def test_what_a_wire_took_out_of_a_text_is_not_told_as_data_either(company):
    wire = By(lambda out: Crossed(text=out.say.replace("Oak Street", "somewhere")))
    ended, asker = talked(company, wire)
    said = [utterance for utterance in ended.utterances if "somewhere" in utterance.text]
    assert said
    assert not any(utterance.tells for utterance in said)
    assert "Oak" not in shown(asker)
    assert ended.answer == ""


def test_what_is_said_is_what_the_wire_gave_or_of_what_both_have(company):
    for decide in (
        lambda out: Crossed(text=out.say),
        lambda out: Crossed(text="" if "PIN" in out.say else out.say, reason="no"),
        lambda out: Crossed(text=out.say.upper() if out.number else out.say),
    ):
        wire = By(decide)
        ended, _ = talked(company, wire)
        for utterance in ended.utterances:
            instead = utterance.text.startswith(
                ("I do not know the place", "I may not tell the place", "I have nothing")
            )
            assert utterance.text in wire.gave or instead
        assert ended.utterances


def test_a_wire_is_told_who_speaks_to_whom_what_for_and_what_was_in_view(company):
    wire = By(lambda out: Crossed(text=out.say))
    ended, _ = talked(company, wire)
    of_bea = [out for out in wire.given if out.owner == "bea"]
    assert {(out.counterpart, out.purpose) for out in of_bea} == {("ann", "task")}
    assert of_bea[0].declared == (100,)
    assert [row.text for row in of_bea[0].seen] == ["The dinner is on Oak Street."]
    assert PLACE.question in of_bea[0].public
    assert not any("PIN" in text for text in of_bea[0].public)
    assert [out.number for out in wire.given] == [0, *(utterance.number for utterance in ended.utterances)]


def test_where_a_wire_breaks_nothing_is_said(company):
    def broken(out):
        if "Oak" in out.say:
            raise OSError("the log is full")
        return Crossed(text=out.say)

    wire = By(broken)
    with pytest.raises(OSError, match="the log is full"):
        talked(company, wire)
    assert wire.given[-1].owner == "bea"
    assert not any("Oak" in text for text in wire.gave)
