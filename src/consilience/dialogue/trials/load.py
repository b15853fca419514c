"""Load: a model that answers at once, and what a run then weighs, when nothing has to be waited for."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Literal, NamedTuple, get_args

from consilience.dialogue.asking import Asks
from consilience.dialogue.journal import Journal
from consilience.dialogue.messages import Question, Reply, Usage
from consilience.dialogue.rehearsal import tokens_of
from consilience.dialogue.session import Session
from consilience.dialogue.transcript import Transcript

__all__ = ["SAID", "WAYS", "Always", "Desk", "Way", "asked"]

Way = Literal["bare", "session", "kept"]
"""The engine and a model; with a session between them; with the session's journal and events too."""

WAYS: tuple[Way, ...] = get_args(Way)
"""All of them, the lightest first."""

SAID = 1000
"""Characters of a reply."""


class Always:
    """A model that answers at once, in process, each question with a text of its own: nothing is kept only once."""

    name = "rehearsal:always"

    async def reply(self, question: Question) -> Reply:
        """Answer without waiting."""
        asked = sum([len(part) for message in question.messages for part in message.parts])
        said = self.says(question)
        return Reply(text=said, model=self.name, usage=Usage(tokens_of(asked), tokens_of(len(said))))

    def says(self, question: Question) -> str:
        """Return who was asked for the how-manieth time, made as long as a reply is."""
        return f"{question.element}/{question.occurrence} ".ljust(SAID, ".")

    async def close(self) -> None:
        """Nothing is held."""

    async def ask(self, question: Question, *, priority: float = 0.0, caused_by: tuple[str, ...] = ()) -> Reply:
        """Answer as if there were a session."""
        del priority, caused_by
        return await self.reply(question)

    def last_event(self, element: str) -> tuple[str, ...]:
        """There are no events."""
        del element
        return ()


class Desk(NamedTuple):
    """What a run under load is given."""

    asks: Asks
    """Who is asked."""
    journal: Journal | None
    """Where it is kept."""
    events: Transcript | None
    """Where events are taken down."""


@contextmanager
def asked(way: Way, model: Always) -> Iterator[Desk]:
    """Give a model to ask in one of the `WAYS`; files are in a folder that is gone afterwards."""
    if way == "bare":
        yield Desk(model, None, None)
        return
    with ExitStack() as stack:
        journal = events = None
        if way == "kept":
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            journal = stack.enter_context(Journal.open(folder / "journal.sqlite", "load"))
            events = stack.enter_context(Transcript(folder / "transcript.jsonl"))
        yield Desk(Session(model, journal=journal, transcript=events), journal, events)
