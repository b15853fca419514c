"""Accounts: who may sign in, by which password, in which session, and on whose invitation.

Passwords lie in the database as argon2id (`passwords`), sessions and invitations as digests of their tokens: who reads
the database can sign in as nobody. A session gets another token every hour; the one before it goes on for a minute, for
requests that are under way. Nobody is told whether there is an account: a wrong handle takes as long as a wrong
password.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any
from unicodedata import normalize

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    delete,
    insert,
    select,
    text,
)
from sqlalchemy import update as updated

from consilience.ground.errors import InvalidInput
from consilience.methods.social_agents.app.passwords import Passwords, Strength
from consilience.methods.social_agents.audit import make
from consilience.methods.social_agents.records import Person, from_us, to_us
from consilience.methods.social_agents.store import Store
from consilience.methods.social_agents.words import kept

__all__ = ["Account", "Accounts", "Invite", "Session", "Strength"]

LONGEST_NAME = 100
RENEWED_AFTER = timedelta(hours=1)
"""When a session gets another token."""
OVERLAP = timedelta(minutes=1)
"""How long the token before it goes on."""
IDLE = timedelta(days=14)
"""Without a visit for so long, a session ends."""
LONGEST_SESSION = timedelta(days=60)
"""When a session ends in any case."""
INVITED_FOR = timedelta(days=3)

_HANDLE = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,30}[a-z0-9])?")
_OF_HANDLE = text(
    "SELECT a.person, a.password FROM account a JOIN person p ON p.id = a.person WHERE lower(p.handle) = lower(:handle)"
)
_METADATA = MetaData()
_Whole = BigInteger().with_variant(Integer(), "sqlite")
_account = Table(
    "account",
    _METADATA,
    Column("person", _Whole, primary_key=True, autoincrement=False),
    Column("password", Text, nullable=False),
    Column("admin", Integer, nullable=False),
    Column("suspended", Integer, nullable=False),
    Column("made_at", BigInteger, nullable=False),
)
_session = Table(
    "account_session",
    _METADATA,
    Column("digest", String(64), primary_key=True),
    Column("person", _Whole, nullable=False, index=True),
    Column("csrf", String(64), nullable=False),
    Column("begun_at", BigInteger, nullable=False),
    Column("renewed_at", BigInteger, nullable=False),
    Column("until", BigInteger, nullable=False),
)
_invite = Table(
    "account_invite",
    _METADATA,
    Column("digest", String(64), primary_key=True),
    Column("made_by", _Whole),
    Column("handle", String(64), nullable=False),
    Column("admin", Integer, nullable=False),
    Column("until", BigInteger, nullable=False),
    Column("used", Integer, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody who may sign in."""

    person: Person
    admin: bool
    suspended: bool
    made_at: datetime


@dataclass(frozen=True, slots=True)
class Session:
    """A signed-in browser."""

    token: str
    """What opens it; nowhere but here and in the browser."""
    account: Account
    csrf: str
    """What every form of it holds."""
    renewed: bool = False
    """Whether the token is new, so that the browser has to be given it."""

    @property
    def person(self) -> Person:
        """Whose it is."""
        return self.account.person


@dataclass(frozen=True, slots=True)
class Invite:
    """An invitation that may be used once."""

    made_by: int | None
    """Number of who made it; None for that of the one who starts the server."""
    handle: str
    """Handle of whom it is for; empty where they choose one."""
    admin: bool
    until: datetime


class Accounts:
    """The accounts of a store.

    Parameters
    ----------
    store
        Whose people they are.
    strength
        Of the hashes.
    clock
        Gives the time.

    Examples
    --------
    >>> with Store.open(":memory:") as store:
    ...     accounts = Accounts(store, strength=Strength(1, 8, 1))
    ...     ann = accounts.join(accounts.invite(admin=True), handle="ann", name="Ann", password="a long password")
    ...     session = accounts.sign_in("ann", "a long password")
    ...     wrong = accounts.sign_in("ann", "another password")
    ...     accounts.person_of(session.token), wrong, accounts.person_of("made up")
    ('ann', None, None)
    """

    def __init__(
        self,
        store: Store,
        *,
        strength: Strength | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._store = store
        self._clock = clock
        self._passwords = Passwords(strength or Strength())
        with store.writing() as connection:
            make(connection, _METADATA)

    # Invitations.

    def invite(self, *, by: Person | None = None, handle: str = "", admin: bool = False) -> str:
        """Make an invitation, and return the token of its link.

        Parameters
        ----------
        by
            Who invites; whoever comes is asked to be their contact.
        handle
            Of somebody with messages and without an account, whose memory it opens; empty for somebody new.
        admin
            Whether who comes may invite others.

        Raises
        ------
        UnknownName
            When there is nobody of that handle.
        InvalidInput
            When they have an account.
        """
        if handle and self._account(self._store.person(handle).id) is not None:
            raise InvalidInput(f"an invitation is for somebody without an account; {handle!r} has one")
        token = secrets.token_urlsafe(32)
        row = {
            "digest": _digest(token),
            "made_by": None if by is None else by.id,
            "handle": handle,
            "admin": int(admin),
            "until": to_us(self._clock() + INVITED_FOR),
            "used": 0,
        }
        with self._store.writing() as connection:
            connection.execute(delete(_invite).where((_invite.c.until < to_us(self._clock())) | (_invite.c.used == 1)))
            connection.execute(insert(_invite).values(row))
        return token

    def invited(self, token: str) -> Invite | None:
        """Return the invitation of a link; None where it is used, too old, or none."""
        wanted = select(_invite).where(
            _invite.c.digest == _digest(token), _invite.c.used == 0, _invite.c.until > to_us(self._clock())
        )
        with self._store.reading() as connection:
            row = connection.execute(wanted).first()
        return None if row is None else Invite(row.made_by, row.handle, bool(row.admin), from_us(row.until))

    def join(self, token: str, *, handle: str, name: str, password: str, card: str = "") -> Account:
        """Make the account of somebody who was invited; the invitation is used by it.

        Raises
        ------
        InvalidInput
            When the invitation is none, the handle is taken, reserved (`policy.RESERVED`) or no handle, or the password
            is too short or too long.
        """
        invite = self.invited(token)
        if invite is None:
            raise InvalidInput("an invitation may be used once and within three days; ask for another one")
        handle = invite.handle or handle.strip().casefold()
        if not invite.handle and not _HANDLE.fullmatch(handle):
            raise InvalidInput("a handle has 1 to 32 of the letters a to z, digits and . _ - between them")
        if not invite.handle and not 0 < len(name.strip()) <= LONGEST_NAME:
            raise InvalidInput(f"a name has 1 to {LONGEST_NAME} characters")
        hashed = self._passwords.hashed(password, handle)
        digest = _digest(token)
        with self._store.writing() as connection:
            used = connection.execute(
                updated(_invite).where(_invite.c.digest == digest, _invite.c.used == 0).values(used=1)
            )
            if used.rowcount != 1:
                raise InvalidInput("an invitation may be used once; ask for another one")
        try:
            person = self._store.person(handle) if invite.handle else self._store.add_person(handle, name.strip(), card)
            account = Account(person, invite.admin, suspended=False, made_at=self._clock())
            row = {"person": person.id, "password": hashed, "made_at": to_us(account.made_at)}
            with self._store.writing() as connection:
                if connection.execute(select(_account.c.person).where(_account.c.person == person.id)).first():
                    raise InvalidInput(f"the handle {handle!r} is taken; choose another one")  # noqa: TRY301
                connection.execute(insert(_account).values(admin=int(invite.admin), suspended=0, **row))
        except BaseException:
            with self._store.writing() as connection:
                connection.execute(updated(_invite).where(_invite.c.digest == digest).values(used=0))
            raise
        if invite.made_by is not None and invite.made_by != person.id:
            self._store.request(invite.made_by, person)
        return account

    # Sessions.

    def sign_in(self, handle: str, password: str) -> Session | None:
        """Begin a session; None where handle and password are not those of an account that may, or not any more."""
        account, hashed = self._found(handle.strip())
        fits = self._passwords.fit(hashed, password)
        if not fits or account is None or account.suspended or hashed is None:
            return None
        again = self._passwords.renewed(hashed, password)
        if again is not None and self._put_password(account.person, again, instead_of=hashed):
            hashed = again
        return self._begun(account, hashed)

    def let_in(self, person: Person) -> Session | None:
        """Begin a session of somebody whose password was not asked for: of a demo's made-up people only."""
        account = self._account(person.id)
        return None if account is None or account.suspended else self._begun(account)

    def session(self, token: str, *, renew: bool = False) -> Session | None:
        """Return the session that a token opens; None where it opens none.

        Parameters
        ----------
        token
            As the browser holds it.
        renew
            Whether it may get another token now, if it is time.
        """
        now = self._clock()
        with self._store.reading() as connection:
            row = connection.execute(
                select(_session).where(_session.c.digest == _digest(token), _session.c.until > to_us(now))
            ).first()
        if row is None or now - from_us(row.begun_at) > LONGEST_SESSION:
            return None
        account = self._account(row.person)
        if account is None or account.suspended:
            return None
        session = Session(token, account, row.csrf)
        return self._renewed(session, row) if renew and now - from_us(row.renewed_at) >= RENEWED_AFTER else session

    def person_of(self, token: str) -> str | None:
        """Return the handle of whose session a token opens: for `ConsentQueue`."""
        session = self.session(token)
        return None if session is None else session.person.handle

    def sign_out(self, session: Session, *, everywhere: bool = False, elsewhere: bool = False) -> None:
        """End a session, all sessions of its person, or all but this one."""
        if elsewhere:
            which = [_session.c.csrf != session.csrf]
        else:
            which = [] if everywhere else [_session.c.csrf == session.csrf]  # that of the token before it, too
        with self._store.writing() as connection:
            self._end(connection, session.person, *which)

    def sessions(self, person: Person) -> int:
        """Return how many browsers somebody is signed in with."""
        wanted = select(_session.c.csrf).where(_session.c.person == person.id, _session.c.until > to_us(self._clock()))
        with self._store.reading() as connection:
            return len(set(connection.execute(wanted).scalars()))

    # People with accounts.

    def accounts(self) -> list[Account]:
        """Return all accounts, in the order they were made."""
        with self._store.reading() as connection:
            numbers = list(connection.execute(select(_account.c.person).order_by(_account.c.made_at)).scalars())
        return [account for number in numbers if (account := self._account(number)) is not None]

    def has_account(self, person: Person) -> bool:
        """Whether somebody may sign in, and is not suspended."""
        account = self._account(person.id)
        return account is not None and not account.suspended

    def suspend(self, person: Person, *, suspended: bool = True) -> None:
        """End all sessions of somebody and let them begin none, or let them again.

        Raises
        ------
        InvalidInput
            When nobody would be left who may invite others.
        """
        with self._store.writing() as connection:
            others = select(_account.c.person).where(
                _account.c.admin == 1, _account.c.suspended == 0, _account.c.person != person.id
            )
            if suspended and connection.execute(others).first() is None:
                raise InvalidInput("somebody has to be left who may invite others; there is no other admin")
            change = updated(_account).where(_account.c.person == person.id).values(suspended=int(suspended))
            connection.execute(change)
            self._end(connection, person)

    def remove(self, person: Person) -> None:
        """Take an account away with its password and sessions; the person stays, for what others have read of them."""
        with self._store.writing() as connection:
            self._end(connection, person)
            connection.execute(delete(_account).where(_account.c.person == person.id))
            connection.execute(delete(_invite).where(_invite.c.handle == person.handle))

    def change_password(self, session: Session, old: str, new: str) -> bool:
        """Change a password, end all other sessions, and return whether the old one was right."""
        _, hashed = self._found(session.person.handle)
        if hashed is None or not self._passwords.fit(hashed, old):
            return False
        made = self._passwords.hashed(new, session.person.handle)
        if not self._put_password(session.person, made, instead_of=hashed):
            return False
        self.sign_out(session, elsewhere=True)
        return True

    def is_password(self, session: Session, password: str) -> bool:
        """Whether a password is that of whose session it is."""
        _, hashed = self._found(session.person.handle)
        return hashed is not None and self._passwords.fit(hashed, password)

    def _begun(self, account: Account, hashed: str | None = None) -> Session | None:
        """Begin a session, unless the account may none any more or has another password than the one that was right."""
        now = self._clock()
        session = Session(secrets.token_urlsafe(32), account, secrets.token_hex(32), renewed=True)
        with self._store.writing() as connection:
            password = self._held(connection, account.person)
            if password is None or hashed not in (None, password):
                return None
            connection.execute(delete(_session).where(_session.c.until <= to_us(now)))
            connection.execute(insert(_session).values(self._row(session, begun_at=to_us(now))))
        return session

    def _renewed(self, old: Session, row: Any) -> Session:
        now = self._clock()
        new = Session(secrets.token_urlsafe(32), old.account, old.csrf, renewed=True)
        with self._store.writing() as connection:
            ending = updated(_session).where(
                _session.c.digest == _digest(old.token), _session.c.renewed_at == row.renewed_at
            )
            values = {"until": to_us(now + OVERLAP), "renewed_at": to_us(now)}
            if self._held(connection, old.person) is None or connection.execute(ending.values(values)).rowcount != 1:
                return old  # another request was there first, or the session has been ended
            connection.execute(insert(_session).values(self._row(new, begun_at=row.begun_at)))
        return new

    @staticmethod
    def _held(connection: Connection, person: Person) -> str | None:
        """Hold somebody's account and return its hash; None where there is none, or it is suspended.

        On a server, who ends sessions meanwhile waits (`_end`), and then finds what is begun or renewed here.
        """
        still = select(_account.c.password).where(_account.c.person == person.id, _account.c.suspended == 0)
        found: str | None = connection.execute(still.with_for_update(read=True)).scalar()
        return found

    @staticmethod
    def _end(connection: Connection, person: Person, *which: ColumnElement[bool]) -> None:
        """End those of somebody's sessions that fulfil conditions, once those that are begun or renewed now are there.

        What is deleted is looked for only then: a statement of its own does not see what was written while it waited.
        """
        connection.execute(select(_account.c.person).where(_account.c.person == person.id).with_for_update())
        connection.execute(delete(_session).where(_session.c.person == person.id, *which))

    def _row(self, session: Session, *, begun_at: int) -> dict[str, Any]:
        now = self._clock()
        return {
            "digest": _digest(session.token),
            "person": session.person.id,
            "csrf": session.csrf,
            "begun_at": begun_at,
            "renewed_at": to_us(now),
            "until": to_us(now + IDLE),
        }

    def _found(self, handle: str) -> tuple[Account | None, str | None]:
        """Return whose account it is; small letters or not, as handles that an import was given may have others."""
        with self._store.reading() as connection:
            row = connection.execute(_OF_HANDLE, {"handle": normalize("NFC", kept(handle))}).first()
        return (None, None) if row is None else (self._account(row.person), row.password)

    def _account(self, number: int) -> Account | None:
        with self._store.reading() as connection:
            row = connection.execute(select(_account).where(_account.c.person == number)).first()
        if row is None:
            return None
        return Account(self._store.person(number), bool(row.admin), bool(row.suspended), from_us(row.made_at))

    def _put_password(self, person: Person, hashed: str, *, instead_of: str) -> bool:
        """Keep the hash of a password, if the one before it still stands; return whether it did."""
        there = updated(_account).where(_account.c.person == person.id, _account.c.password == instead_of)
        with self._store.writing() as connection:
            return connection.execute(there.values(password=hashed)).rowcount == 1


def _digest(token: str) -> str:
    return sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
