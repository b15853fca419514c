"""Consent: what an agent asks its person before it tells something, and what they agreed to.

Only a person's own session decides. The number of a request opens nothing, an agent holds no session, and what a model
says about its person's will is no consent. Nobody who does not answer has agreed: a request that is not answered in
time is denied. What is agreed to ends by itself, and can be withdrawn at any moment, in the middle of a talk too: every
text is judged anew.

Asked is once for a kind of thing, not for each text: while a request waits, and for a while after it was denied, the
same question is not put again.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from sqlalchemy import BigInteger, Column, Connection, Integer, MetaData, String, Table, Text, insert, select
from sqlalchemy import update as updated

from consilience.ground.errors import ConsilienceError, InvalidInput
from consilience.methods.social_agents.audit import AuditLog, Opens, make
from consilience.methods.social_agents.records import from_us, to_us

__all__ = ["Answer", "ConsentQueue", "Grant", "NotYours", "Request", "Scope"]

Answer = Literal["waiting", "allowed", "denied", "expired"]
"""Where a request stands; ``expired`` is a denial by silence."""
Scope = Literal["messages", "kind"]
"""Agreed to are these messages, or everything of their kind for the same purpose."""

LONGEST_GRANT = timedelta(days=366)
"""After which even the longest agreement ends."""

_METADATA = MetaData()
_Whole = BigInteger().with_variant(Integer(), "sqlite")
_request = Table(
    "consent_request",
    _METADATA,
    Column("id", _Whole, primary_key=True),
    *(Column(name, Text, nullable=False) for name in ("owner", "counterpart", "purpose", "task", "labels", "messages")),
    Column("answer", String(16), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("until", BigInteger, nullable=False),
    sqlite_autoincrement=True,
)
_grant = Table(
    "consent_grant",
    _METADATA,
    Column("id", _Whole, primary_key=True),
    *(Column(name, Text, nullable=False) for name in ("owner", "counterpart", "purpose", "labels", "messages")),
    Column("at", BigInteger, nullable=False),
    Column("until", BigInteger, nullable=False),
    sqlite_autoincrement=True,
)


class NotYours(ConsilienceError):
    """Somebody tried to decide what only another person's own session decides."""


@dataclass(frozen=True, slots=True)
class Request:
    """A question to a person."""

    id: int
    owner: str
    """Handle of who is asked."""
    counterpart: str
    """Handle of who would learn it."""
    purpose: str
    """What for."""
    task: str
    """Name of the talk."""
    labels: frozenset[str]
    """What kind of thing it is."""
    messages: tuple[int, ...]
    """Messages of the owner's that it is about; the owner is shown them from their own memory."""
    answer: Answer
    """Where it stands."""
    at: datetime
    """When it was put."""
    until: datetime
    """When it is denied, if nobody has answered."""


@dataclass(frozen=True, slots=True)
class Grant:
    """What a person agreed to."""

    id: int
    owner: str
    counterpart: str
    purpose: str
    labels: frozenset[str]
    """Kinds of thing."""
    messages: frozenset[int] | None
    """Only these messages; None for all of the kind."""
    until: datetime
    """When it ends."""

    def covers(self, labels: frozenset[str], message: int) -> bool:
        """Whether it is about a message with these labels: all of them, for a message tells all it is labelled with."""
        return labels <= self.labels if self.messages is None else message in self.messages


class ConsentQueue:
    """The questions that wait for people, and what they agreed to.

    Parameters
    ----------
    store
        Whose database it is in; the tables are made when they are not there.
    person_of
        Returns the handle of whose session a token opens, None for one that opens none. It belongs to whoever signs
        people in; nothing that a model writes is ever given to it.
    audit
        Where decisions are logged.
    patience
        How long a request waits.
    clock
        Gives the time.

    Examples
    --------
    >>> from consilience.methods.social_agents.database import Database
    >>> queue = ConsentQueue(Database(":memory:"), person_of={"ann's session": "ann"}.get)
    >>> request = queue.ask("ann", "bea", "friends", labels=["health"], messages=[12])
    >>> queue.granted("ann", "bea", "friends")(frozenset({"health"}), 12)
    False
    >>> queue.decide("ann's session", request.id, allow=True).answer
    'allowed'
    >>> queue.granted("ann", "bea", "friends")(frozenset({"health"}), 12)
    True
    """

    def __init__(
        self,
        store: Opens,
        *,
        person_of: Callable[[str], str | None],
        audit: AuditLog | None = None,
        patience: timedelta = timedelta(minutes=10),
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        if patience <= timedelta(0):
            raise InvalidInput(f"`patience` must be above 0; got {patience}")
        self._store = store
        self._person_of = person_of
        self._audit = audit
        self._patience = patience
        self._clock = clock
        with store.writing() as connection:
            make(connection, _METADATA)

    def ask(
        self,
        owner: str,
        counterpart: str,
        purpose: str,
        *,
        labels: Iterable[str],
        messages: Iterable[int],
        task: str = "",
    ) -> Request:
        """Put a question to a person, unless the same one waits, or was answered with no a while ago.

        The same question is one from the same side, for the same purpose, about no other kind and, where it is denied,
        about no other messages.
        """
        kinds, numbers, now = sorted(set(labels)), sorted(set(messages)), self._clock()
        with self._store.writing() as connection:
            for old in self._requests(connection, owner, counterpart=counterpart, purpose=purpose):
                covered = set(kinds) <= old.labels and set(numbers) <= set(old.messages)
                recent = old.answer in ("denied", "expired") and now < old.until + self._patience
                if covered and (old.answer == "waiting" or recent):
                    return old
            row = {
                "owner": owner,
                "counterpart": counterpart,
                "purpose": purpose,
                "task": task,
                "labels": json.dumps(kinds),
                "messages": json.dumps(numbers),
                "answer": "waiting",
                "at": to_us(now),
                "until": to_us(now + self._patience),
            }
            number = connection.execute(insert(_request).values(row)).inserted_primary_key
            request = _request_of({"id": number[0] if number else 0, **row}, now)
        self._log("asked", request)
        return request

    def waiting(self, owner: str) -> list[Request]:
        """Return what waits for a person, oldest first."""
        with self._store.reading() as connection:
            return [one for one in self._requests(connection, owner) if one.answer == "waiting"]

    def request(self, number: int) -> Request:
        """Return a request.

        Raises
        ------
        InvalidInput
            When there is none of that number.
        """
        with self._store.reading() as connection:
            row = connection.execute(select(_request).where(_request.c.id == number)).first()
        if row is None:
            raise InvalidInput(f"there must be a request of that number; got {number}")
        return _request_of(row._mapping, self._clock())  # noqa: SLF001  a public attribute of rows

    def decide(
        self,
        session: str,
        number: int,
        *,
        allow: bool,
        scope: Scope = "messages",
        lasting: timedelta = timedelta(hours=1),
    ) -> Request:
        """Answer a request, from the session of the person who is asked.

        Parameters
        ----------
        session
            Token of the person's own session.
        number
            Of the request.
        allow
            Whether they agree.
        scope
            To these messages, or to everything of their kind for the same purpose.
        lasting
            How long; at most `LONGEST_GRANT`.

        Raises
        ------
        NotYours
            When the session is not that person's, or none.
        InvalidInput
            When it has been answered, or waited too long.
        """
        person = self._person_of(session)
        request = self.request(number)
        if person is None or person != request.owner:
            raise NotYours("a request is answered by the person who is asked, from a session of their own")
        if scope not in ("messages", "kind") or not timedelta(0) < lasting <= LONGEST_GRANT:
            raise InvalidInput(
                f"`scope` must be 'messages' or 'kind' and `lasting` above 0 and at most {LONGEST_GRANT.days} days; "
                f"got {scope!r} and {lasting}"
            )
        now = self._clock()
        with self._store.writing() as connection:
            answered = connection.execute(
                updated(_request)
                .where(_request.c.id == number, _request.c.answer == "waiting", _request.c.until > to_us(now))
                .values(answer="allowed" if allow else "denied")
            )
            if answered.rowcount != 1:
                raise InvalidInput(f"request {number} must be waiting; it is {self.request(number).answer}: ask again")
            if allow:
                connection.execute(
                    insert(_grant).values(
                        owner=request.owner,
                        counterpart=request.counterpart,
                        purpose=request.purpose,
                        labels=json.dumps(sorted(request.labels)),
                        messages=json.dumps(request.messages if scope == "messages" else None),
                        at=to_us(now),
                        until=to_us(now + lasting),
                    )
                )
        self._log("granted" if allow else "denied", request)
        return self.request(number)

    async def wait(self, number: int, *, every_s: float = 0.2, at_most_s: float | None = None) -> bool:
        """Wait for an answer, and return whether the person agreed; silence is no.

        Parameters
        ----------
        number
            Of the request.
        every_s
            How often to look.
        at_most_s
            How long to wait here, at most; the request itself may go on waiting.
        """
        clock = asyncio.get_running_loop().time
        begun = clock()
        while (answer := (await self._looked_at(number)).answer) == "waiting":
            if at_most_s is not None and clock() - begun >= at_most_s:
                return False
            await asyncio.sleep(every_s)
        return answer == "allowed"

    async def _looked_at(self, number: int) -> Request:
        """Return a request; here at once."""
        return self.request(number)

    def grants(self, owner: str, counterpart: str | None = None, purpose: str | None = None) -> list[Grant]:
        """Return what a person has agreed to and has not ended."""
        wanted = select(_grant).where(_grant.c.owner == owner, _grant.c.until > to_us(self._clock()))
        if counterpart is not None:
            wanted = wanted.where(_grant.c.counterpart == counterpart)
        if purpose is not None:
            wanted = wanted.where(_grant.c.purpose == purpose)
        with self._store.reading() as connection:
            return [_grant_of(row) for row in connection.execute(wanted.order_by(_grant.c.id))]

    def granted(self, owner: str, counterpart: str, purpose: str) -> Callable[[frozenset[str], int], bool]:
        """Return what says whether a message may be told: for `Gate.check` and `Policy.sift`, read when first asked."""
        found: list[Sequence[Grant]] = []

        def covers(labels: frozenset[str], message: int) -> bool:
            if not found:
                found.append(self.grants(owner, counterpart, purpose))
            return any(grant.covers(labels, message) for grant in found[0])

        return covers

    def withdraw(self, session: str, number: int) -> None:
        """End what a person agreed to, from their own session.

        Raises
        ------
        NotYours
            When the session is not that person's, or there is no such agreement of theirs.
        """
        person = self._person_of(session)
        now = self._clock()
        with self._store.writing() as connection:
            row = connection.execute(select(_grant).where(_grant.c.id == number)).first()
            if row is None or person is None or row.owner != person:
                raise NotYours("an agreement is withdrawn by the person who made it, from a session of their own")
            ended = min(row.until, to_us(now))
            connection.execute(updated(_grant).where(_grant.c.id == number).values(until=ended))
        grant = _grant_of(row)
        if self._audit is not None:
            self._audit.add(
                "withdrawn",
                owner=grant.owner,
                counterpart=grant.counterpart,
                purpose=grant.purpose,
                messages=grant.messages or (),
                rule=", ".join(sorted(grant.labels)),
                approver=grant.owner,
            )

    def _requests(self, connection: Connection, owner: str, **where: str) -> list[Request]:
        wanted = select(_request).where(_request.c.owner == owner)
        for name, value in where.items():
            wanted = wanted.where(_request.c[name] == value)
        now = self._clock()
        rows = connection.execute(wanted.order_by(_request.c.id))
        return [_request_of(row._mapping, now) for row in rows]  # noqa: SLF001  a public attribute of rows

    def _log(self, event: Literal["asked", "granted", "denied"], request: Request) -> None:
        if self._audit is not None:
            self._audit.add(
                event,
                owner=request.owner,
                counterpart=request.counterpart,
                task=request.task,
                purpose=request.purpose,
                messages=request.messages,
                rule=", ".join(sorted(request.labels)),
                approver="" if event == "asked" else request.owner,
            )


def _request_of(row: Any, now: datetime) -> Request:
    until = from_us(row["until"])
    answer: Answer = row["answer"]
    return Request(
        row["id"],
        row["owner"],
        row["counterpart"],
        row["purpose"],
        row["task"],
        frozenset(json.loads(row["labels"])),
        tuple(json.loads(row["messages"])),
        "expired" if answer == "waiting" and now >= until else answer,
        from_us(row["at"]),
        until,
    )


def _grant_of(row: Any) -> Grant:
    messages = json.loads(row.messages)
    return Grant(
        row.id,
        row.owner,
        row.counterpart,
        row.purpose,
        frozenset(json.loads(row.labels)),
        None if messages is None else frozenset(messages),
        from_us(row.until),
    )
