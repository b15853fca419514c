"""Chats: what two people write to each other, in one conversation of the store, and whose tasks may begin unasked."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from sqlalchemy import BigInteger, Column, Integer, MetaData, PrimaryKeyConstraint, Table, delete, insert, select

from consilience.ground.errors import InvalidInput
from consilience.methods.social_agents.audit import make
from consilience.methods.social_agents.records import Message, NewMessage, Person
from consilience.methods.social_agents.store import Store

__all__ = ["Chats"]

LONGEST_MESSAGE = 20_000
"""Characters of a message that is typed."""
SHOWN = 200
"""Messages of a chat that are shown."""

_METADATA = MetaData()
_Whole = BigInteger().with_variant(Integer(), "sqlite")
_direct = Table(
    "direct_chat",
    _METADATA,
    Column("low", _Whole, nullable=False),
    Column("high", _Whole, nullable=False),
    Column("conversation", _Whole, nullable=False),
    PrimaryKeyConstraint("low", "high"),
)
_trust = Table(
    "standing_yes",
    _METADATA,
    Column("owner", _Whole, nullable=False),
    Column("other", _Whole, nullable=False),
    PrimaryKeyConstraint("owner", "other"),
)


class Chats:
    """The chats of two, each made when the two come into contact or first write.

    Parameters
    ----------
    store
        Where the messages are.
    clock
        Gives the time.
    """

    def __init__(self, store: Store, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._store = store
        self._clock = clock
        with store.writing() as connection:
            make(connection, _METADATA)

    def find(self, one: Person, other: Person) -> int | None:
        """Return the conversation of two, None where they have none."""
        low, high = sorted((one.id, other.id))
        wanted = select(_direct.c.conversation).where(_direct.c.low == low, _direct.c.high == high)
        with self._store.reading() as connection:
            found: int | None = connection.execute(wanted).scalar()
        return found

    def between(self, one: Person, other: Person) -> int:
        """Return the conversation of two, made if there is none; who left it to forget it, is in it again."""
        found = self.find(one, other)
        if found is not None:
            now = self._clock()
            inside = {each.id for each in self._store.members(found, now)}
            for each in (one, other):
                if each.id not in inside:
                    self._store.join(found, each, now)
            return found
        made = self._store.conversation([one, other], title=f"{one.name} and {other.name}")
        low, high = sorted((one.id, other.id))
        values = {"low": low, "high": high}
        with self._store.writing() as connection:
            there = select(_direct.c.conversation).where(_direct.c.low == low, _direct.c.high == high)
            found = connection.execute(there).scalar()
            if found is None:
                connection.execute(insert(_direct).values(conversation=made, **values))
        return made if found is None else found

    def adopt(self, one: Person, other: Person, conversation: int) -> None:
        """Let a conversation of two that is there already be their chat, if they have none."""
        low, high = sorted((one.id, other.id))
        if self.find(one, other) is None:
            with self._store.writing() as connection:
                connection.execute(insert(_direct).values(low=low, high=high, conversation=conversation))

    def send(self, sender: Person, other: Person, text: str) -> int:
        """Write to somebody, and return the number of the message.

        Raises
        ------
        InvalidInput
            When there is nothing to send, or too much.
        """
        if not text.strip() or len(text) > LONGEST_MESSAGE:
            raise InvalidInput(f"a message has 1 to {LONGEST_MESSAGE:,} characters; got {len(text.strip()):,}")
        conversation = self.between(sender, other)
        told = text.replace("\r\n", "\n").strip()
        (number,) = self._store.add_messages([NewMessage(conversation, sender.id, self._clock(), told, "chat")]).ids
        return number

    def messages(self, reader: Person, other: Person) -> list[Message]:
        """Return the last of what somebody has read in the chat with another, oldest first."""
        conversation = self.find(reader, other)
        return [] if conversation is None else self._store.memory(reader).recent(conversation, SHOWN)

    def others(self, who: Person) -> list[Person]:
        """Return all with whom somebody has, or had, a chat."""
        wanted = select(_direct.c.low, _direct.c.high).where((_direct.c.low == who.id) | (_direct.c.high == who.id))
        with self._store.reading() as connection:
            numbers = [row.high if row.low == who.id else row.low for row in connection.execute(wanted)]
        return [self._store.person(number) for number in numbers]

    def trusts(self, owner: Person, other: Person) -> bool:
        """Whether another's tasks may ask somebody's agent without asking them first."""
        wanted = select(_trust.c.owner).where(_trust.c.owner == owner.id, _trust.c.other == other.id)
        with self._store.reading() as connection:
            return connection.execute(wanted).first() is not None

    def trust(self, owner: Person, other: Person, *, yes: bool) -> None:
        """Say whether another's tasks may ask one's agent without asking first."""
        with self._store.writing() as connection:
            connection.execute(delete(_trust).where(_trust.c.owner == owner.id, _trust.c.other == other.id))
            if yes:
                connection.execute(insert(_trust).values(owner=owner.id, other=other.id))
