"""Fuzzy memory: stretches of a conversation, each with a summary and a vector, found by what they are about.

A thread is what one audience read in one conversation. It is cut where nobody wrote for long and where a stretch has
become long, from its beginning on; so the cuts of a thread depend on nothing outside it, and what comes later changes
the last stretch only. Episodes that came to be step by step are those that would be made at once.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, bindparam, text

from consilience.methods.social_agents.clear import any_of, ranked
from consilience.methods.social_agents.database import Asked, among, is_file, rows
from consilience.methods.social_agents.embedding import Embedder
from consilience.methods.social_agents.hiding import NOTHING, Hidden
from consilience.methods.social_agents.records import Episode, Message, Query, from_us
from consilience.methods.social_agents.words import COMMON, content_words, split

__all__ = ["Prepared", "Summarise", "extract", "loose", "prepared", "rebuild", "recall", "take_apart", "to_come"]

Summarise = Callable[[Sequence[Message]], str]
"""What makes a summary of an episode."""

LONGEST_GAP = timedelta(hours=4)
"""After a longer silence a new episode begins."""
MOST_MESSAGES = 12
"""Messages of an episode."""
SUMMARY_LINES = 3
"""Messages that a summary is made of."""
LONGEST_LINE = 160
"""Characters of each."""
LONGEST_TEXT = 8000
"""Characters of an episode that are embedded."""
FUSION = 60
"""Constant of reciprocal rank fusion (Cormack, Clarke and Büttcher 2009)."""
CHUNK = 1000
"""Episodes named to the database at once."""
POOL = 120
"""Messages whose ranks are fused at most."""

_CUTTING = 0x63757473
_GAP_US = LONGEST_GAP // timedelta(microseconds=1)
_VECTOR = np.dtype("<f2")
_OF_BITS: Final = np.arange(1 << 16, dtype=np.uint16).view(np.float16).astype(np.float32)
"""Every number of 16 bits in 32, by its bits: to look them up takes a quarter of what it takes to convert them."""

_LOOSE = (
    "SELECT l.conversation, l.audience, MIN(l.sent_at) FROM audience_member a JOIN loose l ON l.audience = a.audience "
    "WHERE a.owner = :owner GROUP BY l.conversation, l.audience"
)
_STRANGE = (
    "SELECT e.conversation, e.audience, MIN(e.since) FROM audience_member a JOIN episode e ON e.audience = a.audience "
    "WHERE a.owner = :owner AND e.embedder <> :embedder GROUP BY e.conversation, e.audience"
)
_THREAD = "audience = :audience AND conversation = :conversation"
_START = f"SELECT MAX(since) FROM episode WHERE {_THREAD} AND since < :moment"  # noqa: S608 - no value is in it
_AFFECTED = text(f"SELECT id FROM episode WHERE {_THREAD} AND since >= :start")  # noqa: S608
_MESSAGES = text(
    "SELECT m.id, m.conversation, m.sender, p.name, m.sent_at, m.text, m.label "
    "FROM loose l JOIN message m ON m.id = l.message JOIN person p ON p.id = m.sender "
    "WHERE l.audience = :audience AND l.conversation = :conversation ORDER BY m.sent_at, m.id"
)
_KEEP = text(
    "INSERT INTO episode (conversation, audience, since, until, summary, embedder, vector) "
    "VALUES (:conversation, :audience, :since, :until, :summary, :embedder, :vector) RETURNING id"
)
_PLACE = text("INSERT INTO placed (message, episode) VALUES (:message, :episode)")
_TO_COME = (
    "SELECT m.id, m.conversation, m.sender, p.name, m.sent_at, m.text, m.label FROM ("  # noqa: S608
    f"SELECT message FROM loose WHERE {_THREAD} UNION SELECT l.message FROM episode e "
    "JOIN placed l ON l.episode = e.id WHERE e.audience = :audience AND e.conversation = :conversation "
    "AND e.since >= :start) c JOIN message m ON m.id = c.message JOIN person p ON p.id = m.sender "
    "ORDER BY m.sent_at, m.id"
)
_SETTLE = text(
    f"DELETE FROM loose WHERE {_THREAD} AND EXISTS (SELECT 1 FROM placed p WHERE p.message = loose.message)"  # noqa: S608
)
_TAKE_APART = tuple(
    text(step).bindparams(bindparam("episodes", expanding=True))
    for step in (
        (
            "INSERT INTO loose (message, audience, conversation, sent_at) "
            "SELECT m.id, m.audience, m.conversation, m.sent_at FROM placed p JOIN message m ON m.id = p.message "
            "WHERE p.episode IN :episodes"
        ),
        "DELETE FROM placed WHERE episode IN :episodes",
        "DELETE FROM episode WHERE id IN :episodes",
    )
)
_THREADS_OF = (
    "SELECT DISTINCT e.audience, e.conversation FROM placed p JOIN episode e ON e.id = p.episode WHERE p.message "
)
_PLACED = (
    "SELECT m.id, m.conversation, m.sender, p.name, m.sent_at, m.text, m.label, e.id "
    "FROM episode e JOIN placed l ON l.episode = e.id JOIN message m ON m.id = l.message "
    "JOIN person p ON p.id = m.sender WHERE e.audience = :audience AND e.conversation = :conversation "
    "ORDER BY m.sent_at, m.id"
)
_KNOWN = f"SELECT id, vector, summary FROM episode WHERE {_THREAD} AND embedder = :embedder"  # noqa: S608 - likewise
_VECTORS = (
    "SELECT e.id, e.vector FROM audience_member a JOIN episode e ON e.audience = a.audience "
    "WHERE a.owner = :owner AND e.embedder = :embedder ORDER BY e.id"
)
_EPISODE_OF = (
    "SELECT p.message, p.episode FROM visibility v JOIN placed p ON p.message = v.message "
    "WHERE v.owner = :owner AND v.message "
)
_EPISODES = (
    "SELECT e.id, e.conversation, e.since, e.until, e.summary FROM audience_member a "
    "JOIN episode e ON e.audience = a.audience WHERE a.owner = :owner AND e.id "
)
_MEMBERS = (  # in this order on a file, for few are placed there, and the owner may have many
    "SELECT p.episode, p.message FROM placed p CROSS JOIN visibility v "
    "WHERE v.owner = :owner AND v.message = p.message AND p.episode {among} ORDER BY v.sent_at, v.message"
)


@dataclass(frozen=True, slots=True)
class _Draft:
    """An episode before it has a number."""

    conversation: int
    audience: int
    messages: list[Message]
    sent: list[int]

    @property
    def numbers(self) -> tuple[int, ...]:
        """Of its messages."""
        return tuple(message.id for message in self.messages)


def extract(messages: Sequence[Message]) -> str:
    """Return the messages of an episode that share most words with the rest, in their order, with who said them.

    Examples
    --------
    >>> when = from_us(0)
    >>> said = ["Lunch on Monday?", "hm", "Monday lunch at Bo's, then.", "see you"]
    >>> extract([Message(i, 1, 1, "Ann", when, text) for i, text in enumerate(said)])
    "Ann: Lunch on Monday? / Ann: hm / Ann: Monday lunch at Bo's, then."
    """
    told = [content_words([message.text]) for message in messages]
    common = Counter(word for words in told for word in words)
    worth = [
        sum(1 + math.log(common[word]) + word.isdigit() for word in words) / math.sqrt(len(words) + 2) for words in told
    ]
    best = sorted(range(len(messages)), key=lambda place: (-worth[place], place))[:SUMMARY_LINES]
    lines = (f"{messages[i].sender_name}: {' '.join(messages[i].text.split())[:LONGEST_LINE]}" for i in sorted(best))
    return " / ".join(lines)


def loose(connection: Asked, owner: int, embedder: Embedder) -> list[tuple[int, int, int]]:
    """Return the owner's threads that have messages without an episode, or episodes with vectors of another kind.

    Each is a conversation, an audience, and the time from which something is missing.
    """
    found: dict[tuple[int, int], int] = {}
    values = {"owner": owner, "embedder": embedder.name}
    for statement in (_LOOSE, _STRANGE):
        for conversation, audience, moment in rows(connection, statement, values):
            earlier = found.get((conversation, audience), moment)
            found[conversation, audience] = min(earlier, moment)
    return [(*thread, moment) for thread, moment in found.items()]


Prepared = dict[tuple[Message, ...], tuple[NDArray[np.floating[Any]], str]]
"""Vectors and summaries of episodes, by their messages."""


def to_come(connection: Asked, owner: int, embedder: Embedder) -> list[tuple[Message, ...]]:
    """Return the messages of each episode that `rebuild` would make now; nothing is changed."""
    found: list[tuple[Message, ...]] = []
    for conversation, audience, moment in loose(connection, owner, embedder):
        values: dict[str, Any] = {"conversation": conversation, "audience": audience}
        start = _start(connection, values, moment)
        lines = rows(connection, _TO_COME, {**values, "start": start})
        found += [tuple(draft.messages) for draft in _drafts(lines, audience)]
    return found


def prepared(episodes: Sequence[tuple[Message, ...]], embedder: Embedder, summarise: Summarise) -> Prepared:
    """Return the vectors and summaries of episodes; nothing is asked of the database meanwhile."""
    vectors = embedder.embed([_told(messages) for messages in episodes]) if episodes else ()
    return {messages: (vector, summarise(messages)) for messages, vector in zip(episodes, vectors, strict=True)}


def rebuild(connection: Connection, owner: int, embedder: Embedder, summarise: Summarise, ready: Prepared) -> int:
    """Make an owner's episodes from where something is missing, and return how many were made.

    What is not `ready`, because its messages came or were changed since that was made, is made here.
    """
    if connection.dialect.name != "sqlite":
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_CUTTING})")  # two would make the same twice
    threads = loose(connection, owner, embedder)
    drafts = [draft for thread in threads for draft in _cut(connection, *thread)]
    missing = [messages for draft in drafts if (messages := tuple(draft.messages)) not in ready]
    ready = ready | prepared(missing, embedder, summarise)
    for draft in drafts:
        _keep(connection, draft, *ready[tuple(draft.messages)], embedder.name)
    for conversation, audience, _ in threads:  # what others have added meanwhile stays loose
        connection.execute(_SETTLE, {"conversation": conversation, "audience": audience})
    return len(drafts)


def take_apart(connection: Connection, episodes: Sequence[int]) -> None:
    """Drop episodes, with their summaries and vectors, and leave their messages loose."""
    for start in range(0, len(episodes), CHUNK):
        for step in _TAKE_APART:
            connection.execute(step, {"episodes": list(episodes[start : start + CHUNK])})


def _cut(connection: Connection, conversation: int, audience: int, moment: int) -> list[_Draft]:
    """Take back the episodes from a moment on, and cut the thread anew from there."""
    values: dict[str, Any] = {"conversation": conversation, "audience": audience}
    start = _start(connection, values, moment)
    affected = [row[0] for row in connection.execute(_AFFECTED, {**values, "start": start})]
    take_apart(connection, affected)
    return _drafts(connection.execute(_MESSAGES, values), audience)


def _start(connection: Asked, thread: Mapping[str, Any], moment: int) -> int:
    """Return since when the episodes of a thread are cut anew: from the one on that begins before a moment."""
    ((start,),) = rows(connection, _START, {**thread, "moment": moment})
    return moment if start is None else min(start, moment)


def _drafts(lines: Iterable[Any], audience: int) -> list[_Draft]:
    """Cut messages of a thread, oldest first, where nobody wrote for long, or many have been written."""
    drafts: list[_Draft] = []
    for row in lines:
        fits = drafts and len(drafts[-1].messages) < MOST_MESSAGES and row[4] - drafts[-1].sent[-1] <= _GAP_US
        if not fits:
            drafts.append(_Draft(row[1], audience, [], []))
        drafts[-1].messages.append(Message(row[0], row[1], row[2], row[3], from_us(row[4]), row[5], row[6]))
        drafts[-1].sent.append(row[4])
    return drafts


def _keep(
    connection: Connection, draft: _Draft, vector: NDArray[np.floating[Any]], summary: str, embedder: str
) -> None:
    values = {
        "conversation": draft.conversation,
        "audience": draft.audience,
        "since": draft.sent[0],
        "until": draft.sent[-1],
        "summary": summary,
        "embedder": embedder,
        "vector": vector.astype(_VECTOR).tobytes(),
    }
    number = connection.execute(_KEEP, values).scalar_one()
    connection.execute(_PLACE, [{"message": message.id, "episode": number} for message in draft.messages])


def _told(messages: Sequence[Message]) -> str:
    return "\n".join(f"{message.sender_name}: {message.text}" for message in messages)[:LONGEST_TEXT]


@dataclass(frozen=True, slots=True)
class Anew:
    """An episode that was cut anew without what is hidden; it is kept nowhere."""

    episode: Episode
    vector: bytes
    place: float
    """Where it would stand among the others by their numbers."""


@dataclass(frozen=True, slots=True)
class Recut:
    """Threads in which something is hidden, cut anew."""

    instead: frozenset[int] = frozenset()
    """Episodes that are left out."""
    episodes: Mapping[int, Anew] = field(default_factory=dict)
    """By number."""
    episode_of: Mapping[int, int] = field(default_factory=dict)
    """Numbers of these episodes by message."""


WHOLE: Final = Recut()


def recut(connection: Asked, hidden: Hidden, embedder: Embedder, summarise: Summarise) -> Recut:
    """Cut the threads in which something is hidden as if it were not there; what they were is not changed.

    Where a silence is, the cuts before and after it do not know of one another: most episodes of a thread come out as
    they are kept, and keep their vectors and summaries.
    """
    if not hidden.numbers:
        return WHOLE
    instead: set[int] = set()
    drafts: list[tuple[_Draft, float]] = []
    known: dict[tuple[int, ...], tuple[bytes, str]] = {}
    for audience, conversation in _threads_of(connection, sorted(hidden.numbers)):
        thread = {"audience": audience, "conversation": conversation}
        placed = list(rows(connection, _PLACED, thread))
        episodes = sorted({row[7] for row in placed})
        instead.update(episodes)
        cut = _drafts((row for row in placed if row[0] not in hidden.numbers), audience)
        drafts += [(draft, episodes[min(at, len(episodes) - 1)] + at / (len(cut) + 1)) for at, draft in enumerate(cut)]
        known |= _known(connection, thread, placed, embedder)
    new = [draft for draft, _ in drafts if draft.numbers not in known]
    made = prepared([tuple(draft.messages) for draft in new], embedder, summarise)
    for draft, (vector, summary) in zip(new, made.values(), strict=True):
        known[draft.numbers] = vector.astype(_VECTOR).tobytes(), summary
    anew = [_anew(draft, *known[draft.numbers], place) for draft, place in drafts]
    return Recut(
        frozenset(instead),
        {one.episode.id: one for one in anew},
        {number: one.episode.id for one in anew for number in one.episode.messages},
    )


def _threads_of(connection: Asked, numbers: Sequence[int]) -> list[tuple[int, int]]:
    """Return audience and conversation of the threads in which messages stand."""
    statement = _THREADS_OF + among("numbers", in_file=is_file(connection))
    return sorted(
        {
            (row[0], row[1])
            for start in range(0, len(numbers), CHUNK)
            for row in rows(connection, statement, {"numbers": list(numbers[start : start + CHUNK])})
        }
    )


def _known(
    connection: Asked, thread: Mapping[str, Any], placed: Iterable[Any], embedder: Embedder
) -> dict[tuple[int, ...], tuple[bytes, str]]:
    """Return vectors and summaries of the episodes of a thread, by their messages."""
    members: dict[int, list[int]] = {}
    for row in placed:
        members.setdefault(row[7], []).append(row[0])
    kept = rows(connection, _KNOWN, {**thread, "embedder": embedder.name})
    return {tuple(members[number]): (vector, summary) for number, vector, summary in kept if number in members}


def _anew(draft: _Draft, vector: bytes, summary: str, place: float) -> Anew:
    first, last = draft.messages[0], draft.messages[-1]
    episode = Episode(-first.id, draft.conversation, first.sent_at, last.sent_at, summary, draft.numbers)
    return Anew(episode, vector, place)


def recall(
    connection: Asked,
    owner: int,
    told: str,
    top: int,
    embedder: Embedder,
    *,
    hidden: Hidden = NOTHING,
    cut: Recut = WHOLE,
) -> list[Episode]:
    """Return the owner's episodes nearest to a text: ranks by vector and by words, fused."""
    by_vector = _nearest(connection, owner, told, embedder, cut)
    by_words = _by_words(connection, owner, told, hidden, cut)
    scores: Counter[int] = Counter()
    for ranks in (by_vector, by_words):
        for rank, episode in enumerate(ranks):
            scores[episode] += 1 / (FUSION + rank + 1)  # type: ignore[assignment]
    anew = cut.episodes
    places = {number: anew[number].place if number in anew else float(number) for number in scores}
    best = sorted(scores, key=lambda episode: (-scores[episode], -places[episode]))[:top]
    found = {one.id: one for one in _read(connection, owner, [number for number in best if number not in anew])}
    found |= {number: anew[number].episode for number in best if number in anew}
    return [found[number] for number in best if number in found]


def _nearest(connection: Asked, owner: int, told: str, embedder: Embedder, cut: Recut) -> list[int]:
    kept = list(rows(connection, _VECTORS, {"owner": owner, "embedder": embedder.name}))
    if cut.instead:
        places = {number: one.place for number, one in cut.episodes.items()}
        kept = [row for row in kept if row[0] not in cut.instead]
        kept += [(number, one.vector) for number, one in cut.episodes.items()]
        kept.sort(key=lambda row: places.get(row[0], row[0]))
    point = embedder.embed([told[:LONGEST_TEXT]])[0]
    if not kept or not point.any():
        return []
    bits = np.frombuffer(b"".join([row[1] for row in kept]), dtype=np.dtype("<u2"))
    alike = _OF_BITS.take(bits).reshape(len(kept), -1) @ point.astype(np.float32)
    order = np.argsort(-alike, kind="stable")[:POOL]
    return [kept[place][0] for place in order if alike[place] > 0]


def _by_words(connection: Asked, owner: int, told: str, hidden: Hidden, cut: Recut) -> list[int]:
    words = list(dict.fromkeys(split(told[:LONGEST_TEXT])))
    telling = [word for word in words if word not in COMMON] or words
    if not telling:
        return []
    found = ranked(connection, owner, Query(), any_of(telling), POOL, hidden=hidden)
    if not found:
        return []
    statement = _EPISODE_OF + among("numbers", in_file=is_file(connection))
    episodes: dict[int, int] = dict(rows(connection, statement, {"owner": owner, "numbers": found}))
    there = (cut.episode_of.get(number) or episodes.get(number) for number in found)
    return list(dict.fromkeys(episode for episode in there if episode is not None))


def _read(connection: Asked, owner: int, numbers: Sequence[int]) -> list[Episode]:
    if not numbers:
        return []
    values = {"owner": owner, "episodes": list(numbers)}
    named = among("episodes", in_file=is_file(connection))
    members: dict[int, list[int]] = {number: [] for number in numbers}
    for number, message in rows(connection, _MEMBERS.format(among=named), values):
        members[number].append(message)
    found = {
        row[0]: Episode(row[0], row[1], from_us(row[2]), from_us(row[3]), row[4], tuple(members[row[0]]))
        for row in rows(connection, _EPISODES + named, values)
    }
    return [found[number] for number in numbers if number in found]
