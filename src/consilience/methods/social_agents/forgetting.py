"""Forgetting: rows, index, versions, summaries and vectors, and then the bytes that they leave in the files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, TextClause, bindparam, inspect, text

from consilience.methods.social_agents.adding import Audiences
from consilience.methods.social_agents.database import Database
from consilience.methods.social_agents.fuzzy import take_apart
from consilience.methods.social_agents.records import Receipt, StoreLocked, StoreUnavailable, to_us
from consilience.methods.social_agents.schema import owner_token

__all__ = ["forget_conversation", "forget_messages", "forget_owner", "wipe"]

CHUNK = 1000
"""Messages named to the database at once."""
_IMPORTED = "SELECT id FROM person WHERE handle LIKE '~%'"
"""People whom imports made: nobody signs in as them, so that what only they hold is held by nobody."""
_TITLED = ("conversation", "group_chat", "task", "task_state")
"""Tables, some of the application's, in which there may be words besides those of the store."""


def forget_messages(connection: Connection, numbers: Iterable[int], what: str = "messages") -> Receipt:
    """Delete messages for everybody, and take apart the episodes that they were in or before."""
    gone = sorted(set(numbers))
    gone = [row[0] for row in _each(connection, "SELECT id FROM message WHERE id IN :numbers", gone)]
    episodes = _take_apart(connection, gone)
    fewer: Counter[int] = Counter()
    shorter: Counter[int] = Counter()
    seen = "SELECT owner, COUNT(*), SUM(words) FROM visibility WHERE message IN :numbers GROUP BY owner"
    for owner, count, words in _each(connection, seen, gone):
        fewer[owner] += count
        shorter[owner] += words
    less = text("UPDATE holding SET messages = messages - :count, words = words - :words WHERE owner = :owner")
    if fewer:
        values = [{"owner": owner, "count": fewer[owner], "words": shorter[owner]} for owner in fewer]
        connection.execute(less, values)
    _all(connection, "DELETE FROM loose WHERE message IN :numbers", gone)
    _all(connection, "DELETE FROM visibility WHERE message IN :numbers", gone)
    versions = _all(connection, "DELETE FROM version WHERE message IN :numbers", gone)
    _all(connection, "DELETE FROM message WHERE id IN :numbers", gone)
    return _receipt(connection, what, gone, unseen=fewer.total(), versions=versions, episodes=episodes)


def forget_conversation(connection: Connection, conversation: int) -> Receipt:
    """Delete a conversation with all its messages, its name and who was in it."""
    values = {"conversation": conversation}
    said = connection.execute(text("SELECT id FROM message WHERE conversation = :conversation"), values)
    receipt = forget_messages(connection, [row[0] for row in said], f"conversation {conversation}")
    _empty(connection, [conversation])
    return receipt


def forget_owner(connection: Connection, owner: int) -> Receipt:
    """Delete what an owner remembers.

    Messages that others hold stay with them, under the owner's name; what nobody else holds goes. People whom an import
    made hold nothing. So do the owner's card, contacts, and places in conversations go, and the names of conversations
    that nobody else was in.
    """
    values = {"owner": owner}
    places = connection.execute(text("SELECT DISTINCT conversation FROM membership WHERE person = :owner"), values)
    places_of = [row[0] for row in places]
    rows = connection.execute(
        text(
            "SELECT a.id, b.owner FROM audience a JOIN audience_member o ON o.audience = a.id AND o.owner = :owner "
            "JOIN audience_member b ON b.audience = a.id"
        ),
        values,
    )
    members: dict[int, set[int]] = {}
    for audience, member in rows:
        members.setdefault(audience, set()).add(member)
    ours = list(members)
    nobody = {owner, *connection.execute(text(_IMPORTED)).scalars()}
    alone = [audience for audience, people in members.items() if people <= nobody]
    held = [row[0] for row in _each(connection, "SELECT id FROM message WHERE audience IN :numbers", alone)]
    receipt = forget_messages(connection, held, f"owner {owner}")
    unseen = connection.execute(text("DELETE FROM visibility WHERE owner = :owner"), values).rowcount
    episodes = [row[0] for row in _each(connection, "SELECT id FROM episode WHERE audience IN :numbers", ours)]
    take_apart(connection, episodes)
    _narrow(connection, owner, {a: people - {owner} for a, people in members.items() if a not in alone})
    for step in ("audience_member WHERE audience IN :numbers", "audience WHERE id IN :numbers"):
        _all(connection, f"DELETE FROM {step}", ours)  # noqa: S608 - no value is in it
    for step in (
        "DELETE FROM holding WHERE owner = :owner",
        "DELETE FROM contact WHERE asker = :owner OR asked = :owner",
        "DELETE FROM membership WHERE person = :owner",
        "UPDATE person SET card = '' WHERE id = :owner",
    ):
        connection.execute(text(step), values)
    others = (
        f"SELECT DISTINCT conversation FROM membership WHERE person NOT IN ({_IMPORTED}) AND conversation IN :numbers"  # noqa: S608 - no value is in it
    )
    _empty(connection, sorted(set(places_of) - {row[0] for row in _each(connection, others, places_of)}))
    connection.execute(
        text(
            "UPDATE receipt SET unseen = unseen + :unseen, episodes = episodes + :episodes WHERE id = "
            "(SELECT MAX(id) FROM receipt)"
        ),
        {"unseen": unseen, "episodes": len(episodes)},
    )
    return Receipt(
        at=receipt.at,
        what=receipt.what,
        messages=receipt.messages,
        unseen=receipt.unseen + unseen,
        versions=receipt.versions,
        episodes=receipt.episodes + len(episodes),
        digest=receipt.digest,
    )


def wipe(database: Database) -> None:
    """Write the files anew without what was deleted, and empty the log.

    What lies outside the database's files (a server's own log, copies) is not reached.

    Raises
    ------
    StoreLocked
        When somebody reads for so long that the log cannot be emptied.
    StoreUnavailable
        When there is no room for the files anew.
    """
    try:
        _write_anew(database)
    except StoreUnavailable as error:
        raise StoreUnavailable(
            f"it is deleted, but {database.place} could not be written anew and may hold old bytes: "
            "make room on its disk, and forget anything once more."
        ) from error


def _write_anew(database: Database) -> None:
    with database.outside() as connection:
        if not database.is_sqlite:
            there = set(inspect(connection).get_table_names())
            ours = ("message", "visibility", "version", "episode", "loose", "placed", "audience", "person")
            for table in (*ours, *(name for name in _TITLED if name in there)):
                connection.exec_driver_sql(f"VACUUM (FULL, ANALYZE) {table}")
            connection.exec_driver_sql("VACUUM FULL pg_statistic")  # samples of texts, which were there before
            return
        connection.exec_driver_sql("INSERT INTO message_index(message_index) VALUES ('optimize')")
        connection.exec_driver_sql("VACUUM")
        busy = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").scalar()
    if busy and database.path is not None:
        raise StoreLocked(
            f"it is deleted, but somebody still reads {database.place} and its log holds old bytes: "
            "they go when the last reader has closed it."
        )


def _take_apart(connection: Connection, gone: Sequence[int]) -> int:
    """Drop the episodes of the messages and those that follow in their threads; return how many."""
    wanted = "SELECT DISTINCT episode FROM placed WHERE message IN :numbers"
    touched = sorted({row[0] for row in _each(connection, wanted, gone)})
    after = (
        "SELECT e.id FROM (SELECT audience, conversation, MIN(since) AS since FROM episode WHERE id IN :numbers "
        "GROUP BY audience, conversation) first JOIN episode e ON e.audience = first.audience "
        "AND e.conversation = first.conversation AND e.since >= first.since"
    )
    dropped = sorted({row[0] for row in _each(connection, after, touched)})
    take_apart(connection, dropped)
    return len(dropped)


def _empty(connection: Connection, conversations: Sequence[int]) -> None:
    """Take the name and the people from conversations, and their names from people whom an import made for them.

    The number stays taken: what has noted it (a chat of two, say) must not find a conversation of others there.
    """
    made = f"SELECT DISTINCT person FROM membership WHERE conversation IN :numbers AND person IN ({_IMPORTED})"  # noqa: S608 - no value is in it
    people = sorted({row[0] for row in _each(connection, made, conversations)})
    _all(connection, "DELETE FROM membership WHERE conversation IN :numbers", conversations)
    _all(connection, "UPDATE conversation SET title = '' WHERE id IN :numbers", conversations)
    _all(
        connection,
        "UPDATE person SET handle = '~' || CAST(id AS text), name = '', card = '' WHERE id IN :numbers "
        "AND NOT EXISTS (SELECT 1 FROM membership WHERE membership.person = person.id) "
        "AND NOT EXISTS (SELECT 1 FROM message WHERE message.sender = person.id)",
        people,
    )


def _narrow(connection: Connection, owner: int, without: dict[int, set[int]]) -> None:
    """Give the messages of audiences to the same people without the owner."""
    audiences = Audiences(connection)
    sqlite = connection.dialect.name == "sqlite"
    search = "" if sqlite else ", search = ts_delete(search, CAST(:token AS text))"
    steps = (
        f"UPDATE message SET audience = :new{search} WHERE id IN (SELECT message FROM loose WHERE audience = :old)",  # noqa: S608 - no value is in it
        "UPDATE loose SET audience = :new WHERE audience = :old",
    )
    for old, people in without.items():
        values: dict[str, Any] = {"new": audiences.number(people), "old": old}
        for step in steps:
            connection.execute(text(step), {**values, "token": owner_token(owner)})


def _receipt(
    connection: Connection, what: str, gone: Sequence[int], *, unseen: int, versions: int, episodes: int
) -> Receipt:
    made = Receipt(
        at=datetime.now(UTC),
        what=what,
        messages=len(gone),
        unseen=unseen,
        versions=versions,
        episodes=episodes,
        digest=sha256(" ".join(map(str, gone)).encode()).hexdigest(),
    )
    connection.execute(
        text(
            "INSERT INTO receipt (at, what, messages, unseen, versions, episodes, digest) "
            "VALUES (:at, :what, :messages, :unseen, :versions, :episodes, :digest)"
        ),
        {
            "at": to_us(made.at),
            "what": what,
            "messages": made.messages,
            "unseen": unseen,
            "versions": versions,
            "episodes": episodes,
            "digest": made.digest,
        },
    )
    return made


def _each(connection: Connection, statement: str, numbers: Sequence[int]) -> Iterator[Any]:
    for told, values in _bound(connection, statement, numbers):
        yield from connection.execute(told, values).all()


def _all(connection: Connection, statement: str, numbers: Sequence[int]) -> int:
    """Run a statement over all the numbers and return how many rows it changed."""
    return sum(connection.execute(told, values).rowcount for told, values in _bound(connection, statement, numbers))


def _bound(
    connection: Connection, statement: str, numbers: Sequence[int]
) -> Iterator[tuple[TextClause, dict[str, list[int]]]]:
    """Give a statement with its numbers: to a server all at once, as an array, to a file some at a time."""
    if connection.dialect.name != "sqlite":
        if numbers:
            yield (
                text(statement.replace("IN :numbers", "= ANY(CAST(:numbers AS bigint[]))")),
                {"numbers": list(numbers)},
            )
        return
    bound = text(statement).bindparams(bindparam("numbers", expanding=True))
    for start in range(0, len(numbers), CHUNK):
        yield bound, {"numbers": list(numbers[start : start + CHUNK])}
