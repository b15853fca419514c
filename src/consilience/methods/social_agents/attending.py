"""Attending: conversations, and who was in them from when to when."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import Connection, text

from consilience.ground.errors import InvalidInput
from consilience.methods.social_agents.acquaintance import Who, person_of
from consilience.methods.social_agents.records import Person, to_us
from consilience.methods.social_agents.words import kept

__all__ = ["begin", "conversations_of", "join", "leave", "members"]

_EVER = to_us(datetime.min.replace(tzinfo=UTC))
_BEGIN = text("INSERT INTO conversation (title) VALUES (:title) RETURNING id")
_IS_THERE = text("SELECT 1 FROM conversation WHERE id = :id")
_OF = text(
    "SELECT DISTINCT c.id, c.title FROM membership m JOIN conversation c ON c.id = m.conversation "
    "WHERE m.person = :id ORDER BY c.id"
)
_MEMBERS = text(
    "SELECT DISTINCT p.id, p.handle, p.name, p.card FROM membership m JOIN person p ON p.id = m.person "
    "WHERE m.conversation = :conversation AND m.since <= :at AND (m.until IS NULL OR m.until > :at) ORDER BY p.id"
)
_JOIN = text("INSERT INTO membership (conversation, person, since) VALUES (:conversation, :person, :since)")
_THERE = "conversation = :conversation AND person = :person AND since <= :since AND (until IS NULL OR until > :since)"
_STAYS = text(f"SELECT 1 FROM membership WHERE {_THERE}")  # noqa: S608 - no value is in it
_END = text(f"UPDATE membership SET until = :since WHERE {_THERE}")  # noqa: S608 - no value is in it


def begin(connection: Connection, members: Sequence[Who], title: str, began_at: datetime | None) -> int:
    """Begin a conversation and return its number."""
    since = _EVER if began_at is None else to_us(began_at)
    people = dict.fromkeys(person_of(connection, who).id for who in members)
    number = int(connection.execute(_BEGIN, {"title": kept(title)}).scalar_one())
    connection.execute(_JOIN, [{"conversation": number, "person": each, "since": since} for each in people])
    return number


def conversations_of(connection: Connection, who: Who) -> list[tuple[int, str]]:
    """Return number and title of the conversations that a person is or was in."""
    return [(row[0], row[1]) for row in connection.execute(_OF, {"id": person_of(connection, who).id})]


def members(connection: Connection, conversation: int, at: datetime | None) -> list[Person]:
    """Return who is in a conversation at a time; now where none is given."""
    values = {"conversation": conversation, "at": to_us(datetime.now(UTC) if at is None else at)}
    return [Person(*row) for row in connection.execute(_MEMBERS, values)]


def join(connection: Connection, conversation: int, who: Who, at: datetime) -> None:
    """Let somebody be in a conversation from a time on."""
    person = person_of(connection, who).id
    if connection.execute(_IS_THERE, {"id": conversation}).first() is None:
        raise InvalidInput(f"there is no conversation {conversation}; make it with `Store.conversation`")
    values = {"conversation": conversation, "person": person, "since": to_us(at)}
    if connection.execute(_STAYS, values).first() is not None:
        raise InvalidInput(f"somebody joins who is not there; person {person} is in it at {at}: nothing to do")
    connection.execute(_JOIN, values)


def leave(connection: Connection, conversation: int, who: Who, at: datetime) -> None:
    """Let somebody be in a conversation until a time."""
    person = person_of(connection, who).id
    values = {"conversation": conversation, "person": person, "since": to_us(at)}
    if connection.execute(_STAYS, values).first() is None:
        raise InvalidInput(f"somebody leaves who is there; person {person} is not in it at {at}: nothing to do")
    connection.execute(_END, values)
