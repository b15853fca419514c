"""Keys for one's other agents and assistants: what holds one speaks for the person who made it, until it is revoked.

A key lies in the database as a digest. It opens what the table of access says goes by keys, and no page: nobody signs
in, consents, or makes another key with it.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256

from sqlalchemy import BigInteger, Column, Integer, MetaData, String, Table, Text, delete, insert, select

from consilience.ground.errors import InvalidInput
from consilience.methods.social_agents.audit import make
from consilience.methods.social_agents.records import Person, from_us, to_us
from consilience.methods.social_agents.store import Store

__all__ = ["LONGEST_LABEL", "MOST_KEYS", "AgentKey", "AgentKeys"]

MOST_KEYS = 20
"""Keys of one person."""
LONGEST_LABEL = 60
"""Characters of what a key is called."""
_FRONT = "agent_"

_METADATA = MetaData()
_Whole = BigInteger().with_variant(Integer(), "sqlite")
_key = Table(
    "agent_key",
    _METADATA,
    Column("id", _Whole, primary_key=True),
    Column("person", _Whole, nullable=False, index=True),
    Column("label", Text, nullable=False),
    Column("digest", String(64), nullable=False, unique=True),
    Column("made_at", BigInteger, nullable=False),
    sqlite_autoincrement=True,
)


@dataclass(frozen=True, slots=True)
class AgentKey:
    """A key, without what opens."""

    id: int
    label: str
    """What its maker calls it."""
    made_at: datetime


class AgentKeys:
    """The keys of a store's people.

    Parameters
    ----------
    store
        Where they are kept.
    clock
        Gives the time.

    Examples
    --------
    >>> with Store.open(":memory:") as store:
    ...     ann = store.add_person("ann", "Ann")
    ...     keys = AgentKeys(store)
    ...     token = keys.make(ann, "calendar")
    ...     before = keys.person_of(token)
    ...     keys.revoke(ann, keys.of(ann)[0].id)
    ...     before.handle, keys.person_of(token), keys.of(ann)
    ('ann', None, [])
    """

    def __init__(self, store: Store, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._store = store
        self._clock = clock
        with store.writing() as connection:
            make(connection, _METADATA)

    def make(self, person: Person, label: str) -> str:
        """Make a key, and return what opens: it is told once and kept nowhere.

        Raises
        ------
        InvalidInput
            When it is not called anything, or there are too many.
        """
        label = " ".join(label.split())
        if not 0 < len(label) <= LONGEST_LABEL:
            raise InvalidInput(f"a key has a name of 1 to {LONGEST_LABEL} characters; say which agent it is for")
        if len(self.of(person)) >= MOST_KEYS:
            raise InvalidInput(f"{MOST_KEYS} keys are the most; revoke one first")
        token = _FRONT + secrets.token_urlsafe(32)
        row = {"person": person.id, "label": label, "digest": _digest(token), "made_at": to_us(self._clock())}
        with self._store.writing() as connection:
            connection.execute(insert(_key).values(row))
        return token

    def of(self, person: Person) -> list[AgentKey]:
        """Return somebody's keys, in the order they were made."""
        wanted = select(_key).where(_key.c.person == person.id).order_by(_key.c.id)
        with self._store.reading() as connection:
            return [AgentKey(row.id, row.label, from_us(row.made_at)) for row in connection.execute(wanted)]

    def person_of(self, token: str) -> Person | None:
        """Return whose key it is; None for one that is nobody's, or was revoked."""
        if not token.startswith(_FRONT):
            return None
        with self._store.reading() as connection:
            found = connection.execute(select(_key.c.person).where(_key.c.digest == _digest(token))).scalar()
        return None if found is None else self._store.person(int(found))

    def revoke(self, person: Person, number: int | None = None) -> None:
        """Let a key of somebody open nothing any more, or all of them."""
        gone = _key.c.person == person.id
        with self._store.writing() as connection:
            connection.execute(delete(_key).where(gone if number is None else gone & (_key.c.id == number)))


def _digest(token: str) -> str:
    return sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
