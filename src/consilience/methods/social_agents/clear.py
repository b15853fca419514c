"""Clear memory: messages of one owner found by words, sender, conversation and time.

Every statement here is bound to the owner it is given, and only a `Memory` gives one. There are two walls: the index is
asked for the owner's token beside the words, and whatever it answers is fetched through `visibility`, so that a fault
of one of them shows nobody anything.

The rank is BM25 by what the owner has: how many messages, how long, and in how many of them a word stands. So it does
not change with what others write to one another. A word counts as often as it stands there as it was asked, and once
where only another form of it does. (Robertson and Zaragoza 2009, "The Probabilistic Relevance Framework", eq. 3.15.)
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from heapq import nlargest
from typing import Any

from sqlalchemy import Connection, TextClause, bindparam, text

from consilience.methods.social_agents.records import Hit, Message, Query, from_us, to_us
from consilience.methods.social_agents.schema import owner_token
from consilience.methods.social_agents.words import COMMON, kept, plain, split

__all__ = ["around", "fetch", "ranked", "recent", "search"]

SATURATION, BY_LENGTH = 1.2, 0.75
"""Parameters k1 and b of BM25."""
MOST_TERMS = 64
"""Terms of a query at most; further ones are left out."""
LONGEST_TERM = 200
"""Characters of a term at most."""

_COLUMNS = "m.id, m.conversation, m.sender, p.name, m.sent_at, m.text, m.label"
_FETCH = text(
    f"SELECT {_COLUMNS} FROM visibility v JOIN message m ON m.id = v.message JOIN person p ON p.id = m.sender "  # noqa: S608 - no value is in it
    "WHERE v.owner = :owner AND v.message IN :numbers"
).bindparams(bindparam("numbers", expanding=True))
_HOLDING = text("SELECT messages, words FROM holding WHERE owner = :owner")


@dataclass(frozen=True, slots=True)
class _Term:
    """What is looked for in the index."""

    pieces: tuple[str, ...]
    is_prefix: bool = False
    is_required: bool = False

    def for_fts5(self, owner: int) -> str:
        return f'owners : "{owner_token(owner)}" AND text : "{" ".join(self.pieces)}"{" *" * self.is_prefix}'

    def for_postgres(self) -> str:
        return " <-> ".join(plain(self.pieces)) + ":*" * self.is_prefix

    def times_in(self, words: Sequence[str]) -> int:
        """Return how often it stands there as it was asked; once at least, for the index found it."""
        if self.is_prefix or len(self.pieces) > 1:
            return 1
        return max(1, words.count(self.pieces[0]))


def search(connection: Connection, owner: int, query: Query) -> list[Hit]:
    """Return what matches best, no utterance twice."""
    terms = _terms(query)
    if terms is None:
        return []
    wanted = 2 * query.limit + 20
    found = ranked(connection, owner, query, terms, wanted) if terms else _latest(connection, owner, query, wanted)
    best = _once_each(found)[: query.limit]
    before, after = _neighbours(connection, owner, [message for message, _ in best], query.context)
    return [
        Hit(message, score, tuple(before.get(message.id, ())), tuple(after.get(message.id, ())))
        for message, score in best
    ]


def ranked(
    connection: Connection, owner: int, query: Query, terms: Sequence[_Term], most: int
) -> list[tuple[Message, float]]:
    """Return the owner's messages that match, with their scores, the best first."""
    matches = _matches(connection, owner, query, terms)
    held = connection.execute(_HOLDING, {"owner": owner}).first()
    if held is None or not matches.masks:
        return []
    count, mean = held[0], max(held[1] / held[0], 1.0)
    weights = [math.log1p((count - each + 0.5) / (each + 0.5)) for each in matches.frequencies]
    by_mask = {mask: _sum_of(weights, mask) for mask in set(matches.masks.values())}
    by_length = {each: 1 + _damping(each, mean) for each in set(matches.lengths.values())}
    at_least = (  # one at a time: thousands of tuples at once would wake the garbage collector
        (by_mask[mask] / by_length[length], number, mask)
        for (number, mask), length in zip(matches.masks.items(), matches.lengths.values(), strict=True)
    )
    best = {number: mask for _, number, mask in nlargest(most, at_least)}
    scored = []
    for message in fetch(connection, owner, best):
        words = split(message.text)
        damping = _damping(matches.lengths[message.id], mean)
        score = 0.0
        for place, term in enumerate(terms):
            if best[message.id] >> place & 1:
                times = term.times_in(words)
                score += weights[place] * times * (SATURATION + 1) / (times + damping)
        scored.append((message, score))
    return sorted(scored, key=lambda pair: (-pair[1], -pair[0].id))


def any_of(words: Iterable[str]) -> list[_Term]:
    """Return terms for words, each of which would do."""
    return [_Term((word[:LONGEST_TERM],)) for word in words][:MOST_TERMS]


def recent(connection: Connection, owner: int, conversation: int | None, limit: int) -> list[Message]:
    """Return the owner's last messages, oldest first."""
    query = Query(conversation=conversation, limit=limit)
    return [message for message, _ in _latest(connection, owner, query, limit)][::-1]


def around(connection: Connection, owner: int, number: int, k: int) -> list[Message]:
    """Return a message with those before and after it in its conversation, oldest first."""
    found = fetch(connection, owner, [number])
    before, after = _neighbours(connection, owner, found, k)
    return [*before.get(number, ()), *found, *after.get(number, ())]


def fetch(connection: Connection, owner: int, numbers: Iterable[int]) -> list[Message]:
    """Return messages in whichever order: those among the numbers that the owner may read, and no others."""
    wanted = list(dict.fromkeys(numbers))
    found: list[Message] = []
    for start in range(0, len(wanted), 500):
        rows = connection.execute(_FETCH, {"owner": owner, "numbers": wanted[start : start + 500]})
        found += [Message(row[0], row[1], row[2], row[3], from_us(row[4]), row[5], row[6]) for row in rows]
    return found


def _terms(query: Query) -> list[_Term] | None:
    """Return what to look for; None where words were asked for and there is no letter in any of them."""
    phrases = [_Term(pieces, is_required=True) for each in query.phrases if (pieces := _pieces(each))]
    prefixes = [_Term(pieces, is_prefix=True) for each in query.prefixes if (pieces := _pieces(each))]
    words = [_Term(pieces) for each in query.words if (pieces := _pieces(each))]
    telling = [term for term in words if not COMMON.issuperset(term.pieces)]
    if telling or phrases or prefixes:
        words = telling
    asked = any((*query.words, *query.phrases, *query.prefixes))
    found = list(dict.fromkeys([*phrases, *words, *prefixes]))[:MOST_TERMS]
    return found if found or not asked else None


def _pieces(told: str) -> tuple[str, ...]:
    return tuple(split(told[:LONGEST_TERM]))


@dataclass(frozen=True, slots=True)
class _Matches:
    """What the index answered: which terms (as bits) stand in which of the owner's messages."""

    masks: dict[int, int]
    lengths: dict[int, int]
    frequencies: list[int]


def _matches(connection: Connection, owner: int, query: Query, terms: Sequence[_Term]) -> _Matches:
    condition, values = _condition(query)
    values["owner"] = owner
    sqlite = connection.dialect.name == "sqlite"
    for place, term in enumerate(terms):
        values[f"term{place}"] = term.for_fts5(owner) if sqlite else term.for_postgres()
    if not sqlite:
        values["token"] = f"'{owner_token(owner)}'"
    rows = connection.execute(_statement(len(terms), condition, sqlite=sqlite), values)
    frequencies = [0] * len(terms)
    masks: dict[int, int] = {}
    lengths: dict[int, int] = {}
    for place, number, length, fits in rows:
        frequencies[place] += 1
        if fits:
            masks[number] = masks.get(number, 0) | 1 << place
            lengths[number] = length
    required = sum(1 << place for place, term in enumerate(terms) if term.is_required)
    if required:
        masks = {number: mask for number, mask in masks.items() if mask & required == required}
        lengths = {number: lengths[number] for number in masks}
    return _Matches(masks, lengths, frequencies)


@lru_cache(maxsize=256)
def _statement(terms: int, condition: str, *, sqlite: bool) -> TextClause:
    """Return the question to the index, one part a term; the conditions do not narrow the statistics.

    On a server the index is asked for all terms first: it would read the owner's rows for each of them otherwise.
    """
    fits = f"CASE WHEN {condition} THEN 1 ELSE 0 END"
    if sqlite:
        part = (
            "SELECT {place}, v.message, v.words, {fits} FROM message_index i CROSS JOIN visibility v "
            "WHERE i.message_index MATCH :term{place} AND v.owner = :owner AND v.message = i.rowid"
        )
        return text(" UNION ALL ".join(part.format(place=place, fits=fits) for place in range(terms)))
    part = (
        "SELECT {place} AS place, m.id FROM message m "
        "WHERE m.search @@ (CAST(:token AS tsquery) && to_tsquery('social', :term{place}))"
    )
    found = " UNION ALL ".join(part.format(place=place) for place in range(terms))
    return text(
        f"WITH found AS MATERIALIZED ({found}) SELECT f.place, v.message, v.words, {fits} "  # noqa: S608 - no value is in it
        "FROM found f JOIN visibility v ON v.message = f.id AND v.owner = :owner"
    )


def _condition(query: Query) -> tuple[str, dict[str, Any]]:
    """Return what else a message must fulfil, over `visibility`, and its values."""
    parts, values = ["1 = 1"], dict[str, Any]()
    if query.sender is not None:
        parts.append("v.sender = (SELECT id FROM person WHERE handle = :sender)")
        values["sender"] = kept(query.sender)
    if query.conversation is not None:
        parts.append("v.conversation = :inside")
        values["inside"] = query.conversation
    if query.without_conversation is not None:
        parts.append("v.conversation <> :outside")
        values["outside"] = query.without_conversation
    if query.since is not None:
        parts.append("v.sent_at >= :since")
        values["since"] = to_us(query.since)
    if query.until is not None:
        parts.append("v.sent_at < :until")
        values["until"] = to_us(query.until)
    return " AND ".join(parts), values


def _latest(connection: Connection, owner: int, query: Query, most: int) -> list[tuple[Message, float]]:
    condition, values = _condition(query)
    statement = text(
        f"SELECT v.message FROM visibility v WHERE v.owner = :owner AND {condition} "  # noqa: S608 - no value is in it
        "ORDER BY v.sent_at DESC, v.message DESC LIMIT :most"
    )
    numbers = [row[0] for row in connection.execute(statement, {**values, "owner": owner, "most": most})]
    by_number = {message.id: message for message in fetch(connection, owner, numbers)}
    return [(by_number[number], 0.0) for number in numbers if number in by_number]


def _once_each(found: Iterable[tuple[Message, float]]) -> list[tuple[Message, float]]:
    """Keep the first of each utterance: the same words of the same person."""
    firsts: dict[tuple[int, str], tuple[Message, float]] = {}
    for message, score in found:
        words = " ".join(split(message.text)) or message.text
        firsts.setdefault((message.sender, words), (message, score))
    return list(firsts.values())


def _neighbours(
    connection: Connection, owner: int, messages: Sequence[Message], k: int
) -> tuple[dict[int, list[Message]], dict[int, list[Message]]]:
    """Return up to `k` messages before and after each, in its conversation, oldest first."""
    if not messages or not k:
        return {}, {}
    numbers = [message.id for message in messages]
    found = [
        row
        for start in range(0, len(numbers), 500)
        for row in connection.execute(_beside(k), {"owner": owner, "numbers": numbers[start : start + 500]})
    ]
    by_number = {each.id: each for each in fetch(connection, owner, {n for row in found for n in row[1:] if n})}
    before = {row[0]: [by_number[n] for n in row[k:0:-1] if n in by_number] for row in found}
    after = {row[0]: [by_number[n] for n in row[k + 1 :] if n in by_number] for row in found}
    return before, after


@lru_cache(maxsize=64)
def _beside(k: int) -> TextClause:
    """Return the question for the numbers of `k` neighbours on each side, the nearest first."""
    one = (
        "(SELECT b.message FROM visibility b WHERE b.owner = v.owner AND b.conversation = v.conversation "
        "AND (b.sent_at, b.message) {sign} (v.sent_at, v.message) "
        "ORDER BY b.sent_at {way}, b.message {way} LIMIT 1 OFFSET {step})"
    )
    sides = [one.format(sign="<", way="DESC", step=step) for step in range(k)]
    sides += [one.format(sign=">", way="ASC", step=step) for step in range(k)]
    return text(
        f"SELECT v.message, {', '.join(sides)} FROM visibility v WHERE v.owner = :owner AND v.message IN :numbers"  # noqa: S608 - no value is in it
    ).bindparams(bindparam("numbers", expanding=True))


def _damping(length: int, mean: float) -> float:
    """Return what a count is weighed against: more in a long message."""
    return SATURATION * (1 - BY_LENGTH + BY_LENGTH * length / mean)


def _sum_of(weights: Sequence[float], mask: int) -> float:
    return sum(weight for place, weight in enumerate(weights) if mask >> place & 1)
