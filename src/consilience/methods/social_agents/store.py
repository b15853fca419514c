"""The store: people, conversations and messages in one database, a file or a server's."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from types import TracebackType

from sqlalchemy import Connection, text

from consilience.ground.errors import InvalidInput
from consilience.methods.social_agents import acquaintance, adding, attending, forgetting, hiding
from consilience.methods.social_agents.acquaintance import PERSON, Who, person_of
from consilience.methods.social_agents.database import Database
from consilience.methods.social_agents.embedding import Embedder, HashedNgrams
from consilience.methods.social_agents.fuzzy import Summarise, extract
from consilience.methods.social_agents.memory import Memory
from consilience.methods.social_agents.records import Added, NewMessage, Person, Receipt, to_us
from consilience.methods.social_agents.words import kept

__all__ = ["Store", "Who"]

IMPORTED = "~"
"""What the handles of people begin with whom an import made; they have no account."""


class Store:
    """Everybody's messages. Whoever runs the agents holds it; an agent gets the `Memory` of its own person.

    Parameters
    ----------
    database
        Where they lie; use `Store.open`.
    embedder
        What makes vectors of episodes.
    summarise
        What makes their summaries.

    Examples
    --------
    >>> from datetime import UTC
    >>> from consilience.methods.social_agents.records import Query
    >>> noon = datetime(2024, 5, 2, 12, tzinfo=UTC)
    >>> with Store.open(":memory:") as store:
    ...     ann, bea, cyd = (store.add_person(name.lower(), name) for name in ("Ann", "Bea", "Cyd"))
    ...     chat = store.conversation([ann, bea])
    ...     added = store.add_messages([NewMessage(chat, ann.id, noon, "My dentist is on Monday at 10:15")])
    ...     found = [
    ...         [hit.message.text for hit in store.memory(one).search(Query(words=("dentists",)))] for one in (bea, cyd)
    ...     ]
    >>> found
    [['My dentist is on Monday at 10:15'], []]
    """

    def __init__(self, database: Database, embedder: Embedder, summarise: Summarise) -> None:
        self._database = database
        self._embedder = embedder
        self._summarise = summarise

    @classmethod
    def open(
        cls,
        place: str | Path,
        *,
        embedder: Embedder | None = None,
        summarise: Summarise = extract,
        wait_s: float = 10.0,
    ) -> Store:
        """Open a store, made if there is none and brought to the newest form if it is older.

        Parameters
        ----------
        place
            A file, ``":memory:"``, or ``"postgresql://user@host/database"``.
        embedder
            `HashedNgrams` where none is given.
        summarise
            Given the messages of an episode, returns what they are about.
        wait_s
            How long to wait for somebody else who writes.

        Raises
        ------
        InvalidInput
            When the place is none, or holds something else.
        MissingDependency
            When a library is absent.
        StoreLocked, StoreUnavailable
            When it cannot be reached now.
        """
        return cls(Database(place, wait_s=wait_s), embedder or HashedNgrams(), summarise)

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the database; twice does no harm."""
        self._database.close()

    def reading(self) -> AbstractContextManager[Connection]:
        """Give a connection to the room's other tables (accounts, consent, audit). Agents never get one."""
        return self._database.reading()

    def writing(self) -> AbstractContextManager[Connection]:
        """Give a connection within a transaction that comes to be as a whole; for the room's other tables."""
        return self._database.writing()

    # People.

    def add_person(self, handle: str, name: str, card: str = "") -> Person:
        """Add somebody.

        Parameters
        ----------
        handle
            1 to 64 characters without spaces, slashes and colons; nobody may have the same in other case, nor what
            rules call many people by, such as ``family`` or ``new``.
        name
            As others see it; several people may have one.
        card
            What everybody may know of them.

        Raises
        ------
        InvalidInput
            When the handle is none, reserved or taken, or the name is empty.
        """
        with self._database.writing() as connection:
            return acquaintance.add_person(connection, handle, name, card)

    def set_card(self, who: Who, card: str) -> None:
        """Let a person's card say something else."""
        person = self.person(who)
        with self._database.writing() as connection:
            change = text("UPDATE person SET card = :card WHERE id = :id")
            connection.execute(change, {"id": person.id, "card": kept(card)})

    def person(self, who: Who) -> Person:
        """Return somebody as they stand in the store.

        Raises
        ------
        UnknownName
            When there is no such person.
        """
        with self._database.reading() as connection:
            return person_of(connection, who)

    def people(self, *, imported: bool = False) -> list[Person]:
        """Return everybody, in the order they came.

        Parameters
        ----------
        imported
            Whether also those whom only an import made, whose handles begin with ``~``: they are nobody's contacts.
        """
        some = "" if imported else f"WHERE handle NOT LIKE '{IMPORTED}%' "
        with self._database.reading() as connection:
            return [Person(*row) for row in connection.execute(text(f"{PERSON} {some}ORDER BY id"))]

    # Contacts.

    def request(self, asker: Who, asked: Who) -> None:
        """Ask somebody to be a contact; whoever was asked by them before, accepts by it."""
        with self._database.writing() as connection:
            acquaintance.request(connection, asker, asked)

    def accept(self, asked: Who, asker: Who) -> None:
        """Accept what somebody asked.

        Raises
        ------
        InvalidInput
            When they did not ask.
        """
        with self._database.writing() as connection:
            acquaintance.accept(connection, asked, asker)

    def withdraw(self, one: Who, other: Who) -> None:
        """End a contact or a request, whoever of the two asked."""
        with self._database.writing() as connection:
            acquaintance.withdraw(connection, one, other)

    def contacts_of(self, who: Who) -> list[Person]:
        """Return those with whom a person is in contact, both having agreed."""
        return self.memory(who).friends()

    def are_contacts(self, one: Who, other: Who) -> bool:
        """Whether two people are in contact now; whoever is not there is in contact with nobody who is."""
        key = other.id if isinstance(other, Person) else other
        return any(key in (each.id, each.handle) for each in self.contacts_of(one))

    def requests_of(self, who: Who) -> list[Person]:
        """Return those who ask a person to be a contact."""
        statement = text(
            "SELECT p.id, p.handle, p.name, p.card FROM contact c JOIN person p ON p.id = c.asker "
            "WHERE c.asked = :id AND c.accepted = 0 ORDER BY p.id"
        )
        with self._database.reading() as connection:
            values = {"id": person_of(connection, who).id}
            return [Person(*row) for row in connection.execute(statement, values)]

    # Conversations.

    def conversation(self, members: Sequence[Who], *, title: str = "", began_at: datetime | None = None) -> int:
        """Begin a conversation and return its number.

        Parameters
        ----------
        members
            Who is in it from the beginning.
        title
            What it is called.
        began_at
            Since when they read it; since ever where nothing is given.
        """
        if not members:
            raise InvalidInput("a conversation must have somebody in it; got no members")
        with self._database.writing() as connection:
            return attending.begin(connection, members, title, began_at)

    def conversations_of(self, who: Who) -> list[tuple[int, str]]:
        """Return number and title of the conversations that a person is or was in."""
        with self._database.reading() as connection:
            return attending.conversations_of(connection, who)

    def members(self, conversation: int, at: datetime | None = None) -> list[Person]:
        """Return who is in a conversation at a time; now where none is given."""
        with self._database.reading() as connection:
            return attending.members(connection, conversation, at)

    def join(self, conversation: int, who: Who, at: datetime) -> None:
        """Let somebody read what is added from now on and was sent from `at` on.

        Who may read a message is decided when it is added: what is there already, stays as it is.
        """
        with self._database.writing() as connection:
            attending.join(connection, conversation, who, at)

    def leave(self, conversation: int, who: Who, at: datetime) -> None:
        """Let somebody not read what is sent from `at` on; what they read before, they keep."""
        with self._database.writing() as connection:
            attending.leave(connection, conversation, who, at)

    # Messages.

    def add_messages(self, messages: Iterable[NewMessage], *, readers: Iterable[Who] | None = None) -> Added:
        """Add messages, all of them or none; those known by source and name there are passed over.

        Parameters
        ----------
        messages
            What was said.
        readers
            Who may read them, and nobody else, not even their senders: as of a chat that one of several brings along.
            Where nothing is given, whoever was in the conversation when a message was sent, by its own time, may read
            it; so may its sender.

        Raises
        ------
        InvalidInput
            When there is no such conversation, the sender never was in it, a time has no zone, a text is too long, or
            there is nobody among the readers.
        UnknownName
            When a reader is nobody.
        StoreLocked, StoreUnavailable
            When nothing could be written.
        """
        with self._database.writing() as connection:
            only = None if readers is None else frozenset(person_of(connection, who).id for who in readers)
            if only is not None and not only:
                raise InvalidInput("`readers` must name somebody: what nobody reads is in no memory; got none")
            return adding.add(connection, messages, only)

    def edit(self, message: int, told: str, at: datetime) -> None:
        """Let a message have another text; the one before is kept as a version, and is found no more."""
        with self._database.writing() as connection:
            adding.change(connection, message, told, to_us(at), blank_versions=False)

    def redact(self, message: int, at: datetime) -> None:
        """Let a message and all its versions be empty. It was there, and when, is still known."""
        with self._database.writing() as connection:
            adding.change(connection, message, "", to_us(at), blank_versions=True)

    def label(self, message: int, label: str) -> None:
        """Say what kind of thing a message tells."""
        with self._database.writing() as connection:
            change = text("UPDATE message SET label = :label WHERE id = :id")
            if not connection.execute(change, {"id": message, "label": kept(label)}).rowcount:
                raise InvalidInput(f"a message to label must be there; there is none of number {message}")
        hiding.forget(self._database)

    # Reading and forgetting.

    def memory(self, who: Who) -> Memory:
        """Return the memory of one person: all that their agent is ever given."""
        return Memory(self._database, self.person(who), self._embedder, self._summarise)

    def forget(
        self, *, owner: Who | None = None, conversation: int | None = None, messages: Iterable[int] | None = None
    ) -> Receipt:
        """Delete to the byte: rows, index, versions, summaries, vectors, and what is left of them in the files.

        Parameters
        ----------
        owner
            What this person remembers; messages that others hold stay with them.
        conversation
            A conversation, for everybody in it.
        messages
            Messages, for everybody.

        Raises
        ------
        InvalidInput
            When not exactly one of them is given.
        StoreLocked
            When somebody else writes; or reads, so that all is deleted but bytes stay in the log for now.
        StoreUnavailable
            When there is no room: to delete, or to write the files anew after that; it says which.
        """
        given = [each for each in (owner, conversation, messages) if each is not None]
        if len(given) != 1:
            raise InvalidInput(f"one of `owner`, `conversation` and `messages` must be given; got {len(given)}")
        with self._database.writing() as connection:
            if owner is not None:
                receipt = forgetting.forget_owner(connection, person_of(connection, owner).id)
            elif conversation is not None:
                receipt = forgetting.forget_conversation(connection, conversation)
            else:
                receipt = forgetting.forget_messages(connection, messages or ())
        forgetting.wipe(self._database)
        return receipt
