"""Matching: what is looked for by words, and which of an owner's messages the index says have it.

The index is asked for the owner's token beside the words, and what it answers is joined with what the owner may read.
The conditions of a query do not narrow the statistics: a word is as rare as it is among all that the owner has.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from heapq import nlargest
from typing import Any

from consilience.methods.social_agents.database import Asked, is_file, rows
from consilience.methods.social_agents.hiding import Hidden
from consilience.methods.social_agents.records import Query, to_us
from consilience.methods.social_agents.schema import owner_token
from consilience.methods.social_agents.words import COMMON, kept, plain, split

__all__ = ["Matches", "Term", "any_of", "condition_of", "matches_of", "terms_of"]

SATURATION, BY_LENGTH = 1.2, 0.75
"""Parameters k1 and b of BM25."""
MOST_TERMS = 64
"""Terms of a query at most; further ones are left out."""
LONGEST_TERM = 200
"""Characters of a term at most."""

_HOLDING = "SELECT messages, words FROM holding WHERE owner = :owner"


@dataclass(frozen=True, slots=True)
class Term:
    """What is looked for in the index."""

    pieces: tuple[str, ...]
    is_prefix: bool = False
    is_required: bool = False

    @property
    def word(self) -> str:
        """The word that it is; empty where it is more, or the beginning of one."""
        return self.pieces[0] if len(self.pieces) == 1 and not self.is_prefix else ""

    def for_fts5(self, owner: int) -> str:
        """Return what a file's index is asked."""
        return f'owners : "{owner_token(owner)}" AND text : "{" ".join(self.pieces)}"{" *" * self.is_prefix}'

    def for_postgres(self) -> str:
        """Return what a server's index is asked, beside the owner's token."""
        return " <-> ".join(plain(self.pieces)) + ":*" * self.is_prefix


@dataclass(frozen=True, slots=True)
class Matches:
    """What the index answered: which terms (as bits) stand in which of the owner's messages, and what each is worth."""

    terms: Sequence[Term]
    masks: Mapping[int, int]
    lengths: Mapping[int, int]
    weights: Sequence[float]
    sums: Mapping[int, float]
    """Weights of the terms of a mask together, times k1 + 1."""
    against: Mapping[int, float]
    """What a count is weighed against, by words of the message: more in a long one."""
    best: Sequence[tuple[float, int]]
    """Score, where each word would stand there once, and number: the best first."""


def terms_of(query: Query) -> list[Term] | None:
    """Return what to look for; None where words were asked for and there is no letter in any of them."""
    phrases = [Term(pieces, is_required=True) for each in query.phrases if (pieces := _pieces(each))]
    prefixes = [Term(pieces, is_prefix=True) for each in query.prefixes if (pieces := _pieces(each))]
    words = [Term(pieces) for each in query.words if (pieces := _pieces(each))]
    telling = [term for term in words if not COMMON.issuperset(term.pieces)]
    if telling or phrases or prefixes:
        words = telling
    asked = any((*query.words, *query.phrases, *query.prefixes))
    found = list(dict.fromkeys([*phrases, *words, *prefixes]))[:MOST_TERMS]
    return found if found or not asked else None


def any_of(words: Iterable[str]) -> list[Term]:
    """Return terms for words, each of which would do."""
    return [Term((word[:LONGEST_TERM],)) for word in words][:MOST_TERMS]


def _pieces(told: str) -> tuple[str, ...]:
    return tuple(split(told[:LONGEST_TERM]))


def matches_of(
    connection: Asked, owner: int, query: Query, terms: Sequence[Term], most: int, *, hidden: Hidden
) -> Matches:
    """Ask the index, and weigh each term by how few of the owner's messages have it.

    Parameters
    ----------
    connection
        To read with.
    owner
        Whose messages.
    query
        For its conditions.
    terms
        What to look for; those that are required must all be there.
    most
        How many of the best are told.
    hidden
        What is left out before anything is counted.
    """
    masks, lengths, frequencies = _indexed(connection, owner, query, terms, hidden.numbers)
    held = next(iter(rows(connection, _HOLDING, {"owner": owner})), None) if masks else None
    if held is None:
        return Matches(terms, {}, {}, [], {}, {}, [])
    count = held[0] - len(hidden.numbers)
    mean = max((held[1] - hidden.words) / count, 1.0)
    weights = [math.log1p((count - each + 0.5) / (each + 0.5)) for each in frequencies]
    by_mask = {mask: (SATURATION + 1) * _sum_of(weights, mask) for mask in set(masks.values())}
    against = {each: SATURATION * (1 - BY_LENGTH + BY_LENGTH * each / mean) for each in set(lengths.values())}
    scored = (  # one at a time: thousands of tuples at once would wake the garbage collector
        (by_mask[mask] / (1 + against[length]), number)
        for (number, mask), length in zip(masks.items(), lengths.values(), strict=True)
    )
    return Matches(terms, masks, lengths, weights, by_mask, against, nlargest(most, scored))


def _sum_of(weights: Sequence[float], mask: int) -> float:
    return sum(weight for place, weight in enumerate(weights) if mask >> place & 1)


def _indexed(
    connection: Asked, owner: int, query: Query, terms: Sequence[Term], hidden: frozenset[int]
) -> tuple[dict[int, int], dict[int, int], list[int]]:
    """Return terms by message, as bits, words by message, and messages by term."""
    condition, values = condition_of(query)
    values["owner"] = owner
    in_file = is_file(connection)
    for place, term in enumerate(terms):
        values[f"term{place}"] = term.for_fts5(owner) if in_file else term.for_postgres()
    if not in_file:
        values["token"] = f"'{owner_token(owner)}'"
    frequencies = [0] * len(terms)
    masks: dict[int, int] = {}
    lengths: dict[int, int] = {}
    for place, number, length, fits in rows(connection, _statement(len(terms), condition, in_file=in_file), values):
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
def _statement(terms: int, condition: str, *, in_file: bool) -> str:
    """Return the question to the index, one part a term.

    On a server the index is asked for all terms first: it would read the owner's rows for each of them otherwise.
    """
    fits = f"CASE WHEN {condition} THEN 1 ELSE 0 END" if condition else "1"
    if in_file:
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


def condition_of(query: Query) -> tuple[str, dict[str, Any]]:
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
