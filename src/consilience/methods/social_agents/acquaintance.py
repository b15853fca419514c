"""Acquaintance: people by number or handle, and who is in contact with whom."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

from sqlalchemy import Connection, text

from consilience.ground.errors import InvalidInput, UnknownName
from consilience.methods.social_agents.policy import RESERVED
from consilience.methods.social_agents.records import Person
from consilience.methods.social_agents.words import kept

__all__ = ["PERSON", "Who", "accept", "add_person", "person_of", "request", "withdraw"]

Who = Person | int | str
"""A person, their number, or their handle."""

PERSON = "SELECT id, handle, name, card FROM person"

_HANDLE = re.compile(r"[^\s/\\:\x00-\x1f\x7f]{1,64}")
_STEERING = re.compile(r"[\x01-\x1f\x7f-\x9f]")
_TAKEN = text("SELECT handle FROM person WHERE lower(handle) = lower(:handle)")
_KEEP = text("INSERT INTO person (handle, name, card) VALUES (:handle, :name, :card) RETURNING id")
_ASK = text("INSERT INTO contact (asker, asked, accepted) VALUES (:asker, :asked, 0)")
_ACCEPT = text("UPDATE contact SET accepted = 1 WHERE asker = :asker AND asked = :asked")
_END = text("DELETE FROM contact WHERE asker = :asker AND asked = :asked")
_IS_CONTACT = text("SELECT accepted FROM contact WHERE asker = :asker AND asked = :asked")


def add_person(connection: Connection, handle: str, name: str, card: str) -> Person:
    """Add somebody, whose handle is one, is free, and means nobody else in rules."""
    handle = unicodedata.normalize("NFC", kept(handle))
    if not _HANDLE.fullmatch(handle):
        raise InvalidInput(f"a handle has 1 to 64 characters, no spaces, slashes or colons; got {handle!r}")
    if handle.casefold() in RESERVED:
        raise InvalidInput(f"a handle must not be what rules call many people by; got {handle!r}: choose another")
    name = " ".join(_STEERING.sub(" ", name).split())  # a line, and no other, wherever it is shown
    if not name:
        raise InvalidInput(f"a name must not be empty; {handle!r} has none")
    if (found := connection.execute(_TAKEN, {"handle": handle}).scalar()) is not None:
        raise InvalidInput(f"a handle belongs to one person; {found!r} is taken: choose another")
    values = {"handle": handle, "name": kept(name), "card": kept(card)}
    return Person(connection.execute(_KEEP, values).scalar_one(), **values)


def person_of(connection: Connection, who: Who) -> Person:
    """Return somebody as they stand in the store.

    Raises
    ------
    UnknownName
        When there is no such person.
    """
    value: Any = who.id if isinstance(who, Person) else who
    place = "handle" if isinstance(value, str) else "id"
    value = unicodedata.normalize("NFC", kept(value)) if isinstance(value, str) else value
    found = connection.execute(text(f"{PERSON} WHERE {place} = :value"), {"value": value}).first()
    if found is None:
        raise UnknownName("person", str(value), ())
    return Person(*found)


def request(connection: Connection, asker: Who, asked: Who) -> None:
    """Ask somebody to be a contact; whoever was asked by them before, accepts by it."""
    a, b = _two(connection, asker, asked)
    if _contact(connection, b, a) is not None:
        connection.execute(_ACCEPT, {"asker": b, "asked": a})
    elif _contact(connection, a, b) is None:
        connection.execute(_ASK, {"asker": a, "asked": b})


def accept(connection: Connection, asked: Who, asker: Who) -> None:
    """Accept what somebody asked."""
    b, a = _two(connection, asked, asker)
    if _contact(connection, a, b) is None:
        raise InvalidInput("only who was asked can accept; there is no request: let them ask first")
    connection.execute(_ACCEPT, {"asker": a, "asked": b})


def withdraw(connection: Connection, one: Who, other: Who) -> None:
    """End a contact or a request, whoever of the two asked."""
    a, b = _two(connection, one, other)
    for pair in ({"asker": a, "asked": b}, {"asker": b, "asked": a}):
        connection.execute(_END, pair)


def _two(connection: Connection, one: Who, other: Who) -> tuple[int, int]:
    a, b = person_of(connection, one).id, person_of(connection, other).id
    if a == b:
        raise InvalidInput(f"a contact has two people; got person {a} twice")
    return a, b


def _contact(connection: Connection, asker: int, asked: int) -> int | None:
    found: int | None = connection.execute(_IS_CONTACT, {"asker": asker, "asked": asked}).scalar()
    return found
