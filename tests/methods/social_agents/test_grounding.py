"""A fact counts as far as the messages shown, or the talk, have it; what is from nowhere does not count."""

import pytest

from consilience.methods.social_agents.grounding import grounded, overheard
from consilience.methods.social_agents.party import Party
from consilience.methods.social_agents.rationale import SURE, Board
from consilience.methods.social_agents.reading import Fact
from consilience.methods.social_agents.retrieval import Found
from consilience.methods.social_agents.speech import Told, Utterance


def fact(value, *evidence):
    return Fact("place", value, 0.9, tuple(evidence))


@pytest.fixture
def side(company):
    rows = company.Rows("The dinner is on Oak Street.", "Who pays?")
    return Party(person=company.person("ann"), memory=rows, asks=company.Scripted({})), Found(messages=tuple(rows.rows))


def test_a_value_that_a_message_has_is_read_with_the_model_s_confidence_and_that_message_alone(side):
    party, found = side
    reading = grounded(fact("Oak Street", 1, 2), found, party, 5)
    assert (reading.value, reading.evidence, reading.confidence, reading.turn) == ("Oak Street", (1,), 0.9, 5)
    assert reading.source == "ann"


def test_a_value_that_no_message_has_is_never_sure(side):
    party, found = side
    assert grounded(fact("Mill Lane", 1), found, party, 5).confidence < SURE


@pytest.mark.parametrize("evidence", [(), (77,)])
def test_a_message_that_was_not_shown_is_no_evidence(side, evidence):
    party, found = side
    assert grounded(fact("Oak Street", *evidence), found, party, 5) is None


def said(text, speaker="bea", **given):
    return Utterance(number=3, speaker=speaker, speaker_name=speaker.capitalize(), text=text, **given)


def test_what_the_other_side_said_is_heard_and_what_oneself_said_is_not():
    slot = Board("ann").add("place")["place"]
    assert overheard(fact("Oak Street"), slot, [said("It is Oak Street.")], "ann").source == "bea"
    assert overheard(fact("Oak Street"), slot, [said("It is Oak Street.", "ann")], "ann") is None
    assert overheard(fact("Mill Lane"), slot, [said("It is Oak Street.")], "ann") is None


def test_where_it_came_as_data_the_data_stands():
    slot = Board("ann").add("place")["place"]
    told = Told(slot="place", value="Oak Street", source="bea")
    assert overheard(fact("Oak Street"), slot, [said("It is Oak Street.", tells=(told,))], "ann") is None
