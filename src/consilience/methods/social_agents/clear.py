"""Clear memory: messages of one owner found by words, sender, conversation and time.

Every statement here is bound to the owner it is given, and only a `Memory` gives one. There are two walls: the index is
asked for the owner's token beside the words, and whatever it answers is fetched through `visibility`, so that a fault
of one of them shows nobody anything. What is hidden (`hiding`) is left out before anything is counted.

The rank is BM25 by what the owner has: how many messages, how long, and in how many of them a word stands. So it does
not change with what others write to one another. A word counts as often as it stands there as it was asked, and once
where only another form of it does. (Robertson and Zaragoza 2009, "The Probabilistic Relevance Framework", sec. 3.4.)

An answer seldom has the words of its question, and stands right beside it. So each of the best matches gives a share
of its score to what the owner read up to three messages before and after it in the same conversation: that comes
earlier by it, and comes at all if it has none of the words. Where the name of a person is among the words, what that
person said gains part of the word's weight, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from heapq import nlargest

from consilience.methods.social_agents.beside import Sides, beside
from consilience.methods.social_agents.database import Asked, among, is_file, rows
from consilience.methods.social_agents.hiding import NOTHING, Hidden
from consilience.methods.social_agents.matching import (
    SATURATION,
    Matches,
    Term,
    any_of,
    condition_of,
    matches_of,
    terms_of,
)
from consilience.methods.social_agents.records import Hit, Message, Query, from_us, to_us
from consilience.methods.social_agents.spelling import alike
from consilience.methods.social_agents.words import plain, split

__all__ = ["any_of", "around", "fetch", "ranked", "recent", "search"]

SHARE, FADING, REACH = 0.4, 0.7, 3
"""What a match gives to what is next to it, how much less a step further gets, and how many steps it reaches.

Chosen, as `OF_NAME`, on half of the questions of a set and worlds of seeds from 100 on; neighbours of them did as
well."""
OF_NAME = 0.25
"""What somebody's message gains of the weight of their name, where it is among the words."""

_FETCH = (
    "SELECT m.id, m.conversation, m.sender, p.name, m.sent_at, m.text, m.label FROM visibility v "
    "JOIN message m ON m.id = v.message JOIN person p ON p.id = m.sender WHERE v.owner = :owner AND v.message "
)
_FETCH_IN_FILE = _FETCH + among("numbers", in_file=True)
_FETCH_ON_SERVER = _FETCH + among("numbers", in_file=False)

_Row = tuple[int, int, int, str, int, str, str]
"""A message before it is one: number, conversation, sender, their name, moment, text, label."""


def search(connection: Asked, owner: int, query: Query, hidden: Hidden = NOTHING) -> list[Hit]:
    """Return what matches best, no utterance twice; of what is hidden nothing, as if it were not there."""
    terms = terms_of(query)
    if terms is None:
        return []
    near: Mapping[int, Sides] = {}
    if terms:
        best, near = _best(connection, owner, query, terms, hidden)
        if not best and (others := _spelled_like(connection, owner, terms, hidden)):
            best, near = _best(connection, owner, query, others, hidden)
    else:
        best = _once(((0.0, row) for row in _last(connection, owner, query, _more(query), hidden)), query.limit)
    return _hits(connection, owner, best, query.context, near=near, hidden=hidden)


def _more(query: Query) -> int:
    """Return how many are looked at: more than are wanted, for some are the same utterance.

    And matches come by what they were worth if each word stood there once; with a third more than are wanted, one of
    165 questions lost what it looked for.
    """
    return 2 * query.limit + 20


def _spelled_like(connection: Asked, owner: int, terms: Sequence[Term], hidden: Hidden) -> list[Term]:
    """Return terms in other spellings, where nothing was found and a word alone was asked for."""
    if any(term.is_required or term.is_prefix for term in terms):
        return []
    words = plain(term.pieces[0] for term in terms if len(term.pieces) == 1)
    return any_of(alike(connection, owner, words, hidden.numbers))


def ranked(
    connection: Asked, owner: int, query: Query, terms: Sequence[Term], most: int, *, hidden: Hidden = NOTHING
) -> list[int]:
    """Return the numbers of the owner's messages that match, the best first."""
    matches = matches_of(connection, owner, query, terms, most, hidden=hidden)
    numbers = [number for _, number in matches.best]
    scored = [(score, row[0]) for score, row in _scored(_fetched(connection, owner, numbers), matches)]
    return [number for _, number in sorted(scored, reverse=True)]


def _best(
    connection: Asked, owner: int, query: Query, terms: Sequence[Term], hidden: Hidden
) -> tuple[list[tuple[float, _Row]], Mapping[int, Sides]]:
    """Return the best with their scores, each utterance once, and what is beside some of them."""
    matches = matches_of(connection, owner, query, terms, _more(query), hidden=hidden)
    near: Mapping[int, Sides] = {}
    gains: dict[int, float] = {}
    numbers = [number for _, number in matches.best]
    if query.beside and query.sender is None and not any(term.is_required or term.is_prefix for term in terms):
        centres = matches.best[: query.limit]
        near = beside(connection, owner, [number for _, number in centres], REACH, hidden)
        gains = _gains(centres, near)
        numbers = _with_gains(matches, gains, _more(query))
    fetched = _within(query, _fetched(connection, owner, numbers)) if gains else _fetched(connection, owner, numbers)
    scored = sorted(_scored(fetched, matches, gains, _by_name(matches)), key=_first, reverse=True)
    return _once(scored, query.limit), near


def _gains(centres: Iterable[tuple[float, int]], near: Mapping[int, Sides]) -> dict[int, float]:
    """Return what messages gain by what matches right beside them."""
    gains: dict[int, float] = {}
    for score, number in centres:
        for side in near.get(number, ()):
            share = SHARE * score
            for other in side:
                gains[other] = gains.get(other, 0.0) + share
                share *= FADING
    return gains


def _with_gains(matches: Matches, gains: Mapping[int, float], most: int) -> list[int]:
    """Return the numbers of what is best with what it gains."""
    left = dict(gains)
    scored = [(score + left.pop(number, 0.0), number) for score, number in matches.best]
    scored += [(gain, number) for number, gain in left.items()]
    return [number for _, number in nlargest(most, scored)]


def _within(query: Query, found: Iterable[_Row]) -> Iterable[_Row]:
    """Give the rows of the query's time: what is beside a match may be of another."""
    if query.since is None and query.until is None:
        return found
    since = None if query.since is None else to_us(query.since)
    until = None if query.until is None else to_us(query.until)
    return (row for row in found if (since is None or row[4] >= since) and (until is None or row[4] < until))


def _by_name(matches: Matches) -> dict[str, float]:
    """Return what somebody's message gains by each word that may be their name."""
    return {
        term.word: OF_NAME * weight for term, weight in zip(matches.terms, matches.weights, strict=False) if term.word
    }


def _scored(
    fetched: Iterable[_Row],
    matches: Matches,
    gains: Mapping[int, float] | None = None,
    by_name: Mapping[str, float] | None = None,
) -> Iterator[tuple[float, _Row]]:
    """Give the rows with their scores."""
    found = dict[int, float]((number, score) for score, number in matches.best)
    words = {mask: _words_of(matches.terms, mask) for mask in matches.sums}
    named: dict[int, float] = {}
    for row in fetched:
        number, sender, text = row[0], row[2], row[5]
        score = gains.get(number, 0.0) if gains else 0.0
        if mask := matches.masks.get(number, 0):
            small = text.lower()
            for word in words[mask]:
                if small.count(word) > 1 or not text.isascii():
                    score += _exactly(split(text), mask, matches.against[matches.lengths[number]], matches)
                    break
            else:
                score += found.get(number) or matches.sums[mask] / (1 + matches.against[matches.lengths[number]])
        if by_name:
            if sender not in named:
                named[sender] = sum(by_name.get(word, 0.0) for word in set(split(row[3])))
            score += named[sender]
        yield score, row


def _words_of(terms: Sequence[Term], mask: int) -> list[str]:
    """Return the words of a mask that can be counted."""
    return [term.word for place, term in enumerate(terms) if mask >> place & 1 and term.word]


def _exactly(words: Sequence[str], mask: int, against: float, matches: Matches) -> float:
    """Return BM25 of a message in which words may stand several times."""
    score = 0.0
    for place, (weight, term) in enumerate(zip(matches.weights, matches.terms, strict=True)):
        if mask >> place & 1:
            times = max(1, words.count(term.word)) if term.word else 1  # the index found another form of it, or more
            score += weight * (SATURATION + 1) * times / (times + against)
    return score


def _first(pair: tuple[float, _Row]) -> tuple[float, int]:
    return pair[0], pair[1][0]


def _once(scored: Iterable[tuple[float, _Row]], most: int) -> list[tuple[float, _Row]]:
    """Return the first rows, of which each utterance stands there once."""
    kept: list[tuple[float, _Row]] = []
    met: set[tuple[int, str]] = set()
    for score, row in scored:
        if (row[2], row[5]) in met:
            continue
        met.add((row[2], row[5]))
        spoken = row[2], "\0".join(split(row[5])) or row[5]
        if spoken in met and spoken[1] != row[5]:
            continue
        met.add(spoken)
        kept.append((score, row))
        if len(kept) == most:
            break
    return kept


def recent(
    connection: Asked, owner: int, conversation: int | None, limit: int, hidden: Hidden = NOTHING
) -> list[Message]:
    """Return the owner's last messages, oldest first."""
    query = Query(conversation=conversation, limit=limit)
    return [_message(row) for row in _last(connection, owner, query, limit, hidden)][::-1]


def around(connection: Asked, owner: int, number: int, k: int, hidden: Hidden = NOTHING) -> list[Message]:
    """Return a message with those before and after it in its conversation, oldest first."""
    found = [(0.0, row) for row in _fetched(connection, owner, [number]) if row[0] not in hidden.numbers]
    hits = _hits(connection, owner, found, k, near={}, hidden=hidden)
    return [message for hit in hits for message in (*hit.before, hit.message, *hit.after)]


def fetch(connection: Asked, owner: int, numbers: Iterable[int]) -> list[Message]:
    """Return messages in whichever order: those among the numbers that the owner may read, and no others."""
    return [_message(row) for row in _fetched(connection, owner, list(dict.fromkeys(numbers)))]


def _fetched(connection: Asked, owner: int, numbers: Sequence[int]) -> Iterable[_Row]:
    if not numbers:
        return ()
    statement = _FETCH_IN_FILE if is_file(connection) else _FETCH_ON_SERVER
    found: Iterable[_Row] = rows(connection, statement, {"owner": owner, "numbers": list(numbers)})
    return found


def _message(row: _Row) -> Message:
    return Message(row[0], row[1], row[2], row[3], from_us(row[4]), row[5], row[6])


def _last(connection: Asked, owner: int, query: Query, most: int, hidden: Hidden) -> list[_Row]:
    condition, values = condition_of(query)
    statement = (
        f"SELECT v.message FROM visibility v WHERE v.owner = :owner {condition and f'AND {condition} '}"  # noqa: S608 - no value is in it
        "ORDER BY v.sent_at DESC, v.message DESC LIMIT :most"
    )
    values |= {"owner": owner, "most": most + len(hidden.numbers)}
    numbers = [row[0] for row in rows(connection, statement, values) if row[0] not in hidden.numbers][:most]
    by_number = {row[0]: row for row in _fetched(connection, owner, numbers)}
    return [by_number[number] for number in numbers if number in by_number]


def _hits(
    connection: Asked,
    owner: int,
    best: Sequence[tuple[float, _Row]],
    k: int,
    *,
    near: Mapping[int, Sides],
    hidden: Hidden,
) -> list[Hit]:
    """Return hits with up to `k` messages before and after each; of some it is known already what is beside them."""
    by_number = {row[0]: _message(row) for _, row in best}
    if not k:
        return [Hit(by_number[row[0]], score) for score, row in best]
    known = near if k <= REACH else {}
    sides = {**known, **beside(connection, owner, [number for number in by_number if number not in known], k, hidden)}
    cut = {number: (before[k - 1 :: -1], after[:k]) for number, (before, after) in sides.items() if number in by_number}
    missing = {number for before, after in cut.values() for number in (*before, *after)} - by_number.keys()
    by_number |= {row[0]: _message(row) for row in _fetched(connection, owner, list(missing))}
    return [
        Hit(
            by_number[row[0]],
            score,
            *(
                tuple([by_number[number] for number in side if number in by_number])
                for side in cut.get(row[0], ((), ()))
            ),
        )
        for score, row in best
    ]
