"""Memory: the only reader of what was said, bound to one owner for good."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from functools import lru_cache

from sqlalchemy import text

from consilience.ground.errors import InvalidInput
from consilience.methods.social_agents import clear, fuzzy
from consilience.methods.social_agents.database import Asked, Database, rows
from consilience.methods.social_agents.embedding import Embedder
from consilience.methods.social_agents.fuzzy import WHOLE, Recut, Summarise
from consilience.methods.social_agents.hiding import (
    NOTHING,
    Hidden,
    Hides,
    Row,
    all_of,
    hidden_among,
    kept_or_made,
    stamp_of,
)
from consilience.methods.social_agents.records import MOST_CONTEXT, MOST_HITS, Episode, Hit, Message, Person, Query

__all__ = ["Memory"]

_FRIENDS = text(
    "SELECT p.id, p.handle, p.name, p.card FROM contact c "
    "JOIN person p ON p.id = CASE WHEN c.asker = :owner THEN c.asked ELSE c.asker END "
    "WHERE c.accepted = 1 AND (c.asker = :owner OR c.asked = :owner) ORDER BY p.id"
)
_NEWEST = "SELECT MAX(id) FROM episode"


class Memory:
    """What one person has read and written, and nothing else.

    There is no argument by which another owner could be named. A store makes it; an agent is given it instead of the
    store. What is found is copied: nothing is kept here, so that what was forgotten is gone.

    Parameters
    ----------
    database
        Where everybody's messages lie.
    owner
        Whose memory it is.
    embedder, summarise
        What makes vectors and summaries of episodes.
    """

    __slots__ = (
        "_cut",
        "_database",
        "_embedder",
        "_hidden",
        "_hides",
        "_key",
        "_owner",
        "_standing",
        "_summarise",
        "_within",
    )

    def __init__(self, database: Database, owner: Person, embedder: Embedder, summarise: Summarise) -> None:
        self._database = database
        self._owner = owner
        self._embedder = embedder
        self._summarise = summarise
        self._hides: Hides | None = None
        self._within: Memory | None = None
        self._key: Callable[[], Hashable] | None = None
        self._standing: Hashable = None
        self._hidden: tuple[tuple[int, ...], Hidden] = ((), NOTHING)
        self._cut: tuple[tuple[object, ...], Recut] = ((), WHOLE)

    def without(self, hides: Hides, key: Callable[[], Hashable] | None = None) -> Memory:
        """Return the same memory in which some messages are as if they were not there.

        They take no part in ranks, statistics, limits, neighbours or episodes. Which they are is looked up anew when
        messages come, go or are edited. What this memory leaves out, the one that is returned leaves out too.

        Parameters
        ----------
        hides
            Given all messages that are there, returns the numbers of those that are left out.
        key
            Returns what that goes by beside the messages, such as a policy. It is asked when `left_out` is; what was
            found by the same key is not looked up again.
        """
        made = Memory(self._database, self._owner, self._embedder, self._summarise)
        made._hides = hides
        made._key = key
        if self._hides is not None:
            made._within = self
            mine = self._key
            made._key = None if key is None or mine is None else lambda: (mine(), key())
        made._standing = None if made._key is None else made._key()
        return made

    def left_out(self) -> frozenset[int]:
        """Return the numbers of the messages that are as if they were not there, by what that goes by now."""
        if self._hides is None:
            return frozenset()
        self._stand()
        with self._asking() as (_, hidden):
            return hidden.numbers

    def __repr__(self) -> str:
        """Show whose it is."""
        return f"<memory of {self._owner.handle}>"

    @property
    def owner(self) -> Person:
        """Whose memory it is."""
        return self._owner

    def search(self, query: Query) -> list[Hit]:
        """Return the messages that match, the best first; the latest first where no words are asked for.

        Of an utterance that stands there several times only one is returned.
        """
        with self._asking() as (connection, hidden):
            return clear.search(connection, self._owner.id, query, hidden)

    def recent(self, conversation: int | None = None, limit: int = 20) -> list[Message]:
        """Return the last messages, everywhere or in one conversation, oldest first."""
        _require("limit", limit, 1, MOST_HITS)
        with self._asking() as (connection, hidden):
            return clear.recent(connection, self._owner.id, conversation, limit, hidden)

    def around(self, message: int, k: int = 3) -> list[Message]:
        """Return a message between those before and after it, oldest first; nothing when it is not the owner's."""
        _require("k", k, 0, MOST_CONTEXT)
        with self._asking() as (connection, hidden):
            return clear.around(connection, self._owner.id, message, k, hidden)

    def message(self, number: int) -> Message | None:
        """Return a message, or None: also where there is one that the owner may not read."""
        return next(iter(self.messages([number])), None)

    def messages(self, numbers: list[int]) -> list[Message]:
        """Return those of the messages that the owner may read, in the order of the numbers."""
        with self._asking() as (connection, hidden):
            wanted = [number for number in numbers if number not in hidden.numbers]
            found = {each.id: each for each in clear.fetch(connection, self._owner.id, wanted)}
        return [found[number] for number in dict.fromkeys(numbers) if number in found]

    def recall(self, text: str, top: int = 3) -> list[Episode]:
        """Return the episodes nearest to what a text is about; those that are missing are made first."""
        _require("top", top, 1, MOST_HITS)
        self.rebuild_episodes()
        with self._asking() as (connection, hidden):
            cut = self._recut(connection, hidden)
            return fuzzy.recall(connection, self._owner.id, text, top, self._embedder, hidden=hidden, cut=cut)

    def friends(self) -> list[Person]:
        """Return the owner's contacts who accepted, or whom the owner did."""
        with self._database.reading() as connection:
            return [Person(*row) for row in connection.execute(_FRIENDS, {"owner": self._owner.id})]

    def rebuild_episodes(self) -> int:
        """Make the episodes of what came since the last time, and return how many were made.

        Vectors and summaries are made before anything is written: others who write do not wait for them.
        """
        owner, embedder, summarise = self._owner.id, self._embedder, self._summarise
        with self._database.asking() as connection:
            episodes = fuzzy.to_come(connection, owner, embedder)
        if not episodes:
            return 0
        ready = fuzzy.prepared(episodes, embedder, summarise)
        with self._database.writing() as connection:
            return fuzzy.rebuild(connection, owner, embedder, summarise, ready)

    @contextmanager
    def _asking(self) -> Iterator[tuple[Asked, Hidden]]:
        """Give what to ask `clear` and `fuzzy` with, and what is left out of the very state that it shows."""
        while True:
            with self._database.asking() as connection:
                if self._hides is None or stamp_of(connection, self._owner.id) == self._hidden[0]:
                    yield connection, self._hidden[1]
                    return
            self._look_through()

    def _stand(self) -> None:
        """Take up what it goes by now; what was found by something else is let go."""
        standing = None if self._key is None else self._key()
        if standing != self._standing:
            self._standing, self._hidden = standing, ((), NOTHING)

    def _look_through(self) -> None:
        """Find what is left out now, while nothing is read: what decides it may want to read for itself."""
        with self._database.asking() as connection:
            stamp = stamp_of(connection, self._owner.id)
        self._hidden_at(stamp, lru_cache(self._all))

    def _hidden_at(self, stamp: tuple[int, ...], everything: Callable[[], list[Row]]) -> Hidden:
        """Return what is left out, and keep it; what this memory lies within is looked through in the same reading."""
        if self._hides is None or self._hidden[0] == stamp:
            return self._hidden[1]
        hides, key, standing, within = self._hides, self._key, self._standing, self._within

        def left_out() -> Hidden:
            if within is None:
                return hidden_among(everything(), hides)
            within._stand()  # noqa: SLF001 - of the same class
            before = within._hidden_at(stamp, everything)  # noqa: SLF001 - likewise
            return hidden_among(everything(), hides, before)

        if key is None:
            found = left_out()
        else:
            found = kept_or_made(
                self._database, (self._owner.id, standing), stamp, left_out, holds=lambda: key() == standing
            )
        self._hidden = stamp, found
        return found

    def _all(self) -> list[Row]:
        with self._database.asking() as connection:
            return all_of(connection, self._owner.id)

    def _recut(self, connection: Asked, hidden: Hidden) -> Recut:
        ((newest,),) = rows(connection, _NEWEST, {})
        if self._cut[0] != (hidden, newest):
            self._cut = (hidden, newest), fuzzy.recut(connection, hidden, self._embedder, self._summarise)
        return self._cut[1]


def _require(name: str, value: int, least: int, most: int) -> None:
    if not least <= value <= most:
        raise InvalidInput(f"`{name}` must be from {least} to {most}; got {value}")
