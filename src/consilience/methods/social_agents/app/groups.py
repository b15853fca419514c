"""Groups: chats of several people. Who is in a group when something is written reads it, and nobody else ever does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import BigInteger, Column, Integer, MetaData, Table, Text, delete, insert, select

from consilience.ground.errors import InvalidInput
from consilience.methods.social_agents.app.chats import LONGEST_MESSAGE, SHOWN
from consilience.methods.social_agents.audit import make
from consilience.methods.social_agents.records import Message, NewMessage, Person
from consilience.methods.social_agents.store import Store

__all__ = ["LONGEST_TITLE", "MOST_MEMBERS", "Group", "Groups"]

LONGEST_TITLE = 80
"""Characters of what a group is called."""
MOST_MEMBERS = 50
"""People of a group."""

_METADATA = MetaData()
_Whole = BigInteger().with_variant(Integer(), "sqlite")
_group = Table(
    "group_chat",
    _METADATA,
    Column("conversation", _Whole, primary_key=True, autoincrement=False),
    Column("made_by", _Whole, nullable=False),
    Column("title", Text, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Group:
    """A chat of several people."""

    id: int
    """Number of its conversation."""
    title: str
    made_by: int
    """Number of who made it; they may do what every member may."""


class Groups:
    """The groups of a store.

    Parameters
    ----------
    store
        Where the messages are.
    clock
        Gives the time.

    Examples
    --------
    >>> with Store.open(":memory:") as store:
    ...     ann, ben = (store.add_person(name.lower(), name) for name in ("Ann", "Ben"))
    ...     groups = Groups(store)
    ...     choir = groups.make(ann, "Choir", [ben])
    ...     number = groups.send(choir, ann, "Tuesday at seven?")
    ...     left = groups.leave(choir, ben)
    ...     number = groups.send(choir, ann, "Ben is gone.")
    ...     [one.text for one in groups.messages(choir, ben)], groups.has(choir, ben)
    (['Tuesday at seven?'], False)
    """

    def __init__(self, store: Store, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._store = store
        self._clock = clock
        with store.writing() as connection:
            make(connection, _METADATA)

    def make(self, founder: Person, title: str, others: Sequence[Person]) -> Group:
        """Make a group.

        Raises
        ------
        InvalidInput
            When it has no title, nobody but its founder, or too many.
        """
        title = " ".join(title.split())
        if not 0 < len(title) <= LONGEST_TITLE:
            raise InvalidInput(f"a group has a name of 1 to {LONGEST_TITLE} characters; got {len(title)}")
        members = {one.id: one for one in (founder, *others)}
        if not 1 < len(members) <= MOST_MEMBERS:
            raise InvalidInput(f"a group has 2 to {MOST_MEMBERS} people; got {len(members)}: choose who is in it")
        number = self._store.conversation(list(members.values()), title=title, began_at=self._clock())
        with self._store.writing() as connection:
            connection.execute(insert(_group).values(conversation=number, made_by=founder.id, title=title))
        return Group(number, title, founder.id)

    def find(self, number: int) -> Group | None:
        """Return a group; None where there is none."""
        with self._store.reading() as connection:
            row = connection.execute(select(_group).where(_group.c.conversation == number)).first()
        return None if row is None else Group(row.conversation, row.title, row.made_by)

    def of(self, person: Person) -> list[Group]:
        """Return the groups that somebody is or was in."""
        numbers = [number for number, _ in self._store.conversations_of(person)]
        wanted = select(_group).where(_group.c.conversation.in_(numbers)).order_by(_group.c.conversation.desc())
        with self._store.reading() as connection:
            return [Group(row.conversation, row.title, row.made_by) for row in connection.execute(wanted)]

    def members(self, group: Group) -> list[Person]:
        """Return who is in it now."""
        return self._store.members(group.id, self._clock())

    def has(self, group: Group, person: Person) -> bool:
        """Whether somebody is in it now."""
        return person.id in {one.id for one in self.members(group)}

    def had(self, group: Group, person: Person) -> bool:
        """Whether somebody is or was in it."""
        return group.id in {number for number, _ in self._store.conversations_of(person)}

    def add(self, group: Group, person: Person) -> bool:
        """Let somebody in, who reads what is written from now on; return whether they were out.

        Raises
        ------
        InvalidInput
            When the group is full.
        """
        members = self.members(group)
        if person.id in {one.id for one in members}:
            return False
        if len(members) >= MOST_MEMBERS:
            raise InvalidInput(f"a group has at most {MOST_MEMBERS} people; {group.title!r} is full")
        self._store.join(group.id, person, self._clock())
        return True

    def leave(self, group: Group, person: Person) -> bool:
        """Let somebody go, who keeps what they have read; return whether they were in."""
        if not self.has(group, person):
            return False
        self._store.leave(group.id, person, self._clock())
        return True

    def send(self, group: Group, sender: Person, text: str) -> int:
        """Write to a group, and return the number of the message.

        Raises
        ------
        InvalidInput
            When there is nothing to send, too much, or the sender is not in it.
        """
        if not text.strip() or len(text) > LONGEST_MESSAGE:
            raise InvalidInput(f"a message has 1 to {LONGEST_MESSAGE:,} characters; got {len(text.strip()):,}")
        if not self.has(group, sender):
            raise InvalidInput(f"who writes to a group must be in it; {sender.handle!r} is not")
        told = text.replace("\r\n", "\n").strip()
        (number,) = self._store.add_messages([NewMessage(group.id, sender.id, self._clock(), told, "group")]).ids
        return number

    def forget(self, conversation: int) -> None:
        """Let a conversation be no group any more, if it is one."""
        with self._store.writing() as connection:
            connection.execute(delete(_group).where(_group.c.conversation == conversation))

    def messages(self, group: Group, reader: Person) -> list[Message]:
        """Return the last of what somebody has read in it, oldest first."""
        return self._store.memory(reader).recent(group.id, SHOWN)
