"""Hiding: messages of a memory that are to be as if they were not there, for one talk.

What must never be told is left out before anything is counted, ranked or cut off, so that it has no part in what an
agent sees or in whom it asks: not by its words, not by its length, not by a place that it takes. What its owner
would have to be asked about is left out in the same way of what an agent may tell freely, and is looked for apart.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, overload
from weakref import WeakKeyDictionary

from consilience.methods.social_agents.database import Asked, Database, rows
from consilience.methods.social_agents.records import Message, from_us

__all__ = [
    "NOTHING",
    "Hidden",
    "Hides",
    "Messages",
    "Row",
    "Sieve",
    "all_of",
    "forget",
    "hidden_among",
    "kept_or_made",
    "stamp_of",
]

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


@dataclass(frozen=True, slots=True)
class Sieve:
    """Tells apart what an owner would have to be asked about."""

    asked: Callable[[Sequence[Message], str, str], Collection[int]]
    """Returns the numbers of those of some messages, given with whom (a handle) and what for."""
    key: Callable[[str, str], Hashable]
    """What that goes by, and what is never told, likewise: as long as it is the same, so are they."""


MOST_KEPT: Final = 16
"""Answers that are kept for each database: numbers of messages, and no word of them."""
_KEPT: WeakKeyDictionary[Database, dict[Hashable, tuple[tuple[int, ...], Hidden]]] = WeakKeyDictionary()

Row = tuple[int, int, int, str, int, str, str, int]
"""A message before it is one: number, conversation, sender, their name, moment, text, label, and its count of words."""

_ALL = (
    "SELECT m.id, m.conversation, m.sender, p.name, m.sent_at, m.text, m.label, v.words FROM visibility v "
    "JOIN message m ON m.id = v.message JOIN person p ON p.id = m.sender WHERE v.owner = :owner"
)
_STAMP = (
    "SELECT h.messages, h.words, (SELECT COUNT(*) FROM version), (SELECT MAX(id) FROM message) "
    "FROM holding h WHERE h.owner = :owner"
)


class Messages(Sequence[Message]):
    """Messages that are made of their rows one at a time, when they are looked at.

    An owner may have thousands. Kept as objects, they would wake the garbage collector, which then goes through all
    that the process has.

    Parameters
    ----------
    found
        The rows (`all_of`).
    """

    __slots__ = ("_rows",)

    def __init__(self, found: Sequence[Row]) -> None:
        self._rows = found

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, place: int) -> Message: ...
    @overload
    def __getitem__(self, place: slice) -> Messages: ...
    def __getitem__(self, place: int | slice) -> Message | Messages:
        if isinstance(place, slice):
            return Messages(self._rows[place])
        return _message(self._rows[place])

    def __iter__(self) -> Iterator[Message]:
        return map(_message, self._rows)


def _message(row: Row) -> Message:
    return Message(row[0], row[1], row[2], row[3], from_us(row[4]), row[5], row[6])


def all_of(connection: Asked, owner: int) -> list[Row]:
    """Return rows of all that an owner has."""
    return list(rows(connection, _ALL, {"owner": owner}))


def hidden_among(found: Sequence[Row], hides: Hides, before: Hidden = NOTHING) -> Hidden:
    """Return what is left out of all that an owner has; nothing is asked of the database meanwhile.

    Parameters
    ----------
    found
        All that the owner has (`all_of`).
    hides
        Given what is left of it, returns the numbers of those that are left out as well.
    before
        What is left out already.
    """
    left = [row for row in found if row[0] not in before.numbers] if before.numbers else found
    numbers = before.numbers.union(hides(Messages(left)))
    gone = [row for row in found if row[0] in numbers]
    return Hidden(
        frozenset(row[0] for row in gone), frozenset(row[1] for row in gone), sum(row[7] for row in gone)
    )  # fmt: skip


def stamp_of(connection: Asked, owner: int) -> tuple[int, ...]:
    """Return what changes when messages of an owner come, go or are edited."""
    return next((tuple(row) for row in rows(connection, _STAMP, {"owner": owner})), ())


def kept_or_made(
    database: Database, key: Hashable, stamp: tuple[int, ...], make: Callable[[], Hidden], *, holds: Callable[[], bool]
) -> Hidden:
    """Return what is left out: what was found before by the same key at the same stamp, or is found now.

    Parameters
    ----------
    database
        Where the messages lie.
    key
        Owner, and what goes into it beside the messages.
    stamp
        Of the owner's messages (`stamp_of`).
    make
        Finds it.
    holds
        Whether the key is still what it was, after it was found; else it is not kept.
    """
    kept = _KEPT.setdefault(database, {})
    found = kept.pop(key, None)
    if found is None or found[0] != stamp:
        found = stamp, make()
        if not holds():
            return found[1]
    kept[key] = found
    for old in list(kept)[:-MOST_KEPT]:  # threads look things up at once
        kept.pop(old, None)
    return found[1]


def forget(database: Database) -> None:
    """Forget what was left out: for changes that no stamp tells, as of a label."""
    _KEPT.pop(database, None)
