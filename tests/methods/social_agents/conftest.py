"""People, memories and models for tests of talks: small, and made by hand. Tests get them as `company`."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import numpy as np
import pytest

from consilience.dialogue.messages import Question, Reply, Usage
from consilience.dialogue.rehearsal import Rehearsal
from consilience.dialogue.session import Session
from consilience.methods.social_agents.manners import PLAYERS
from consilience.methods.social_agents.party import Party
from consilience.methods.social_agents.records import Episode, Hit, Message, Person, Query
from consilience.methods.social_agents.store import Store
from consilience.methods.social_agents.task import Assignment
from consilience.methods.social_agents.worlds.furnishing import furnish
from consilience.methods.social_agents.worlds.people import Task, World

WHEN = datetime(2024, 5, 2, 10, 15, tzinfo=UTC)


def person(handle: str, number: int = 1, card: str = "") -> Person:
    """Return somebody whose name is the handle, capitalised."""
    return Person(number, handle, handle.capitalize(), card)


class Rows:
    """A memory of a few messages: it finds those that share a word with a query."""

    def __init__(self, *texts: tuple[str, str] | str, friends: Sequence[Person] = (), first: int = 1) -> None:
        ids = {one.name: one.id for one in friends}
        self.rows = [
            Message(first + at, 1, ids.get(who, 9 if who == "Cem" else 8), who, WHEN + timedelta(minutes=at), text)
            for at, (who, text) in enumerate((one if isinstance(one, tuple) else ("Cem", one)) for one in texts)
        ]
        self._words = {row.id: set(re.findall(r"\w+", row.text.casefold())) for row in self.rows}
        self._friends = list(friends)

    def search(self, query: Query) -> list[Hit]:
        wanted = {word.casefold().strip("?.!") for word in query.words}
        scored = [(len(wanted & self._words[row.id]), row) for row in self.rows]
        found = [Hit(row, float(score)) for score, row in sorted(scored, key=lambda one: -one[0]) if score]
        if query.sender is not None:
            names = {one.name for one in self._friends if one.handle == query.sender}
            found = [hit for hit in found if hit.message.sender_name in names]
        return found[: query.limit]

    def recent(self, conversation: int | None = None, limit: int = 20) -> list[Message]:
        return self.rows[-limit:]

    def recall(self, text: str, top: int = 3) -> list[Episode]:
        if not self.rows:
            return []
        return [Episode(1, 1, WHEN, WHEN, "all of it", tuple(row.id for row in self.rows))][:top]

    def messages(self, numbers: list[int]) -> list[Message]:
        return [row for number in numbers for row in self.rows if row.id == number]

    def friends(self) -> list[Person]:
        return self._friends


class Scripted:
    """Whom to ask, with replies that were written before; the last one again when they are used up."""

    def __init__(self, *replies: object) -> None:
        self.replies = list(replies)
        self.questions: list[Question] = []

    async def ask(self, question: Question, *, priority: float = 0.0, caused_by: tuple[str, ...] = ()) -> Reply:
        self.questions.append(question)
        reply = self.replies[min(len(self.questions), len(self.replies)) - 1]
        if isinstance(reply, BaseException):
            raise reply
        if callable(reply):
            reply = reply(question)
        await asyncio.sleep(0)
        text = reply if isinstance(reply, str) else json.dumps(reply)
        return Reply(text=text, model="scripted", usage=Usage(len(self.prompt), len(text)))

    def last_event(self, element: str) -> tuple[str, ...]:
        return ()

    @property
    def prompt(self) -> str:
        """The last prompt."""
        return "\n".join(message.text for message in self.questions[-1].messages)


class Recording:
    """Whom to ask, with all that it was shown, by element."""

    def __init__(self, asks: Session) -> None:
        self.asks = asks
        self.prompts: list[tuple[str, str]] = []

    async def ask(self, question: Question, *, priority: float = 0.0, caused_by: tuple[str, ...] = ()) -> Reply:
        self.prompts.append((question.element, "\n".join(message.text for message in question.messages)))
        return await self.asks.ask(question, priority=priority, caused_by=caused_by)

    def last_event(self, element: str) -> tuple[str, ...]:
        return self.asks.last_event(element)


def player(name: str = "neighbour", **given: object) -> Rehearsal:
    """Return a rehearsal of this room."""
    return Rehearsal(PLAYERS[name], name=name, **given)  # type: ignore[arg-type]


class Town:
    """A world that lives in a store."""

    def __init__(self, world: World, asks: object) -> None:
        self.world = world
        self.store = Store.open(":memory:")
        self.people = furnish(world, self.store)
        self.asks = asks

    def party(self, handle: str, **given: object) -> Party:
        """Return somebody's side."""
        who = self.people[handle]
        return Party(person=who, memory=self.store.memory(who), asks=self.asks, **given)  # type: ignore[arg-type]

    def contacts(self, handle: str) -> list[Person]:
        return self.store.contacts_of(self.people[handle])


def asked(task: Task) -> Assignment:
    """Return a task of a world as its asker puts it."""
    return Assignment(question=task.question, purpose=task.set)


def made(world: Callable[[np.random.Generator], World], seed: int = 0) -> World:
    """Return a world of a seed."""
    return world(np.random.default_rng(seed))


@pytest.fixture
def company() -> SimpleNamespace:
    """Return what this file has."""
    return SimpleNamespace(
        Recording=Recording,
        Rows=Rows,
        Scripted=Scripted,
        Town=Town,
        asked=asked,
        made=made,
        person=person,
        player=player,
    )
