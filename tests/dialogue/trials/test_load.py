"""Load: every way asks the same."""

import asyncio

import pytest

from consilience.dialogue.messages import Message, Question
from consilience.dialogue.trials.load import SAID, WAYS, Always, Way, asked

QUESTIONS = [Question(element, (Message("user", ("Say it.",)),), occurrence=at) for element in "ab" for at in (0, 1)]


@pytest.mark.parametrize("way", WAYS)
def test_every_way_says_the_same_and_each_question_gets_its_own(way: Way) -> None:
    async def run() -> list[str]:
        with asked(way, Always()) as desk:
            assert (desk.journal is not None) == (desk.events is not None) == (way == "kept")
            said = [(await desk.asks.ask(question)).text for question in QUESTIONS]
            assert bool(desk.asks.last_event("a")) == (way == "kept")
            if desk.journal is not None:
                assert len(list(desk.journal.calls())) == len(QUESTIONS)
        return said

    said = asyncio.run(run())
    assert said == [Always().says(question) for question in QUESTIONS]
    assert len(set(said)) == 4
    assert {len(text) for text in said} == {SAID}
