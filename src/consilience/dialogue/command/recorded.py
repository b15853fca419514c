"""Recorded: a run done again from its journal, in which nobody is asked and what failed then fails again."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from consilience.dialogue.asking import Asks
from consilience.dialogue.journal import Journal
from consilience.dialogue.messages import Question, Reply
from consilience.dialogue.models import Unreachable
from consilience.dialogue.session import NotInJournal, Session
from consilience.dialogue.transcript import Event

__all__ = ["Nobody", "lost_in", "recorded"]


class Nobody:
    """Stands where a model would, and is never asked.

    Parameters
    ----------
    name
        Of the model that was asked.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    async def reply(self, question: Question) -> Reply:
        """Refuse."""
        raise Unreachable(f"a replay asks nobody; {question.element} wanted to")

    async def close(self) -> None:
        """Nothing is open."""


class _Recorded:
    """A session on a journal in which an element that failed then fails again.

    Failures are in no journal: they passed, and a resumed run asks again. In a replay what is missing at such an
    element is its failure.
    """

    def __init__(self, session: Session, lost: frozenset[str]) -> None:
        self._session = session
        self._lost = lost

    async def ask(self, question: Question, *, priority: float = 0.0, caused_by: tuple[str, ...] = ()) -> Reply:
        """Return the reply that was given."""
        try:
            return await self._session.ask(question, priority=priority, caused_by=caused_by)
        except NotInJournal as error:
            if question.element in self._lost:
                raise Unreachable(f"{question.element} got no reply when it was asked") from error
            raise

    def last_event(self, element: str) -> tuple[str, ...]:
        """Return the id of the last event of an element."""
        return self._session.last_event(element)


def lost_in(events: Iterable[Event]) -> frozenset[str]:
    """Return the elements that failed at least once."""
    return frozenset(event.element for event in events if event.kind == "failed" and event.element)


@asynccontextmanager
async def recorded(model: str, journal: Journal, lost: frozenset[str]) -> AsyncIterator[Asks]:
    """Give a session that answers from a journal.

    Parameters
    ----------
    model
        Who was asked, by the name that the journal knows.
    journal
        What was answered.
    lost
        Elements that failed then.
    """
    async with Session(Nobody(model), journal=journal, offline=True) as session:
        yield _Recorded(session, lost)
