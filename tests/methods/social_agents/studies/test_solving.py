"""Every reply is looked at, and one with a word of its own is seen."""

import asyncio

import numpy as np

from consilience.dialogue.messages import Message, Question, Reply, Usage
from consilience.methods.social_agents.studies.solving import solved
from consilience.methods.social_agents.studies.stage import Checked
from consilience.methods.social_agents.worlds.needle import needle


def test_all_calls_are_looked_at_and_none_has_a_word_of_its_own() -> None:
    found = solved(needle(2, 1, np.random.default_rng(100), length=20))
    assert found.marks.score == 1
    assert found.foreign == 0
    assert found.checked == sum(one.calls for one in found.pursuits.values()) > 0


def test_a_reply_with_a_word_of_its_own_is_seen() -> None:
    class Knowing:
        async def ask(self, question, *, priority=0.0, caused_by=()):
            return Reply(text='{"say": "The pet is an axolotl."}', model="knowing", usage=Usage(1, 1))

        def last_event(self, element):
            return ()

    asks = Checked(Knowing())
    asyncio.run(asks.ask(Question("ann", (Message("user", ("What is the pet?",)),))))
    assert (asks.calls, asks.foreign) == (1, [frozenset({"an", "axolotl"})])
