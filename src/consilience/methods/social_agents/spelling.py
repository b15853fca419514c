"""Spelling: words of an owner's messages that are spelled like those that nothing was found for, on a server that can.

A server with trigrams (``pg_trgm``) compares them; a SQLite file, or a server without, has none. Only words of what the
owner may read are looked through, when they are asked for: there is no list of words that would have to be forgotten.
"""

from __future__ import annotations

from collections.abc import Iterable

from consilience.methods.social_agents.database import Asked, is_file, rows

__all__ = ["ALIKE", "SHORTEST", "alike"]

ALIKE = 0.4
"""Share of trigrams that two words have in common at least."""
SHORTEST = 4
"""Letters of a word that is looked for in another spelling."""
MOST = 3
"""Other spellings of a word."""

_HAS_TRIGRAMS = "SELECT 1 FROM pg_extension WHERE extname = 'pg_trgm'"
_ALIKE = """
WITH had AS MATERIALIZED (SELECT word FROM ts_stat(:held) WHERE word NOT LIKE '@%')
SELECT near.word FROM unnest(CAST(:words AS text[])) AS asked(word) CROSS JOIN LATERAL (
    SELECT had.word FROM had WHERE similarity(had.word, asked.word) >= :least
    ORDER BY similarity(had.word, asked.word) DESC, had.word LIMIT :most
) near
"""


def alike(connection: Asked, owner: int, words: Iterable[str], hidden: frozenset[int] = frozenset()) -> list[str]:
    """Return stems in the owner's messages that are spelled like one of the words, the likest of each word first.

    Parameters
    ----------
    connection
        To read with.
    owner
        Whose messages.
    words
        In small letters, without marks.
    hidden
        Messages that are left out.
    """
    asked = [word for word in words if len(word) >= SHORTEST and word.isalpha()]
    if not asked or is_file(connection) or not list(rows(connection, _HAS_TRIGRAMS, {})):
        return []
    left_out = f" AND v.message NOT IN ({', '.join(map(str, sorted(hidden)))})" if hidden else ""
    held = f"SELECT m.search FROM visibility v JOIN message m ON m.id = v.message WHERE v.owner = {owner:d}{left_out}"  # noqa: S608 - whole numbers
    found = rows(connection, _ALIKE, {"held": held, "words": asked, "least": ALIKE, "most": MOST})
    return list(dict.fromkeys(row[0] for row in found))
