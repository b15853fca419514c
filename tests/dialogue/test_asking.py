"""A callable from messages to text that stands for a session, and what it leaves in journal and purse."""

import asyncio
from pathlib import Path

import pytest

from consilience.dialogue.asking import Asks, chat, responder
from consilience.dialogue.budget import Budget, BudgetExhausted
from consilience.dialogue.journal import Journal
from consilience.dialogue.messages import Message, Question, Settings
from consilience.dialogue.rehearsal import rehearse
from consilience.dialogue.session import Session
from consilience.ground.errors import UnknownName

ASKED = Question(
    "7", (Message("system", ("Be brief.",)), Message("user", ("Say ", "it."))), Settings(temperature=0.5, seed=3)
)


def test_the_question_itself_is_answered_as_it_would_be() -> None:
    async def both() -> tuple[str, str]:
        async with Session(rehearse("talker")) as session:
            assert isinstance(session, Asks)
            return (await session.ask(ASKED)).text, await responder(session, ASKED)(chat(ASKED))

    plain, through = asyncio.run(both())
    assert plain == through


def test_the_same_asked_again_is_another_occurrence_and_the_same_when_resumed(tmp_path: Path) -> None:
    async def thrice() -> tuple[list[str], int]:
        with Journal.open(tmp_path / "journal.sqlite", "run") as journal:
            async with Session(rehearse("talker"), journal=journal) as session:
                model = responder(session, ASKED)
                return [await model(chat(ASKED)) for _ in range(3)], session.tally.sent

    first, sent = asyncio.run(thrice())
    again, resent = asyncio.run(thrice())
    assert len(set(first)) == 3
    assert (first, sent, resent) == (again, 3, 0)


def test_every_call_is_on_the_budget() -> None:
    async def twice() -> None:
        async with Session(rehearse("echo"), budget=Budget(calls=1)) as session:
            model = responder(session, ASKED)
            await model(chat(ASKED))
            await model(chat(ASKED))

    with pytest.raises(BudgetExhausted):
        asyncio.run(twice())


def test_a_message_of_nobody_is_refused() -> None:
    async def asked() -> None:
        async with Session(rehearse("echo")) as session:
            await responder(session, ASKED)([{"role": "judge", "content": "Guilty."}])

    with pytest.raises(UnknownName, match="judge"):
        asyncio.run(asked())
