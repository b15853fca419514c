"""How the original finds messages, written anew from what it does: LIKE for each keyword, windows, and no rank.

Its table has a row for each listener and no index but the primary key. A lookup makes a statement for each keyword. The
rows of one person that have the keyword anywhere, also within a word, are found; with each come the rows from so many
before it to so many after it among that person's own. They come in the order in which they were written, as often as
windows overlap, ten a keyword at most; of all keywords together the first thirty are kept.

Source: memory by distinct keywords of arXiv:2406.14928, section 3.4, as its authors' program does it; rewritten.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from consilience.methods.social_agents.worlds.people import World

__all__ = ["LIMIT", "ROWS", "WINDOW", "Original"]

ROWS = 30
"""Rows that are kept of a lookup."""
LIMIT = 10
"""Rows of a keyword; the example in its prompt, and the least that its program takes."""
WINDOW = 3
"""Rows before and after; the example in its prompt."""

_TABLE = (
    "CREATE TABLE chats (id INT PRIMARY KEY AUTO_INCREMENT, sender VARCHAR(255), receiver VARCHAR(255), message TEXT, "
    "communication_history TEXT, timestamp TIMESTAMP DEFAULT CURRENT_TIMESTAMP)"
)
_ADD = "INSERT INTO chats (id, sender, receiver, message) VALUES (%s, %s, %s, %s)"
_FIND = """
WITH found AS (
    SELECT id, sender, receiver, message, timestamp FROM chats WHERE message LIKE %(pattern)s
), own AS (
    SELECT id, sender, receiver, message, timestamp FROM chats
    WHERE (sender = %(owner)s OR receiver = %(owner)s)
        AND sender NOT LIKE '%%Agent%%' AND receiver NOT LIKE '%%Agent%%'
), spans AS (
    SELECT id, COALESCE(LAG(id, %(window)s) OVER w, id) AS since, COALESCE(LEAD(id, %(window)s) OVER w, id) AS until
    FROM own WINDOW w AS (ORDER BY id)
), pairs AS (
    SELECT DISTINCT found.id AS hit, found.sender AS hit_sender, found.receiver AS hit_receiver,
        found.message AS hit_message, found.timestamp AS hit_timestamp,
        near.id, near.sender, near.receiver, near.message, near.timestamp
    FROM found JOIN spans ON spans.id = found.id JOIN own near ON near.id BETWEEN spans.since AND spans.until
)
SELECT id, timestamp, sender, receiver, message FROM pairs ORDER BY hit LIMIT %(limit)s
"""
# Whole rows go through every step and pairs are made distinct, as in the authors' program: a leaner statement brings
# the same rows in about two thirds of the time, and would not be theirs.


class Original:
    """The original's table, with a world in it.

    Parameters
    ----------
    connection
        To an empty database that has LIKE, windows and common table expressions.
    world
        Whose messages; of each as many rows as there are listeners.
    """

    def __init__(self, connection: Any, world: World) -> None:
        self._connection = connection
        self.names: Mapping[int, str] = {}
        """What the message of each row is called in the world."""
        rows = list(_rows(world))
        self.names = {number: name for number, name, *_ in rows}
        with connection.cursor() as cursor:
            cursor.execute(_TABLE)
            cursor.execute("BEGIN")
            cursor.executemany(_ADD, [(number, *row) for number, _, *row in rows])
            cursor.execute("COMMIT")
            cursor.execute("ANALYZE TABLE chats")
            cursor.fetchall()

    def __len__(self) -> int:
        """Return how many rows there are."""
        return len(self.names)

    def looked_up(self, owner: str, words: Sequence[str]) -> list[int]:
        """Return the numbers of the rows that a lookup of somebody brings, in its order."""
        return [row[0] for word in words for row in self._rows_with(owner, word)][:ROWS]

    def nothing(self) -> int:
        """Ask for nothing, so that it can be seen what the way to the server takes; return how many rows that was."""
        with self._connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            return len(cursor.fetchall())

    def _rows_with(self, owner: str, word: str) -> Sequence[tuple[Any, ...]]:
        values = {"owner": owner, "pattern": f"%{word}%", "window": WINDOW, "limit": LIMIT}
        with self._connection.cursor() as cursor:
            cursor.execute(_FIND, values)
            found: Sequence[tuple[Any, ...]] = cursor.fetchall()
        return found


def _rows(world: World) -> Iterator[tuple[int, str, str, str, str]]:
    """Give number, name, sender, receiver and text of each row; who is alone hears themselves."""
    number = 0
    for line in world.messages:
        others = [member for member in world.conversations[line.chat].members if member != line.sender]
        for other in others or [line.sender]:
            number += 1
            yield number, line.source_id, line.sender, other, line.text
