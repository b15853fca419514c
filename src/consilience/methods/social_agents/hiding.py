"""Hiding: messages of a memory that are to be as if they were not there, for one talk.

What must never be told is left out before anything is counted, ranked or cut off, so that it has no part in what an
agent sees or in whom it asks: not by its words, not by its length, not by a place that it takes.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Final

from consilience.methods.social_agents.database import Asked, rows
from consilience.methods.social_agents.records import Message, from_us

__all__ = ["NOTHING", "Hidden", "Hides", "hidden_of", "stamp_of"]

Hides = Callable[[Sequence[Message]], Collection[int]]
"""Returns the numbers of those of some messages that are to be as if they were not there."""


@dataclass(frozen=True, slots=True)
class Hidden:
    """Messages of one owner that are left out."""

    numbers: frozenset[int] = frozenset()
    conversations: frozenset[int] = frozenset()
    """Where they stand."""
    words: int = 0
    """Of all of them together."""


NOTHING: Final = Hidden()

_ALL = (
    "SELECT m.id, m.conversation, m.sender, p.name, m.sent_at, m.text, m.label, v.words FROM visibility v "
    "JOIN message m ON m.id = v.message JOIN person p ON p.id = m.sender WHERE v.owner = :owner"
)
_STAMP = (
    "SELECT h.messages, h.words, (SELECT COUNT(*) FROM version), (SELECT MAX(id) FROM message) "
    "FROM holding h WHERE h.owner = :owner"
)


def hidden_of(connection: Asked, owner: int, hides: Hides) -> Hidden:
    """Look through all that an owner has, and return what is left out."""
    found = [
        (Message(row[0], row[1], row[2], row[3], from_us(row[4]), row[5], row[6]), row[7])
        for row in rows(connection, _ALL, {"owner": owner})
    ]
    numbers = frozenset(hides([message for message, _ in found]))
    gone = [(message, words) for message, words in found if message.id in numbers]
    return Hidden(
        frozenset(message.id for message, _ in gone),
        frozenset(message.conversation for message, _ in gone),
        sum(words for _, words in gone),
    )


def stamp_of(connection: Asked, owner: int) -> tuple[int, ...]:
    """Return what changes when messages of an owner come, go or are edited."""
    return next((tuple(row) for row in rows(connection, _STAMP, {"owner": owner})), ())
