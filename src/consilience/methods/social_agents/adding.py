"""Adding: messages on their way into the tables, to whoever was there when they were sent, and what becomes of them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import islice
from typing import Any

from sqlalchemy import Connection, bindparam, text

from consilience.ground.errors import InvalidInput
from consilience.methods.social_agents.fuzzy import take_apart
from consilience.methods.social_agents.records import Added, NewMessage, to_us
from consilience.methods.social_agents.schema import owner_token
from consilience.methods.social_agents.words import kept, plain, split

__all__ = ["Audiences", "add", "change"]

LONGEST_TEXT = 4_000_000
"""Characters of a message."""
MOST_INDEXED = 100_000
"""Characters of a message that a server indexes; a file indexes them all."""
BATCH = 4000
"""Messages sent to the database at once."""
MANY = 5_000
"""Messages at once after which the index is put in order."""

_ADDING = 0x61646421
_MEMBERSHIPS = text(
    "SELECT conversation, person, since, until FROM membership WHERE conversation IN :conversations"
).bindparams(bindparam("conversations", expanding=True))
_KNOWN = text(
    "SELECT source_id FROM message WHERE conversation = :conversation AND source = :source AND source_id IN :names "
    "AND source_id <> ''"
).bindparams(bindparam("names", expanding=True))
_FIND_AUDIENCE = text("SELECT id FROM audience WHERE digest = :digest")
_KEEP_AUDIENCE = text("INSERT INTO audience (owners, digest) VALUES (:owners, :digest) RETURNING id")
_KEEP_MEMBER = text("INSERT INTO audience_member (owner, audience) VALUES (:owner, :audience)")
_COLUMNS = "id, conversation, sender, sent_at, text, label, source, source_id, words, audience"
_KEEP_IN_FILE = f"INSERT INTO message ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608 - no value is in it
_KEEP_ON_SERVER = (
    f"INSERT INTO message ({_COLUMNS}, search) SELECT {', '.join('n.' + each for each in _COLUMNS.split(', '))}, "  # noqa: S608 - no value is in it
    "to_tsvector('social', n.told) || array_to_tsvector(string_to_array(a.owners, ' ')) "
    "FROM unnest(CAST(%s AS bigint[]), CAST(%s AS bigint[]), CAST(%s AS bigint[]), CAST(%s AS bigint[]), "
    "CAST(%s AS text[]), CAST(%s AS text[]), CAST(%s AS text[]), CAST(%s AS text[]), CAST(%s AS bigint[]), "
    f"CAST(%s AS bigint[]), CAST(%s AS text[])) AS n({_COLUMNS}, told) JOIN audience a ON a.id = n.audience"
)
_LET_SEE = text(
    "INSERT INTO visibility (owner, message, conversation, sender, sent_at, words) "
    "SELECT a.owner, m.id, m.conversation, m.sender, m.sent_at, m.words FROM message m "
    "JOIN audience_member a ON a.audience = m.audience WHERE m.id BETWEEN :first AND :last ORDER BY a.owner, m.id"
)
_LOOSE = text(
    "INSERT INTO loose (message, audience, conversation, sent_at) "
    "SELECT id, audience, conversation, sent_at FROM message WHERE id BETWEEN :first AND :last"
)
_COUNT = text(
    "INSERT INTO holding (owner, messages, words) SELECT owner, COUNT(*), SUM(words) FROM visibility "
    "WHERE message BETWEEN :first AND :last GROUP BY owner ON CONFLICT (owner) DO UPDATE SET "
    "messages = holding.messages + excluded.messages, words = holding.words + excluded.words"
)


class Audiences:
    """Sets of people who read the same, by number; made when they are first met.

    Parameters
    ----------
    connection
        Within a transaction that writes.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._numbers: dict[tuple[int, ...], int] = {}

    def number(self, owners: Iterable[int]) -> int:
        """Return the number of an audience."""
        people = tuple(sorted(set(owners)))
        if people not in self._numbers:
            self._numbers[people] = self._found(people)
        return self._numbers[people]

    def _found(self, people: tuple[int, ...]) -> int:
        tokens = " ".join(map(owner_token, people))
        digest = sha256(tokens.encode()).hexdigest()
        found = self._connection.execute(_FIND_AUDIENCE, {"digest": digest}).scalar()
        if found is None:
            found = self._connection.execute(_KEEP_AUDIENCE, {"owners": tokens, "digest": digest}).scalar_one()
            self._connection.execute(_KEEP_MEMBER, [{"owner": owner, "audience": found} for owner in people])
        return int(found)


@dataclass(frozen=True, slots=True)
class _Attendance:
    """Who was in a conversation, by time."""

    moments: list[int]
    present: list[frozenset[int]]
    ever: frozenset[int]

    @classmethod
    def of(cls, stays: Sequence[tuple[int, int, int | None]]) -> _Attendance:
        moments = sorted({since for _, since, _ in stays} | {until for _, _, until in stays if until is not None})
        present = [
            frozenset(who for who, since, until in stays if since <= moment and (until is None or moment < until))
            for moment in moments
        ]
        return cls(moments, present, frozenset(who for who, _, _ in stays))

    def at(self, moment: int) -> frozenset[int]:
        place = bisect_right(self.moments, moment) - 1
        return self.present[place] if place >= 0 else frozenset()


def add(connection: Connection, messages: Iterable[NewMessage], readers: frozenset[int] | None = None) -> Added:
    """Add the messages that are not known, all of them or none.

    Who may read them are the readers where they are given, else who was there.

    Raises
    ------
    InvalidInput
        When there is no such conversation, the sender never was in it, a time has no zone, or a text is too long.
    """
    if connection.dialect.name != "sqlite":
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_ADDING})")  # numbers come in one order
    audiences = Audiences(connection)
    attendance: dict[int, _Attendance] = {}
    met: set[tuple[int, str, str]] = set()
    known, ids = 0, list[int]()
    stream = iter(messages)
    while batch := list(islice(stream, BATCH)):
        _attend(connection, batch, attendance)
        new = list(_unknown(connection, batch, met))
        known += len(batch) - len(new)
        rows = [_row(each, attendance[each.conversation], audiences, readers) for each in new]
        if rows:
            first = _numbers(connection, len(rows))
            _keep(connection, first, rows)
            ids += range(first, first + len(rows))
    if len(ids) >= MANY:
        _put_in_order(connection)
    return Added(len(ids), known, tuple(ids))


def _attend(connection: Connection, batch: Sequence[NewMessage], attendance: dict[int, _Attendance]) -> None:
    """Look up who was in the conversations that were not met before."""
    wanted = list({each.conversation for each in batch} - attendance.keys())
    stays: dict[int, list[tuple[int, int, int | None]]] = {}
    for start in range(0, len(wanted), 500):
        for row in connection.execute(_MEMBERSHIPS, {"conversations": wanted[start : start + 500]}):
            stays.setdefault(row[0], []).append((row[1], row[2], row[3]))
    for number in wanted:
        if number not in stays:
            raise InvalidInput(f"a message must be said in a conversation; there is none of number {number}: make it")
        attendance[number] = _Attendance.of(stays[number])


def _unknown(
    connection: Connection, batch: Sequence[NewMessage], met: set[tuple[int, str, str]]
) -> Iterator[NewMessage]:
    """Give the messages that are in nobody's memory yet, each once."""
    named: dict[tuple[int, str], list[str]] = {}
    for each in batch:
        if each.source_id:
            named.setdefault((each.conversation, kept(each.source)), []).append(kept(each.source_id))
    for (conversation, source), names in named.items():
        for start in range(0, len(names), 500):
            values = {"conversation": conversation, "source": source, "names": names[start : start + 500]}
            met |= {(conversation, source, row[0]) for row in connection.execute(_KNOWN, values)}
    for each in batch:
        key = (each.conversation, kept(each.source), kept(each.source_id))
        if each.source_id and key in met:
            continue
        met.add(key)
        yield each


def _row(
    message: NewMessage, attendance: _Attendance, audiences: Audiences, readers: frozenset[int] | None
) -> tuple[Any, ...]:
    """Return the values of a row but its number."""
    if message.sender not in attendance.ever:
        raise InvalidInput(
            f"a sender must have been in the conversation; person {message.sender} never was in "
            f"{message.conversation}: let them join"
        )
    told = _checked(message.text)
    moment = to_us(message.sent_at)
    audience = audiences.number(attendance.at(moment) | {message.sender} if readers is None else readers)
    label, source, name = kept(message.label), kept(message.source), kept(message.source_id)
    return message.conversation, message.sender, moment, told, label, source, name, len(split(told)), audience


def _checked(told: str) -> str:
    if len(told) > LONGEST_TEXT:
        raise InvalidInput(f"a message must have at most {LONGEST_TEXT:,} characters; got {len(told):,}: cut it")
    return kept(told)


def _numbers(connection: Connection, count: int) -> int:
    """Set numbers apart that were never given before, and return the first."""
    if connection.dialect.name == "sqlite":
        last = connection.exec_driver_sql("SELECT seq FROM sqlite_sequence WHERE name = 'message'").scalar()
        return (last or 0) + 1
    first = connection.exec_driver_sql("SELECT nextval('message_id_seq')").scalar_one()
    connection.exec_driver_sql("SELECT setval('message_id_seq', %s)", (first + count - 1,))
    return int(first)


def _keep(connection: Connection, first: int, rows: Sequence[tuple[Any, ...]]) -> None:
    numbered = [(first + place, *row) for place, row in enumerate(rows)]
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(_KEEP_IN_FILE, numbered)
    else:
        columns = [list(column) for column in zip(*numbered, strict=True)]
        connection.exec_driver_sql(_KEEP_ON_SERVER, (*columns, [_indexed(row[4]) for row in numbered]))
    span = {"first": first, "last": first + len(rows) - 1}
    for statement in (_LET_SEE, _LOOSE, _COUNT):
        connection.execute(statement, span)


def _put_in_order(connection: Connection) -> None:
    """Make the index of a file one piece, and let a server know how much there is now."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("INSERT INTO message_index(message_index) VALUES ('optimize')")
        return
    connection.exec_driver_sql("SELECT gin_clean_pending_list('message_search')")
    for table in ("message", "visibility", "audience_member"):
        connection.exec_driver_sql(f"ANALYZE {table}")


def _indexed(told: str) -> str:
    return " ".join(plain(split(told[:MOST_INDEXED])))


def change(connection: Connection, number: int, told: str, moment: int, *, blank_versions: bool) -> None:
    """Let a message have another text from a moment on, and keep the one before as a version.

    Raises
    ------
    InvalidInput
        When there is no such message, or the text is too long.
    """
    told = _checked(told)
    found = connection.execute(text("SELECT text, words FROM message WHERE id = :id"), {"id": number}).first()
    if found is None:
        raise InvalidInput(f"a message to change must be there; there is none of number {number}")
    words = len(split(told))
    values: Mapping[str, Any] = {
        "id": number,
        "moment": moment,
        "before": found[0],
        "text": told,
        "words": words,
        "more": words - found[1],
    }
    steps = [
        (
            "INSERT INTO version (message, number, text, until) SELECT :id, COUNT(*), :before, :moment FROM version "
            "WHERE message = :id"
        ),
        "UPDATE message SET text = :text, words = :words WHERE id = :id",
        ("UPDATE holding SET words = words + :more WHERE owner IN (SELECT owner FROM visibility WHERE message = :id)"),
        "UPDATE visibility SET words = :words WHERE message = :id",
    ]
    if blank_versions:
        steps.append("UPDATE version SET text = '' WHERE message = :id")
    for step in steps:
        connection.execute(text(step), values)
    if connection.dialect.name != "sqlite":
        again = (
            "UPDATE message SET search = to_tsvector('social', :told) || array_to_tsvector(string_to_array("
            "(SELECT owners FROM audience a WHERE a.id = message.audience), ' ')) WHERE id = :id"
        )
        connection.execute(text(again), {"id": number, "told": _indexed(told)})
    episode = connection.execute(text("SELECT episode FROM placed WHERE message = :id"), {"id": number}).scalar()
    if episode is not None:
        take_apart(connection, [episode])
