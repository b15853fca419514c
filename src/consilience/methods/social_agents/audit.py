"""The audit log: what was revealed of whom, to whom, on whose word, in a chain that shows every change.

Each entry holds the hash of the one before it, and the end of the chain is kept beside it, so that an entry which was
edited, taken out, put elsewhere or cut off does not go unseen. With a key that is kept outside the database nobody who
has only the database can make a chain that holds. Whoever can also put back an older copy of the whole database is seen
only by who has noted the end of the chain elsewhere: `AuditLog.head` gives it, `AuditLog.verify` takes it.

There is no word of a message in it: numbers of messages, rules, and a salted digest of each text that was sent. The
salt lies beside the chain and can be forgotten; then nobody can tell from a digest what the text was, not even by
trying.
"""

from __future__ import annotations

import hmac
import json
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final, Literal, Protocol, get_args, runtime_checkable

from sqlalchemy import BigInteger, Column, Connection, Integer, MetaData, String, Table, Text, delete, insert, select
from sqlalchemy import update as updated
from sqlalchemy.exc import DBAPIError

from consilience.ground.errors import InvalidInput
from consilience.methods.social_agents.records import from_us, to_us

__all__ = ["AuditLog", "Entry", "Event", "Head", "Opens", "Soundness"]

Event = Literal["disclosed", "forwarded", "blocked", "asked", "granted", "denied", "withdrawn", "forgotten"]
"""What happened."""

FIRST: Final = "0" * 64
"""What the first entry holds as the hash of the one before."""

_METADATA = MetaData()
_Whole = BigInteger().with_variant(Integer(), "sqlite")
_COLUMNS = (
    *("event", "about", "owner", "counterpart", "task", "purpose", "rule", "approver", "messages"),
    *("digest", "seal", "previous", "hash"),
)
_entries = Table(
    "audit",
    _METADATA,
    Column("number", _Whole, primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False),
    Column("turn", BigInteger, nullable=False),
    *(Column(name, Text, nullable=False) for name in _COLUMNS),
)
_head = Table(
    "audit_head",
    _METADATA,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("entries", BigInteger, nullable=False),
    Column("hash", String(64), nullable=False),
)
_salt = Table(
    "audit_salt",
    _METADATA,
    Column("number", _Whole, primary_key=True, autoincrement=False),
    Column("salt", String(64), nullable=False),
)
_MAKING = 0x61756469


@runtime_checkable
class Opens(Protocol):
    """What is needed of a store: connections that read, and ones whose changes all come to be or none."""

    def reading(self) -> AbstractContextManager[Connection]:
        """Give a connection to read with."""

    def writing(self) -> AbstractContextManager[Connection]:
        """Give a connection to write with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Something that happened, as it stands in the log."""

    number: int
    """Its place, from 1."""
    at: datetime
    """When."""
    event: str
    """What: one of `Event`."""
    about: str
    """Handle of whose information it is."""
    owner: str
    """Handle of whose agent spoke, or who decided."""
    counterpart: str
    """Handle of who learned it, or would have."""
    task: str = ""
    """Name of the talk."""
    turn: int = 0
    """Of the talk."""
    purpose: str = ""
    """What for."""
    messages: tuple[int, ...] = ()
    """Messages of the owner's that it tells of: the evidence."""
    rule: str = ""
    """The rules that allowed it, or did not."""
    approver: str = ""
    """``"policy"``, or the handle of who agreed."""
    digest: str = ""
    """Of the text, with its salt."""
    seal: str = ""
    """Of the salt."""
    previous: str = FIRST
    """Hash of the entry before."""
    hash: str = ""
    """Of all of this."""


@dataclass(frozen=True, slots=True)
class Head:
    """The end of a chain: to be noted elsewhere by who trusts nobody."""

    count: int
    """Entries."""
    hash: str
    """Of the last one."""


@dataclass(frozen=True, slots=True)
class Soundness:
    """What checking a log found."""

    checked: int
    """Entries that were read."""
    problems: tuple[str, ...] = ()
    """What is wrong, in words; empty when nothing is."""

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems


class AuditLog:
    """The log of a store.

    Parameters
    ----------
    store
        Whose database it is in; the tables are made when they are not there.
    key
        Of whoever serves it, kept outside the database; without one, the chain shows changes to everybody who does not
        also know how to make a chain.
    clock
        Gives the time.

    Examples
    --------
    >>> from consilience.methods.social_agents.database import Database
    >>> log = AuditLog(Database(":memory:"))
    >>> entry = log.add("disclosed", owner="ann", counterpart="bea", messages=[12], text="On Friday.")
    >>> [one.messages for one in log.revealed_about("ann")], log.matches(entry, "On Friday."), log.verify().ok
    ([(12,)], True, True)
    """

    def __init__(
        self, store: Opens, *, key: bytes = b"", clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._store = store
        self._key = key
        self._clock = clock
        with store.writing() as connection:
            make(connection, _METADATA)
            if connection.execute(select(_head.c.id)).first() is None:
                connection.execute(insert(_head).values(id=1, entries=0, hash=FIRST))

    def add(
        self,
        event: Event,
        *,
        owner: str,
        counterpart: str,
        about: str = "",
        task: str = "",
        turn: int = 0,
        purpose: str = "",
        messages: Iterable[int] = (),
        rule: str = "",
        approver: str = "",
        text: str | None = None,
    ) -> Entry:
        """Add an entry, and return it as it stands.

        Parameters
        ----------
        event
            What happened.
        owner
            Handle of whose agent spoke, or who decided.
        counterpart
            Handle of who learned it, or would have.
        about
            Handle of whose information it is, where that is not the owner.
        task
            Name of the talk.
        turn
            Of the talk.
        purpose
            What for.
        messages
            Numbers of the messages that it tells of.
        rule
            The rules that say so.
        approver
            Who agreed.
        text
            What was sent; only its digest is kept.

        Raises
        ------
        InvalidInput
            When there is no such event.
        """
        if event not in get_args(Event):
            raise InvalidInput(f"`event` must be one of {', '.join(get_args(Event))}; got {event!r}")
        salt = secrets.token_hex(32) if text is not None else ""
        entry = Entry(
            number=0,
            at=self._clock(),
            event=event,
            about=about or owner,
            owner=owner,
            counterpart=counterpart,
            task=task,
            turn=turn,
            purpose=purpose,
            messages=tuple(sorted(set(messages))),
            rule=rule,
            approver=approver,
            digest=_digest(salt, text) if text is not None else "",
            seal=sha256(salt.encode()).hexdigest() if salt else "",
        )
        with self._store.writing() as connection:
            return self._append(connection, entry, salt)

    def entries(self, owner: str | None = None, *, after: int = 0, most: int = 1_000) -> list[Entry]:
        """Return entries, oldest first; of one owner, what their agent said and what others said about them."""
        wanted = select(_entries).where(_entries.c.number > after).order_by(_entries.c.number).limit(most)
        if owner is not None:
            wanted = wanted.where((_entries.c.owner == owner) | (_entries.c.about == owner))
        with self._store.reading() as connection:
            return [_read(row) for row in connection.execute(wanted)]

    def revealed_about(self, owner: str) -> list[Entry]:
        """Return what was revealed of somebody's information, by whomever, oldest first."""
        wanted = (
            select(_entries)
            .where(_entries.c.about == owner, _entries.c.event.in_(("disclosed", "forwarded")))
            .order_by(_entries.c.number)
        )
        with self._store.reading() as connection:
            return [_read(row) for row in connection.execute(wanted)]

    def head(self) -> Head:
        """Return the end of the chain."""
        with self._store.reading() as connection:
            return _head_of(connection)

    def matches(self, entry: Entry, text: str) -> bool | None:
        """Whether an entry is about that text; None when its salt has been forgotten."""
        with self._store.reading() as connection:
            salt = connection.execute(select(_salt.c.salt).where(_salt.c.number == entry.number)).scalar()
        return None if salt is None else hmac.compare_digest(_digest(salt, text), entry.digest)

    def forget_texts(self, owner: str, *, messages: Iterable[int] | None = None) -> int:
        """Make it impossible to tell from the log what was sent, and return for how many entries.

        Parameters
        ----------
        owner
            Handle of whose information it is.
        messages
            Only entries that tell of one of these messages; None for all.
        """
        wanted = None if messages is None else frozenset(messages)
        with self._store.writing() as connection:
            rows = connection.execute(select(_entries).where(_entries.c.about == owner, _entries.c.digest != ""))
            kept = set(connection.execute(select(_salt.c.number)).scalars())
            found = [
                one.number
                for one in map(_read, rows)
                if one.number in kept and (wanted is None or not wanted.isdisjoint(one.messages))
            ]
            for start in range(0, len(found), 500):
                part = found[start : start + 500]
                connection.execute(delete(_salt).where(_salt.c.number.in_(part)))
                about = Entry(
                    number=0,
                    at=self._clock(),
                    event="forgotten",
                    about=owner,
                    owner=owner,
                    counterpart="",
                    rule="entries " + ",".join(map(str, part)),
                    approver=owner,
                )
                self._append(connection, about, "")
        return len(found)

    def verify(self, noted: Head | None = None) -> Soundness:
        """Read the whole log as it is at one moment, and return what is wrong with it; others may go on writing.

        Parameters
        ----------
        noted
            An end of the chain that was noted earlier.
        """
        try:
            with self._store.reading() as connection:
                if connection.dialect.name == "postgresql":  # else each statement is of a moment of its own
                    connection.execution_options(isolation_level="REPEATABLE READ")
                rows = connection.execute(select(_entries).order_by(_entries.c.number)).all()
                salts = {row.number: row.salt for row in connection.execute(select(_salt))}
                head = _head_of(connection)
        except (InvalidInput, DBAPIError) as error:
            return Soundness(0, (f"the log cannot be read: {str(error).partition(chr(10))[0]}",))
        problems = list(self._breaks(rows))
        if head != Head(len(rows), rows[-1].hash if rows else FIRST):
            problems.append(f"the chain ends at entry {len(rows)}, and its end was kept as {head.count}")
        if noted is not None and not _continues(rows, noted):
            problems.append(f"the chain does not go through the end that was noted at entry {noted.count}")
        problems += _wrong_salts(rows, salts)
        return Soundness(len(rows), tuple(problems))

    def _breaks(self, rows: Sequence[Any]) -> Iterator[str]:
        previous = FIRST
        for place, row in enumerate(rows, 1):
            if row.number != place:
                yield f"entry {place} is missing; what stands there is {row.number}"
                return
            if row.previous != previous:
                yield f"entry {place} does not follow on the one before it"
            if row.hash != self._hash(row._mapping):  # noqa: SLF001  a public attribute of rows
                yield f"entry {place} is not as it was written"
            previous = row.hash

    def _append(self, connection: Connection, entry: Entry, salt: str) -> Entry:
        head = _head_of(connection, lock=True)
        entry = replace(entry, number=head.count + 1, previous=head.hash)
        row = _written(entry)
        row["hash"] = self._hash(row)
        connection.execute(insert(_entries).values(row))
        connection.execute(updated(_head).where(_head.c.id == 1).values(entries=entry.number, hash=row["hash"]))
        if salt:
            connection.execute(insert(_salt).values(number=entry.number, salt=salt))
        return replace(entry, hash=row["hash"])

    def _hash(self, row: Any) -> str:
        """Return the hash of all columns, each with its length before it."""
        parts = [
            str(row[column.name]).encode("utf-8", "surrogatepass") for column in _entries.c if column.name != "hash"
        ]
        body = b"".join(b"%d:%s," % (len(part), part) for part in parts)
        return hmac.new(self._key, body, sha256).hexdigest() if self._key else sha256(body).hexdigest()


def make(connection: Connection, tables: MetaData) -> None:
    """Make tables that are not there; of two who try at once on a server, one waits."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_MAKING})")
    tables.create_all(connection)


def _digest(salt: str, text: str) -> str:
    return sha256(f"{salt}\n{text}".encode("utf-8", "surrogatepass")).hexdigest()


def _head_of(connection: Connection, *, lock: bool = False) -> Head:
    wanted = select(_head.c.entries, _head.c.hash).where(_head.c.id == 1)
    row = connection.execute(wanted.with_for_update() if lock else wanted).first()
    if row is None:
        raise InvalidInput("the audit log must have its end; it is gone: restore the database from a copy")
    return Head(row.entries, row.hash)


def _written(entry: Entry) -> dict[str, Any]:
    row = {one.name: getattr(entry, one.name) for one in fields(entry)}
    return row | {"at": to_us(entry.at), "messages": json.dumps(entry.messages)}


def _read(row: Any) -> Entry:
    found = dict(row._mapping)  # noqa: SLF001  a public attribute of rows
    return Entry(**(found | {"at": from_us(found["at"]), "messages": tuple(json.loads(found["messages"]))}))


def _continues(rows: Sequence[Any], noted: Head) -> bool:
    if noted.count == 0:
        return noted.hash == FIRST
    return 0 < noted.count <= len(rows) and bool(rows[noted.count - 1].hash == noted.hash)


def _wrong_salts(rows: Sequence[Any], salts: dict[Any, Any]) -> Iterator[str]:
    """Say which salts are not those that were sealed, or are gone though nobody forgot them."""
    forgotten = {
        number
        for row in rows
        if row.event == "forgotten"
        for number in str(row.rule).removeprefix("entries ").split(",")
    }
    sealed = {row.number: row.seal for row in rows if row.seal}
    for number, seal in sealed.items():
        salt = salts.get(number)
        if salt is None and str(number) not in forgotten:
            yield f"the salt of entry {number} is gone, and nobody forgot it"
        elif salt is not None and (str(number) in forgotten or sha256(str(salt).encode()).hexdigest() != seal):
            yield f"the salt of entry {number} is not the one that was sealed"
    yield from (f"there is a salt for entry {number}, which has none" for number in salts if number not in sealed)
