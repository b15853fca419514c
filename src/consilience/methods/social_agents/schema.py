"""Tables of the memory, as the newest migration leaves them.

A message lies in the database once. Who may read it was decided when it was added: `visibility` has a row for each of
them, and the full-text index a token for each of them, so that a search walks through one owner's messages only.
An audience is a set of people who read the same messages; episodes are made for each audience apart, so that nobody's
episodes depend on what only others have read. A message is either `placed` in an episode or `loose` till that is made.

The index itself is not here: it is an FTS5 table on SQLite and a column ``search`` of `message` on PostgreSQL. Nor is
what a server may have beside it: an index of names by trigrams.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    text,
)

__all__ = ["METADATA", "Whole", "owner_token"]

METADATA = MetaData()

Whole = BigInteger().with_variant(Integer(), "sqlite")
"""A number of 64 bits in both databases; in SQLite only ``INTEGER`` may number rows."""


def owner_token(owner: int) -> str:
    """Return what stands in the index for an owner.

    No word of a text is ever read as this: texts are cut into letters and digits before they are indexed.

    Examples
    --------
    >>> owner_token(17)
    '@17'
    """
    return f"@{owner}"


person = Table(
    "person",
    METADATA,
    Column("id", Whole, primary_key=True),
    Column("handle", String(64), nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("card", Text, nullable=False),
)

contact = Table(
    "contact",
    METADATA,
    Column("asker", Whole, ForeignKey("person.id"), nullable=False),
    Column("asked", Whole, ForeignKey("person.id"), nullable=False),
    Column("accepted", Integer, nullable=False),
    PrimaryKeyConstraint("asker", "asked"),
    Index("contact_asked", "asked"),
)

conversation = Table(
    "conversation",
    METADATA,
    Column("id", Whole, primary_key=True),
    Column("title", Text, nullable=False),
)

membership = Table(
    "membership",
    METADATA,
    Column("conversation", Whole, ForeignKey("conversation.id"), nullable=False),
    Column("person", Whole, ForeignKey("person.id"), nullable=False),
    Column("since", BigInteger, nullable=False),
    Column("until", BigInteger),
    PrimaryKeyConstraint("conversation", "person", "since"),
    Index("membership_person", "person"),
)

audience = Table(
    "audience",
    METADATA,
    Column("id", Whole, primary_key=True),
    Column("owners", Text, nullable=False),
    Column("digest", String(64), nullable=False, unique=True),
)

audience_member = Table(
    "audience_member",
    METADATA,
    Column("owner", Whole, ForeignKey("person.id"), nullable=False),
    Column("audience", Whole, ForeignKey("audience.id"), nullable=False),
    PrimaryKeyConstraint("owner", "audience"),
    Index("audience_member_audience", "audience"),
)

episode = Table(
    "episode",
    METADATA,
    Column("id", Whole, primary_key=True),
    Column("conversation", Whole, ForeignKey("conversation.id"), nullable=False),
    Column("audience", Whole, ForeignKey("audience.id"), nullable=False),
    Column("since", BigInteger, nullable=False),
    Column("until", BigInteger, nullable=False),
    Column("summary", Text, nullable=False),
    Column("embedder", Text, nullable=False),
    Column("vector", LargeBinary, nullable=False),
    Index("episode_thread", "audience", "conversation", "since"),
    Index("episode_conversation", "conversation"),
    sqlite_autoincrement=True,
)

message = Table(
    "message",
    METADATA,
    Column("id", Whole, primary_key=True),
    Column("conversation", Whole, ForeignKey("conversation.id"), nullable=False),
    Column("sender", Whole, ForeignKey("person.id"), nullable=False),
    Column("sent_at", BigInteger, nullable=False),
    Column("text", Text, nullable=False),
    Column("label", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("source_id", Text, nullable=False),
    Column("words", Integer, nullable=False),
    Column("audience", Whole, ForeignKey("audience.id"), nullable=False),
    Index("message_conversation", "conversation"),
    Index("message_audience", "audience"),
    Index(
        "message_source",
        "conversation",
        "source",
        "source_id",
        unique=True,
        sqlite_where=text("source_id <> ''"),
        postgresql_where=text("source_id <> ''"),
    ),
    sqlite_autoincrement=True,
)

visibility = Table(
    "visibility",
    METADATA,
    Column("owner", Whole, nullable=False),  # copied from `audience_member` and `message`, which have been checked
    Column("message", Whole, nullable=False),
    Column("conversation", Whole, nullable=False),
    Column("sender", Whole, nullable=False),
    Column("sent_at", BigInteger, nullable=False),
    Column("words", Integer, nullable=False),
    PrimaryKeyConstraint("owner", "message"),
    Index("visibility_thread", "owner", "conversation", "sent_at", "message"),
    Index("visibility_time", "owner", "sent_at", "message"),
    Index("visibility_message", "message"),
    sqlite_with_rowid=False,
)

loose = Table(
    "loose",
    METADATA,
    Column("message", Whole, primary_key=True, autoincrement=False),
    Column("audience", Whole, nullable=False),
    Column("conversation", Whole, nullable=False),
    Column("sent_at", BigInteger, nullable=False),
    Index("loose_thread", "audience", "conversation", "sent_at"),
)

placed = Table(
    "placed",
    METADATA,
    Column("message", Whole, primary_key=True, autoincrement=False),
    Column("episode", Whole, ForeignKey("episode.id"), nullable=False),
    Index("placed_episode", "episode"),
)

holding = Table(
    "holding",
    METADATA,
    Column("owner", Whole, ForeignKey("person.id"), primary_key=True),
    Column("messages", BigInteger, nullable=False),
    Column("words", BigInteger, nullable=False),
)

version = Table(
    "version",
    METADATA,
    Column("message", Whole, ForeignKey("message.id"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("text", Text, nullable=False),
    Column("until", BigInteger, nullable=False),
    PrimaryKeyConstraint("message", "number"),
)

receipt = Table(
    "receipt",
    METADATA,
    Column("id", Whole, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("what", Text, nullable=False),
    Column("messages", BigInteger, nullable=False),
    Column("unseen", BigInteger, nullable=False),
    Column("versions", BigInteger, nullable=False),
    Column("episodes", BigInteger, nullable=False),
    Column("digest", String(64), nullable=False),
)
