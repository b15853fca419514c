"""What crosses is what the wire lets pass, of a plan slot by slot."""

import asyncio

from consilience.methods.social_agents.agent import Agent
from consilience.methods.social_agents.crossing import Crossing
from consilience.methods.social_agents.party import Party
from consilience.methods.social_agents.rationale import Board
from consilience.methods.social_agents.speech import Spent
from consilience.methods.social_agents.task import Assignment
from consilience.methods.social_agents.wire import Crossed

TASK = Assignment(question="Where is the dinner?")


class Without:
    """A wire that stops texts with a word."""

    def __init__(self, word):
        self.word, self.sent = word, []

    async def send(self, outgoing):
        self.sent.append(outgoing)
        return Crossed(text="" if self.word in outgoing.say else outgoing.say)


def shared(company, wire, more=()):
    def agent(one, other):
        party = Party(person=company.person(one), memory=company.Rows(), asks=company.Scripted({}))
        return Agent(party, company.person(other), TASK, element=one, spent=Spent())

    board = Board("ann").add("place", "the place of the dinner").add("price", "the price of the wine")
    for slot, text in more:
        board = board.add(slot, text)
    crossing = Crossing("talk", TASK, wire)
    return [one.slot for one in asyncio.run(crossing.share(agent("ann", "bea"), agent("bea", "ann"), list(board)))]


def test_a_plan_crosses_as_a_whole_where_it_may(company):
    wire = Without("elephant")
    assert shared(company, wire) == ["place", "price"]
    assert [(one.owner, one.counterpart, one.number) for one in wire.sent] == [("ann", "bea", 0)]


def test_of_a_plan_that_may_not_cross_each_slot_is_tried_for_itself(company):
    assert shared(company, Without("wine")) == ["place"]
    assert shared(company, Without("the")) == []


def test_what_a_slot_is_called_does_not_cross_behind_another_of_its_text(company):
    assert shared(company, Without("elephant"), [("elephant", "the place of the dinner")]) == ["price"]
