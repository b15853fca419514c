"""Recorded: the journal answers, and what failed then fails again."""

import asyncio
from pathlib import Path

import pytest

from consilience.dialogue.command.recorded import Nobody, lost_in, recorded
from consilience.dialogue.journal import Journal
from consilience.dialogue.messages import Message, Question
from consilience.dialogue.models import Unreachable
from consilience.dialogue.rehearsal import rehearse
from consilience.dialogue.session import NotInJournal, Session
from consilience.dialogue.transcript import Event


def question(element: str) -> Question:
    return Question(element, (Message("user", ("Hello",)),))


def test_what_was_answered_is_answered_and_what_was_lost_is_lost(tmp_path: Path) -> None:
    async def work() -> None:
        with Journal.open(tmp_path / "journal.sqlite", "run") as journal:
            async with Session(rehearse("echo"), journal=journal) as session:
                first = await session.ask(question("kept"))
        with Journal.open(tmp_path / "journal.sqlite", "run", replay_only=True) as journal:
            async with recorded("rehearsal:echo", journal, frozenset({"lost"})) as session:
                again = await session.ask(question("kept"))
                assert (again.text, again.replayed) == (first.text, True)
                with pytest.raises(Unreachable, match="lost got no reply"):
                    await session.ask(question("lost"))
                with pytest.raises(NotInJournal):
                    await session.ask(question("never"))
                assert session.last_event("kept") == ()

    asyncio.run(work())


def test_failures_are_those_of_elements() -> None:
    events = [Event("0", 0.0, "failed", "a"), Event("1", 0.0, "failed"), Event("2", 0.0, "asked", "b")]
    assert lost_in(events) == {"a"}


def test_nobody_refuses() -> None:
    with pytest.raises(Unreachable, match="asks nobody; 7 wanted to"):
        asyncio.run(Nobody("m").reply(question("7")))
