"""Clear memory: messages of one owner found by words, sender, conversation and time.

Every statement here is bound to the owner it is given, and only a `Memory` gives one. There are two walls: the index is
asked for the owner's token beside the words, and whatever it answers is fetched through `visibility`, so that a fault
of one of them shows nobody anything. What is hidden (`hiding`) is left out before anything is counted.

The rank is BM25 by what the owner has: how many messages, how long, and in how many of them a word stands. So it does
not change with what others write to one another. A word counts as often as it stands there as it was asked, and once
where only another form of it does. (Robertson and Zaragoza 2009, "The Probabilistic Relevance Framework", eq. 3.15.)
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from heapq import nlargest
from typing import Any

from sqlalchemy import Connection

from consilience.methods.social_agents.database import rows
from consilience.methods.social_agents.hiding import NOTHING, Hidden
from consilience.methods.social_agents.records import Hit, Message, Query, from_us, to_us
from consilience.methods.social_agents.schema import owner_token
from consilience.methods.social_agents.spelling import alike
from consilience.methods.social_agents.words import COMMON, kept, plain, split

__all__ = ["around", "fetch", "ranked", "recent", "search"]

SATURATION, BY_LENGTH = 1.2, 0.75
"""Parameters k1 and b of BM25."""
MOST_TERMS = 64
"""Terms of a query at most; further ones are left out."""
LONGEST_TERM = 200
"""Characters of a term at most."""

_FETCH = (
    "SELECT m.id, m.conversation, m.sender, p.name, m.sent_at, m.text, m.label FROM visibility v "
    "JOIN message m ON m.id = v.message JOIN person p ON p.id = m.sender WHERE v.owner = :owner AND v.message "
)
_FETCH_AMONG = {"sqlite": f"{_FETCH} IN (SELECT value FROM json_each(:numbers))"}  # noqa: S608 - no value is in it
_ON_SERVER = f"{_FETCH} = ANY(CAST(:numbers AS bigint[]))"
_CONVERSATION = (
    "SELECT message FROM visibility WHERE owner = :owner AND conversation = :conversation ORDER BY sent_at, message"
)
_HOLDING = "SELECT messages, words FROM holding WHERE owner = :owner"

_Row = tuple[int, int, int, str, int, str, str]
"""A message before it is one: number, conversation, sender, their name, moment, text, label."""


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


def search(connection: Connection, owner: int, query: Query, hidden: Hidden = NOTHING) -> list[Hit]:
    """Return what matches best, no utterance twice; of what is hidden nothing, as if it were not there."""
    terms = _terms(query)
    if terms is None:
        return []
    if terms:
        best = _best(connection, owner, query, terms, hidden)[: query.limit]
        if not best and (others := _spelled_like(connection, owner, terms, hidden)):
            best = _best(connection, owner, query, others, hidden)[: query.limit]
    else:
        best = _latest(connection, owner, query, hidden)[: query.limit]
    messages = [_message(row) for _, row in best]
    before, after = _neighbours(connection, owner, messages, query.context, hidden)
    return [
        Hit(message, score, tuple(before.get(message.id, ())), tuple(after.get(message.id, ())))
        for message, (score, _) in zip(messages, best, strict=True)
    ]


def _spelled_like(connection: Connection, owner: int, terms: Sequence[_Term], hidden: Hidden) -> list[_Term]:
    """Return terms in other spellings, where nothing was found and a word alone was asked for."""
    if any(term.is_required or term.is_prefix for term in terms):
        return []
    words = plain(term.pieces[0] for term in terms if len(term.pieces) == 1)
    return any_of(alike(connection, owner, words, hidden.numbers))


def ranked(
    connection: Connection, owner: int, query: Query, terms: Sequence[_Term], most: int, *, hidden: Hidden = NOTHING
) -> list[int]:
    """Return the numbers of the owner's messages that match, the best first."""
    matches = _matches(connection, owner, query, terms, most, hidden=hidden)
    scored = [(score, row[0]) for score, row, _ in _scored(connection, owner, matches, matches.order)]
    return [number for _, number in sorted(scored, reverse=True)]


def _best(
    connection: Connection, owner: int, query: Query, terms: Sequence[_Term], hidden: Hidden
) -> list[tuple[float, _Row]]:
    """Return more than enough matches with their scores, the best first, each utterance once.

    More than twice as many as are wanted are looked at, for they come by what they were worth if each word stood there
    once; with a third more than are wanted, one of 165 questions lost what it looked for.
    """
    matches = _matches(connection, owner, query, terms, 2 * query.limit + 20, hidden=hidden)
    firsts: dict[tuple[int, str], tuple[float, _Row]] = {}
    for score, row, words in _scored(connection, owner, matches, matches.order):
        key = row[2], " ".join(words) or row[5]
        known = firsts.get(key)
        if known is None or (score, row[0]) > (known[0], known[1][0]):
            firsts[key] = score, row
    return sorted(firsts.values(), key=lambda pair: (-pair[0], -pair[1][0]))


def _scored(
    connection: Connection, owner: int, matches: _Matches, numbers: Sequence[int]
) -> Iterator[tuple[float, _Row, list[str]]]:
    """Give the matches that the owner may read, each with its score and its words."""
    parts = [(1 << place, weight * (SATURATION + 1)) for place, weight in enumerate(matches.weights)]
    for row in _fetched(connection, owner, numbers):
        words = split(row[5])
        mask, damping = matches.masks[row[0]], _damping(matches.lengths[row[0]], matches.mean)
        if len(set(words)) == len(words):  # each word once, as most messages have it
            yield matches.sums[mask] * (SATURATION + 1) / (1 + damping), row, words
            continue
        score = 0.0
        for (bit, weight), term in zip(parts, matches.terms, strict=True):
            if mask & bit:
                times = term.times_in(words)
                score += weight * times / (times + damping)
        yield score, row, words


def any_of(words: Iterable[str]) -> list[_Term]:
    """Return terms for words, each of which would do."""
    return [_Term((word[:LONGEST_TERM],)) for word in words][:MOST_TERMS]


def recent(
    connection: Connection, owner: int, conversation: int | None, limit: int, hidden: Hidden = NOTHING
) -> list[Message]:
    """Return the owner's last messages, oldest first."""
    query = Query(conversation=conversation, limit=limit)
    return [_message(row) for row in _last(connection, owner, query, limit, hidden)][::-1]


def around(connection: Connection, owner: int, number: int, k: int, hidden: Hidden = NOTHING) -> list[Message]:
    """Return a message with those before and after it in its conversation, oldest first."""
    found = [one for one in fetch(connection, owner, [number]) if one.id not in hidden.numbers]
    before, after = _neighbours(connection, owner, found, k, hidden)
    return [*before.get(number, ()), *found, *after.get(number, ())]


def fetch(connection: Connection, owner: int, numbers: Iterable[int]) -> list[Message]:
    """Return messages in whichever order: those among the numbers that the owner may read, and no others."""
    return [_message(row) for row in _fetched(connection, owner, list(dict.fromkeys(numbers)))]


def _fetched(connection: Connection, owner: int, numbers: Sequence[int]) -> Iterable[_Row]:
    if not numbers:
        return ()
    statement = _FETCH_AMONG.get(connection.dialect.name, _ON_SERVER)
    found: Iterable[_Row] = rows(connection, statement, {"owner": owner, "numbers": list(numbers)})
    return found


def _message(row: _Row) -> Message:
    return Message(row[0], row[1], row[2], row[3], from_us(row[4]), row[5], row[6])


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
    """What the index answered: which terms (as bits) stand in which of the owner's messages, and what each is worth."""

    terms: Sequence[_Term]
    masks: Mapping[int, int]
    lengths: Mapping[int, int]
    weights: Sequence[float]
    sums: Mapping[int, float]
    """Weights of the terms of a mask together."""
    mean: float
    order: Sequence[int]
    """The best first, where each word would stand there once."""


def _matches(
    connection: Connection, owner: int, query: Query, terms: Sequence[_Term], most: int, *, hidden: Hidden
) -> _Matches:
    masks, lengths, frequencies = _indexed(connection, owner, query, terms, hidden.numbers)
    held = next(iter(rows(connection, _HOLDING, {"owner": owner})), None) if masks else None
    if held is None:
        return _Matches(terms, {}, {}, [], {}, 1.0, [])
    count = held[0] - len(hidden.numbers)
    mean = max((held[1] - hidden.words) / count, 1.0)
    weights = [math.log1p((count - each + 0.5) / (each + 0.5)) for each in frequencies]
    by_mask = {mask: _sum_of(weights, mask) for mask in set(masks.values())}
    by_length = {each: 1 + _damping(each, mean) for each in set(lengths.values())}
    at_least = (  # one at a time: thousands of tuples at once would wake the garbage collector
        (by_mask[mask] / by_length[length], number)
        for (number, mask), length in zip(masks.items(), lengths.values(), strict=True)
    )
    order = [number for _, number in nlargest(most, at_least)]
    return _Matches(terms, masks, lengths, weights, by_mask, mean, order)


def _indexed(
    connection: Connection, owner: int, query: Query, terms: Sequence[_Term], hidden: frozenset[int]
) -> tuple[dict[int, int], dict[int, int], list[int]]:
    """Return terms by message, as bits, words by message, and messages by term."""
    condition, values = _condition(query)
    values["owner"] = owner
    sqlite = connection.dialect.name == "sqlite"
    for place, term in enumerate(terms):
        values[f"term{place}"] = term.for_fts5(owner) if sqlite else term.for_postgres()
    if not sqlite:
        values["token"] = f"'{owner_token(owner)}'"
    frequencies = [0] * len(terms)
    masks: dict[int, int] = {}
    lengths: dict[int, int] = {}
    for place, number, length, fits in rows(connection, _statement(len(terms), condition, sqlite=sqlite), values):
        if number in hidden:
            continue
        frequencies[place] += 1
        if fits:
            masks[number] = masks.get(number, 0) | 1 << place
            lengths[number] = length
    required = sum(1 << place for place, term in enumerate(terms) if term.is_required)
    if required:
        masks = {number: mask for number, mask in masks.items() if mask & required == required}
        lengths = {number: lengths[number] for number in masks}
    return masks, lengths, frequencies


@lru_cache(maxsize=256)
def _statement(terms: int, condition: str, *, sqlite: bool) -> str:
    """Return the question to the index, one part a term; the conditions do not narrow the statistics.

    On a server the index is asked for all terms first: it would read the owner's rows for each of them otherwise.
    """
    fits = f"CASE WHEN {condition} THEN 1 ELSE 0 END" if condition else "1"
    if sqlite:
        part = (
            "SELECT {place}, v.message, v.words, {fits} FROM message_index i CROSS JOIN visibility v "
            "WHERE i.message_index MATCH :term{place} AND v.owner = :owner AND v.message = i.rowid"
        )
        return " UNION ALL ".join(part.format(place=place, fits=fits) for place in range(terms))
    part = (
        "SELECT {place} AS place, m.id FROM message m "
        "WHERE m.search @@ (CAST(:token AS tsquery) && to_tsquery('social', :term{place}))"
    )
    found = " UNION ALL ".join(part.format(place=place) for place in range(terms))
    return (
        f"WITH found AS MATERIALIZED ({found}) SELECT f.place, v.message, v.words, {fits} "  # noqa: S608 - no value is in it
        "FROM found f JOIN visibility v ON v.message = f.id AND v.owner = :owner"
    )


def _condition(query: Query) -> tuple[str, dict[str, Any]]:
    """Return what else a message must fulfil, over `visibility`, and its values; nothing where it is nothing."""
    parts, values = list[str](), dict[str, Any]()
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


def _latest(connection: Connection, owner: int, query: Query, hidden: Hidden) -> list[tuple[float, _Row]]:
    firsts: dict[tuple[int, str], tuple[float, _Row]] = {}
    for row in _last(connection, owner, query, 2 * query.limit + 20, hidden):
        firsts.setdefault((row[2], " ".join(split(row[5])) or row[5]), (0.0, row))
    return list(firsts.values())


def _last(connection: Connection, owner: int, query: Query, most: int, hidden: Hidden) -> list[_Row]:
    condition, values = _condition(query)
    statement = (
        f"SELECT v.message FROM visibility v WHERE v.owner = :owner {condition and f'AND {condition} '}"  # noqa: S608 - no value is in it
        "ORDER BY v.sent_at DESC, v.message DESC LIMIT :most"
    )
    values |= {"owner": owner, "most": most + len(hidden.numbers)}
    numbers = [row[0] for row in rows(connection, statement, values) if row[0] not in hidden.numbers][:most]
    by_number = {row[0]: row for row in _fetched(connection, owner, numbers)}
    return [by_number[number] for number in numbers if number in by_number]


def _neighbours(
    connection: Connection, owner: int, messages: Sequence[Message], k: int, hidden: Hidden = NOTHING
) -> tuple[dict[int, list[Message]], dict[int, list[Message]]]:
    """Return up to `k` messages before and after each, in its conversation, oldest first."""
    if not messages or not k:
        return {}, {}
    by_number = {message.id: message for message in messages}
    statement = _beside(k, sqlite=connection.dialect.name == "sqlite")
    plain = [one.id for one in messages if one.conversation not in hidden.conversations]
    found = list(rows(connection, statement, {"owner": owner, "numbers": plain})) if plain else []
    found += _beside_hidden(connection, owner, messages, k, hidden)
    missing = {number for row in found for number in row[1:] if number} - by_number.keys()
    by_number |= {row[0]: _message(row) for row in _fetched(connection, owner, list(missing))}
    before = {row[0]: [by_number[n] for n in row[k:0:-1] if n in by_number] for row in found}
    after = {row[0]: [by_number[n] for n in row[k + 1 :] if n in by_number] for row in found}
    return before, after


def _beside_hidden(
    connection: Connection, owner: int, messages: Sequence[Message], k: int, hidden: Hidden
) -> list[tuple[int | None, ...]]:
    """Return the rows that `_beside` would give, of conversations in which something is hidden."""
    found: list[tuple[int | None, ...]] = []
    for conversation in {one.conversation for one in messages} & hidden.conversations:
        values = {"owner": owner, "conversation": conversation}
        row = [one[0] for one in rows(connection, _CONVERSATION, values) if one[0] not in hidden.numbers]
        places = {number: place for place, number in enumerate(row)}
        for one in messages:
            at = places.get(one.id)
            if at is not None:
                before, after = row[max(0, at - k) : at][::-1], row[at + 1 : at + 1 + k]
                padded = [*before, *[None] * (k - len(before)), *after, *[None] * (k - len(after))]
                found.append((one.id, *padded))
    return found


@lru_cache(maxsize=64)
def _beside(k: int, *, sqlite: bool) -> str:
    """Return the question for the numbers of `k` neighbours on each side, the nearest first."""
    one = (
        "(SELECT b.message FROM visibility b WHERE b.owner = v.owner AND b.conversation = v.conversation "
        "AND (b.sent_at, b.message) {sign} (v.sent_at, v.message) "
        "ORDER BY b.sent_at {way}, b.message {way} LIMIT 1 OFFSET {step})"
    )
    sides = [one.format(sign="<", way="DESC", step=step) for step in range(k)]
    sides += [one.format(sign=">", way="ASC", step=step) for step in range(k)]
    among = "IN (SELECT value FROM json_each(:numbers))" if sqlite else "= ANY(CAST(:numbers AS bigint[]))"
    return f"SELECT v.message, {', '.join(sides)} FROM visibility v WHERE v.owner = :owner AND v.message {among}"  # noqa: S608 - no value is in it


def _damping(length: int, mean: float) -> float:
    """Return what a count is weighed against: more in a long message."""
    return SATURATION * (1 - BY_LENGTH + BY_LENGTH * length / mean)


def _sum_of(weights: Sequence[float], mask: int) -> float:
    return sum(weight for place, weight in enumerate(weights) if mask >> place & 1)
