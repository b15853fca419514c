"""What a world consists of, and people for it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import Final, Literal

import numpy as np

from consilience.ground.errors import InvalidInput, UnknownName
from consilience.methods.social_agents.concluding import Kind

__all__ = ["BEGINNING", "Chat", "Line", "Need", "Resident", "SetName", "Slot", "Task", "World", "residents"]

SetName = Literal["needle-1", "needle-2", "needle-3", "friends", "schedule-easy", "schedule-medium", "schedule-hard"]
Need = Literal["infonav", "clear", "fuzzy", "recursion"]
"""Part of the method without which a task is out of reach."""

BEGINNING: Final = datetime(2024, 1, 8, 7, 0, tzinfo=UTC)
"""When the worlds that we make begin."""

_FIRST_NAMES = (
    "Ana Bea Cem Dora Emil Fay Goran Hana Ivo Jana Karl Lena Milo Nora Oto Petra Quin Runa Sami Tilda Uma Vito "
    "Wanda Xenia Yara Zeno Alma Boris Clea Dario Elif Falk Greta Hugo Inga Joren Kaja Luca Mira Nils Olga Pavel "
    "Rosa Sven Tara Ugo Vera Wim Ylva Zora Anouk Bram Cosma Dries Esra Finn Gwen Henk Idris Juno"
)
_LAST_NAMES = (
    "Varga Novak Lindt Moreau Okoye Sato Kowal Rossi Berg Duarte Hansen Ilic Jansen Kral Lemaire Meyer Nagy Olsen "
    "Popa Quist Ruiz Silva Toth Ueda Vidal Weiss Xu Yilmaz Zeman Adler Brandt Costa Dahl Egger Fuchs Grasso Holm "
    "Iversen Jovic Keller Lunde Marin Nilsen Orban Pinto Rask Sandor Torres Urban Vogel"
)
_FIRST = _FIRST_NAMES.split()
_LAST = _LAST_NAMES.split()


@dataclass(frozen=True, slots=True)
class Resident:
    """A person."""

    handle: str
    """Unique in the world."""
    name: str
    card: str = ""
    """What everybody may read about them."""


@dataclass(frozen=True, slots=True)
class Chat:
    """A conversation; its members see all of its messages."""

    members: tuple[str, ...]
    """Handles."""
    title: str = ""
    began_at: datetime = BEGINNING


@dataclass(frozen=True, slots=True)
class Line:
    """A message."""

    chat: int
    """Index of its conversation."""
    sender: str
    """Handle."""
    sent_at: datetime
    text: str
    source_id: str
    """Unique in the world."""


@dataclass(frozen=True, slots=True)
class Slot:
    """A fact that a task needs."""

    name: str
    text: str
    """As in ``the pet of Ana Varga``."""
    holder: str
    """Handle of somebody whose messages state it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A question of one person, to be answered together with another."""

    id: str
    set: SetName
    asker: str
    partner: str
    question: str
    """With the facts that it needs after ``Needed:``."""
    slots: tuple[Slot, ...]
    answer: str
    kind: Kind
    needs: frozenset[Need] = frozenset()
    aliases: tuple[str, ...] = ()
    """Answers that count as well."""


@dataclass(frozen=True)
class World:
    """People, their contacts and conversations, and what is asked of them.

    Parameters
    ----------
    people
        With handles that differ.
    contacts
        Pairs of handles.
    conversations
        Whose members see their messages.
    messages
        In the order in which they were sent, within each conversation.
    tasks
        What is asked.
    """

    people: tuple[Resident, ...]
    contacts: tuple[tuple[str, str], ...]
    conversations: tuple[Chat, ...]
    messages: tuple[Line, ...]
    tasks: tuple[Task, ...] = ()

    def __post_init__(self) -> None:
        if len(self.by_handle) != len(self.people):
            raise InvalidInput("handles must differ; two people of this world share one, so rename one of them")
        for line in self.messages:
            if not 0 <= line.chat < len(self.conversations) or line.sender not in self.conversations[line.chat].members:
                raise InvalidInput(
                    f"every sender must be a member of the conversation; {line.sender!r} is none of {line.chat}"
                )

    @cached_property
    def by_handle(self) -> Mapping[str, Resident]:
        """People by handle."""
        return {one.handle: one for one in self.people}

    @cached_property
    def chats_of(self) -> Mapping[str, tuple[int, ...]]:
        """Indices of the conversations of each person."""
        found: dict[str, list[int]] = {one.handle: [] for one in self.people}
        for number, chat in enumerate(self.conversations):
            for member in chat.members:
                found[member].append(number)
        return {handle: tuple(numbers) for handle, numbers in found.items()}

    @cached_property
    def lines_of(self) -> tuple[tuple[int, ...], ...]:
        """Indices of the messages of each conversation."""
        found: list[list[int]] = [[] for _ in self.conversations]
        for number, line in enumerate(self.messages):
            found[line.chat].append(number)
        return tuple(map(tuple, found))

    def of_set(self, name: SetName) -> World:
        """Return this world with the tasks of one set alone."""
        return replace(self, tasks=tuple(task for task in self.tasks if task.set == name))

    def person(self, handle: str) -> Resident:
        """Return somebody by handle."""
        if handle not in self.by_handle:
            raise UnknownName("person", handle, self.by_handle)
        return self.by_handle[handle]

    def contacts_of(self, handle: str) -> tuple[str, ...]:
        """Return the handles of whom somebody knows, sorted."""
        self.person(handle)
        return tuple(sorted({one if two == handle else two for one, two in self.contacts if handle in (one, two)}))

    def seen_by(self, handle: str) -> tuple[int, ...]:
        """Return the indices of all messages that somebody sees, oldest first."""
        self.person(handle)
        seen = (number for chat in self.chats_of[handle] for number in self.lines_of[chat])
        return tuple(sorted(seen, key=lambda number: (self.messages[number].sent_at, number)))

    def said(self, numbers: Iterable[int]) -> Iterator[tuple[str, str]]:
        """Give name of the sender and text of messages by their indices."""
        for number in numbers:
            line = self.messages[number]
            yield self.by_handle[line.sender].name, line.text


def residents(count: int, rng: np.random.Generator) -> tuple[Resident, ...]:
    """Return people with names that differ.

    Raises
    ------
    InvalidInput
        If there are not as many names.

    Examples
    --------
    >>> people = residents(140, np.random.default_rng(0))
    >>> len({one.name for one in people}), people[0].handle == people[0].name.lower().replace(" ", ".")
    (140, True)
    """
    most = len(_FIRST) * len(_LAST)
    if not 0 <= count <= most:
        raise InvalidInput(f"`count` must be from 0 to {most}, for which there are names; got {count!r}")
    drawn = rng.permutation(most)[:count].tolist()
    names = [f"{_FIRST[number % len(_FIRST)]} {_LAST[number // len(_FIRST)]}" for number in drawn]
    return tuple(Resident(name.lower().replace(" ", "."), name, f"{name}, in town.") for name in names)
