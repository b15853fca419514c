"""Retrieval: which of a person's messages an agent sees in a turn. It is code: no model chooses keywords first.

What the other side asked is looked up first, then what the model wished to look for, then what is still open. A slot
that names somebody is looked up among that person's messages, too. A miss is adapted to in the next turn, with the
words that the model gives. Beside the words there is what the fuzzy memory recalls, first of those who are named, and
each time what was not shown before. What a value was read from stays in view until the value is sure.

What the person would have to be asked about is looked for apart, and stands after all else: of what may be told freely
the same is found, in the same order, whatever there is to ask about.

Source: mixed memory of arXiv:2406.14928, in whose released code a model is asked for keywords, window and limit each
turn.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

from consilience.methods.social_agents.fuzzy import extract
from consilience.methods.social_agents.prompts import Recalled
from consilience.methods.social_agents.records import Episode, Hit, Message, Person, Query
from consilience.methods.social_agents.values import content_words

__all__ = ["Allowed", "Apart", "Found", "Reads", "Retrieval"]

MOST_ROWS = 24
"""Messages of a prompt that were found by words."""
MOST_CHARACTERS = 2_200
"""Of these messages."""
EPISODES = 4
"""Episodes of a prompt."""
MOST_RECALLED = 9
"""Messages of one episode in a prompt."""
EPISODE_CHARACTERS = 640
"""Of these messages."""
POOL = 16
"""Episodes that are looked through for those that are shown."""
LOOKED_AT = 2_000
"""Characters of a message that are compared with what is asked."""
MOST_ASKED = 8
"""Messages of a prompt that the person would have to be asked about."""
ASKED_CHARACTERS = 800
"""Of these messages."""
MOST_PINNED = 8
"""Messages that stay in view because a value that is not sure was read from them."""
MOST_WANTED = 3
"""Open slots that are looked up in one turn; the others have their turn later."""

_CLAUSE = re.compile(r"[;.?!:\n]+")
_MOST_CLAUSES = 16
_AROUND = (0, 1, -1, 2, 3, 4, -2)
"""What is shown around a message that is near to what is asked; an answer comes after what it answers."""

Allowed = Callable[[Sequence[Message]], Sequence[Message]]
"""Returns those of some messages that the owner lets an agent see, for this talk."""


@runtime_checkable
class Reads(Protocol):
    """What is needed of a memory: it belongs to one person, and nobody else's can be named."""

    def search(self, query: Query) -> list[Hit]:
        """Return messages by their words."""

    def recent(self, conversation: int | None = None, limit: int = 20) -> list[Message]:
        """Return the last messages, oldest first."""

    def recall(self, text: str, top: int = 3) -> list[Episode]:
        """Return episodes that are near a text in meaning."""

    def messages(self, numbers: list[int]) -> list[Message]:
        """Return those of some messages that are the owner's."""

    def friends(self) -> list[Person]:
        """Return whom the owner has accepted."""


@dataclass(frozen=True, slots=True)
class Apart:
    """What a person would have to be asked about."""

    memory: Reads
    """In which it is, with what may be told freely."""
    numbers: Callable[[], frozenset[int]]
    """Returns which messages it is, at the time."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a prompt shows of a memory."""

    rows: tuple[Message, ...] = ()
    """Messages, oldest first; then those that the person would have to be asked about, oldest first."""
    episodes: tuple[Recalled, ...] = ()
    """Episodes, the nearest first."""
    messages: tuple[Message, ...] = ()
    """All messages that are shown, each once."""

    @property
    def by_id(self) -> dict[int, Message]:
        """The messages by number."""
        return {row.id: row for row in self.messages}


class Retrieval:
    """Looks things up for one agent in one talk.

    Parameters
    ----------
    memory
        Of the agent's person.
    clear
        Whether words are searched for.
    fuzzy
        Whether episodes are recalled.
    allowed
        What the person lets the agent see.
    apart
        What the person would have to be asked about; nothing of it is in the memory.
    """

    def __init__(
        self,
        memory: Reads,
        *,
        clear: bool = True,
        fuzzy: bool = True,
        allowed: Allowed = lambda rows: rows,
        apart: Apart | None = None,
    ) -> None:
        self._memory = memory
        self._clear = clear
        self._fuzzy = fuzzy
        self._allowed = allowed
        self._friends: list[Person] | None = None
        self.shown: dict[str, set[int]] = {}
        """Episodes that were shown for a text, so that others come next."""
        self._pools: dict[str, list[Episode]] = {}
        self._voices: dict[int, frozenset[int]] = {}
        self._apart = apart
        self._to_ask = frozenset[int]()
        self._pools_apart: dict[str, list[Episode]] = {}

    def about(self, question: str, texts: Sequence[str] = ()) -> Found:
        """Look up everything that a question says, clause by clause, or else the slots that it is known to have.

        Parameters
        ----------
        question
            The task.
        texts
            What the slots ask, if there are any yet.
        """
        clauses = [part.strip() for part in _CLAUSE.split(question) if content_words(part)]
        parts = list(dict.fromkeys(texts or clauses))[-_MOST_CLAUSES:] or [question]
        each = max(3, MOST_ROWS // len(parts) - 1)

        def look(memory: Reads) -> list[Message]:
            return [row for part in parts for row in self._by_words(memory, part, each)]

        return self._found(look, _shares(parts[-EPISODES:]))

    def during(
        self,
        asked: str,
        wanted: Sequence[str],
        look_for: Sequence[str] = (),
        pinned: Sequence[int] = (),
        again: frozenset[str] = frozenset(),
    ) -> Found:
        """Look up what a turn needs.

        Parameters
        ----------
        asked
            What the other side asked last; may be empty.
        wanted
            What is still open, the most urgent first.
        look_for
            Words that the model asked for.
        pinned
            Messages that are to stay in view.
        again
            Of what is asked or wanted, what is to be read again where it was found.
        """

        def look(memory: Reads) -> list[Message]:
            rows = self._by_words(memory, asked, 8, 1)
            if look_for:
                rows += _search(memory, Query(words=tuple(look_for[:8]), context=1, limit=5))
            for text in wanted[:MOST_WANTED]:
                rows += self._by_words(memory, text, 5)
            return rows

        return self._found(look, _shares([text for text in (asked, *wanted[:1]) if text]), again, pinned)

    def behind(self, numbers: Sequence[int], found: Found) -> tuple[Message, ...]:
        """Return all messages that were shown, and those of some numbers that were shown earlier."""
        missing = [number for number in numbers if number not in found.by_id]
        memory = self._memory if self._apart is None else self._apart.memory
        return (*found.messages, *self._may_see(memory.messages(missing))) if missing else found.messages

    def _by_words(self, memory: Reads, text: str, limit: int, context: int = 0) -> list[Message]:
        """Return what has the words of a text; of somebody whom it names, first what they said themselves."""
        words = content_words(text)
        if not words:
            return []
        rows: list[Message] = []
        for person in self._named(text):
            own = tuple(word for word in words if word not in content_words(person.name))
            if own:
                query = Query(words=own, sender=person.handle, context=context, limit=max(2, limit // 2))
                rows += _search(memory, query)
        return rows + _search(memory, Query(words=words, context=context, limit=limit))

    def _named(self, text: str) -> list[Person]:
        if self._friends is None:
            self._friends = self._memory.friends()
        folded = text.casefold()
        return [one for one in self._friends if one.name and one.name.casefold() in folded][:MOST_WANTED]

    def _found(
        self,
        look: Callable[[Reads], list[Message]],
        recalls: Sequence[tuple[str, int]],
        again: frozenset[str] = frozenset(),
        pinned: Sequence[int] = (),
    ) -> Found:
        self._part()
        rows = self._looked_up(self._memory, look, [number for number in pinned if number not in self._to_ask])
        shown = _fitting(self._may_see(rows), MOST_ROWS, MOST_CHARACTERS)
        episodes = self._recalled(recalls, again) if self._fuzzy else []
        asked = self._asked(look, [text for text, _ in recalls], pinned)
        messages = {row.id: row for row in shown}
        for _, kept in episodes:
            messages |= {row.id: row for row in kept}
        there = {row.id for row in shown}
        # An episode's own number would tell how many there are, and whether it was cut anew without something.
        recalled = tuple(
            Recalled(
                min(row.id for row in kept), one.since, one.summary, tuple(row for row in kept if row.id not in there)
            )
            for one, kept in episodes
        )
        lines = (*sorted(shown, key=_order), *sorted(asked, key=_order))
        return Found(lines, recalled, (*messages.values(), *asked))

    def _part(self) -> None:
        """See what has to be asked about now; what was agreed to since the last time is free, and the other way."""
        now = frozenset[int]() if self._apart is None else self._apart.numbers()
        if now != self._to_ask:
            self._to_ask = now
            for looked_up in (self._pools, self._pools_apart, self._voices):
                looked_up.clear()

    def _looked_up(self, memory: Reads, look: Callable[[Reads], list[Message]], pinned: Sequence[int]) -> list[Message]:
        if not self._clear and not self._fuzzy:
            return memory.recent(limit=MOST_ROWS)
        rows = memory.messages(list(pinned[:MOST_PINNED])) if pinned else []
        return rows + look(memory) if self._clear else rows

    def _asked(
        self, look: Callable[[Reads], list[Message]], recalls: Sequence[str], pinned: Sequence[int]
    ) -> list[Message]:
        """Return what the person would have to be asked about, found as all else is found, by itself."""
        if self._apart is None or not self._to_ask:
            return []
        memory = self._apart.memory
        rows = self._looked_up(memory, look, [number for number in pinned if number in self._to_ask])
        for text in recalls if self._fuzzy else ():
            if text not in self._pools_apart:
                self._pools_apart[text] = memory.recall(text, EPISODES)
            wanted = _trigrams(text)
            near = memory.messages([number for one in self._pools_apart[text] for number in one.messages])
            rows += sorted(near, key=lambda row: (-_overlap(wanted, row.text), row.id))
        apart = self._may_see(row for row in rows if row.id in self._to_ask)
        return _fitting(apart, MOST_ASKED, ASKED_CHARACTERS)

    def _recalled(
        self, recalls: Iterable[tuple[str, int]], again: frozenset[str]
    ) -> list[tuple[Episode, list[Message]]]:
        found: dict[int, tuple[Episode, list[Message]]] = {}
        for text, top in recalls:
            named = frozenset(person.id for person in self._named(text))
            shown = set() if text in again else self.shown.setdefault(text, set())
            pool = [one for one in self._near(text) if one.id not in found]
            pool.sort(key=lambda one: (one.id in shown, bool(named) and not named & self._heard_in(one)))
            for episode in pool[:top]:
                shown.add(episode.id)
                found[episode.id] = self._of_episode(episode, text)
        return [(episode, rows) for episode, rows in found.values() if rows]

    def _near(self, text: str) -> list[Episode]:
        """Return episodes near a text, looked up once in a talk; their messages are fetched, and judged, each time."""
        if text not in self._pools:
            self._pools[text] = self._memory.recall(text, POOL)
        return self._pools[text]

    def _heard_in(self, episode: Episode) -> frozenset[int]:
        """Return who has spoken in the conversation of an episode, as far as its messages tell."""
        voices = self._voices.get(episode.conversation)
        if voices is None:
            voices = frozenset(row.sender for row in self._memory.messages(list(episode.messages)))
            self._voices[episode.conversation] = voices
        return voices

    def _of_episode(self, episode: Episode, text: str) -> tuple[Episode, list[Message]]:
        """Return the messages of an episode around those that are nearest to a text.

        A summary is made of messages: where one of them must not be seen, or not all of it, it is made of the others,
        and of what may be seen.
        """
        rows = [row for row in self._memory.messages(list(episode.messages)) if row.text]
        allowed = self._may_see(rows)
        if allowed != rows or len(rows) < len(episode.messages):
            episode = replace(episode, summary=extract(allowed) if allowed else "")
        wanted = _trigrams(text)
        near = sorted(range(len(allowed)), key=lambda at: (-_overlap(wanted, allowed[at].text), at))
        around = [at + off for at in near for off in _AROUND if 0 <= at + off < len(allowed)]
        picked = _fitting([allowed[at] for at in dict.fromkeys(around)], MOST_RECALLED, EPISODE_CHARACTERS)
        return episode, sorted(picked, key=_order)

    def _may_see(self, rows: Iterable[Message]) -> list[Message]:
        once = list({row.id: row for row in rows if row.text}.values())
        return list(self._allowed(once))


def _search(memory: Reads, query: Query) -> list[Message]:
    return [row for hit in memory.search(query) for row in (hit.message, *hit.before, *hit.after)]


def _shares(texts: Sequence[str]) -> list[tuple[str, int]]:
    """Return for each text how many episodes it may bring."""
    return [(text, max(1, EPISODES // len(texts))) for text in texts]


def _fitting(rows: Sequence[Message], most: int, characters: int) -> list[Message]:
    """Return the first rows, of which one text of one person is kept once, that fit."""
    kept: list[Message] = []
    texts: set[tuple[int, str]] = set()
    left = characters
    for row in rows:
        size = min(len(row.text), 300) + 40
        if (row.sender, row.text) in texts or size > left:
            continue
        texts.add((row.sender, row.text))
        kept.append(row)
        left -= size
        if len(kept) == most:
            break
    return kept


def _order(row: Message) -> tuple[object, int]:
    return row.sent_at, row.id


def _trigrams(text: str) -> frozenset[str]:
    return frozenset(
        padded[at : at + 3]
        for word in content_words(text)
        for padded in (f" {word} ",)
        for at in range(len(padded) - 2)
    )


def _overlap(wanted: frozenset[str], text: str) -> float:
    there = _trigrams(text[:LOOKED_AT])
    return len(wanted & there) / (len(there) + 8) if there else 0.0
